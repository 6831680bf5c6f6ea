"""The plain words for what a plan says: actions, reasons, impacts, fields, times. Pure tables and small functions.

The stable strings are in `planning.plan`; these are for people and may be reworded at any time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import ceil
from typing import Any

from sequence_sync.planning.plan import CREATES, STATE_ONLY, UPDATES, Action, Call, Impact, Reason
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
    parts = path.split(".")
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
