"""What became of an import: values that the report is made from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sequence_sync.errors import worst


class Outcome(StrEnum):
    """What became of one sequence."""

    IMPORTED = "imported"  # it has a file now, and stands in the state
    MERGED = "merged"  # the app's edits are in its file, or recorded
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"  # file and app were changed differently; both are kept
    INCOMPLETE = "incomplete"  # its file waits for days that the app does not tell
    LEFT = "left alone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field with its three sides. `base`: as last applied; None where nobody knows."""

    address: str
    name: str
    base: Any
    ours: Any
    theirs: Any


@dataclass(slots=True)
class Row:
    """One sequence. `detail` is one line; `notes` are more of them; `problem` and `hint` say why it failed.

    `wrote`: something of it was done, whatever the outcome. `ids_line` belongs under `ids:` of the settings.
    """

    outcome: Outcome
    name: str
    detail: str = ""
    notes: list[str] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    problem: str = ""
    hint: str = ""
    wrote: bool = False
    ids_line: str = ""
    code: int = 0


@dataclass(slots=True)
class ImportReport:
    """A whole import. `skipped` counts sequences that were not begun; `problem` is what ended it early; `rescue` is a
    state that could not be written, as text."""

    rows: list[Row] = field(default_factory=list)
    skipped: int = 0
    problem: str = ""
    hint: str = ""
    code: int = 0
    rescue: str = ""

    @property
    def exit_code(self) -> int:
        """1 for errors and conflicts, 10 where other things were done; what ended the pass goes before."""
        codes = {row.code for row in self.rows} | {self.code}
        if 1 in codes and any(row.wrote for row in self.rows):
            codes.add(10)
        return worst(codes)


def count(rows: Iterable[Row], outcome: Outcome) -> int:
    """How many sequences ended so."""
    return sum(row.outcome is outcome for row in rows)
