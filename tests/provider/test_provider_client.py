"""The client: pages, retries of reads, a single try of writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_doubles import ScriptedTransport, SimClock

from sequence_sync.errors import AccountError, WaitExhaustedError
from sequence_sync.provider.base import (
    AnswerKind,
    NeverConnectedError,
    NoAnswerError,
    ReadFailedError,
    Reply,
    StoppedError,
)
from sequence_sync.provider.client import READ_RETRIES, SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter
from sequence_sync.provider.requests import PAGE_SIZE, request_of

CREATE = request_of("POST", "/sequences/abc/steps", {"type": 1})
LIMITED = Reply(400, {}, b'{"code": 40000, "message": "Rate Limit exceeded"}')
BROKEN = Reply(502, {}, b"<html>Bad Gateway</html>")
HTML = Reply(200, {}, b"<html>Welcome</html>")
ODD = Reply(200, {}, b'{"payload": {"no": "list"}}')
LOST = NoAnswerError("no complete answer: timeout")
DOWN = NeverConnectedError("no connection: refused")
EMPTY = Reply(200, {}, b'{"message": "ok", "payload": []}')


def enveloped(payload: Any) -> Reply:
    return Reply(200, {}, json.dumps({"message": "ok", "payload": payload}).encode())


def page(start: int, count: int) -> Reply:
    return enveloped(
        [{"id": f"s{n}", "title": f"T{n}", "active": False, "steps": []} for n in range(start, start + count)]
    )


def client(*script: Reply | Exception, max_wait: float = 0) -> tuple[SaleshandyClient, ScriptedTransport, SimClock]:
    clock = SimClock()
    transport = ScriptedTransport(*script)
    return SaleshandyClient(transport, RateLimiter(clock, max_wait=max_wait), clock), transport, clock


def test_reads_all_pages() -> None:
    """Pages are read until one is short, each sequence coming once."""
    api, transport, _ = client(page(0, PAGE_SIZE), page(PAGE_SIZE - 1, PAGE_SIZE), page(1999, 3))
    assert [row.id for row in api.sequences()] == [f"s{n}" for n in range(2002)]
    assert [request.params["page"] for request in transport.sent] == ["1", "2", "3"]
    assert {request.params["pageSize"] for request in transport.sent} == {"1000"}


def test_a_server_that_ignores_pages_is_read_once_more() -> None:
    """A page that brings nothing new ends the list, however long it is."""
    api, transport, _ = client(page(0, PAGE_SIZE), page(0, PAGE_SIZE))
    assert len(api.sequences()) == PAGE_SIZE
    assert len(transport.sent) == 2


def test_a_server_that_ignores_the_page_size_loses_nothing() -> None:
    """A page of the default length may not be the last one."""
    api, _, _ = client(page(0, 100), page(100, 100), page(200, 7))
    assert len(api.sequences()) == 207


def test_reads_steps_and_variants() -> None:
    """Steps and variants come as values."""
    steps = [{"id": "a", "type": 1, "absoluteDays": 3, "variants": [{"id": "v", "payload": {"subject": "Hi"}}]}]
    api, transport, _ = client(enveloped(steps), Reply(200, {}, b'[{"id": "v", "payload": {}, "taskNote": "n"}]'))
    assert [(step.id, step.day) for step in api.steps("x/y") or []] == [("a", 3)]
    assert [row.task_note for row in api.variants("x", "a") or []] == ["n"]
    assert [request.path for request in transport.sent] == ["/sequences/x%2Fy/steps", "/sequences/x/steps/a"]


@pytest.mark.parametrize(
    "gone", [Reply(404, {}, b""), Reply(400, {}, b'{"code": 40100, "message": "Sequence not found"}')]
)
def test_tells_what_is_not_there(gone: Reply) -> None:
    """A sequence that is not there has no steps, but a list that is not there is a failure."""
    api, _, _ = client(gone, gone, gone)
    assert api.steps("x") is None
    assert api.variants("x", "y") is None
    with pytest.raises(ReadFailedError, match="api_url"):
        api.sequences()


@pytest.mark.parametrize("fault", [LOST, DOWN, BROKEN, HTML, ODD, Reply(200, {}, b'{"payl'), Reply(200, {}, b"")])
def test_reads_again_after_a_fault(fault: Reply | Exception) -> None:
    """A read survives two faults of the line or of the server, pausing longer each time."""
    api, transport, clock = client(fault, fault, EMPTY)
    assert api.steps("x") == []
    assert len(transport.sent) == 3
    assert clock.slept[1] == 2 * clock.slept[0] > 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (LOST, AnswerKind.NO_ANSWER),
        (DOWN, AnswerKind.NEVER_CONNECTED),
        (BROKEN, AnswerKind.FAILED),
        (HTML, AnswerKind.UNREADABLE),
        (Reply(400, {}, b'{"code": 4000, "message": "Failed to fetch"}'), AnswerKind.REFUSED),
    ],
)
def test_gives_up_in_the_end(fault: Reply | Exception, kind: AnswerKind) -> None:
    """A read that fails for good says so, in bounded time, with the last answer."""
    api, transport, clock = client(*[fault] * 9)
    with pytest.raises(ReadFailedError, match=f"tried {READ_RETRIES[kind].tries} times") as caught:
        api.steps("x")
    assert caught.value.answer.kind is kind
    assert caught.value.exit_code == 1
    assert len(transport.sent) == READ_RETRIES[kind].tries
    assert clock.now() < 60


def test_a_failing_server_is_given_the_time_it_asks_for() -> None:
    """A 503 with a time is asked again after that time."""
    api, _, clock = client(Reply(503, {"retry-after": "17"}, b""), EMPTY)
    assert api.steps("x") == []
    assert clock.now() == pytest.approx(17)


def test_reads_wait_out_the_limit() -> None:
    """However often a read is refused by the rate limit, it goes on, and that counts as no failure."""
    api, transport, clock = client(*[LIMITED] * 12, BROKEN, BROKEN, BROKEN, BROKEN, EMPTY)
    assert api.steps("x") == []
    assert len(transport.sent) == 17
    assert clock.now() > 5 + 10 + 20 + 40 + 8 * 60


def test_the_budget_ends_the_waiting() -> None:
    """A read that the rate limit holds up ends when the command may not wait longer."""
    api, transport, clock = client(*[LIMITED] * 12, max_wait=100)
    with pytest.raises(WaitExhaustedError):
        api.steps("x")
    assert len(transport.sent) == 5
    assert clock.now() <= 100


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Reply(400, {}, b'{"code": 1001, "message": "Invalid token"}'), "refused the API key"),
        (Reply(403, {}, b'{"code": 4003, "message": "Missing permission"}'), "has no permission"),
    ],
)
def test_a_refused_key_ends_it_at_once(refusal: Reply, words: str) -> None:
    """Nothing is tried again with a key that is refused."""
    api, transport, _ = client(refusal)
    with pytest.raises(AccountError, match=words):
        api.sequences()
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (LOST, AnswerKind.NO_ANSWER),
        (DOWN, AnswerKind.NEVER_CONNECTED),
        (BROKEN, AnswerKind.FAILED),
        (LIMITED, AnswerKind.RATE_LIMITED),
        (HTML, AnswerKind.UNREADABLE),
        (Reply(400, {}, b'{"code": 1001, "message": "Invalid token"}'), AnswerKind.BAD_KEY),
    ],
)
def test_writes_once(step: Reply | Exception, kind: AnswerKind) -> None:
    """A write is sent once whatever comes of it, and what came of it is told, not raised."""
    api, transport, clock = client(step)
    assert api.write(CREATE, lambda: None).kind is kind
    assert len(transport.sent) == 1
    assert clock.slept == []


def test_before_comes_after_the_wait_and_before_the_wire() -> None:
    """What must be written down is written when the call's turn has come, directly before it is sent."""
    api, transport, clock = client(*[EMPTY] * 21)
    seen: list[tuple[float, int]] = []
    for _ in range(21):
        api.write(CREATE, lambda: seen.append((clock.now(), len(transport.sent))))
    assert seen[:20] == [(0.0, n) for n in range(20)]
    assert seen[20] == (pytest.approx(60, abs=0.01), 20)


