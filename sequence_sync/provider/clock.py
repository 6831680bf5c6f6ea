"""Real time, for the rooms that take a clock as a value. Knows nothing of the API."""

from __future__ import annotations

import threading
import time

from sequence_sync.provider.base import StoppedError

# Seconds between two looks at the stop and at the clock, which a sleeping laptop may have moved on. The event is looked
# at, not waited on: a signal handler that sets it while its own thread is inside `wait` would wait for itself.
NAP = 0.1


def _up() -> float:
    """Seconds that also pass while the machine sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    passed = time.monotonic()
    return passed if boot is None else max(passed, time.clock_gettime(boot))


class SystemClock:
    """The clock of a command. `stop` ends every sleep of every thread."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._began = _up()

    def now(self) -> float:
        """Seconds since this clock was made; never falls."""
        return _up() - self._began

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises StoppedError as soon as the run is told to stop, also where there is nothing to wait for."""
        until = self.now() + seconds
        while True:
            if self._stop.is_set():
                raise StoppedError
            left = until - self.now()
            if left <= 0:
                return
            time.sleep(min(left, NAP))
