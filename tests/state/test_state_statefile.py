"""States as bytes: stable, summed, and refused with words of their own for each kind of damage."""

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
    """What decode makes of `data`: a state, or its refusal."""
    try:
        return decode(data, "seqsync.state.json")
    except StateError as problem:
        return str(problem)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    """Each state on disk gives the state, or the refusal, that stands beside it."""
    told = outcome((CASES / f"{name}.in").read_bytes())
    text = encode(told).decode() if isinstance(told, State) else f"{told}\n"
    golden(f"statefile/{name}.out", text)


def test_golden_cases_are_there() -> None:
    """The folder of golden states is found, so that the test above can fail."""
    assert len(GOLDEN) >= 10


@given(states)
def test_round_trip(state: State) -> None:
    """What was encoded decodes to an equal state, and that encodes to the same bytes."""
    data = encode(state)
    assert decode(data, "x") == state
    assert encode(decode(data, "x")) == data


def test_bytes_do_not_depend_on_order() -> None:
    """The order in which sequences, steps and payload fields came in does not show in the bytes."""
    one = a_state(a=a_sequence("L1", x=an_email("S1"), y=a_call("S2")), b=a_sequence("L2"))
    rows = {"b": one.sequences["b"], "a": a_sequence("L1", y=a_call("S2"), x=an_email("S1"))}
    assert encode(one) == encode(one.model_copy(update={"sequences": rows}))


def test_layout_is_for_git() -> None:
    """The file is indented UTF-8 with sorted keys and a final newline, so that git can show and merge it."""
    data = encode(a_state())
    assert data.endswith(b"}\n")
    assert "Jörg".encode() in data
    keys = list(json.loads(data))
    assert keys == sorted(keys)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_seen(bit: int) -> None:
    """A state with one flipped bit, at any byte, is refused or says the very same."""
    state = a_state()
    data = encode(state)
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1 << bit
        told = outcome(bytes(broken))
        assert isinstance(told, str) or told == state, f"byte {place} flipped silently"


def test_every_cut_is_seen() -> None:
    """A state cut off at any byte is refused."""
    data = encode(a_state())
    assert all(isinstance(outcome(data[:length]), str) for length in range(len(data)))


def test_crlf_is_forgiven() -> None:
    """Line ends that git turned into CRLF on checkout do not make a state damaged."""
    state = a_state()
    assert decode(encode(state).replace(b"\n", b"\r\n"), "x") == state


def test_a_wrong_sum_can_be_forced() -> None:
    """A hand-edited state is refused, taken with `unchecked`, and right again once it is written."""
    edited = encode(a_state()).replace(b"Trial", b"Trail")
    with pytest.raises(StateError, match="changed outside seqsync"):
        decode(edited, "x")
    forced = decode(edited, "x", unchecked=True)
    assert forced.sequences["trial"].title == "Trail"
    assert decode(encode(forced), "x") == forced


def test_a_lost_sum_is_refused() -> None:
    """Without its sum a state is refused, and `unchecked` takes it."""
    lines = [line for line in encode(a_state()).splitlines(keepends=True) if b'"sum"' not in line]
    with pytest.raises(StateError, match="sum is wrong or missing"):
        decode(b"".join(lines), "x")
    assert decode(b"".join(lines), "x", unchecked=True) == a_state()


def _renamed(old: str, new: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda plain: {(new if key == old else key): value for key, value in plain.items()}


def _as_version(version: int) -> bytes:
    return encode(a_state().model_copy(update={"version": version}))


def test_an_older_version_climbs_the_ladder() -> None:
    """Upgrades are applied one after the other, from the version that stands there up to the current one."""
    upgrades = {0: _renamed("lineage", "line"), 1: _renamed("line", "lineage")}
    state = decode(_as_version(0), "x", upgrades=upgrades, current=2)
    assert state.version == 2
    assert state.lineage == LINEAGE


def test_a_rung_that_is_missing_is_told() -> None:
    """A version that no upgrade begins at is refused as unknown."""
    with pytest.raises(StateError, match="No seqsync has written state version 0"):
        decode(_as_version(0), "x")


def test_half_a_character_is_a_state_problem() -> None:
    """A text that cannot be written as UTF-8 is refused with words, not with a traceback."""
    state = a_state(trial=a_sequence("L1", intro=an_email(subject="\ud800")))
    with pytest.raises(StateError, match="not valid Unicode"):
        encode(state)


def test_serial_rises_with_content() -> None:
    """Another step makes the serial rise by one."""
    old = a_state()
    assert with_serial(old, a_state(trial=a_sequence("L1", intro=an_email("S1")))).serial == old.serial + 1
    assert with_serial(old, a_state(trial=a_sequence(), other=a_sequence("L2"))).serial == old.serial + 1


def test_serial_stays_with_bookkeeping() -> None:
    """Neither `made_from` nor `applying` nor the journal's number is content."""
    old = a_state()
    changes = {
        "applying": Applying(plan="p"),
        "journal": 99,
        "sequences": {"trial": made_from(old.sequences["trial"])},
    }
    assert with_serial(old, old.model_copy(update=changes)).serial == old.serial


def test_a_new_state_is_empty() -> None:
    """A new state has serial 0, no sequences, and what it was told."""
    state = new_state(LINEAGE, "production", "h")
    assert (state.serial, state.journal, state.sequences, state.lineage) == (0, 0, {}, LINEAGE)
