"""Stand-ins for the tests of the provider: a simulated clock, and servers that count calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from sequence_sync.provider.base import Reply, Request

EPOCH = 1_795_500_000.25


class SimClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> float:
        with self._lock:
            return self._now

    def wall(self) -> float:
        return EPOCH + self.now()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._now += seconds

    def pass_to(self, moment: float) -> None:
        with self._lock:
            self._now = max(self._now, moment)


def iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def javascript(wall: float) -> str:
    return datetime.fromtimestamp(int(wall), UTC).strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")


def rfc(wall: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(wall), UTC), usegmt=True)


class CountingServer:
    """`limit` calls in each `window`, which begins with its first call, or slides. `spell` writes the reset."""

    def __init__(
        self,
        clock: SimClock,
        limit: int,
        window: float,
        *,
        sliding: bool = False,
        spell: Callable[[float], str] | None = None,
    ) -> None:
        self.clock, self.limit, self.window, self.sliding, self.spell = clock, limit, window, sliding, spell
        self.taken: deque[float] = deque()
        self.accepted = 0
        self.refused = 0
        self._lock = threading.Lock()

    def call(self) -> Reply:
        with self._lock:
            now = self.clock.now()
            if self.sliding:
                while self.taken and self.taken[0] + self.window <= now:
                    self.taken.popleft()
            elif self.taken and self.taken[0] + self.window <= now:
                self.taken.clear()
            ok = len(self.taken) < self.limit
            self.refused += not ok
            self.accepted += ok
            if ok:
                self.taken.append(now)
            return Reply(200 if ok else 400, self._headers(), b"{}" if ok else b'{"message": "Rate Limit exceeded"}')

    def _headers(self) -> Mapping[str, str]:
        if self.spell is None:
            return {}
        reset = EPOCH + self.taken[0] + self.window
        return {"x-ratelimit-remaining": str(self.limit - len(self.taken)), "x-ratelimit-reset": self.spell(reset)}


class ScriptedTransport:
    """Answers with what the script holds, in turn; an exception in it is raised."""

    def __init__(self, *script: Reply | Exception) -> None:
        self.script = list(script)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Reply:
        self.sent.append(request)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step
