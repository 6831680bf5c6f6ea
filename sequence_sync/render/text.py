"""A plan and drift as text for a terminal or a log: `plan_text`, `drift_text`, and the lines that other formats share.

Pure: the caller (`cli`) owns stream, width and pager. The words for actions, reasons and drift are in `render.words`.
Every text of a user goes through `render.escape`, so that only our own color codes reach a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby

from sequence_sync.plan.model import Action, Drift, Gate, Plan, Reason
from sequence_sync.render.escape import first_words, one_line, visible
from sequence_sync.render.view import Detail, Group, View, ViewRow, field_detail, view_of
from sequence_sync.render.word_diff import Piece, PieceKind, shorten_unchanged, word_diff
from sequence_sync.render.words import DRIFT_HEADING, DRIFT_WORDS, NO_DRIFT, NO_DRIFT_READ, NOT_ALL_READ, counted

Ink = Callable[[str, str], str]  # (text, color name) -> text

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
MARK_COLORS = {"+": "green", "~": "yellow", "-": "red", ">": "cyan", "!": "magenta"}


def _colored(text: str, color: str) -> str:
    return f"\x1b[{_CODES[color]}m{text}\x1b[0m"


def _plain(text: str, color: str) -> str:
    return text


def ink(color: bool) -> Ink:
    """Return the function that colors text; without `color` it returns the text unchanged."""
    return _colored if color else _plain


class Level(StrEnum):
    """How much is shown: one line for each step; long texts shortened; everything."""

    SUMMARY = "summary"
    DEFAULT = "default"
    FULL = "full"


SHORT_TEXT = 100  # characters of a text that is shown whole, on the line of its label
OPENING_WORDS = 12  # words of a longer text
HEADLINE_WIDTH = 72
NONE = "(none)"
BAR = "| "


def plan_text(plan: Plan, level: Level = Level.DEFAULT, color: bool = False) -> str:
    """Return `plan` as text. The first line names environment and API host; the last line is `summary_line`."""
    view, paint = view_of(plan), ink(color)
    lines = [f"Plan for environment {one_line(view.environment)} at {one_line(view.api_host)}"]
    for group in view.groups:
        lines += ["", paint(group_title(group), "bold"), *rows_text(group.rows, level, paint)]
    lines += [*drift_section(view.drift, level, paint), *_gates(view.gates, paint), *_notes(view.notes)]
    lines += ["", *closing(view)]
    return "\n".join(lines) + "\n"


def closing(view: View) -> list[str]:
    """Return the comparison with Saleshandy, the forecast, the plan hash, and the last line."""
    lines = [comparison_line(view)] if view.refreshed else []
    lines += [forecast_line(view)] if view.calls else []
    return [*lines, f"Plan hash: {view.plan_hash}", view.summary_line]


def forecast_line(view: View) -> str:
    """Return `Apply makes 4 calls and takes a few seconds.`, for a plan with calls."""
    return f"Apply makes {counted(view.calls, 'call')} and takes {view.duration}."


def comparison_line(view: View) -> str:
    """Return what comparing with Saleshandy has shown, for a plan that did."""
    changes = f"{'other ' if view.handles_drift else ''}change"
    found = counted(len(view.drift), changes) if view.drift else f"no {changes}s"
    return f"Compared with Saleshandy: {found} outside seqsync."


def group_title(group: Group) -> str:
    """Return `trial "Trial onboarding" (id LGz3m8KNPr, not active)`, safe to show."""
    facts = [f"id {group.remote_id}" if group.remote_id else "not in Saleshandy yet"]
    facts += [] if group.active is None else ["active: prospects receive the changes" if group.active else "not active"]
    title = f' "{one_line(group.title, HEADLINE_WIDTH)}"' if group.title else ""
    return f"{one_line(group.key)}{title} ({one_line(', '.join(facts))})"


def rows_text(rows: Iterable[ViewRow], level: Level, paint: Ink, indent: str = "  ") -> list[str]:
    """Return the lines of `rows`. Their only terminal codes are those of `paint`."""
    if level is Level.SUMMARY:
        return list(_summary_lines(rows, paint, indent))
    lines = []
    for row in rows:
        lines.append(f"{indent}{paint(head_line(row), MARK_COLORS[row.mark])}")
        lines += [f"{indent}    {line}" if line else "" for line in _below(row, level, paint)]
    return lines


def _summary_lines(rows: Iterable[ViewRow], paint: Ink, indent: str) -> Iterator[str]:
    """Yield one line for each step: changes of one kind to its variants share a line."""
    for _, same_kind in groupby(rows, key=lambda row: (row.change.action, row.change.step, row.verb)):
        together = list(same_kind)
        row = together[0]
        letters = ", ".join(other.change.address.letter for other in together) if len(together) > 1 else ""
        address = f"{row.change.address.step_address} ({letters})" if letters else row.address
        why = f" - {row.reason}" if row.change.action is Action.BLOCKED else ""
        yield f"{indent}{paint(head_line(row, address) + why, MARK_COLORS[row.mark])}"


def head_line(row: ViewRow, address: str = "") -> str:
    """Return `~ update step trial.call: call demo, day 5`, safe to show. `address` replaces the row's own."""
    words, text, markup, rest = row.headline
    if text:
        text = first_words(text, OPENING_WORDS, True)[0] if markup else text
        text = f'"{one_line(text, HEADLINE_WIDTH)}"'
    about = ", ".join(part for part in (words, text, rest) if part)
    return one_line(f"{row.mark} {row.verb} {address or row.address}{': ' if about else ''}{about}")


