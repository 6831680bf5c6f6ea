"""What an import works with: the project's files, the names that are taken, the app, and how a file is written.

Every text is read back in memory before it goes to the disk, so that a file that would not say what the app says is
never written. Decides nothing about what goes into a file.
"""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sequence_sync.errors import SeqsyncError, UsageError
from sequence_sync.files import write_atomically
from sequence_sync.importer.three_way import Field, RemoteStepView, RemoteVariantView, view_of_step
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.capabilities import Abilities
from sequence_sync.plan.compare import canonical_html
from sequence_sync.plan.matching import normalized_title
from sequence_sync.provider.base import Provider, RemoteStep
from sequence_sync.source.files import UnreadableFileError, covers, folder_of, is_inside, read_bytes
from sequence_sync.source.project import LoadedFile, read_files, read_text
from sequence_sync.source.sequence import LITERAL_ID
from sequence_sync.source.writer import Value, plain, tidy_html, wants_file, writable
from sequence_sync.state.manager import StateManager

MOST_FILES = 100  # names that are tried for one content file
EMPTY_BODY = "<p></p>"  # a file may not hold an email without any text
EMPTY_TEXT = " "  # nor a message without one; a blank says as little


class NotRepresentableError(Exception):
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
        raise NotRepresentableError(f"there is no room for {self.path(stem)}.html: something else stands there")

    def path(self, name: str) -> str:
        """The path in the project of what the YAML file calls `name`."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.yaml_path), name))


def stem(kind: str) -> str:
    """A short word for a type of step, for the keys of steps: `email`, `call`, `linkedin-message`."""
    row = STEP_TYPES[kind]
    words = kind.split("_")
    return f"{row.channel}-{words[1]}" if row.channel == "linkedin" else row.channel


def name_of(remote_id: str, names: Mapping[str, str]) -> str:
    """What the settings call an id, or the id itself."""
    return next((name for name, known in names.items() if known == remote_id), LITERAL_ID + remote_id)


def text_of(value: Any) -> str:
    """A text of the app as it stands in a file. Raises NotRepresentableError."""
    text = writable(str(value))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotRepresentableError("it holds half of a character (a lone surrogate), which no file can hold") from None
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
        value = payload.get(name)
        if isinstance(value, Mapping):
            fields[name] = {each: text_of(value.get(each, "")) or EMPTY_TEXT for each in ("name", "url")}
        elif value is not None and text_of(value):
            fields[name] = text_of(value)
        elif known.is_required() and name not in ("type", "day", "variants"):
            fields[name] = EMPTY_TEXT
    if kind == "email":
        fields["subject"] = text_of(payload.get("subject", ""))
        if payload.get("preheader") and text_of(payload["preheader"]):
            fields["preheader"] = text_of(payload["preheader"])
    return fields


def email_fields(
    row: RemoteVariantView, environment: Environment, bodies: Bodies, step: str, letter: str
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
    step: RemoteStepView, key: str, letters: Mapping[str, RemoteVariantView], environment: Environment, bodies: Bodies
) -> dict[str, Value]:
    """The fields of a step that is new in a file: of its variants those that are on. Raises NotRepresentableError."""
    on = {letter: row for letter, row in letters.items() if row.on}
    fields: dict[str, Value] = {"day": step.day, "type": step.type}
    if step.is_email:
        if list(on) == ["a"]:
            return fields | email_fields(on["a"], environment, bodies, key, "")
        fields["variants"] = {letter: email_fields(row, environment, bodies, key, letter) for letter, row in on.items()}
        return fields
    if len(on) > 1:
        raise NotRepresentableError("it has several variants, which only an email may have in a file")
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
    return place[-1] if place[1] != "status" else "on or off"


LONGEST_KEY = 63
SCHEMA = ".schema/sequence.schema.json"
_BOM = b"\xef\xbb\xbf"


class ProjectFileError(SeqsyncError):
    """A file could not be written."""


@dataclass(slots=True)
class Read:
    """A sequence's steps as the app has them, in order of day and number. `unknown` are of types that we do not
    know."""

    steps: list[RemoteStepView] = field(default_factory=list)
    unknown: list[RemoteStep] = field(default_factory=list)


class ProjectFiles:
    """One import's view of the project. `into` is the folder for new files, relative to the project; empty: where the
    settings look first."""

    def __init__(self, workspace: Workspace, api: Provider, manager: StateManager, into: str) -> None:
        self.workspace, self.api, self.manager = workspace, api, manager
        self.settings = workspace.loaded.settings
        self._into = into
        self.rows = {row.path: row for row in read_files(workspace.root, workspace.loaded, workspace.name)}
        self._reads_days = Abilities(api.dialect, self.settings.switched_off(workspace.name)).reads_days

    @property
    def environment(self) -> Environment:
        """The account's names for things."""
        return self.workspace.environment

    # -- the app ------------------------------------------------------------------------------------------------------

    def read(self, sequence_id: str, leave: Collection[str]) -> Read | None:
        """The steps but for those with ids in `leave`; None where the sequence is not there.

        A note that the list of steps does not tell is asked for, one call a step.
        """
        steps = self.api.steps(sequence_id)
        if steps is None:
            return None
        found = Read()
        for step in sorted(steps, key=_place):
            if step.id in leave:
                continue
            told = view_of_step(step, self._reads_days)
            if told is None:
                found.unknown.append(step)
                continue
            if not told.is_email and any(row.note is None for row in told.variants):
                told = view_of_step(self._with_notes(sequence_id, step), self._reads_days) or told
            found.steps.append(told)
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
        """A key for a new sequence: the one that `ids:` give it, else made from its title, and free."""
        ids = {key: known for key, known in self.environment.ids.items() if "." not in key}
        given = next((key for key, known in ids.items() if known == remote_id), None)
        taken = {row.key for row in self.rows.values()} | set(self.manager.state.sequences)
        if given is not None and given not in taken:
            return given
        taken |= {*self.settings.removed, *ids}
        return free_name(slug(title), taken)

    def path_for(self, key: str) -> str:
        """The path of a new file. Raises UsageError where the settings would not read it there."""
        folders = [self._into] if self._into else [folder_of(pattern) for pattern in self.settings.include]
        for folder in folders:
            for ending in (".yaml", ".yml"):
                path = posixpath.normpath(posixpath.join(folder, key + ending))
                if covers(self.settings.include, path):
                    return self._free_path(path)
        listed = ", ".join(self.settings.include)
        raise UsageError(
            "A new file would not be read there.",
            f"{self._into or 'The project'}: the settings read {listed}.",
            "Name another folder with -into, or widen `include` in seqsync.yaml.",
        )

    def _free_path(self, path: str) -> str:
        stem, ending = posixpath.splitext(path)
        number = 1
        while path in self.rows or os.path.lexists(self.workspace.root / path):
            number += 1
            path = f"{stem}-{number}{ending}"
        return path

    def title_owner(self, title: str, but: str = "") -> str | None:
        """The path of the file, other than `but`, whose sequence has that title."""
        wanted = normalized_title(title)
        rows = (row for row in self.rows.values() if row.title and row.path != but)
        return next((row.path for row in rows if normalized_title(row.title or "") == wanted), None)

    def schema_from(self, path: str) -> str:
        """The path to the JSON Schema that `init` writes, as seen from a file; empty where it is not there."""
        if not (self.workspace.root / SCHEMA).is_file():
            return ""
        return posixpath.relpath(SCHEMA, posixpath.dirname(path) or ".")

    def bodies(self, key: str, path: str) -> Bodies:
        """For the content files of the sequence `key`, whose file is at `path`."""
        return Bodies(key, path, lambda file, data: self._may_take(path, file, data))

    def _may_take(self, owner: str, file: str, data: bytes) -> bool:
        if any(file in (row.sequence.files if row.sequence else ()) for row in self.others(owner)):
            return False
        try:
            return read_bytes(self.workspace.root, file) == data
        except UnreadableFileError as problem:
            return problem.rule == "missing"

    def others(self, path: str) -> Iterable[LoadedFile]:
        """All files but that one."""
        return (row for row in self.rows.values() if row.path != path)

    # -- files --------------------------------------------------------------------------------------------------------

    def text_of(self, path: str) -> bytes:
        """The bytes of a file of the project. Raises NotRepresentableError."""
        try:
            return read_bytes(self.workspace.root, path)
        except UnreadableFileError as problem:
            raise NotRepresentableError(f"{path}: {problem.summary}") from None

    def built(self, path: str, text: str, files: Mapping[str, bytes]) -> DesiredSequence:
        """What the file would say. Raises NotRepresentableError where it would have a mistake."""
        workspace = self.workspace
        wanted, told = read_text(workspace.root, workspace.loaded, workspace.name, path, text, files)
        if wanted is None:
            first = told[0] if told else None
            raise NotRepresentableError(
                f"{first.summary} {first.hint}".strip() if first else "the file could not be read back"
            )
        return wanted

    def write(self, row: LoadedFile, text: str, files: Mapping[str, bytes]) -> None:
        """Put a file and its content files on the disk, the content files first. `row` is what it is from now on."""
        for name, data in files.items():
            self._put(name, data)
        self._put(row.path, text.encode())
        self.rows[row.path] = row

    def _put(self, path: str, data: bytes) -> None:
        root = self.workspace.root
        target = Path(os.path.realpath(root / path))
        if not is_inside(os.path.realpath(root), str(target)):
            raise NotRepresentableError(f"{path} leads out of the project")
        try:
            there = target.read_bytes() if target.exists() else None
            if there is not None and b"\r\n" in there:
                data = data.replace(b"\n", b"\r\n")
            if there is not None and there.startswith(_BOM):
                data = _BOM + data
            if there == data:
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            mode = target.stat().st_mode & 0o777 if there is not None else 0o644
            write_atomically(target, data, mode=mode)
        except OSError as error:
            hint = "When it can be, run the same import again."
            raise ProjectFileError("A file could not be written.", f"{path}: {error.strerror}.", hint) from None


def _place(step: RemoteStep) -> tuple[bool, int, int]:
    return (step.day is None, step.day or 0, step.number if step.number is not None else 10_000)


def slug(title: str) -> str:
    """A key that reads like the title."""
    ascii_only = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.sub("[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if not words:
        return "sequence"
    return (words if words[0].isalpha() else f"sequence-{words}")[:LONGEST_KEY].rstrip("-")


def free_name(name: str, taken: Collection[str | None]) -> str:
    """`name`, or with a number behind it the first that is free."""
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name[: LONGEST_KEY - len(str(number)) - 1].rstrip('-')}-{number}"
    return made
