"""The bytes of journal records: no record is silently lost, repeated or changed."""

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
    """Decode `data`, and check that numbers rise and each record is an original or a DamagedRecord."""
    found = decode_records(data, LINEAGE, folded)
    numbers = [record.n for record in found]
    assert numbers == sorted(set(numbers))
    assert all(isinstance(record, DamagedRecord) or record in RECORDS for record in found)
    return found


def whole(found: list[AnyRecord]) -> list[AnyRecord]:
    """The intact records."""
    return [record for record in found if not isinstance(record, DamagedRecord)]


def is_damaged(found: list[AnyRecord]) -> bool:
    """Whether damage is reported."""
    return any(isinstance(record, DamagedRecord) for record in found)


def test_encoded_records_decode_to_the_same_records() -> None:
    assert decode_records(WHOLE, LINEAGE) == RECORDS
    assert decode_records(b"", LINEAGE) == []


def test_record_is_one_line_whatever_its_texts_contain() -> None:
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in LINES)


def test_truncation_at_any_byte_loses_only_the_cut_record() -> None:
    """A cut inside a record is reported as damage."""
    ends = {sum(map(len, LINES[:count])): count for count in range(len(LINES) + 1)}
    for length in range(len(WHOLE)):
        found = check(WHOLE[:length])
        before = max(count for end, count in ends.items() if end <= length)
        assert whole(found) == RECORDS[:before]
        assert is_damaged(found) == (length not in ends)


@pytest.mark.parametrize("bit", range(8))
def test_any_flipped_bit_is_reported_as_damage(bit: int) -> None:
    """At most the two records beside a newline are lost."""
    for place in range(len(WHOLE)):
        broken = bytearray(WHOLE)
        broken[place] ^= 1 << bit
        found = check(bytes(broken))
        assert is_damaged(found), f"byte {place} flipped silently"
        assert len(whole(found)) >= len(RECORDS) - (2 if WHOLE[place] == 10 else 1)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=40)), min_size=1, max_size=4))
def test_overwritten_bytes_are_damage_and_spared_lines_are_returned(holes: list[tuple[int, bytes]]) -> None:
    broken = bytearray(WHOLE)
    for place, junk in holes:
        broken[place : place + len(junk)] = junk
    found = check(bytes(broken))
    if bytes(broken) != WHOLE:
        assert is_damaged(found) or bytes(broken) in {b"".join(LINES[:n]) for n in range(len(LINES))}
    spared = bytes(broken).split(b"\n")[:-1]
    assert whole(found) == [row for row, line in zip(RECORDS, LINES, strict=True) if line[:-1] in spared]


@pytest.mark.parametrize("missing", range(5))
def test_missing_line_is_reported_with_its_number(missing: int) -> None:
    found = check(b"".join(line for place, line in enumerate(LINES) if place != missing))
    assert [record.n for record in found if isinstance(record, DamagedRecord)] == [missing + 1]


def test_first_number_must_follow_the_state() -> None:
    late = b"".join(LINES[3:])
    assert not is_damaged(check(late, folded=3))
    assert check(late, folded=2)[0] == DamagedRecord(n=3, lineage=LINEAGE)


def test_gaps_in_checkpointed_records_are_no_damage() -> None:
    assert not is_damaged(check(LINES[0] + LINES[2] + LINES[5], folded=6))
    assert not is_damaged(check(LINES[0] + LINES[4] + LINES[5], folded=4))


def test_repeated_number_is_damage_with_an_unused_number() -> None:
    found = check(WHOLE + LINES[2] + LINES[1])
    assert found == [*RECORDS, DamagedRecord(n=7, lineage=LINEAGE)]
    assert check(LINES[0] + LINES[0] + b"".join(LINES[1:])) == found


def test_journal_of_garbage_is_one_damaged_record() -> None:
    assert decode_records(b"\0" * 4096, LINEAGE, 8) == [DamagedRecord(n=9, lineage=LINEAGE)]
    assert decode_records(b"\n\n\n", LINEAGE) == [DamagedRecord(n=1, lineage=LINEAGE)]


def test_rewritten_damage_reads_the_same() -> None:
    """It gets no further damaged record."""
    found = check(LINES[0] + LINES[4] + b"junk\n" + LINES[5] + b"tail")
    assert [record.n for record in found if isinstance(record, DamagedRecord)] == [2, 7]
    again = b"".join(encode_record(record) for record in found)
    assert decode_records(again, LINEAGE) == found


@given(st.lists(st.sampled_from([*LINES, b"junk\n"]), max_size=9), st.integers(0, 7))
def test_rewritten_records_read_the_same(lines: list[bytes], folded: int) -> None:
    """Whatever lines are lost, repeated or in the wrong place."""
    found = check(b"".join(lines), folded)
    assert decode_records(b"".join(encode_record(record) for record in found), LINEAGE, folded) == found


def test_record_of_another_lineage_is_refused() -> None:
    with pytest.raises(StateError, match="belongs to another state"):
        decode_records(WHOLE, "another")


def test_lineage_is_read_from_the_first_intact_record() -> None:
    assert lineage_of(LINES[0][:-3] + b"\n" + LINES[1]) == LINEAGE
    assert lineage_of(b"junk") is None


def test_line_with_a_valid_checksum_but_no_record_is_damage() -> None:
    assert is_damaged(decode_records(encode_record(EndRecord(n=0, lineage=LINEAGE)), LINEAGE))


def test_record_with_invalid_unicode_is_refused() -> None:
    with pytest.raises(StateError, match="cannot be written"):
        encode_record(NoteRecord(n=1, lineage=LINEAGE, text="\ud800"))
