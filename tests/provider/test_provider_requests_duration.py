"""The estimate of how long calls take at the rate limit."""

from __future__ import annotations

import pytest

from sequence_sync.plan.model import Call
from sequence_sync.provider.requests import SALESHANDY


def calls(count: int, method: str = "POST", path: str = "/sequences/{id}/steps") -> list[Call]:
    """Return `count` calls of one endpoint, for different sequences."""
    return [Call(method=method, path=path.replace("{id}", f"id{n}"), body={}) for n in range(count)]


@pytest.mark.parametrize(
    ("made", "minutes"),
    [
        (calls(20), 0),
        (calls(21), 1),
        (calls(40), 1),
        (calls(41), 2),
        (calls(20) + calls(20, "PATCH", "/sequences/{id}/steps/{id}/variants/{id}"), 0),
        ([call for n in range(16) for call in calls(20, f"M{n}")], 1),
    ],
)
def test_twenty_calls_of_an_endpoint_do_not_wait(made: list[Call], minutes: int) -> None:
    """Different ids are one endpoint, and 300 calls are the limit of all endpoints."""
    assert minutes * 60 < SALESHANDY.duration(made) < minutes * 60 + 10


def test_no_calls_take_no_time() -> None:
    assert SALESHANDY.duration([]) == 0
