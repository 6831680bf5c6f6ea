"""The rate limiter: delays calls so that none is sent that the server would refuse.

The defaults are from the vendor's support (T: 20 a minute for each endpoint, 300 in all, for each key). The server's
headers replace them, endpoint by endpoint. Knows nothing of HTTP, and takes the time from a clock.
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

LONGEST = 86_400.0  # seconds; a longer time is an error of the server and is ignored
MILLISECOND = 0.001
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_JAVASCRIPT = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})?(?: \(.*\))?")
_FIRST_EPOCH = 1e8  # a smaller number is a count of seconds from now, not a date
_FIRST_MILLISECONDS = 1e11


class RateLimitInfo(NamedTuple):
    """The rate limit as the headers of an answer state it.

    `reset_in` is in seconds and never too early. The reset may be up to `slack` seconds earlier, because the server
    rounds it to whole seconds.
    """

    remaining: int | None = None
    reset_in: float | None = None
    limit: int | None = None
    slack: float = 0.0


class _Span(NamedTuple):
    """A time from now, in seconds: at most `latest`, at least `latest - slack`."""

    latest: float
    slack: float


def parse_rate_limit(headers: Mapping[str, str], wall: float) -> RateLimitInfo:
    """Parse `headers` (lowercase names). `wall` is the local time of the answer, in seconds since the epoch."""
    reset = _span(headers.get("x-ratelimit-reset", ""), _server_time(headers, wall))
    return RateLimitInfo(
        remaining=_count(headers.get("x-ratelimit-remaining", "")),
        reset_in=reset.latest if reset else None,
        limit=_count(headers.get("x-ratelimit-limit", "")),
        slack=reset.slack if reset else 0.0,
    )


def retry_after(headers: Mapping[str, str], wall: float, *, limited: bool) -> float | None:
    """Return the seconds that the server asks to wait, or None. An exact reset overrides a rounded `retry-after`.

    `limited`: the answer is a refusal by the rate limit. Other answers contain the reset too, without asking to wait.
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
    """Return the server's time. `date` has whole seconds only, so the local clock is used where the two agree."""
    date = _date(headers.get("date", ""))
    if date is None or -0.5 <= wall - date <= 1.5:
        return _Span(wall, 0.0)
    return _Span(date, 1.0)


def _count(text: str) -> int | None:
    """Parse a number of calls. Where several gateways add one each, the smallest counts."""
    parts = [part.strip() for part in text.split(",")]
    return min(int(part) for part in parts) if all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts) else None


def _span(text: str, now: _Span) -> _Span | None:
    """Return the seconds until the time in `text`, in any format, or None."""
    text = text.strip()
    if _NUMBER.fullmatch(text) and float(text) < _FIRST_EPOCH:
        # Servers that count down round up to whole seconds.
        return _believed(_Span(float(text), 0.0 if "." in text else 1.0))
    when = _date(text)
    if when is None:
        return None
    # A date in whole seconds may be truncated or rounded up. One in milliseconds is most likely truncated.
    exact = "." in text or (_NUMBER.fullmatch(text) is not None and float(text) >= _FIRST_MILLISECONDS)
    late, slack = (MILLISECOND, 0.0) if exact else (1.0, 2.0)
    return _believed(_Span(when + late - now.latest, slack + now.slack))


def _believed(span: _Span) -> _Span | None:
    return _Span(max(0.0, span.latest), span.slack) if span.latest <= LONGEST else None


def _date(text: str) -> float | None:
    """Parse seconds since the epoch: a number, RFC 1123, ISO 8601, or JavaScript's Date as text."""
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


FIRST_PAUSE = 5.0  # seconds after a refusal without a time; doubled with each further refusal
LONGEST_PAUSE = 60.0
SHORTEST_PAUSE = 0.05  # seconds after a refusal that asks for no wait; doubled too, against a tight loop
POLL = 0.02  # seconds between two checks whether another thread's call has its answer
MARGIN = 0.001  # seconds after the end of a window, so that rounding never ends before it
SHORTEST_NOTICE = 0.5  # seconds; a shorter wait is not announced
SAME_WINDOW = 0.25  # seconds by which two answers may differ on the end of one window


