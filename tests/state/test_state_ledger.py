"""The ledger: what was appended is there after any crash, and what cannot be saved is never lost without a word."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.states import HOST, LINEAGE, FailingDisk, FakeClock, a_state, info, new_sequence, new_step

from sequence_sync.apply.ledger import Account, Ledger, StateUnsaved, read_only
from sequence_sync.backends.base import Lock
from sequence_sync.backends.disk import Disk
from sequence_sync.backends.local import LocalBackend
from sequence_sync.backends.memory import MemoryBackend, MemoryStore
from sequence_sync.backends.rescue import Rescue
from sequence_sync.backends.seen import Seen
from sequence_sync.errors import AccountProblem, LockLost, StateProblem
from sequence_sync.state.codec import decode, encode
from sequence_sync.state.framing import unframe
from sequence_sync.state.records import (
    AnyRecord,
    DamagedRecord,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    Result,
    RunRecord,
    SequenceRecord,
    SettledRecord,
)
from sequence_sync.state.replay import replay
from sequence_sync.state.snapshot import Applying, State

ACCOUNT = Account("production", HOST)
INTENT = IntentRecord(address="trial.nudge", action="create-step")


def made(of: int, step_id: str = "S9") -> OutcomeRecord:
    """The step of intent number `of` was made."""
    return OutcomeRecord(of=of, result=Result.MADE, deltas=(new_step(step_id=step_id),))


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

    def run(self, name: str = "r1", disk: Disk | None = None, rescue: Disk | None = None) -> Ledger:
        """A new run; the one before is gone, in order or not."""
        if self.lock is not None:
            self.lock.release()
        backend = self.backend(disk)
        self.lock = backend.lock(info(name), 0, FakeClock())
        keep = Rescue(self.folder / ".seqsync" / "rescue", rescue)
        return Ledger(backend, self.lock, ACCOUNT, keep, lineage=LINEAGE, run=name, seen=Seen(self.seen))

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


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh project."""
    return Home(tmp_path)


def test_first_use(home: Home) -> None:
    """The state with its new lineage is on disk before the first record, and only then."""
    ledger = home.run()
    assert not home.path.exists()
    assert ledger.append(RunRecord()) == 1
    assert home.stored().lineage == LINEAGE
    assert home.stored().sequences == {}


def test_numbers_go_on(home: Home) -> None:
    """Records are numbered one after the other, across folds and runs, with lineage and run filled in."""
    ledger = home.run("r1")
    assert [ledger.append(RunRecord()), ledger.append(NoteRecord())] == [1, 2]
    ledger.fold()
    assert ledger.append(NoteRecord(run="other")) == 3
    assert home.run("r2").append(NoteRecord()) == 4
    found = unframe(home.journal.read_bytes(), LINEAGE, home.stored().journal)
    assert [(row.n, row.run) for row in found] == [(1, "r1"), (3, "other"), (4, "r2")]


def test_a_crash_loses_nothing(home: Home) -> None:
    """What was appended is in the next run's state, an intent without outcome is open, the lock is taken over."""
    home.put(a_state())
    ledger = home.run("r1")
    ledger.append(RunRecord(applying=Applying(plan="p")))
    first = ledger.append(INTENT)
    ledger.append(made(first))
    ledger.append(INTENT.model_copy(update={"address": "trial.more"}))
    again = home.run("r2")
    assert "nudge" in again.state.sequences["trial"].steps
    assert again.state == ledger.state.model_copy(update={"serial": ledger.state.serial + 1})
    assert [row.address for row in again.open_intents] == ["trial.more"]
    assert not again.last_run_ended


def test_fold(home: Home) -> None:
    """After a fold the state file has it all, and the journal only what the next run must still see."""
    home.put(a_state())
    ledger = home.run("r1")
    ledger.append(RunRecord())
    ledger.append(made(ledger.append(INTENT)))
    ledger.append(EndRecord())
    ledger.fold()
    assert home.stored() == ledger.state
    assert home.stored().serial == a_state().serial + 1
    assert home.stored().journal == 7
    assert [row.kind for row in unframe(home.journal.read_bytes(), LINEAGE, 7)] == ["end"]
    again = home.run("r2")
    assert again.last_run_ended
    assert again.open_intents == ()
    assert again.state == home.stored()


