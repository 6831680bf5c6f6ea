"""What the payload of an answer tells, in the words of `api.types`. Pure.

Reads the live shapes and the documented ones (docs/api.md 2, 7); ids may be texts or numbers. A field that
is not there is None: not told. One that is there and null is empty. Every function raises ValueError, with a plain
reason, where a payload cannot be what was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.model.fields import LAST_DAY, Priority
from sequence_sync.model.steps import PAYLOAD_FIELDS, STEP_TYPES, type_meant
from sequence_sync.provider.base import (
    UNKNOWN,
    Answer,
    AnswerKind,
    Created,
    RemoteSequence,
    RemoteStep,
    RemoteVariant,
    Reply,
)
from sequence_sync.provider.rate_limit import retry_after

LONGEST_MESSAGE = 300
_BODY_NAMES: Mapping[str, str] = {
    name: re.sub("_([a-z])", lambda found: found[1].upper(), name)
    for fields in PAYLOAD_FIELDS.values()
    for name in fields
    if "_" in name
}
_PAYLOAD_NAMES: Mapping[str, str] = {name: field for field, name in _BODY_NAMES.items()}
_TYPE_OF_CODE: Mapping[int, str] = {row.code: row.name for row in STEP_TYPES.values()}
_CODES = ("code", "statusCode", "error_code")
_MESSAGES = ("message", "messages", "error_message", "error")
# Matched whole only: an error that echoes an email may well hold these words.
_RATE_LIMIT = re.compile(r"rate[ -]?limit exceeded", re.IGNORECASE)
_BAD_KEY = re.compile(r"(1001\W*)?invalid token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Said:
    """An error answer, whichever shape it has. `listed`: the messages came as the validator's list."""

    status: int
    codes: frozenset[int]
    messages: tuple[str, ...]
    listed: bool

    def just(self, words: re.Pattern[str]) -> bool:
        """Whether the whole message is `words`, but for a final dot."""
        return len(self.messages) == 1 and bool(words.fullmatch(self.messages[0].strip().removesuffix(".").rstrip()))


