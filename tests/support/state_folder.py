"""A folder with a state, runs on it one after the other, and the records that they write."""

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
    """The outcome of intent number `of`: its step was created."""
    return OutcomeRecord(of=of, result=CallResult.MADE, deltas=(new_step(step_id=step_id),))


class StateFolder:
    """A folder with a state, and runs on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "s.json"
        self.journal = folder / "s.json.journal"
        self.marks = folder / ".seqsync" / "seen.json"
        self.lock: Lock | None = None

    def backend(self, disk: Disk | None = None) -> LocalBackend:
        """Return a new handle to the state."""
        return LocalBackend(self.path, self.folder / ".seqsync", disk)

    def run(self, name: str = "r1", disk: Disk | None = None, rescue: Disk | None = None) -> StateManager:
        """Start a run. The run before it ends without an end record."""
        if self.lock is not None:
            self.lock.release()
        backend = self.backend(disk)
        self.lock = backend.lock(info(name), 0, FakeClock())
        rescue_folder = RescueFolder(self.folder / ".seqsync" / "rescue", rescue)
        return StateManager(
            backend, self.lock, ACCOUNT, rescue_folder, lineage=LINEAGE, run=name, high_water=HighWaterMark(self.marks)
        )

    def stored(self) -> State:
        """Return the state on disk."""
        return decode(self.path.read_bytes(), "s.json")

    def put(self, state: State) -> None:
        """Store a state on disk."""
        self.path.write_bytes(encode(state))

    def rescued(self) -> list[Path]:
        """Return the rescue files."""
        folder = self.folder / ".seqsync" / "rescue"
        return sorted(folder.iterdir()) if folder.exists() else []


def memory_manager(store: MemoryStore) -> StateManager:
    """Start a run on a state in memory."""
    backend = MemoryBackend(store)
    lock = backend.lock(info("r1"), 0, FakeClock())
    return StateManager(backend, lock, ACCOUNT, RescueFolder(Path("/nonexistent")), lineage=LINEAGE, run="r1")
