"""The Saleshandy client: waits for the rate limit, sends, and classifies the answer. Retries reads, never a write.

Knows nothing of the journal. Takes the time from a clock that a test can simulate.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sequence_sync.provider import requests
from sequence_sync.provider.base import (
    Announce,
    Answer,
    AnswerKind,
    Clock,
    Dialect,
    NeverConnectedError,
    NoAnswerError,
    NotSentError,
    Provider,
    ReadFailedError,
    RemoteSequence,
    RemoteStep,
    RemoteVariant,
    Request,
    StoppedError,
    Transport,
    account_error,
    silent,
)
from sequence_sync.provider.rate_limit import RateLimiter, parse_rate_limit
from sequence_sync.provider.redact import Redactor
from sequence_sync.provider.responses import NO_SECRETS, classify, parse_sequences, parse_steps, parse_variants, plain

T = TypeVar("T")
SHORT_PAGE = 100  # D: the page size where none is asked for; a page of just this length may mean that ours was ignored


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a read is sent after answers of one kind, and how long it waits before the next try.

    `tries` None: as long as the rate limiter allows it. `gap` is in seconds, twice as long each time, up to `longest`.
    """

    tries: int | None
    gap: float
    longest: float

    def pause(self, failures: int, asked: float | None) -> float:
        """Return the seconds to wait after that many failures. `asked` is what the server asks for."""
        if self.tries is None:
            return 0.0
        return max(min(asked or 0.0, LONGEST_ASKED), min(self.gap * 2.0 ** (failures - 1), self.longest))


# A read is not retried after any other kind.
READ_RETRIES: Mapping[AnswerKind, RetryPolicy] = {
    AnswerKind.RATE_LIMITED: RetryPolicy(None, 0.0, 0.0),  # the rate limiter knows how long
    AnswerKind.NEVER_CONNECTED: RetryPolicy(5, 0.5, 8.0),
    AnswerKind.NO_ANSWER: RetryPolicy(4, 1.0, 8.0),
    AnswerKind.FAILED: RetryPolicy(5, 1.0, 8.0),
    AnswerKind.UNREADABLE: RetryPolicy(4, 1.0, 8.0),
    AnswerKind.REFUSED: RetryPolicy(
        2, 1.0, 1.0
    ),  # "4000 Failed to fetch ..." is a fault of the server, reported as a 400
}
LONGEST_ASKED = 60.0  # seconds that a failing server may ask a read to wait


