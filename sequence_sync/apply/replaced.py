"""What a PATCH overwrites in the app, for the history. Pure; knows nothing of journals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequence_sync.api.types import RemoteStep, RemoteVariant


def replaced_by(body: Mapping[str, Any], step: RemoteStep | None, variant_id: str) -> dict[str, Any]:
    """What `step` says, as read, wherever a PATCH of the variant with `body` says something else.

    In the API's own field names, the payload field by field. What a read does not tell is left out.
    """
    row = next((row for row in step.variants if row.id == variant_id), None) if step else None
    if step is None or row is None:
        return {}
    attachments = None if row.attachments is None else list(row.attachments)
    told = {
        "taskNote": row.task_note, "attachmentIds": attachments, "status": row.status, "absoluteDays": step.day,
        "priority": step.priority, "assigneeId": step.assignee,
    }  # fmt: skip
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
