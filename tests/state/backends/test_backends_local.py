"""The local file: whole or not at all, whatever the disk does, and nothing beside it that is not its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.states import FailingDisk, FakeClock, info

from sequence_sync.errors import LockLostError, StateError
from sequence_sync.state.backends.base import WriteConflictError
from sequence_sync.state.backends.local import KEPT_BACKUPS, LocalBackend


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state lies."""
    return tmp_path / "seqsync.state.json"


def at(path: Path, disk: FailingDisk | None = None) -> LocalBackend:
    """A fresh handle."""
    return LocalBackend(path, path.parent / ".seqsync", disk)


def names(folder: Path) -> set[str]:
    """What lies in `folder`."""
    return {entry.name for entry in folder.iterdir()}


def mode(path: Path) -> int:
    """Its rights."""
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failing_disk_leaves_the_old_state(path: Path, operation: str, code: int) -> None:
    """Where any call fails before the rename, the old state is whole and no debris is left."""
    version = at(path).write(b"old", None, "w1")
    with pytest.raises(StateError, match="cannot be written"):
        at(path, FailingDisk(operation, code=code)).write(b"new", version, "w2")
    assert path.read_bytes() == b"old"
    assert [name for name in names(path.parent) if name.endswith(".tmp")] == []
    at(path).write(b"new", version, "w3")
    assert path.read_bytes() == b"new"


def test_a_failing_folder_flush_is_told(path: Path) -> None:
    """Where the rename may not be durable the write is told as failed, and what stands there is whole."""
    version = at(path).write(b"old", None, "w1")
    with pytest.raises(StateError):
        at(path, FailingDisk("fsync_folder")).write(b"new", version, "w2")
    assert path.read_bytes() == b"new"


def test_a_full_disk_says_what_to_do(path: Path) -> None:
    """A full disk is named, with what to do."""
    with pytest.raises(StateError, match="Free some space"):
        at(path, FailingDisk("write")).write(b"new", None, "w1")


def test_debris_of_a_kill_is_no_obstacle(path: Path) -> None:
    """A half-written neighbour that a kill left behind is written over and gone."""
    path.with_name(f"{path.name}.tmp").write_bytes(b"half of something longer")
    at(path).write(b"new", None, "w1")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == {path.name}


def test_modes(path: Path) -> None:
    """A new state is the owner's alone, an existing one keeps its rights, and the journal is the owner's."""
    version = at(path).write(b"1", None, "w1")
    assert mode(path) == 0o600
    path.chmod(0o644)
    at(path).write(b"2", version, "w2")
    at(path).append(b"a\n")
    assert mode(path) == 0o644
    assert mode(path.with_name(f"{path.name}.journal")) == 0o600


def test_backups_are_what_each_command_found(path: Path) -> None:
    """Each handle keeps the state as it found it, once, and only the newest few are kept."""
    version = at(path).write(b"0", None, "w")
    for turn in range(1, 8):
        os.utime(path, (turn, turn))
        backend = at(path)
        version = backend.write(f"{turn}".encode(), version, f"a{turn}")
        version = backend.write(f"{turn} again".encode(), version, f"b{turn}")
    kept = sorted((path.parent / ".seqsync" / "backups").iterdir())
    assert [entry.read_text() for entry in kept] == [f"{turn} again" for turn in range(2, 7)]
    assert len(kept) == KEPT_BACKUPS
    assert {mode(entry) for entry in kept} == {0o600}


def test_a_backup_that_fails_costs_no_state(path: Path) -> None:
    """Where the backups' folder cannot be made the state is written all the same."""
    (path.parent / ".seqsync").write_bytes(b"a file in its place")
    version = at(path).write(b"1", None, "w1")
    at(path).write(b"2", version, "w2")
    assert path.read_bytes() == b"2"


def test_a_link_is_followed_once(tmp_path: Path) -> None:
    """Behind a link the target is written, the link stays, and journal and lock lie beside the target."""
    (tmp_path / "far").mkdir()
    link = tmp_path / "near.json"
    link.symlink_to(tmp_path / "far" / "state.json")
    backend = at(link)
    backend.write(b"1", None, "w1")
    backend.append(b"a\n")
    backend.lock(info(), 0, FakeClock())
    assert link.is_symlink()
    assert names(tmp_path / "far") == {"state.json", "state.json.journal", "state.json.lock"}


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    """A circle of links is a problem with words."""
    link = tmp_path / "s.json"
    link.symlink_to(link)
    with pytest.raises(StateError):
        at(link).read()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """A folder that does not exist is named, by every operation, and not made."""
    backend = at(tmp_path / "no" / "s.json")
    for operation in (
        backend.read,
        backend.journal,
        lambda: backend.write(b"1", None, "w"),
        lambda: backend.append(b"a\n"),
        lambda: backend.replace_journal(b""),
        lambda: backend.lock(info(), 0, FakeClock()),
    ):
        with pytest.raises(StateError, match="does not exist"):
            operation()
    assert names(tmp_path) == set()


