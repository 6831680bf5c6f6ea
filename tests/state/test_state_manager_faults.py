"""The ledger under damage: torn journals, lost states, full disks, lost locks, and states that are not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ledgers import ACCOUNT, INTENT, Home, made
from support.states import LINEAGE, FailingDisk, a_state

from sequence_sync.errors import AccountError, LockLostError, StateError
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.journal import DamageResolvedRecord, EndRecord, NoteRecord, RunRecord
from sequence_sync.state.manager import StateNotSavedError, read_only
from sequence_sync.state.statefile import decode


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh project."""
    return Home(tmp_path)


def test_every_cut_of_the_journal(home: Home) -> None:
    """With the journal cut at any byte a run begins, tells the damage where a record is torn, and can append."""
    home.put(a_state())
    manager = home.run()
    manager.append(RunRecord())
    manager.append(made(manager.append(INTENT)))
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
    manager = home.run("r2")
    assert manager.damaged == (4,)
    assert "damaged" in manager.view.notes[0]
    manager.append(EndRecord())
    manager.checkpoint()
    again = home.run("r3")
    assert again.damaged == (4,)
    again.append(DamageResolvedRecord(of=4))
    again.append(EndRecord())
    again.checkpoint()
    assert home.run("r4").damaged == ()


def test_a_lost_state_with_its_journal(home: Home) -> None:
    """Where only the state file is gone, its lineage, open intents and serial go on, and the loss counts as damage."""
    home.put(a_state())
    manager = home.run()
    manager.append(RunRecord())
    manager.append(INTENT)
    manager.checkpoint()
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
    with pytest.raises(StateError, match="another state"):
        home.run("r2")


def test_another_api_host_is_refused(home: Home) -> None:
    """A state of another API host ends with 4, for readers and for runs."""
    home.put(a_state().model_copy(update={"api_host": "127.0.0.1:9"}))
    with pytest.raises(AccountError) as refused:
        home.run()
    assert refused.value.exit_code == 4
    with pytest.raises(AccountError):
        read_only(home.backend(), ACCOUNT)


def test_an_older_state_is_refused(home: Home) -> None:
    """A state restored from before the last fold is refused by readers and runs that remember it."""
    old = home.path
    home.put(a_state())
    before = old.read_bytes()
    manager = home.run()
    manager.append(made(manager.append(INTENT)))
    manager.checkpoint()
    old.write_bytes(before)
    home.journal.unlink()
    with pytest.raises(StateError, match="older than one this machine"):
        home.run("r2")
    with pytest.raises(StateError, match="older than one this machine"):
        read_only(home.backend(), ACCOUNT, HighWaterMark(home.seen))
    assert read_only(home.backend(), ACCOUNT) is not None


def test_an_id_that_another_step_has_is_refused(home: Home) -> None:
    """An outcome with a known id is refused before anything is written, and the run can go on."""
    home.put(a_state())
    manager = home.run()
    of = manager.append(INTENT)
    before = home.journal.read_bytes()
    with pytest.raises(StateError, match="the same remote id"):
        manager.append(made(of, step_id="L1S1"))
    assert home.journal.read_bytes() == before
    manager.append(made(of))


@pytest.mark.parametrize("operation", ["write", "fsync"])
def test_no_intent_no_call(home: Home, operation: str) -> None:
    """An intent that is not durable raises, is not open in this run, and every later append refuses."""
    home.put(a_state())
    disk = FailingDisk(operation)
    manager = home.run(disk=disk)
    with pytest.raises(StateError):
        manager.append(INTENT)
    disk.failing.clear()
    with pytest.raises(StateError, match="no longer"):
        manager.append(INTENT)
    assert manager.open_intents == ()
    assert home.run("r2").view.last_n == a_state().journal + 1


def test_an_outcome_that_cannot_be_recorded_is_rescued(home: Home) -> None:
    """The answer of a call that was sent is kept in a rescue file, and its intent stays open."""
    home.put(a_state())
    manager = home.run(disk=FailingDisk("fsync", only_after=1))
    of = manager.append(INTENT)
    with pytest.raises(StateError, match=r"trial\.nudge \(made\) is in") as told:
        manager.append(made(of))
    assert str(home.rescued()[0]) in str(told.value)
    assert "S9" in home.rescued()[0].read_text()
    assert [row.n for row in manager.open_intents] == [of]


def test_a_lost_lock_records_nothing_more(home: Home) -> None:
    """After the lock is lost neither journal nor state is touched; an outcome and the state go to rescue files."""
    home.put(a_state())
    manager = home.run()
    of = manager.append(INTENT)
    before = home.path.read_bytes(), home.journal.read_bytes()
    (home.folder / "s.json.lock").unlink()
    with pytest.raises(LockLostError):
        manager.append(made(of))
    with pytest.raises(StateNotSavedError):
        manager.checkpoint()
    assert (home.path.read_bytes(), home.journal.read_bytes()) == before
    assert len(home.rescued()) == 2


def test_rescue_ladder(home: Home) -> None:
    """A state that cannot be written goes to a rescue file whose command is told, and the old one stays whole."""
    home.put(a_state())
    manager = home.run(disk=FailingDisk("replace"))
    manager.append(made(manager.append(INTENT)))
    with pytest.raises(StateNotSavedError, match="seqsync state push") as told:
        manager.checkpoint()
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
    manager = home.run(disk=FailingDisk("replace"), rescue=FailingDisk("write"))
    manager.append(made(manager.append(INTENT)))
    with pytest.raises(StateNotSavedError, match="seqsync state push FILE") as told:
        manager.checkpoint()
    assert told.value.rescue_file is None
    assert told.value.printed is not None
    assert "nudge" in decode(told.value.printed, "printed").sequences["trial"].steps


def test_a_state_changed_by_hand_is_not_written_over(home: Home) -> None:
    """Where something else wrote the state during the run, it stays, and ours goes to a rescue file."""
    home.put(a_state())
    manager = home.run()
    manager.append(made(manager.append(INTENT)))
    home.put(a_state().model_copy(update={"serial": 99}))
    with pytest.raises(StateNotSavedError, match="Something else changed"):
        manager.checkpoint()
    assert home.stored().serial == 99
    assert len(home.rescued()) == 1
