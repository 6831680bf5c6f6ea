"""The view of a plan: its rows and totals, computed once for every renderer. Pure; must not know any format.

Labels and words (`render.words`) are safe to show. Texts are as in the plan: each renderer escapes them for its medium.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import NamedTuple

from sequence_sync.model.address import Address
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.compare import canonical_html
from sequence_sync.plan.model import (
    CREATES,
    Action,
    Change,
    Drift,
    FieldChange,
    Gate,
    Plan,
    Reason,
    Summary,
    summary_line,
    summary_of,
)
from sequence_sync.registry import provider
from sequence_sync.render.escape import one_line, words_of_html
from sequence_sync.render.words import (
    MARKS,
    REACTIVATE,
    REASONS,
    VERBS,
    duration_words,
    field_words,
    impact_words,
    value_words,
)


class Detail(NamedTuple):
    """One line below a row: a value, a change of a value, or a heading.

    With `change`, `before` and `after` are the old and the new text, and None is no text. Without it only `after`
    counts, and None makes the detail a heading. `markup`: the texts are HTML. `depth`: the number of headings above it.
    `remote`: the text in Saleshandy, for a conflict. `remark`: the kind of change, where the words do not show it.
    """

    label: str
    after: str | None = None
    before: str | None = None
    change: bool = False
    markup: bool = False
    depth: int = 0
    remote: str | None = None
    remark: str = ""

    @property
    def is_heading(self) -> bool:
        """Whether it is only a title for the details below it."""
        return self.after is None and not self.change


class Headline(NamedTuple):
    """The subject of a row: plain words, then a text of the user (subject, title or first words), then the rest."""

    words: str = ""
    text: str = ""
    markup: bool = False
    rest: str = ""


class ViewRow(NamedTuple):
    """One change, in words. Each of `calls` reads like `POST /sequences/...`."""

    change: Change
    mark: str
    verb: str
    address: Address
    headline: Headline
    reason: str
    impact: str
    advice: str
    calls: tuple[str, ...]

    @property
    def details(self) -> Iterator[Detail]:
        """The lines below the row. Computed on demand: for 8,000 rows, building all of them takes most of the time."""
        return _details(self.change)


class Group(NamedTuple):
    """The rows of one sequence. `active` is None where Saleshandy was not read."""

    key: str
    title: str
    remote_id: str | None
    active: bool | None
    rows: tuple[ViewRow, ...]

    @property
    def writes(self) -> int:
        """The number of its rows that make a call."""
        return sum(bool(row.calls) for row in self.rows)


class View(NamedTuple):
    """Everything that a renderer shows.

    `duration` is empty for a plan without calls. `refreshed`: the plan was compared with Saleshandy. `drift` is what
    differs there and what the plan does not touch. `handles_drift`: the plan also has changes for drift.
    """

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
    drift: tuple[Drift, ...] = ()
    handles_drift: bool = False

    @property
    def active(self) -> tuple[Group, ...]:
        """The active sequences to which the plan writes."""
        return tuple(group for group in self.groups if group.active and group.writes)


# The changes that the plan makes because of drift.
_FOR_DRIFT = frozenset({Reason.DRIFT, Reason.CONFLICT, Reason.GONE, Reason.SAME_IN_APP})


def view_of(plan: Plan) -> View:
    """Return the rows and totals of `plan`, grouped by sequence in the plan's order."""
    rows: dict[str, list[ViewRow]] = {}
    for change in plan.changes:
        rows.setdefault(change.sequence, []).append(_row(change))
    calls = [call for change in plan.changes for call in change.calls]
    return View(
        environment=plan.environment,
        api_host=plan.api_host,
        groups=tuple(_group(plan, key, tuple(own)) for key, own in rows.items()),
        gates=plan.gates,
        notes=plan.notes,
        summary=summary_of(plan),
        summary_line=summary_line(plan),
        calls=len(calls),
        duration=duration_words(provider().dialect.duration(calls)) if calls else "",
        plan_hash=plan.plan_hash(),
        refreshed=plan.refreshed,
        drift=plan.drift,
        handles_drift=any(change.reason in _FOR_DRIFT for change in plan.changes),
    )


