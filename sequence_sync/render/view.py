"""A plan as neutral rows and totals, computed once; each renderer only lays them out. Pure.

Labels are safe to show. Texts stand here as they are in the plan: escaping is each renderer's own work, as each medium
has its own dangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import NamedTuple

from sequence_sync.model.sequence import Content, Variant
from sequence_sync.planning.canonical import canonical_html
from sequence_sync.planning.plan import (
    CREATES,
    Action,
    Change,
    Drifted,
    FieldChange,
    Gate,
    Plan,
    Reason,
    Summary,
    summary_line,
    summary_of,
)
from sequence_sync.render.escape import one_line, words_of_html
from sequence_sync.render.words import (
    IMPACTS,
    MARKS,
    REASONS,
    VERBS,
    duration_words,
    field_words,
    seconds_of,
    value_words,
)


class Detail(NamedTuple):
    """One line below a row. `change`: `before` and `after` are old and new, None: not there; else only `after` counts.
    A detail without either is a heading. `markup`: the text is HTML. `depth` counts headings above it. `app` is the
    third text of a conflict, what Saleshandy says. `remark` says what kind of change it is, where words alone do not
    show it."""

    label: str
    after: str | None = None
    before: str | None = None
    change: bool = False
    markup: bool = False
    depth: int = 0
    app: str | None = None
    remark: str = ""

    @property
    def is_heading(self) -> bool:
        """Whether it only names what follows."""
        return self.after is None and not self.change


class Headline(NamedTuple):
    """What a row is about: plain words, then a text of the user's (a subject, first words, a title), then the rest."""

    words: str = ""
    text: str = ""
    markup: bool = False
    rest: str = ""


class Row(NamedTuple):
    """One change. `reason` and `impact` are plain words, `calls` are `POST /sequences/...`."""

    change: Change
    mark: str
    verb: str
    address: str
    headline: Headline
    reason: str
    impact: str
    advice: str
    calls: tuple[str, ...]

    @property
    def details(self) -> Iterator[Detail]:
        """The lines below it. Made when they are asked for: kept for 8,000 rows they are what costs the time."""
        return _details(self.change)


class Group(NamedTuple):
    """The rows of one sequence. `active` is None where nobody has looked."""

    key: str
    title: str
    remote_id: str | None
    active: bool | None
    rows: tuple[Row, ...]

    @property
    def writes(self) -> int:
        """How many of its rows make a call."""
        return sum(bool(row.calls) for row in self.rows)


class View(NamedTuple):
    """Everything that a renderer shows. `duration` is empty where the plan makes no call. `refreshed`: the app was
    read, and `drift` is what differs there and is left as it is."""

    environment: str
    api_host: str
    groups: tuple[Group, ...]
    gates: tuple[Gate, ...]
    notes: tuple[str, ...]
    summary: Summary
    summary_line: str
    calls: int
    duration: str
    plan_hash: str
    refreshed: bool = False
    drift: tuple[Drifted, ...] = ()

    @property
    def active(self) -> tuple[Group, ...]:
        """The sequences known to be sending to which the plan writes."""
        return tuple(group for group in self.groups if group.active and group.writes)


def view_of(plan: Plan) -> View:
    """The rows and totals of `plan`, grouped by sequence in the plan's order."""
    rows: dict[str, list[Row]] = {}
    for change in plan.changes:
        rows.setdefault(change.sequence, []).append(_row(change))
    calls = [call for change in plan.changes for call in change.calls]
    return View(
        environment=plan.environment,
        api_host=plan.api_host,
        groups=tuple(_group(plan, key, tuple(found)) for key, found in rows.items()),
        gates=plan.gates,
        notes=plan.notes,
        summary=summary_of(plan),
        summary_line=summary_line(plan),
        calls=len(calls),
        duration=duration_words(seconds_of(calls)) if calls else "",
        plan_hash=plan.plan_hash(),
        refreshed=plan.refreshed,
        drift=plan.drift,
    )


def _group(plan: Plan, key: str, rows: tuple[Row, ...]) -> Group:
    known = plan.sequences.get(key)
    own = next((row.change for row in rows if row.change.step is None), None)
    return Group(
        key=key,
        title=known.title if known else (own.title or "") if own else "",
        remote_id=known.remote_id if known else own.sequence_id if own else rows[0].change.sequence_id,
        active=known.active if known else None,
        rows=rows,
    )


def _row(change: Change) -> Row:
    return Row(
        change=change,
        mark=MARKS[change.action],
        verb=_verb(change),
        address=change.address,
        headline=_headline(change),
        reason=REASONS[change.reason],
        impact=IMPACTS[change.impact],
        advice=change.advice,
        calls=tuple(f"{call.method} {call.path}" for call in change.calls),
    )


