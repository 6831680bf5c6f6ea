"""The format of the state file: stable bytes, a checksum, and an error for each kind of damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import LINEAGE, a_call, a_sequence, a_state, an_email, made_from

from sequence_sync.errors import StateError
from sequence_sync.state.model import Applying, State
from sequence_sync.state.statefile import decode, encode, new_state, with_serial

CASES = Path(__file__).parent.parent / "cases" / "statefile"
GOLDEN = sorted(path.name.removesuffix(".in") for path in CASES.glob("*.in"))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
states = st.builds(
    lambda subject, day, note, serial: a_state(
        trial=made_from(a_sequence("L1", intro=an_email("S1", day, subject or "s"))), **{note: a_sequence("L2")}
    ).model_copy(update={"serial": serial}),
    texts,
    st.integers(1, 999),
    st.from_regex(r"[a-z]{1,5}", fullmatch=True),
    st.integers(0, 10**9),
)


def outcome(data: bytes) -> State | str:
    """Decode `data` to a state, or to the text of its error."""
    try:
        return decode(data, "seqsync.state.json")
    except StateError as problem:
        return str(problem)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files_decode_to_their_state_or_error(name: str, golden: Callable[[str, str], None]) -> None:
    result = outcome((CASES / f"{name}.in").read_bytes())
    text = encode(result).decode() if isinstance(result, State) else f"{result}\n"
    golden(f"statefile/{name}.out", text)


def test_golden_cases_exist() -> None:
    """So that test_golden can fail."""
    assert len(GOLDEN) >= 10


@given(states)
def test_encoded_state_decodes_to_the_same_state_and_bytes(state: State) -> None:
    data = encode(state)
    assert decode(data, "x") == state
    assert encode(decode(data, "x")) == data


def test_bytes_do_not_depend_on_the_order_of_entries() -> None:
    one = a_state(a=a_sequence("L1", x=an_email("S1"), y=a_call("S2")), b=a_sequence("L2"))
    rows = {"b": one.sequences["b"], "a": a_sequence("L1", y=a_call("S2"), x=an_email("S1"))}
    assert encode(one) == encode(one.model_copy(update={"sequences": rows}))


def test_file_is_indented_sorted_utf8_with_a_final_newline() -> None:
    """So that git can show and merge it."""
    data = encode(a_state())
    assert data.endswith(b"}\n")
    assert "Jörg".encode() in data
    keys = list(json.loads(data))
    assert keys == sorted(keys)


@pytest.mark.parametrize("bit", range(8))
def test_state_with_any_flipped_bit_is_refused_or_unchanged(bit: int) -> None:
    state = a_state()
    data = encode(state)
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << bit
        result = outcome(bytes(broken))
        assert isinstance(result, str) or result == state, f"byte {place} flipped silently"


def test_state_truncated_at_any_byte_is_refused() -> None:
    data = encode(a_state())
    assert all(isinstance(outcome(data[:length]), str) for length in range(len(data)))


def test_crlf_line_ends_are_accepted() -> None:
    """Git may convert line ends on checkout."""
    state = a_state()
    assert decode(encode(state).replace(b"\n", b"\r\n"), "x") == state


def test_wrong_checksum_is_refused_unless_unchecked() -> None:
    """The next write has a valid checksum."""
    edited = encode(a_state()).replace(b"Trial", b"Trail")
    with pytest.raises(StateError, match="changed outside seqsync"):
        decode(edited, "x")
    forced = decode(edited, "x", unchecked=True)
    assert forced.sequences["trial"].title == "Trail"
    assert decode(encode(forced), "x") == forced


def test_missing_checksum_is_refused_unless_unchecked() -> None:
    lines = [line for line in encode(a_state()).splitlines(keepends=True) if b'"sum"' not in line]
    with pytest.raises(StateError, match="sum is wrong or missing"):
        decode(b"".join(lines), "x")
    assert decode(b"".join(lines), "x", unchecked=True) == a_state()


def _renamed(old: str, new: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda plain: {(new if key == old else key): value for key, value in plain.items()}


def _as_version(version: int) -> bytes:
    return encode(a_state().model_copy(update={"version": version}))


def test_older_version_is_upgraded_step_by_step() -> None:
    upgrades = {0: _renamed("lineage", "line"), 1: _renamed("line", "lineage")}
    state = decode(_as_version(0), "x", upgrades=upgrades, current=2)
    assert state.version == 2
    assert state.lineage == LINEAGE


def test_version_without_an_upgrade_is_refused_as_unknown() -> None:
    with pytest.raises(StateError, match="No seqsync has written state version 0"):
        decode(_as_version(0), "x")


def test_state_with_invalid_unicode_is_refused() -> None:
    state = a_state(trial=a_sequence("L1", intro=an_email(subject="\ud800")))
    with pytest.raises(StateError, match="not valid Unicode"):
        encode(state)


def test_serial_rises_with_content() -> None:
    old = a_state()
    assert with_serial(old, a_state(trial=a_sequence("L1", intro=an_email("S1")))).serial == old.serial + 1
    assert with_serial(old, a_state(trial=a_sequence(), other=a_sequence("L2"))).serial == old.serial + 1


def test_serial_stays_when_only_bookkeeping_changes() -> None:
    """`made_from`, `applying` and the journal's number."""
    old = a_state()
    changes = {
        "applying": Applying(plan="p"),
        "journal": 99,
        "sequences": {"trial": made_from(old.sequences["trial"])},
    }
    assert with_serial(old, old.model_copy(update=changes)).serial == old.serial


def test_new_state_is_empty_with_serial_0() -> None:
    state = new_state(LINEAGE, "production", "h")
    assert (state.serial, state.journal, state.sequences, state.lineage) == (0, 0, {}, LINEAGE)
