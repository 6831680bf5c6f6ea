"""What leaves the provider when a server repeats a secret: in every slot of an answer, in every spelling."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from contextlib import suppress

import pytest
from provider_doubles import SimClock
from raw_server import POST, Wire, line, serving
from support.echo_server import CONTENT, SLOTS
from support.spellings import SPELLINGS, found_in

from sequence_sync.errors import SeqsyncError
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter

KEY = "sk/canary+0a1b2c3d-4e5f6a7b"
TOKEN = "gw-token-77aa88bb99cc/dd+ee"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Team": "canary-team"}
SECRETS = (KEY, TOKEN)
STEPS = [{"id": "s1", "type": 1, "variants": [{"id": "v1", "payload": {"subject": "a", "content": "b"}}]}]
CREATED = {"id": "s1", "number": 1, "variants": [{"id": "v1", "stepId": "s1"}]}


def everything(client: SaleshandyClient) -> str:
    """Read, and create a step. Returns all that leaves the provider: values, errors with their chain, tracebacks."""
    shown: list[str] = []

    def keep(error: BaseException) -> None:
        shown.extend(traceback.format_exception(error))
        chain: BaseException | None = error
        while chain is not None:
            shown.extend([repr(chain), str(chain), repr(vars(chain))])
            chain = chain.__cause__ or chain.__context__

    try:
        shown.append(repr(client.steps("abc")))
    except SeqsyncError as error:
        keep(error)
    answer = client.write(POST, lambda: None)
    shown.append(repr(answer))
    try:
        shown.append(repr(client.dialect.created(POST, answer.payload)))
    except ValueError as error:
        keep(error)
    with suppress(SeqsyncError):
        shown.append(repr(client.sequences()))
    return "\n".join(shown)


@pytest.mark.parametrize("slot", SLOTS)
def test_no_answer_error_or_log_contains_a_secret(slot: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = SimClock()
    echo = ""

    def answer(connection: socket.socket, wire: Wire) -> None:
        is_read = wire.requests[-1].startswith("GET")
        body = json.dumps({"message": "Done", "payload": STEPS if is_read else CREATED}).encode()
        connection.sendall(SLOTS[slot](echo, 200 if is_read else 201, body))

    leaks = []
    with serving(answer) as wire, line(wire.port, 5, HEADERS, KEY) as transport:
        client = SaleshandyClient(transport, RateLimiter(clock, max_wait=1), clock, redactor=transport.redactor)
        for spelling, spell in SPELLINGS.items():
            clock.sleep(1000)
            echo = "".join(f"{spell(secret)} " for secret in (*SECRETS, HEADERS["X-Team"]))
            out = everything(client)
            has_words = slot not in CONTENT and HEADERS["X-Team"] in out
            leaks += [(spelling, out)] if found_in(out, SECRETS) or has_words else []
    assert leaks == []
    assert not found_in(caplog.text, SECRETS)
