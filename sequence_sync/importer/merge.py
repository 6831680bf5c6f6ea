"""Merge the changes made to a sequence in Saleshandy into its existing file.

`FileEdit` changes one file, `SequenceMerge` decides what goes into it, writes it and records it. Both sides of a
conflict are kept. Must not send a write to Saleshandy, nor write a file that would not read back as intended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.importer.generate import check_same, notes_about, record, unmanaged_days, with_origin
from sequence_sync.importer.project_files import (
    EMPTY_TEXT,
    NewContentFiles,
    NotRepresentableError,
    ProjectFiles,
    ReadSteps,
    as_file_html,
    as_file_text,
    field_label,
    free_name,
    name_for_id,
    new_email_fields,
    new_step_fields,
    type_stem,
)
from sequence_sync.importer.three_way import (
    DAY,
    MergeResult,
    base_fields,
    entry_after_merge,
    merge_step,
    unexpected_field,
    with_own_payload,
)
from sequence_sync.model.address import Address, FieldPath
from sequence_sync.model.fields import LONGEST_TITLE, Priority
from sequence_sync.model.report import Conflict, ImportOutcome, ImportResult, Status
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailVariant
from sequence_sync.plan.compare import HTML_FIELD
from sequence_sync.plan.matching import assign_letters, match_steps, pair_steps, same_title
from sequence_sync.plan.three_way import Cell, compare_sides
from sequence_sync.provider.base import RemoteSequence, RemoteStep, RemoteVariant
from sequence_sync.source.content import is_flat_text
from sequence_sync.source.files import UnreadableFileError, as_text
from sequence_sync.source.problems import Data
from sequence_sync.source.project import LoadedFile
from sequence_sync.source.writer import EditError, Value, Way, add_step, as_variants, drop, plain, put, wants_file
from sequence_sync.source.yaml import parse
from sequence_sync.state.model import Delta, SequenceHead, SequenceState, StepState

_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]")


class FileEdit:
    """The edit of one file, in memory. `text` is its current text, `content_files` are the content files to write, and
    `notes` are for the user."""

    def __init__(self, project_files: ProjectFiles, path: str, key: str) -> None:
        self.project_files, self.path = project_files, path
        try:
            self.before = as_text(project_files.read(path))
        except UnreadableFileError as problem:
            raise NotRepresentableError(f"{path}: {problem.summary}") from None
        self.text = self.before
        self.content_files: NewContentFiles = project_files.content_files(key, path)
        self.notes: list[str] = []

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return self.text != self.before or bool(self.content_files.files)

    def take(self, step: str, kind: str, letters: Mapping[str, RemoteVariant], merged: MergeResult) -> None:
        """Write the fields that `merged` takes into the step. Raises NotRepresentableError if the edit is not possible.

        Adds before it removes, so that the step always has a variant.
        """
        takes = sorted(merged.take_remote.items(), key=lambda take: take[0].is_status and not take[1])
        for key, value in takes:
            try:
                self._take(step, kind, letters, key, value)
            except EditError as problem:
                raise NotRepresentableError(
                    f"{step}: {key.removeprefix('variants.')} cannot be changed in the file: {problem}"
                ) from None

    def title(self, title: str) -> None:
        """Change the title."""
        try:
            self.text = put(self.text, ("title",), as_file_text(title))
        except EditError as problem:
            raise NotRepresentableError(f"the title cannot be changed in the file: {problem}") from None

    def add(self, step: str, fields: dict[str, Value], after: str | None) -> None:
        """Add a step behind the step `after`, or as the first one."""
        try:
            self.text = add_step(self.text, step, fields, after)
        except EditError as problem:
            raise NotRepresentableError(f"{step} cannot be added to the file: {problem}") from None

    def _take(self, step: str, kind: str, letters: Mapping[str, RemoteVariant], key: FieldPath, value: Any) -> None:
        letter = key.letter
        if letter is None:
            self._step_field(step, key, value)
        elif key.is_status:
            self._switch(step, kind, letter, letters[letter], bool(value))
        elif key == FieldPath.in_variant(letter, "payload", HTML_FIELD):
            self._body(step, letter, as_file_html(value))
        elif key.of_variant == "attachments":
            names = [name_for_id(each, self.project_files.environment.attachments) for each in value]
            self._set((*self._variant(step, letter), "attachments"), names or None)
        elif isinstance(value, Mapping):
            inner = {name: as_file_text(value.get(name, "")) or EMPTY_TEXT for name in ("name", "url")}
            self._set((*self._variant(step, letter), key.name), inner)
        else:
            self._text(step, kind, letter, key.name, as_file_text(value or ""))

    def _step_field(self, step: str, name: str, value: Any) -> None:
        way = ("steps", step, name)
        if name == "day":
            self._set(way, value)
        elif name == "assignee":
            self._set(way, name_for_id(value, self.project_files.environment.assignees))
        elif value is Priority.NORMAL and name not in self._defaults():
            self._set(way, None)
        else:
            self._set(way, str(value))

    def _text(self, step: str, kind: str, letter: str, name: str, text: str) -> None:
        way = (*self._variant(step, letter), name)
        if text:
            self._note_variables(way)
            self._set(way, text)
        elif _is_required(kind, name):
            self._set(way, "" if kind == EMAIL else EMPTY_TEXT)
        else:
            self._set(way, "" if name in self._defaults() else None)

    def _set(self, way: Way, value: Value) -> None:
        """Write `value` at `way`; None removes the key."""
        self.text = drop(self.text, way) if value is None else put(self.text, way, value)

    def _switch(self, step: str, kind: str, letter: str, row: RemoteVariant, on: bool) -> None:
        way = ("steps", step, "variants", letter)
        if not on:
            for name in _content_files(self._at(way)):
                self.notes.append(f"{step}: {self.content_files.path(name)} is no longer used by variant {letter}")
            self.text = drop(self.text, way)
            return
        if kind != EMAIL:
            raise EditError("only an email may have several variants in a file")
        self.text = as_variants(self.text, step)
        self._set(way, new_email_fields(row, self.project_files.environment, self.content_files, step, letter))

    # -- the body of an email -----------------------------------------------------------------------------------------

    def _body(self, step: str, letter: str, html: str) -> None:
        way = self._variant(step, letter)
        variant = self._at(way)
        form = next((name for name in EmailVariant.BODIES if isinstance(variant, dict) and name in variant), "content")
        own = letter if "variants" in way else ""
        if form == "content_file" and isinstance(variant, dict):
            self._file(way, step, own, str(variant[form]), html)
            return
        self._note_variables((*way, form))
        if form == "markdown":
            self.notes.append(f"{step}: its Markdown was replaced by the HTML from Saleshandy")
        new = "content_file" if is_flat_text(html) or (form == "markdown" and wants_file(html)) else "content"
        value = self.content_files.put(step, own, html) if new == "content_file" else plain(html)
        self.text = put(self.text, (*way, new), value, (form,))

    def _file(self, way: Way, step: str, letter: str, name: str, html: str) -> None:
        path = self.content_files.path(name)
        old = as_text(self.project_files.read(path))
        if _VARIABLE.search(old):
            self.notes.append(f"{step}: the variables in {path} were replaced by the text from Saleshandy")
        if name.lower().endswith(".html") and not self._is_shared(path):
            self.content_files.files[path] = (plain(html) + "\n").encode()
            return
        new = self.content_files.put(step, letter, html)
        why = "is used elsewhere too" if name.lower().endswith(".html") else "is Markdown"
        self.notes.append(
            f"{step}: {path} {why} and was not changed. The text from Saleshandy is in {self.content_files.path(new)}"
        )
        self.text = put(self.text, (*way, "content_file"), new)

    def _is_shared(self, path: str) -> bool:
        """Whether the content file is used by another variant, here or in another sequence."""
        uses = sum(self.content_files.path(name) == path for name in _content_files(self._data()))
        rows = self.project_files.others(self.path)
        return uses > 1 or any(path in row.sequence.files for row in rows if row.sequence)

    def _note_variables(self, way: Way) -> None:
        text = self._at(way)
        if isinstance(text, str) and _VARIABLE.search(text):
            self.notes.append(f"{'.'.join(way[1:])}: its variables were replaced by the text from Saleshandy")

    # -- the current text ---------------------------------------------------------------------------------------------

    def _data(self) -> Data:
        return parse(self.text).data

    def _at(self, way: Way) -> Data:
        data = self._data()
        for name in way:
            data = data.get(name, "") if isinstance(data, dict) else ""
        return data

    def _variant(self, step: str, letter: str) -> Way:
        """Return the path of a variant's content: on the step, or under `variants:`."""
        data = self._at(("steps", step))
        in_variants = isinstance(data, dict) and "variants" in data
        return ("steps", step, "variants", letter) if in_variants else ("steps", step)

    def _defaults(self) -> dict[str, Data]:
        found = self._at(("defaults",))
        return found if isinstance(found, dict) else {}