@pytest.mark.parametrize("error", [OSError("disk full"), StoppedError(), KeyboardInterrupt()])
def test_nothing_is_sent_where_before_fails(error: BaseException) -> None:
    """Where the intent cannot be written the call is not made, and takes nothing from the limit."""
    api, transport, clock = client(*[EMPTY] * 20)

    def fail() -> None:
        raise error

    for _ in range(25):
        with pytest.raises(type(error)):
            api.write(CREATE, fail)
    assert transport.sent == []
    for _ in range(20):
        api.write(CREATE, lambda: None)
    assert clock.slept == []


def test_a_crash_of_the_transport_frees_its_place() -> None:
    """A call that ends in an unforeseen way is in flight no longer."""
    api, _, clock = client(*[RuntimeError("odd")] * 20, EMPTY)
    for _ in range(20):
        with pytest.raises(RuntimeError):
            api.write(CREATE, lambda: None)
    assert api.write(CREATE, lambda: None).kind is AnswerKind.OK
    assert clock.now() == pytest.approx(60, abs=0.01)


def test_a_stop_ends_a_retry() -> None:
    """A read that is waiting for its next try ends when the run is stopped."""

    class Stopping(SimClock):
        def sleep(self, seconds: float) -> None:
            raise StoppedError

    clock = Stopping()
    api = SaleshandyClient(ScriptedTransport(BROKEN), RateLimiter(clock), clock)
    with pytest.raises(StoppedError):
        api.steps("x")


def test_reads_and_writes_have_limits_of_their_own() -> None:
    """GET and POST on one path are two endpoints."""
    api, _, clock = client(*[EMPTY] * 40)
    for _ in range(20):
        api.write(CREATE, lambda: None)
        api.steps("abc")
    assert clock.slept == []
