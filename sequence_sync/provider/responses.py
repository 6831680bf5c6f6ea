"""Saleshandy's answers: their class, and the remote objects in them. Pure.

Accepts the live shapes and the documented ones (docs/api.md 2, 7). Ids may be texts or numbers. A missing field is None
in the remote object, and a null field is empty. The parsers raise ValueError where a payload has an unexpected shape,
or contains something that cannot be an id. Its text quotes nothing of the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.model.fields import LAST_DAY, REMOTE_ID, Priority
from sequence_sync.model.steps import JSON_NAMES, STEP_TYPES, type_meant
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
from sequence_sync.provider.redact import Redactor

LONGEST_MESSAGE = 300
NO_SECRETS = Redactor()
LARGEST_CODE = 99_999  # D: the codes of the API have up to five digits
LARGEST_ID = 10**128  # an id that is a number is bounded like one that is a text
# The API's names of payload fields, where they differ from those in a file. They are the names in JSON; to a field that
# the API names otherwise, give an entry here: {**JSON_NAMES, "sms_text": "body"}.
_BODY_NAMES: Mapping[str, str] = JSON_NAMES
_PAYLOAD_NAMES: Mapping[str, str] = {name: field for field, name in _BODY_NAMES.items()}
_TYPE_OF_CODE: Mapping[int, str] = {row.code: row.name for row in STEP_TYPES.values()}
_CODES = ("code", "statusCode", "error_code")
_MESSAGES = ("message", "messages", "error_message", "error")
# Only a whole message counts: an error that echoes an email may contain these words.
_RATE_LIMIT = re.compile(r"rate[ -]?limit exceeded", re.IGNORECASE)
_BAD_KEY = re.compile(r"(1001\W*)?invalid token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _ErrorAnswer:
    """An error answer in any shape. `listed`: the messages came as the validator's list."""

    status: int
    codes: frozenset[int]
    messages: tuple[str, ...]
    listed: bool

    def is_only(self, words: re.Pattern[str]) -> bool:
        """Return whether the whole message matches, apart from a final full stop."""
        return len(self.messages) == 1 and bool(words.fullmatch(self.messages[0].strip().removesuffix(".").rstrip()))


