"""A state in memory, for the simulation and for tests: the same protocol, no files.

A MemoryStore is the store. Each MemoryBackend is the handle of one machine. What was written or appended survives every
crash. `MemoryStore.owner_died` is the crash of the lock's holder.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field

from sequence_sync.errors import LockLostError, StateError
from sequence_sync.provider.base import Announce, Clock, silent
from sequence_sync.state.backends.base import LockInfo, NotLockedError, StoredState, WriteConflictError, wait_for_lock


@dataclass
class MemoryStore:
    """The store that several handles share."""

    stored: StoredState | None = None
    journal: bytes = b""
    history: bytes = b""
    write_id: str = ""
    holder: LockInfo | None = None
    abandoned: bool = False
    versions: itertools.count[int] = field(default_factory=itertools.count)
    mutex: threading.RLock = field(default_factory=threading.RLock)

    def owner_died(self) -> None:
        """End the lock's holder without a release."""
        with self.mutex:
            self.abandoned = self.abandoned or self.holder is not None
            self.holder = None


class MemoryBackend:
    """One handle to a MemoryStore."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self._store = store or MemoryStore()

    def describe(self) -> str:
        """See StateBackend."""
        return "a state in memory"

    def read(self) -> StoredState | None:
        """See StateBackend."""
        return self._store.stored

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """See StateBackend."""
        store = self._store
        with store.mutex:
            version = store.stored.version if store.stored else None
            if version is not None and store.write_id == write_id:
                return version
            if version != expected:
                raise WriteConflictError(self.describe())
            store.stored = StoredState(bytes(data), str(next(store.versions)))
            store.write_id = write_id
            return store.stored.version

    def journal(self) -> bytes:
        """See StateBackend."""
        return self._store.journal

    def append(self, data: bytes) -> None:
        """See StateBackend."""
        with self._store.mutex:
            if self._store.journal[-1:] not in (b"", b"\n"):
                raise StateError("The journal ends with an incomplete record.", self.describe(), "Run apply again.")
            self._store.journal += data

    def replace_journal(self, data: bytes) -> None:
        """See StateBackend."""
        self._store.journal = bytes(data)

    def history(self) -> bytes:
        """See StateBackend."""
        return self._store.history

    def append_history(self, data: bytes) -> None:
        """See StateBackend."""
        with self._store.mutex:
            is_incomplete = self._store.history[-1:] not in (b"", b"\n")
            self._store.history += b"\n" + data if is_incomplete else data

    def lock(self, info: LockInfo, timeout: float, clock: Clock, announce: Announce = silent) -> MemoryLock:
        """See StateBackend."""
        return wait_for_lock(
            lambda: self._try_lock(info), self.holder, _remedy, timeout=timeout, clock=clock, announce=announce
        )

    def _try_lock(self, info: LockInfo) -> MemoryLock | None:
        with self._store.mutex:
            if self._store.holder is not None:
                return None
            taken_over, self._store.abandoned = self._store.abandoned, False
            self._store.holder = info
            return MemoryLock(self._store, info, taken_over)

    def holder(self) -> LockInfo | None:
        """See StateBackend."""
        return self._store.holder

    def force_unlock(self, lock_id: str) -> None:
        """See StateBackend."""
        with self._store.mutex:
            holder = self._store.holder
            if holder is None or holder.id != lock_id:
                raise NotLockedError(lock_id, holder)
            self._store.owner_died()


def _remedy(holder: LockInfo | None) -> str:
    return f"If that run no longer exists: seqsync force-unlock {holder.id}" if holder else ""


class MemoryLock:
    """The lock of a MemoryStore, as its holder has it."""

    def __init__(self, store: MemoryStore, info: LockInfo, taken_over: bool) -> None:
        self._store = store
        self._info = info
        self._taken_over = taken_over

    @property
    def id(self) -> str:
        """See Lock."""
        return self._info.id

    @property
    def taken_over(self) -> bool:
        """See Lock."""
        return self._taken_over

    def check(self) -> None:
        """See Lock."""
        if self._store.holder is not self._info:
            raise LockLostError("The lock on the state was lost.", f"Lock {self.id} no longer belongs to this run.")

    def release(self) -> None:
        """See Lock."""
        with self._store.mutex:
            if self._store.holder is self._info:
                self._store.holder = None
