"""A state in a local file, its journal, its history and its lock beside it.

The lock is the operating system's: it dies with its owner, at once, whatever the text in the lock file says; that
text is for messages, and tells the next owner whether the last one let go in order. Knows nothing of what a state
says. Nothing is ever changed in place: files are written beside and renamed, journal and history only grow.
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
from sequence_sync.provider.base import Clock
from sequence_sync.state.backends.base import LockInfo, NotLockedError, Stored, WriteConflictError, disk_problem, locked

KEPT_BACKUPS = 5
_POLL = 0.2  # seconds between two attempts at the lock
_LONGEST_INFO = 64 * 1024  # bytes


class LocalBackend:
    """The state at `path`; backups go to `scratch`/backups (`.seqsync` of the project).

    A link is followed once, here: state, journal and lock all lie beside the file that it names, so that two ways to
    one state meet at one lock. Raises StateError where the link leads nowhere.
    """

    def __init__(self, path: Path, scratch: Path, disk: Disk | None = None) -> None:
        try:
            self._path = path.resolve()
        except (OSError, RuntimeError) as error:
            raise StateError("The state cannot be found.", f"{path}: the link leads to itself.") from error
        self._journal = self._path.with_name(f"{self._path.name}.journal")
        self._history = self._path.with_name(f"{self._path.name}.history")
        self._lock_path = self._path.with_name(f"{self._path.name}.lock")
        self._backups = scratch / "backups"
        self._disk = disk or Disk()
        self._descriptor: int | None = None
        self._broken = False
        self._backed_up = False
        self._last_write: tuple[str, str] | None = None
        self._lock: LocalLock | None = None

    def describe(self) -> str:
        """The path."""
        return str(self._path)

    def read(self) -> Stored | None:
        """See StateBackend. A version is the SHA-256 of the bytes. Raises StateError, also for a missing folder."""
        data = self._read(self._path, "The state cannot be read.")
        return None if data is None else Stored(data, _version(data))

    def write(self, data: bytes, expected: str | None, write_id: str) -> str:
        """See StateBackend. What the first write of this object replaces is kept as a backup."""
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
            raise disk_problem("The state cannot be written.", self._path, error) from error
        self._last_write = (write_id, _version(data))
        return _version(data)

    def _back_up(self, found: Stored) -> None:
        """Keep the state as this command found it. Best effort: a lost backup is no reason to lose a state."""
        if self._backed_up:
            return
        self._backed_up = True
        with suppress(OSError):
            written = datetime.fromtimestamp(self._path.stat().st_mtime, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            self._backups.mkdir(parents=True, exist_ok=True)
            kept = self._backups / f"{self._path.name}.{written}.{found.version[:8]}.json"
            write_atomically(kept, found.data, disk=self._disk)
            for old in sorted(self._backups.glob(f"{self._path.name}.*Z.*.json"))[:-KEPT_BACKUPS]:
                self._disk.remove(old)

    def journal(self) -> bytes:
        """See StateBackend."""
        return self._read(self._journal, "The journal cannot be read.") or b""

    def append(self, data: bytes) -> None:
        """See StateBackend. One write and one flush for each call."""
        if self._broken:
            raise StateError(
                "The journal cannot be written any more.",
                f"{self._journal}: an earlier write failed, and nobody knows what the disk holds of it.",
                "Run the command again when the disk is well.",
            )
        self._broken = True  # until it is certain that it is not: a signal may end this anywhere
        try:
            descriptor = self._open_journal()
            if self._disk.write(descriptor, data) != len(data):
                raise OSError(errno.EIO, "only a part of the record could be written")
            self._disk.fsync(descriptor)
        except OSError as error:
            raise disk_problem("The journal cannot be written.", self._journal, error) from error
        self._broken = False

    def _open_journal(self) -> int:
        """The journal's descriptor, kept between appends. Refuses a torn tail, and a file changed behind our back."""
        if self._descriptor is not None:
            if not _is_at(self._descriptor, self._journal):
                raise StateError(
                    "The journal was moved or deleted while it was in use.",
                    str(self._journal),
                    "Nothing was sent after that. Find out what did it, then run the command again.",
                )
            return self._descriptor
        is_new = not self._journal.exists()
        if self.journal()[-1:] not in (b"", b"\n"):
            raise StateError("The journal ends in the middle of a record.", str(self._journal), "Run apply again.")
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
            raise disk_problem("The journal cannot be written.", self._journal, error) from error

    def history(self) -> bytes:
        """See StateBackend."""
        return self._read(self._history, "The history cannot be read.") or b""

    def append_history(self, data: bytes) -> None:
        """See StateBackend."""
        try:
            is_new, torn = not self._history.exists(), _is_torn(self._history)
            descriptor = self._disk.open_to_append(self._history)
            try:
                left = memoryview(b"\n" + data if torn else data)
                while left:
                    left = left[self._disk.write(descriptor, bytes(left)) :]
                self._disk.fsync(descriptor)
            finally:
                self._disk.close(descriptor)
            if is_new:
                self._disk.fsync_folder(self._history.parent)
        except OSError as error:
            raise disk_problem("The history cannot be written.", self._history, error) from error

    def lock(self, info: LockInfo, timeout: float, clock: Clock) -> LocalLock:
        """See StateBackend. Polls through `clock`; one attempt at least."""
        deadline = clock.now() + timeout
        while (held := self._try_lock()) is None:
            left = deadline - clock.now()
            if left <= 0:
                holder = self._left_text()
                raise locked(holder, clock.wall(), _remedy(holder))
            clock.sleep(min(_POLL, left))
        try:
            # Kept here too: a lock that nobody refers to any more is let go by the library.
            self._lock = LocalLock(held, self._lock_path, info)
        except OSError as error:
            held.release()
            raise disk_problem("The state cannot be locked.", self._lock_path, error) from error
        return self._lock

    def _try_lock(self) -> FileLock | None:
        if not self._lock_path.parent.is_dir():  # the library would make it
            raise disk_problem("The state cannot be locked.", self._lock_path, FileNotFoundError())
        # Without the fallback: it would lock by a marker file, which outlives its owner.
        lock = FileLock(self._lock_path, timeout=0, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        except OSError as error:
            raise disk_problem("The state cannot be locked.", self._lock_path, error) from error
        return lock

    def holder(self) -> LockInfo | None:
        """See StateBackend. Asks the operating system, not the text: a dead owner's text holds nothing."""
        if not self._lock_path.exists():
            return None
        probe = self._try_lock()
        if probe is not None:
            probe.release()
            return None
        return self._left_text() or LockInfo("", "another process", "this machine", 0, "an unknown command", 0.0)

    def force_unlock(self, lock_id: str) -> None:
        """Always refuses: there is nothing to take away that the end of its owner would not free."""
        holder = self.holder()
        if holder is None or holder.id != lock_id:
            raise NotLockedError(lock_id, holder)
        raise StateError(
            "A local lock cannot be taken away.",
            f"It belongs to process {holder.pid} on {holder.host} ({holder.who}, {holder.operation}) and goes with it.",
            _remedy(holder),
        )

    def _left_text(self) -> LockInfo | None:
        with suppress(OSError, ValueError, TypeError):
            return LockInfo(**json.loads(self._lock_path.read_bytes()[:_LONGEST_INFO]))
        return None

    def _read(self, path: Path, summary: str) -> bytes | None:
        try:
            return self._disk.read(path)
        except FileNotFoundError as error:
            if not path.parent.is_dir():
                raise disk_problem(summary, path, error) from error
            return None
        except OSError as error:
            raise disk_problem(summary, path, error) from error


class LocalLock:
    """A held lock of a local state. It lasts as long as this process, or until it is released."""

    def __init__(self, held: FileLock, path: Path, info: LockInfo) -> None:
        self._held = held
        self._path = path
        self._info = info
        self._text = json.dumps(asdict(info), indent=2, ensure_ascii=True).encode() + b"\n"
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._released = False
        try:
            self._taken_over = os.fstat(self._descriptor).st_size > 0
            # Never empty in between: a dead owner's trace must outlive a kill here.
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
        """See Lock: the last owner died, for its text still stood in the file."""
        return self._taken_over

    def check(self) -> None:
        """See Lock. The file at the path must be the one that is locked, with our text in it."""
        if not self._released and _is_at(self._descriptor, self._path):
            with suppress(OSError):
                if os.pread(self._descriptor, _LONGEST_INFO, 0) == self._text:
                    return
        raise LockLostError(
            "The lock of the state was lost.",
            f"{self._path} was deleted or replaced while this run held it.",
            "Nothing was sent after that. See that no other run is at work, then run the command again.",
        )

    def release(self) -> None:
        """See Lock. The empty file stays: deleting it would let two owners in at once."""
        if self._released:
            return
        self._released = True
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._held.release()


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_torn(path: Path) -> bool:
    """Whether a file ends in the middle of a line."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        mine, there = os.fstat(descriptor), path.stat(follow_symlinks=False)
    except OSError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def _remedy(holder: LockInfo | None) -> str:
    if holder is None:
        return ""
    return f"If it hangs, end that process on {holder.host}: `kill {holder.pid}`. The lock goes with it."


def local_backend(where: str, root: Path, scratch: Path) -> LocalBackend:
    """The backend of a state at the path `where`, relative to the project."""
    return LocalBackend(root / where, scratch)
