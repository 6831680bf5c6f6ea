"""A state in a local file, with its journal, its history and its lock beside it.

The lock belongs to the operating system and ends with its process, whatever the text in the lock file says. The text
is for messages, and shows the next holder whether the last one released the lock. Does not know what a state contains.
Nothing is changed in place: files are replaced atomically, and journal and history only grow.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from sequence_sync.errors import LockLostError, StateError
from sequence_sync.files import NEW_FILE_MODE, Disk, write_atomically
from sequence_sync.provider.base import Announce, Clock, silent
from sequence_sync.state.backends.base import (
    LockInfo,
    NotLockedError,
    StoredState,
    WriteConflictError,
    disk_error,
    wait_for_lock,
)

KEPT_BACKUPS = 5
_MAX_INFO_BYTES = 64 * 1024


class LocalBackend:
    """The state at `path`. Backups go to `scratch`/backups (`.seqsync` of the project).

    A symbolic link is followed once, here: journal and lock are beside the file that it names. So two paths to one
    state share one lock. Raises StateError where the link leads to itself.
    """

    def __init__(self, path: Path, scratch: Path, disk: Disk | None = None) -> None:
        try:
            self._path = path.resolve()
        except (OSError, RuntimeError) as error:
            raise StateError("The state cannot be found.", f"{path}: the symbolic link leads to itself.") from error
        self._journal = self._path.with_name(f"{self._path.name}.journal")
        self._history = self._path.with_name(f"{self._path.name}.history")
        self._lock_path = self._path.with_name(f"{self._path.name}.lock")
        self._backups = scratch / "backups"
        self._disk = disk or Disk()
        self._descriptor: int | None = None
        self._append_failed = False
        self._backed_up = False
        self._last_write: tuple[str, str] | None = None
        self._lock: LocalLock | None = None

    def describe(self) -> str:
        """Return the path."""
        return str(self._path)

    def read(self) -> StoredState | None:
        """See StateBackend. A version is the SHA-256 of the bytes. Raises StateError, for a missing folder too."""
        data = self._read(self._path, "The state cannot be read.")
        return None if data is None else StoredState(data, _version(data))

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """See StateBackend. The first write of this object keeps the replaced state as a backup."""
        found = self.read()
        version = found.version if found else None
        if version is not None and self._last_write == (write_id, version):
            return version
        if version != expected:
            raise WriteConflictError(self.describe())
        try:
            mode = NEW_FILE_MODE
            if found is not None:
                mode = self._path.stat().st_mode & 0o777
                self._back_up(found)
            write_atomically(self._path, data, mode=mode, disk=self._disk)
        except OSError as error:
            raise disk_error("The state cannot be written.", self._path, error) from error
        self._last_write = (write_id, _version(data))
        return _version(data)

    def _back_up(self, found: StoredState) -> None:
        """Keep a backup of the state that this command replaces. Best effort: a failure does not stop the write."""
        if self._backed_up:
            return
        self._backed_up = True
        with suppress(OSError):
            written = datetime.fromtimestamp(self._path.stat().st_mtime, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            self._backups.mkdir(parents=True, exist_ok=True)
            backup = self._backups / f"{self._path.name}.{written}.{found.version[:8]}.json"
            write_atomically(backup, found.data, disk=self._disk)
            for old in sorted(self._backups.glob(f"{self._path.name}.*Z.*.json"))[:-KEPT_BACKUPS]:
                self._disk.remove(old)

    def journal(self) -> bytes:
        """See StateBackend."""
        return self._read(self._journal, "The journal cannot be read.") or b""

    def append(self, data: bytes) -> None:
        """See StateBackend. One write and one flush for each call."""
        if self._append_failed:
            raise StateError(
                "The journal can no longer be written.",
                f"{self._journal}: an earlier write failed, so the content of the file is unknown.",
                "Fix the disk, then run the command again.",
            )
        self._append_failed = True  # until the write is certain: a signal may end this anywhere
        try:
            descriptor = self._open_journal()
            if self._disk.write(descriptor, data) != len(data):
                raise OSError(errno.EIO, "only part of the record was written")
            self._disk.fsync(descriptor)
        except OSError as error:
            raise disk_error("The journal cannot be written.", self._journal, error) from error
        self._append_failed = False

    def _open_journal(self) -> int:
        """Return the journal's descriptor, which stays open between appends.

        Refuse a journal with an incomplete last line, and one that was replaced since it was opened.
        """
        if self._descriptor is not None:
            if not _is_file_at(self._descriptor, self._journal):
                raise StateError(
                    "The journal was moved or deleted while it was in use.",
                    f"{self._journal}.",
                    "Nothing was sent after that. Find out what moved it, then run the command again.",
                )
            return self._descriptor
        is_new = not self._journal.exists()
        if self.journal()[-1:] not in (b"", b"\n"):
            raise StateError("The journal ends with an incomplete record.", f"{self._journal}.", "Run apply again.")
        self._descriptor = self._disk.open_to_append(self._journal)
        if is_new:
            self._disk.fsync_folder(self._journal.parent)
        return self._descriptor

    def replace_journal(self, data: bytes) -> None:
        """See StateBackend."""
        if self._descriptor is not None:
            self._disk.close(self._descriptor)
            self._descriptor = None
        try:
            write_atomically(self._journal, data, disk=self._disk)
        except OSError as error:
            raise disk_error("The journal cannot be written.", self._journal, error) from error

    def history(self) -> bytes:
        """See StateBackend."""
        return self._read(self._history, "The history cannot be read.") or b""

    def append_history(self, data: bytes) -> None:
        """See StateBackend."""
        try:
            is_new, is_incomplete = not self._history.exists(), _ends_inside_a_line(self._history)
            descriptor = self._disk.open_to_append(self._history)
            try:
                remaining = memoryview(b"\n" + data if is_incomplete else data)
                while remaining:
                    remaining = remaining[self._disk.write(descriptor, bytes(remaining)) :]
                self._disk.fsync(descriptor)
            finally:
                self._disk.close(descriptor)
            if is_new:
                self._disk.fsync_folder(self._history.parent)
        except OSError as error:
            raise disk_error("The history cannot be written.", self._history, error) from error

    def lock(self, info: LockInfo, timeout: float, clock: Clock, announce: Announce = silent) -> LocalLock:
        """See StateBackend."""
        file_lock = wait_for_lock(
            self._try_lock, self._recorded_holder, _remedy, timeout=timeout, clock=clock, announce=announce
        )
        try:
            # Referenced here too: the library releases a lock that is garbage collected.
            self._lock = LocalLock(file_lock, self._lock_path, info)
        except OSError as error:
            file_lock.release()
            raise disk_error("The state cannot be locked.", self._lock_path, error) from error
        return self._lock

    def _try_lock(self) -> FileLock | None:
        if not self._lock_path.parent.is_dir():  # the library would create it
            raise disk_error("The state cannot be locked.", self._lock_path, FileNotFoundError())
        # Without the fallback to a marker file, which would outlive its process.
        lock = FileLock(self._lock_path, timeout=0, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        except OSError as error:
            raise disk_error("The state cannot be locked.", self._lock_path, error) from error
        return lock

    def holder(self) -> LockInfo | None:
        """See StateBackend. Asks the operating system: the text of an ended process locks nothing."""
        if not self._lock_path.exists():
            return None
        probe = self._try_lock()
        if probe is not None:
            probe.release()
            return None
        return self._recorded_holder() or LockInfo("", "another process", "this machine", 0, "an unknown command", 0.0)

    def force_unlock(self, lock_id: str) -> None:
        """Always refuse: the lock ends with the process that holds it."""
        holder = self.holder()
        if holder is None or holder.id != lock_id:
            raise NotLockedError(lock_id, holder)
        raise StateError(
            "The lock on a local state cannot be released.",
            f"Process {holder.pid} on {holder.host} holds it ({holder.who}, {holder.operation}).",
            _remedy(holder),
        )

    def _recorded_holder(self) -> LockInfo | None:
        with suppress(OSError, ValueError, TypeError):
            return LockInfo(**json.loads(self._lock_path.read_bytes()[:_MAX_INFO_BYTES]))
        return None

    def _read(self, path: Path, summary: str) -> bytes | None:
        try:
            return self._disk.read(path)
        except FileNotFoundError as error:
            if not path.parent.is_dir():
                raise disk_error(summary, path, error) from error
            return None
        except OSError as error:
            raise disk_error(summary, path, error) from error


class LocalLock:
    """The lock of a local state, as its holder has it. It ends with a release, or with this process."""

    def __init__(self, file_lock: FileLock, path: Path, info: LockInfo) -> None:
        self._file_lock = file_lock
        self._path = path
        self._info = info
        self._text = json.dumps(asdict(info), indent=2, ensure_ascii=True).encode() + b"\n"
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._released = False
        try:
            self._taken_over = os.fstat(self._descriptor).st_size > 0
            # The file is never empty in between: a kill here must not hide that the last holder did not release.
            os.pwrite(self._descriptor, self._text, 0)
            os.ftruncate(self._descriptor, len(self._text))
        except OSError:
            os.close(self._descriptor)
            raise

    @property
    def id(self) -> str:
        """See Lock."""
        return self._info.id

    @property
    def taken_over(self) -> bool:
        """See Lock. The last holder did not release the lock if its text is still in the file."""
        return self._taken_over

    def check(self) -> None:
        """See Lock. The file at the path must be the locked one, with the text of this run."""
        if not self._released and _is_file_at(self._descriptor, self._path):
            with suppress(OSError):
                if os.pread(self._descriptor, _MAX_INFO_BYTES, 0) == self._text:
                    return
        raise LockLostError(
            "The lock on the state was lost.",
            f"{self._path} was deleted or replaced while this run held the lock.",
            "Nothing was sent after that. Check that no other run is active, then run the command again.",
        )

    def release(self) -> None:
        """See Lock. The empty file stays, because deleting it would allow two holders at once."""
        if self._released:
            return
        self._released = True
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._file_lock.release()


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _ends_inside_a_line(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _is_file_at(descriptor: int, path: Path) -> bool:
    try:
        opened, current = os.fstat(descriptor), path.stat(follow_symlinks=False)
    except OSError:
        return False
    return (opened.st_dev, opened.st_ino) == (current.st_dev, current.st_ino)


def _remedy(holder: LockInfo | None) -> str:
    if holder is None:
        return ""
    return f"If it hangs, end it on {holder.host}: kill {holder.pid}"


def local_backend(where: str, root: Path, scratch: Path) -> LocalBackend:
    """Return the backend of the state at the path `where`, relative to the project `root`."""
    return LocalBackend(root / where, scratch)
