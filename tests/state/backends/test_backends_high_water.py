"""High-water marks: a state older than the newest that this machine has seen is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.states import FailingDisk, a_sequence, a_state

from sequence_sync.errors import StateError
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.model import State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the marks. Its folder does not exist yet."""
    return tmp_path / ".seqsync" / "seen.json"


def at(serial: int, *keys: str) -> State:
    """A state with this serial and these sequences."""
    rows = {key: a_sequence(f"L{key}") for key in keys or ("trial",)}
    return a_state(**rows).model_copy(update={"serial": serial})


def test_older_state_with_other_content_is_refused(path: Path) -> None:
    """By a later process too. The message says how to restore the newer one."""
    HighWaterMark(path).note(at(7, "a", "b"))
    with pytest.raises(StateError, match=r"serial 6(.|\n)*serial 7(.|\n)*state push FILE -force"):
        HighWaterMark(path).check(at(6, "a"), "s.json")


def test_state_that_is_not_older_is_accepted(path: Path) -> None:
    """The same or a higher serial, another lineage, or the same content."""
    HighWaterMark(path).note(at(7, "a"))
    HighWaterMark(path).check(at(7, "b"), "s.json")
    HighWaterMark(path).check(at(8, "b"), "s.json")
    HighWaterMark(path).check(at(6, "a"), "s.json")
    HighWaterMark(path).check(at(1, "b").model_copy(update={"lineage": "another"}), "s.json")


def test_lower_serial_does_not_lower_the_mark_unless_reset(path: Path) -> None:
    marks = HighWaterMark(path)
    marks.note(at(7, "a"))
    marks.note(at(6, "b"))
    assert HighWaterMark(path).highest(at(1).lineage) == 7
    marks.reset(at(6, "b"))
    assert HighWaterMark(path).highest(at(1).lineage) == 6
    HighWaterMark(path).check(at(6, "b"), "s.json")


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"a": {"serial": "x"}}', b"\xff"])
def test_damaged_marks_refuse_nothing(path: Path, junk: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(junk)
    HighWaterMark(path).check(at(1), "s.json")
    HighWaterMark(path).note(at(2))
    assert HighWaterMark(path).highest(at(1).lineage) == 2


def test_unwritable_marks_are_no_error(path: Path) -> None:
    """This process remembers them all the same."""
    marks = HighWaterMark(path, FailingDisk("write"))
    marks.note(at(7, "a"))
    assert marks.highest(at(1).lineage) == 7
    assert HighWaterMark(path).highest(at(1).lineage) == 0
