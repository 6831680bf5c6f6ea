"""What state and journal say together: deltas once and in order, and everything open stays open until it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import LINEAGE, a_state, new_sequence, new_step

from sequence_sync.errors import StateError
from sequence_sync.state.journal import (
    AnyRecord,
    CallResult,
    DamagedRecord,
    DamageResolvedRecord,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    RunRecord,
    SequenceRecord,
    checkpointed,
    decode_records,
    encode_record,
    replay,
    retained_records,
)
from sequence_sync.state.model import Applying, Delta, RemoteIdIndex, State

APPLYING = Applying(plan="a" * 64)
BASE = a_state()  # its journal is folded up to 3


def numbered(*records: AnyRecord, first: int = 4) -> list[AnyRecord]:
    """`records` with numbers from `first`."""
    return [row.model_copy(update={"n": first + place, "lineage": LINEAGE}) for place, row in enumerate(records)]


def intent(address: str = "trial.nudge") -> IntentRecord:
    """A write that is about to be sent."""
    return IntentRecord(address=address, action="create-step")


def made(of: int, *deltas: Delta) -> OutcomeRecord:
    """Its answer."""
    return OutcomeRecord(of=of, result=CallResult.MADE, deltas=deltas)


def test_deltas_are_applied() -> None:
    """A later record's delta shows in the state, and the serial has risen by one."""
    replayed = replay(BASE, numbered(intent(), made(4, new_step())))
    assert "nudge" in replayed.state.sequences["trial"].steps
    assert replayed.state.serial == BASE.serial + 1
    assert replayed.open_intents == ()


def test_folded_deltas_are_not_applied_again() -> None:
    """An old outcome does not bring back what was removed after it was folded."""
    old = numbered(intent(), made(1, new_step()), first=1)
    replayed = replay(BASE, old)
    assert replayed.state == BASE
    assert replayed.last_n == BASE.journal


def test_an_intent_without_outcome_is_open() -> None:
    """An intent is open until an outcome names its number, also where it is folded already."""
    assert [row.n for row in replay(BASE, numbered(intent(), intent("trial.x"), made(4))).open_intents] == [5]
    assert [row.n for row in replay(BASE, numbered(intent(), first=2)).open_intents] == [2]


def test_damage_is_open_until_settled() -> None:
    """A damaged record counts until a settled record names it."""
    damaged = numbered(DamagedRecord(), DamagedRecord(), DamageResolvedRecord(of=4))
    assert replay(BASE, damaged).damaged == (5,)


def test_applying_is_set_and_cleared() -> None:
    """A run sets what is being applied, a note changes it, and a write of another kind clears it."""
    run = RunRecord(applying=APPLYING)
    assert replay(BASE, numbered(run)).state.applying == APPLYING
    done = APPLYING.model_copy(update={"done": True})
    assert replay(BASE, numbered(run, NoteRecord(applying=done))).state.applying == done
    cleared = NoteRecord(clears_applying=True, deltas=(Delta(sequence="trial", drop=True),))
    assert replay(BASE, numbered(run, cleared)).state.applying is None
    assert replay(BASE, numbered(run, made(9, new_step()))).state.applying == APPLYING


def test_the_last_run_ended() -> None:
    """Only an orderly end that no later run follows counts, and no record at all does not."""
    assert not replay(BASE, []).last_run_ended
    assert not replay(BASE, numbered(RunRecord())).last_run_ended
    assert replay(BASE, numbered(RunRecord(), EndRecord())).last_run_ended
    assert not replay(BASE, numbered(RunRecord(), EndRecord(), RunRecord())).last_run_ended


def test_an_id_that_would_stand_twice_is_refused() -> None:
    """A journal that gives one remote id to two steps is not believed."""
    with pytest.raises(StateError, match="contradicts"):
        replay(BASE, numbered(made(1, new_step("x", "S9")), made(2, new_step("y", "S9"))))


def test_folding() -> None:
    """The folded state holds the journal's last number, and replaying the same journal on it changes nothing."""
    records = numbered(RunRecord(applying=APPLYING), intent(), made(5, new_step()), EndRecord())
    state = checkpointed(replay(BASE, records))
    assert state.journal == 7
    assert replay(state, records).state == state
    assert checkpointed(replay(state, records)) == state