def _group(plan: Plan, key: str, rows: tuple[ViewRow, ...]) -> Group:
    known = plan.sequences.get(key)
    own = next((row.change for row in rows if row.change.step is None), None)
    return Group(
        key=key,
        title=known.title if known else (own.title or "") if own else "",
        remote_id=known.remote_id if known else own.sequence_id if own else rows[0].change.sequence_id,
        active=known.active if known else None,
        rows=rows,
    )


def _row(change: Change) -> ViewRow:
    return ViewRow(
        change=change,
        mark=MARKS[change.action],
        verb=_verb(change),
        address=change.address,
        headline=_headline(change),
        reason=REASONS[change.reason],
        impact=impact_words(change),
        advice=change.advice,
        calls=tuple(f"{call.method} {call.path}" for call in change.calls),
    )


def _verb(change: Change) -> str:
    if Action.UPDATE_VARIANT in (change.action, change.wanted) and not change.fields:
        verb = REACTIVATE
    else:
        verb = VERBS[change.wanted or change.action]
    return f"{VERBS[Action.BLOCKED]}: {verb}" if change.wanted else verb


def variants_of(change: Change, content: Content | None) -> dict[str, Variant]:
    """Return the variants of `content` that `change` is about: the one in its address, or all."""
    if content is None:
        return {}
    letter = change.address.variant
    if letter is None:
        return content.variants
    return {key: row for key, row in content.variants.items() if key == letter}


def _headline(change: Change) -> Headline:
    if change.source:
        return Headline(words=f"from {change.source}")
    if change.step is None:
        return Headline(text=change.title or "")
    content = change.after or change.before
    if content is None:
        return Headline(words=f"id {change.remote_id}" if change.remote_id else "")
    # A deactivated variant is only in `before`.
    variants = variants_of(change, change.after) or variants_of(change, change.before)
    text, markup = _opening(next(iter(variants.values()))) if variants else ("", False)
    return Headline(
        words=f"{content.type.replace('_', ' ')}, day {content.day}",
        text=text,
        markup=markup,
        rest=f"{len(variants)} variants" if len(variants) > 1 else "",
    )


def _opening(variant: Variant) -> tuple[str, bool]:
    for name in ("subject", "title", "connection_note", "message", "content", *variant.payload):
        text = variant.payload.get(name)
        if text and isinstance(text, str):
            return text, name == "content"
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
    # Counted only for a field of a variant: most changes are of other fields, and this runs for each of 8,000 rows.
    several = field.field.letter is not None and len(variants_of(change, change.after or change.before)) > 1
    return field_detail(field, several)


def field_detail(field: FieldChange, several: bool) -> Detail:
    """Return the line of one changed field. `several`: its label names the variant."""
    letter = field.field.letter
    label = field_words(field.field)
    if several and letter:
        label = f"{label} of variant {one_line(letter)}"
    before, after, markup = value_words(field.before), value_words(field.after), field.field.parts[-1] == "content"
    return Detail(
        label,
        after,
        before,
        change=True,
        markup=markup,
        remote=value_words(field.app),
        remark=remark_on(before, after, markup),
    )


_MERGE_TAG = re.compile(r"\{\{[^{}]*\}\}")
_LINKS_CHANGE = "the words stay the same: links, images or line breaks change"


def remark_on(before: str | None, after: str | None, markup: bool) -> str:
    """Return what kind of change it is where the words do not show it; else an empty text."""
    if not before or not after or before == after:
        return ""
    old, new = (_words(text, markup) for text in (before, after))
    if old == new and not markup:
        return "only spaces or line breaks change"
    if old == new:
        same = canonical_html(before) == canonical_html(after)
        return "only the markup changes: the words stay the same" if same else _LINKS_CHANGE
    one, other = (_MERGE_TAG.sub("{{}}", text) for text in (old, new))
    return "only merge tags change" if one == other else ""


def _words(text: str, markup: bool) -> str:
    return unescape(" ".join(words_of_html(text))) if markup else " ".join(text.split())


def blocked_rows(groups: Iterable[Group]) -> Iterator[ViewRow]:
    """Return the rows that apply does not carry out."""
    return (row for group in groups for row in group.rows if row.change.action is Action.BLOCKED)
