"""What an answer means: the one mapping from a raw reply to its class. Pure.

The API says most things with HTTP 400, the rate limit too, so the message decides where the code cannot
(docs/api.md 5, 6). Three shapes of error are read: the application's `{code, type, message}`, the
validator's `{statusCode, message or messages}`, and the gateway's `{error, error_code, error_message}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.api.figures import asked_wait
from sequence_sync.api.types import Answer, Kind, Reply

LONGEST_MESSAGE = 300
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
RULES: tuple[tuple[Kind, Callable[[_Said], bool]], ...] = (
    (Kind.FAILED, lambda said: said.status // 100 == 5),
    # A redirect is not followed (the key would go along), and whether anything was made behind it nobody can say.
    (Kind.UNREADABLE, lambda said: said.status // 100 != 4),
    (Kind.RATE_LIMITED, lambda said: said.status == 429 or (said.status == 400 and said.just(_RATE_LIMIT))),
    (Kind.BAD_KEY, lambda said: said.status == 401 or said.just(_BAD_KEY)),
    (Kind.FORBIDDEN, lambda said: said.status == 403 or 4003 in said.codes),
    (Kind.MISSING, lambda said: said.status == 404 or 40100 in said.codes),
    (Kind.INVALID, lambda said: said.listed and 400 in said.codes),
    (Kind.REFUSED, lambda said: True),
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
    wait = asked_wait(reply.headers, wall, limited=kind is Kind.RATE_LIMITED)
    return Answer(kind, reply.status, message=plain(message), wait=wait)


def plain(text: str) -> str:
    """`text` in one line, at most 300 characters, without control characters: fit for a terminal and a log."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST_MESSAGE])
    words = " ".join(shown.split())
    return words if len(words) <= LONGEST_MESSAGE else words[: LONGEST_MESSAGE - 1] + "…"


def _success(reply: Reply, data: Any, readable: bool) -> Answer:
    if reply.status in (204, 205):  # these have no body by definition
        return Answer(Kind.OK, reply.status)
    if not readable:
        what = "is empty" if not reply.body.strip() else "is not JSON"
        return Answer(Kind.UNREADABLE, reply.status, message=f"HTTP {reply.status}, but the answer {what}")
    if _is_error(data):
        said = "; ".join(_said(reply.status, data).messages)
        return Answer(Kind.UNREADABLE, reply.status, message=plain(f"HTTP {reply.status} with an error inside: {said}"))
    return Answer(Kind.OK, reply.status, payload=_unwrapped(data))


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