# From the top; the first that fits is the class.
RULES: tuple[tuple[AnswerKind, Callable[[_Said], bool]], ...] = (
    (AnswerKind.FAILED, lambda said: said.status // 100 == 5),
    # A redirect is not followed (the key would go along), and whether anything was made behind it nobody can say.
    (AnswerKind.UNREADABLE, lambda said: said.status // 100 != 4),
    (AnswerKind.RATE_LIMITED, lambda said: said.status == 429 or (said.status == 400 and said.just(_RATE_LIMIT))),
    (AnswerKind.BAD_KEY, lambda said: said.status == 401 or said.just(_BAD_KEY)),
    (AnswerKind.FORBIDDEN, lambda said: said.status == 403 or 4003 in said.codes),
    (AnswerKind.MISSING, lambda said: said.status == 404 or 40100 in said.codes),
    (AnswerKind.INVALID, lambda said: said.listed and 400 in said.codes),
    (AnswerKind.REFUSED, lambda said: True),
)


def classify(reply: Reply, wall: float) -> Answer:
    """The class of `reply`; `wall` is the time of the answer here, in seconds since the epoch.

    The content type is not asked: what parses as JSON is JSON.
    """
    data, readable = _parse(reply.body)
    if 200 <= reply.status < 300:
        return _success(reply, data, readable)
    said = _said(reply.status, data)
    kind = next(kind for kind, fits in RULES if fits(said))
    message = "; ".join(said.messages) or f"HTTP {reply.status} without a reason that can be read"
    wait = retry_after(reply.headers, wall, limited=kind is AnswerKind.RATE_LIMITED)
    return Answer(kind, reply.status, message=plain(message), wait=wait)


def plain(text: str) -> str:
    """`text` in one line, at most 300 characters, without control characters: fit for a terminal and a log."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST_MESSAGE])
    words = " ".join(shown.split())
    return words if len(words) <= LONGEST_MESSAGE else words[: LONGEST_MESSAGE - 1] + "…"


def _success(reply: Reply, data: Any, readable: bool) -> Answer:
    if reply.status in (204, 205):  # these have no body by definition
        return Answer(AnswerKind.OK, reply.status)
    if not readable:
        what = "is empty" if not reply.body.strip() else "is not JSON"
        return Answer(AnswerKind.UNREADABLE, reply.status, message=f"HTTP {reply.status}, but the answer {what}")
    if _is_error(data):
        said = "; ".join(_said(reply.status, data).messages)
        return Answer(
            AnswerKind.UNREADABLE, reply.status, message=plain(f"HTTP {reply.status} with an error inside: {said}")
        )
    return Answer(AnswerKind.OK, reply.status, payload=_unwrapped(data))


def _is_error(data: Any) -> bool:
    """Whether a 2xx tells an error all the same."""
    if not isinstance(data, Mapping) or not {"payload", "id", "sequenceId"}.isdisjoint(data):
        return False
    return bool({"error_code", "statusCode"} & data.keys()) or {"code", "type", "message"} <= data.keys()


def _unwrapped(data: Any) -> Any:
    """The payload of an envelope. A variant has a `payload` of its own, which is no envelope: it has an id."""
    if isinstance(data, Mapping) and "payload" in data and ("message" in data or "id" not in data):
        return data["payload"]
    return data


def _parse(body: bytes) -> tuple[Any, bool]:
    try:
        return json.loads(body.decode("utf-8-sig")), True
    except (ValueError, RecursionError):
        return None, False


def _said(status: int, data: Any) -> _Said:
    if not isinstance(data, Mapping):
        return _Said(status, frozenset(), (), listed=False)
    told = next((data[name] for name in _MESSAGES if data.get(name)), None)
    listed = isinstance(told, list) and all(isinstance(line, str) for line in told)
    lines = told if isinstance(told, list) else [told]
    messages = tuple(line for line in lines if isinstance(line, str) and line.strip())
    codes = frozenset(code for name in _CODES if (code := _code(data.get(name))) is not None)
    return _Said(status, codes, messages, listed=listed)


def _code(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else None


JsonObject = Mapping[str, Any]


def parse_created_sequence(payload: Any) -> Created:
    """The new sequence's id: `sequenceId` live (L), `id` in the documentation (D)."""
    row = _row(payload, "a new sequence")
    return Created(_id(row, "a new sequence", "sequenceId", "id"))


def parse_created_step(payload: Any) -> Created:
    """The new step's id, and those of its variants where each one is told (L; the documentation shows none)."""
    row = _row(payload, "a new step")
    variants = row.get("variants")
    rows = variants if isinstance(variants, list) else []
    ids = [_id_or_none(variant, "id") if isinstance(variant, Mapping) else None for variant in rows]
    told = [variant_id for variant_id in ids if variant_id is not None]
    return Created(_id(row, "a new step", "id"), tuple(told) if len(told) == len(rows) else ())


def parse_created_variant(payload: Any) -> Created:
    """The new variant's id."""
    return Created(_id(_row(payload, "a new variant"), "a new variant", "id"))


def parse_sequences(payload: Any) -> list[RemoteSequence]:
    """A page of the list of sequences (D, L)."""
    return [_sequence(row) for row in _rows(payload, "sequences")]


def parse_steps(payload: Any) -> list[RemoteStep]:
    """The steps of a sequence: a bare list (L), or one in `steps`."""
    return [_step(row) for row in _rows(payload, "steps")]


def parse_variants(payload: Any) -> list[RemoteVariant]:
    """The variants of a step: a bare list (D), or one in `variants`."""
    return [_variant(row) for row in _rows(payload, "variants")]


def _sequence(row: JsonObject) -> RemoteSequence:
    title, active, steps = row.get("title"), row.get("active"), row.get("steps")
    step_rows = [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
    return RemoteSequence(
        id=_id(row, "a sequence", "id"),
        title=title if isinstance(title, str) else "",
        active=bool(active) if isinstance(active, int) else None,
        step_ids=tuple(_id(step, "a step", "id") for step in step_rows),
    )


def _step(row: JsonObject) -> RemoteStep:
    rows = _rows(row.get("variants") or [], "variants")
    # `relativeDays` is what some clients read; it counts from the step before, so it is not the day.
    day, priority = row.get("absoluteDays"), _whole(row.get("priority"))
    return RemoteStep(
        id=_id(row, "a step", "id"),
        type=_type(row, rows),
        number=_whole(row.get("number")),
        day=day if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= LAST_DAY else None,
        priority=None if priority is None else priority_name(priority),
        assignee=_id_or_none(row, "assigneeId"),
        variants=tuple(_variant(variant) for variant in rows),
    )


def _type(row: JsonObject, variants: list[JsonObject]) -> str:
    """The name of the type. Accepts the API's code and name, and a variant's own type where the step has none."""
    sent = next((each["type"] for each in (row, *variants) if each.get("type") is not None), None)
    code = _whole(sent)
    if code is not None:
        return _TYPE_OF_CODE.get(code, f"{UNKNOWN}{code}")
    name = type_meant(sent) if isinstance(sent, str) else None
    if name is None:
        raise ValueError("a step does not tell its type")
    return name


def payload_to_body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with Saleshandy's field names: camelCase (D), as for fields of types added later."""
    return {_BODY_NAMES.get(name, name): value for name, value in payload.items()}


def payload_from_body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with seqsync's field names. A field that no type declares keeps its name."""
    return {_PAYLOAD_NAMES.get(name, name): value for name, value in payload.items()}


def priority_name(code: int) -> str:
    """Seqsync's name of a priority's code (D: 1 urgent to 4 low)."""
    return str(list(Priority)[code - 1]) if 1 <= code <= len(Priority) else f"{UNKNOWN}{code}"


def _variant(row: JsonObject) -> RemoteVariant:
    payload, status = row.get("payload"), row.get("status")
    if not isinstance(payload, Mapping | None):
        raise ValueError("the payload of a variant is no object")
    return RemoteVariant(
        id=_id(row, "a variant", "id"),
        payload=payload_from_body(payload or {}),
        task_note=_note(row),
        attachments=_attachments(row),
        status=int(status) if isinstance(status, bool) else _whole(status),
    )


def _note(row: JsonObject) -> str | None:
    if "taskNote" not in row:
        return None
    note = row["taskNote"]
    return note if isinstance(note, str) else ""


def _attachments(row: JsonObject) -> tuple[str, ...] | None:
    """`attachmentIds`, or `attachments` with an id in each; their shape when read is not known (U)."""
    name = next((name for name in ("attachmentIds", "attachments") if name in row), None)
    if name is None:
        return None
    listed = row[name] or []
    if not isinstance(listed, list):
        raise ValueError(f"`{name}` is no list")
    return tuple(_id(each if isinstance(each, Mapping) else {"id": each}, "an attachment", "id") for each in listed)


def _row(payload: Any, what: str) -> JsonObject:
    if not isinstance(payload, Mapping):
        raise ValueError(f"the answer should tell {what}, and is no object")
    return payload


def _rows(payload: Any, name: str) -> list[JsonObject]:
    listed = payload.get(name) if isinstance(payload, Mapping) else payload
    if not isinstance(listed, list):
        raise ValueError(f"the answer should be a list of {name}, and is none")
    if not all(isinstance(row, Mapping) for row in listed):
        raise ValueError(f"the list of {name} holds something that is no object")
    return listed


def _id(row: JsonObject, what: str, *names: str) -> str:
    found = next((found for name in names if (found := _id_or_none(row, name))), None)
    if found is None:
        raise ValueError(f"{what} has no id")
    return found


def _id_or_none(row: JsonObject, name: str) -> str | None:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def _whole(value: Any) -> int | None:
    """A whole number, also where it is written as a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) else None