# From the top; the first that fits is the class.
RULES: tuple[tuple[AnswerKind, Callable[[_ErrorAnswer], bool]], ...] = (
    (AnswerKind.FAILED, lambda error: error.status // 100 == 5),
    # Redirects are not followed, because they would carry the key along. What the target did is not known.
    (AnswerKind.UNREADABLE, lambda error: error.status // 100 != 4),
    (
        AnswerKind.RATE_LIMITED,
        lambda error: error.status == 429 or (error.status == 400 and error.is_only(_RATE_LIMIT)),
    ),
    (AnswerKind.BAD_KEY, lambda error: error.status == 401 or error.is_only(_BAD_KEY)),
    (AnswerKind.FORBIDDEN, lambda error: error.status == 403 or 4003 in error.codes),
    (AnswerKind.MISSING, lambda error: error.status == 404 or 40100 in error.codes),
    (AnswerKind.INVALID, lambda error: error.listed and 400 in error.codes),
    (AnswerKind.REFUSED, lambda error: True),
)


def classify(reply: Reply, wall: float, redactor: Redactor = NO_SECRETS) -> Answer:
    """Return the class of `reply`. `wall` is the local time of the answer, in seconds since the epoch.

    Ignores the content type: what parses as JSON is JSON. The server's own text is in the message only after `redactor`
    has read it as a whole, and only for an error that has its own status.
    """
    data, readable = _parse(reply.body)
    if 200 <= reply.status < 300:
        return _success(reply, data, readable)
    error = _parse_error(reply.status, data)
    kind = next(kind for kind, fits in RULES if fits(error))
    message = "; ".join(error.messages) or f"HTTP {reply.status} without a readable reason"
    wait = retry_after(reply.headers, wall, limited=kind is AnswerKind.RATE_LIMITED)
    return Answer(kind, reply.status, message=plain(redactor.message(message)), wait=wait)


def plain(text: str) -> str:
    """Return `text` as one line of at most 300 characters, without control characters, for a terminal or a log."""
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
        codes = sorted(code for code in _parse_error(reply.status, data).codes if 0 <= code <= LARGEST_CODE)
        named = f" (code {', '.join(map(str, codes))})" if codes else ""
        return Answer(AnswerKind.UNREADABLE, reply.status, message=f"HTTP {reply.status} with an error inside{named}")
    return Answer(AnswerKind.OK, reply.status, payload=_unwrapped(data))


def _is_error(data: Any) -> bool:
    """Return whether the body of a 2xx is an error."""
    if not isinstance(data, Mapping) or not {"payload", "id", "sequenceId"}.isdisjoint(data):
        return False
    return bool({"error_code", "statusCode"} & data.keys()) or {"code", "type", "message"} <= data.keys()


def _unwrapped(data: Any) -> Any:
    """Return the payload of an envelope. An object with an id is a variant, whose `payload` is its own."""
    if isinstance(data, Mapping) and "payload" in data and ("message" in data or "id" not in data):
        return data["payload"]
    return data


def _parse(body: bytes) -> tuple[Any, bool]:
    try:
        return json.loads(body.decode("utf-8-sig")), True
    except (ValueError, RecursionError):
        return None, False


def _parse_error(status: int, data: Any) -> _ErrorAnswer:
    if not isinstance(data, Mapping):
        return _ErrorAnswer(status, frozenset(), (), listed=False)
    found = next((data[name] for name in _MESSAGES if data.get(name)), None)
    listed = isinstance(found, list) and all(isinstance(line, str) for line in found)
    lines = found if isinstance(found, list) else [found]
    messages = tuple(line for line in lines if isinstance(line, str) and line.strip())
    codes = frozenset(code for name in _CODES if (code := _code(data.get(name))) is not None)
    return _ErrorAnswer(status, codes, messages, listed=listed)


def _code(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else None


JsonObject = Mapping[str, Any]


def parse_created_sequence(payload: Any) -> Created:
    """Return the id of a new sequence: `sequenceId` live (L), `id` in the documentation (D)."""
    row = _row(payload, "a new sequence")
    return Created(_id(row, "a new sequence", "sequenceId", "id"))


def parse_created_step(payload: Any) -> Created:
    """Return the id of a new step, and its variants' ids where the answer has all of them (L; not documented)."""
    row = _row(payload, "a new step")
    variants = row.get("variants")
    rows = variants if isinstance(variants, list) else []
    ids = [_id_or_none(variant, "id") if isinstance(variant, Mapping) else None for variant in rows]
    known = [variant_id for variant_id in ids if variant_id is not None]
    return Created(_id(row, "a new step", "id"), tuple(known) if len(known) == len(rows) else ())


def parse_created_variant(payload: Any) -> Created:
    """Return the id of a new variant."""
    return Created(_id(_row(payload, "a new variant"), "a new variant", "id"))


def parse_sequences(payload: Any) -> list[RemoteSequence]:
    """Parse a page of the list of sequences (D, L)."""
    return [_sequence(row) for row in _rows(payload, "sequences")]


def parse_steps(payload: Any) -> list[RemoteStep]:
    """Parse the steps of a sequence: a list (L), or an object with the list in `steps`."""
    return [_step(row) for row in _rows(payload, "steps")]


def parse_variants(payload: Any) -> list[RemoteVariant]:
    """Parse the variants of a step: a list (D), or an object with the list in `variants`."""
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
    """Return the name of the type, from the API's code or name. A step without a type has that of its variants."""
    sent = next((each["type"] for each in (row, *variants) if each.get("type") is not None), None)
    code = _whole(sent)
    if code is not None:
        return _TYPE_OF_CODE.get(code, f"{UNKNOWN}{code}")
    name = type_meant(sent) if isinstance(sent, str) else None
    if name is None:
        raise ValueError("a step has no type")
    return name


def payload_to_body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with Saleshandy's field names: camelCase (D), as for fields of types added later."""
    return {_BODY_NAMES.get(name, name): value for name, value in payload.items()}


def payload_from_body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with seqsync's field names. A field that no type declares keeps its name.

    A name of ours that the API spells otherwise (`connection_note`) is not that field, and is left out.
    """
    return {_PAYLOAD_NAMES.get(name, name): value for name, value in payload.items() if name not in _BODY_NAMES}


def priority_name(code: int) -> str:
    """Return seqsync's name of a priority's code (D: 1 urgent to 4 low)."""
    return str(list(Priority)[code - 1]) if 1 <= code <= len(Priority) else f"{UNKNOWN}{code}"


def _variant(row: JsonObject) -> RemoteVariant:
    payload, status = row.get("payload"), row.get("status")
    if not isinstance(payload, Mapping | None):
        raise ValueError("the payload of a variant is not an object")
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
    """Parse `attachmentIds`, or `attachments` with an id in each. Their shape in a read is not known (U)."""
    name = next((name for name in ("attachmentIds", "attachments") if name in row), None)
    if name is None:
        return None
    listed = row[name] or []
    if not isinstance(listed, list):
        raise ValueError(f"`{name}` is not a list")
    return tuple(_id(each if isinstance(each, Mapping) else {"id": each}, "an attachment", "id") for each in listed)


def _row(payload: Any, what: str) -> JsonObject:
    if not isinstance(payload, Mapping):
        raise ValueError(f"expected {what} as an object")
    return payload


def _rows(payload: Any, name: str) -> list[JsonObject]:
    listed = payload.get(name) if isinstance(payload, Mapping) else payload
    if not isinstance(listed, list):
        raise ValueError(f"expected a list of {name}")
    if not all(isinstance(row, Mapping) for row in listed):
        raise ValueError(f"the list of {name} contains something that is not an object")
    return listed


def _id(row: JsonObject, what: str, *names: str) -> str:
    found = next((found for name in names if (found := _id_or_none(row, name)) is not None), None)
    if found is None:
        raise ValueError(f"{what} has no id")
    return found


def _id_or_none(row: JsonObject, name: str) -> str | None:
    """Return the id in `name`, or None where there is none. Raises ValueError for a value that cannot be an id.

    An id becomes a part of a path and of files. `..` or `a/../b?x#` would change the path.
    """
    value = row.get(name)
    if value in (None, "") or isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int):
        value = str(value) if 0 <= value < LARGEST_ID else ""
    if not REMOTE_ID.fullmatch(value):
        raise ValueError(f"`{name}` contains something that cannot be an id")
    return value


def _whole(value: Any) -> int | None:
    """Return a whole number, also from its text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) else None