def _below(row: ViewRow, level: Level, paint: Ink) -> list[str]:
    lines = []
    if row.change.reason is not Reason.NEW:
        lines.append(f"why: {row.reason}" + (f" ({row.impact})" if row.impact else ""))
    if row.advice:
        lines.append(f"what to do: {one_line(row.advice)}")
    for detail in row.details if level is Level.FULL or not _blocked_create(row) else ():
        shown = detail_lines(detail, level, paint)
        lines += ["  " * detail.depth + line for line in shown] if detail.depth else shown
    if level is Level.FULL:
        lines += [f"call: {one_line(call)}" for call in row.calls]
    return lines


def _blocked_create(row: ViewRow) -> bool:
    return row.change.action is Action.BLOCKED and not row.change.fields


def _gates(gates: Iterable[Gate], paint: Ink) -> Iterator[str]:
    for index, gate in enumerate(gates):
        if not index:
            yield from ("", "Gates:")
        state = f"{paint('open', 'green')}" if gate.allowed else paint("shut", "red")
        yield f"  {state}  {one_line(gate.name)}: {one_line(gate.detail)}"


def _notes(notes: Iterable[str]) -> Iterator[str]:
    for index, note in enumerate(notes):
        if not index:
            yield from ("", "Notes:")
        yield f"  - {one_line(note)}"


def detail_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """Return the lines of `detail`. Their only terminal codes are those of `paint`."""
    if detail.is_heading:
        return [f"{detail.label}:"]
    if detail.remote is not None:
        return _conflict_lines(detail, level, paint)
    if detail.change:
        remark = [f"{detail.label}: {detail.remark}"] if detail.remark else []
        return remark + _change_lines(detail.label, detail.before, detail.after, detail.markup, level, paint)
    text = detail.after or ""
    if _is_short(text) and not detail.markup:
        return [f"{detail.label}: {visible(text)}"]
    if level is Level.FULL:
        return _block(detail.label, visible(text))
    return [f"{detail.label}: {_shortened(text, detail.markup)}"]


def _is_short(text: str) -> bool:
    return len(text) <= SHORT_TEXT and "\n" not in text


def _shortened(text: str, markup: bool) -> str:
    start, count = first_words(text, OPENING_WORDS, markup)
    more = f" … ({count} words)" if count > OPENING_WORDS else ""
    return one_line(start, SHORT_TEXT) + more


def _block(label: str, text: str) -> list[str]:
    return [f"{label}:", *(f"  {BAR}{line}".rstrip() for line in text.split("\n"))]


def _conflict_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """Return the lines of a conflict: the text as last applied, in the file and in Saleshandy."""
    label, before = detail.label, detail.before
    sides = {"file": detail.after, "Saleshandy": detail.remote}
    if all(text is None or _is_short(text) for text in (before, *sides.values())):
        shown = {"last applied": before, **sides}
        return [f"{label}, {side}: {_side(text, detail.markup, level)}" for side, text in shown.items()]
    return [
        line
        for side, text in sides.items()
        for line in _change_lines(f"{label}, last applied -> {side}", before, text, detail.markup, level, paint)
    ]


