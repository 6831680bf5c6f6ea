"""The calls, as values: paths with their ids quoted, and the endpoint that the rate limit counts by. Pure.

Paths are those of docs/api.md 2. Knows nothing of what a body means.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from sequence_sync.provider.base import RemoteStep, RemoteVariant, Request

PAGE_SIZE = 1000  # D: the most that GET /sequences gives in one call
_COLLECTIONS = ("sequences", "steps", "variants")  # each lies in an element of the one before
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")


def list_sequences(title: str | None, page: int) -> Request:
    """One page (from 1) of all sequences, or of those that a search for `title` finds."""
    search = {} if title is None else {"sequenceName": title}
    params = {**search, "pageSize": str(PAGE_SIZE), "page": str(page)}
    return Request("GET", "/sequences", "/sequences", params)


def list_steps(sequence_id: str) -> Request:
    """The steps of a sequence, with their content; there are no pages."""
    return Request("GET", "/sequences/{id}/steps", f"/sequences/{_quoted(sequence_id)}/steps")


def step_variants(sequence_id: str, step_id: str) -> Request:
    """One step's variants."""
    path = f"/sequences/{_quoted(sequence_id)}/steps/{_quoted(step_id)}"
    return Request("GET", "/sequences/{id}/steps/{id}", path)


def request_of(method: str, path: str, body: Mapping[str, Any] | None) -> Request:
    """The request of a planned call; `path` holds the ids as they are, unquoted.

    Raises ValueError where the path is none of this API, or still holds an address in braces.
    """
    parts = path.removeprefix("/").split("/")
    if not path.startswith("/") or len(parts) > 2 * len(_COLLECTIONS):
        raise ValueError(f'"{path}" is no path of the API')
    for part, expected in zip(parts[::2], _COLLECTIONS, strict=False):
        if part != expected:
            raise ValueError(f'"{path}" is no path of the API: "{expected}" should stand where "{part}" does')
    template = [part if place % 2 == 0 else "{id}" for place, part in enumerate(parts)]
    concrete = [part if place % 2 == 0 else _quoted(part) for place, part in enumerate(parts)]
    return Request(method, "/" + "/".join(template), "/" + "/".join(concrete), body=body)


def _quoted(remote_id: str) -> str:
    """An id as one segment of a path. Raises ValueError for what would make the path another one."""
    if remote_id in ("", ".", ".."):
        raise ValueError(f'"{remote_id}" is not an id')
    if "{" in remote_id or "}" in remote_id:
        raise ValueError(f'"{remote_id}" stands for an id that is not known yet')
    return "".join(
        char if char in _PLAIN else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in remote_id
    )


def replaced_by(body: Mapping[str, Any], step: RemoteStep | None, variant_id: str) -> dict[str, Any]:
    """What `step` says, as read, wherever a PATCH of the variant with `body` says something else.

    In the API's own field names, the payload field by field. What a read does not tell is left out.
    """
    row = next((row for row in step.variants if row.id == variant_id), None) if step else None
    if step is None or row is None:
        return {}
    attachments = None if row.attachments is None else list(row.attachments)
    told = {
        "taskNote": row.task_note,
        "attachmentIds": attachments,
        "status": row.status,
        "absoluteDays": step.day,
        "priority": step.priority,
        "assigneeId": step.assignee,
    }
    found = {name: value for name, value in told.items() if name in body and value not in (None, body[name])}
    payload = _payload(body.get("payload"), row)
    return {"payload": payload, **found} if payload else found


def _payload(sent: Mapping[str, Any] | None, row: RemoteVariant) -> dict[str, Any]:
    """An absent field and an empty one are the same."""
    if sent is None:
        return {}
    return {
        name: value for name, value in row.payload.items() if value not in ("", None) and value != sent.get(name, "")
    }
