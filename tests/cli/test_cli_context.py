"""Files that a user asked for: whole or not at all, private, and never in place of a device or through a link."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from sequence_sync.cli.context import write_result
from sequence_sync.errors import UsageError


def test_a_file_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    """0600, and nothing is left beside it."""
    for text in (b"one", b"two"):
        write_result(str(tmp_path / "p.plan"), text, "The plan")
    assert (tmp_path / "p.plan").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "p.plan").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["p.plan"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points at is written."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_result(str(tmp_path / "link"), b"one", "The plan")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"one"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`-out /dev/null` must not make a file of it; a pipe stands for it here."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_result(str(pipe), b"one", "The plan")
    reader.join()
    assert got == [b"one"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("place", [".", "nowhere/p.plan"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, place: str) -> None:
    """A folder, or a folder that is not there."""
    with pytest.raises(UsageError, match="cannot be written"):
        write_result(str(tmp_path / place), b"one", "The plan")
