"""Desired sequences: names are resolved and texts complete. The planner reads these and no files. Pure.

`Content` is the same type everywhere: desired in a file, last applied in the state, read from Saleshandy, in a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from sequence_sync.model.fields import Frozen, Priority
from sequence_sync.model.steps import EMAIL, payload_from_json, payload_to_json


class Variant(Frozen):
    """The content of one variant. `payload` has the field names of a file, camelCase in JSON, and only what is set.
    `attachments` are ids of the provider."""

    payload: Annotated[
        dict[str, Any], BeforeValidator(payload_from_json), PlainSerializer(payload_to_json, return_type=dict[str, Any])
    ] = Field(default_factory=dict)
    task_note: str = ""
    attachments: tuple[str, ...] = ()


class Content(Frozen):
    """Content of one step. `assignee` is a Saleshandy ID; None means not managed.

    `variants` are by letter, ascending; a step that is not an email has only `a`.
    """

    type: str
    day: int
    priority: Priority | None = None
    assignee: str | None = None
    variants: dict[str, Variant]

    @property
    def is_email(self) -> bool:
        """Whether this is an email, so that the limit of one email a day applies."""
        return self.type == EMAIL


class DesiredSequence(Frozen):
    """One sequence file, read and resolved.

    `files` are its paths, relative to the project and with `/`: the YAML file, then its content files, ascending.
    `source_digest` covers their text and everything else it depends on (settings, schema version).
    `remote_id` comes from `id:` or `ids:`, `step_ids` from `ids:`. `moved` maps the old key of a step to its new key.
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


def normalized_title(title: str) -> str:
    """Return `title` as titles are compared: trimmed and case-folded (docs/exactly-once.md)."""
    return title.strip().casefold()
