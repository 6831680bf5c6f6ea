"""A plan as neutral rows and totals, computed once; each renderer only lays them out. Pure.

Labels are safe to show. Texts stand here as they are in the plan: escaping is each renderer's own work, as each medium
has its own dangers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from html import unescape
from math import ceil
from typing import Any, NamedTuple

from sequence_sync.model.address import FieldPath
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.compare import canonical_html
from sequence_sync.plan.model import (
    CREATES,
    STATE_ONLY,
    UPDATES,
    Action,
    Change,
    Drift,
    FieldChange,
    Gate,
    Impact,
    Plan,
    Reason,
    Summary,
    summary_line,
    summary_of,
)
from sequence_sync.provider.base import Call
from sequence_sync.render.escape import one_line, words_of_html

MARKS: Mapping[Action, str] = {
    **dict.fromkeys(CREATES, "+"),
    **dict.fromkeys(UPDATES, "~"),
    **dict.fromkeys(STATE_ONLY, ">"),
    Action.DEACTIVATE_VARIANT: "-",
    Action.BLOCKED: "!",
}

VERBS: Mapping[Action, str] = {
    Action.CREATE_SEQUENCE: "create sequence",
    Action.CREATE_STEP: "create step",
    Action.CREATE_VARIANT: "create variant",
    Action.UPDATE_VARIANT: "update variant",
    Action.UPDATE_STEP: "update step",
    Action.DEACTIVATE_VARIANT: "switch off variant",
    Action.ADOPT: "adopt",
    Action.MOVE: "move",
    Action.FORGET: "forget",
    Action.RECORD: "record",
    Action.BLOCKED: "blocked",
}

REASONS: Mapping[Reason, str] = {
    Reason.NEW: "it is in the files and not yet in Saleshandy",
    Reason.OUTCOME_UNKNOWN: "an earlier run sent it and never learnt what became of it; apply looks first",
    Reason.CHANGED: "the file differs from what was last applied",
    Reason.UNSETTLED: "an earlier run was cut off and may have changed it, so it is written once more",
    Reason.PARKED: "two emails cannot share a day, so it waits on a free one while they change places",
    Reason.CONFIGURED_ID: "`id:` or `ids:` name what is in Saleshandy already",
    Reason.MOVED: "`moved:` or `formerly:` rename it; nothing changes in Saleshandy",
    Reason.REMOVED: "`removed:` lets it go; it stays in Saleshandy",
    Reason.STEP_REMOVED: "it is gone from its file, and the API cannot delete a step",
    Reason.SEQUENCE_REMOVED: "its file is gone, and the API cannot delete a sequence",
    Reason.VARIANT_REMOVED: "it is gone from its file",
    Reason.TYPE_CHANGED: "the API cannot change the type of a step",
    Reason.TITLE_CHANGED: "the API cannot rename a sequence",
    Reason.ID_CHANGED: "the configured id contradicts the state",
    Reason.NOT_SUPPORTED: "no call of the API is known to do it",
    Reason.SAME_CONTENT: "it says the same as something that this plan leaves behind",
    Reason.DAY_HELD: "its day is held by another email",
    Reason.BLOCKED_SEQUENCE: "its sequence is blocked",
    Reason.CONFLICT: "the file and Saleshandy were both changed",
    Reason.DRIFT: "it was changed in Saleshandy; the file's words are put back",
    Reason.GONE: "it is not in Saleshandy any more",
    Reason.SAME_IN_APP: "Saleshandy says it already",
    Reason.FOUND: "it is in Saleshandy already, word for word",
    Reason.UNCLEAR: "something in Saleshandy may be it already",
    Reason.TITLE_TAKEN: "another sequence in Saleshandy has this title",
}

IMPACTS: Mapping[Impact, str] = {
    Impact.COPY: "prospects read other words",
    Impact.TIMING: "prospects get it on another day",
    Impact.STRUCTURE: "prospects get more or fewer messages",
    Impact.NONE: "",
}

FIELDS: Mapping[str, str] = {
    "content": "body",
    "connectionNote": "note",
    "task_note": "task note",
    "action": "link",
}

# T: 20 calls a minute for each endpoint, 300 in all, for each key (docs/api.md 6).
CALLS_A_MINUTE = 20
CALLS_A_MINUTE_IN_ALL = 300
SECONDS_A_CALL = 0.25


@lru_cache(maxsize=4096)
def field_words(path: str) -> str:
    """A dotted path in plain words, safe to show, without its variant: `variants.a.payload.content` is `body`."""
    parts = FieldPath(path).parts
    if parts[0] == "variants" and len(parts) > 2:
        parts = parts[3:] if parts[2] == "payload" and len(parts) > 3 else parts[2:]
    return one_line(" ".join(FIELDS.get(part, part.replace("_", " ")) for part in parts))


def value_words(value: Any) -> str | None:
    """A field's value as text; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(row, str) for row in value):
        return ", ".join(value)
    if isinstance(value, dict) and value.keys() == {"name", "url"}:
        return f"{value['name']} ({value['url']})"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def seconds_of(calls: Iterable[Call]) -> float:
    """How long `calls` will take at the API's limits: 20 of one endpoint go at once, the next 20 a minute later."""
    endpoints = Counter((call.method, tuple(call.path.split("/")[1::2])) for call in calls)
    total = endpoints.total()
    minutes = max(((count - 1) // CALLS_A_MINUTE for count in endpoints.values()), default=0)
    minutes = max(minutes, (total - 1) // CALLS_A_MINUTE_IN_ALL) if total else 0
    return minutes * 60 + SECONDS_A_CALL * min(total, CALLS_A_MINUTE)


def duration_words(seconds: float) -> str:
    """`a few seconds`, `about 2 min 10 s`, `about 3 h 20 min`."""
    if seconds < 5:
        return "a few seconds"
    minutes, rest = divmod(ceil(seconds / 5) * 5, 60)
    hours, minutes = divmod(minutes, 60)
    shown = [(hours, "h"), (minutes, "min"), (rest if not hours else 0, "s")]
    return "about " + " ".join(f"{count} {unit}" for count, unit in shown if count)


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


class ViewRow(NamedTuple):
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
    rows: tuple[ViewRow, ...]

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
    drift: tuple[Drift, ...] = ()

    @property
    def active(self) -> tuple[Group, ...]:
        """The sequences known to be sending to which the plan writes."""
        return tuple(group for group in self.groups if group.active and group.writes)


def view_of(plan: Plan) -> View:
    """The rows and totals of `plan`, grouped by sequence in the plan's order."""
    rows: dict[str, list[ViewRow]] = {}
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
    chosen = change.address.variant
    if chosen is None:
        return content.variants
    return {letter: row for letter, row in content.variants.items() if letter == chosen}


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
        app=value_words(field.app),
        remark=remark_on(before, after, markup),
    )


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


def blocked_rows(groups: Iterable[Group]) -> Iterator[ViewRow]:
    """The rows that apply cannot carry out."""
    return (row for group in groups for row in group.rows if row.change.action is Action.BLOCKED)
