"""Holds calls back until they may go, so that no call is sent that is known to be refused.

The defaults are the figures that the vendor's support told (T: 20 a minute for each endpoint, 300 in all, for each
key). What the server's headers say replaces them, endpoint by endpoint. Knows nothing of HTTP; time is the clock's.
"""

from __future__ import annotations

import math
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from sequence_sync.errors import WaitExhaustedError
from sequence_sync.provider.base import Clock

LONGEST = 86_400.0  # seconds; a time further away is taken for a mistake and not believed
MILLISECOND = 0.001
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_JAVASCRIPT = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})?(?: \(.*\))?")
_FIRST_EPOCH = 1e8  # a smaller number is a count of seconds from now, not a date
_FIRST_MILLISECONDS = 1e11


class RateLimitInfo(NamedTuple):
    """What the server told. `reset_in` is in seconds and never too early; the reset may lie up to `slack` before it,
    because the server told it in whole seconds."""

    remaining: int | None = None
    reset_in: float | None = None
    limit: int | None = None
    slack: float = 0.0


class _Span(NamedTuple):
    """Seconds from now: at most `latest`, at least `latest - slack`."""

    latest: float
    slack: float


def parse_rate_limit(headers: Mapping[str, str], wall: float) -> RateLimitInfo:
    """The figures in `headers` (names in lower case); `wall` is when the answer came, in seconds since the epoch."""
    reset = _span(headers.get("x-ratelimit-reset", ""), _server_time(headers, wall))
    return RateLimitInfo(
        remaining=_count(headers.get("x-ratelimit-remaining", "")),
        reset_in=reset.latest if reset else None,
        limit=_count(headers.get("x-ratelimit-limit", "")),
        slack=reset.slack if reset else 0.0,
    )


def retry_after(headers: Mapping[str, str], wall: float, *, limited: bool) -> float | None:
    """Seconds that the server asks to wait, or None. An exact reset is believed before a rounded `retry-after`.

    `limited`: the answer is the rate limit. Any other one tells when the window ends too, and asks nothing by it.
    """
    here = _server_time(headers, wall)
    reset = _span(headers.get("x-ratelimit-reset", ""), here)
    after = _span(headers.get("retry-after", ""), here)
    if after is None and not limited:
        return None
    if after is None:
        return reset.latest if reset else None
    if reset is not None and not reset.slack and after.latest - after.slack <= reset.latest <= after.latest:
        return reset.latest
    return after.latest


def _server_time(headers: Mapping[str, str], wall: float) -> _Span:
    """Now, by the server's clock. `date` has whole seconds only, so our own clock serves where the two agree."""
    told = _date(headers.get("date", ""))
    if told is None or -0.5 <= wall - told <= 1.5:
        return _Span(wall, 0.0)
    return _Span(told, 1.0)


def _count(text: str) -> int | None:
    """A number of calls; the smallest where several layers told one each."""
    parts = [part.strip() for part in text.split(",")]
    return min(int(part) for part in parts) if all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts) else None


def _span(text: str, now: _Span) -> _Span | None:
    """Seconds until the time that `text` spells, in whatever way; None where it spells none."""
    text = text.strip()
    if _NUMBER.fullmatch(text) and float(text) < _FIRST_EPOCH:
        # Whole seconds are rounded up by those who count down.
        return _believed(_Span(float(text), 0.0 if "." in text else 1.0))
    when = _date(text)
    if when is None:
        return None
    # A date in whole seconds may have been cut or rounded up, one in milliseconds was most likely cut.
    exact = "." in text or (_NUMBER.fullmatch(text) is not None and float(text) >= _FIRST_MILLISECONDS)
    late, slack = (MILLISECOND, 0.0) if exact else (1.0, 2.0)
    return _believed(_Span(when + late - now.latest, slack + now.slack))


def _believed(span: _Span) -> _Span | None:
    return _Span(max(0.0, span.latest), span.slack) if span.latest <= LONGEST else None


