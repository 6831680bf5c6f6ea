"""The operating system's calls that state files need, as a port: tests and the simulation put a failing one in.

Knows nothing of states. Everything raises OSError.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

NEW_FILE_MODE = 0o600  # a state may hold the copy of emails


class Disk:
    """Thin: one call each, nothing caught."""

    def read(self, path: Path) -> bytes:
        """The whole file."""
        return path.read_bytes()

    def create(self, path: Path, mode: int) -> int:
        """A descriptor to an emptied or new file; a link in its place is refused."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    def open_to_append(self, path: Path) -> int:
        """A descriptor whose writes go to the end of the file."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, NEW_FILE_MODE)

    def write(self, descriptor: int, data: bytes) -> int:
        """One write; how many bytes went out."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """Down to the medium. macOS's own fsync stops at the drive's cache."""
        full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
        if full is None:
            os.fsync(descriptor)
        else:
            fcntl.fcntl(descriptor, full)

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename over what is there, in one go."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def fsync_folder(self, folder: Path) -> None:
        """Make the names in `folder` durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(disk: Disk, path: Path, data: bytes, mode: int = NEW_FILE_MODE) -> None:
    """Put `data` at `path`, whole or not at all, durably: a neighbour is written, flushed and renamed over it.

    One writer at a time: the neighbour's name is fixed (`<name>.tmp`), so that what a kill leaves behind is written
    over by the next. Raises OSError; the old file is whole then, unless only the last flush of the folder failed.
    """
    neighbour = path.with_name(f"{path.name}.tmp")
    descriptor = disk.create(neighbour, mode)
    try:
        try:
            os.fchmod(descriptor, mode)
            left = memoryview(data)
            while left:
                left = left[disk.write(descriptor, bytes(left)) :]
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
        disk.replace(neighbour, path)
    except OSError:
        with suppress(OSError):
            disk.remove(neighbour)
        raise
    disk.fsync_folder(path.parent)


class Rescue:
    """Files in `folder`, which is made when it is first needed."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder = folder
        self._disk = disk or Disk()

    def save(self, name: str, data: bytes) -> str | None:
        """The path of the file that now holds `data` durably; None where even that failed."""
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._disk, path, data)
        except OSError:
            return None
        return str(path)
