"""What a code host marks in a pull request: things to see to, each with its place, the worst first. Pure.

One list for every format that marks places: annotations, code quality, SARIF. Made of a plan, or of diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.planning.plan import Plan
from sequence_sync.render.drift import KINDS, drift_head
from sequence_sync.render.escape import one_line
from sequence_sync.render.view import View, blocked_rows, view_of

SETTINGS = "seqsync.yaml"  # the place of what belongs to no sequence


class Weight(IntEnum):
    """How much it matters; the lower the worse."""

    ERROR = 0  # apply does nothing, or not this
    WARNING = 1  # to be looked at before somebody says yes
    NOTICE = 2


class Finding(NamedTuple):
    """One thing. `rule` is a stable id, `about` what it is about (an address, a gate, a place). The texts are safe to
    show. `path` is relative to the folder that the caller names; `line` and `column` count from 1, 0: not known."""

    weight: Weight
    rule: str
    about: str
    title: str
    message: str
    path: str
    line: int = 1
    column: int = 0
    end_column: int = 0


def plan_findings(plan: Plan, folder: str = "") -> list[Finding]:
    """Gates, blocked changes, drift, active sequences and notes of `plan`. `folder`: where the project lies below the
    root of the repository, empty or ending with a slash."""
    places = {key: folder + row.files[0] for key, row in plan.sequences.items() if row.files}
    found = _of_plan(view_of(plan), places, folder + SETTINGS)
    return sorted(found, key=lambda row: row.weight)


def _of_plan(view: View, places: dict[str, str], settings: str) -> Iterator[Finding]:
    for gate in view.gates:
        weight = Weight.NOTICE if gate.allowed else Weight.ERROR
        title = f"Gate {one_line(gate.name)} is {'open' if gate.allowed else 'shut: apply does nothing'}"
        yield Finding(weight, f"gate-{one_line(gate.name)}", gate.name, title, one_line(gate.detail), settings)
    for row in blocked_rows(view.groups):
        title = one_line(f"Blocked: {row.address}")
        message = one_line(f"{row.reason}. {row.advice}")
        place = places.get(row.change.sequence, settings)
        yield Finding(Weight.ERROR, f"blocked-{row.change.reason}", row.address, title, message, place)
    for drifted in view.drift:
        title = one_line(f"Changed in Saleshandy: {drifted.address}")
        message = f"{drift_head(drifted)[2:]}. {KINDS[drifted.kind].advice}"
        place = places.get(drifted.sequence, settings)
        yield Finding(Weight.WARNING, f"drift-{drifted.kind}", drifted.address, title, message, place)
    for group in view.active:
        title = one_line(f"Active: {group.key} is sending")
        message = f"The plan changes it ({group.writes} of its lines make calls): prospects get what is changed."
        yield Finding(Weight.WARNING, "active", group.key, title, message, places.get(group.key, settings))
    for number, note in enumerate(view.notes):
        yield Finding(Weight.NOTICE, "note", str(number), "Note on the plan", one_line(note), settings)


def diagnostic_findings(diagnostics: Iterable[Diagnostic], folder: str = "") -> list[Finding]:
    """`diagnostics`, the errors first."""
    found = [
        Finding(
            Weight.ERROR if row.severity is Severity.ERROR else Weight.WARNING,
            row.rule, f"{row.path}:{row.summary}", one_line(row.summary),
            one_line(f"{row.summary} {row.hint}"), folder + (row.path or SETTINGS),
            max(row.line, 1), row.column, row.column + row.length if row.column else 0,
        )
        for row in diagnostics
    ]  # fmt: skip
    return sorted(found, key=lambda row: row.weight)
