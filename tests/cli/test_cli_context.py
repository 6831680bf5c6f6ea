"""Files that a user names: written atomically and privately, never over a device or a link."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from sequence_sync.cli.context import write_output_file
from sequence_sync.errors import UsageError


def test_output_file_is_private_and_replaced_atomically(tmp_path: Path) -> None:
    for text in (b"one", b"two"):
        write_output_file(str(tmp_path / "p.plan"), text)
    assert (tmp_path / "p.plan").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "p.plan").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["p.plan"]


def test_output_file_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_output_file(str(tmp_path / "link"), b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"one"


def test_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """`-out /dev/null` must not make a file of it; a pipe takes its place here."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_output_file(str(pipe), b"one")
    reader.join()
    assert got == [b"one"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("place", [".", "nowhere/p.plan"])
def test_output_file_that_cannot_be_written_is_a_usage_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match=r"Cannot write .*: (is a directory|no such file or directory)"):
        write_output_file(str(tmp_path / place), b"one")
