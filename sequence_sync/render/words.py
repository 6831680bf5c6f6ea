"""The words that people read in place of an enum value, a field's name, a count or a length of time. Pure.

Where to find which words:

- what a change does: `MARKS`, `VERBS`; why: `REASONS`; what prospects notice: `impact_words`
- drift: `DRIFT_WORDS` (one row for each kind), `DRIFT_HEADING`, `NO_DRIFT`, `NO_DRIFT_READ`, `NOT_ALL_READ`,
  `EMPTY_STATE`
- fields of a step: `field_words`; their values: `value_words`
- the result of an apply: `STATUS_MARKS`, `STATUS_WORDS`
- numbers: `counted`; lengths of time: `duration_words`

Every format (text, Markdown, HTML, annotations) takes its words from here. JSON does not: it shows the values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from sequence_sync.model.address import FieldPath
from sequence_sync.model.report import Status
from sequence_sync.model.steps import payload_name
from sequence_sync.model.words import plural
from sequence_sync.plan.model import CREATES, STATE_ONLY, UPDATES, Action, Change, DriftKind, Impact, Reason
from sequence_sync.render.escape import one_line

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
    Action.DEACTIVATE_VARIANT: "deactivate variant",
    Action.ADOPT: "adopt",
    Action.MOVE: "move",
    Action.FORGET: "forget",
    Action.RECORD: "record",
    Action.BLOCKED: "blocked",
}
REACTIVATE = "reactivate variant"  # an update that changes no field: the variant was inactive

REASONS: Mapping[Reason, str] = {
    Reason.NEW: "it is in your files, but not in Saleshandy yet",
    Reason.OUTCOME_UNKNOWN: "an earlier run sent it and got no answer, so apply checks Saleshandy before it sends it",
    Reason.CHANGED: "the file changed since the last apply",
    Reason.UNSETTLED: "an interrupted run may have changed it, so apply sends it again",
    Reason.PARKED: "two emails cannot share a day, so it moves to a free day until its new day is free",
    Reason.CONFIGURED_ID: "`id:` or `ids:` names one that already exists in Saleshandy",
    Reason.MOVED: "`moved:` or `formerly:` renames it, and nothing changes in Saleshandy",
    Reason.REMOVED: "`removed:` lists it: seqsync stops managing it, and it stays in Saleshandy",
    Reason.STEP_REMOVED: "the step was removed from its file",
    Reason.SEQUENCE_REMOVED: "the file of the sequence was removed",
    Reason.VARIANT_REMOVED: "the variant was removed from its file",
    Reason.TYPE_CHANGED: "the file has another type for this step",
    Reason.TITLE_CHANGED: "the file has another title for this sequence",
    Reason.ID_CHANGED: "the configured id differs from the id in the state",
    Reason.NOT_SUPPORTED: "the API has no known call for this change",
    Reason.SAME_CONTENT: "an equal one was removed from your files but stays in Saleshandy",
    Reason.SIMILAR: "a similar one was removed from your files but stays in Saleshandy",
    Reason.DAY_HELD: "another email already has this day",
    Reason.BLOCKED_SEQUENCE: "its sequence is blocked",
    Reason.CONFLICT: "it was changed both in the file and in Saleshandy",
    Reason.DRIFT: "it was changed in Saleshandy, and apply restores the text from your files",
    Reason.GONE: "it no longer exists in Saleshandy",
    Reason.SAME_IN_APP: "Saleshandy already matches the file",
    Reason.FORGOTTEN: "seqsync managed this step before and manages it again",
    Reason.FOUND: "an identical one already exists in Saleshandy",
    Reason.UNCLEAR: "one in Saleshandy may already be this one",
    Reason.TITLE_TAKEN: "another sequence in Saleshandy has this title",
}

IMPACTS: Mapping[Impact, str] = {
    Impact.COPY: "changes what prospects read",
    Impact.TIMING: "changes the day on which prospects get it",
    Impact.STRUCTURE: "changes which messages prospects get",
    Impact.NONE: "",
}
_STRUCTURE_BY_REASON: Mapping[Reason, str] = {
    Reason.STEP_REMOVED: "removes a message",
    Reason.SEQUENCE_REMOVED: "removes a sequence",
    Reason.TYPE_CHANGED: "replaces a message",
}
_STRUCTURE_BY_ACTION: Mapping[Action, str] = {
    Action.CREATE_SEQUENCE: "adds a sequence",
    Action.CREATE_STEP: "adds a message",
    Action.CREATE_VARIANT: "adds a variant of a message",
    Action.UPDATE_VARIANT: "adds a variant of a message",
    Action.DEACTIVATE_VARIANT: "removes a variant of a message",
}


def impact_words(change: Change) -> str:
    """Return what a prospect notices of `change`; empty for nothing."""
    if change.impact is not Impact.STRUCTURE:
        return IMPACTS[change.impact]
    action = change.wanted or change.action
    specific = _STRUCTURE_BY_REASON.get(change.reason) or _STRUCTURE_BY_ACTION.get(action)
    return specific or IMPACTS[Impact.STRUCTURE]


class DriftWords(NamedTuple):
    """The words for one kind of drift: its mark, what happened, its name in a count (one, several), and the advice."""

    mark: str
    happened: str
    one: str
    several: str
    advice: str


DRIFT_WORDS: Mapping[DriftKind, DriftWords] = {
    DriftKind.CHANGED: DriftWords(
        "~",
        "changed",
        "changed",
        "changed",
        "Changed: `seqsync import` takes the change into your files. `-allow drift` restores the text from your files.",
    ),
    DriftKind.GONE: DriftWords(
        "-",
        "missing",
        "missing",
        "missing",
        "Missing: remove it from your files, or recreate it with `-allow drift`.",
    ),
    DriftKind.ADDED: DriftWords(
        "+",
        "added, not managed by seqsync",
        "added",
        "added",
        "Added: seqsync does not touch it. `seqsync import` adds it to your files.",
    ),
    DriftKind.SECOND_COPY: DriftWords(
        "!",
        "duplicate",
        "duplicate",
        "duplicates",
        "Duplicate: compare the two in Saleshandy, and delete the one that is not in use.",
    ),
}
DRIFT_HEADING = "Changed outside seqsync since the last apply (this plan does not touch it)"
NO_DRIFT = "No drift. Saleshandy matches the last apply."
EMPTY_STATE = "No sequences in the state: nothing to compare with."
NO_DRIFT_READ = "No drift in what was read."  # where a part could not be read
NOT_ALL_READ = "Some sequences could not be read, so there may be more drift."

STATUS_MARKS: Mapping[Status, str] = {
    Status.DONE: "+",
    Status.ADOPTED: ">",
    Status.RECORDED: ">",
    Status.ALREADY: "=",
    Status.FAILED: "x",
    Status.REFUSED: "x",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "-",
    Status.BLOCKED: "!",
}

STATUS_WORDS: Mapping[Status, str] = {
    Status.DONE: "done",
    Status.ADOPTED: "adopted",
    Status.RECORDED: "recorded",
    Status.ALREADY: "already done",
    Status.FAILED: "failed",
    Status.REFUSED: "refused",
    Status.UNKNOWN: "needs a decision",
    Status.SKIPPED: "not started",
    Status.BLOCKED: "blocked",
}

_FIELDS: Mapping[str, str] = {
    "content": "body",
    "connection_note": "note",
    "task_note": "task note",
    "action": "link",
}


@lru_cache(maxsize=4096)
def field_words(path: str) -> str:
    """Return the words for a dotted path, safe to show, without its variant: `variants.a.payload.content` is `body`."""
    parts = FieldPath(path).parts
    if parts[0] == "variants" and len(parts) > 2:
        parts = parts[3:] if parts[2] == "payload" and len(parts) > 3 else parts[2:]
    return one_line(" ".join(_FIELDS.get(part, part.replace("_", " ")) for part in map(payload_name, parts)))


def value_words(value: Any) -> str | None:
    """Return a field's value as text; None for no value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(row, str) for row in value):
        return ", ".join(value)
    if isinstance(value, dict) and value.keys() == {"name", "url"}:
        return f"{value['name']} ({value['url']})"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 call`, `2 calls`, `1,200 calls`."""
    return f"{number:,} {plural(number, noun)}"


def duration_words(seconds: float) -> str:
    """Return a length of time, rounded up to 5 seconds: `a few seconds`, `about 2 minutes 10 seconds`."""
    if seconds < 5:
        return "a few seconds"
    minutes, rest = divmod(ceil(seconds / 5) * 5, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (rest if not hours else 0, "second")]
    return "about " + " ".join(counted(count, unit) for count, unit in parts if count)
