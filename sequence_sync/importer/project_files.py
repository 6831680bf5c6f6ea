"""The project's files as an import sees them: free names, field values as a file has them, and how a file is written.

Every text is read back in memory before it is written, so that no file is written which does not say what Saleshandy
says. Must not decide what goes into a file.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sequence_sync.errors import SeqsyncError, UsageError
from sequence_sync.files import write_atomically
from sequence_sync.importer.three_way import importable, own_payload, priority_of
from sequence_sync.model.address import FieldPath
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import DesiredSequence, normalized_title
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.capabilities import Abilities
from sequence_sync.plan.compare import canonical_html
from sequence_sync.provider.base import Provider, RemoteStep, RemoteVariant
from sequence_sync.source.files import UnreadableFileError, covers, folder_of, is_inside, read_bytes
from sequence_sync.source.project import LoadedFile, read_files, read_text
from sequence_sync.source.sequence import LITERAL_ID
from sequence_sync.source.writer import Value, plain, tidy_html, wants_file, writable
from sequence_sync.state.manager import StateManager

MOST_FILES = 100  # names that are tried for one content file
EMPTY_BODY = "<p></p>"  # a file may not have an email without a body
EMPTY_TEXT = " "  # nor a message without text; a space stands for it


class NotRepresentableError(Exception):
    """A sequence that cannot be written as a file; the message says why."""


@dataclass
class NewContentFiles:
    """The content files to write, by their path in the project.

    `is_free` says whether a path may be used for these bytes: it has no file, or exactly this one.
    """

    sequence: str
    yaml_path: str
    is_free: Callable[[str, bytes], bool]
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, step: str, letter: str, html: str) -> str:
        """Add a file with `html`; return its name as the YAML file writes it."""
        data = (plain(html) + "\n").encode()
        stem = f"emails/{self.sequence}/{step}{f'-{letter}' if letter else ''}"
        for number in range(1, MOST_FILES):
            name = f"{stem}.html" if number == 1 else f"{stem}-{number}.html"
            path = self.path(name)
            if self.files.get(path, data) == data and self.is_free(path, data):
                self.files[path] = data
                return name
        raise NotRepresentableError(f"{self.path(stem)}.html and all similar names are taken by other files")

    def path(self, name: str) -> str:
        """Return the path in the project of the file that the YAML file calls `name`."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.yaml_path), name))


def type_stem(kind: str) -> str:
    """Return a short name of a step type for the keys of steps: `email`, `call`, `linkedin-message`."""
    row = STEP_TYPES[kind]
    words = kind.split("_")
    return f"{row.channel}-{words[1]}" if row.channel == "linkedin" else row.channel


def name_for_id(remote_id: str, names: Mapping[str, str]) -> str:
    """Return the name that the settings give an id, or the id itself."""
    return next((name for name, known in names.items() if known == remote_id), LITERAL_ID + remote_id)


def as_file_text(value: Any) -> str:
    """Return a text from Saleshandy as a file has it. Raises NotRepresentableError."""
    text = writable(str(value))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotRepresentableError(
            "a text contains half of a character (a lone surrogate), which no file can contain"
        ) from None
    return plain(text)


def as_file_html(value: Any) -> str:
    """Return an email's HTML as a file has it, before `${` is escaped."""
    text = writable(str(value))
    as_file_text(text)
    if not text.strip():
        return EMPTY_BODY
    tidy = tidy_html(text)
    return tidy if canonical_html(tidy) == canonical_html(text) else text


def new_payload_fields(kind: str, payload: Mapping[str, Any]) -> dict[str, Value]:
    """Return the fields of a payload, without an email's body."""
    fields: dict[str, Value] = {}
    model = STEP_TYPES[kind].model
    for name, known in (model.model_fields if kind != "email" else {}).items():
        value = payload.get(name)
        if isinstance(value, Mapping):
            fields[name] = {each: as_file_text(value.get(each, "")) or EMPTY_TEXT for each in ("name", "url")}
        elif value is not None and as_file_text(value):
            fields[name] = as_file_text(value)
        elif known.is_required() and name not in ("type", "day", "variants"):
            fields[name] = EMPTY_TEXT
    if kind == "email":
        fields["subject"] = as_file_text(payload.get("subject", ""))
        if payload.get("preheader") and as_file_text(payload["preheader"]):
            fields["preheader"] = as_file_text(payload["preheader"])
    return fields


def new_email_fields(
    row: RemoteVariant, environment: Environment, content_files: NewContentFiles, step: str, letter: str
) -> dict[str, Value]:
    """Return the fields of an email's variant. `letter` is empty if it is the only one."""
    payload = own_payload("email", row)
    fields = new_payload_fields("email", payload)
    html = as_file_html(payload.get("content", ""))
    if wants_file(html):
        fields["content_file"] = content_files.put(step, letter, html)
    else:
        fields["content"] = plain(html)
    if row.attachments:
        fields["attachments"] = [name_for_id(each, environment.attachments) for each in row.attachments]
    return fields


