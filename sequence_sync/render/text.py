"""A plan for a terminal or a log. Pure: lines out; width, pager and stream are `cli`'s.

Everything that a user wrote goes through `escape`, so that only our own color codes reach a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from sequence_sync.plan.model import Action, Drift, DriftKind, Gate, Plan, Reason
from sequence_sync.render.escape import first_words, one_line, visible
from sequence_sync.render.view import Detail, Group, View, ViewRow, field_detail, view_of
from sequence_sync.render.word_diff import Piece, PieceKind, folded, word_diff

Ink = Callable[[str, str], str]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
MARK_COLORS = {"+": "green", "~": "yellow", "-": "red", ">": "cyan", "!": "magenta"}


def _colored(text: str, color: str) -> str:
    return f"\x1b[{_CODES[color]}m{text}\x1b[0m"


def _plain(text: str, color: str) -> str:
    return text


def ink(color: bool) -> Ink:
    """A function `(text, color name) -> text`; without `color` it gives the text back."""
    return _colored if color else _plain


class Level(StrEnum):
    """How much is told: one line a step; long texts folded; everything."""

    SUMMARY = "summary"
    DEFAULT = "default"
    FULL = "full"


SHORT_TEXT = 100
FOLDED_WORDS = 12
NONE = "(none)"
BAR = "| "


def detail_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """The lines of `detail`; what `paint` adds are the only terminal codes in them."""
    if detail.is_heading:
        return [f"{detail.label}:"]
    if detail.app is not None:
        return _three_lines(detail, level, paint)
    if detail.change:
        remark = [f"{detail.label}: {detail.remark}"] if detail.remark else []
        return remark + _change_lines(detail.label, detail.before, detail.after, detail.markup, level, paint)
    text = detail.after or ""
    if _is_short(text) and not detail.markup:
        return [f"{detail.label}: {visible(text)}"]
    if level is Level.FULL:
        return _block(detail.label, visible(text))
    return [f"{detail.label}: {_folded(text, detail.markup)}"]


def _is_short(text: str) -> bool:
    return len(text) <= SHORT_TEXT and "\n" not in text


def _folded(text: str, markup: bool) -> str:
    start, count = first_words(text, FOLDED_WORDS, markup)
    more = f" … ({count} words)" if count > FOLDED_WORDS else ""
    return one_line(start, SHORT_TEXT) + more


def _block(label: str, text: str) -> list[str]:
    return [f"{label}:", *(f"  {BAR}{line}".rstrip() for line in text.split("\n"))]


def _three_lines(detail: Detail, level: Level, paint: Ink) -> list[str]:
    """A conflict: what was last applied, and what became of it on either side."""
    label, before = detail.label, detail.before
    sides = {"file": detail.after, "Saleshandy": detail.app}
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
    return visible(text) if _is_short(text) or level is Level.FULL else _folded(text, markup)


def _diffed(before: str, after: str, level: Level, paint: Ink) -> str:
    pieces = word_diff(before, after)
    if level is Level.FULL:
        return "".join(_piece(piece, paint) for piece in pieces)
    return "".join(_piece(piece, paint) for piece in folded(pieces)).strip()


def _piece(piece: Piece, paint: Ink) -> str:
    if piece.kind is PieceKind.LEFT_OUT:
        return " … "
    text = visible(piece.text)
    if piece.kind is PieceKind.SAME:
        return text
    text = text.replace("\n", "⏎")  # a line break that is itself the change would not be seen
    return paint(f"[-{text}-]", "red") if piece.kind is PieceKind.GONE else paint(f"{{+{text}+}}", "green")


class Words(NamedTuple):
    """How a kind of drift is told: its mark, what it is, its name in a count, and what can be done about it."""

    mark: str
    what: str
    counted: str
    advice: str


DRIFT_KINDS: Mapping[DriftKind, Words] = {
    DriftKind.CHANGED: Words(
        "~",
        "changed",
        "changed",
        "Changed: `seqsync import` takes it into the files; `-allow drift` puts the files' words back.",
    ),
    DriftKind.GONE: Words(
        "-",
        "gone",
        "gone",
        "Gone: take it out of the files, or create it anew with `-allow drift`.",
    ),
    DriftKind.ADDED: Words(
        "+",
        "added, not managed by seqsync",
        "added",
        "Added: it is left alone; `seqsync import` takes it into the files.",
    ),
    DriftKind.SECOND_COPY: Words(
        "!",
        "a second copy",
        "second copy",
        "A second copy: look at both in Saleshandy, and delete the one that is not used.",
    ),
}

HEADING = "Changed in Saleshandy since the last apply; nothing is done about it"
NO_DRIFT = "No drift. Saleshandy says what was last applied."
NOT_ALL = "Not everything could be looked at: there may be more."


def drift_text(rows: Sequence[Drift], level: Level = Level.DEFAULT, color: bool = False, complete: bool = True) -> str:
    """`rows` for a terminal or a log; the last line is `drift_line`. `complete`: everything asked for was read."""
    paint = ink(color)
    lines = [*drift_lines(rows, level, paint, indent="")]
    if rows:
        lines += ["", *advice_on(rows), ""]
    return "\n".join([*lines, *([] if complete else [NOT_ALL]), drift_line(rows, complete)]) + "\n"


def drift_line(rows: Sequence[Drift], complete: bool = True) -> str:
    """`Drift: 2 changed, 1 gone, 0 added, 0 second copies.`, or that there is none."""
    if not rows:
        return NO_DRIFT if complete else "No drift in what was looked at."
    found = Counter(row.kind for row in rows)
    return "Drift: " + ", ".join(f"{found[kind]} {words.counted}" for kind, words in DRIFT_KINDS.items()) + "."


def advice_on(rows: Iterable[Drift]) -> list[str]:
    """What can be done about `rows`, once for each kind."""
    kinds = {row.kind for row in rows}
    return [words.advice for kind, words in DRIFT_KINDS.items() if kind in kinds]


def drift_lines(rows: Iterable[Drift], level: Level, paint: Ink, indent: str = "  ") -> Iterator[str]:
    """The lines of `rows`: one each, and below it each field, old and new."""
    for row in rows:
        yield f"{indent}{paint(drift_head(row), MARK_COLORS[DRIFT_KINDS[row.kind].mark])}"
        if level is Level.SUMMARY:
            continue
        for detail in drift_details(row):
            yield from (f"{indent}    {line}" for line in detail_lines(detail, level, paint))


def drift_head(row: Drift) -> str:
    """`~ trial.nudge.a: changed (id a1), the subject`, safe to show."""
    words = DRIFT_KINDS[row.kind]
    known = f" (id {row.remote_id})" if row.remote_id else ""
    return one_line(f"{words.mark} {row.address}: {words.what}{known}{', ' if row.detail else ''}{row.detail}")


def drift_details(row: Drift) -> Iterator[Detail]:
    """Each field that differs: before is what was last applied, after what Saleshandy says."""
    several = row.address.count(".") < 2
    return (field_detail(field, several) for field in row.fields)


def drift_section(rows: Sequence[Drift], level: Level, paint: Ink) -> Iterator[str]:
    """The part of a plan's text that tells the drift which it leaves alone; nothing where there is none."""
    if rows:
        yield from ("", f"{HEADING}:", *drift_lines(rows, level, paint))
        yield from (f"  {line}" for line in advice_on(rows))


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