def test_fold_twice_writes_once(home: Home) -> None:
    """A fold with nothing new touches neither file."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(NoteRecord())
    ledger.fold()
    before = home.path.stat(), home.journal.stat()
    ledger.fold()
    assert (home.path.stat(), home.journal.stat()) == before


def test_a_crash_between_state_and_cut(home: Home) -> None:
    """Killed after the state was written and before the journal was cut, nothing is applied twice."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(made(ledger.append(INTENT)))
    uncut = home.journal.read_bytes()
    ledger.fold()
    home.journal.write_bytes(uncut)
    again = home.run("r2")
    assert again.state == home.stored()
    assert again.damaged == ()
    again.fold()
    assert home.journal.read_bytes() == b""


def test_fold_if_due(home: Home) -> None:
    """Small records do not make a fold due; a journal that outgrew the state does."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(NoteRecord(text="small"))
    assert not ledger.fold_if_due()
    ledger.append(NoteRecord(text="x" * 300_000))
    assert ledger.fold_if_due()
    assert home.stored().journal == 5
    assert not ledger.fold_if_due()


def test_every_cut_of_the_journal(home: Home) -> None:
    """With the journal cut at any byte a run begins, tells the damage where a record is torn, and can append."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(RunRecord())
    ledger.append(made(ledger.append(INTENT)))
    whole = home.journal.read_bytes()
    ends = [0] + [place + 1 for place, byte in enumerate(whole) if byte == 10]
    for length in range(0, len(whole) + 1, 7):
        home.journal.write_bytes(whole[:length])
        again = home.run("r2")
        intact = max(count for count, end in enumerate(ends) if end <= length)
        assert again.damaged == (() if length in ends else (a_state().journal + 1 + intact,))
        assert again.append(NoteRecord()) == a_state().journal + 1 + intact + (length not in ends)
        assert home.run("r3").damaged == again.damaged


def test_damage_is_open_until_settled(home: Home) -> None:
    """Damage outlives runs and folds until a settled record names it, and people are told."""
    home.put(a_state())
    home.run().append(NoteRecord())
    home.journal.write_bytes(home.journal.read_bytes()[:-9])
    ledger = home.run("r2")
    assert ledger.damaged == (4,)
    assert "damaged" in ledger.view.notes[0]
    ledger.append(EndRecord())
    ledger.fold()
    again = home.run("r3")
    assert again.damaged == (4,)
    again.append(SettledRecord(of=4))
    again.append(EndRecord())
    again.fold()
    assert home.run("r4").damaged == ()


