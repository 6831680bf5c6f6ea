"""What backends tell people: who holds the lock, why a disk said no. Pure; touches no store."""

from __future__ import annotations

import errno
from pathlib import Path

from sequence_sync.backends.base import LockInfo
from sequence_sync.errors import StateLocked, StateProblem

_HINTS = {
    errno.ENOSPC: "The disk is full: make room, then run the command again.",
    errno.EDQUOT: "Your share of the disk is used up: make room, then run the command again.",
    errno.EACCES: "Look at the rights of the file and its folder.",
    errno.EPERM: "Look at the rights of the file and its folder.",
    errno.EROFS: "The disk is mounted read-only.",
    errno.ELOOP: "A link leads to itself, or a link stands where a plain file should.",
    errno.ENOSYS: "This file system cannot lock files: keep the state on a local disk.",
    errno.ENOLCK: "This file system cannot lock files: keep the state on a local disk.",
}


def disk_problem(summary: str, path: Path, error: OSError) -> StateProblem:
    """What the disk said about `path`, and what to do."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return StateProblem(
            summary, f"The folder {path.parent} does not exist.", "Make it, or correct `state:` in seqsync.yaml."
        )
    return StateProblem(summary, f"{path}: {error.strerror or error}.", _HINTS.get(error.errno or 0, ""))


def locked(holder: LockInfo | None, now: float, remedy: str) -> StateLocked:
    """The state is locked by `holder` (None: it left no name); `now` is in seconds since the epoch."""
    wait = "Wait for it to end, or let this command wait with -lock-timeout 10m."
    if holder is None:
        return StateLocked("The state is locked.", "Another process holds it and has left no name.", wait)
    return StateLocked(
        "The state is locked.",
        f"{holder.who} on {holder.host}, process {holder.pid}, has been at {holder.operation} for "
        f"{age(now - holder.created)} (lock {holder.id}).",
        f"{wait} {remedy}",
    )


def age(seconds: float) -> str:
    """`12 seconds`, `3 minutes`, `5 hours`; never negative, for clocks differ."""
    whole = max(0, int(seconds))
    for size, name in ((3600, "hour"), (60, "minute")):
        if whole >= size:
            return f"{whole // size} {name}{'s' * (whole // size != 1)}"
    return f"{whole} second{'s' * (whole != 1)}"
