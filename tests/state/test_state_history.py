"""Undo deltas and earlier serials: every earlier state is restored exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import a_call, a_sequence, a_state, an_email, made_from

from sequence_sync.errors import UsageError
from sequence_sync.state.history import (
    AnyLine,
    NoteLine,
    SerialLine,
    decode_lines,
    encode_lines,
    serial_line,
    state_at,
    undo_deltas,
)
from sequence_sync.state.model import Delta, SequenceHead, SequenceState, State
from sequence_sync.state.statefile import decode, encode, with_serial

KEYS = st.sampled_from("abc")
STEPS = st.sampled_from(["one", "two", "three"])


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    """A change of one sequence. Ids follow the address, so that none is used twice."""
    key = draw(KEYS)
    if draw(st.integers(0, 9)) == 0:
        return Delta(sequence=key, drop=True)
    names = draw(st.lists(STEPS, unique=True, max_size=3))
    made = st.builds(an_email, day=st.integers(1, 9), subject=st.text("xy\N{BULLET}", min_size=1, max_size=3))
    steps = {}
    for name in names:
        entry = draw(st.one_of(st.none(), made, st.just(a_call())))
        steps[name] = entry and entry.model_copy(update={"id": f"S-{key}-{name}"})
    head = SequenceHead(id=f"L-{key}", title=draw(st.sampled_from(["Trial", "Other"])))
    return Delta(sequence=key, head=head, steps=steps)


def bare(state: State) -> dict[str, SequenceState]:
    """The entries of a state without `made_from`."""
    return {key: row.model_copy(update={"made_from": None}) for key, row in state.sequences.items()}


@given(st.lists(st.lists(deltas(), max_size=4), max_size=6), st.integers(0, 3))
def test_every_earlier_serial_is_restored_exactly(checkpoints: list[list[Delta]], aborted: int) -> None:
    """Also where a checkpoint wrote its history line and was then interrupted."""
    state = a_state(a=made_from(a_sequence("L-a")))
    was, lines = {state.serial: bare(state)}, list[AnyLine]()
    for index, checkpoint in enumerate(checkpoints):
        after = state
        for count, delta in enumerate(checkpoint):
            after = after.with_delta(delta)
            if index == aborted and count == 0:
                lines += filter(None, [serial_line(state, with_serial(state, after), "cut off")])
        after = with_serial(state, after)
        lines += filter(None, [serial_line(state, after, "r")])
        state = decode(encode(after), "the state")
        was[state.serial] = bare(state)
    read = decode_lines(encode_lines(lines))
    for serial, sequences in was.items():
        assert bare(state_at(serial, state, state, read)) == sequences


@given(st.lists(deltas(), max_size=5))
def test_undo_deltas_name_only_what_changed(changes: list[Delta]) -> None:
    before = after = a_state(a=a_sequence("L-a"), b=a_sequence("L-b"))
    for change in changes:
        after = after.with_delta(change)
    back = undo_deltas(before, after)
    old, new = bare(before), bare(after)
    assert [delta.sequence for delta in back] == sorted(k for k in old | new if old.get(k) != new.get(k))
    for delta in back:
        now = new[delta.sequence].steps if delta.sequence in new else {}
        assert all(entry != now.get(step) for step, entry in delta.steps.items())


def line(before: State, after: State) -> SerialLine:
    """The history line for the change from `before` to `after`."""
    found = serial_line(before, after, "r")
    assert found is not None
    return found


def three() -> tuple[list[State], list[SerialLine]]:
    """Serials 7, 8 and 9, and the lines between them."""
    states = [a_state()]
    for day in (2, 3):
        delta = Delta(sequence="trial", steps={"intro": an_email("L1S1", day=day)})
        states.append(with_serial(states[-1], states[-1].with_delta(delta)))
    return states, [line(states[0], states[1]), line(states[1], states[2])]


def test_journal_after_the_last_checkpoint_counts_as_a_serial() -> None:
    (first, second, third), lines = three()
    assert state_at(9, third, second, lines[:1]) is third
    assert state_at(8, third, second, lines[:1]) is second
    assert bare(state_at(7, third, second, lines[:1])) == bare(first)


@pytest.mark.parametrize(
    ("serial", "lost", "available"),
    [
        (10, (), "from 7 to 9"),
        (6, (), "from 7 to 9"),
        (-1, (), "from 7 to 9"),
        (7, (0,), "from 8 to 9"),
        (7, (1,), "only 9"),
        (8, (0, 1), "only 9"),
    ],
)
def test_missing_serial_is_refused_with_the_available_ones(serial: int, lost: tuple[int, ...], available: str) -> None:
    """In the future, before the beginning, or behind a gap."""
    states, lines = three()
    remaining = [row for index, row in enumerate(lines) if index not in lost]
    with pytest.raises(UsageError, match=available) as refused:
        state_at(serial, states[-1], states[-1], remaining)
    assert refused.value.exit_code == 3


def test_replaced_state_is_not_restored() -> None:
    """The last history line does not lead to the current state."""
    states, lines = three()
    other = states[-1].with_delta(Delta(sequence="trial", steps={"intro": an_email("L1S1", day=8)}))
    with pytest.raises(UsageError, match="only 9"):
        state_at(8, other, other, lines)
    foreign = states[-1].model_copy(update={"lineage": "another"})
    with pytest.raises(UsageError, match="only 9"):
        state_at(8, foreign, foreign, lines)


def test_intact_lines_are_read_once_and_in_order() -> None:
    """Around an incomplete line, a flipped byte, a repeated line and CRLF."""
    rows: list[AnyLine] = [NoteLine(n=n, lineage="one", text=f"Jörg \x1b {n}") for n in range(1, 5)]
    one, two, three_, four = (encode_lines([row]) for row in rows)
    torn = one + two[:-9] + b"\n" + two + three_.replace(b"J", b"K") + two + four.replace(b"\n", b"\r\n") + four[:-1]
    assert decode_lines(torn) == [rows[0], rows[1], rows[3]]
    assert b"before" not in one
    assert decode_lines(b"") == []
