"""Step types as they are written in a file: a class for each set of fields, a table row for each type. Pure.

To add a type, add a row to `STEP_TYPES`, and a class if no class has its fields. The file reader, the JSON schema, the
planner, the importer and the provider read the row. Therefore the row also holds the type's number and API name: the
file reader needs them for "did you mean", and a provider may send them.

Sources: type codes and payload fields are from the vendor's pages on create step and variants (`D`), except the
fields of `custom` and `whatsapp_message`, which only the generated specification shows (`S`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from sequence_sync.model.fields import MOST_VARIANTS, Day, Frozen, Letter, Note, Priority, Text

Payload = dict[str, Any]


class EmailVariant(Frozen):
    """The content of one email. `source` checks that exactly one of `BODIES` is set, and converts it to HTML."""

    subject: Annotated[str, Field(description="Subject line; may contain merge tags")]
    content: Annotated[str | None, Field(description="Body as HTML")] = None
    markdown: Annotated[str | None, Field(description="Body as Markdown; converted to HTML")] = None
    content_file: Annotated[
        str | None, Field(description="Path of an .html or .md file with the body, relative to this file")
    ] = None
    preheader: Annotated[str, Field(description="Preview text, shown after the subject in the inbox")] = ""
    attachments: Annotated[
        tuple[str, ...], Field(description="Names from `attachments` in seqsync.yaml, or id:...")
    ] = ()

    BODIES: ClassVar[tuple[str, ...]] = ("content", "markdown", "content_file")
    PAYLOAD: ClassVar[tuple[str, ...]] = ("subject", "content", "preheader")


class Step(Frozen):
    """The fields of every step. `type` has already selected the model."""

    type: str
    day: Annotated[Day, Field(description="Day of the sequence, 1 to 999")]


class EmailStep(Step):
    """An automated email with 1 to 26 variants."""

    variants: Annotated[dict[Letter, EmailVariant], Field(min_length=1, max_length=MOST_VARIANTS)]


class TaskStep(Step):
    """A step that creates a task for a person."""

    task_note: Annotated[Note, Field(description="Note for the person who does the task")] = ""
    priority: Annotated[Priority | None, Field(description="Priority of the task (default: normal)")] = None
    assignee: Annotated[str | None, Field(description="Name from `assignees` in seqsync.yaml, or id:...")] = None

    @classmethod
    def payload_fields(cls) -> tuple[str, ...]:
        """Return the names of the fields that a prospect reads: those that the type itself declares."""
        return tuple(name for name in cls.model_fields if name not in TaskStep.model_fields)

    def payload(self) -> Payload:
        """Return the payload of the step's one variant: the fields that are set, under their names in a file."""
        data = self.model_dump(include=set(self.payload_fields()))
        return {name: data[name] for name in self.payload_fields() if data[name]}


class ConnectionRequestStep(TaskStep):
    """A LinkedIn connection request."""

    connection_note: Annotated[Text, Field(description="Text of the invitation")]


class MessageStep(TaskStep):
    """A LinkedIn message."""

    message: Annotated[Text, Field(description="Text of the message")]


class InMailStep(TaskStep):
    """A LinkedIn InMail."""

    subject: Annotated[Text, Field(description="Subject of the InMail")]
    message: Annotated[Text, Field(description="Text of the InMail")]


class OptionalMessageStep(TaskStep):
    """A WhatsApp message. Without a text, the person who sends it writes it."""

    message: Annotated[str, Field(description="Text of the message")] = ""


class TaskAction(Frozen):
    """A link in a custom task."""

    name: Text
    url: Text


class CustomStep(TaskStep):
    """A task of another kind."""

    title: Annotated[str, Field(description="Title of the task")] = ""
    action: Annotated[TaskAction | None, Field(description="Link shown with the task")] = None

    def payload(self) -> Payload:
        """`title` and `action`, where they are set."""
        payload: Payload = {"title": self.title} if self.title else {}
        if self.action:
            payload["action"] = self.action.model_dump()
        return payload


