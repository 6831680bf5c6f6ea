"""A step as the app tells it, freed of the ways of its answer: for taking it into files. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.api.types import RemoteStep, RemoteVariant
from sequence_sync.model.fields import Priority
from sequence_sync.model.steps import EMAIL, TYPE_OF_CODE
from sequence_sync.planning.canonical import FIELDS
from sequence_sync.planning.drift import payload_digest


@dataclass(frozen=True, slots=True)
class ToldVariant:
    """A variant. `payload` holds the fields of its type that say anything; None: not told. `returned` names the
    payload as the server gave it."""

    id: str
    payload: Mapping[str, Any]
    note: str | None
    attachments: tuple[str, ...] | None
    on: bool
    returned: str


@dataclass(frozen=True, slots=True)
class ToldStep:
    """A step. None: not told."""

    id: str
    type: str
    day: int | None
    priority: Priority | None
    assignee: str | None
    variants: tuple[ToldVariant, ...]

    @property
    def is_email(self) -> bool:
        """Whether the one-email-a-day rule counts it."""
        return self.type == EMAIL

    @property
    def is_on(self) -> bool:
        """Whether any variant is switched on."""
        return any(row.on for row in self.variants)

    def untold(self) -> tuple[str, ...]:
        """The fields that the answer leaves out."""
        is_told = {
            "day": self.day is not None,
            "priority": self.is_email or self.priority is not None,
            "assignee": self.is_email or self.assignee is not None,
            "attachments": not self.is_email or all(row.attachments is not None for row in self.variants),
            "task_note": self.is_email or all(row.note is not None for row in self.variants),
        }
        return tuple(name for name, told in is_told.items() if not told)


def told_step(step: RemoteStep, reads_days: bool = True) -> ToldStep | None:
    """`step` in our words; None where its type is none that we know. Variants that are on come first."""
    kind = TYPE_OF_CODE.get(step.type)
    if kind is None:
        return None
    variants = tuple(_variant(kind, row) for row in step.variants)
    known = step.priority is not None and 1 <= step.priority <= len(Priority)
    return ToldStep(
        id=step.id, type=kind, day=step.day if reads_days else None,
        priority=list(Priority)[step.priority - 1] if known and step.priority else None, assignee=step.assignee,
        variants=tuple(sorted(variants, key=lambda row: not row.on)),
    )  # fmt: skip


def _variant(kind: str, row: RemoteVariant) -> ToldVariant:
    payload = {name: said for name in FIELDS.get(kind, ()) if (said := _said(row.payload.get(name)))}
    return ToldVariant(
        id=row.id, payload=payload, note=None if kind == EMAIL else row.task_note,
        attachments=row.attachments if kind == EMAIL else None, on=row.status != 0,
        returned=payload_digest(row.payload),
    )  # fmt: skip


def _said(value: Any) -> Any:
    """A text, or a mapping of texts; empty where it says nothing."""
    if isinstance(value, Mapping):
        inner = {name: said for name, below in value.items() if (said := _said(below))}
        return inner or ""
    return "" if value is None else value if isinstance(value, str) else str(value)