def new_step_fields(
    step: RemoteStep,
    key: str,
    letters: Mapping[str, RemoteVariant],
    environment: Environment,
    content_files: NewContentFiles,
) -> dict[str, Value]:
    """Return the fields of a step that is new in a file, with the variants that are on.

    Raises NotRepresentableError.
    """
    on = {letter: row for letter, row in letters.items() if row.is_on}
    fields: dict[str, Value] = {"day": step.day, "type": step.type}
    if step.is_email:
        if list(on) == ["a"]:
            return fields | new_email_fields(on["a"], environment, content_files, key, "")
        fields["variants"] = {
            letter: new_email_fields(row, environment, content_files, key, letter) for letter, row in on.items()
        }
        return fields
    if len(on) > 1:
        raise NotRepresentableError("the step has several variants; in a file, only an email can have several")
    row = next(iter(on.values()))
    fields |= new_payload_fields(step.type, own_payload(step.type, row))
    if priority_of(step) not in (None, Priority.NORMAL):
        fields["priority"] = str(step.priority)
    if step.assignee:
        fields["assignee"] = name_for_id(step.assignee, environment.assignees)
    if row.task_note and as_file_text(row.task_note):
        fields["task_note"] = as_file_text(row.task_note)
    return fields


def field_label(key: FieldPath) -> str:
    """Return the name of a field for people: `subject`, `day`, `on or off`."""
    return "on or off" if key.is_status else key.name


LONGEST_KEY = 63
SCHEMA = ".schema/sequence.schema.json"
_BOM = b"\xef\xbb\xbf"


class ProjectFileError(SeqsyncError):
    """A file could not be written."""


@dataclass(slots=True)
class ReadSteps:
    """A sequence's steps as read, in order of day and number. `unknown` are of types that seqsync does not know."""

    steps: list[RemoteStep] = field(default_factory=list)
    unknown: list[RemoteStep] = field(default_factory=list)