class SaleshandyClient:
    """Implements `provider.base.Provider` for Saleshandy. May be shared by threads."""

    dialect: Dialect = requests.SALESHANDY

    def __init__(
        self,
        transport: Transport,
        limiter: RateLimiter,
        clock: Clock,
        announce: Announce = silent,
        redactor: Redactor = NO_SECRETS,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._clock = clock
        self._announce = announce
        self._redactor = redactor

    def sequences(self) -> list[RemoteSequence]:
        """Read all pages of the list. Raises ReadFailedError, AccountError, WaitExhaustedError."""
        found: dict[str, RemoteSequence] = {}
        page = 0
        while True:
            page += 1
            request = requests.list_sequences(page)
            rows = self._read(request, parse_sequences)
            if rows is None:
                raise ReadFailedError(
                    "GET /sequences does not exist at this address.",
                    Answer(AnswerKind.MISSING),
                    "Check `api_url` in seqsync.yaml.",
                )
            new = {row.id: row for row in rows if row.id not in found}
            found |= new
            if not new or (len(rows) < requests.PAGE_SIZE and len(rows) != SHORT_PAGE):
                return list(found.values())

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See `Provider`."""
        return self._read(requests.list_steps(sequence_id), parse_steps)

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """See `Provider`."""
        return self._read(requests.step_variants(sequence_id, step_id), parse_variants)

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """See `Provider`. Raises what `before` raises, and WaitExhaustedError."""
        return self._send(request, before)

    def _send(self, request: Request, before: Callable[[], None] | None = None) -> Answer:
        endpoint = f"{request.method} {request.endpoint}"
        self._limiter.acquire(endpoint)
        sent = False
        try:
            if before:
                before()
            sent = True
            reply = self._transport.send(request)
        except NeverConnectedError as error:
            self._limiter.release(endpoint, sent=False)
            return Answer(AnswerKind.NEVER_CONNECTED, message=plain(str(error)))
        except NotSentError as error:
            self._limiter.release(endpoint, sent=False)
            return Answer(AnswerKind.INVALID, message=str(error))
        except NoAnswerError as error:
            self._limiter.release(endpoint, sent=True)
            return Answer(AnswerKind.NO_ANSWER, message=plain(str(error)))
        except BaseException:
            self._limiter.release(endpoint, sent=sent)
            raise
        wall = self._clock.wall()
        answer = classify(reply, wall, self._redactor)
        refused = answer.kind is AnswerKind.RATE_LIMITED
        self._limiter.update(endpoint, parse_rate_limit(reply.headers, wall), refused=refused, wait=answer.wait)
        return answer

    def _read(self, request: Request, parse: Callable[[Any], T]) -> T | None:
        """Return the parsed answer to a GET, or None where the object does not exist.

        Repeats by READ_RETRIES, and announces each wait. A refusal by the rate limit does not count as a failure.
        """
        failures = 0
        while True:
            answer, parsed = self._attempt(request, parse)
            if answer.kind is AnswerKind.OK:
                return parsed
            if answer.kind is AnswerKind.MISSING:
                return None
            if answer.kind in (AnswerKind.BAD_KEY, AnswerKind.FORBIDDEN):
                raise account_error(answer)
            failures += answer.kind is not AnswerKind.RATE_LIMITED
            policy = READ_RETRIES.get(answer.kind)
            if policy is None or (policy.tries is not None and failures >= policy.tries):
                raise ReadFailedError(
                    f"{request.method} {request.endpoint}: {answer.message} ({_times(failures)}).",
                    answer,
                    _what_to_do(answer),
                )
            pause = policy.pause(failures, answer.wait)
            if pause:  # without one, the rate limiter waits, and announces it
                self._announce(pause, f"Reading from Saleshandy failed: {answer.message}. Trying again in {pause:g} s.")
            self._clock.sleep(pause)

    def _attempt(self, request: Request, parse: Callable[[Any], T]) -> tuple[Answer, T | None]:
        answer = self._send(request)
        if answer.kind is not AnswerKind.OK:
            return answer, None
        try:
            return answer, parse(answer.payload)
        except ValueError as error:
            return Answer(AnswerKind.UNREADABLE, answer.status, message=plain(str(error))), None


def _times(count: int) -> str:
    return "tried once" if count == 1 else f"tried {count} times"


def _what_to_do(answer: Answer) -> str:
    if answer.kind in (AnswerKind.REFUSED, AnswerKind.INVALID, AnswerKind.MISSING):
        return "The API rejects this request. Check key, environment and `api_url`, then run the command again."
    return "Check the network and the status of the API, then run the same command again."


POLL = 0.1  # seconds; an endless wait would block signals


class InterruptibleReads:
    """A provider whose reads raise StoppedError as soon as `stop` is set, and drop the result of an abandoned read."""

    def __init__(self, api: Provider, stop: threading.Event) -> None:
        self._api, self._stop = api, stop
        self.dialect = api.dialect

    def sequences(self) -> list[RemoteSequence]:
        """See `Provider`."""
        return self._interruptible(lambda: self._api.sequences())

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See `Provider`."""
        return self._interruptible(lambda: self._api.steps(sequence_id))

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """See `Provider`."""
        return self._interruptible(lambda: self._api.variants(sequence_id, step_id))

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """See `Provider`."""
        return self._api.write(request, before)

    def _interruptible(self, read: Callable[[], T]) -> T:
        found: list[T] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                found.append(read())
            except BaseException as error:  # raised again in the caller's thread
                failed.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            if self._stop.is_set():
                raise StoppedError
            thread.join(POLL)
        if failed:
            raise failed[0]
        return found[0]
