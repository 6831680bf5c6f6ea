"""What became of an import, as text: a line for each sequence, both sides of a conflict, a line that counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sequence_sync.planning.imported import Conflict, ImportReport, Outcome, Row, count

_WIDTH = max(len(outcome) for outcome in Outcome)
_COUNTED = (
    (Outcome.IMPORTED, "imported"),
    (Outcome.MERGED, "merged"),
    (Outcome.UNCHANGED, "unchanged"),
    (Outcome.CONFLICT, "in conflict"),
    (Outcome.INCOMPLETE, "incomplete"),
    (Outcome.LEFT, "left alone"),
    (Outcome.FAILED, "failed"),
)


def row_text(row: Row) -> str:
    """One sequence: its line, what is to be known about it, and its conflicts."""
    lines = [f"{row.outcome:<{_WIDTH}}  {row.name}" + (f"  {row.detail}" if row.detail else "")]
    lines += [f"    {part}" for part in (row.problem, row.hint) if part]
    lines += [f"    {note}" for note in row.notes]
    for conflict in row.conflicts:
        lines += _conflict(conflict)
    return "\n".join(lines)


def summary_text(report: ImportReport) -> str:
    """What ended it early, what is to be written into the settings, and the line that counts."""
    lines = [part for part in (report.problem, report.hint) if part]
    ids = [row.ids_line for row in report.rows if row.ids_line]
    if ids:
        lines += ["Write into seqsync.yaml, into this environment:", "  ids:", *(f"    {line}" for line in ids)]
    counts = [f"{number} {words}" for outcome, words in _COUNTED if (number := count(report.rows, outcome))]
    if report.skipped:
        counts.append(f"{report.skipped} not begun")
    return "\n".join([*lines, f"Import: {', '.join(counts) or 'there is nothing to import'}."])


def _conflict(conflict: Conflict) -> Iterator[str]:
    yield f"    conflict at {conflict.address}: {conflict.name} was changed in the file and in Saleshandy"
    yield from _side("last applied", conflict.base)
    yield from _side("in the file", conflict.ours)
    yield from _side("in Saleshandy", conflict.theirs)


def _side(title: str, value: Any) -> Iterator[str]:
    if value is None:
        yield f"      {title}: not known"
        return
    text = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if "\n" not in text and len(text) < 80:
        yield f"      {title}: {text or '(empty)'}"
        return
    yield f"      {title}:"
    yield from (f"        {line}".rstrip() for line in text.split("\n"))