def _is_required(kind: str, name: str) -> bool:
    fields = EmailVariant.model_fields if kind == EMAIL else STEP_TYPES[kind].model.model_fields
    return fields[name].is_required()


def _content_files(data: Data) -> list[str]:
    """Return every `content_file` in `data`."""
    if not isinstance(data, dict):
        return []
    own = [value for name, value in data.items() if name == "content_file" and isinstance(value, str)]
    return own + [name for inner in data.values() for name in _content_files(inner)]


@dataclass(slots=True)
class StepMerge:
    """The merge of one step. `key` is its key in the state, `name` in the file. `base` None: not in the state."""

    key: str
    name: str
    theirs: RemoteStep
    base: StepState | None
    letters: dict[str, RemoteVariant]
    merged: MergeResult = field(default_factory=MergeResult)
    is_new: bool = False


class SequenceMerge:
    """The merge of one sequence into its file."""

    def __init__(
        self,
        project_files: ProjectFiles,
        remote: RemoteSequence,
        read: ReadSteps,
        desired: DesiredSequence,
        known: SequenceState | None,
    ) -> None:
        self.project_files, self.remote, self.read = project_files, remote, read
        self.desired, self.known = desired, known
        self.key = desired.key
        self.result = ImportResult(ImportOutcome.UNCHANGED, self.key)
        self.result.notes += notes_about(ReadSteps(unknown=read.unknown))
        self.edit = FileEdit(project_files, desired.files[0], desired.key)
        self.steps: list[StepMerge] = []
        self.left_out: dict[str, int | None] = {}
        self.changed: list[str] = []
        self.asked: set[str] = set()

    def run(self) -> ImportResult:
        """Merge, write, record. Raises NotRepresentableError; then nothing was written."""
        self._pair()
        title = self._title()
        for step in self.steps:
            if not step.is_new:
                self._merge(step)
        text, content_files = self.edit.text, self.edit.content_files.files
        after = self.desired
        if self.edit.is_changed:
            after = self.project_files.built(self.desired.files[0], text, content_files)
            self._check(after)
            file = LoadedFile(after.files[0], after.key, after.title, after.remote_id, after)
            self.project_files.write(file, text, content_files)
        self.result.notes += self.edit.notes
        self._record(after, after.title if title is None else title)
        return self.result

    # -- which remote step is which -----------------------------------------------------------------------------------

    def _pair(self) -> None:
        known = dict(self.known.steps) if self.known else {}
        by_id = {row.id: key for key, row in known.items()}
        not_in_state: list[RemoteStep] = []
        for step in self.read.steps:
            key = by_id.pop(step.id, None)
            if key is None:
                not_in_state.append(step)
                continue
            name = self.desired.moved.get(key, key)
            if name in self.desired.steps and self.desired.steps[name].type == step.type:
                letters = assign_letters(step.type, step.variants, known[key], self.desired.steps[name])
                self.steps.append(StepMerge(key, name, step, known[key], letters))
            elif name not in self.desired.removed:
                self._removed_from_file(key, known[key], step)
        for step_id, key in by_id.items():
            self.result.notes.append(
                f"{key} (step {step_id}) is no longer in Saleshandy. It stays in the file and in the state"
            )
        self._pair_by_content(not_in_state)

    def _removed_from_file(self, key: str, base: StepState, step: RemoteStep) -> None:
        """Report what was changed in Saleshandy of a step that the file does not have, or has with another type."""
        letters = assign_letters(step.type, step.variants, base, base.content)
        for changed, value in merge_step(base, base.content, step, letters).take_remote.items():
            before = _displayed(changed, base_fields(base).get(changed))
            sides = (before, "(the step was removed)", _displayed(changed, value))
            self.result.conflicts.append(Conflict(Address(self.key, key), field_label(changed), *sides))

    def _pair_by_content(self, steps: list[RemoteStep]) -> None:
        """Pair steps that the state does not know with the file's; add those that are new to it."""
        taken = {step.name for step in self.steps} | set(self.known.steps if self.known else ())
        free = {name: row for name, row in self.desired.steps.items() if name not in taken}
        ids = {remote: name for name, remote in self.desired.step_ids.items()}
        comparable = [with_own_payload(step) for step in sorted(steps, key=lambda step: not step.is_on)]
        pairs = pair_steps(comparable, free, ids, _equal_but_for_the_day)
        for step in steps:
            if step.id in pairs:
                name = pairs[step.id]
                letters = assign_letters(step.type, step.variants, None, self.desired.steps[name])
                self.steps.append(StepMerge(name, name, step, None, letters))
        left = {name: row for name, row in free.items() if name not in pairs.values()}
        asked = self._ask([step for step in comparable if step.id not in pairs], left)
        new = [step for step in steps if step.id not in pairs and step.id not in asked]
        off = [step for step in new if not step.is_on]
        self.left_out = unmanaged_days(ReadSteps(off, self.read.unknown))
        self.result.notes += notes_about(ReadSteps(off))
        names = {*self.desired.steps, *(self.known.steps if self.known else ())}
        for step in new:
            if step.is_on:
                self._add(step, names)

    def _ask(self, steps: list[RemoteStep], free: Mapping[str, Content]) -> set[str]:
        """Ask about the steps that may be one of the file's. They are neither paired, nor added, nor recorded."""
        possible = match_steps(steps, {Address(self.key, name): row for name, row in free.items()}, {}).possible
        for addresses, step in possible:
            day = f", day {step.day}" if step.day else ""
            self.result.notes += [
                f"step {step.id} ({type_stem(step.type)}{day}) may be {' or '.join(addresses)}",
                f"If it is: seqsync state resolve {addresses[0]} -adopt {step.id}",
                f"If it is another step: seqsync state resolve {addresses[0]} -recreate",
                "To take it into the file as a step of its own, write it there with a new key, and "
                f"`ids: {{{self.key}.NEW-KEY: {step.id}}}` into its environment in seqsync.yaml",
            ]
        self.asked = {step.id for _, step in possible}
        return self.asked

    def _add(self, step: RemoteStep, names: set[str]) -> None:
        number = next(at for at, each in enumerate(self.read.steps, start=1) if each.id == step.id)
        name = free_name(f"{type_stem(step.type)}-{number}", names)
        if step.day is None:
            self._failed(
                f"step {step.id} ({type_stem(step.type)}) was added in Saleshandy, but the API does not return its day",
                f"Write it into the file with its day, then run: seqsync import {self.remote.id}",
            )
            return
        letters = assign_letters(step.type, step.variants, None, None)
        try:
            fields = new_step_fields(step, name, letters, self.project_files.environment, self.edit.content_files)
        except NotRepresentableError as problem:
            self._failed(f"step {step.id} cannot be added to the file: {problem}", "")
            return
        days = {key: row.day for key, row in self.desired.steps.items()}
        days |= {each.name: each.theirs.day or 0 for each in self.steps if each.is_new}
        before = sorted((key for key in days if days[key] <= (step.day or 0)), key=lambda key: days[key])
        self.edit.add(name, fields, before[-1] if before else None)
        names.add(name)
        self.steps.append(StepMerge(name, name, step, None, letters, is_new=True))
        self.changed.append(f"new step {name}")

    def _failed(self, text: str, hint: str) -> None:
        self.result.notes += [part for part in (text, hint) if part]
        self.result.code = 1

    # -- the merge ----------------------------------------------------------------------------------------------------

    def _title(self) -> str | None:
        """Merge the title. Returns the title to record in the state; None: the file's."""
        base = self.known.title if self.known else None
        theirs, ours = self.remote.title, self.desired.title
        what = compare_sides(
            theirs_is_base=base is not None and same_title(base, theirs),
            ours_is_base=ours == base,
            ours_is_theirs=same_title(ours, theirs),
        )
        if what in (Cell.UNCHANGED, Cell.CHANGED_HERE):
            return base
        if what is Cell.AGREE:
            return None
        if what is Cell.CONFLICT:
            self.result.conflicts.append(Conflict(Address(self.key), "title", base, ours, theirs))
            return base if base is not None else theirs
        owner = self.project_files.title_owner(theirs, self.desired.files[0])
        if len(theirs) > LONGEST_TITLE or not theirs.strip() or owner:
            why = f"{owner} already has it" if owner else f"a title must have 1 to {LONGEST_TITLE} characters"
            self._failed(f'the title was changed to "{theirs}" in Saleshandy, but the file cannot take it: {why}', "")
            return base
        self.edit.title(theirs)
        self.changed.append("title")
        return None

    def _merge(self, step: StepMerge) -> None:
        step.merged = merge_step(step.base, self.desired.steps[step.name], step.theirs, step.letters)
        self.edit.take(step.name, step.theirs.type, step.letters, step.merged)
        for key in step.merged.take_remote:
            name = Address(step.name).child(key.letter) if key.letter and len(step.letters) > 1 else step.name
            self.changed.append(f"{name} {field_label(key)}")
        for conflict in step.merged.conflicts:
            sides = (_displayed(conflict.field, each) for each in (conflict.base, conflict.ours, conflict.theirs))
            address = Address(self.key, step.name, conflict.field.letter)
            self.result.conflicts.append(Conflict(address, field_label(conflict.field), *sides))
        if step.merged.all_disabled:
            self.result.notes.append(
                f"{step.name} is deactivated in Saleshandy and stays in the file. To stop managing it, remove it from "
                f"the file and write `removed: [{step.key}]`"
            )

    def _check(self, after: DesiredSequence) -> None:
        """Raise NotRepresentableError if the edited file does not say what it should."""
        merged_steps = {step.name: step for step in self.steps}
        if after.key != self.desired.key or set(after.steps) != {*self.desired.steps, *merged_steps}:
            raise NotRepresentableError(
                "the file cannot be edited automatically: other steps would appear or disappear"
            )
        for name, content in after.steps.items():
            step = merged_steps.get(name)
            if step is not None and step.is_new:
                step.merged = merge_step(None, content, step.theirs, step.letters)
                check_same(name, step.merged)
                continue
            merged = step.merged if step else MergeResult()
            wrong = unexpected_field(self.desired.steps[name], content, step.letters if step else {}, merged)
            if wrong is not None:
                raise NotRepresentableError(f"the file cannot be edited automatically: {name}, {field_label(wrong)}")

    # -- the state ----------------------------------------------------------------------------------------------------

    def _record(self, after: DesiredSequence, title: str) -> None:
        known, entries = self.known, dict[str, StepState | None]()
        for step in self.steps:
            if step.base is not None and step.merged.is_empty:
                continue
            if step.base is None and step.merged.conflicts:
                # What was last applied is not known: recorded, the next apply would overwrite Saleshandy's side.
                self.result.notes.append(
                    f"{step.name} is not recorded until the file and step {step.theirs.id} in Saleshandy agree"
                )
                continue
            entry = entry_after_merge(step.base, after.steps[step.name], step.theirs, step.letters, step.merged)
            if entry != step.base:
                entries[step.key] = entry
        self.result.conflicts.sort(key=lambda each: each.address)
        if known is None or known.title != title or self.left_out or entries:
            self._write_record(after, title, entries)
        if self.asked:
            self.result.outcome, self.result.code = ImportOutcome.ASKED, Status.UNKNOWN.exit_code
        elif self.result.conflicts:
            self.result.outcome, self.result.code = ImportOutcome.CONFLICT, 1
        elif self.result.wrote:
            self.result.outcome = ImportOutcome.IMPORTED if known is None else ImportOutcome.MERGED
        agreed = "file and Saleshandy are the same now; recorded in the state" if self.result.wrote else ""
        self.result.detail = ", ".join(self.changed) or (self.desired.files[0] if known is None else agreed)

    def _write_record(self, after: DesiredSequence, title: str, entries: dict[str, StepState | None]) -> None:
        known = self.known
        head = known.head if known else SequenceHead(id=self.remote.id, title=title)
        reported = {**head.reported, **self.left_out}
        head = head.model_copy(update={"title": title, "made_from": None, "reported": reported})
        entry_key = self.entry_key
        if entry_key == self.key:
            steps = {**(known.steps if known else {}), **entries}
            head = with_origin(head, steps, after, self.project_files.settings.policy)
        delta = Delta(sequence=entry_key, head=head, steps=entries)
        record(self.project_files, f"{entry_key}: imported", delta)
        self.result.wrote = True

    @property
    def entry_key(self) -> str:
        """The key in the state: the old one until a rename was applied."""
        if self.known is None or self.key in self.project_files.manager.state.sequences:
            return self.key
        return self.desired.formerly or self.key


def _equal_but_for_the_day(step: RemoteStep, content: Content) -> bool:
    merged = merge_step(None, content, step, assign_letters(step.type, step.variants, None, content))
    return all(conflict.field == DAY for conflict in merged.conflicts) and not merged.take_remote


def _displayed(key: FieldPath, value: Any) -> Any:
    """Return a value of a conflict for display. None stays: not known."""
    if value is None or isinstance(value, str | tuple):
        return value
    if key.is_status:
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return str(value)