def test_a_lost_state_with_its_journal(home: Home) -> None:
    """Where only the state file is gone, its lineage, open intents and serial go on, and the loss counts as damage."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(RunRecord())
    ledger.append(INTENT)
    ledger.fold()
    home.path.unlink()
    again = home.run("r2")
    assert again.state.lineage == LINEAGE
    assert again.state.serial >= a_state().serial
    assert [row.address for row in again.open_intents] == [INTENT.address]
    assert again.damaged == (1,)
    assert "missing" in again.view.notes[0]
    again.append(RunRecord())
    assert home.run("r3").damaged == (1,)


def test_another_states_journal_is_refused(home: Home) -> None:
    """A journal that lies beside a state of another lineage is not replayed on it."""
    home.put(a_state())
    home.run().append(NoteRecord())
    home.put(a_state().model_copy(update={"lineage": "another"}))
    with pytest.raises(StateProblem, match="another state"):
        home.run("r2")


def test_another_api_host_is_refused(home: Home) -> None:
    """A state of another API host ends with 4, for readers and for runs."""
    home.put(a_state().model_copy(update={"api_host": "127.0.0.1:9"}))
    with pytest.raises(AccountProblem) as refused:
        home.run()
    assert refused.value.exit_code == 4
    with pytest.raises(AccountProblem):
        read_only(home.backend(), ACCOUNT)


def test_an_older_state_is_refused(home: Home) -> None:
    """A state restored from before the last fold is refused by readers and runs that remember it."""
    old = home.path
    home.put(a_state())
    before = old.read_bytes()
    ledger = home.run()
    ledger.append(made(ledger.append(INTENT)))
    ledger.fold()
    old.write_bytes(before)
    home.journal.unlink()
    with pytest.raises(StateProblem, match="older than this machine"):
        home.run("r2")
    with pytest.raises(StateProblem, match="older than this machine"):
        read_only(home.backend(), ACCOUNT, Seen(home.seen))
    assert read_only(home.backend(), ACCOUNT) is not None


def test_an_id_that_another_step_has_is_refused(home: Home) -> None:
    """An outcome with a known id is refused before anything is written, and the run can go on."""
    home.put(a_state())
    ledger = home.run()
    of = ledger.append(INTENT)
    before = home.journal.read_bytes()
    with pytest.raises(StateProblem, match="stand twice"):
        ledger.append(made(of, step_id="L1S1"))
    assert home.journal.read_bytes() == before
    ledger.append(made(of))


@pytest.mark.parametrize("operation", ["write", "fsync"])
def test_no_intent_no_call(home: Home, operation: str) -> None:
    """An intent that is not durable raises, is not open in this run, and every later append refuses."""
    home.put(a_state())
    disk = FailingDisk(operation)
    ledger = home.run(disk=disk)
    with pytest.raises(StateProblem):
        ledger.append(INTENT)
    disk.failing.clear()
    with pytest.raises(StateProblem, match="any more"):
        ledger.append(INTENT)
    assert ledger.open_intents == ()
    assert home.run("r2").view.last_n == a_state().journal + 1


def test_an_outcome_that_cannot_be_recorded_is_rescued(home: Home) -> None:
    """The answer of a call that was sent is kept in a rescue file, and its intent stays open."""
    home.put(a_state())
    ledger = home.run(disk=FailingDisk("fsync", only_after=1))
    of = ledger.append(INTENT)
    with pytest.raises(StateProblem, match=r"trial\.nudge \(made\) is kept in") as told:
        ledger.append(made(of))
    assert str(home.rescued()[0]) in str(told.value)
    assert "S9" in home.rescued()[0].read_text()
    assert [row.n for row in ledger.open_intents] == [of]


def test_a_lost_lock_records_nothing_more(home: Home) -> None:
    """After the lock is lost neither journal nor state is touched; an outcome and the state go to rescue files."""
    home.put(a_state())
    ledger = home.run()
    of = ledger.append(INTENT)
    before = home.path.read_bytes(), home.journal.read_bytes()
    (home.folder / "s.json.lock").unlink()
    with pytest.raises(LockLost):
        ledger.append(made(of))
    with pytest.raises(StateUnsaved):
        ledger.fold()
    assert (home.path.read_bytes(), home.journal.read_bytes()) == before
    assert len(home.rescued()) == 2


def test_rescue_ladder(home: Home) -> None:
    """A state that cannot be written goes to a rescue file whose command is told, and the old one stays whole."""
    home.put(a_state())
    ledger = home.run(disk=FailingDisk("replace"))
    ledger.append(made(ledger.append(INTENT)))
    with pytest.raises(StateUnsaved, match="seqsync state push") as told:
        ledger.fold()
    assert home.stored() == a_state()
    assert told.value.printed is None
    assert told.value.rescue_file == str(home.rescued()[0])
    assert told.value.rescue_file in told.value.hint
    saved = decode(home.rescued()[0].read_bytes(), "rescue")
    assert "nudge" in saved.sequences["trial"].steps
    assert home.run("r2").state.sequences == saved.sequences


def test_last_rung_of_the_ladder(home: Home) -> None:
    """Where the rescue file fails too, the bytes are handed over to be printed, with the command."""
    home.put(a_state())
    ledger = home.run(disk=FailingDisk("replace"), rescue=FailingDisk("write"))
    ledger.append(made(ledger.append(INTENT)))
    with pytest.raises(StateUnsaved, match="seqsync state push FILE") as told:
        ledger.fold()
    assert told.value.rescue_file is None
    assert told.value.printed is not None
    assert "nudge" in decode(told.value.printed, "printed").sequences["trial"].steps


def test_a_state_changed_by_hand_is_not_written_over(home: Home) -> None:
    """Where something else wrote the state during the run, it stays, and ours goes to a rescue file."""
    home.put(a_state())
    ledger = home.run()
    ledger.append(made(ledger.append(INTENT)))
    home.put(a_state().model_copy(update={"serial": 99}))
    with pytest.raises(StateUnsaved, match="changed by something else"):
        ledger.fold()
    assert home.stored().serial == 99
    assert len(home.rescued()) == 1


def test_readers_see_state_plus_journal(home: Home) -> None:
    """A reader without the lock sees what the run has recorded so far, and nothing where there is nothing."""
    assert read_only(home.backend(), ACCOUNT) is None
    ledger = home.run()
    ledger.append(NoteRecord(deltas=(new_sequence(),)))
    ledger.append(INTENT)
    seen = read_only(home.backend(), ACCOUNT)
    assert seen is not None
    assert seen.state.sequences == ledger.state.sequences
    assert [row.address for row in seen.open_intents] == [INTENT.address]


class FoldingMeanwhile(MemoryBackend):
    """Another run folds after this reader has read the state and before it reads the journal."""

    meanwhile: Callable[[], None] | None = None

    def journal(self) -> bytes:
        """The journal, after the other run did its work."""
        if self.meanwhile is not None:
            work, self.meanwhile = self.meanwhile, None
            work()
        return super().journal()


def memory_ledger(store: MemoryStore) -> Ledger:
    """A run on a state in memory."""
    backend = MemoryBackend(store)
    lock = backend.lock(info("r1"), 0, FakeClock())
    return Ledger(backend, lock, ACCOUNT, Rescue(Path("/nonexistent")), lineage=LINEAGE, run="r1")


def test_a_reader_is_not_fooled_by_a_fold(home: Home) -> None:
    """A fold between the reader's two reads is noticed, so that the cut journal is not taken for damage."""
    store = MemoryStore()
    ledger = memory_ledger(store)
    ledger.append(NoteRecord(deltas=(new_sequence(),)))
    ledger.append(INTENT)
    reader = FoldingMeanwhile(store)
    reader.meanwhile = ledger.fold
    seen = read_only(reader, ACCOUNT)
    assert seen is not None
    assert seen.damaged == ()
    assert set(seen.state.sequences) == {"trial"}


