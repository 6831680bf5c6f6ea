"""StateManager: appended records survive any crash, and checkpoints lose nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.state_folder import ACCOUNT, INTENT, StateFolder, made, memory_manager
from support.states import LINEAGE, a_state, new_sequence, new_step

from sequence_sync.model.address import Address
from sequence_sync.state.backends.memory import MemoryBackend, MemoryStore
from sequence_sync.state.journal import (
    AnyRecord,
    DamagedRecord,
    EndRecord,
    NoteRecord,
    RunRecord,
    SequenceRecord,
    decode_records,
    replay,
)
from sequence_sync.state.manager import read_only
from sequence_sync.state.model import Applying
from sequence_sync.state.statefile import decode


@pytest.fixture
def home(tmp_path: Path) -> StateFolder:
    """An empty state folder."""
    return StateFolder(tmp_path)


def test_new_state_is_stored_before_the_first_record(home: StateFolder) -> None:
    manager = home.run()
    assert not home.path.exists()
    assert manager.append(RunRecord()) == 1
    assert home.stored().lineage == LINEAGE
    assert home.stored().sequences == {}


def test_numbers_continue_across_checkpoints_and_runs(home: StateFolder) -> None:
    manager = home.run("r1")
    assert [manager.append(RunRecord()), manager.append(NoteRecord())] == [1, 2]
    manager.checkpoint()
    assert manager.append(NoteRecord(run="other")) == 3
    assert home.run("r2").append(NoteRecord()) == 4
    found = decode_records(home.journal.read_bytes(), LINEAGE, home.stored().journal)
    assert [(row.n, row.run) for row in found] == [(1, "r1"), (3, "other"), (4, "r2")]


def test_appended_records_survive_a_crash(home: StateFolder) -> None:
    """An intent without an outcome is open, and the lock is taken over."""
    home.put(a_state())
    manager = home.run("r1")
    manager.append(RunRecord(applying=Applying(plan="p")))
    first = manager.append(INTENT)
    manager.append(made(first))
    manager.append(INTENT.model_copy(update={"address": Address("trial.more")}))
    again = home.run("r2")
    assert "nudge" in again.state.sequences["trial"].steps
    assert again.state == manager.state.model_copy(update={"serial": manager.state.serial + 1})
    assert [row.address for row in again.open_intents] == ["trial.more"]
    assert not again.last_run_ended


def test_checkpoint_writes_the_state_and_truncates_the_journal(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run("r1")
    manager.append(RunRecord())
    manager.append(made(manager.append(INTENT)))
    manager.append(EndRecord())
    manager.checkpoint()
    assert home.stored() == manager.state
    assert home.stored().serial == a_state().serial + 1
    assert home.stored().journal == 7
    assert [row.kind for row in decode_records(home.journal.read_bytes(), LINEAGE, 7)] == ["end"]
    again = home.run("r2")
    assert again.last_run_ended
    assert again.open_intents == ()
    assert again.state == home.stored()


def test_checkpoint_without_news_writes_nothing(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run()
    manager.append(NoteRecord())
    manager.checkpoint()
    before = home.path.stat(), home.journal.stat()
    manager.checkpoint()
    assert (home.path.stat(), home.journal.stat()) == before


def test_crash_before_truncating_applies_nothing_twice(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run()
    manager.append(made(manager.append(INTENT)))
    uncut = home.journal.read_bytes()
    manager.checkpoint()
    home.journal.write_bytes(uncut)
    again = home.run("r2")
    assert again.state == home.stored()
    assert again.damaged == ()
    again.checkpoint()
    assert home.journal.read_bytes() == b""


def test_checkpoint_is_due_when_the_journal_outgrows_the_state(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run()
    manager.append(NoteRecord(text="small"))
    assert not manager.checkpoint_if_due()
    manager.append(NoteRecord(text="x" * 300_000))
    assert manager.checkpoint_if_due()
    assert home.stored().journal == 5
    assert not manager.checkpoint_if_due()


def test_reader_without_the_lock_sees_state_and_journal(home: StateFolder) -> None:
    assert read_only(home.backend(), ACCOUNT) is None
    manager = home.run()
    manager.append(NoteRecord(deltas=(new_sequence(),)))
    manager.append(INTENT)
    replayed = read_only(home.backend(), ACCOUNT)
    assert replayed is not None
    assert replayed.state.sequences == manager.state.sequences
    assert [row.address for row in replayed.open_intents] == [INTENT.address]


class CheckpointDuringRead(MemoryBackend):
    """Another run writes a checkpoint after this reader has read the state and before it reads the journal."""

    meanwhile: Callable[[], None] | None = None

    def journal(self) -> bytes:
        """Return the journal after the checkpoint of the other run."""
        if self.meanwhile is not None:
            work, self.meanwhile = self.meanwhile, None
            work()
        return super().journal()


def test_checkpoint_during_a_read_is_not_taken_for_damage(home: StateFolder) -> None:
    store = MemoryStore()
    manager = memory_manager(store)
    manager.append(NoteRecord(deltas=(new_sequence(),)))
    manager.append(INTENT)
    reader = CheckpointDuringRead(store)
    reader.meanwhile = manager.checkpoint
    replayed = read_only(reader, ACCOUNT)
    assert replayed is not None
    assert replayed.damaged == ()
    assert set(replayed.state.sequences) == {"trial"}


def test_parallel_appends_get_distinct_numbers(home: StateFolder) -> None:
    manager = memory_manager(MemoryStore())
    for name in "abcd":
        manager.append(NoteRecord(deltas=(new_sequence(name, f"L{name}"),)))
    numbers: list[int] = []

    def work(name: str) -> None:
        for turn in range(25):
            step = new_step(f"k{turn}", f"S{name}{turn}", name)
            numbers.append(manager.append(NoteRecord(deltas=(step,))))
            manager.checkpoint_if_due()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(5, 105))
    assert {len(row.steps) for row in manager.state.sequences.values()} == {25}
    manager.checkpoint()


def test_view_equals_the_replayed_files(home: StateFolder) -> None:
    store = MemoryStore()
    manager = memory_manager(store)
    rows: list[AnyRecord] = [
        RunRecord(applying=Applying(plan="p")),
        NoteRecord(deltas=(new_sequence(),)),
        SequenceRecord(sequence="trial", remote_id="L1"),
        INTENT,
        made(4),
        INTENT,
    ]
    for row in rows:
        manager.append(row)
    assert store.stored is not None
    base = decode(store.stored.data, "x")
    again = replay(base, decode_records(store.journal, LINEAGE, base.journal))
    assert again.state.sequences == manager.state.sequences
    assert again.state.applying == manager.state.applying
    assert again.open_intents == manager.open_intents
    assert not any(isinstance(row, DamagedRecord) for row in decode_records(store.journal, LINEAGE, base.journal))
