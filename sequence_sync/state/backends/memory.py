"""A state in memory, for the simulation and for tests: the same seam, no files.

A MemoryStore is the place; each MemoryBackend is one machine's handle to it. What was written or appended survives
every crash; `MemoryStore.owner_died` is the crash of whoever holds the lock.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field

from sequence_sync.errors import LockLostError, StateError
from sequence_sync.provider.base import Clock
from sequence_sync.state.backends.base import LockInfo, NotLockedError, Stored, WriteConflictError, locked

_POLL = 0.2


@dataclass
class MemoryStore:
    """What several handles share."""

    stored: Stored | None = None
    journal: bytes = b""
    history: bytes = b""
    write_id: str = ""
    holder: LockInfo | None = None
    left_behind: bool = False
    versions: itertools.count[int] = field(default_factory=itertools.count)
    mutex: threading.RLock = field(default_factory=threading.RLock)

    def owner_died(self) -> None:
        """The lock's owner is gone without having released it."""
        with self.mutex:
            self.left_behind = self.left_behind or self.holder is not None
            self.holder = None


class MemoryBackend:
    """One handle to a MemoryStore."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self._store = store or MemoryStore()

    def describe(self) -> str:
        """See StateBackend."""
        return "a state in memory"

    def read(self) -> Stored | None:
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
            store.stored = Stored(bytes(data), str(next(store.versions)))
            store.write_id = write_id
            return store.stored.version

    def journal(self) -> bytes:
        """See StateBackend."""
        return self._store.journal

    def append(self, data: bytes) -> None:
        """See StateBackend."""
        with self._store.mutex:
            if self._store.journal[-1:] not in (b"", b"\n"):
                raise StateError("The journal ends in the middle of a record.", self.describe(), "Run apply again.")
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
            torn = self._store.history[-1:] not in (b"", b"\n")
            self._store.history += b"\n" + data if torn else data

    def lock(self, info: LockInfo, timeout: float, clock: Clock) -> MemoryLock:
        """See StateBackend."""
        deadline = clock.now() + timeout
        while True:
            with self._store.mutex:
                if self._store.holder is None:
                    taken_over, self._store.left_behind = self._store.left_behind, False
                    self._store.holder = info
                    return MemoryLock(self._store, info, taken_over)
                holder = self._store.holder
            left = deadline - clock.now()
            if left <= 0:
                raise locked(holder, clock.wall(), f"If it is gone for good: `seqsync force-unlock {holder.id}`.")
            clock.sleep(min(_POLL, left))

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


class MemoryLock:
    """A held lock of a MemoryStore."""

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
            raise LockLostError("The lock of the state was lost.", f"Lock {self.id} was taken away from this run.")

    def release(self) -> None:
        """See Lock."""
        with self._store.mutex:
            if self._store.holder is self._info:
                self._store.holder = None
