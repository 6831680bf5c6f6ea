"""What the headers of an answer tell about the rate limit. Pure: the wall time comes in as a number.

Seen in the wild: `x-ratelimit-remaining`, `x-ratelimit-reset` (a date as text) and `retry-after` (seconds); see
docs/api.md 6. Every spelling of a time that servers use is read here and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

LONGEST = 86_400.0  # seconds; a time further away is taken for a mistake and not believed
MILLISECOND = 0.001
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_JAVASCRIPT = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4})?(?: \(.*\))?")
_FIRST_EPOCH = 1e8  # a smaller number is a count of seconds from now, not a date
_FIRST_MILLISECONDS = 1e11


class Rate(NamedTuple):
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


def rate_figures(headers: Mapping[str, str], wall: float) -> Rate:
    """The figures in `headers` (names in lower case); `wall` is when the answer came, in seconds since the epoch."""
    reset = _span(headers.get("x-ratelimit-reset", ""), _server_time(headers, wall))
    return Rate(
        remaining=_count(headers.get("x-ratelimit-remaining", "")),
        reset_in=reset.latest if reset else None,
        limit=_count(headers.get("x-ratelimit-limit", "")),
        slack=reset.slack if reset else 0.0,
    )


def asked_wait(headers: Mapping[str, str], wall: float, *, limited: bool) -> float | None:
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
