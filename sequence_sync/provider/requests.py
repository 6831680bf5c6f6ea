"""Saleshandy's requests: paths, field names and type codes (docs/api.md 2, 3, 4). Pure.

A create sends only what is set: the validator refuses unknown properties (L). The type and the priority are sent as
numbers (L: a type name is refused, I). Whether an update merges or replaces a payload is not known (U), so
the planner sends it whole.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.model.address import Address
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.provider.base import (
    UNKNOWN,
    Call,
    Created,
    CreateSequence,
    CreateStep,
    CreateVariant,
    Operation,
    Patch,
    Request,
)
from sequence_sync.provider.capabilities import CAPABILITIES, RETURNED
from sequence_sync.provider.responses import (
    parse_created_sequence,
    parse_created_step,
    parse_created_variant,
    payload_from_body,
    payload_to_body,
    priority_name,
)

PAGE_SIZE = 1000  # D: the most that GET /sequences gives in one call
# T: 20 calls a minute for each endpoint, 300 in all, for each key (docs/api.md 6).
CALLS_A_MINUTE = 20
CALLS_A_MINUTE_IN_ALL = 300
SECONDS_A_CALL = 0.25
_COLLECTIONS = ("sequences", "steps", "variants")  # each is in an element of the one before
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")


def _same(value: Any) -> Any:
    return value


def _code_of_priority(name: str) -> int:
    return list(Priority).index(Priority(name)) + 1 if name in set(Priority) else int(name.removeprefix(UNKNOWN))


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field of a patch is called and written in a body. `label` is the name for people."""

    name: str
    label: str
    to_body: Callable[[Any], Any] = _same
    to_patch: Callable[[Any], Any] = _same


# By the name in a patch, in the order of a body.
FIELDS: Mapping[str, _Field] = {
    "payload": _Field("payload", "payload", payload_to_body, payload_from_body),
    "task_note": _Field("taskNote", "task note"),
    "attachments": _Field("attachmentIds", "attachments", list, tuple),
    "status": _Field("status", "status"),
    "day": _Field("absoluteDays", "day"),
    "priority": _Field("priority", "priority", _code_of_priority, priority_name),
    "assignee": _Field("assigneeId", "assignee"),
}
_PATCH_NAMES: Mapping[str, str] = {field.name: name for name, field in FIELDS.items()}


