"""What Saleshandy's API can do and which fields a read returns, each with the source of the claim. Pure data.

Confidence marks: D vendor page, S generated from the vendor's specification, L seen live by others, T said by others,
I inferred, U unknown (docs/api.md 2, 7, 8). The settings can switch off a claim that has a name. The planner then
blocks its changes, and says what to click.
"""

from __future__ import annotations

from sequence_sync.model.settings import Claim
from sequence_sync.model.steps import EMAIL, STEP_TYPES
from sequence_sync.provider.base import WHOLE, Capability, ReturnedField

ALL = frozenset(STEP_TYPES)
EMAILS = frozenset({EMAIL})
TASKS = ALL - EMAILS

CAPABILITIES: tuple[Capability, ...] = (
    Capability("create-sequence", WHOLE, ALL, "D page create sequence, L"),
    Capability("create-step", WHOLE, ALL, "D page create step, L"),
    Capability("create-variant", WHOLE, EMAILS, "D page create variant, S", Claim.ADD_VARIANT),
    Capability("update-variant", "payload", ALL, "D page update variant, L", Claim.UPDATE_COPY),
    Capability("update-variant", "task_note", TASKS, "D page update variant, S", Claim.UPDATE_NOTE),
    Capability("update-variant", "attachments", EMAILS, "D page update variant, S", Claim.UPDATE_ATTACHMENTS),
    Capability("update-variant", "status", ALL, "D page update variant, S", Claim.REACTIVATE),
    Capability("update-step", "day", ALL, "D page update variant; whether the step moves: U", Claim.UPDATE_DAY),
    Capability("update-step", "priority", TASKS, "D page update variant, S", Claim.UPDATE_PRIORITY),
    Capability("update-step", "assignee", TASKS, "D page update variant, S", Claim.UPDATE_ASSIGNEE),
    Capability("deactivate-variant", WHOLE, ALL, "D page update variant, S", Claim.DEACTIVATE),
)

RETURNED: tuple[ReturnedField, ...] = (
    ReturnedField("payload", "L list of steps"),
    ReturnedField("status", "S a step's variants, T"),
    ReturnedField("task_note", "S a step's variants; in the list of steps: U"),
    ReturnedField("day", "U: clients look for absoluteDays and relativeDays", Claim.READ_DAY),
)
