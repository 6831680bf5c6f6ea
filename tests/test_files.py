"""The atomic file writer, and rescue files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.states import FailingDisk

from sequence_sync.files import RescueFolder, temporary_name, write_atomically


@pytest.mark.parametrize("temporary", [None, "hidden"])
def test_file_is_replaced_with_the_given_mode_and_nothing_is_left_beside_it(
    tmp_path: Path, temporary: str | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new", mode=0o640, temporary=temporary)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace"])
def test_failure_before_the_rename_leaves_the_old_file(tmp_path: Path, operation: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError):
        write_atomically(path, b"new", disk=FailingDisk(operation))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_flushed(tmp_path: Path) -> None:
    for operation in ("fsync", "fsync_folder"):
        with pytest.raises(OSError):
            write_atomically(tmp_path / "file", b"new", disk=FailingDisk(operation))


def test_link_instead_of_the_temporary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "file.tmp").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "other").read_bytes() == b"other"


def test_temporary_name_is_hidden_and_of_this_process(tmp_path: Path) -> None:
    assert temporary_name(tmp_path / "a.plan") == f".a.plan.{os.getpid()}.tmp"


def test_rescue_file_is_complete_and_private(tmp_path: Path) -> None:
    saved = RescueFolder(tmp_path / "a" / "rescue").save("x.json", b"data")
    assert saved == str(tmp_path / "a" / "rescue" / "x.json")
    assert Path(saved).read_bytes() == b"data"
    assert Path(saved).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace", "fsync_folder"])
def test_failed_rescue_returns_none(tmp_path: Path, operation: str) -> None:
    assert RescueFolder(tmp_path, FailingDisk(operation)).save("x.json", b"data") is None