def rows_text(rows: Iterable[ViewRow], level: Level, paint: Ink, indent: str = "  ") -> list[str]:
    """The lines of `rows`; what `paint` adds are the only terminal codes in them."""
    if level is Level.SUMMARY:
        return list(_summary_lines(rows, paint, indent))
    lines = []
    for row in rows:
        lines.append(f"{indent}{paint(head_line(row), MARK_COLORS[row.mark])}")
        lines += [f"{indent}    {line}" if line else "" for line in _below(row, level, paint)]
    return lines


def _summary_lines(rows: Iterable[ViewRow], paint: Ink, indent: str) -> Iterator[str]:
    """One line a step: its variants' changes of one kind stand together."""
    for _, found in groupby(rows, key=lambda row: (row.change.action, row.change.step, row.verb)):
        together = list(found)
        row = together[0]
        letters = ", ".join(other.change.address.letter for other in together) if len(together) > 1 else ""
        address = f"{row.change.sequence}.{row.change.step} ({letters})" if letters else row.address
        why = f" - {row.reason}" if row.change.action is Action.BLOCKED else ""
        yield f"{indent}{paint(head_line(row, address) + why, MARK_COLORS[row.mark])}"


def head_line(row: ViewRow, address: str = "") -> str:
    """`~ update step trial.call: call demo, day 5`, safe to show; `address` stands in the place of the row's own."""
    words, text, markup, rest = row.headline
    if text:
        text = first_words(text, FOLDED_WORDS, True)[0] if markup else text
        text = f'"{one_line(text, HEADLINE_WIDTH)}"'
    about = ", ".join(part for part in (words, text, rest) if part)
    return one_line(f"{row.mark} {row.verb} {address or row.address}{': ' if about else ''}{about}")


def _below(row: ViewRow, level: Level, paint: Ink) -> list[str]:
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


def _blocked_create(row: ViewRow) -> bool:
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
