"""A process that increments a counter under the lock of a state, a few times, and prints what it does."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from sequence_sync.state.backends.base import LockInfo
from sequence_sync.state.backends.local import LocalBackend


class RealClock:
    """The system clock with a short poll, so that many processes take the lock quickly."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep briefly."""
        time.sleep(min(seconds, 0.002))


def report(line: str) -> None:
    """Print a line for the parent process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(path: str, turns: int, linger: float) -> None:
    """In each turn: lock, read, wait `linger` seconds (below 0: for a line), write the value plus one, release."""
    for turn in range(turns):
        backend = LocalBackend(Path(path), Path(path).parent / ".seqsync")
        name = f"{os.getpid()}-{turn}"
        lock = backend.lock(LockInfo(name, "test", "here", os.getpid(), "count", time.time()), 100.0, RealClock())
        report(f"locked {lock.taken_over}")
        stored = backend.read()
        if linger < 0:
            sys.stdin.readline()
        time.sleep(max(0.0, linger))
        lock.check()
        count = int(stored.data) if stored else 0
        backend.write(str(count + 1).encode(), stored.version if stored else None, name)
        lock.release()
        report("released")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
