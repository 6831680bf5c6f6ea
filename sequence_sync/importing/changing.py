"""The app's edits, put into a file that is there: which keys change, and which content files. In memory only.

Cuts by `source.editing`, so that what is not touched stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sequence_sync.importing.desk import Desk
from sequence_sync.importing.drafting import (
    EMPTY_TEXT,
    Bodies,
    Unwritable,
    email_fields,
    file_field,
    html_of,
    name_of,
    text_of,
)
from sequence_sync.model.fields import Priority
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailVariant
from sequence_sync.planning.merging import Field, Merged
from sequence_sync.planning.told import ToldVariant
from sequence_sync.source.content import is_flat_text
from sequence_sync.source.document import judge
from sequence_sync.source.editing import CannotEdit, Way, add_step, as_variants, drop, put
from sequence_sync.source.files import Unreadable, as_text
from sequence_sync.source.places import Data
from sequence_sync.source.writing import Value, plain, wants_file

_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]")


class Changing:
    """One file being changed. `text` is as far as it has come; `bodies` holds content files; `notes` say what a
    person should know."""

    def __init__(self, desk: Desk, path: str, key: str) -> None:
        self.desk, self.path = desk, path
        try:
            self.before = as_text(desk.text_of(path))
        except Unreadable as problem:
            raise Unwritable(f"{path}: {problem.summary}") from None
        self.text = self.before
        self.bodies: Bodies = desk.bodies(key, path)
        self.notes: list[str] = []

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be written."""
        return self.text != self.before or bool(self.bodies.files)

    def take(self, step: str, kind: str, letters: Mapping[str, ToldVariant], merged: Merged) -> None:
        """Put what `merged` takes into the step. Raises Unwritable where it cannot be done by machine."""
        # What is new comes before what goes, so that something is always there.
        takes = sorted(merged.takes.items(), key=lambda take: take[0][1:] == ("status",) and not take[1])
        for place, value in takes:
            try:
                self._take(step, kind, letters, place, value)
            except CannotEdit as problem:
                raise Unwritable(f"{step}: {'.'.join(place)} cannot be changed in the file: {problem}") from None

    def title(self, title: str) -> None:
        """Another title."""
        try:
            self.text = put(self.text, ("title",), text_of(title))
        except CannotEdit as problem:
            raise Unwritable(f"the title cannot be changed in the file: {problem}") from None

    def add(self, step: str, fields: dict[str, Value], after: str | None) -> None:
        """A step that is new."""
        try:
            self.text = add_step(self.text, step, fields, after)
        except CannotEdit as problem:
            raise Unwritable(f"{step} cannot be added to the file: {problem}") from None

    def _take(self, step: str, kind: str, letters: Mapping[str, ToldVariant], place: Field, value: Any) -> None:
        if len(place) == 1:
            self._place(step, place[0], value)
        elif place[1] == "status":
            self._switch(step, kind, place[0], letters[place[0]], bool(value))
        elif place[1:] == ("payload", "content"):
            self._body(step, place[0], html_of(value))
        elif place[1] == "attachments":
            names = [name_of(each, self.desk.environment.attachments) for each in value]
            self._set((*self._variant(step, place[0]), "attachments"), names or None)
        elif isinstance(value, Mapping):
            inner = {name: text_of(value.get(name, "")) or EMPTY_TEXT for name in ("name", "url")}
            self._set((*self._variant(step, place[0]), file_field(place[-1])), inner)
        else:
            self._text(step, kind, place, text_of(value or ""))

    def _place(self, step: str, name: str, value: Any) -> None:
        way = ("steps", step, name)
        if name == "day":
            self._set(way, value)
        elif name == "assignee":
            self._set(way, name_of(value, self.desk.environment.assignees))
        elif value is Priority.NORMAL and name not in self._defaults():
            self._set(way, None)
        else:
            self._set(way, str(value))

    def _text(self, step: str, kind: str, place: Field, text: str) -> None:
        name = file_field(place[-1])
        way = (*self._variant(step, place[0]), name)
        if text:
            self._told_of_variables(way)
            self._set(way, text)
        elif _is_required(kind, name):
            self._set(way, "" if kind == EMAIL else EMPTY_TEXT)
        else:
            self._set(way, "" if name in self._defaults() else None)

    def _set(self, way: Way, value: Value) -> None:
        """`value` at `way`; None takes the key out."""
        self.text = drop(self.text, way) if value is None else put(self.text, way, value)

    def _switch(self, step: str, kind: str, letter: str, row: ToldVariant, on: bool) -> None:
        way = ("steps", step, "variants", letter)
        if not on:
            for name in _content_files(self._at(way)):
                self.notes.append(f"{step}: {self.bodies.path(name)} is not used by variant {letter} any more")
            self.text = drop(self.text, way)
            return
        if kind != EMAIL:
            raise CannotEdit("only an email may have several variants in a file")
        self.text = as_variants(self.text, step)
        self._set(way, email_fields(row, self.desk.environment, self.bodies, step, letter))

    # -- the body of an email -----------------------------------------------------------------------------------------

    def _body(self, step: str, letter: str, html: str) -> None:
        way = self._variant(step, letter)
        variant = self._at(way)
        form = next((name for name in EmailVariant.BODIES if isinstance(variant, dict) and name in variant), "content")
        own = letter if "variants" in way else ""
        if form == "content_file" and isinstance(variant, dict):
            self._file(way, step, own, str(variant[form]), html)
            return
        self._told_of_variables((*way, form))
        if form == "markdown":
            self.notes.append(f"{step}: its Markdown is HTML now, as the app has it")
        new = "content_file" if is_flat_text(html) or (form == "markdown" and wants_file(html)) else "content"
        value = self.bodies.put(step, own, html) if new == "content_file" else plain(html)
        self.text = put(self.text, (*way, new), value, (form,))

    def _file(self, way: Way, step: str, letter: str, name: str, html: str) -> None:
        path = self.bodies.path(name)
        old = as_text(self.desk.text_of(path))
        if _VARIABLE.search(old):
            self.notes.append(f"{step}: variables of {path} are plain words now, as the app has them")
        if name.lower().endswith(".html") and not self._is_shared(path):
            self.bodies.files[path] = (plain(html) + "\n").encode()
            return
        new = self.bodies.put(step, letter, html)
        why = "is shared" if name.lower().endswith(".html") else "is Markdown"
        self.notes.append(f"{step}: {path} {why} and stays as it is; the app's text is in {self.bodies.path(new)}")
        self.text = put(self.text, (*way, "content_file"), new)

    def _is_shared(self, path: str) -> bool:
        """Whether another text is made from that file too, here or in another sequence."""
        uses = sum(self.bodies.path(name) == path for name in _content_files(self._data()))
        rows = self.desk.others(self.path)
        return uses > 1 or any(path in row.sequence.files for row in rows if row.sequence)

    def _told_of_variables(self, way: Way) -> None:
        text = self._at(way)
        if isinstance(text, str) and _VARIABLE.search(text):
            self.notes.append(f"{'.'.join(way[1:])}: its variables are plain words now, as the app has them")

    # -- the file as it is now ----------------------------------------------------------------------------------------

    def _data(self) -> Data:
        return judge(self.text).data

    def _at(self, way: Way) -> Data:
        data = self._data()
        for name in way:
            data = data.get(name, "") if isinstance(data, dict) else ""
        return data

    def _variant(self, step: str, letter: str) -> Way:
        """Where a variant's content stands: on the step, or under `variants:`."""
        there = self._at(("steps", step))
        in_variants = isinstance(there, dict) and "variants" in there
        return ("steps", step, "variants", letter) if in_variants else ("steps", step)

    def _defaults(self) -> dict[str, Data]:
        found = self._at(("defaults",))
        return found if isinstance(found, dict) else {}


def _is_required(kind: str, name: str) -> bool:
    fields = EmailVariant.model_fields if kind == EMAIL else STEP_TYPES[kind].model.model_fields
    return fields[name].is_required()


def _content_files(data: Data) -> list[str]:
    """Every `content_file` below `data`."""
    if not isinstance(data, dict):
        return []
    own = [value for name, value in data.items() if name == "content_file" and isinstance(value, str)]
    return own + [name for inner in data.values() for name in _content_files(inner)]