def _date(text: str) -> float | None:
    """Seconds since the epoch: a number, RFC 1123, ISO 8601, or what JavaScript's Date prints."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return (number / 1000 if number >= _FIRST_MILLISECONDS else number) if math.isfinite(number) else None
    if found := _JAVASCRIPT.fullmatch(text):
        return _parsed(lambda: datetime.strptime(f"{found[1]} {found[2] or '+0000'}", "%b %d %Y %H:%M:%S %z"))
    return _parsed(lambda: datetime.fromisoformat(text)) or _parsed(lambda: parsedate_to_datetime(text))


def _parsed(read: Callable[[], datetime]) -> float | None:
    try:
        moment = read()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


FIRST_PAUSE = 5.0  # seconds after a refusal that does not say how long; doubled with each further one
LONGEST_PAUSE = 60.0
SHORTEST_PAUSE = 0.05  # seconds after a refusal that says "now"; doubled likewise, or it would be a tight loop
POLL = 0.02  # seconds between two looks at whether another thread's call has been answered
MARGIN = 0.001  # seconds past the edge of a window, so that rounding never lands before it
WORTH_TELLING = 0.5  # seconds; a shorter wait is not told
SAME_WINDOW = 0.25  # seconds by which two answers may differ about one window's end


@dataclass(slots=True)
class _Log:
    """A sliding window of calls. A call counts from its start until `window` after its answer: when between the two
    the server counted it is not known."""

    most: int
    window: float
    in_flight: int = 0
    times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0: now."""
        self._forget(now)
        over = len(self.times) + self.in_flight - self.most
        if over < 0:
            return 0.0
        return self.times[over] + self.window - now if over < len(self.times) else POLL

    def finish(self, now: float, counted: bool) -> None:
        """A call has ended."""
        self.in_flight -= 1
        self._forget(now)
        if counted:
            self.times.append(now)

    def _forget(self, now: float) -> None:
        while self.times and self.times[0] + self.window <= now:
            self.times.popleft()


