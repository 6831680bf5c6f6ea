"""What differs between two contents of one step, field by field. Pure; the only user of deepdiff.

deepdiff is imported only when two contents are not equal: it is the slowest import of the house.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.planning.plan import FieldChange

STEP_FIELDS = ("day", "priority", "assignee")


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {path: leaf for key, row in value.items() for path, leaf in _flat(f"{prefix}.{key}", row).items()}
    return {prefix: value}


def flat_variant(letter: str, variant: Variant) -> dict[str, Any]:
    """`variants.a.payload.subject` and the like; what is empty is left out, as it is on the wire."""
    prefix = f"variants.{letter}"
    flat = _flat(f"{prefix}.payload", variant.payload)
    flat |= {f"{prefix}.task_note": variant.task_note, f"{prefix}.attachments": ", ".join(variant.attachments)}
    return {path: value for path, value in flat.items() if value not in ("", None)}


def step_fields(content: Content, managed_assignee: bool) -> dict[str, Any]:
    """Day, priority and assignee; an absent priority is normal, an absent assignee is not managed."""
    fields: dict[str, Any] = {"day": content.day, "priority": str(content.priority or Priority.NORMAL)}
    if managed_assignee:
        fields["assignee"] = content.assignee
    if content.is_email:
        del fields["priority"]
    return fields


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields in which two flat mappings differ, in the order of `after`, then what is gone."""
    if before == after:
        return ()
    from deepdiff import DeepDiff  # late: 0.15 s

    changed = set(DeepDiff(dict(before), dict(after)).affected_root_keys)
    order = dict.fromkeys([*after, *before])
    return tuple(
        FieldChange(field=path, before=before.get(path), after=after.get(path)) for path in order if path in changed
    )
