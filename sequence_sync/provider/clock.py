"""The system clock. Knows nothing of the API."""

from __future__ import annotations

import threading
import time

from sequence_sync.provider.base import StoppedError

# Seconds between two checks of `stop` and of the clock, which jumps when a laptop wakes up. The event is polled: a
# signal handler that sets it while its own thread is inside `wait` would deadlock.
POLL = 0.1


def _up() -> float:
    """Return seconds that include the time the machine sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    passed = time.monotonic()
    return passed if boot is None else max(passed, time.clock_gettime(boot))


class SystemClock:
    """The clock of one command. `stop` ends every sleep in every thread."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._began = _up()

    def now(self) -> float:
        """Return the seconds since this clock was created."""
        return _up() - self._began

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises StoppedError as soon as the run is stopped, also for a wait of 0 seconds."""
        until = self.now() + seconds
        while True:
            if self._stop.is_set():
                raise StoppedError
            left = until - self.now()
            if left <= 0:
                return
            time.sleep(min(left, POLL))
