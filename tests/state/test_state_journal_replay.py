"""Replay: deltas are applied once and in order, and what is open stays open until a record closes it."""

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
BASE = a_state()  # contains its journal up to 3


def numbered(*records: AnyRecord, first: int = 4) -> list[AnyRecord]:
    """`records` with numbers from `first`."""
    return [row.model_copy(update={"n": first + place, "lineage": LINEAGE}) for place, row in enumerate(records)]


def intent(address: str = "trial.nudge") -> IntentRecord:
    """A write that is about to be sent."""
    return IntentRecord(address=address, action="create-step")


def made(of: int, *deltas: Delta) -> OutcomeRecord:
    """The outcome of intent number `of`."""
    return OutcomeRecord(of=of, result=CallResult.MADE, deltas=deltas)


def test_deltas_change_the_state_and_raise_the_serial() -> None:
    replayed = replay(BASE, numbered(intent(), made(4, new_step())))
    assert "nudge" in replayed.state.sequences["trial"].steps
    assert replayed.state.serial == BASE.serial + 1
    assert replayed.open_intents == ()


def test_checkpointed_deltas_are_not_applied_again() -> None:
    """An old outcome does not restore what was removed after its checkpoint."""
    old = numbered(intent(), made(1, new_step()), first=1)
    replayed = replay(BASE, old)
    assert replayed.state == BASE
    assert replayed.last_n == BASE.journal


def test_intent_is_open_until_an_outcome_names_it() -> None:
    """Also where a checkpoint contains it."""
    assert [row.n for row in replay(BASE, numbered(intent(), intent("trial.x"), made(4))).open_intents] == [5]
    assert [row.n for row in replay(BASE, numbered(intent(), first=2)).open_intents] == [2]


def test_damage_counts_until_a_record_resolves_it() -> None:
    damaged = numbered(DamagedRecord(), DamagedRecord(), DamageResolvedRecord(of=4))
    assert replay(BASE, damaged).damaged == (5,)


def test_run_sets_applying_and_another_write_clears_it() -> None:
    run = RunRecord(applying=APPLYING)
    assert replay(BASE, numbered(run)).state.applying == APPLYING
    done = APPLYING.model_copy(update={"done": True})
    assert replay(BASE, numbered(run, NoteRecord(applying=done))).state.applying == done
    cleared = NoteRecord(clears_applying=True, deltas=(Delta(sequence="trial", drop=True),))
    assert replay(BASE, numbered(run, cleared)).state.applying is None
    assert replay(BASE, numbered(run, made(9, new_step()))).state.applying == APPLYING


def test_last_run_ended_only_with_an_end_and_no_later_run() -> None:
    assert not replay(BASE, []).last_run_ended
    assert not replay(BASE, numbered(RunRecord())).last_run_ended
    assert replay(BASE, numbered(RunRecord(), EndRecord())).last_run_ended
    assert not replay(BASE, numbered(RunRecord(), EndRecord(), RunRecord())).last_run_ended


def test_journal_with_one_id_for_two_steps_is_refused() -> None:
    with pytest.raises(StateError, match="contradicts"):
        replay(BASE, numbered(made(1, new_step("x", "S9")), made(2, new_step("y", "S9"))))


def test_replay_on_the_checkpointed_state_changes_nothing() -> None:
    records = numbered(RunRecord(applying=APPLYING), intent(), made(5, new_step()), EndRecord())
    state = checkpointed(replay(BASE, records))
    assert state.journal == 7
    assert replay(state, records).state == state
    assert checkpointed(replay(state, records)) == state


def test_serial_stays_when_a_run_changed_nothing() -> None:
    assert checkpointed(replay(BASE, numbered(RunRecord(), EndRecord()))).serial == BASE.serial


def test_open_intents_and_damage_are_retained_after_a_checkpoint() -> None:
    """With the end of the apply, and the records of their sequences."""
    there = SequenceRecord(sequence="trial", remote_id="L1")
    done = SequenceRecord(sequence="done", remote_id="L2")
    run = numbered(RunRecord(), there, done, intent(), intent("done.x"), made(8), EndRecord())
    assert [row.n for row in retained_records(replay(BASE, run))] == [5, 7, 10]
    damaged = numbered(DamagedRecord(), RunRecord(), done, EndRecord())
    assert [row.n for row in retained_records(replay(BASE, damaged))] == [4, 6, 7]


def test_running_apply_retains_its_begin_and_sequence_records() -> None:
    run = numbered(RunRecord(), SequenceRecord(sequence="trial"), intent(), made(6, new_step()))
    assert [row.n for row in retained_records(replay(BASE, run))] == [4, 5]


records_of_a_life = st.lists(
    st.sampled_from(["run", "end", "intent", "outcome", "damage", "resolve", "sequence", "note"]), max_size=25
)


def records_of(kinds: list[str]) -> list[AnyRecord]:
    """Records of these kinds. Each refers to what came before."""
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
                "resolve": DamageResolvedRecord(of=back),
                "sequence": SequenceRecord(sequence=f"s{place % 3}"),
                "note": NoteRecord(deltas=(new_step(f"k{place % 4}", f"N{place % 4}"),)),
            }[kind]
        )
    return numbered(*rows)


@given(records_of_a_life, st.integers(0, 25))
def test_checkpoint_after_any_record_changes_nothing(kinds: list[str], cut: int) -> None:
    """What is open, known and in the state stays the same."""
    records = records_of(kinds)
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


def test_id_index_refuses_a_second_address() -> None:
    """The refusal changes nothing."""
    index = RemoteIdIndex(BASE)
    for delta in (new_step("x", "L1S1"), new_step("x", "L1"), new_sequence("other", "L1S2")):
        with pytest.raises(StateError, match="the same remote id"):
            index.move(BASE, move(BASE, delta), [delta.sequence])
    index.move(BASE, move(BASE, new_step("x", "S9")), ["trial"])


def test_id_index_allows_an_id_to_move() -> None:
    """In the same record or in a later one."""
    index = RemoteIdIndex(BASE)
    row = BASE.sequences["trial"]
    renamed = move(
        BASE, Delta(sequence="trial", drop=True), Delta(sequence="new", head=row.head, steps=dict(row.steps))
    )
    index.move(BASE, renamed, ["trial", "new"])
    with pytest.raises(StateError, match=r"L1S1 belongs to \"new\.intro\""):
        index.move(renamed, move(renamed, new_step("x", "L1S1", "new")), ["new"])
