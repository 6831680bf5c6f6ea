"""The bodies and paths of the calls, exactly as the API's validator accepts them. Pure.

Only what is set is sent, `payload` always, and never a field that the type does not have: the validator refuses
unknown properties (L). The type goes as its number (L: a name is refused), the priority too (I).
Sources: docs/api.md 2, 3, 4.
"""

from __future__ import annotations

from typing import Any

from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.planning.plan import Call


def variant_body(variant: Variant) -> dict[str, Any]:
    """One element of `variants`."""
    body: dict[str, Any] = {"payload": variant.payload}
    if variant.attachments:
        body["attachmentIds"] = list(variant.attachments)
    if variant.task_note:
        body["taskNote"] = variant.task_note
    return body


def step_body(content: Content) -> dict[str, Any]:
    """The body of POST /sequences/{id}/steps."""
    body: dict[str, Any] = {
        "type": STEP_TYPES[content.type].code,
        "variants": [variant_body(row) for row in content.variants.values()],
        "absoluteDays": content.day,
    }
    if content.priority is not None:
        body["priority"] = content.priority.code
    if content.assignee is not None:
        body["assigneeId"] = content.assignee
    return body


def create_step(sequence: str, sequence_id: str | None, content: Content) -> Call:
    """The call that makes a step; the sequence's address stands in braces while its id is not known."""
    return Call(method="POST", path=f"/sequences/{sequence_id or '{' + sequence + '}'}/steps", body=step_body(content))


def create_sequence(title: str) -> Call:
    """The call that makes a sequence; without accounts the API attaches the caller's default one (D)."""
    return Call(method="POST", path="/sequences", body={"title": title})
