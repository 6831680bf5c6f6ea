"""Results of an apply and of an import, and the events on the way. Pure; `render` turns them into reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field, model_validator

from sequence_sync.errors import worst
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Frozen


class Status(StrEnum):
    """The result of one change."""

    DONE = "done"  # the API did it, in this run
    ADOPTED = "adopted"  # it existed already, and is now in the state
    RECORDED = "recorded"  # changed the state only
    ALREADY = "already"  # an earlier run of this plan did it
    FAILED = "failed"  # the API refused it, or could not be reached
    REFUSED = "refused"  # seqsync refused it: the sequence is active, or differs from what the plan was based on
    UNKNOWN = "unknown"  # the outcome is in doubt: a person must decide
    SKIPPED = "skipped"  # not started, because an earlier change failed or the run was stopped
    BLOCKED = "blocked"  # already blocked in the plan

    @property
    def exit_code(self) -> int:
        """The exit code that it stands for; 0 where nothing went wrong."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES = {Status.FAILED: 1, Status.REFUSED: 6, Status.UNKNOWN: 9}
CHANGED = frozenset({Status.DONE, Status.ADOPTED, Status.RECORDED})


class ChangeResult(Frozen):
    """The result of one change. `code` is its exit code; 0 means success."""

    address: Address
    action: str
    status: Status
    detail: str = ""
    hint: str = ""
    remote_id: str | None = None
    code: int = 0

    @model_validator(mode="before")
    @classmethod
    def _with_code(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Derive the code from the status, unless an error with an exit code of its own ended the change."""
        return {"code": Status(values["status"]).exit_code, **values}


class ApplyReport(Frozen):
    """The result of an apply. `rescue` is the text of a state that could not be written; it must be printed."""

    environment: str
    api_host: str
    plan_hash: str
    results: tuple[ChangeResult, ...] = ()
    notes: tuple[str, ...] = ()
    stopped_by: int = 0
    rescue: str = Field(default="", repr=False)

    def with_unsaved(self, why: str, printed: str) -> ApplyReport:
        """This report if the state could not be written. `printed` is the state, if it was not saved anywhere."""
        failed = ChangeResult(address="state", action="write", status=Status.FAILED, detail=why)
        return self.model_copy(update={"results": (*self.results, failed), "rescue": printed})

    def count(self, *statuses: Status) -> int:
        """The number of changes with one of `statuses`."""
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
    """An event during an apply, for progress: `done` of `total` changes are finished; a `wait` takes `seconds`."""

    kind: str
    address: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0


class Observer(Protocol):
    """Receives events. Must return quickly, and may be called from several threads."""

    def on_event(self, event: Event) -> None:
        """Receive `event`."""
        ...


class NullObserver:
    """An observer that ignores all events."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""


def ordered(results: Iterable[ChangeResult], addresses: Iterable[str]) -> tuple[ChangeResult, ...]:
    """Sort `results` into the order of the plan, which is that of `addresses`."""
    position = {address: index for index, address in enumerate(addresses)}
    return tuple(sorted(results, key=lambda row: position.get(row.address, len(position))))


class ImportOutcome(StrEnum):
    """The result of importing one sequence."""

    IMPORTED = "imported"  # it now has a file, and is in the state
    MERGED = "merged"  # its changes in Saleshandy are now in its file, or recorded in the state
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"  # file and Saleshandy were changed in different ways; both stay as they are
    ASKED = "needs a decision"  # a step in Saleshandy may be one of the file; only a person knows
    INCOMPLETE = "incomplete"  # its file needs days, which Saleshandy does not return
    LEFT = "left alone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that was changed on both sides: `ours` in the file, `theirs` in Saleshandy.

    `base` is the last applied value; None if it is not known.
    """

    address: Address
    name: str
    base: Any
    ours: Any
    theirs: Any


@dataclass(slots=True)
class ImportResult:
    """The result of one sequence. `detail` and `notes` are lines of text; `problem` and `hint` say why it failed.

    `wrote`: something was written, whatever the outcome. `ids_line` is a line to add under `ids:` in the settings.
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
    """The result of an import.

    `skipped` counts the sequences that were not started. `problem` is what ended the import early. `rescue` is the
    text of a state that could not be written.
    """

    rows: list[ImportResult] = field(default_factory=list)
    skipped: int = 0
    problem: str = ""
    hint: str = ""
    code: int = 0
    rescue: str = ""

    @property
    def exit_code(self) -> int:
        """1 for errors and conflicts, 10 if something else was done. What ended the import early takes precedence."""
        codes = {row.code for row in self.rows} | {self.code}
        if 1 in codes and any(row.wrote for row in self.rows):
            codes.add(10)
        return worst(codes)


def count(rows: Iterable[ImportResult], outcome: ImportOutcome) -> int:
    """The number of sequences with this outcome."""
    return sum(row.outcome is outcome for row in rows)