def test_serial_stays_without_content() -> None:
    """Folding a run that changed nothing leaves the serial as it was."""
    assert checkpointed(replay(BASE, numbered(RunRecord(), EndRecord()))).serial == BASE.serial


def test_what_outlives_folding() -> None:
    """After an orderly end its mark, open intents, open damage and the records of their sequences are kept."""
    there = SequenceRecord(sequence="trial", remote_id="L1")
    done = SequenceRecord(sequence="done", remote_id="L2")
    run = numbered(RunRecord(), there, done, intent(), intent("done.x"), made(8), EndRecord())
    assert [row.n for row in retained_records(replay(BASE, run))] == [5, 7, 10]
    damaged = numbered(DamagedRecord(), RunRecord(), done, EndRecord())
    assert [row.n for row in retained_records(replay(BASE, damaged))] == [4, 6, 7]


def test_a_running_run_keeps_its_records() -> None:
    """While a run goes on, its beginning and its sequences' records outlive a fold."""
    run = numbered(RunRecord(), SequenceRecord(sequence="trial"), intent(), made(6, new_step()))
    assert [row.n for row in retained_records(replay(BASE, run))] == [4, 5]


records_of_a_life = st.lists(
    st.sampled_from(["run", "end", "intent", "outcome", "damage", "settle", "sequence", "note"]), max_size=25
)


def a_life(kinds: list[str]) -> list[AnyRecord]:
    """Records of those kinds, each about whatever came before."""
    rows: list[AnyRecord] = []
    for place, kind in enumerate(kinds):
        back = max(4, 4 + place - 3)
        rows.append(
            {
                "run": RunRecord(applying=APPLYING),
                "end": EndRecord(),
                "intent": intent(f"s{place % 3}.x"),
                "outcome": made(back, new_step(f"k{place % 4}", f"N{place % 4}")),
                "damage": DamagedRecord(),
                "settle": DamageResolvedRecord(of=back),
                "sequence": SequenceRecord(sequence=f"s{place % 3}"),
                "note": NoteRecord(deltas=(new_step(f"k{place % 4}", f"N{place % 4}"),)),
            }[kind]
        )
    return numbered(*rows)


@given(records_of_a_life, st.integers(0, 25))
def test_folding_anywhere_changes_nothing(kinds: list[str], cut: int) -> None:
    """Fold and cut after any record, go on with the rest: what is open, known and in the state is the same."""
    records = a_life(kinds)
    straight = replay(BASE, records)
    half = replay(BASE, records[:cut])
    state = checkpointed(half)
    journal = b"".join(encode_record(row) for row in [*retained_records(half), *records[cut:]])
    again = replay(state, decode_records(journal, LINEAGE, state.journal))
    assert again.state.sequences == straight.state.sequences
    assert again.state.applying == straight.state.applying
    assert [row.n for row in again.open_intents] == [row.n for row in straight.open_intents]
    assert again.damaged == straight.damaged
    assert again.last_n == straight.last_n
    assert again.last_run_ended == straight.last_run_ended
    unsettled = {row.address.split(".")[0] for row in straight.open_intents}
    assert unsettled & set(straight.sequence_records) <= set(again.sequence_records)


def move(state: State, *deltas: Delta) -> State:
    """The state after `deltas`."""
    for delta in deltas:
        state = state.with_delta(delta)
    return state


def test_owners_refuse_a_second_address() -> None:
    """An id that one step has is refused for another, and the refusal changes nothing."""
    owners = RemoteIdIndex(BASE)
    for delta in (new_step("x", "L1S1"), new_step("x", "L1"), new_sequence("other", "L1S2")):
        with pytest.raises(StateError, match="the same remote id"):
            owners.move(BASE, move(BASE, delta), [delta.sequence])
    owners.move(BASE, move(BASE, new_step("x", "S9")), ["trial"])


def test_owners_follow_moves() -> None:
    """An id that left an address, in the same record or before, may come to another."""
    owners = RemoteIdIndex(BASE)
    row = BASE.sequences["trial"]
    renamed = move(
        BASE, Delta(sequence="trial", drop=True), Delta(sequence="new", head=row.head, steps=dict(row.steps))
    )
    owners.move(BASE, renamed, ["trial", "new"])
    with pytest.raises(StateError, match=r"L1S1 belongs to new\.intro"):
        owners.move(renamed, move(renamed, new_step("x", "L1S1", "new")), ["new"])
