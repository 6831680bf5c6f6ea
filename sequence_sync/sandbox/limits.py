"""The rate limit: so many calls a window for each endpoint and in all, for each key. No web library.

A window begins with the first call and ends as a whole; calls that are refused count too. That is how the common
limiter with these headers works (I: `x-ratelimit-reset` is a date string). Knows nothing of what the calls do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

NO_LIMIT = 1_000_000  # told where there is none, so that a client learns that it may go faster
FORGET_AT = 10_000  # windows kept before the ones that are over are thrown away


@dataclass(frozen=True)
class Standing:
    """Where a key stands after a call. `wait` is in seconds, None for a call that may go."""

    limit: int
    remaining: int
    reset: float
    wait: float | None = None

    def headers(self) -> dict[str, str]:
        """As an answer tells it: the reset as a date, the wait in whole seconds."""
        found = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": datetime.fromtimestamp(self.reset, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }
        return found if self.wait is None else {**found, "retry-after": str(max(1, math.ceil(self.wait)))}


class Limiter:
    """Counts calls. `per_minute` is for one endpoint, `in_all` for a key; 0: no limit. `window` in seconds."""

    def __init__(self, per_minute: int, in_all: int, window: float, clock: Callable[[], float]) -> None:
        self._limits = (per_minute, in_all)
        self._window = window
        self._clock = clock
        self._counts: dict[tuple[bytes, str], tuple[float, int]] = {}

    def count(self, key: str, endpoint: str) -> Standing:
        """Count one call of a key to an endpoint. To be called from one thread."""
        now, owner = self._clock(), hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        if len(self._counts) > FORGET_AT:
            self._counts = {name: one for name, one in self._counts.items() if one[0] + self._window > now}
        standings = [self._one(now, owner, name, most) for name, most in zip((endpoint, ""), self._limits, strict=True)]
        refused = [one for one in standings if one.wait is not None]
        return max(refused, key=lambda one: one.wait or 0) if refused else min(standings, key=lambda one: one.remaining)

    def idle(self) -> Standing:
        """What is told to a request that does not count."""
        most = self._limits[0] or NO_LIMIT
        return Standing(most, most, self._clock() + self._window)

    def exhausted(self, seconds: float) -> Standing:
        """What is told by a scripted refusal."""
        return Standing(self._limits[0] or NO_LIMIT, 0, self._clock() + seconds, seconds)

    def _one(self, now: float, owner: bytes, name: str, most: int) -> Standing:
        if not most:
            return Standing(NO_LIMIT, NO_LIMIT, now + self._window)
        start, used = self._counts.get((owner, name), (now, 0))
        if now >= start + self._window:
            start, used = now, 0
        self._counts[owner, name] = (start, used + 1)
        end = start + self._window
        return Standing(most, max(0, most - used - 1), end, end - now if used >= most else None)
