"""The history of a state as text and as JSON, one block for each run. Pure: lines in, text out.

Users wrote the texts in it, in files or in Saleshandy: all of them go through `render.escape`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.plan.model import UPDATES, Action
from sequence_sync.registry import provider
from sequence_sync.render.escape import one_line
from sequence_sync.render.text import MARK_COLORS, Ink, ink
from sequence_sync.state.history import AnyLine, CallLine, EndLine, NoteLine, RunLine, SerialLine
from sequence_sync.state.journal import Author, CallResult

FORMAT_VERSION = 1  # of the JSON
SHOWN_TEXT = 160  # characters of a text that was replaced; the JSON has all of it
SHORT = 12  # digits of a hash
PUSH = "state push"  # the only command that does not record its end
EMPTY = "The history is empty: no run has changed this state yet."


@dataclass
class HistoryRun:
    """One run: who started it, and its lines in their order."""

    run: str
    lines: list[AnyLine] = field(default_factory=list)

    @property
    def by(self) -> Author:
        """The actor who started it; empty if that record was lost."""
        return next((line.by for line in self.lines if line.by), Author())

    @property
    def plan(self) -> str:
        """The hash of the plan that it applied."""
        return next((line.plan for line in reversed(self.lines) if isinstance(line, RunLine)), "")

    @property
    def serials(self) -> tuple[int, int] | None:
        """The serials before and after it; None if the serial did not change."""
        rows = [line for line in self.lines if isinstance(line, SerialLine)]
        return (rows[0].before, rows[-1].serial) if rows else None

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it is running, or if it was interrupted."""
        return next((line.exit_code for line in reversed(self.lines) if isinstance(line, EndLine)), None)

    @property
    def entries(self) -> list[CallLine | NoteLine]:
        """The calls, and the changes without a call."""
        rows = (line for line in self.lines if isinstance(line, CallLine | NoteLine))
        return [line for line in rows if isinstance(line, CallLine) or line.text]


def history_runs(lines: Iterable[AnyLine]) -> list[HistoryRun]:
    """Return the runs, in the order of their first lines."""
    runs: dict[str, HistoryRun] = {}
    for line in lines:
        runs.setdefault(line.run, HistoryRun(line.run)).lines.append(line)
    return list(runs.values())


def history_text(
    runs: Sequence[HistoryRun], unknown: Sequence[str], when: Callable[[str], str], color: bool = False
) -> str:
    """Return the runs as text, newest last. `unknown`: addresses of calls in doubt. `when` formats a time."""
    paint = ink(color)
    parts = ["\n".join(_run_lines(run, when, paint)) for run in runs]
    if unknown:
        names = one_line(", ".join(unknown))
        parts.append(f"The next apply checks Saleshandy before it sends anything. In doubt: {names}")
    return "\n\n".join(parts or [EMPTY]) + "\n"


def _run_lines(run: HistoryRun, when: Callable[[str], str], paint: Ink) -> Iterator[str]:
    by = run.by
    head = f"{one_line(when(by.at)) if by.at else 'unknown time'}  {one_line(by.who or 'unknown user')}"
    yield paint(head, "bold") + (f"  {one_line(by.operation)}" if by.operation else "")
    facts = [f"plan {run.plan[:SHORT]}"] if run.plan else []
    if by.commit:
        facts.append(f"commit {by.commit[:SHORT]}" + (" with uncommitted changes" if by.dirty else ""))
    if run.serials:
        facts.append(f"serial {run.serials[0]} to {run.serials[1]}")
    if run.exit_code:
        facts.append(f"exit code {run.exit_code}")
    elif run.exit_code is None and by.operation != PUSH:
        facts.append("running or interrupted")
    if facts:
        yield f"  {one_line(', '.join(facts))}"
    for entry in run.entries:
        yield from _entry_lines(entry, paint)


def _entry_lines(entry: CallLine | NoteLine, paint: Ink) -> Iterator[str]:
    if isinstance(entry, NoteLine):
        yield f"  {paint('>', MARK_COLORS['>'])} {one_line(entry.text)}"
        return
    mark, verb = _verb(entry)
    ids = (
        f" (id {entry.ids[0]}" + (f", variants {', '.join(entry.ids[1:])})" if entry.ids[1:] else ")")
        if entry.ids
        else ""
    )
    replaced = [f"{name} {_quoted(value)}" for name, value in _replaced(entry)]
    tail = f": replaced {'; '.join(replaced)}" if replaced else f": {one_line(entry.detail)}" if entry.detail else ""
    yield f"  {paint(mark, MARK_COLORS.get(mark, 'red'))} {verb} {one_line(entry.address + ids)}{tail}"


def _verb(entry: CallLine) -> tuple[str, str]:
    if entry.result is CallResult.REFUSED:
        return "x", "refused"
    if entry.result is CallResult.NOT_MADE:
        return "x", "not sent"
    if entry.result is CallResult.ADOPTED:
        return ">", "adopted"
    if entry.action == Action.DEACTIVATE_VARIANT:
        return "-", "deactivated"
    return ("~", "updated") if entry.action in UPDATES else ("+", "created")


def _replaced(entry: CallLine) -> Iterator[tuple[str, Any]]:
    for name, value in (entry.replaced or {}).items():
        if name == "payload":
            yield from value.items()
        else:
            yield provider().dialect.label(name), value


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return one_line(json.dumps(value, ensure_ascii=False), SHOWN_TEXT)
    return f'"{one_line(value, SHOWN_TEXT)}"'


def history_json(runs: Sequence[HistoryRun], unknown: Sequence[str]) -> str:
    """Return the runs as JSON, with every text complete."""
    plain = {"format_version": FORMAT_VERSION, "runs": [_run_document(run) for run in runs], "unknown": list(unknown)}
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _run_document(run: HistoryRun) -> dict[str, Any]:
    by = run.by
    return {
        "run": run.run,
        "at": by.at or None,
        "who": by.who or None,
        "operation": by.operation or None,
        "commit": by.commit,
        "dirty": by.dirty,
        "plan_hash": run.plan or None,
        "serial_before": run.serials[0] if run.serials else None,
        "serial": run.serials[1] if run.serials else None,
        "exit_code": run.exit_code,
        "lines": [line.model_dump(mode="json", exclude={"n", "lineage", "run", "by"}) for line in run.entries],
    }
