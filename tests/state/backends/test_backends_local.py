"""LocalBackend: files are complete or unchanged whatever the disk does."""

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
    """The path of the state."""
    return tmp_path / "seqsync.state.json"


def at(path: Path, disk: FailingDisk | None = None) -> LocalBackend:
    """A fresh handle."""
    return LocalBackend(path, path.parent / ".seqsync", disk)


def names(folder: Path) -> set[str]:
    """The names in `folder`."""
    return {entry.name for entry in folder.iterdir()}


def mode(path: Path) -> int:
    """Its permissions."""
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_failure_before_the_rename_leaves_the_old_state(path: Path, operation: str, code: int) -> None:
    """And no temporary file."""
    version = at(path).write(b"old", None, "w1")
    with pytest.raises(StateError, match="cannot be written"):
        at(path, FailingDisk(operation, code=code)).write(b"new", version, "w2")
    assert path.read_bytes() == b"old"
    assert [name for name in names(path.parent) if name.endswith(".tmp")] == []
    at(path).write(b"new", version, "w3")
    assert path.read_bytes() == b"new"


def test_failed_folder_flush_is_reported(path: Path) -> None:
    """The stored state is complete."""
    version = at(path).write(b"old", None, "w1")
    with pytest.raises(StateError):
        at(path, FailingDisk("fsync_folder")).write(b"new", version, "w2")
    assert path.read_bytes() == b"new"


def test_full_disk_is_reported_with_what_to_do(path: Path) -> None:
    with pytest.raises(StateError, match="Free some space"):
        at(path, FailingDisk("write")).write(b"new", None, "w1")


def test_temporary_file_of_a_killed_process_is_replaced(path: Path) -> None:
    path.with_name(f"{path.name}.tmp").write_bytes(b"half of something longer")
    at(path).write(b"new", None, "w1")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == {path.name}


def test_new_files_are_private_and_an_existing_state_keeps_its_mode(path: Path) -> None:
    version = at(path).write(b"1", None, "w1")
    assert mode(path) == 0o600
    path.chmod(0o644)
    at(path).write(b"2", version, "w2")
    at(path).append(b"a\n")
    assert mode(path) == 0o644
    assert mode(path.with_name(f"{path.name}.journal")) == 0o600


def test_each_handle_backs_up_the_state_it_replaces_once(path: Path) -> None:
    """Only the newest few are kept."""
    version = at(path).write(b"0", None, "w")
    for turn in range(1, 8):
        os.utime(path, (turn, turn))
        backend = at(path)
        version = backend.write(f"{turn}".encode(), version, f"a{turn}")
        version = backend.write(f"{turn} again".encode(), version, f"b{turn}")
    backups = sorted((path.parent / ".seqsync" / "backups").iterdir())
    assert [entry.read_text() for entry in backups] == [f"{turn} again" for turn in range(2, 7)]
    assert len(backups) == KEPT_BACKUPS
    assert {mode(entry) for entry in backups} == {0o600}


def test_failed_backup_does_not_stop_the_write(path: Path) -> None:
    (path.parent / ".seqsync").write_bytes(b"a file in its place")
    version = at(path).write(b"1", None, "w1")
    at(path).write(b"2", version, "w2")
    assert path.read_bytes() == b"2"


def test_link_to_the_state_is_followed(tmp_path: Path) -> None:
    """The link stays, and journal and lock are beside its target."""
    (tmp_path / "far").mkdir()
    link = tmp_path / "near.json"
    link.symlink_to(tmp_path / "far" / "state.json")
    backend = at(link)
    backend.write(b"1", None, "w1")
    backend.append(b"a\n")
    backend.lock(info(), 0, FakeClock())
    assert link.is_symlink()
    assert names(tmp_path / "far") == {"state.json", "state.json.journal", "state.json.lock"}


def test_link_to_itself_is_reported(tmp_path: Path) -> None:
    link = tmp_path / "s.json"
    link.symlink_to(link)
    with pytest.raises(StateError):
        at(link).read()


def test_missing_folder_is_reported_and_not_created(tmp_path: Path) -> None:
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


def test_folder_instead_of_the_state_is_reported(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        at(path).read()


def test_state_changed_by_another_program_is_a_conflict(path: Path) -> None:
    backend = at(path)
    version = backend.write(b"1", None, "w1")
    path.write_bytes(b"by git")
    with pytest.raises(WriteConflictError, match="Something else changed"):
        backend.write(b"2", version, "w2")
    assert path.read_bytes() == b"by git"


@pytest.mark.parametrize("operation", ["open_to_append", "write", "fsync", "fsync_folder"])
def test_append_after_a_failed_append_is_refused(path: Path, operation: str) -> None:
    """Even when the disk works again."""
    disk = FailingDisk(operation)
    backend = at(path, disk)
    with pytest.raises(StateError, match="cannot be written"):
        backend.append(b"a\n")
    disk.failing.clear()
    for _ in range(2):
        with pytest.raises(StateError, match="no longer"):
            backend.append(b"b\n")
    assert b"b" not in backend.journal()


def test_partly_written_record_stops_the_next_handle(path: Path) -> None:
    at(path).append(b"first\n")
    with pytest.raises(StateError):
        at(path, FailingDisk("write")).append(b"second\n")
    assert at(path).journal() == b"first\nsec"
    with pytest.raises(StateError, match="incomplete record"):
        at(path).append(b"third\n")


def test_short_write_is_a_failure_and_is_not_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FailingDisk()
    monkeypatch.setattr(disk, "write", lambda descriptor, data: os.write(descriptor, data[:2]))
    with pytest.raises(StateError, match="only part"):
        at(path, disk).append(b"record\n")
    assert at(path).journal() == b"re"


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "replace"])
def test_failed_replacement_leaves_the_old_journal(path: Path, operation: str) -> None:
    at(path).append(b"old\n")
    with pytest.raises(StateError):
        at(path, FailingDisk(operation)).replace_journal(b"new\n")
    assert at(path).journal() == b"old\n"


def test_journal_deleted_or_replaced_during_a_run_is_refused(path: Path) -> None:
    for spoil in (Path.unlink, lambda journal: journal.replace(journal.with_name("gone"))):
        backend = at(path)
        backend.append(b"a\n")
        spoil(path.with_name(f"{path.name}.journal"))
        with pytest.raises(StateError, match="moved or deleted"):
            backend.append(b"b\n")


def test_deleted_or_replaced_lock_file_is_a_lost_lock(path: Path) -> None:
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


def test_text_of_an_ended_process_locks_nothing(path: Path) -> None:
    """The next holder knows that it takes over."""
    path.with_name(f"{path.name}.lock").write_text('{"id": "old"}')
    assert at(path).holder() is None
    assert at(path).lock(info(), 0, FakeClock()).taken_over


def test_link_instead_of_the_lock_file_is_refused(path: Path, tmp_path: Path) -> None:
    """Otherwise the target of the link would be emptied."""
    other = tmp_path / "precious"
    other.write_text("precious")
    path.with_name(f"{path.name}.lock").symlink_to(other)
    with pytest.raises(StateError, match="cannot be locked"):
        at(path).lock(info(), 0, FakeClock())
    assert other.read_text() == "precious"
