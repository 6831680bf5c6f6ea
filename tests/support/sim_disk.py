"""The simulated disk: a state, its journal and its lock, with a kill, a tear or a failure at any point.

What `SimStore` holds survives; `pending` is what was written and not yet flushed, which a kill takes away.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from support.sim_world import Crash, Process

from sequence_sync.errors import LockLostError, StateError
from sequence_sync.provider.base import Clock
from sequence_sync.state.backends.base import LockInfo, NotLockedError, StoredState, WriteConflictError, locked_error


@dataclass
class SimStore:
    """What is on the disk of one machine."""

    stored: StoredState | None = None
    journal: bytes = b""
    pending: bytes = b""
    write_id: str = ""
    holder: LockInfo | None = None
    left_behind: bool = False
    history: list[StoredState] = field(default_factory=list)
    history_bytes: bytes = b""
    faults: int = 0
    versions: itertools.count[int] = field(default_factory=itertools.count)

    def owner_died(self) -> None:
        """The process was killed: its lock is free, its unflushed bytes are gone."""
        self.left_behind = self.left_behind or self.holder is not None
        self.holder, self.pending = None, b""


class SimBackend:
    """One process's handle to a SimStore; implements StateBackend."""

    def __init__(self, store: SimStore, process: Process) -> None:
        self.store, self.process = store, process
        self.broken = False

    def describe(self) -> str:
        """See StateBackend."""
        return "the simulated disk"

    def read(self) -> StoredState | None:
        """See StateBackend."""
        return self.store.stored

    def journal(self) -> bytes:
        """See StateBackend."""
        return self.store.journal + self.store.pending

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """See StateBackend. Whole or not at all, like a rename."""
        self.process.point("before the state is written")
        store = self.store
        version = store.stored.version if store.stored else None
        if version is not None and store.write_id == write_id:
            return version
        if version != expected:
            raise WriteConflictError(self.describe())
        self._may_fail("The state cannot be written.")
        store.stored = StoredState(bytes(data), str(next(store.versions)))
        store.history.append(store.stored)
        store.write_id = write_id
        self.process.point("after the state is written")
        return store.stored.version

    def append(self, data: bytes) -> None:
        """See StateBackend. A kill or a failing flush leaves any part of the line."""
        if self.broken or self.journal()[-1:] not in (b"", b"\n"):
            raise StateError("The journal cannot be written any more.", self.describe())
        self.process.point("before a record")
        if "rules" in self.process.info:
            self.process.info["rules"].on_record(self.process, data)
        part = data[: self.process.world.rng.randint(0, len(data))]
        try:
            self._may_fail("The journal cannot be written.")
            self.process.point("in the middle of a record")
        except StateError:
            self.broken = True
            self.store.journal += part
            raise
        except Crash:
            self.store.journal += part
            raise
        self.put_down(data)
        self.process.point("after a record")

    def put_down(self, data: bytes) -> None:
        """Write and flush."""
        self.store.journal += data

    def replace_journal(self, data: bytes) -> None:
        """See StateBackend."""
        self.process.point("before the journal is cut")
        self._may_fail("The journal cannot be written.")
        self.store.journal, self.store.pending = bytes(data), b""
        self.process.point("after the journal is cut")

    def history(self) -> bytes:
        """See StateBackend."""
        return self.store.history_bytes

    def append_history(self, data: bytes) -> None:
        """See StateBackend. A kill or a full disk leaves any part of it."""
        start = b"" if self.store.history_bytes[-1:] in (b"", b"\n") else b"\n"
        part = start + data[: self.process.world.rng.randint(0, len(data))]
        try:
            self._may_fail("The history cannot be written.")
            self.process.point("in the middle of the history")
        except (StateError, Crash):
            self.store.history_bytes += part
            raise
        self.store.history_bytes += start + data
        self.process.point("after the history is written")

    def _may_fail(self, summary: str) -> None:
        if self.store.faults and "calm" not in self.process.info and self.process.world.rng.random() < 0.05:
            self.store.faults -= 1
            self.process.info["rules"].faults += 1
            self.process.world.trace(self.process.name, f"-- the disk fails: {summary}")
            raise StateError(summary, self.describe(), "Make room.")

    def lock(self, info: LockInfo, timeout: float, clock: Clock) -> SimLock:
        """See StateBackend."""
        deadline = clock.now() + timeout
        while self.store.holder is not None:
            if clock.now() >= deadline:
                raise locked_error(self.store.holder, clock.wall(), "")
            clock.sleep(1.0)
        taken_over, self.store.left_behind = self.store.left_behind, False
        self.store.holder = info
        return SimLock(self.store, info, taken_over)

    def holder(self) -> LockInfo | None:
        """See StateBackend."""
        return self.store.holder

    def force_unlock(self, lock_id: str) -> None:
        """See StateBackend."""
        raise NotLockedError(lock_id, self.store.holder)


class SimLock:
    """A held lock."""

    def __init__(self, store: SimStore, info: LockInfo, taken_over: bool) -> None:
        self.store, self.info, self._taken_over = store, info, taken_over

    @property
    def id(self) -> str:
        """See Lock."""
        return self.info.id

    @property
    def taken_over(self) -> bool:
        """See Lock."""
        return self._taken_over

    def check(self) -> None:
        """See Lock."""
        if self.store.holder is not self.info:
            raise LockLostError("The lock of the state was lost.", self.id)

    def release(self) -> None:
        """See Lock."""
        if self.store.holder is self.info:
            self.store.holder = None
            self.store.journal, self.store.pending = self.store.journal + self.store.pending, b""


class SimRescue:
    """Rescue files that are always kept."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def save(self, name: str, data: bytes) -> str | None:
        """Keep it."""
        self.kept[name] = data
        return f"rescue/{name}"
