"""What somebody changed in Saleshandy since the last apply: rows in, text out. Pure.

For the plan, which tells it and leaves it alone, and for the command that only looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sequence_sync.planning.plan import Drifted, DriftKind
from sequence_sync.render.ansi import MARK_COLORS, Ink, ink
from sequence_sync.render.details import Level, detail_lines
from sequence_sync.render.escape import one_line
from sequence_sync.render.view import Detail, field_detail


class Words(NamedTuple):
    """How a kind of drift is told: its mark, what it is, its name in a count, and what can be done about it."""

    mark: str
    what: str
    counted: str
    advice: str


KINDS: Mapping[DriftKind, Words] = {
    DriftKind.CHANGED: Words(
        "~", "changed", "changed",
        "Changed: `seqsync import` takes it into the files; `-allow drift` puts the files' words back.",
    ),
    DriftKind.GONE: Words(
        "-", "gone", "gone",
        "Gone: take it out of the files, or create it anew with `-allow drift`.",
    ),
    DriftKind.ADDED: Words(
        "+", "added, not managed by seqsync", "added",
        "Added: it is left alone; `seqsync import` takes it into the files.",
    ),
    DriftKind.SECOND_COPY: Words(
        "!", "a second copy", "second copy",
        "A second copy: look at both in Saleshandy, and delete the one that is not used.",
    ),
}  # fmt: skip

HEADING = "Changed in Saleshandy since the last apply; nothing is done about it"
NO_DRIFT = "No drift. Saleshandy says what was last applied."
NOT_ALL = "Not everything could be looked at: there may be more."


def drift_text(
    rows: Sequence[Drifted], level: Level = Level.DEFAULT, color: bool = False, complete: bool = True
) -> str:
    """`rows` for a terminal or a log; the last line is `drift_line`. `complete`: everything asked for was read."""
    paint = ink(color)
    lines = [*drift_lines(rows, level, paint, indent="")]
    if rows:
        lines += ["", *advice_on(rows), ""]
    return "\n".join([*lines, *([] if complete else [NOT_ALL]), drift_line(rows, complete)]) + "\n"


def drift_line(rows: Sequence[Drifted], complete: bool = True) -> str:
    """`Drift: 2 changed, 1 gone, 0 added, 0 second copies.`, or that there is none."""
    if not rows:
        return NO_DRIFT if complete else "No drift in what was looked at."
    found = Counter(row.kind for row in rows)
    return "Drift: " + ", ".join(f"{found[kind]} {words.counted}" for kind, words in KINDS.items()) + "."


def advice_on(rows: Iterable[Drifted]) -> list[str]:
    """What can be done about `rows`, once for each kind."""
    kinds = {row.kind for row in rows}
    return [words.advice for kind, words in KINDS.items() if kind in kinds]


def drift_lines(rows: Iterable[Drifted], level: Level, paint: Ink, indent: str = "  ") -> Iterator[str]:
    """The lines of `rows`: one each, and below it each field, old and new."""
    for row in rows:
        yield f"{indent}{paint(drift_head(row), MARK_COLORS[KINDS[row.kind].mark])}"
        if level is Level.SUMMARY:
            continue
        for detail in drift_details(row):
            yield from (f"{indent}    {line}" for line in detail_lines(detail, level, paint))


def drift_head(row: Drifted) -> str:
    """`~ trial.nudge.a: changed (id a1), the subject`, safe to show."""
    words = KINDS[row.kind]
    known = f" (id {row.remote_id})" if row.remote_id else ""
    return one_line(f"{words.mark} {row.address}: {words.what}{known}{', ' if row.detail else ''}{row.detail}")


def drift_details(row: Drifted) -> Iterator[Detail]:
    """Each field that differs: before is what was last applied, after what Saleshandy says."""
    several = row.address.count(".") < 2
    return (field_detail(field, several) for field in row.fields)


def drift_section(rows: Sequence[Drifted], level: Level, paint: Ink) -> Iterator[str]:
    """The part of a plan's text that tells the drift which it leaves alone; nothing where there is none."""
    if rows:
        yield from ("", f"{HEADING}:", *drift_lines(rows, level, paint))
        yield from (f"  {line}" for line in advice_on(rows))
