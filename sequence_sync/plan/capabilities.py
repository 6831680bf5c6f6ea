"""What the API can do and what it gives back, as one declared table with the source of each claim. Pure.

The planner reads only this. Confidence marks: D vendor page, S generated from the vendor's specification, L seen
live by others, T said by others, I inferred, U unknown (docs/api.md 2, 7, 8). A claim that has a name can be
switched off in the settings; its changes are blocked then, and say what to click.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sequence_sync.model.settings import Claim
from sequence_sync.model.steps import EMAIL, STEP_TYPES
from sequence_sync.plan.model import Action, Change, FieldChange

ALL = frozenset(STEP_TYPES)
EMAILS = frozenset({EMAIL})
TASKS = ALL - EMAILS
WHOLE = ""  # the field of a change that is about the thing as a whole


@dataclass(frozen=True, slots=True)
class Capability:
    """One field of one action on some types of step. `claim` is the name that switches it off; None: it is certain."""

    action: Action
    field: str
    types: frozenset[str]
    source: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A field of a step, and whether a read tells it."""

    field: str
    source: str
    claim: Claim | None = None


CAPABILITIES: tuple[Capability, ...] = (
    Capability(Action.CREATE_SEQUENCE, WHOLE, ALL, "D page create sequence, L"),
    Capability(Action.CREATE_STEP, WHOLE, ALL, "D page create step, L"),
    Capability(Action.CREATE_VARIANT, WHOLE, EMAILS, "D page create variant, S", Claim.ADD_VARIANT),
    Capability(Action.UPDATE_VARIANT, "payload", ALL, "D page update variant, L", Claim.UPDATE_COPY),
    Capability(Action.UPDATE_VARIANT, "task_note", TASKS, "D page update variant, S", Claim.UPDATE_NOTE),
    Capability(Action.UPDATE_VARIANT, "attachments", EMAILS, "D page update variant, S", Claim.UPDATE_ATTACHMENTS),
    Capability(Action.UPDATE_VARIANT, "status", ALL, "D page update variant, S", Claim.REACTIVATE),
    Capability(Action.UPDATE_STEP, "day", ALL, "D page update variant; whether the step moves: U", Claim.UPDATE_DAY),
    Capability(Action.UPDATE_STEP, "priority", TASKS, "D page update variant, S", Claim.UPDATE_PRIORITY),
    Capability(Action.UPDATE_STEP, "assignee", TASKS, "D page update variant, S", Claim.UPDATE_ASSIGNEE),
    Capability(Action.DEACTIVATE_VARIANT, WHOLE, ALL, "D page update variant, S", Claim.DEACTIVATE),
)

GIVEN_BACK: tuple[GivenBack, ...] = (
    GivenBack("payload", "L list of steps"),
    GivenBack("status", "S a step's variants, T"),
    GivenBack("task_note", "S a step's variants; in the list of steps: U"),
    GivenBack("day", "U: clients look for absoluteDays and relativeDays", Claim.READ_DAY),
)


def reads_days(off: Collection[Claim]) -> bool:
    """Whether a read tells on which day a step is."""
    return any(row.field == "day" and row.claim not in off for row in GIVEN_BACK)


def split(change: Change, off: Collection[Claim]) -> tuple[Change | None, Change | None]:
    """What of `change` a call can do, and what none can; its fields are judged one by one."""
    if not any(row.action is change.action for row in CAPABILITIES):
        return change, None
    if not change.fields:
        field = "status" if change.action is Action.UPDATE_VARIANT else WHOLE
        return (change, None) if _able(change, field, off) else (None, change)
    able = tuple(field for field in change.fields if _able(change, _name(field), off))
    unable = tuple(field for field in change.fields if field not in able)
    return _with(change, able), _with(change, unable)


def _with(change: Change, fields: tuple[FieldChange, ...]) -> Change | None:
    return change.model_copy(update={"fields": fields}) if fields else None


def _name(field: FieldChange) -> str:
    """`variants.a.payload.subject` is about the payload."""
    return field.field.of_variant or field.field


def _able(change: Change, field: str, off: Collection[Claim]) -> bool:
    kind = change.after.type if change.after else None
    return any(
        row.action is change.action and row.field == field and (kind is None or kind in row.types)
        for row in CAPABILITIES
        if row.claim is None or row.claim not in off
    )
