"""Journal lines: whatever happens to the bytes, no record is silently lost, doubled or changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import LINEAGE, an_email, new_step

from sequence_sync.errors import StateError
from sequence_sync.state.journal import (
    AnyRecord,
    Author,
    CallResult,
    DamagedRecord,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    RunRecord,
    SequenceRecord,
    decode_records,
    encode_record,
    lineage_of,
)


def some_records(first: int = 1) -> list[AnyRecord]:
    """A small run, numbered from `first`."""
    kinds: list[AnyRecord] = [
        RunRecord(run="r1", by=Author(who="anna")),
        SequenceRecord(sequence="trial", remote_id="L1", seen=("S1",)),
        IntentRecord(address="trial.nudge", action="create-step", content=an_email().content, seen=("S1",)),
        OutcomeRecord(of=3, result=CallResult.MADE, detail="Jörg\nDüsseldorf", deltas=(new_step(),)),
        NoteRecord(text="\u2028"),
        EndRecord(),
    ]
    return [row.model_copy(update={"n": first + place, "lineage": LINEAGE}) for place, row in enumerate(kinds)]


RECORDS = some_records()
LINES = [encode_record(record) for record in RECORDS]
WHOLE = b"".join(LINES)


def check(data: bytes, folded: int = 0) -> list[AnyRecord]:
    """The records of damaged `data`, after the law: numbers rise, and each record is an original or told damage."""
    found = decode_records(data, LINEAGE, folded)
    numbers = [record.n for record in found]
    assert numbers == sorted(set(numbers))
    assert all(isinstance(record, DamagedRecord) or record in RECORDS for record in found)
    return found


def whole(found: list[AnyRecord]) -> list[AnyRecord]:
    """The records that are not damaged."""
    return [record for record in found if not isinstance(record, DamagedRecord)]


def is_damaged(found: list[AnyRecord]) -> bool:
    """Whether damage is told."""
    return any(isinstance(record, DamagedRecord) for record in found)


def test_round_trip() -> None:
    """What was framed comes back, in order, with nothing damaged."""
    assert decode_records(WHOLE, LINEAGE) == RECORDS
    assert decode_records(b"", LINEAGE) == []


def test_one_line_each() -> None:
    """A record is one line, whatever line breaks its texts hold."""
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in LINES)


def test_every_cut() -> None:
    """Cut at any byte, the records before the cut are there, and a cut inside a record is told."""
    ends = {sum(map(len, LINES[:count])): count for count in range(len(LINES) + 1)}
    for length in range(len(WHOLE)):
        found = check(WHOLE[:length])
        before = max(count for end, count in ends.items() if end <= length)
        assert whole(found) == RECORDS[:before]
        assert is_damaged(found) == (length not in ends)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit(bit: int) -> None:
    """With one bit flipped anywhere, damage is told, and at most the two records beside a newline are lost."""
    for place in range(len(WHOLE)):
        broken = bytearray(WHOLE)
        broken[place] ^= 1 << bit
        found = check(bytes(broken))
        assert is_damaged(found), f"byte {place} flipped silently"
        assert len(whole(found)) >= len(RECORDS) - (2 if WHOLE[place] == 10 else 1)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=40)), min_size=1, max_size=4))
def test_any_garbage(holes: list[tuple[int, bytes]]) -> None:
    """Bytes written over the journal anywhere are told as damage, and every line they spared is returned."""
    broken = bytearray(WHOLE)
    for place, junk in holes:
        broken[place : place + len(junk)] = junk
    found = check(bytes(broken))
    if bytes(broken) != WHOLE:
        assert is_damaged(found) or bytes(broken) in {b"".join(LINES[:n]) for n in range(len(LINES))}
    spared = bytes(broken).split(b"\n")[:-1]
    assert whole(found) == [row for row, line in zip(RECORDS, LINES, strict=True) if line[:-1] in spared]


@pytest.mark.parametrize("missing", range(5))
def test_a_missing_line_is_a_gap(missing: int) -> None:
    """A line that is gone without a trace shows as a gap in the numbers, with its number."""
    found = check(b"".join(line for place, line in enumerate(LINES) if place != missing))
    assert [record.n for record in found if isinstance(record, DamagedRecord)] == [missing + 1]


def test_the_state_tells_where_numbers_begin() -> None:
    """A journal whose first record does not go on from the state has lost one; one that does has not."""
    late = b"".join(LINES[3:])
    assert not is_damaged(check(late, folded=3))
    assert check(late, folded=2)[0] == DamagedRecord(n=3, lineage=LINEAGE)


def test_folded_records_may_have_gaps() -> None:
    """What was kept after folding has gaps in its numbers, and that is no damage."""
    assert not is_damaged(check(LINES[0] + LINES[2] + LINES[5], folded=6))
    assert not is_damaged(check(LINES[0] + LINES[4] + LINES[5], folded=4))


def test_a_doubled_line_is_damage() -> None:
    """A number that does not rise is damage, told once, with a number that nobody has."""
    found = check(WHOLE + LINES[2] + LINES[1])
    assert found == [*RECORDS, DamagedRecord(n=7, lineage=LINEAGE)]
    assert check(LINES[0] + LINES[0] + b"".join(LINES[1:])) == found


def test_damage_without_any_record() -> None:
    """A journal of nothing but garbage is one damaged record after those that are folded."""
    assert decode_records(b"\0" * 4096, LINEAGE, 8) == [DamagedRecord(n=9, lineage=LINEAGE)]
    assert decode_records(b"\n\n\n", LINEAGE) == [DamagedRecord(n=1, lineage=LINEAGE)]


def test_told_damage_stays_what_it_is() -> None:
    """Written back with its damage, a journal reads the same and gets no new damage."""
    found = check(LINES[0] + LINES[4] + b"junk\n" + LINES[5] + b"tail")
    assert [record.n for record in found if isinstance(record, DamagedRecord)] == [2, 7]
    again = b"".join(encode_record(record) for record in found)
    assert decode_records(again, LINEAGE) == found


@given(st.lists(st.sampled_from([*LINES, b"junk\n"]), max_size=9), st.integers(0, 7))
def test_reading_back_what_was_read_changes_nothing(lines: list[bytes], folded: int) -> None:
    """Whatever lines are lost, doubled or in the wrong place: written back as read, the journal reads the same."""
    found = check(b"".join(lines), folded)
    assert decode_records(b"".join(encode_record(record) for record in found), LINEAGE, folded) == found


def test_another_lineage_is_refused() -> None:
    """Intact records of another state are never replayed on this one."""
    with pytest.raises(StateError, match="belongs to another state"):
        decode_records(WHOLE, "another")


def test_lineage_of_the_first_intact_record() -> None:
    """The lineage of a journal is known while one record of it is whole."""
    assert lineage_of(LINES[0][:-3] + b"\n" + LINES[1]) == LINEAGE
    assert lineage_of(b"junk") is None


def test_a_right_sum_over_a_wrong_shape_is_damage() -> None:
    """A line whose sum is right but that is no record, or has no number, counts as damaged."""
    assert is_damaged(decode_records(encode_record(EndRecord(n=0, lineage=LINEAGE)), LINEAGE))


def test_half_a_character_is_a_state_problem() -> None:
    """A record whose text cannot be written is refused with words."""
    with pytest.raises(StateError, match="cannot be written"):
        encode_record(NoteRecord(n=1, lineage=LINEAGE, text="\ud800"))