def _verb(change: Change) -> str:
    if Action.UPDATE_VARIANT in (change.action, change.wanted) and not change.fields:
        verb = "switch variant on again"  # its words are the same: it was switched off
    else:
        verb = VERBS[change.wanted or change.action]
    return f"{VERBS[Action.BLOCKED]}: {verb}" if change.wanted else verb


def variants_of(change: Change, content: Content | None) -> dict[str, Variant]:
    """The variants of `content` that `change` is about: the one that its address names, or all."""
    if content is None:
        return {}
    parts = change.address.split(".")
    if len(parts) < 3:
        return content.variants
    return {letter: row for letter, row in content.variants.items() if letter == parts[2]}


def _headline(change: Change) -> Headline:
    if change.source:
        return Headline(words=f"from {change.source}")
    if change.step is None:
        return Headline(text=change.title or "")
    content = change.after or change.before
    if content is None:
        return Headline(words=f"id {change.remote_id}" if change.remote_id else "")
    # A deactivated variant is only in `before`.
    chosen = variants_of(change, change.after) or variants_of(change, change.before)
    text, markup = _opening(next(iter(chosen.values()))) if chosen else ("", False)
    return Headline(
        words=f"{content.type.replace('_', ' ')}, day {content.day}",
        text=text,
        markup=markup,
        rest=f"{len(chosen)} variants" if len(chosen) > 1 else "",
    )


def _opening(variant: Variant) -> tuple[str, bool]:
    for name in ("subject", "title", "connectionNote", "message", "content"):
        if text := variant.payload.get(name):
            return str(text), name == "content"
    return variant.task_note, False


def _details(change: Change) -> Iterator[Detail]:
    for field in change.fields:
        yield _changed(change, field)
    creates = change.action in CREATES or change.wanted in CREATES
    if change.reason is Reason.TYPE_CHANGED or not creates or change.after is None:
        return
    chosen = variants_of(change, change.after)
    for letter, variant in chosen.items():
        if len(chosen) > 1:
            yield Detail(f"variant {one_line(letter)}")
        yield from _variant_details(variant, int(len(chosen) > 1))
    if change.action is Action.CREATE_VARIANT:
        return
    if change.after.priority is not None:
        yield Detail("priority", change.after.priority)
    if change.after.assignee is not None:
        yield Detail("assignee", change.after.assignee)


def _variant_details(variant: Variant, depth: int) -> Iterator[Detail]:
    for name, value in variant.payload.items():
        yield Detail(field_words(name), value_words(value) or "", markup=name == "content", depth=depth)
    if variant.task_note:
        yield Detail(field_words("task_note"), variant.task_note, depth=depth)
    if variant.attachments:
        yield Detail("attachments", ", ".join(variant.attachments), depth=depth)


def _changed(change: Change, field: FieldChange) -> Detail:
    # Only a field of a variant has a letter to tell; most changes are of steps with one variant.
    several = field.field.startswith("variants.") and len(variants_of(change, change.after or change.before)) > 1
    return field_detail(field, several)


def field_detail(field: FieldChange, several: bool) -> Detail:
    """The line of one changed field. `several`: its variant is named."""
    parts = field.field.split(".")
    label = field_words(field.field)
    if several and parts[0] == "variants" and len(parts) > 1:
        label = f"{label} of variant {one_line(parts[1])}"
    before, after, markup = value_words(field.before), value_words(field.after), parts[-1] == "content"
    return Detail(
        label, after, before, change=True, markup=markup, app=value_words(field.app),
        remark=remark_on(before, after, markup),
    )  # fmt: skip


_MERGE_TAG = re.compile(r"\{\{[^{}]*\}\}")
_OTHER_LOOKS = "the words are the same: links, images or line breaks change"


def remark_on(before: str | None, after: str | None, markup: bool) -> str:
    """What kind of change it is where a reader would look for other words and find none; else empty."""
    if not before or not after or before == after:
        return ""
    old, new = (_words(text, markup) for text in (before, after))
    if old == new and not markup:
        return "only spaces or line breaks change"
    if old == new:
        same = canonical_html(before) == canonical_html(after)
        return "only the markup changes: the words are the same" if same else _OTHER_LOOKS
    one, other = (_MERGE_TAG.sub("{{}}", text) for text in (old, new))
    return "only merge tags change" if one == other else ""


def _words(text: str, markup: bool) -> str:
    return unescape(" ".join(words_of_html(text))) if markup else " ".join(text.split())


def blocked_rows(groups: Iterable[Group]) -> Iterator[Row]:
    """The rows that apply cannot carry out."""
    return (row for group in groups for row in group.rows if row.change.action is Action.BLOCKED)