@dataclass(slots=True)
class _Log:
    """A sliding window of calls. A call counts from its start until `window` seconds after its answer, because the
    server may count it at any time in between."""

    most: int
    window: float
    in_flight: int = 0
    times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Return the seconds until one more call may be sent."""
        self._forget(now)
        over = len(self.times) + self.in_flight - self.most
        if over < 0:
            return 0.0
        return self.times[over] + self.window - now if over < len(self.times) else POLL

    def finish(self, now: float, counted: bool) -> None:
        """Record the end of a call."""
        self.in_flight -= 1
        self._forget(now)
        if counted:
            self.times.append(now)

    def _forget(self, now: float) -> None:
        while self.times and self.times[0] + self.window <= now:
            self.times.popleft()


@dataclass(slots=True)
class _Endpoint:
    """The known limit of one endpoint.

    `remaining` is the smallest number of remaining calls that the server named in the window that ends at `reset_at`.
    Calls in flight may or may not be included, so they count against it. After a window one call is sent alone
    (`probing`), and its answer has the new figures. `opened` is the time of the first answer in the window. With
    `counting`, the count from there may find the end of the window to the second.
    """

    log: _Log
    remaining: int | None = None
    reset_at: float = math.inf
    opened: float | None = None
    probing: bool = False
    highest: int = 0
    believed: bool = True
    counting: bool = True
    blocked_until: float = -math.inf
    refusals: int = 0

    def wait(self, now: float) -> float:
        """Return the seconds until one more call may be sent."""
        if now < self.blocked_until:
            return self.blocked_until - now
        if self.remaining is not None and now >= self.reset_at:
            self._probe()
        if self.remaining is None:
            return self.log.wait(now)
        if self.remaining > self.log.in_flight:
            return 0.0 if self.believed else self.log.wait(now)
        return self.reset_at - now if self.remaining == 0 else POLL

    def unanswered(self) -> None:
        """Record a call without an answer: the server may have counted it."""
        if self.remaining is not None and not self.probing:
            self.remaining = max(0, self.remaining - 1)

    def answered(self, rate: RateLimitInfo, now: float) -> int:
        """Update from an answer. Return the number of calls in a whole window where the answer shows it, else 0."""
        self.refusals = 0
        self.opened = now if self.opened is None else self.opened
        if rate.remaining is None:
            self.remaining = None if self.probing or self.remaining is None else max(0, self.remaining - 1)
            self.probing = False
            return 0
        whole = rate.remaining + 1 if self.probing and rate.remaining >= self.highest else 0
        self.highest = max(self.highest, rate.remaining)
        self._believe(rate.remaining, self._end(rate, now), max(SAME_WINDOW, rate.slack))
        return whole

    def refused(self, rate: RateLimitInfo, wait: float | None, now: float) -> None:
        """Block the endpoint as long as the refusal asks, or by the pauses above. Then one call is sent alone."""
        if self.remaining and rate.remaining:
            self.believed = False  # the server names another limit than the one it enforces
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
        self.remaining, self.reset_at, self.opened, self.probing = 1, math.inf, None, True

    def _believe(self, remaining: int, end: float, tolerance: float) -> None:
        if self.remaining is None or self.probing or end > self.reset_at + tolerance:
            self.remaining, self.reset_at, self.probing = remaining, end, False
        elif end >= self.reset_at - tolerance:
            self.remaining = min(self.remaining, remaining)
            self.reset_at = max(self.reset_at, end) if remaining == 0 else self.reset_at

    def _end(self, rate: RateLimitInfo, now: float) -> float:
        """Return when the window ends. For a reset in whole seconds, the local count gives the fraction."""
        counted = (now if self.opened is None else self.opened) + self.log.window
        if rate.reset_in is None:
            return counted
        latest = now + rate.reset_in
        return counted if self.counting and latest - rate.slack <= counted <= latest else latest


class RateLimiter:
    """The limiter of one command, shared by its threads. `window` and `max_wait` are in seconds, 0 is no maximum.

    Call exactly one of `update` and `release` after each `acquire`. `notify(seconds, endpoint)` is called before each
    wait of `SHORTEST_NOTICE` or longer.
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
        """Wait until a call to `endpoint` may be sent, and count it as in flight.

        Raises WaitExhaustedError before a wait beyond `max_wait`, and what the clock's sleep raises.
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
            if self._notify and longer >= SHORTEST_NOTICE:
                self._notify(seconds, endpoint)
            self._clock.sleep(seconds)

    def update(self, endpoint: str, rate: RateLimitInfo, *, refused: bool = False, wait: float | None = None) -> None:
        """Update from an answer. `refused`: by the rate limit. `wait`: the seconds that the server asks for."""
        with self._lock:
            now = self._clock.now()
            row = self._endpoint(endpoint)
            row.log.finish(now, counted=not refused)
            self._all.finish(now, counted=not refused)
            if refused:
                row.refused(rate, wait, now)
                return
            whole = row.answered(rate, now)
            most = max(
                (rate.remaining or 0) + 1, self._all.most
            )  # the remaining calls, and the one that returned their number
            if whole and rate.reset_in:
                # A whole window shows the rate of one endpoint. The total cannot be below it.
                most = max(most, int(whole * self._window / rate.reset_in))
            self._all.most = most

    def release(self, endpoint: str, *, sent: bool) -> None:
        """Record a call that ended without an answer. `sent`: it may have reached the server."""
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
        """Count a wait towards `max_wait`. Return its new seconds: simultaneous waits of threads count once."""
        until = now + seconds
        longer = until - max(now, self._counted_until)
        if longer <= 0:
            return 0.0
        if self._max_wait and self._waited + longer > self._max_wait:
            raise WaitExhaustedError(
                "The wait for the rate limit would exceed `max_wait`.",
                f"{endpoint} must wait another {seconds:.0f} s. This command has waited {self._waited:.0f} s, and "
                f"`max_wait` is {self._max_wait:.0f} s.",
                "Run the same command again later, or increase `max_wait` in seqsync.yaml (0: no maximum).",
            )
        self._waited += longer
        self._counted_until = until
        return longer
