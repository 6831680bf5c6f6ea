"""The seam to where a state lives: read, write if unchanged, journal, history, lock. No I/O here.

A backend moves bytes and knows nothing of what they mean; `apply.ledger` is above it. Every OSError and every
refusal of a store reaches the caller as a StateError with words for people. One contract suite (tests/contract)
runs on every backend.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sequence_sync.errors import StateError, StateLockedError
from sequence_sync.provider.base import Clock


class WriteConflictError(StateError):
    """What stands there is not what the writer had read, and not its own write either. Nothing was written."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "The state was changed by something else meanwhile.",
            f"{where} is not what this run had read.",
            "Look at what changed it (a second checkout, git, a hand), then plan again.",
        )


class NotLockedError(StateError):
    """There is no such lock to take away."""

    def __init__(self, lock_id: str, holder: LockInfo | None) -> None:
        super().__init__(
            f"The state is not locked by {lock_id}.",
            f"It is locked by {holder.id} ({holder.who}, {holder.operation})." if holder else "Nothing locks it.",
            "Nothing was changed.",
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """A state's bytes, and the version of them that a later write names. A version is opaque."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a lock. `id` is unique to this one lock; `created` is in seconds since the epoch."""

    id: str
    who: str
    host: str
    pid: int
    operation: str
    created: float


class Lock(Protocol):
    """A lock that is held."""

    @property
    def id(self) -> str:
        """The id of its LockInfo."""
        ...

    @property
    def taken_over(self) -> bool:
        """Whether the last holder never released it: what it left open is to be treated as unknown."""
        ...

    def check(self) -> None:
        """Raises LockLostError where the lock is no longer ours. Cheap: the sender asks before each call."""
        ...

    def release(self) -> None:
        """Let go. Twice is the same as once; a lock that was lost is left as it is."""
        ...


class StateBackend(Protocol):
    """One place for one state, its journal, its history and its lock."""

    def describe(self) -> str:
        """What messages call it: a path or a URL without secrets."""
        ...

    def read(self) -> Stored | None:
        """The state; None where none was ever written."""
        ...

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """Replace the state if it still has version `expected` (None: if nothing stands there); the new version.

        Whole or not at all, and durable before it returns. `write_id` is unique to this write: a refusal is first
        compared with what stands there, and is none where that is this very write. Raises WriteConflictError.
        """
        ...

    def journal(self) -> bytes:
        """The journal, with a torn tail if it has one; empty where there is none."""
        ...

    def append(self, data: bytes) -> None:
        """Put whole lines at the journal's end, durably. Refuses to go on after a torn tail.

        After a failure nobody knows what the store holds, so every later append refuses until the backend is opened
        anew.
        """
        ...

    def replace_journal(self, data: bytes) -> None:
        """Put `data` in the journal's place, whole or not at all, durably."""
        ...

    def history(self) -> bytes:
        """The history, with torn lines if it has any; empty where there is none."""
        ...

    def append_history(self, data: bytes) -> None:
        """Put whole lines at the history's end, durably. What stands there is never written again: after a torn last
        line they begin on a line of their own. May be tried again after a failure."""
        ...

    def lock(self, info: LockInfo, timeout: float, clock: Clock) -> Lock:
        """Hold the lock, waiting up to `timeout` seconds for it. Raises StateLockedError, which tells the holder."""
        ...

    def holder(self) -> LockInfo | None:
        """Who holds the lock; None where nobody does."""
        ...

    def force_unlock(self, lock_id: str) -> None:
        """Take the lock from its holder, who is thought to be gone. Raises NotLockedError where it has another id.

        The next lock is `taken_over`. A backend whose lock dies with its owner refuses and says what to end.
        """
        ...


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


def disk_problem(summary: str, path: Path, error: OSError) -> StateError:
    """What the disk said about `path`, and what to do."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return StateError(
            summary, f"The folder {path.parent} does not exist.", "Make it, or correct `state:` in seqsync.yaml."
        )
    return StateError(summary, f"{path}: {error.strerror or error}.", _HINTS.get(error.errno or 0, ""))


def locked(holder: LockInfo | None, now: float, remedy: str) -> StateLockedError:
    """The state is locked by `holder` (None: it left no name); `now` is in seconds since the epoch."""
    wait = "Wait for it to end, or let this command wait with -lock-timeout 10m."
    if holder is None:
        return StateLockedError("The state is locked.", "Another process holds it and has left no name.", wait)
    return StateLockedError(
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
