"""A sequence as it is wanted: every name resolved, every text made. The planner reads this and nothing of files.

Pure. `Content` is the one shape of "what a step says" in all rooms: wanted by a file, remembered by a state, read
from the app, carried by a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from sequence_sync.model.fields import Frozen, Priority
from sequence_sync.model.steps import EMAIL


class Variant(Frozen):
    """What one variant says. `payload` has the API's own field names and holds only what is set;
    `attachments` are the API's ids."""

    payload: dict[str, Any] = Field(default_factory=dict)
    task_note: str = ""
    attachments: tuple[str, ...] = ()


class Content(Frozen):
    """What a step says, when, and to whom its task goes. `assignee` is the API's id; None: not managed.

    `variants` goes by letter, in ascending order; a step that is no email has just `a`.
    """

    type: str
    day: int
    priority: Priority | None = None
    assignee: str | None = None
    variants: dict[str, Variant]

    @property
    def is_email(self) -> bool:
        """Whether the one-email-a-day rule counts it."""
        return self.type == EMAIL


class DesiredSequence(Frozen):
    """One sequence file, read and resolved.

    `files` are the paths it was made from, relative to the project and with `/`: the YAML file, then its content
    files in ascending order. `source_digest` is over their text and everything else that went in (settings,
    schema version). `remote_id` is what `id:` or `ids:` say, `step_ids` the same for steps.
    `moved` maps a step's old key to its new one.
    """

    key: str
    title: str
    remote_id: str | None = None
    step_ids: Mapping[str, str] = Field(default_factory=dict)
    steps: dict[str, Content]
    formerly: str | None = None
    moved: Mapping[str, str] = Field(default_factory=dict)
    removed: tuple[str, ...] = ()
    files: tuple[str, ...]
    source_digest: str
