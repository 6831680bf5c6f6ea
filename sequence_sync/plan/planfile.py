"""The saved plan: a `Plan` as bytes and back, and whether it may still be applied. Pure: touches no file.

A saved plan is one JSON object, ASCII only, one change a line, keys sorted, `format_version` first:

    {"format_version": 1, "allowed", "api_host", "base", "changes", "environment", "gates", "notes", "plan_hash",
     "sequences", "sum", "tool_version"}

`sum` is the SHA-256 of the same bytes without the `sum` line. It protects against damage, not against forgery: whoever
can write the file can also write the sum. The plan hash is what a reviewer approves.

The kinds of rejection (`PlanRejectedError.kind`): `not-a-plan`, `newer-format`, `damaged`, `hash`,
`environment`, `api-host`, `lineage`, `state`, `files`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, combinations
from typing import Any, NoReturn

from pydantic import ValidationError

from sequence_sync.errors import PlanRejectedError
from sequence_sync.plan.model import PLAN_FORMAT, Change, Plan, Summary
from sequence_sync.state.model import Applying, digest_of

PLAN_AGAIN = "Run `seqsync plan -out FILE` again, review the new plan, and apply it."
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = f"urn:seqsync:plan:{PLAN_FORMAT}"
DIGEST_PATTERN = "^[0-9a-f]{64}$"
WHOLE_HASH = re.compile("[0-9a-f]{64}")
MOST_PARTS = 8  # up to so many sequences, every combination is tried; above, each sequence alone

SAVED_ONLY = ("base", "sum", "tool_version")  # in a saved plan, not in the public JSON

_BEGINNING = b'{\n"format_version": '


class Verdict(StrEnum):
    """What apply does with a saved plan that it accepts."""

    FRESH = "fresh"  # not applied yet
    RESUME = "resume"  # its own run was interrupted: continue
    DONE = "done"  # applied completely: say so, exit 0


@dataclass(frozen=True, slots=True)
class Facts:
    """The current situation, to compare with what a plan was made from. `lineage` is None if there is no state."""

    environment: str
    api_host: str
    lineage: str | None
    serial: int
    state_digest: str
    files_digest: str
    applying: Applying | None = None


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return `plan` as plain data with its hash: what the saved plan and the public JSON have in common."""
    return plan.model_dump(mode="json") | {"plan_hash": plan.plan_hash()}


def stable_json(document: Mapping[str, Any]) -> str:
    """Return `document` as JSON: the same data gives the same text, one change a line, so that plans can be diffed.

    ASCII only, so that no text misleads a terminal or a reviewer. Raises ValueError on NaN and infinity.
    """
    names = sorted(document, key=lambda name: (name != "format_version", name))
    return "{\n" + ",\n".join(f'"{name}": {_value(name, document[name])}' for name in names) + "\n}\n"


def _value(name: str, value: Any) -> str:
    if name == "changes" and isinstance(value, list) and value:
        return "[\n" + ",\n".join(_dumps(row) for row in value) + "\n]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def encode(plan: Plan, tool_version: str) -> bytes:
    """Return the saved plan. The same plan and tool version give the same bytes."""
    return _with_sum(plan_document(plan) | {"tool_version": tool_version})


def _with_sum(document: Mapping[str, Any]) -> bytes:
    total = hashlib.sha256(stable_json(document).encode("ascii")).hexdigest()
    return stable_json({**document, "sum": total}).encode("ascii")


def decode(data: bytes) -> Plan:
    """Return the plan in `data`.

    Raises PlanRejectedError if it is no plan, newer, damaged, or has the hash of another plan.
    """
    document = _parsed(data)
    _check_format(document)
    _check_sum(document, data)
    claimed = document.get("plan_hash")
    outside = ("plan_hash", "sum", "tool_version")
    plan = _validated({name: value for name, value in document.items() if name not in outside})
    if plan.plan_hash() != claimed:
        raise PlanRejectedError(
            "The saved plan's hash does not match its changes.",
            f"Its changes have the hash {plan.plan_hash()}. The file was edited.",
            PLAN_AGAIN,
            kind="hash",
        )
    return plan