def test_a_folder_in_the_place_of_the_state(path: Path) -> None:
    """A folder where the state should be is a problem with words."""
    path.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        at(path).read()


def test_a_change_by_hand_is_a_conflict(path: Path) -> None:
    """A state that something else wrote meanwhile is never written over."""
    backend = at(path)
    version = backend.write(b"1", None, "w1")
    path.write_bytes(b"by git")
    with pytest.raises(WriteConflictError, match="Something else changed"):
        backend.write(b"2", version, "w2")
    assert path.read_bytes() == b"by git"


@pytest.mark.parametrize("operation", ["open_to_append", "write", "fsync", "fsync_folder"])
def test_a_failed_append_is_never_tried_again(path: Path, operation: str) -> None:
    """After any failure while appending, every later append of this handle refuses, though the disk is well again."""
    disk = FailingDisk(operation)
    backend = at(path, disk)
    with pytest.raises(StateError, match="cannot be written"):
        backend.append(b"a\n")
    disk.failing.clear()
    for _ in range(2):
        with pytest.raises(StateError, match="no longer"):
            backend.append(b"b\n")
    assert b"b" not in backend.journal()


def test_half_a_record_is_a_torn_tail(path: Path) -> None:
    """A write that ran out of space leaves a torn tail, which the next handle refuses to write after."""
    at(path).append(b"first\n")
    with pytest.raises(StateError):
        at(path, FailingDisk("write")).append(b"second\n")
    assert at(path).journal() == b"first\nsec"
    with pytest.raises(StateError, match="incomplete record"):
        at(path).append(b"third\n")


def test_a_short_write_is_a_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes only part of the record is not completed by a second one."""
    disk = FailingDisk()
    monkeypatch.setattr(disk, "write", lambda descriptor, data: os.write(descriptor, data[:2]))
    with pytest.raises(StateError, match="only part"):
        at(path, disk).append(b"record\n")
    assert at(path).journal() == b"re"


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace"])
def test_a_failing_replacement_leaves_the_old_journal(path: Path, operation: str) -> None:
    """A journal is replaced whole or not at all."""
    at(path).append(b"old\n")
    with pytest.raises(StateError):
        at(path, FailingDisk(operation)).replace_journal(b"new\n")
    assert at(path).journal() == b"old\n"


def test_a_journal_that_vanishes_is_noticed(path: Path) -> None:
    """A journal that is deleted or replaced during a run gets no records that nobody would ever read."""
    for spoil in (Path.unlink, lambda journal: journal.replace(journal.with_name("gone"))):
        backend = at(path)
        backend.append(b"a\n")
        spoil(path.with_name(f"{path.name}.journal"))
        with pytest.raises(StateError, match="moved or deleted"):
            backend.append(b"b\n")


def test_a_replaced_lock_file_is_a_lost_lock(path: Path) -> None:
    """Who deletes or copies over the lock file takes the lock away, and the check says so."""
    lock_path = path.with_name(f"{path.name}.lock")
    for spoil in (
        Path.unlink,
        lambda file: file.write_bytes(b"{}"),
        lambda file: (file.with_name("x").write_bytes(file.read_bytes()), file.with_name("x").replace(file)),
    ):
        lock = at(path).lock(info(), 0, FakeClock())
        lock.check()
        spoil(lock_path)
        with pytest.raises(LockLostError, match="deleted or replaced"):
            lock.check()
        lock.release()


def test_text_in_the_lock_file_locks_nothing(path: Path) -> None:
    """What a dead owner wrote holds nobody up, and the next owner knows that it takes over."""
    path.with_name(f"{path.name}.lock").write_text('{"id": "old"}')
    assert at(path).holder() is None
    assert at(path).lock(info(), 0, FakeClock()).taken_over


def test_a_link_in_the_place_of_the_lock_is_told(path: Path, tmp_path: Path) -> None:
    """A lock file that is a link is refused, so that nothing else is emptied through it."""
    other = tmp_path / "precious"
    other.write_text("precious")
    path.with_name(f"{path.name}.lock").symlink_to(other)
    with pytest.raises(StateError, match="cannot be locked"):
        at(path).lock(info(), 0, FakeClock())
    assert other.read_text() == "precious"
