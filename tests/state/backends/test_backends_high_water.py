"""What this machine remembers of states, and where things go that could not be saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.states import FailingDisk, a_sequence, a_state

from sequence_sync.errors import StateError
from sequence_sync.files import RescueFolder
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.model import State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the memory lies; its folder is not there yet."""
    return tmp_path / ".seqsync" / "seen.json"


def at(serial: int, *keys: str) -> State:
    """A state with that serial and those sequences."""
    rows = {key: a_sequence(f"L{key}") for key in keys or ("trial",)}
    return a_state(**rows).model_copy(update={"serial": serial})


def test_an_older_state_is_refused(path: Path) -> None:
    """A state with a lower serial and other content is refused, in a later process too, with the way back."""
    HighWaterMark(path).note(at(7, "a", "b"))
    with pytest.raises(StateError, match=r"serial 6(.|\n)*serial 7(.|\n)*state push FILE -force"):
        HighWaterMark(path).check(at(6, "a"), "s.json")


def test_what_is_not_older_is_fine(path: Path) -> None:
    """The same serial, a higher one, another lineage, or a lower one that says the same are no older states."""
    HighWaterMark(path).note(at(7, "a"))
    HighWaterMark(path).check(at(7, "b"), "s.json")
    HighWaterMark(path).check(at(8, "b"), "s.json")
    HighWaterMark(path).check(at(6, "a"), "s.json")
    HighWaterMark(path).check(at(1, "b").model_copy(update={"lineage": "another"}), "s.json")


def test_only_the_highest_is_remembered(path: Path) -> None:
    """A lower serial does not replace what is known, unless it is forced."""
    seen = HighWaterMark(path)
    seen.note(at(7, "a"))
    seen.note(at(6, "b"))
    assert HighWaterMark(path).highest(at(1).lineage) == 7
    seen.reset(at(6, "b"))
    assert HighWaterMark(path).highest(at(1).lineage) == 6
    HighWaterMark(path).check(at(6, "b"), "s.json")


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"a": {"serial": "x"}}', b"\xff"])
def test_a_damaged_memory_refuses_nothing(path: Path, junk: bytes) -> None:
    """The memory is best effort: damaged, it is as if it were empty."""
    path.parent.mkdir()
    path.write_bytes(junk)
    HighWaterMark(path).check(at(1), "s.json")
    HighWaterMark(path).note(at(2))
    assert HighWaterMark(path).highest(at(1).lineage) == 2


def test_a_memory_that_cannot_be_kept_is_no_error(path: Path) -> None:
    """A disk that refuses the memory stops nothing, and this process remembers all the same."""
    seen = HighWaterMark(path, FailingDisk("write"))
    seen.note(at(7, "a"))
    assert seen.highest(at(1).lineage) == 7
    assert HighWaterMark(path).highest(at(1).lineage) == 0


def test_rescue(tmp_path: Path) -> None:
    """A rescued thing lies whole in its folder, readable for its owner only, and its path is told."""
    told = RescueFolder(tmp_path / "a" / "rescue").save("x.json", b"data")
    assert told == str(tmp_path / "a" / "rescue" / "x.json")
    assert Path(told).read_bytes() == b"data"
    assert Path(told).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace", "fsync_folder"])
def test_a_rescue_that_fails_is_told(tmp_path: Path, operation: str) -> None:
    """Where even the rescue fails the caller hears it, so that it can print."""
    assert RescueFolder(tmp_path, FailingDisk(operation)).save("x.json", b"data") is None
