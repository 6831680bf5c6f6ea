"""From a step as the app tells it to the fields of a file: names for ids, long bodies into files of their own.

Makes texts in memory; writes nothing. What no file can hold is `Unwritable`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.planning.canonical import canonical_html
from sequence_sync.planning.merging import Field
from sequence_sync.planning.told import ToldStep, ToldVariant
from sequence_sync.source.scope import LITERAL_ID
from sequence_sync.source.writing import Value, plain, tidy_html, wants_file, writable

MOST_FILES = 100  # names that are tried for one content file
EMPTY_BODY = "<p></p>"  # a file may not hold an email without any text
EMPTY_TEXT = " "  # nor a message without one; a blank says as little


class Unwritable(Exception):
    """Something that a file cannot say; why."""


@dataclass
class Bodies:
    """Content files that are to be written, by their path in the project. `free` tells whether a path may be taken
    for such bytes: nothing stands there, or just these."""

    sequence: str
    yaml_path: str
    free: Callable[[str, bytes], bool]
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, step: str, letter: str, html: str) -> str:
        """Keep `html`; what the YAML file calls it."""
        data = (plain(html) + "\n").encode()
        stem = f"emails/{self.sequence}/{step}{f'-{letter}' if letter else ''}"
        for number in range(1, MOST_FILES):
            name = f"{stem}.html" if number == 1 else f"{stem}-{number}.html"
            path = self.path(name)
            if self.files.get(path, data) == data and self.free(path, data):
                self.files[path] = data
                return name
        raise Unwritable(f"there is no room for {self.path(stem)}.html: something else stands there")

    def path(self, name: str) -> str:
        """The path in the project of what the YAML file calls `name`."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.yaml_path), name))


def stem(kind: str) -> str:
    """A short word for a type of step, for the keys of steps: `email`, `call`, `linkedin-message`."""
    row = STEP_TYPES[kind]
    words = kind.split("_")
    return f"{row.channel}-{words[1]}" if row.channel == "linkedin" else row.channel


def file_field(name: str) -> str:
    """What a file calls a field of the API's payload."""
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def name_of(remote_id: str, names: Mapping[str, str]) -> str:
    """What the settings call an id, or the id itself."""
    return next((name for name, known in names.items() if known == remote_id), LITERAL_ID + remote_id)


def text_of(value: Any) -> str:
    """A text of the app as it stands in a file. Raises Unwritable."""
    text = writable(str(value))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unwritable("it holds half of a character (a lone surrogate), which no file can hold") from None
    return plain(text)


def html_of(value: Any) -> str:
    """An email's HTML as it stands in a file, before `${` is guarded."""
    text = writable(str(value))
    text_of(text)
    if not text.strip():
        return EMPTY_BODY
    tidy = tidy_html(text)
    return tidy if canonical_html(tidy) == canonical_html(text) else text


def payload_fields(kind: str, payload: Mapping[str, Any]) -> dict[str, Value]:
    """The fields of a payload, without an email's body."""
    fields: dict[str, Value] = {}
    model = STEP_TYPES[kind].model
    for name, known in (model.model_fields if kind != "email" else {}).items():
        wire = next((each for each in payload if file_field(each) == name), None)
        if wire is not None and isinstance(payload[wire], Mapping):
            inner = payload[wire]
            fields[name] = {each: text_of(inner.get(each, "")) or EMPTY_TEXT for each in ("name", "url")}
        elif wire is not None and text_of(payload[wire]):
            fields[name] = text_of(payload[wire])
        elif known.is_required() and name not in ("type", "day", "variants"):
            fields[name] = EMPTY_TEXT
    if kind == "email":
        fields["subject"] = text_of(payload.get("subject", ""))
        if payload.get("preheader") and text_of(payload["preheader"]):
            fields["preheader"] = text_of(payload["preheader"])
    return fields


def email_fields(
    row: ToldVariant, environment: Environment, bodies: Bodies, step: str, letter: str
) -> dict[str, Value]:
    """The fields of an email's variant; `letter` is empty where it is the only one."""
    fields = payload_fields("email", row.payload)
    html = html_of(row.payload.get("content", ""))
    if wants_file(html):
        fields["content_file"] = bodies.put(step, letter, html)
    else:
        fields["content"] = plain(html)
    if row.attachments:
        fields["attachments"] = [name_of(each, environment.attachments) for each in row.attachments]
    return fields


def step_fields(
    step: ToldStep, key: str, letters: Mapping[str, ToldVariant], environment: Environment, bodies: Bodies
) -> dict[str, Value]:
    """The fields of a step that is new in a file: of its variants those that are on. Raises Unwritable."""
    on = {letter: row for letter, row in letters.items() if row.on}
    fields: dict[str, Value] = {"day": step.day, "type": step.type}
    if step.is_email:
        if list(on) == ["a"]:
            return fields | email_fields(on["a"], environment, bodies, key, "")
        fields["variants"] = {letter: email_fields(row, environment, bodies, key, letter) for letter, row in on.items()}
        return fields
    if len(on) > 1:
        raise Unwritable("it has several variants, which only an email may have in a file")
    row = next(iter(on.values()))
    fields |= payload_fields(step.type, row.payload)
    if step.priority not in (None, Priority.NORMAL):
        fields["priority"] = str(step.priority)
    if step.assignee:
        fields["assignee"] = name_of(step.assignee, environment.assignees)
    if row.note and text_of(row.note):
        fields["task_note"] = text_of(row.note)
    return fields


def said(place: Field) -> str:
    """A field as people call it: `subject`, `day`, `variant b`."""
    if len(place) == 1:
        return place[0]
    return file_field(place[-1]) if place[1] != "status" else "on or off"
