"""The protocol of state backends: read, write if unchanged, journal, history, lock. No I/O here.

A backend moves bytes and does not know what they mean; `state.manager` uses it. It reports every OSError and every
refusal of a store as a StateError. One contract suite (tests/state/backends) runs on every backend.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from sequence_sync.errors import StateError, StateLockedError
from sequence_sync.model.words import counted
from sequence_sync.provider.base import Announce, Clock, silent

T = TypeVar("T")
_POLL_SECONDS = 0.2  # between two attempts to take the lock


class WriteConflictError(StateError):
    """The store holds neither the version that the writer had read nor the writer's own write. Nothing was written."""

    def __init__(self, where: str) -> None:
        super().__init__(
            "Something else changed the state during this run.",
            f"{where} is not what this run had read.",
            "Find out what changed it (a second checkout, git, an editor), then plan again.",
        )


class NotLockedError(StateError):
    """The lock to release does not exist."""

    def __init__(self, lock_id: str, holder: LockInfo | None) -> None:
        super().__init__(
            "The state has no lock with this id." if holder else "The state is not locked.",
            f"Given: {lock_id}. The state is locked by {holder.id} ({holder.who}, {holder.operation})."
            if holder
            else f"There is no lock {lock_id} to release.",
            "Nothing was changed.",
        )


@dataclass(frozen=True, slots=True)
class StoredState:
    """The bytes of a state and their version, which a later write names. A version is opaque."""

    data: bytes
    version: str


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a lock. `id` is unique to this lock. `created` is in seconds since the epoch."""

    id: str
    who: str
    host: str
    pid: int
    operation: str
    created: float


class Lock(Protocol):
    """A lock of the state, as its holder has it."""

    @property
    def id(self) -> str:
        """The id of the LockInfo."""
        ...

    @property
    def taken_over(self) -> bool:
        """Whether the last holder ended without releasing it. What it left open is in doubt."""
        ...

    def check(self) -> None:
        """Raise LockLostError if this run no longer holds the lock. Cheap: called before each API call."""
        ...

    def release(self) -> None:
        """Release the lock. A second call does nothing, and a lost lock stays as it is."""
        ...


class StateBackend(Protocol):
    """The store of one state with its journal, its history and its lock."""

    def describe(self) -> str:
        """Return the name that messages use: a path, or a URL without secrets."""
        ...

    def read(self) -> StoredState | None:
        """Return the state, or None where none was ever written."""
        ...

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """Replace the state if it still has version `expected`, or does not exist for None. Return the new version.

        The write is complete or does not happen, and is durable on return. `write_id` is unique to this write: where
        the stored state comes from this very write, the write has succeeded. Raises WriteConflictError otherwise.
        """
        ...

    def journal(self) -> bytes:
        """Return the journal, which may end with an incomplete line. Empty where there is none."""
        ...

    def append(self, data: bytes) -> None:
        """Append complete lines to the journal, durably. Refuse after an incomplete last line.

        After a failure the content of the store is unknown, so every later append of this backend object raises.
        """
        ...

    def replace_journal(self, data: bytes) -> None:
        """Replace the journal with `data`, atomically and durably."""
        ...

    def history(self) -> bytes:
        """Return the history, which may contain incomplete lines. Empty where there is none."""
        ...

    def append_history(self, data: bytes) -> None:
        """Append complete lines to the history, durably. May be repeated after a failure.

        Existing lines are never rewritten. After an incomplete last line, the new lines begin on a new line.
        """
        ...

    def lock(self, info: LockInfo, timeout: float, clock: Clock, announce: Announce = silent) -> Lock:
        """Take the lock, waiting up to `timeout` seconds. Raises StateLockedError, which names the holder.

        `announce` is called once, before a wait begins.
        """
        ...

    def holder(self) -> LockInfo | None:
        """Return who holds the lock, or None."""
        ...

    def force_unlock(self, lock_id: str) -> None:
        """Release a stale lock in place of its holder. Raises NotLockedError where the lock has another id.

        The next lock is `taken_over`. A backend whose lock ends with its process refuses and names the process to end.
        """
        ...


_HINTS = {
    errno.ENOSPC: "The disk is full. Free some space, then run the command again.",
    errno.EDQUOT: "Your disk quota is used up. Free some space, then run the command again.",
    errno.EACCES: "Check the permissions of the file and its folder.",
    errno.EPERM: "Check the permissions of the file and its folder.",
    errno.EROFS: "The file system is mounted read-only.",
    errno.ELOOP: "A symbolic link leads to itself, or is used where a regular file must be.",
    errno.ENOSYS: "This file system cannot lock files. Keep the state on a local disk.",
    errno.ENOLCK: "This file system cannot lock files. Keep the state on a local disk.",
}


def disk_error(summary: str, path: Path, error: OSError) -> StateError:
    """Return the StateError for an OSError about `path`, with what to do."""
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return StateError(
            summary, f"The folder {path.parent} does not exist.", "Create it, or correct `state:` in seqsync.yaml."
        )
    return StateError(summary, f"{path}: {error.strerror or error}.", _HINTS.get(error.errno or 0, ""))


def wait_for_lock(
    attempt: Callable[[], T | None],
    holder: Callable[[], LockInfo | None],
    remedy: Callable[[LockInfo | None], str],
    *,
    timeout: float,
    clock: Clock,
    announce: Announce,
) -> T:
    """Call `attempt` until it returns the lock, at least once and for up to `timeout` seconds. The only lock wait.

    `holder` returns who has the lock, `remedy` how to end a stale one. Raises StateLockedError.
    """
    deadline, announced = clock.now() + timeout, False
    while (lock := attempt()) is None:
        remaining = deadline - clock.now()
        if remaining <= 0:
            who = holder()
            raise locked_error(who, clock.wall(), remedy(who))
        if not announced:
            announce(remaining, _wait_text(holder(), clock.wall(), remaining))
            announced = True
        clock.sleep(min(_POLL_SECONDS, remaining))
    return lock


def _wait_text(holder: LockInfo | None, now: float, seconds: float) -> str:
    who = "another process"
    if holder is not None:
        who = f"{holder.who} ({holder.operation}) for {format_age(now - holder.created)}"
    return f"The state has been locked by {who}. Waiting up to {seconds:.0f} s for it (option: -lock-timeout)."


def locked_error(holder: LockInfo | None, now: float, remedy: str) -> StateLockedError:
    """Return the error for a state that `holder` has locked. None: the holder is unknown.

    `now` is in seconds since the epoch. `remedy` says how to end a stale lock.
    """
    wait = "Wait until it ends, or let this command wait: -lock-timeout 10m."
    if holder is None:
        return StateLockedError("The state is locked.", "Another process holds the lock and left no name.", wait)
    return StateLockedError(
        f"The state is locked by {holder.who}.",
        f"Process {holder.pid} on {holder.host} has been running `{holder.operation}` for "
        f"{format_age(now - holder.created)} (lock {holder.id}).",
        f"{wait} {remedy}".strip(),
    )


def format_age(seconds: float) -> str:
    """Format a duration: `12 seconds`, `3 minutes`, `5 hours`. Never negative, because clocks differ."""
    whole = max(0, int(seconds))
    for size, name in ((3600, "hour"), (60, "minute")):
        if whole >= size:
            return counted(whole // size, name)
    return counted(whole, "second")