def test_workers_side_by_side(home: Home) -> None:
    """Records of several threads get numbers of their own, and each one is there afterwards."""
    ledger = memory_ledger(MemoryStore())
    for name in "abcd":
        ledger.append(NoteRecord(deltas=(new_sequence(name, f"L{name}"),)))
    numbers: list[int] = []

    def work(name: str) -> None:
        for turn in range(25):
            step = new_step(f"k{turn}", f"S{name}{turn}", name)
            numbers.append(ledger.append(NoteRecord(deltas=(step,))))
            ledger.fold_if_due()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(5, 105))
    assert {len(row.steps) for row in ledger.state.sequences.values()} == {25}
    ledger.fold()


def test_the_view_is_what_replay_says(home: Home) -> None:
    """The state kept record by record equals the state replayed from the files."""
    store = MemoryStore()
    ledger = memory_ledger(store)
    rows: list[AnyRecord] = [
        RunRecord(applying=Applying(plan="p")),
        NoteRecord(deltas=(new_sequence(),)),
        SequenceRecord(sequence="trial", remote_id="L1"),
        INTENT,
        made(4),
        INTENT,
    ]
    for row in rows:
        ledger.append(row)
    assert store.stored is not None
    base = decode(store.stored.data, "x")
    again = replay(base, unframe(store.journal, LINEAGE, base.journal))
    assert again.state.sequences == ledger.state.sequences
    assert again.state.applying == ledger.state.applying
    assert again.open_intents == ledger.open_intents
    assert not any(isinstance(row, DamagedRecord) for row in unframe(store.journal, LINEAGE, base.journal))
