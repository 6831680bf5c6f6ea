"""The format of the state file: State to bytes and back, versions, checksum. Pure.

JSON with two spaces of indent, sorted keys, UTF-8 and a final newline. The line `"sum"` holds the SHA-256 of all other
lines. Knows nothing of files: `where` is the name that messages use for the bytes.
"""

from __future__ import annotations

import gc
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from sequence_sync.errors import StateError
from sequence_sync.state.model import STATE_VERSION, State

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

# By version: the upgrade to the next one. Version 1 is the first released version, so there is none yet.
UPGRADES: Mapping[int, Upgrade] = {}

RESTORE_HINT = "Restore the last good state from .seqsync/backups: `seqsync state push FILE`."
FORCE_HINT = (
    "If you edited the file, or git merged it, and its content is right, accept it: `seqsync state push FILE -force`."
)
_PLAIN_MESSAGES = {"missing": "it is missing", "extra_forbidden": "it is not a field of a state"}
_CHECKSUM_LINE = re.compile(rb'\n  "sum": "([0-9a-f]{64})",(?=\n  "version": )')
_VERSION_LINE = b'\n  "version": '


def new_state(lineage: str, environment: str, api_host: str) -> State:
    """Return an empty state. `lineage` is a new UUID of the caller."""
    return State(lineage=lineage, environment=environment, api_host=api_host)


def with_serial(old: State, new: State) -> State:
    """Return `new` with the serial that follows `old`: one more if the content differs, else the same.

    The content is the entries, without their bookkeeping, and without `applying` and the journal's number.
    """
    return new.model_copy(update={"serial": old.serial + (not _same_content(old, new))})


def _same_content(old: State, new: State) -> bool:
    if old.sequences.keys() != new.sequences.keys():
        return False
    pairs = ((entry, new.sequences[key]) for key, entry in old.sequences.items())
    return all(one is two or one.without_bookkeeping() == two.without_bookkeeping() for one, two in pairs)


def encode(state: State) -> bytes:
    """Encode a state. Equal states have equal bytes. Raises StateError where a text is not valid Unicode."""
    with garbage_collection_paused():
        try:
            body = to_json(_sorted(state.model_dump(mode="json")), indent=2) + b"\n"
        except PydanticSerializationError as error:
            raise StateError("The state contains text that is not valid Unicode.", str(error)) from error
    offset = body.rindex(_VERSION_LINE)
    return body[:offset] + f'\n  "sum": "{hashlib.sha256(body).hexdigest()}",'.encode() + body[offset:]


def decode(
    data: bytes,
    where: str,
    *,
    upgrades: Mapping[int, Upgrade] = UPGRADES,
    current: int = STATE_VERSION,
    unchecked: bool = False,
) -> State:
    """Decode a state. `upgrades` raise older versions to `current`.

    `unchecked` accepts data whose checksum is wrong or missing (`state push -force`). Raises StateError where the data
    is empty, not JSON, not an object, of a missing, unknown or newer version, damaged, or not a valid state.
    """
    with garbage_collection_paused():
        plain = _parsed(data, where)
        version = _version(plain, where, current)
        if not unchecked and not _checksum_matches(data):
            summary = f"{where} is damaged or was changed outside seqsync."
            raise StateError(summary, "Its checksum is wrong or missing.", f"{RESTORE_HINT} {FORCE_HINT}")
        plain.pop("sum", None)
        return _validated(_upgraded(plain, version, where, upgrades, current), where)


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    if not data.strip(b" \t\r\n"):
        raise StateError(f"{where} is empty.", "A state file is never empty, so it was truncated.", RESTORE_HINT)
    try:
        plain = from_json(data)
    except ValueError as error:
        raise StateError(f"{where} is not JSON.", _why_not_json(data, error), RESTORE_HINT) from error
    if not isinstance(plain, dict):
        raise StateError(f"{where} is not a state.", "It contains JSON, but not an object.", RESTORE_HINT)
    return plain


def _why_not_json(data: bytes, error: ValueError) -> str:
    try:
        json.loads(data)
    except json.JSONDecodeError as problem:
        if b"\n<<<<<<< " in data:
            return f"Line {problem.lineno}: the file has unresolved git merge conflicts."
        return f"Line {problem.lineno}, column {problem.colno}: {problem.msg}."
    except UnicodeDecodeError as problem:
        return f"Byte {problem.start + 1} is not UTF-8."
    except RecursionError:
        return "It is nested too deeply."
    return f"{error}."


def _version(plain: dict[str, Any], where: str, current: int) -> int:
    version = plain.get("version")
    if "version" not in plain:
        raise StateError(f"{where} is not a state.", "It has no `version`.", RESTORE_HINT)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise StateError(f"{where} is not a state.", f"`version` is {json.dumps(version)[:40]}.", RESTORE_HINT)
    if version > current:
        raise StateError(
            f"{where} was written by a newer seqsync.",
            f"It has state version {version}; this seqsync reads up to {current}.",
            "Update seqsync (`seqsync version` shows which one you have). Nothing was changed.",
        )
    return version


def _checksum_matches(data: bytes) -> bool:
    # Git may convert line ends to CRLF on checkout. In JSON a raw CR can only be such a line end.
    plain = data.replace(b"\r\n", b"\n")
    found = list(_CHECKSUM_LINE.finditer(plain))
    if len(found) != 1:
        return False
    line = found[0]
    digest = hashlib.sha256(plain[: line.start()])
    digest.update(plain[line.end() :])
    return digest.hexdigest().encode() == line[1]


def _upgraded(
    plain: dict[str, Any], version: int, where: str, upgrades: Mapping[int, Upgrade], current: int
) -> dict[str, Any]:
    for step in range(version, current):
        if step not in upgrades:
            raise StateError(
                f"{where} has an unknown version.", f"No seqsync has written state version {version}.", RESTORE_HINT
            )
        plain = {**upgrades[step](plain), "version": step + 1}
    return plain


def _validated(plain: dict[str, Any], where: str) -> State:
    try:
        return State.model_validate(plain)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        first = problems[0]
        field = ".".join(str(part) for part in first["loc"])
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        message = _PLAIN_MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
        why = f"`{field}`: {message}" if field else message
        raise StateError(f"{where} is not a valid state.", f"{why}{more}.", RESTORE_HINT) from error


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause the garbage collector.

    A large state is hundreds of thousands of new, living objects. The collector would scan them repeatedly, which takes
    four fifths of the time at 1,000 sequences (measured).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
