"""What became of a plan: values that the reports are made from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field

from sequence_sync.errors import worst
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Frozen


class Status(StrEnum):
    """What became of one change."""

    DONE = "done"  # the API made it, in this run
    ADOPTED = "adopted"  # it was there already, and is recorded now
    RECORDED = "recorded"  # state only
    ALREADY = "already"  # an earlier run of this plan did it
    FAILED = "failed"  # the API said no, or could not be reached
    REFUSED = "refused"  # seqsync would not: the sequence is active, or is not what the plan knew
    UNKNOWN = "unknown"  # nobody can know: a person must decide
    SKIPPED = "skipped"  # not begun, because something before it stopped
    BLOCKED = "blocked"  # the plan said so


CHANGED = frozenset({Status.DONE, Status.ADOPTED, Status.RECORDED})


class ChangeResult(Frozen):
    """What became of one change. `code` is the exit code that it stands for, 0 where it went well."""

    address: Address
    action: str
    status: Status
    detail: str = ""
    hint: str = ""
    remote_id: str | None = None
    code: int = 0


class ApplyReport(Frozen):
    """What became of a whole plan. `rescue` is a state that could not be written, as text, to be printed."""

    environment: str
    api_host: str
    plan_hash: str
    results: tuple[ChangeResult, ...] = ()
    notes: tuple[str, ...] = ()
    stopped_by: int = 0
    rescue: str = Field(default="", repr=False)

    def with_unsaved(self, why: str, printed: str) -> ApplyReport:
        """This report, where the state could not be written at the end; `printed`: the state, if it is nowhere else."""
        failed = ChangeResult(address="state", action="write", status=Status.FAILED, detail=why, code=1)
        return self.model_copy(update={"results": (*self.results, failed), "rescue": printed})

    def count(self, *statuses: Status) -> int:
        """How many changes ended with one of `statuses`."""
        return sum(row.status in statuses for row in self.results)

    @property
    def exit_code(self) -> int:
        """The exit code of the apply (docs/commands.md): the first of 130/143, 9, 4, 5, 10, 1 wins."""
        codes = {row.code for row in self.results if row.code} | ({self.stopped_by} if self.stopped_by else set())
        changed = any(row.status in CHANGED for row in self.results)
        if changed and codes & {1, 6}:
            codes = (codes - {1, 6}) | {10}
        return 6 if codes == {6} else worst(codes - {6} if len(codes) > 1 else codes)


class Event(Frozen):
    """Something that happened while applying, for progress. `done` of `total` changes are through; a `wait` takes
    `seconds`."""

    kind: str
    address: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0


class Observer(Protocol):
    """Hears events; must be quick, and may be called from several threads."""

    def on_event(self, event: Event) -> None:
        """Take note of `event`."""
        ...


class NullObserver:
    """An observer that hears nothing."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""


def ordered(results: Iterable[ChangeResult], addresses: Iterable[str]) -> tuple[ChangeResult, ...]:
    """`results` in the order of the plan."""
    place = {address: index for index, address in enumerate(addresses)}
    return tuple(sorted(results, key=lambda row: place.get(row.address, len(place))))


class ImportOutcome(StrEnum):
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

    address: Address
    name: str
    base: Any
    ours: Any
    theirs: Any


@dataclass(slots=True)
class ImportResult:
    """One sequence. `detail` is one line; `notes` are more of them; `problem` and `hint` say why it failed.

    `wrote`: something of it was done, whatever the outcome. `ids_line` belongs under `ids:` of the settings.
    """

    outcome: ImportOutcome
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

    rows: list[ImportResult] = field(default_factory=list)
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


def count(rows: Iterable[ImportResult], outcome: ImportOutcome) -> int:
    """How many sequences ended so."""
    return sum(row.outcome is outcome for row in rows)
