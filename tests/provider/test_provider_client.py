"""The client: pages, retries of reads, and writes that are sent once."""

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


def test_sequences_are_read_from_all_pages() -> None:
    api, transport, _ = client(page(0, PAGE_SIZE), page(PAGE_SIZE - 1, PAGE_SIZE), page(1999, 3))
    assert [row.id for row in api.sequences()] == [f"s{n}" for n in range(2002)]
    assert [request.params["page"] for request in transport.sent] == ["1", "2", "3"]
    assert {request.params["pageSize"] for request in transport.sent} == {"1000"}


def test_a_page_without_new_sequences_ends_the_list() -> None:
    api, transport, _ = client(page(0, PAGE_SIZE), page(0, PAGE_SIZE))
    assert len(api.sequences()) == PAGE_SIZE
    assert len(transport.sent) == 2


def test_a_page_of_the_default_length_is_not_the_last_one() -> None:
    api, _, _ = client(page(0, 100), page(100, 100), page(200, 7))
    assert len(api.sequences()) == 207


def test_steps_and_variants_are_read_by_quoted_ids() -> None:
    steps = [{"id": "a", "type": 1, "absoluteDays": 3, "variants": [{"id": "v", "payload": {"subject": "Hi"}}]}]
    api, transport, _ = client(enveloped(steps), Reply(200, {}, b'[{"id": "v", "payload": {}, "taskNote": "n"}]'))
    assert [(step.id, step.day) for step in api.steps("x/y") or []] == [("a", 3)]
    assert [row.task_note for row in api.variants("x", "a") or []] == ["n"]
    assert [request.path for request in transport.sent] == ["/sequences/x%2Fy/steps", "/sequences/x/steps/a"]


@pytest.mark.parametrize(
    "gone", [Reply(404, {}, b""), Reply(400, {}, b'{"code": 40100, "message": "Sequence not found"}')]
)
def test_a_missing_sequence_has_no_steps_and_a_missing_list_is_an_error(gone: Reply) -> None:
    api, _, _ = client(gone, gone, gone)
    assert api.steps("x") is None
    assert api.variants("x", "y") is None
    with pytest.raises(ReadFailedError, match="api_url"):
        api.sequences()


@pytest.mark.parametrize("fault", [LOST, DOWN, BROKEN, HTML, ODD, Reply(200, {}, b'{"payl'), Reply(200, {}, b"")])
def test_a_read_is_retried_after_faults_with_longer_pauses(fault: Reply | Exception) -> None:
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
def test_a_read_that_always_fails_ends_in_bounded_time_with_the_last_answer(
    fault: Reply | Exception, kind: AnswerKind
) -> None:
    api, transport, clock = client(*[fault] * 9)
    with pytest.raises(ReadFailedError, match=f"tried {READ_RETRIES[kind].tries} times") as caught:
        api.steps("x")
    assert caught.value.answer.kind is kind
    assert caught.value.exit_code == 1
    assert len(transport.sent) == READ_RETRIES[kind].tries
    assert clock.now() < 60


def test_a_read_is_retried_after_the_time_that_a_503_asks_for() -> None:
    api, _, clock = client(Reply(503, {"retry-after": "17"}, b""), EMPTY)
    assert api.steps("x") == []
    assert clock.now() == pytest.approx(17)


def test_each_wait_before_a_retry_is_announced_with_its_reason() -> None:
    clock, announced = SimClock(), []
    transport = ScriptedTransport(NeverConnectedError("no connection: refused"), Reply(503, {}, b""), page(0, 1))
    api = SaleshandyClient(transport, RateLimiter(clock), clock, lambda *wait: announced.append(wait))
    api.sequences()
    assert [seconds for seconds, _ in announced] == [0.5, 2.0]
    assert announced[0][1] == "Reading from Saleshandy failed: no connection: refused. Trying again in 0.5 s."
    assert announced[1][1].endswith("Trying again in 2 s.")


def test_refusals_by_the_rate_limit_are_not_counted_as_failures() -> None:
    api, transport, clock = client(*[LIMITED] * 12, BROKEN, BROKEN, BROKEN, BROKEN, EMPTY)
    assert api.steps("x") == []
    assert len(transport.sent) == 17
    assert clock.now() > 5 + 10 + 20 + 40 + 8 * 60


def test_a_read_ends_when_max_wait_is_used_up() -> None:
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
def test_a_refused_key_is_not_tried_again(refusal: Reply, words: str) -> None:
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
def test_a_write_is_sent_once_and_its_outcome_is_returned_not_raised(step: Reply | Exception, kind: AnswerKind) -> None:
    api, transport, clock = client(step)
    assert api.write(CREATE, lambda: None).kind is kind
    assert len(transport.sent) == 1
    assert clock.slept == []


def test_before_is_called_after_the_wait_and_directly_before_sending() -> None:
    api, transport, clock = client(*[EMPTY] * 21)
    seen: list[tuple[float, int]] = []
    for _ in range(21):
        api.write(CREATE, lambda: seen.append((clock.now(), len(transport.sent))))
    assert seen[:20] == [(0.0, n) for n in range(20)]
    assert seen[20] == (pytest.approx(60, abs=0.01), 20)


@pytest.mark.parametrize("error", [OSError("disk full"), StoppedError(), KeyboardInterrupt()])
def test_nothing_is_sent_or_counted_if_before_fails(error: BaseException) -> None:
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


def test_a_crash_of_the_transport_ends_the_call_in_flight() -> None:
    api, _, clock = client(*[RuntimeError("odd")] * 20, EMPTY)
    for _ in range(20):
        with pytest.raises(RuntimeError):
            api.write(CREATE, lambda: None)
    assert api.write(CREATE, lambda: None).kind is AnswerKind.OK
    assert clock.now() == pytest.approx(60, abs=0.01)


def test_a_stop_ends_the_wait_for_a_retry() -> None:

    class Stopping(SimClock):
        def sleep(self, seconds: float) -> None:
            raise StoppedError

    clock = Stopping()
    api = SaleshandyClient(ScriptedTransport(BROKEN), RateLimiter(clock), clock)
    with pytest.raises(StoppedError):
        api.steps("x")


def test_get_and_post_on_one_path_are_two_endpoints() -> None:
    api, _, clock = client(*[EMPTY] * 40)
    for _ in range(20):
        api.write(CREATE, lambda: None)
        api.steps("abc")
    assert clock.slept == []
