"""What the API can do and what it gives back, as one declared table with the source of each claim. Pure.

The planner reads only this. Confidence marks: D vendor page, S generated from the vendor's specification, L seen
live by others, I inferred. A row that is not `enabled` turns its changes into blocked ones that say what to click.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequence_sync.planning.plan import Action


@dataclass(frozen=True, slots=True)
class Capability:
    """One action: the call that does it, whether it is switched on, and where we know it from."""

    action: Action
    method: str
    path: str
    enabled: bool
    source: str


CAPABILITIES: Mapping[Action, Capability] = {
    row.action: row
    for row in (
        Capability(Action.CREATE_SEQUENCE, "POST", "/sequences", True, "D create-sequence page, L"),
        Capability(Action.CREATE_STEP, "POST", "/sequences/{sequence}/steps", True, "D create-step page, L"),
        Capability(Action.CREATE_VARIANT, "POST", "/sequences/{sequence}/steps/{step}/variants", False, "D, S"),
        Capability(
            Action.UPDATE_VARIANT, "PATCH", "/sequences/{sequence}/steps/{step}/variants/{variant}", False, "D, L"
        ),
        Capability(
            Action.UPDATE_STEP,
            "PATCH",
            "/sequences/{sequence}/steps/{step}/variants/{variant}",
            False,
            "D; effect unknown",
        ),
        Capability(
            Action.DEACTIVATE_VARIANT, "PATCH", "/sequences/{sequence}/steps/{step}/variants/{variant}", False, "D, S"
        ),
    )
}
