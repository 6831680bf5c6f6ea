"""Where things go that could not be saved where they belong: `.seqsync/rescue`. Knows nothing of what they are."""

from __future__ import annotations

from pathlib import Path

from sequence_sync.backends.disk import Disk, write_whole


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