@dataclass(frozen=True, slots=True)
class StepType:
    """A row of `STEP_TYPES`: the name in a file, code and name in the API, the channel, and the model of its fields."""

    name: str
    code: int
    api_name: str
    channel: str
    model: type[EmailStep] | type[TaskStep]

    @property
    def fields(self) -> frozenset[str]:
        """The fields that a step of this type may have in a file, including the content of an email."""
        own = set(self.model.model_fields)
        return frozenset(own | set(EmailVariant.model_fields) if self.model is EmailStep else own)

    @property
    def payload_fields(self) -> tuple[str, ...]:
        """The fields of its payload, by their names in a file. What else a server adds to a payload is not ours."""
        return self.model.payload_fields() if issubclass(self.model, TaskStep) else EmailVariant.PAYLOAD


STEP_TYPES: Mapping[str, StepType] = {
    row.name: row
    for row in (
        StepType("email", 1, "Email", "email", EmailStep),
        StepType("linkedin_connection_request", 2, "LinkedInConnectionRequest", "linkedin", ConnectionRequestStep),
        StepType("linkedin_message", 3, "LinkedInMessage", "linkedin", MessageStep),
        StepType("linkedin_inmail", 4, "LinkedInInMail", "linkedin", InMailStep),
        StepType("linkedin_view_profile", 5, "LinkedInViewProfile", "linkedin", TaskStep),
        StepType("linkedin_post_interaction", 6, "LinkedInPostInteration", "linkedin", TaskStep),
        StepType("custom", 9, "Custom", "task", CustomStep),
        StepType("call_introduction", 11, "CallIntroduction", "call", TaskStep),
        StepType("call_demo", 12, "CallDemo", "call", TaskStep),
        StepType("call_follow_up", 13, "CallFollowUp", "call", TaskStep),
        StepType("call_reminder", 14, "CallReminder", "call", TaskStep),
        StepType("call_other", 15, "CallOther", "call", TaskStep),
        StepType("whatsapp_message", 16, "WhatsappMessage", "whatsapp", OptionalMessageStep),
        StepType("whatsapp_voice_message", 17, "WhatsappVoiceMessage", "whatsapp", TaskStep),
        StepType("whatsapp_voice_call", 18, "WhatsappVoiceCall", "whatsapp", TaskStep),
    )
}

EMAIL = "email"
PAYLOAD_FIELDS: Mapping[str, tuple[str, ...]] = {row.name: row.payload_fields for row in STEP_TYPES.values()}


# The names of payload fields in JSON (state, plan, journal), where they differ from those in a file: camelCase.
# Names that no type declares are kept as they are.
JSON_NAMES: Mapping[str, str] = {
    name: re.sub("_([a-z])", lambda found: found[1].upper(), name)
    for fields in PAYLOAD_FIELDS.values()
    for name in fields
    if "_" in name
}
_FROM_JSON: Mapping[str, str] = {name: field for field, name in JSON_NAMES.items()}


def payload_name(name: str) -> str:
    """Return the name in a file of a payload field that JSON calls `name`."""
    return _FROM_JSON.get(name, name)


def payload_to_json(payload: Payload) -> Payload:
    """Return `payload` with the field names of JSON."""
    if JSON_NAMES.keys().isdisjoint(payload):
        return payload
    return {JSON_NAMES.get(name, name): value for name, value in payload.items()}


def payload_from_json(payload: Any) -> Any:
    """Return `payload` with the field names of a file. Accepts both kinds of names, and leaves anything but a mapping
    to the validation that follows."""
    if not isinstance(payload, dict) or _FROM_JSON.keys().isdisjoint(payload):
        return payload
    return {_FROM_JSON.get(name, name): value for name, value in payload.items()}


def type_meant(text: str) -> str | None:
    """The type whose API name or code is `text`, for "did you mean"; None if there is none."""
    for row in STEP_TYPES.values():
        if text.lower() in (row.api_name.lower(), str(row.code), row.api_name.lower().replace("teration", "teraction")):
            return row.name
    return None
