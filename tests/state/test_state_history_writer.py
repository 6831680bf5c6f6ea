"""HistoryWriter: no line is lost or read twice after a kill, and a failure does not stop a state."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import pytest
from support.state_folder import ACCOUNT, INTENT, StateFolder, made
from support.states import LINEAGE, FailingDisk, FakeClock, a_state, info, new_step

from sequence_sync.errors import StateError
from sequence_sync.files import RescueFolder
from sequence_sync.state.backends.memory import MemoryBackend, MemoryStore
from sequence_sync.state.history import AnyLine, CallLine, SerialLine, decode_lines, state_at
from sequence_sync.state.journal import (
    Author,
    CallResult,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    RunRecord,
    SequenceRecord,
)
from sequence_sync.state.manager import StateManager
from sequence_sync.state.model import Applying
from sequence_sync.state.statefile import decode

ANNA = Author(who="anna", at="2026-11-24T10:00:00+00:00", operation="apply", commit="c0ffee", dirty=True)


@pytest.fixture
def home(tmp_path: Path) -> StateFolder:
    """An empty state folder."""
    return StateFolder(tmp_path)


def lines(home: StateFolder) -> list[AnyLine]:
    """The decoded history."""
    return decode_lines(home.backend().history())


class Killed(BaseException):
    """The process ends here."""


class KilledBackend(MemoryBackend):
    """A backend that is killed at its write number `last`: before it, in the middle, or after it."""

    def __init__(self, store: MemoryStore, last: int, how: str) -> None:
        super().__init__(store)
        self.last, self.how = last, how
        self.count = itertools.count(1)

    def _maybe(self, when: str) -> bool:
        """Return whether this write is only half done. Raise Killed where it does not happen, or was the last."""
        if when == "before":
            self.now = next(self.count)
        if self.now == self.last and self.how == when:
            raise Killed
        return self.now == self.last and self.how == "middle" and when == "before"

    def append(self, data: bytes) -> None:
        """May be killed."""
        self._maybe("before")
        super().append(data)
        self._maybe("after")

    def append_history(self, data: bytes) -> None:
        """May be killed, also in the middle."""
        if self._maybe("before"):
            super().append_history(data[: len(data) // 2])
            raise Killed
        super().append_history(data)
        self._maybe("after")

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """May be killed."""
        self._maybe("before")
        version = super().write(data, expected, write_id)
        self._maybe("after")
        return version

    def replace_journal(self, data: bytes) -> None:
        """May be killed."""
        self._maybe("before")
        super().replace_journal(data)
        self._maybe("after")


def start_run(backend: MemoryBackend, run: str) -> StateManager:
    """A run on the backend."""
    lock = backend.lock(info(run), 0, FakeClock())
    author = ANNA.model_copy(update={"operation": run})
    return StateManager(
        backend, lock, ACCOUNT, RescueFolder(Path("/nonexistent")), lineage=LINEAGE, run=run, author=lambda: author
    )


def two_checkpoints(manager: StateManager) -> None:
    """A run that creates two steps and writes a checkpoint after each."""
    manager.append(RunRecord(applying=Applying(plan="p")))
    for name in ("more", "most"):
        if f"S-{name}" not in dict(map(reversed, manager.state.addresses())):  # type: ignore[arg-type]
            number = manager.append(IntentRecord(address=f"trial.{name}", action="create-step"))
            delta = new_step(name, f"S-{name}")
            manager.append(OutcomeRecord(of=number, result=CallResult.MADE, deltas=(delta,)))
        manager.checkpoint()
    manager.append(EndRecord())
    manager.checkpoint()


@pytest.mark.parametrize("how", ["before", "middle", "after"])
@pytest.mark.parametrize("last", range(1, 17))
def test_history_is_complete_after_a_kill_at_any_write(last: int, how: str) -> None:
    """After a second run each outcome is in it once, and the way back leads to the beginning."""
    store = MemoryStore()
    first = MemoryBackend(store)
    with_trial = a_state().model_copy(update={"serial": 0, "journal": 0})
    start_run(first, "r0").push(with_trial)
    store.owner_died()
    with suppress(Killed):
        two_checkpoints(start_run(KilledBackend(store, last, how), "r1"))
    store.owner_died()
    two_checkpoints(start_run(MemoryBackend(store), "r2"))
    read = decode_lines(store.history)
    calls = [line.address for line in read if isinstance(line, CallLine)]
    assert calls == ["trial.more", "trial.most"]
    assert store.stored is not None
    stored = decode(store.stored.data, "it")
    assert set(state_at(0, stored, stored, read).sequences["trial"].steps) == {"intro", "call"}
    for_run = {line.run: line.by.operation for line in read if line.by}
    assert all(for_run[line.run] == line.run for line in read if isinstance(line, CallLine))


def test_run_writes_author_plan_calls_notes_and_serials(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run("r1")
    manager.append(RunRecord(by=None, applying=Applying(plan="p")))
    manager.append(SequenceRecord(sequence="trial", seen=("S1",)))
    manager.append(made(manager.append(INTENT)))
    patch = IntentRecord(address="trial.nudge.a", action="update-variant", replaced={"payload": {"subject": "Old"}})
    manager.append(OutcomeRecord(of=manager.append(patch), result=CallResult.UPDATED, deltas=(new_step(),)))
    manager.append(OutcomeRecord(of=manager.append(patch), result=CallResult.REFUSED, detail="no"))
    manager.append(NoteRecord(text="trial.more is there", deltas=(new_step("more", "S8"),)))
    manager.append(NoteRecord(text="done"))
    manager.append(EndRecord(exit_code=10))
    manager.checkpoint()
    first, created, updated, refused, note, end, serial = lines(home)
    assert (first.kind, first.by, created.by) == ("run", Author(), None)
    assert isinstance(created, CallLine)
    assert (created.address, created.result, created.ids) == ("trial.nudge", "made", ("S9", "S9a"))
    assert isinstance(updated, CallLine)
    assert (updated.ids, updated.replaced) == (("S9a",), {"payload": {"subject": "Old"}})
    assert isinstance(refused, CallLine)
    assert (refused.detail, refused.replaced) == ("no", None)
    assert note.model_dump()["addresses"] == ("trial.more",)
    assert end.model_dump()["exit_code"] == 10
    assert isinstance(serial, SerialLine)
    assert (serial.before, serial.serial) == (7, 8)


def test_history_is_only_appended_to(home: StateFolder) -> None:
    """Even after an incomplete line."""
    home.put(a_state())
    path = home.folder / "s.json.history"
    before = b"an incomplete li"
    path.write_bytes(before)
    for name in ("r1", "r2", "r3"):
        manager = home.run(name)
        manager.append(NoteRecord(text=name, deltas=(new_step(name, f"S-{name}"),)))
        manager.append(EndRecord())
        manager.checkpoint()
        now = path.read_bytes()
        assert now.startswith(before)
        before = now[:-5]
        path.write_bytes(before)
    assert [row["text"] for row in (line.model_dump() for line in lines(home)) if "text" in row] == ["r1", "r2", "r3"]


class NoHistory(FailingDisk):
    """Fails to write the history, and writes everything else."""

    def open_to_append(self, path: Path) -> int:
        """Fail for the history while `failing` says so."""
        return super().open_to_append(path) if path.suffix == ".history" else FailingDisk().open_to_append(path)


def test_unwritable_history_does_not_stop_a_checkpoint(home: StateFolder) -> None:
    """The error is reported, and a later checkpoint of the run writes what is missing."""
    home.put(a_state())
    disk = NoHistory("open_to_append")
    manager = home.run(disk=disk)
    manager.append(made(manager.append(INTENT)))
    manager.checkpoint()
    assert "nudge" in home.stored().sequences["trial"].steps
    assert "history" in manager.history_error
    assert lines(home) == []
    disk.failing = set()
    manager.append(EndRecord())
    manager.checkpoint()
    assert manager.history_error == ""
    assert [line.kind for line in lines(home)] == ["note", "call", "serial", "end"]
    assert state_at(7, manager.state, home.stored(), lines(home)).serial == 7


def test_partly_written_history_is_completed_by_the_next_checkpoint(home: StateFolder) -> None:
    home.put(a_state())
    disk = FailingDisk()
    manager = home.run(disk=disk)
    manager.append(made(manager.append(INTENT)))
    disk.failing, disk.left = {"write"}, 0
    with pytest.raises(StateError):
        manager.checkpoint()  # the state cannot be written either
    assert home.backend().history() != b""
    disk.failing = set()
    manager.checkpoint()
    assert [line.kind for line in lines(home)] == ["note", "call", "serial"]


def test_state_push_is_in_the_history(home: StateFolder) -> None:
    """The way back leads past it, but not into a state of another lineage."""
    home.put(a_state())
    pushed = a_state().with_delta(new_step("pushed", "S-p"))
    home.run("r1").push(pushed)
    stored = home.stored()
    assert stored.serial == 8
    assert set(state_at(7, stored, stored, lines(home)).sequences["trial"].steps) == {"intro", "call"}
    home.run("r2").push(pushed.model_copy(update={"lineage": "another"}))
    assert [line.kind for line in lines(home)] == ["note", "serial", "note"]