class ProjectFiles:
    """The project during one import. `into` is the folder for new files, relative to the project.

    If `into` is empty, new files go where the settings look first.
    """

    def __init__(self, workspace: Workspace, api: Provider, manager: StateManager, into: str) -> None:
        self.workspace, self.api, self.manager = workspace, api, manager
        self.settings = workspace.loaded.settings
        self._into = into
        self.rows = {row.path: row for row in read_files(workspace.root, workspace.loaded, workspace.name)}
        self._reads_days = Abilities(api.dialect, self.settings.switched_off(workspace.name)).reads_days

    @property
    def environment(self) -> Environment:
        """The settings of the account: its names for ids."""
        return self.workspace.environment

    # -- Saleshandy ---------------------------------------------------------------------------------------------------

    def read_steps(self, sequence_id: str, leave_out: Collection[str]) -> ReadSteps | None:
        """Return the steps without those whose ids are in `leave_out`; None if the sequence does not exist.

        If the list of steps does not include the task notes, they are read with one call for each step.
        """
        steps = self.api.steps(sequence_id)
        if steps is None:
            return None
        found = ReadSteps()
        for step in sorted(steps, key=_position):
            if step.id in leave_out:
                continue
            known = importable(step, self._reads_days)
            if known is None:
                found.unknown.append(step)
                continue
            if not known.is_email and any(row.task_note is None for row in known.variants):
                known = importable(self._with_notes(sequence_id, step), self._reads_days) or known
            found.steps.append(known)
        return found

    def _with_notes(self, sequence_id: str, step: RemoteStep) -> RemoteStep:
        more = {row.id: row for row in self.api.variants(sequence_id, step.id) or ()}
        rows = tuple(
            replace(
                row,
                task_note=more[row.id].task_note if row.task_note is None else row.task_note,
                status=more[row.id].status if row.status is None else row.status,
            )
            if row.id in more
            else row
            for row in step.variants
        )
        return replace(step, variants=rows)

    # -- names --------------------------------------------------------------------------------------------------------

    def key_for(self, title: str, remote_id: str) -> str:
        """Return a key for a new sequence: the one that `ids:` gives it, else a free one made from its title."""
        ids = {key: known for key, known in self.environment.ids.items() if "." not in key}
        given = next((key for key, known in ids.items() if known == remote_id), None)
        taken = {row.key for row in self.rows.values()} | set(self.manager.state.sequences)
        if given is not None and given not in taken:
            return given
        taken |= {*self.settings.removed, *ids}
        return free_name(slug(title), taken)

    def path_for(self, key: str) -> str:
        """Return the path of a new file. Raises UsageError if the settings would not read it there."""
        folders = [self._into] if self._into else [folder_of(pattern) for pattern in self.settings.include]
        for folder in folders:
            for ending in (".yaml", ".yml"):
                path = posixpath.normpath(posixpath.join(folder, key + ending))
                if covers(self.settings.include, path):
                    return self._free_path(path)
        hint = "Choose another folder with -into, or extend `include`."
        raise not_included_error(self._into or "The project folder", self.settings.include, hint)

    def _free_path(self, path: str) -> str:
        stem, ending = posixpath.splitext(path)
        number = 1
        while path in self.rows or os.path.lexists(self.workspace.root / path):
            number += 1
            path = f"{stem}-{number}{ending}"
        return path

    def title_owner(self, title: str, but: str = "") -> str | None:
        """Return the path of the file, other than `but`, whose sequence has that title."""
        normalized = normalized_title(title)
        rows = (row for row in self.rows.values() if row.title and row.path != but)
        return next((row.path for row in rows if normalized_title(row.title or "") == normalized), None)

    def schema_from(self, path: str) -> str:
        """Return the path from a file to the JSON Schema that `init` writes; empty if there is none."""
        if not (self.workspace.root / SCHEMA).is_file():
            return ""
        return posixpath.relpath(SCHEMA, posixpath.dirname(path) or ".")

    def content_files(self, key: str, path: str) -> NewContentFiles:
        """Return the (still empty) content files of the sequence `key`, whose file is `path`."""
        return NewContentFiles(key, path, lambda file, data: self._is_free(path, file, data))

    def _is_free(self, owner: str, file: str, data: bytes) -> bool:
        if any(file in (row.sequence.files if row.sequence else ()) for row in self.others(owner)):
            return False
        try:
            return read_bytes(self.workspace.root, file) == data
        except UnreadableFileError as problem:
            return problem.rule == "missing"

    def others(self, path: str) -> Iterable[LoadedFile]:
        """Return all files except that one."""
        return (row for row in self.rows.values() if row.path != path)

    # -- files --------------------------------------------------------------------------------------------------------

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the project. Raises NotRepresentableError."""
        try:
            return read_bytes(self.workspace.root, path)
        except UnreadableFileError as problem:
            raise NotRepresentableError(f"{path}: {problem.summary}") from None

    def built(self, path: str, text: str, files: Mapping[str, bytes]) -> DesiredSequence:
        """Return what the file would declare. Raises NotRepresentableError if it would be invalid."""
        workspace = self.workspace
        desired, problems = read_text(workspace.root, workspace.loaded, workspace.name, path, text, files)
        if desired is None:
            first = problems[0] if problems else None
            raise NotRepresentableError(
                f"{first.summary} {first.hint}".strip() if first else "the new text of the file is invalid"
            )
        return desired

    def write(self, row: LoadedFile, text: str, files: Mapping[str, bytes]) -> None:
        """Write a file and its content files, the content files first. `row` describes the file from now on."""
        for name, data in files.items():
            self._write(name, data)
        self._write(row.path, text.encode())
        self.rows[row.path] = row

    def _write(self, path: str, data: bytes) -> None:
        root = self.workspace.root
        target = Path(os.path.realpath(root / path))
        if not is_inside(os.path.realpath(root), str(target)):
            raise NotRepresentableError(f"{path} is outside the project folder")
        try:
            old = target.read_bytes() if target.exists() else None
            if old is not None and b"\r\n" in old:
                data = data.replace(b"\n", b"\r\n")
            if old is not None and old.startswith(_BOM):
                data = _BOM + data
            if old == data:
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = target.stat().st_mode & 0o777 if old is not None else 0o644
            write_atomically(target, data, mode=mode)
        except OSError as error:
            hint = "Fix that, then run the same import again."
            raise ProjectFileError(f"Cannot write {path}.", f"{error.strerror}.", hint) from None


def not_included_error(folder: str, include: Sequence[str], hint: str) -> UsageError:
    """The error for a new file in a folder that the settings do not cover."""
    return UsageError(
        "seqsync would not read a new file in that folder.",
        f"{folder} is not covered by `include` in seqsync.yaml ({', '.join(include)}).",
        hint,
    )


def _position(step: RemoteStep) -> tuple[bool, int, int]:
    return (step.day is None, step.day or 0, step.number if step.number is not None else 10_000)


def slug(title: str) -> str:
    """Return a key that resembles the title."""
    ascii_only = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.sub("[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if not words:
        return "sequence"
    return (words if words[0].isalpha() else f"sequence-{words}")[:LONGEST_KEY].rstrip("-")


def free_name(name: str, taken: Collection[str | None]) -> str:
    """Return `name`, or `name` with the first number that makes it free."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name[: LONGEST_KEY - len(str(number)) - 1].rstrip('-')}-{number}"
    return free
