"""A plan for a terminal or a log. Pure: lines out; width, pager and stream are `cli`'s.

Everything that a user wrote goes through `escape`, so that only our own color codes reach a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from sequence_sync.planning.plan import Action, Gate, Plan, Reason
from sequence_sync.render.ansi import MARK_COLORS, Ink, ink
from sequence_sync.render.details import FOLDED_WORDS, detail_lines
from sequence_sync.render.details import Level as Level  # what a plan in text is asked for
from sequence_sync.render.drift import drift_section
from sequence_sync.render.escape import first_words, one_line
from sequence_sync.render.view import Group, Row, View, view_of

HEADLINE_WIDTH = 72


def plan_text(plan: Plan, level: Level = Level.DEFAULT, color: bool = False) -> str:
    """`plan` as text. The first line names environment and API host, the last one is `summary_line`."""
    view, paint = view_of(plan), ink(color)
    lines = [f"Plan for environment {one_line(view.environment)} at {one_line(view.api_host)}"]
    for group in view.groups:
        lines += ["", paint(group_title(group), "bold"), *rows_text(group.rows, level, paint)]
    lines += [*drift_section(view.drift, level, paint), *_gates(view.gates, paint), *_notes(view.notes)]
    lines += ["", *closing(view)]
    return "\n".join(lines) + "\n"


def closing(view: View) -> list[str]:
    """How long it takes, the plan hash, and the last line."""
    calls = f"{view.calls} call{'' if view.calls == 1 else 's'}"
    lines = [read_line(view)] if view.refreshed else []
    lines += [f"Apply makes {calls} and takes {view.duration}."] if view.calls else []
    return [*lines, f"Plan hash: {view.plan_hash}", view.summary_line]


def read_line(view: View) -> str:
    """What reading the app has shown, for a plan that did."""
    found = (
        f"{len(view.drift)} difference{'' if len(view.drift) == 1 else 's'} there" if view.drift else "nothing there"
    )
    return f"Saleshandy was read: {found} besides what this plan changes."


def group_title(group: Group) -> str:
    """`trial "Trial onboarding" (id LGz3m8KNPr, active)`."""
    facts = [f"id {group.remote_id}" if group.remote_id else "not in Saleshandy yet"]
    facts += [] if group.active is None else ["active: prospects get what is changed" if group.active else "not active"]
    title = f' "{one_line(group.title, HEADLINE_WIDTH)}"' if group.title else ""
    return f"{one_line(group.key)}{title} ({one_line(', '.join(facts))})"


def rows_text(rows: Iterable[Row], level: Level, paint: Ink, indent: str = "  ") -> list[str]:
    """The lines of `rows`; what `paint` adds are the only terminal codes in them."""
    if level is Level.SUMMARY:
        return list(_summary_lines(rows, paint, indent))
    lines = []
    for row in rows:
        lines.append(f"{indent}{paint(head_line(row), MARK_COLORS[row.mark])}")
        lines += [f"{indent}    {line}" if line else "" for line in _below(row, level, paint)]
    return lines


def _summary_lines(rows: Iterable[Row], paint: Ink, indent: str) -> Iterator[str]:
    """One line a step: its variants' changes of one kind stand together."""
    for _, found in groupby(rows, key=lambda row: (row.change.action, row.change.step, row.verb)):
        together = list(found)
        row = together[0]
        letters = ", ".join(other.address.split(".")[2] for other in together) if len(together) > 1 else ""
        address = f"{row.change.sequence}.{row.change.step} ({letters})" if letters else row.address
        why = f" - {row.reason}" if row.change.action is Action.BLOCKED else ""
        yield f"{indent}{paint(head_line(row, address) + why, MARK_COLORS[row.mark])}"


def head_line(row: Row, address: str = "") -> str:
    """`~ update step trial.call: call demo, day 5`, safe to show; `address` stands in the place of the row's own."""
    words, text, markup, rest = row.headline
    if text:
        text = first_words(text, FOLDED_WORDS, True)[0] if markup else text
        text = f'"{one_line(text, HEADLINE_WIDTH)}"'
    about = ", ".join(part for part in (words, text, rest) if part)
    return one_line(f"{row.mark} {row.verb} {address or row.address}{': ' if about else ''}{about}")


def _below(row: Row, level: Level, paint: Ink) -> list[str]:
    lines = []
    if row.change.reason is not Reason.NEW:
        lines.append(f"why: {row.reason}" + (f"; {row.impact}" if row.impact else ""))
    if row.advice:
        lines.append(f"what to do: {one_line(row.advice)}")
    for detail in row.details if level is Level.FULL or not _blocked_create(row) else ():
        told = detail_lines(detail, level, paint)
        lines += ["  " * detail.depth + line for line in told] if detail.depth else told
    if level is Level.FULL:
        lines += [f"call: {one_line(call)}" for call in row.calls]
    return lines


def _blocked_create(row: Row) -> bool:
    return row.change.action is Action.BLOCKED and not row.change.fields


def _gates(gates: Iterable[Gate], paint: Ink) -> Iterator[str]:
    for place, gate in enumerate(gates):
        if not place:
            yield from ("", "Gates:")
        state = paint("open", "green") if gate.allowed else paint("shut", "red")
        yield f"  {state}  {one_line(gate.name)}: {one_line(gate.detail)}"


def _notes(notes: Iterable[str]) -> Iterator[str]:
    for place, note in enumerate(notes):
        if not place:
            yield from ("", "Notes:")
        yield f"  - {one_line(note)}"
