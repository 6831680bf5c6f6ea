"""Write files atomically and durably, and the port to the operating system that tests replace with a failing one.

Knows nothing of what is in a file. Every function raises OSError.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

NEW_FILE_MODE = 0o600  # state files, plans and reports hold the text of emails


class Disk:
    """The calls to the operating system. One call a method; no error is caught."""

    def read(self, path: Path) -> bytes:
        """Return the contents of a file."""
        return path.read_bytes()

    def create(self, path: Path, mode: int) -> int:
        """Open a new or emptied file for writing. Refuse to follow a link."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def open_to_append(self, path: Path) -> int:
        """Open a file whose writes go to its end. Refuse to follow a link."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, NEW_FILE_MODE)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write once, and return how many bytes were written."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """Flush to the medium."""
        # On macOS, os.fsync reaches only the cache of the drive.
        full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
        if full is None:
            os.fsync(descriptor)
        else:
            fcntl.fcntl(descriptor, full)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename `source` to `target` atomically, replacing an existing file."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def fsync_folder(self, folder: Path) -> None:
        """Flush the file names in `folder` to the medium, so that a rename survives a power failure."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(
    path: Path,
    data: bytes,
    *,
    mode: int = NEW_FILE_MODE,
    disk: Disk | None = None,
    temporary: str | None = None,
) -> None:
    """Replace `path` with `data`, completely or not at all, and durably.

    The data goes into a temporary file in the same folder. That file is flushed and renamed to `path`, then the folder
    is flushed. `temporary` is the name of that file, `<name>.tmp` by default. The default suits one writer at a time:
    its next write replaces what a killed process left. Where several processes may write, pass a name of this process.

    Raises OSError. The old file is then unchanged, unless only the flush of the folder failed.
    """
    disk = disk or Disk()
    beside = path.with_name(temporary or f"{path.name}.tmp")
    descriptor = disk.create(beside, mode)
    try:
        try:
            os.fchmod(descriptor, mode)
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[disk.write(descriptor, bytes(remaining)) :]
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
        disk.replace(beside, path)
    except OSError:
        with suppress(OSError):
            disk.remove(beside)
        raise
    disk.fsync_folder(path.parent)


def temporary_name(path: Path) -> str:
    """Return a hidden name beside `path` that only this process uses."""
    return f".{path.name}.{os.getpid()}.tmp"


class RescueFolder:
    """The folder that receives a state or journal that could not be written to its own place."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()

    def save(self, name: str, data: bytes) -> str | None:
        """Write `data` durably, creating the folder first. Return the path, or None where that failed too."""
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data, disk=self._disk)
        except OSError:
            return None
        return str(path)