class SaleshandyDialect:
    """Implements `provider.base.Dialect` for Saleshandy."""

    capabilities = CAPABILITIES
    returned = RETURNED

    def call(self, operation: Operation) -> Call:
        """See `Dialect`. A sequence without email accounts gets the caller's default one (D)."""
        if isinstance(operation, CreateSequence):
            return Call(method="POST", path="/sequences", body={"title": operation.title})
        if isinstance(operation, CreateStep):
            return Call(method="POST", path=f"/sequences/{operation.sequence}/steps", body=_step(operation.content))
        variants = f"/sequences/{operation.sequence}/steps/{operation.step}/variants"
        if isinstance(operation, CreateVariant):
            body = {"type": STEP_TYPES[operation.type].code, **_variant(operation.variant)}
            return Call(method="POST", path=variants, body=body)
        return Call(method="PATCH", path=f"{variants}/{operation.variant}", body=self.body(operation.patch))

    def body(self, patch: Patch) -> dict[str, Any]:
        """See `Dialect`."""
        return {FIELDS[name].name: FIELDS[name].to_body(value) for name, value in patch.values().items()}

    def patch(self, body: Mapping[str, Any]) -> Patch:
        """See `Dialect`."""
        unknown = sorted(body.keys() - _PATCH_NAMES.keys())
        if unknown:
            raise ValueError(f"an update has no field {', '.join(unknown)}")
        names = {_PATCH_NAMES[name]: value for name, value in body.items()}
        return Patch(**{name: FIELDS[name].to_patch(value) for name, value in names.items()})

    def bind(self, call: Call, ids: Mapping[Address, str]) -> Request:
        """See `Dialect`."""
        path = _PLACEHOLDER.sub(lambda found: ids.get(Address(found[1]), found[0]), call.path)
        return request_of(call.method, path, call.body)

    def created(self, request: Request, payload: Any) -> Created:
        """See `Dialect`."""
        collection = request.endpoint.rpartition("/")[2]
        parse = {"sequences": parse_created_sequence, "steps": parse_created_step, "variants": parse_created_variant}
        return parse[collection](payload)

    def duration(self, calls: Iterable[Call]) -> float:
        """See `Dialect`. 20 calls of one endpoint go at once, the next 20 a minute later."""
        endpoints = Counter((call.method, tuple(call.path.split("/")[1::2])) for call in calls)
        total = endpoints.total()
        minutes = max(((count - 1) // CALLS_A_MINUTE for count in endpoints.values()), default=0)
        minutes = max(minutes, (total - 1) // CALLS_A_MINUTE_IN_ALL) if total else 0
        return minutes * 60 + SECONDS_A_CALL * min(total, CALLS_A_MINUTE)

    def label(self, name: str) -> str:
        """See `Dialect`."""
        return FIELDS[_PATCH_NAMES[name]].label if name in _PATCH_NAMES else name


SALESHANDY = SaleshandyDialect()
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _variant(variant: Variant) -> dict[str, Any]:
    """Return one element of `variants`."""
    body: dict[str, Any] = {"payload": payload_to_body(variant.payload)}
    if variant.attachments:
        body["attachmentIds"] = list(variant.attachments)
    if variant.task_note:
        body["taskNote"] = variant.task_note
    return body


def _step(content: Content) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": STEP_TYPES[content.type].code,
        "variants": [_variant(row) for row in content.variants.values()],
        "absoluteDays": content.day,
    }
    if content.priority is not None:
        body["priority"] = _code_of_priority(content.priority)
    if content.assignee is not None:
        body["assigneeId"] = content.assignee
    return body


def list_sequences(page: int) -> Request:
    """Return the request for one page of all sequences. The first page is 1."""
    return Request("GET", "/sequences", "/sequences", {"pageSize": str(PAGE_SIZE), "page": str(page)})


def list_steps(sequence_id: str) -> Request:
    """Return the request for the steps of a sequence, with their content. There are no pages."""
    return Request("GET", "/sequences/{id}/steps", f"/sequences/{_quoted(sequence_id)}/steps")


def step_variants(sequence_id: str, step_id: str) -> Request:
    """Return the request for the variants of a step."""
    path = f"/sequences/{_quoted(sequence_id)}/steps/{_quoted(step_id)}"
    return Request("GET", "/sequences/{id}/steps/{id}", path)


def request_of(method: str, path: str, body: Mapping[str, Any] | None) -> Request:
    """Return the request for a planned call. The ids in `path` are not quoted yet.

    Raises ValueError where the path is not of this API, or contains a placeholder.
    """
    parts = path.removeprefix("/").split("/")
    if not path.startswith("/") or len(parts) > 2 * len(_COLLECTIONS):
        raise ValueError(f'"{path}" is not a path of the API')
    for part, expected in zip(parts[::2], _COLLECTIONS, strict=False):
        if part != expected:
            raise ValueError(f'"{path}" is not a path of the API: expected "{expected}", found "{part}"')
    template = [part if place % 2 == 0 else "{id}" for place, part in enumerate(parts)]
    concrete = [part if place % 2 == 0 else _quoted(part) for place, part in enumerate(parts)]
    return Request(method, "/" + "/".join(template), "/" + "/".join(concrete), body=body)


def _quoted(remote_id: str) -> str:
    """Return an id as one segment of a path. Raises ValueError for an id that would change the path."""
    if remote_id in ("", ".", ".."):
        raise ValueError(f'"{remote_id}" is not an id')
    if "{" in remote_id or "}" in remote_id:
        raise ValueError(f"the id of {remote_id} is not known yet")
    return "".join(
        char if char in _PLAIN else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in remote_id
    )
