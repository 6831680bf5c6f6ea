"""A running sandbox for each test file, and a small client for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sequence_sync.sandbox.server import Sandbox

EMAIL = {"payload": {"subject": "Hello", "content": "<p>Hello</p>"}}


class Client:
    """A client with a key, and the calls that most tests begin with."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.http = httpx.Client(base_url=box.url, headers={"x-api-key": "a-key", "accept": "application/json"})

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.http.patch(path, json=body)

    def sequence(self, title: str = "A sequence") -> str:
        answer = self.post("/sequences", {"title": title})
        assert answer.status_code == 201, answer.text
        return answer.json()["payload"]["sequenceId"]

    def step(self, sequence: str, day: int = 1, kind: int = 1, **more: Any) -> dict[str, Any]:
        """Create a step with one variant, and return the payload of the answer."""
        variant = EMAIL if kind == 1 else {"payload": more.pop("payload", {})}
        body = {"type": kind, "absoluteDays": day, "variants": [variant], **more}
        answer = self.post(f"/sequences/{sequence}/steps", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["payload"]

    def steps(self, sequence: str) -> list[dict[str, Any]]:
        return self.get(f"/sequences/{sequence}/steps").json()["payload"]


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    """One sandbox without a rate limit for all tests of a file."""
    with Sandbox(per_minute=0) as box:
        client = Client(box)
        yield client
        client.http.close()


@pytest.fixture
def api(running: Client) -> Iterator[Client]:
    """The running sandbox, with default switches and an empty log before the test."""
    running.box.switch(None)
    running.box.store.log.clear()
    yield running
    running.box.switch(None)
