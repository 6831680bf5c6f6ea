"""StateManager with damaged journals, lost states, full disks, lost locks and states of another account."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.state_folder import ACCOUNT, INTENT, StateFolder, made
from support.states import LINEAGE, FailingDisk, a_state

from sequence_sync.errors import AccountError, LockLostError, StateError
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.journal import DamageResolvedRecord, EndRecord, NoteRecord, RunRecord
from sequence_sync.state.manager import StateNotSavedError, read_only
from sequence_sync.state.statefile import decode


@pytest.fixture
def home(tmp_path: Path) -> StateFolder:
    """An empty state folder."""
    return StateFolder(tmp_path)


def test_run_can_append_after_truncation_at_any_byte(home: StateFolder) -> None:
    """It reports the damage where a record is incomplete."""
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


def test_damage_outlives_runs_and_checkpoints_until_resolved(home: StateFolder) -> None:
    """And a note reports it."""
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


def test_lost_state_is_recovered_from_its_journal(home: StateFolder) -> None:
    """With lineage, open intents and serial. The loss counts as damage."""
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


def test_journal_of_another_state_is_refused(home: StateFolder) -> None:
    home.put(a_state())
    home.run().append(NoteRecord())
    home.put(a_state().model_copy(update={"lineage": "another"}))
    with pytest.raises(StateError, match="another state"):
        home.run("r2")


def test_state_of_another_api_host_is_refused(home: StateFolder) -> None:
    home.put(a_state().model_copy(update={"api_host": "127.0.0.1:9"}))
    with pytest.raises(AccountError) as refused:
        home.run()
    assert refused.value.exit_code == 4
    with pytest.raises(AccountError):
        read_only(home.backend(), ACCOUNT)


def test_state_older_than_the_last_seen_is_refused(home: StateFolder) -> None:
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
        read_only(home.backend(), ACCOUNT, HighWaterMark(home.marks))
    assert read_only(home.backend(), ACCOUNT) is not None


def test_outcome_with_a_known_id_is_refused_before_writing(home: StateFolder) -> None:
    """The run can continue."""
    home.put(a_state())
    manager = home.run()
    of = manager.append(INTENT)
    before = home.journal.read_bytes()
    with pytest.raises(StateError, match="the same remote id"):
        manager.append(made(of, step_id="L1S1"))
    assert home.journal.read_bytes() == before
    manager.append(made(of))


@pytest.mark.parametrize("operation", ["write", "fsync"])
def test_intent_that_is_not_durable_stops_the_run(home: StateFolder, operation: str) -> None:
    """Nothing is open, and every later append raises."""
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


def test_unrecorded_outcome_goes_to_a_rescue_file(home: StateFolder) -> None:
    """Its intent stays open."""
    home.put(a_state())
    manager = home.run(disk=FailingDisk("fsync", only_after=1))
    of = manager.append(INTENT)
    with pytest.raises(StateError, match=r"trial\.nudge \(made\) is in") as caught:
        manager.append(made(of))
    assert str(home.rescued()[0]) in str(caught.value)
    assert "S9" in home.rescued()[0].read_text()
    assert [row.n for row in manager.open_intents] == [of]


def test_nothing_is_recorded_after_the_lock_is_lost(home: StateFolder) -> None:
    """Outcome and state go to rescue files."""
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


def test_unwritable_state_goes_to_a_rescue_file(home: StateFolder) -> None:
    """The old state is unchanged, and the error names the command that restores the new one."""
    home.put(a_state())
    manager = home.run(disk=FailingDisk("replace"))
    manager.append(made(manager.append(INTENT)))
    with pytest.raises(StateNotSavedError, match="seqsync state push") as caught:
        manager.checkpoint()
    assert home.stored() == a_state()
    assert caught.value.printed is None
    assert caught.value.rescue_file == str(home.rescued()[0])
    assert caught.value.rescue_file in caught.value.hint
    saved = decode(home.rescued()[0].read_bytes(), "rescue")
    assert "nudge" in saved.sequences["trial"].steps
    assert home.run("r2").state.sequences == saved.sequences


def test_state_is_printed_where_the_rescue_file_fails_too(home: StateFolder) -> None:
    home.put(a_state())
    manager = home.run(disk=FailingDisk("replace"), rescue=FailingDisk("write"))
    manager.append(made(manager.append(INTENT)))
    with pytest.raises(StateNotSavedError, match="seqsync state push FILE") as caught:
        manager.checkpoint()
    assert caught.value.rescue_file is None
    assert caught.value.printed is not None
    assert "nudge" in decode(caught.value.printed, "printed").sequences["trial"].steps


def test_state_changed_during_the_run_is_not_overwritten(home: StateFolder) -> None:
    """The state of the run goes to a rescue file."""
    home.put(a_state())
    manager = home.run()
    manager.append(made(manager.append(INTENT)))
    home.put(a_state().model_copy(update={"serial": 99}))
    with pytest.raises(StateNotSavedError, match="Something else changed"):
        manager.checkpoint()
    assert home.stored().serial == 99
    assert len(home.rescued()) == 1