@dataclass(slots=True)
class _Endpoint:
    """What is known of one endpoint's limit.

    `told` is the smallest number of calls left that the server named in the window which ends at `reset_at`; whatever
    is in flight may or may not be in it, so it counts against it. When a window has ended one call goes alone
    (`probing`), and its answer tells the new figures. `opened` is when the first answer of the window came;
    `counting` says that our own count from there may tell its end to the second.
    """

    log: _Log
    told: int | None = None
    reset_at: float = math.inf
    opened: float | None = None
    probing: bool = False
    highest: int = 0
    believed: bool = True
    counting: bool = True
    blocked_until: float = -math.inf
    refusals: int = 0

    def wait(self, now: float) -> float:
        """Seconds until one more may go; 0: now."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if self.told is not None and now >= self.reset_at:
            self._probe()
        if self.told is None:
            return self.log.wait(now)
        if self.told > self.log.in_flight:
            return 0.0 if self.believed else self.log.wait(now)
        return self.reset_at - now if self.told == 0 else POLL

    def unanswered(self) -> None:
        """A call was sent and no answer told anything: it may have counted."""
        if self.told is not None and not self.probing:
            self.told = max(0, self.told - 1)

    def answered(self, rate: RateLimitInfo, now: float) -> int:
        """Takes in what an answer told. Gives the calls of a whole window where it shows them, else 0."""
        self.refusals = 0
        self.opened = now if self.opened is None else self.opened
        if rate.remaining is None:
            self.told = None if self.probing or self.told is None else max(0, self.told - 1)
            self.probing = False
            return 0
        whole = rate.remaining + 1 if self.probing and rate.remaining >= self.highest else 0
        self.highest = max(self.highest, rate.remaining)
        self._believe(rate.remaining, self._end(rate, now), max(SAME_WINDOW, rate.slack))
        return whole

    def refused(self, rate: RateLimitInfo, wait: float | None, now: float) -> None:
        """A call was refused; nothing goes before the server, or patience, allows it. Then one goes alone."""
        if self.told and rate.remaining:
            self.believed = False  # it names another limit than the one it keeps
        self.counting = False
        if now >= self.blocked_until:
            self.refusals += 1
        doubled = 2.0 ** (self.refusals - 1)
        if wait is None:
            wait = min(FIRST_PAUSE * doubled, LONGEST_PAUSE) if now >= self.blocked_until else 0.0
        pause = max(wait, min(SHORTEST_PAUSE * doubled, LONGEST_PAUSE))
        self.blocked_until = max(self.blocked_until, now + pause)
        self._probe()

    def _probe(self) -> None:
        self.told, self.reset_at, self.opened, self.probing = 1, math.inf, None, True

    def _believe(self, remaining: int, end: float, tolerance: float) -> None:
        if self.told is None or self.probing or end > self.reset_at + tolerance:
            self.told, self.reset_at, self.probing = remaining, end, False
        elif end >= self.reset_at - tolerance:
            self.told = min(self.told, remaining)
            self.reset_at = max(self.reset_at, end) if remaining == 0 else self.reset_at

    def _end(self, rate: RateLimitInfo, now: float) -> float:
        """When the window ends. Where only whole seconds were told, our own count finds the place inside them."""
        counted = (now if self.opened is None else self.opened) + self.log.window
        if rate.reset_in is None:
            return counted
        latest = now + rate.reset_in
        return counted if self.counting and latest - rate.slack <= counted <= latest else latest


class RateLimiter:
    """Shared by all threads of a command. `window` and `max_wait` are in seconds; `max_wait` 0 means no bound.

    After each `acquire` exactly one of `learn` and `release` follows. `notify(seconds, endpoint)` is told of each wait
    that is worth telling, before it begins.
    """

    def __init__(
        self,
        clock: Clock,
        per_endpoint: int = 20,
        in_all: int = 300,
        window: float = 60.0,
        max_wait: float = 0.0,
        notify: Callable[[float, str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._per_endpoint = per_endpoint
        self._window = window
        self._max_wait = max_wait
        self._notify = notify
        self._lock = threading.Lock()
        self._endpoints: dict[str, _Endpoint] = {}
        self._all = _Log(in_all, window)
        self._waited = 0.0
        self._counted_until = -math.inf

    def acquire(self, endpoint: str) -> None:
        """Wait until a call to `endpoint` may go, and count it as in flight.

        Raises WaitExhaustedError before a wait that `max_wait` does not allow, and whatever the clock's sleep raises.
        """
        while True:
            with self._lock:
                now = self._clock.now()
                row = self._endpoint(endpoint)
                seconds = max(row.wait(now), self._all.wait(now))
                if seconds <= 0:
                    row.log.in_flight += 1
                    self._all.in_flight += 1
                    return
                seconds = seconds if seconds <= POLL else seconds + MARGIN
                longer = self._charge(now, seconds, endpoint) if seconds > POLL else 0.0
            if self._notify and longer >= WORTH_TELLING:
                self._notify(seconds, endpoint)
            self._clock.sleep(seconds)

    def learn(self, endpoint: str, rate: RateLimitInfo, *, refused: bool = False, wait: float | None = None) -> None:
        """Take in an answer. `refused`: it was the rate limit; `wait`: seconds that the server asked for, if any."""
        with self._lock:
            now = self._clock.now()
            row = self._endpoint(endpoint)
            row.log.finish(now, counted=not refused)
            self._all.finish(now, counted=not refused)
            if refused:
                row.refused(rate, wait, now)
                return
            whole = row.answered(rate, now)
            most = max((rate.remaining or 0) + 1, self._all.most)  # what is left, and the call that told it
            if whole and rate.reset_in:
                # A whole window shows a pace; a total below what one endpoint alone allows cannot be right.
                most = max(most, int(whole * self._window / rate.reset_in))
            self._all.most = most

    def release(self, endpoint: str, *, sent: bool) -> None:
        """A call ended without an answer. `sent`: it may have reached the server."""
        with self._lock:
            now = self._clock.now()
            row = self._endpoint(endpoint)
            row.log.finish(now, counted=sent)
            self._all.finish(now, counted=sent)
            if sent:
                row.unanswered()

    def _endpoint(self, name: str) -> _Endpoint:
        if name not in self._endpoints:
            self._endpoints[name] = _Endpoint(_Log(self._per_endpoint, self._window))
        return self._endpoints[name]

    def _charge(self, now: float, seconds: float, endpoint: str) -> float:
        """Counts a wait, as time that passes for the command: what several threads wait together counts once."""
        until = now + seconds
        longer = until - max(now, self._counted_until)
        if longer <= 0:
            return 0.0
        if self._max_wait and self._waited + longer > self._max_wait:
            raise WaitExhaustedError(
                "The rate limit would keep this command waiting longer than it may.",
                f"{endpoint} has to wait {seconds:.0f} s more; {self._waited:.0f} s were waited already, and "
                f"`max_wait` is {self._max_wait:.0f} s.",
                "Run the same command again later, or raise `max_wait` in seqsync.yaml (0: no bound).",
            )
        self._waited += longer
        self._counted_until = until
        return longer
