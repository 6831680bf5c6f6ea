"""A state as bytes and back: stable, sorted, summed, and refused with plain words where it is damaged. Pure.

Knows nothing of files; `where` is only the name that messages call the bytes by. The layout: JSON with two spaces of
indent, sorted keys, UTF-8, a final newline, and a line `"sum"` that holds the SHA-256 of all the other lines.
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
from sequence_sync.state.model import STATE_VERSION, SequenceState, State

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

# From a version to the next one. Version 1 is the first that was ever released, so there is nothing to upgrade yet.
UPGRADES: Mapping[int, Upgrade] = {}

WAY_BACK = "The last good ones are in .seqsync/backups; `seqsync state push FILE` puts one back."
AS_IT_IS = (
    "If you changed the file yourself, or git merged it, and it says what is true: `seqsync state push FILE -force` "
    "takes it as it is."
)
_PLAIN = {"missing": "it is missing", "extra_forbidden": "a state has no such field"}
_SUM_LINE = re.compile(rb'\n  "sum": "([0-9a-f]{64})",(?=\n  "version": )')
_VERSION_LINE = b'\n  "version": '


def new_state(lineage: str, environment: str, api_host: str) -> State:
    """An empty state. `lineage` is a new UUID, made by the caller."""
    return State(lineage=lineage, environment=environment, api_host=api_host)


def with_serial(old: State, new: State) -> State:
    """`new` with the serial that belongs to it after `old`: one more if the content differs, else the same.

    Content is what the state says of the account. `made_from`, `applying` and the journal's number are bookkeeping.
    """
    return new.model_copy(update={"serial": old.serial + (not _same_content(old, new))})


def _same_content(old: State, new: State) -> bool:
    if old.sequences.keys() != new.sequences.keys():
        return False
    return all(
        row is new.sequences[key] or _bare(row) == _bare(new.sequences[key]) for key, row in old.sequences.items()
    )


def _bare(row: SequenceState) -> SequenceState:
    return row.model_copy(update={"made_from": None})


def encode(state: State) -> bytes:
    """The bytes of `state`: the same state, the same bytes. Raises StateError where a text is no Unicode."""
    with collector_paused():
        try:
            body = to_json(_sorted(state.model_dump(mode="json")), indent=2) + b"\n"
        except PydanticSerializationError as error:
            raise StateError("The state cannot be written as text.", str(error)) from error
    place = body.rindex(_VERSION_LINE)
    return body[:place] + f'\n  "sum": "{hashlib.sha256(body).hexdigest()}",'.encode() + body[place:]


def decode(
    data: bytes,
    where: str,
    *,
    upgrades: Mapping[int, Upgrade] = UPGRADES,
    current: int = STATE_VERSION,
    unchecked: bool = False,
) -> State:
    """The state that `data` spell; older versions are brought up to `current` by `upgrades`.

    `unchecked` believes bytes whose sum is wrong or absent (`state push -force`). Raises StateError where the data
    are empty, no JSON, no object, of no, an unknown or a newer version, damaged, or of a wrong shape.
    """
    with collector_paused():
        plain = _parsed(data, where)
        version = _version(plain, where, current)
        if not unchecked and not _sum_is_right(data):
            summary = f"{where} is damaged, or was changed outside seqsync."
            raise StateError(summary, "Its sum is wrong or missing.", f"{WAY_BACK} {AS_IT_IS}")
        plain.pop("sum", None)
        return _shaped(_upgraded(plain, version, where, upgrades, current), where)


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    if not data.strip(b" \t\r\n"):
        raise StateError(f"{where} is empty.", "A state is never empty: something cut it off.", WAY_BACK)
    try:
        plain = from_json(data)
    except ValueError as error:
        raise StateError(f"{where} is not JSON.", _why_not_json(data, error), WAY_BACK) from error
    if not isinstance(plain, dict):
        raise StateError(f"{where} is not a state.", "It holds JSON, but not an object.", WAY_BACK)
    return plain


def _why_not_json(data: bytes, error: ValueError) -> str:
    try:
        json.loads(data)
    except json.JSONDecodeError as judged:
        if b"\n<<<<<<< " in data:
            return f"Line {judged.lineno}: a merge in git was left unfinished there."
        return f"Line {judged.lineno}, column {judged.colno}: {judged.msg}."
    except UnicodeDecodeError as judged:
        return f"Byte {judged.start + 1} is not UTF-8."
    except RecursionError:
        return "It is nested too deeply."
    return f"{error}."


def _version(plain: dict[str, Any], where: str, current: int) -> int:
    version = plain.get("version")
    if "version" not in plain:
        raise StateError(f"{where} is not a state.", "It has no `version`.", WAY_BACK)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise StateError(f"{where} is not a state.", f"`version` is {json.dumps(version)[:40]}.", WAY_BACK)
    if version > current:
        raise StateError(
            f"{where} was made by a newer seqsync.",
            f"It has state version {version}; this seqsync reads up to {current}.",
            "Update seqsync (`seqsync version` tells which one you have). Nothing was read or changed.",
        )
    return version


def _sum_is_right(data: bytes) -> bool:
    # Git may turn line ends into CRLF on checkout; inside JSON a raw CR can only be such a line end.
    plain = data.replace(b"\r\n", b"\n")
    found = list(_SUM_LINE.finditer(plain))
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
            raise StateError(f"{where} has an unknown version.", f"No seqsync wrote state version {version}.", WAY_BACK)
        plain = {**upgrades[step](plain), "version": step + 1}
    return plain


def _shaped(plain: dict[str, Any], where: str) -> State:
    try:
        return State.model_validate(plain)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        first = told[0]
        field = ".".join(str(part) for part in first["loc"])
        more = f" ({len(told) - 1} more like it)" if len(told) > 1 else ""
        said = _PLAIN.get(first["type"], first["msg"].removeprefix("Value error, "))
        why = f"`{field}`: {said}" if field else said
        raise StateError(f"{where} has not the shape of a state.", f"{why}{more}.", WAY_BACK) from error


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


@contextmanager
def collector_paused() -> Iterator[None]:
    """A big state is hundreds of thousands of new, living objects, which the collector would walk again and again
    (four fifths of the time at 1,000 sequences)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
