"""A project's folder with runs in it, one after the other, and the records they write."""

from __future__ import annotations

from pathlib import Path

from support.states import HOST, LINEAGE, FakeClock, info, new_step

from sequence_sync.files import Disk, RescueFolder
from sequence_sync.state.backends.base import Lock
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.backends.local import LocalBackend
from sequence_sync.state.backends.memory import MemoryBackend, MemoryStore
from sequence_sync.state.journal import CallResult, IntentRecord, OutcomeRecord
from sequence_sync.state.manager import StateBinding, StateManager
from sequence_sync.state.model import State
from sequence_sync.state.statefile import decode, encode

ACCOUNT = StateBinding("production", HOST)
INTENT = IntentRecord(address="trial.nudge", action="create-step")


def made(of: int, step_id: str = "S9") -> OutcomeRecord:
    """The step of intent number `of` was made."""
    return OutcomeRecord(of=of, result=CallResult.MADE, deltas=(new_step(step_id=step_id),))


class Home:
    """A project's folder, and runs in it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "s.json"
        self.journal = folder / "s.json.journal"
        self.seen = folder / ".seqsync" / "seen.json"
        self.lock: Lock | None = None

    def backend(self, disk: Disk | None = None) -> LocalBackend:
        """A fresh handle."""
        return LocalBackend(self.path, self.folder / ".seqsync", disk)

    def run(self, name: str = "r1", disk: Disk | None = None, rescue: Disk | None = None) -> StateManager:
        """A new run; the one before is gone, in order or not."""
        if self.lock is not None:
            self.lock.release()
        backend = self.backend(disk)
        self.lock = backend.lock(info(name), 0, FakeClock())
        keep = RescueFolder(self.folder / ".seqsync" / "rescue", rescue)
        return StateManager(
            backend, self.lock, ACCOUNT, keep, lineage=LINEAGE, run=name, high_water=HighWaterMark(self.seen)
        )

    def stored(self) -> State:
        """The state as it stands on disk."""
        return decode(self.path.read_bytes(), "s.json")

    def put(self, state: State) -> None:
        """Put a state on disk."""
        self.path.write_bytes(encode(state))

    def rescued(self) -> list[Path]:
        """Rescue files."""
        folder = self.folder / ".seqsync" / "rescue"
        return sorted(folder.iterdir()) if folder.exists() else []


def memory_ledger(store: MemoryStore) -> StateManager:
    """A run on a state in memory."""
    backend = MemoryBackend(store)
    lock = backend.lock(info("r1"), 0, FakeClock())
    return StateManager(backend, lock, ACCOUNT, RescueFolder(Path("/nonexistent")), lineage=LINEAGE, run="r1")
