"""High-water marks: the highest serial of each state that this machine has seen (rollback protection).

A state that git or a backup restored is then not taken for the current one. The marks are in a file beside the cache,
by lineage: the serial and the digest of the content. Best effort: where the file is lost, damaged or cannot be
written, no state is refused.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sequence_sync.errors import StateError
from sequence_sync.files import Disk, write_atomically
from sequence_sync.model.fields import Frozen
from sequence_sync.state.model import State


class _Mark(Frozen):
    serial: int
    digest: str


_MARKS = TypeAdapter(dict[str, _Mark])


class HighWaterMark:
    """The marks in the file `path` (`.seqsync/seen.json`)."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._marks = self._load()

    def _load(self) -> dict[str, _Mark]:
        with suppress(OSError, ValidationError):
            return _MARKS.validate_json(self._disk.read(self._path))
        return {}

    def highest(self, lineage: str) -> int:
        """Return the highest serial of `lineage` that this machine has seen, or 0."""
        mark = self._marks.get(lineage)
        return mark.serial if mark else 0

    def check(self, state: State, where: str) -> None:
        """Raise StateError if this machine has seen a newer state of this lineage with another content."""
        mark = self._marks.get(state.lineage)
        if mark is None or state.serial >= mark.serial or state.content_digest() == mark.digest:
            return
        raise StateError(
            "The state is older than one this machine has seen.",
            f"{where} has serial {state.serial}; this machine has seen serial {mark.serial}. seqsync would not know "
            "what was applied in between.",
            "Restore the newer state from git, or from .seqsync/backups: `seqsync state push FILE`. If the older one "
            "is right: `seqsync state push FILE -force`.",
        )

    def note(self, state: State) -> None:
        """Raise the mark of the lineage to `state`, if that is newer."""
        if state.lineage not in self._marks or state.serial > self.highest(state.lineage):
            self.reset(state)

    def reset(self, state: State) -> None:
        """Set the mark of the lineage to `state`, even if that is older: after `state push -force`."""
        self._marks[state.lineage] = _Mark(serial=state.serial, digest=state.content_digest())
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            plain = {lineage: mark.model_dump() for lineage, mark in self._marks.items()}
            data = json.dumps(plain, indent=2, sort_keys=True).encode() + b"\n"
            write_atomically(self._path, data, disk=self._disk)
