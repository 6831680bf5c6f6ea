"""Runs `seqsync` with a bomb in it: at the nth time that a named point is reached, the process signals itself.

Run as a process: `python killed.py SIGNAL POINT N ARGUMENT...`. The product knows nothing of it: the points are
wrapped around its methods here. SIGKILL cannot be caught, so nothing is flushed, released or tidied after it.
Instead of a signal's name an errno's, as in `ENOSPC`: from the nth time on the disk refuses with it; `ENOSPC:NAME`
where the path at hand ends with NAME.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

# Name: module, class, method; the kill comes before the method does its work, and after.
POINTS: dict[str, tuple[str, str, str]] = {
    "record": ("sequence_sync.state.manager", "StateManager", "append"),
    "journal-write": ("sequence_sync.files", "Disk", "write"),
    "journal-fsync": ("sequence_sync.files", "Disk", "fsync"),
    "rename": ("sequence_sync.files", "Disk", "replace"),
    "folder-fsync": ("sequence_sync.files", "Disk", "fsync_folder"),
    "send": ("sequence_sync.provider.transport", "HttpTransport", "send"),
    "try-lock": ("sequence_sync.state.backends.local", "LocalBackend", "_try_lock"),
    "state-read": ("sequence_sync.state.backends.local", "LocalBackend", "read"),
    "state-write": ("sequence_sync.state.backends.local", "LocalBackend", "write"),
    "journal-cut": ("sequence_sync.state.backends.local", "LocalBackend", "replace_journal"),
    "checkpoint": ("sequence_sync.state.manager", "StateManager", "checkpoint"),
    "lock-check": ("sequence_sync.state.backends.local", "LocalLock", "check"),
    "lock-release": ("sequence_sync.state.backends.local", "LocalLock", "release"),
    "resolve": ("sequence_sync.apply.executor", "Executor", "resolve_in_doubt"),
    "carry-out": ("sequence_sync.apply.executor", "Executor", "carry_out"),
}
NAMES = [*(f"{side}-{name}" for name in POINTS for side in ("before", "after")), "during-journal-write"]


@dataclass
class Bomb:
    """Goes off at the nth arrival."""

    left: int
    kind: signal.Signals = signal.SIGKILL

    def arrived(self, *_: Any) -> None:
        """Once more."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.kind)


@dataclass
class Refusal:
    """From the nth arrival on, the disk says no."""

    left: int
    number: int
    only: str = ""

    def arrived(self, *args: Any) -> None:
        """Once more."""
        if not self.only or any(isinstance(arg, Path) and arg.name == self.only for arg in args):
            self.left -= 1
            if self.left <= 0:
                raise OSError(self.number, os.strerror(self.number))


@contextmanager
def planted(point: str, bomb: Callable[..., None]) -> Iterator[None]:
    """While the block runs, `bomb` is called before or after the point's method, or when half of it is done."""
    side, name = point.split("-", 1)
    module, owner, method = POINTS[name]
    where = getattr(import_module(module), owner)
    original = getattr(where, method)

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if side == "before":
            bomb(*args)
        if side == "during":
            descriptor, data = args
            half = len(data) // 2
            done = original(self, descriptor, data[:half])
            bomb()
            return done + original(self, descriptor, data[half:])
        result = original(self, *args, **kwargs)
        if side == "after":
            bomb(*args)
        return result

    setattr(where, method, wrapped)
    try:
        yield
    finally:
        setattr(where, method, original)


def main() -> None:
    """See above."""
    kind, point, count, *arguments = sys.argv[1:]
    sys.argv = ["seqsync", *arguments]
    from sequence_sync.cli.entry import main as seqsync

    name, _, only = kind.partition(":")
    if name.startswith("SIG"):
        bomb: Bomb | Refusal = Bomb(int(count), signal.Signals[name])
    else:
        bomb = Refusal(int(count), getattr(errno, name), only)
    with planted(point, bomb.arrived):
        seqsync()


if __name__ == "__main__":
    main()
