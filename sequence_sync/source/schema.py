"""JSON Schemas (draft 2020-12) of a sequence file and of `seqsync.yaml`, for editors. Pure.

Generated from the same models and tables as the loader. An editor reads `2024` and `true` as a number and a boolean,
but the loader reads them as text, so a text may be any scalar here. Only the loader checks rules that need another
file or the settings.
"""

from __future__ import annotations

from typing import Any

from sequence_sync.model.address import KEY
from sequence_sync.model.fields import LAST_DAY, LONGEST_NOTE, LONGEST_TITLE, Priority
from sequence_sync.model.settings import Claim, Environment, LintSettings, Policy, RemovedSteps, Settings
from sequence_sync.model.steps import STEP_TYPES, EmailStep, EmailVariant, StepType
from sequence_sync.source.sequence import DEFAULTABLE
from sequence_sync.source.settings import VERSION

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SEQUENCE_ID = "urn:seqsync:schema:sequence:1"
SETTINGS_ID = "urn:seqsync:schema:settings:1"

Schema = dict[str, Any]

_NOTES: Schema = {"^x-": {}}
_SCALARS = ["string", "number", "boolean"]
_TEXT: Schema = {"type": _SCALARS}
_FILLED: Schema = {"type": _SCALARS, "minLength": 1}
_KEY: Schema = {"type": "string", "pattern": f"^{KEY.pattern}$"}
_ID: Schema = {"type": ["string", "integer"], "pattern": r"^[A-Za-z0-9_-]+$|\$\{"}
_NAMES: Schema = {"type": "array", "items": _FILLED}
# A variable is allowed in place of a number or a word from a list.
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{"}
_DAY: Schema = {
    "description": f"Day of the sequence, 1 to {LAST_DAY}",
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": LAST_DAY},
        {"type": "string", "pattern": "^[1-9][0-9]{0,2}$"},
        _VARIABLE,
    ],
}
_PRIORITY: Schema = {
    "description": "Priority of the task (default: normal)",
    "anyOf": [{"enum": [str(priority) for priority in Priority]}, _VARIABLE],
}
_FIELDS: dict[str, Schema] = {
    "day": _DAY,
    "priority": _PRIORITY,
    "attachments": _NAMES,
    "subject": _TEXT,
    "content": _FILLED,
    "markdown": _FILLED,
    "content_file": {"type": "string", "pattern": r"\.([hH][tT][mM][lL]|[mM][dD])$"},
    "task_note": {"type": _SCALARS, "maxLength": LONGEST_NOTE},
    "action": {
        "type": "object",
        "properties": {"name": _FILLED, "url": _FILLED},
        "required": ["name", "url"],
        "additionalProperties": False,
    },
    "connection_note": _FILLED,
}


def sequence_schema() -> Schema:
    """Build the schema of a sequence file."""
    return {
        "$schema": DRAFT,
        "$id": SEQUENCE_ID,
        "title": "seqsync sequence",
        **_closed(_sequence_properties(), ["sequence", "steps"]),
        "$defs": {"step": {"oneOf": [branch for row in STEP_TYPES.values() for branch in _branches(row)]}},
    }


def _sequence_properties() -> Schema:
    return {
        "sequence": {**_KEY, "description": "Key that identifies the sequence; the file name does not matter"},
        "title": {
            "type": _SCALARS,
            "minLength": 1,
            "maxLength": LONGEST_TITLE,
            "description": "Title in Saleshandy (default: the key)",
        },
        "id": {
            **_ID,
            "description": "ID of an existing sequence in Saleshandy; only in a project with one environment",
        },
        "defaults": {
            **_closed({name: _field(name) for name in DEFAULTABLE}),
            "description": "Default values for the task steps of this file",
        },
        "steps": {
            "type": "object",
            "propertyNames": _KEY,
            "additionalProperties": {"$ref": "#/$defs/step"},
            "description": "Steps by key",
        },
        "formerly": {**_KEY, "description": "Old key of the sequence, after a rename"},
        "moved": {
            "type": "array",
            "items": _closed({"from": _KEY, "to": _KEY}, ["from", "to"]),
            "description": "Renamed steps",
        },
        "removed": {"type": "array", "items": _KEY, "description": "Steps to stop managing; they stay in Saleshandy"},
    }