def _change_lines(
    label: str, before: str | None, after: str | None, markup: bool, level: Level, paint: Ink
) -> list[str]:
    if before is not None and after is not None and not (_is_short(before) and _is_short(after)):
        return _block(label, _diffed(before, after, level, paint))
    old, new = _side(before, markup, level), _side(after, markup, level)
    if "\n" in old + new:
        return _block(f"{label}, old", old) + _block(f"{label}, new", new)
    return [f"{label}: {paint(old, 'red')} -> {paint(new, 'green')}"]


def _side(text: str | None, markup: bool, level: Level) -> str:
    if not text:
        return NONE
    return visible(text) if _is_short(text) or level is Level.FULL else _shortened(text, markup)


def _diffed(before: str, after: str, level: Level, paint: Ink) -> str:
    pieces = word_diff(before, after)
    if level is Level.FULL:
        return "".join(_piece(piece, paint) for piece in pieces)
    return "".join(_piece(piece, paint) for piece in shorten_unchanged(pieces)).strip()


def _piece(piece: Piece, paint: Ink) -> str:
    if piece.kind is PieceKind.LEFT_OUT:
        return " … "
    text = visible(piece.text)
    if piece.kind is PieceKind.SAME:
        return text
    text = text.replace("\n", "⏎")  # shows a change that is only a line break
    return paint(f"[-{text}-]", "red") if piece.kind is PieceKind.GONE else paint(f"{{+{text}+}}", "green")


def drift_text(rows: Sequence[Drift], level: Level = Level.DEFAULT, color: bool = False, complete: bool = True) -> str:
    """Return `rows` as text. The last line is `drift_line`. `complete`: every sequence asked for could be read."""
    paint = ink(color)
    lines = [*drift_lines(rows, level, paint, indent="")]
    if rows:
        lines += ["", *advice_on(rows), ""]
    return "\n".join([*lines, *([] if complete else [NOT_ALL_READ]), drift_line(rows, complete)]) + "\n"


def drift_line(rows: Sequence[Drift], complete: bool = True) -> str:
    """Return `Drift: 2 changed, 1 missing, 0 added, 1 duplicate.`, or that there is no drift."""
    if not rows:
        return NO_DRIFT if complete else NO_DRIFT_READ
    counts = Counter(row.kind for row in rows)
    parts = [
        f"{counts[kind]} {words.one if counts[kind] == 1 else words.several}" for kind, words in DRIFT_WORDS.items()
    ]
    return f"Drift: {', '.join(parts)}."


def advice_on(rows: Iterable[Drift]) -> list[str]:
    """Return what a person can do about `rows`, one line for each kind."""
    kinds = {row.kind for row in rows}
    return [words.advice for kind, words in DRIFT_WORDS.items() if kind in kinds]


def drift_lines(rows: Iterable[Drift], level: Level, paint: Ink, indent: str = "  ") -> Iterator[str]:
    """Yield the lines of `rows`: one for each, and below it each field, old and new."""
    for row in rows:
        yield f"{indent}{paint(drift_head(row), MARK_COLORS[DRIFT_WORDS[row.kind].mark])}"
        if level is Level.SUMMARY:
            continue
        for detail in drift_details(row):
            yield from (f"{indent}    {line}" for line in detail_lines(detail, level, paint))


def drift_head(row: Drift) -> str:
    """Return `~ trial.nudge.a: changed (id a1), the subject`, safe to show."""
    words = DRIFT_WORDS[row.kind]
    remote_id = f" (id {row.remote_id})" if row.remote_id else ""
    detail = f", {row.detail}" if row.detail else ""
    return one_line(f"{words.mark} {row.address}: {words.happened}{remote_id}{detail}")


def drift_details(row: Drift) -> Iterator[Detail]:
    """Return each field that differs: `before` as last applied, `after` as in Saleshandy."""
    several = row.address.count(".") < 2
    return (field_detail(field, several) for field in row.fields)


def drift_section(rows: Sequence[Drift], level: Level, paint: Ink) -> Iterator[str]:
    """Yield the section about drift that the plan does not touch; nothing without drift."""
    if rows:
        yield from ("", f"{DRIFT_HEADING}:", *drift_lines(rows, level, paint))
        yield from (f"  {line}" for line in advice_on(rows))