def _parsed(data: bytes) -> dict[str, Any]:
    if not data:
        _not_a_plan("It is empty.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        if data.startswith(_BEGINNING):
            _damaged("It begins like a saved plan, but is incomplete.")
        _not_a_plan("It is not JSON.")
    if not isinstance(document, dict):
        _not_a_plan("It is JSON, but not a plan that `seqsync plan -out` wrote.")
    return document


def _check_format(document: Mapping[str, Any]) -> None:
    """Reject by the format number alone what this version cannot read."""
    version = document.get("format_version")
    if type(version) is int and version > PLAN_FORMAT:
        maker = document.get("tool_version")
        known = isinstance(maker, str) and maker.isprintable()
        raise PlanRejectedError(
            "The saved plan has a newer format.",
            f"It has format {version}, written by seqsync {maker if known else 'of an unknown version'}. This seqsync "
            f"reads formats up to {PLAN_FORMAT}.",
            "Use that version of seqsync, or run `seqsync plan -out FILE` again with this one.",
            kind="newer-format",
        )
    if type(version) is not int or "changes" not in document:
        _not_a_plan("It is JSON, but not a plan that `seqsync plan -out` wrote.")


def _check_sum(document: Mapping[str, Any], data: bytes) -> None:
    # Encoding it again and comparing all bytes also finds what parsing accepts: spaces, duplicate keys, `\\u` forms.
    try:
        same = _with_sum({name: value for name, value in document.items() if name != "sum"}) == data
    except (ValueError, RecursionError):
        same = False
    if not same:
        _damaged("It was changed after `seqsync plan -out` wrote it.")


def _validated(document: Mapping[str, Any]) -> Plan:
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        positions = ", ".join(".".join(map(str, row["loc"])) for row in error.errors(include_input=False)[:3])
        _not_a_plan(f"Its checksum is correct, but this version of seqsync cannot read it (at {positions}).")


def _not_a_plan(detail: str) -> NoReturn:
    raise PlanRejectedError("This file is not a saved plan.", detail, PLAN_AGAIN, kind="not-a-plan")


def _damaged(detail: str) -> NoReturn:
    raise PlanRejectedError("The saved plan is damaged.", detail, PLAN_AGAIN, kind="damaged")


def check(plan: Plan, facts: Facts) -> Verdict:
    """Decide whether `plan` may be applied now.

    Raises PlanRejectedError if it is foreign (another environment, API host or state) or stale (state or files changed
    since). A plan made without a state fits only if there is still none, or if its own run created the state.
    """
    _check_account(plan, facts)
    verdict = _verdict(plan, facts)
    if verdict is Verdict.FRESH and plan.base.state_digest != facts.state_digest:
        raise PlanRejectedError(
            "The saved plan is stale: the state has changed.",
            f"It was made from serial {plan.base.serial}. The state is now at serial {facts.serial}.",
            PLAN_AGAIN,
            kind="state",
        )
    if verdict is not Verdict.DONE and plan.base.files_digest != facts.files_digest:
        raise PlanRejectedError(
            "The saved plan is stale: the files have changed.",
            "Sequence files, content files or settings have changed since the plan was made.",
            f"{PLAN_AGAIN} Or check out the commit that the plan was made from.",
            kind="files",
        )
    return verdict


def _verdict(plan: Plan, facts: Facts) -> Verdict:
    applying, base = facts.applying, plan.base
    is_own = applying is not None and applying.plan == plan.plan_hash()
    if base.lineage != facts.lineage and not (is_own and base.lineage is None):
        _another_state(plan, facts)
    if applying is None or not is_own:
        return Verdict.FRESH
    if not applying.done:
        return Verdict.RESUME
    # A plan with the same changes, made from the state that the first one left, is a plan of its own and not done: a
    # step went missing and is created again.
    made_since = base.lineage and (base.serial, base.state_digest) == (facts.serial, facts.state_digest)
    return Verdict.FRESH if made_since else Verdict.DONE


def _check_account(plan: Plan, facts: Facts) -> None:
    if plan.environment != facts.environment:
        raise PlanRejectedError(
            "The saved plan is for another environment.",
            f'It was made for "{plan.environment}". This run is for "{facts.environment}".',
            f"Run apply with `-env {plan.environment}`, or plan again with `-env {facts.environment}`.",
            kind="environment",
        )
    if plan.api_host != facts.api_host:
        raise PlanRejectedError(
            "The saved plan is for another API host.",
            f"It was made for {plan.api_host}. This run would call {facts.api_host}.",
            f"Check `api_url` in seqsync.yaml and the environment variable SEQSYNC_API_URL. {PLAN_AGAIN}",
            kind="api-host",
        )


def _another_state(plan: Plan, facts: Facts) -> NoReturn:
    if plan.base.lineage is None:
        detail = "It was made without a state, and now there is one."
    elif facts.lineage is None:
        detail = f"It was made from the state {plan.base.lineage}. There is no state here."
    else:
        detail = f"It was made from the state {plan.base.lineage}. The state here is {facts.lineage}."
    raise PlanRejectedError(
        "The saved plan belongs to another state.",
        detail,
        f"Check `state` in seqsync.yaml, and check that you are in the right folder. {PLAN_AGAIN}",
        kind="lineage",
    )


def plan_difference(old: Plan, new: Plan) -> list[str]:
    """Return how `new` differs from `old`, a line each; empty if both have the same plan hash.

    `- create step trial.intro`: no longer done. `+ ...`: new. `~ ...`: still done, with another body.
    """
    if old.plan_hash() == new.plan_hash():
        return []
    lines = [
        f"~ {label}: {before} -> {after}"
        for label, before, after in (
            ("format", old.format_version, new.format_version),
            ("environment", old.environment, new.environment),
            ("API host", old.api_host, new.api_host),
        )
        if before != after
    ]
    lines.extend(_changed_lines(old.changes, new.changes))
    return lines or ["~ the same changes, in another order"]


def _changed_lines(old: Iterable[Change], new: Iterable[Change]) -> Iterator[str]:
    before, after = _by_name(old), _by_name(new)
    for name in dict.fromkeys([*before, *after]):
        old_ones, new_ones = before.get(name, []), after.get(name, [])
        if old_ones == new_ones:
            continue
        if len(old_ones) == len(new_ones):
            yield f"~ {name}"
        else:
            yield from [f"{'-' if len(old_ones) > len(new_ones) else '+'} {name}"] * abs(len(old_ones) - len(new_ones))


def _by_name(changes: Iterable[Change]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        blocked = f" ({_spaced(change.wanted)})" if change.wanted else ""
        named[f"{_spaced(change.action)}{blocked} {change.address}"].append(digest_of(change.signature()))
    return named


def _spaced(action: str) -> str:
    return action.replace("-", " ")


def part_with_hash(plan: Plan, plan_hash: str) -> tuple[str, ...]:
    """Return the sequences whose changes alone have the hash `plan_hash`; empty if none of the tried parts has it."""
    keys = sorted({change.sequence for change in plan.changes})
    sizes = range(1, len(keys) if len(keys) <= MOST_PARTS else 2)
    for part in chain.from_iterable(combinations(keys, size) for size in sizes):
        changes = tuple(change for change in plan.changes if change.sequence in part)
        if plan.model_copy(update={"changes": changes}).plan_hash() == plan_hash:
            return part
    return ()


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan: of a saved one, and of what `-format json` prints."""
    schema = Plan.model_json_schema(mode="serialization")
    shared = sorted({*schema["properties"], "plan_hash"} - set(SAVED_ONLY))
    schema["$defs"]["Summary"] = Summary.model_json_schema(mode="serialization")
    digest = {"type": "string", "pattern": DIGEST_PATTERN}
    schema["properties"] |= {
        "format_version": {"const": PLAN_FORMAT, "description": "A newer format is rejected by this number"},
        "plan_hash": digest
        | {"description": "What a reviewer approves: covers the changes with their calls and bodies"},
        "sum": digest | {"description": "SHA-256 of the same file without this line, against damage"},
        "tool_version": {"type": "string", "description": "The version of seqsync that wrote it; not checked"},
        "summary": {"$ref": "#/$defs/Summary", "description": "The counts of the last line; not in a saved plan"},
    }
    schema["required"] = shared
    schema["oneOf"] = [
        {"title": "A saved plan", "required": list(SAVED_ONLY), "properties": {"summary": False}},
        {
            "title": "What -format json prints",
            "required": ["summary"],
            "properties": dict.fromkeys(SAVED_ONLY, False),
        },
    ]
    title = {"$schema": SCHEMA_DIALECT, "$id": SCHEMA_ID, "title": "A plan of seqsync"}
    return schema | title