def _closed(properties: Schema, required: list[str] | None = None) -> Schema:
    """A mapping that allows these keys, and keys that begin with `x-`."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {**schema, "patternProperties": _NOTES, "additionalProperties": False}


def _field(name: str, description: str | None = None, required: bool = False) -> Schema:
    schema = _FIELDS.get(name, _FILLED if required else _TEXT)
    return {**schema, "description": description} if description else schema


def _branches(row: StepType) -> list[Schema]:
    """The schemas of a step type: one, or two for emails, whose content has two forms."""
    head: Schema = {"type": {"const": row.name, "description": f"{row.channel}: {row.api_name}"}, "day": _DAY}
    if row.model is EmailStep:
        return _email_branches(head)
    fields = row.model.model_fields
    inner = {
        name: _field(name, field.description, field.is_required()) for name, field in fields.items() if name not in head
    }
    needed = [name for name, field in fields.items() if field.is_required()]
    return [{"title": row.name, **_closed({**head, **inner}, needed)}]


def _email_branches(head: Schema) -> list[Schema]:
    content = {name: _field(name, field.description) for name, field in EmailVariant.model_fields.items()}
    one_body = {"oneOf": [{"required": [body]} for body in EmailVariant.BODIES]}
    variant = {**_closed(content, ["subject"]), **one_body}
    variants = {
        "type": "object",
        "patternProperties": {"^[a-z]$": variant},
        "additionalProperties": False,
        "minProperties": 1,
        "description": "A/B variants by letter, a to z",
    }
    return [
        {"title": "email", **_closed({**head, **content}, ["type", "day", "subject"]), **one_body},
        {"title": "email with variants", **_closed({**head, "variants": variants}, ["type", "day", "variants"])},
    ]


def settings_schema() -> Schema:
    """Build the schema of `seqsync.yaml`."""
    texts: Schema = {"type": "object", "additionalProperties": _TEXT}
    booleans = _strict({str(claim): {"type": "boolean"} for claim in Claim})
    properties: Schema = {
        **_of_model(Settings),
        "version": {"const": VERSION},
        "include": {"type": "array", "items": _FILLED, "minItems": 1},
        "default_environment": _FILLED,
        "environments": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _environment_schema(texts, booleans),
        },
        "fields": {"type": "array", "items": _TEXT},
        "variables": texts,
        "capabilities": booleans,
        "removed": {"type": "array", "items": _KEY},
        "policy": _strict({**_of_model(Policy), "removed_steps": {"enum": [str(choice) for choice in RemovedSteps]}}),
        "lint": _strict(
            {
                **_of_model(LintSettings),
                "rules": {
                    "type": "object",
                    "additionalProperties": {"anyOf": [{"enum": ["off", "warning", "error"]}, {"type": "object"}]},
                },
            }
        ),
    }
    return {"$schema": DRAFT, "$id": SETTINGS_ID, "title": "seqsync settings", **_closed(properties)}


def _environment_schema(texts: Schema, booleans: Schema) -> Schema:
    fields = {
        **_of_model(Environment),
        "capabilities": booleans,
        "api_url": {"type": "string", "pattern": "^https?://"},
        "api_key_env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "api_key_command": _FILLED,
        "state": _FILLED,
        "ids": {"type": "object", "additionalProperties": _ID},
        "headers": texts,
        "variables": texts,
        "assignees": {"type": "object", "additionalProperties": _ID},
        "attachments": {"type": "object", "additionalProperties": _ID},
    }
    return _closed(fields)


def _strict(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _of_model(model: type[Settings | Environment | Policy | LintSettings]) -> Schema:
    """The schemas of the fields of a model. Only those of numbers are used; the caller overrides the others."""
    properties: Schema = model.model_json_schema()["properties"]
    return properties
