"""Which states this machine has seen: so that one restored by git or from a backup is not taken for the present.

A file beside the cache, by lineage: the highest serial and the digest of what it said. Best effort: where the file
is lost, damaged or cannot be written, nothing is refused.
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


class _Sight(Frozen):
    serial: int
    digest: str


_SIGHTS = TypeAdapter(dict[str, _Sight])


class HighWaterMark:
    """The memory in the file `path` (`.seqsync/seen.json`)."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._sights = self._load()

    def _load(self) -> dict[str, _Sight]:
        with suppress(OSError, ValidationError):
            return _SIGHTS.validate_json(self._disk.read(self._path))
        return {}

    def highest(self, lineage: str) -> int:
        """The highest serial seen of `lineage`; 0 where none was."""
        sight = self._sights.get(lineage)
        return sight.serial if sight else 0

    def check(self, state: State, where: str) -> None:
        """Raises StateError where `state` is older than one of its lineage that was seen here, and says less."""
        sight = self._sights.get(state.lineage)
        if sight is None or state.serial >= sight.serial or state.content_digest() == sight.digest:
            return
        raise StateError(
            "The state is older than this machine last saw.",
            f"{where} has serial {state.serial}; serial {sight.serial} was here before. What was applied in between "
            "would be unknown.",
            "Bring the newer one back: from git, or `seqsync state push FILE` with one from .seqsync/backups. If the "
            "older one is right: `seqsync state push FILE -force`.",
        )

    def note(self, state: State) -> None:
        """Remember `state` if it is newer than what is known of its lineage."""
        if state.lineage not in self._sights or state.serial > self.highest(state.lineage):
            self.reset(state)

    def reset(self, state: State) -> None:
        """Remember `state` whatever is known of its lineage: after `state push -force`."""
        self._sights[state.lineage] = _Sight(serial=state.serial, digest=state.content_digest())
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            plain = {lineage: sight.model_dump() for lineage, sight in self._sights.items()}
            data = json.dumps(plain, indent=2, sort_keys=True).encode() + b"\n"
            write_atomically(self._path, data, disk=self._disk)
