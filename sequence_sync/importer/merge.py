"""A sequence that has a file: the app's edits go into it, three ways; both sides of a conflict are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.importer.generate import check_same, notes_on, record, unmanaged_of, with_origin
from sequence_sync.importer.project_files import (
    EMPTY_TEXT,
    Bodies,
    NotRepresentableError,
    ProjectFiles,
    Read,
    email_fields,
    free_name,
    html_of,
    name_of,
    said,
    stem,
    step_fields,
    text_of,
)
from sequence_sync.importer.three_way import (
    Field,
    MergeResult,
    RemoteStepView,
    RemoteVariantView,
    base_fields,
    entry_after,
    letters_of,
    merge_step,
    misplaced,
)
from sequence_sync.model.address import Address
from sequence_sync.model.fields import LONGEST_TITLE, Priority
from sequence_sync.model.report import Conflict, ImportOutcome, ImportResult
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailVariant
from sequence_sync.plan.compare import shared_words
from sequence_sync.plan.matching import MOSTLY_EQUAL, same_title
from sequence_sync.provider.base import RemoteSequence
from sequence_sync.source.content import is_flat_text
from sequence_sync.source.files import UnreadableFileError, as_text
from sequence_sync.source.problems import Data
from sequence_sync.source.project import LoadedFile
from sequence_sync.source.writer import EditError, Value, Way, add_step, as_variants, drop, plain, put, wants_file
from sequence_sync.source.yaml import parse
from sequence_sync.state.model import Delta, SequenceHead, SequenceState, StepState

_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]")


class FileEdit:
    """One file being changed. `text` is as far as it has come; `bodies` holds content files; `notes` say what a
    person should know."""

    def __init__(self, desk: ProjectFiles, path: str, key: str) -> None:
        self.desk, self.path = desk, path
        try:
            self.before = as_text(desk.text_of(path))
        except UnreadableFileError as problem:
            raise NotRepresentableError(f"{path}: {problem.summary}") from None
        self.text = self.before
        self.bodies: Bodies = desk.bodies(key, path)
        self.notes: list[str] = []

    @property
    def is_changed(self) -> bool:
        """Whether anything is to be written."""
        return self.text != self.before or bool(self.bodies.files)

    def take(self, step: str, kind: str, letters: Mapping[str, RemoteVariantView], merged: MergeResult) -> None:
        """Put what `merged` takes into the step. Raises NotRepresentableError where it cannot be done by machine."""
        # What is new comes before what goes, so that something is always there.
        takes = sorted(merged.takes.items(), key=lambda take: take[0][1:] == ("status",) and not take[1])
        for place, value in takes:
            try:
                self._take(step, kind, letters, place, value)
            except EditError as problem:
                raise NotRepresentableError(
                    f"{step}: {'.'.join(place)} cannot be changed in the file: {problem}"
                ) from None

    def title(self, title: str) -> None:
        """Another title."""
        try:
            self.text = put(self.text, ("title",), text_of(title))
        except EditError as problem:
            raise NotRepresentableError(f"the title cannot be changed in the file: {problem}") from None

    def add(self, step: str, fields: dict[str, Value], after: str | None) -> None:
        """A step that is new."""
        try:
            self.text = add_step(self.text, step, fields, after)
        except EditError as problem:
            raise NotRepresentableError(f"{step} cannot be added to the file: {problem}") from None

    def _take(self, step: str, kind: str, letters: Mapping[str, RemoteVariantView], place: Field, value: Any) -> None:
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
            self._set((*self._variant(step, place[0]), place[-1]), inner)
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
        name = place[-1]
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

    def _switch(self, step: str, kind: str, letter: str, row: RemoteVariantView, on: bool) -> None:
        way = ("steps", step, "variants", letter)
        if not on:
            for name in _content_files(self._at(way)):
                self.notes.append(f"{step}: {self.bodies.path(name)} is not used by variant {letter} any more")
            self.text = drop(self.text, way)
            return
        if kind != EMAIL:
            raise EditError("only an email may have several variants in a file")
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
        return parse(self.text).data

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


@dataclass(slots=True)
class StepMerge:
    """One step on all sides. `key` is its key in the state, `name` in the file; `base` None: not in the state."""

    key: str
    name: str
    theirs: RemoteStepView
    base: StepState | None
    letters: dict[str, RemoteVariantView]
    merged: MergeResult = field(default_factory=MergeResult)
    is_new: bool = False


class SequenceMerge:
    """One sequence being merged into its file."""

    def __init__(
        self,
        desk: ProjectFiles,
        remote: RemoteSequence,
        read: Read,
        wanted: DesiredSequence,
        known: SequenceState | None,
    ) -> None:
        self.desk, self.remote, self.read, self.wanted, self.known = desk, remote, read, wanted, known
        self.key = wanted.key
        self.row = ImportResult(ImportOutcome.UNCHANGED, self.key)
        self.row.notes += notes_on(Read(unknown=read.unknown))
        self.change = FileEdit(desk, wanted.files[0], wanted.key)
        self.sides: list[StepMerge] = []
        self.left: dict[str, int | None] = {}
        self.changed: list[str] = []

    def run(self) -> ImportResult:
        """Merge, write, record. Raises NotRepresentableError; then nothing was written."""
        self._pair()
        title = self._title()
        for side in self.sides:
            if not side.is_new:
                self._step(side)
        text = self.change.text
        after = self.wanted
        if self.change.is_changed:
            after = self.desk.built(self.wanted.files[0], text, self.change.bodies.files)
            self._check(after)
            row = LoadedFile(after.files[0], after.key, after.title, after.remote_id, after)
            self.desk.write(row, text, self.change.bodies.files)
        self.row.notes += self.change.notes
        self._record(after, after.title if title is None else title)
        return self.row

    # -- which step is which ------------------------------------------------------------------------------------------

    def _pair(self) -> None:
        known = dict(self.known.steps) if self.known else {}
        by_id = {row.id: key for key, row in known.items()}
        fresh: list[RemoteStepView] = []
        for step in self.read.steps:
            key = by_id.pop(step.id, None)
            if key is None:
                fresh.append(step)
                continue
            name = self.wanted.moved.get(key, key)
            if name in self.wanted.steps and self.wanted.steps[name].type == step.type:
                letters = letters_of(known[key], self.wanted.steps[name], step)
                self.sides.append(StepMerge(key, name, step, known[key], letters))
            elif name not in self.wanted.removed:
                self._taken_out(key, known[key], step)
        for step_id, key in by_id.items():
            self.row.notes.append(f"{key} (step {step_id}) is not in Saleshandy any more; nothing was removed")
        self._fresh(fresh)

    def _taken_out(self, key: str, base: StepState, step: RemoteStepView) -> None:
        """The file has it no more, or as another type: where the app changed it, that must not be lost."""
        merged = merge_step(base, base.content, step, letters_of(base, base.content, step))
        for place, value in merged.takes.items():
            before = _shown(place, base_fields(base).get(place))
            self.row.conflicts.append(
                Conflict(Address(self.key, key), said(place), before, "(the step was taken out)", _shown(place, value))
            )

    def _fresh(self, steps: list[RemoteStepView]) -> None:
        """Steps that the state does not know: those that the file has already, and those that are new to it."""
        taken = {side.name for side in self.sides} | set(self.known.steps if self.known else ())
        free = {name: row for name, row in self.wanted.steps.items() if name not in taken}
        match = share_steps(steps, free, {remote: name for name, remote in self.wanted.step_ids.items()})
        for step in steps:
            if step.id in match:
                name = match[step.id]
                self.sides.append(StepMerge(name, name, step, None, letters_of(None, self.wanted.steps[name], step)))
        new = [step for step in steps if step.id not in match]
        off = [step for step in new if not step.is_on]
        self.left = unmanaged_of(Read(off, self.read.unknown))
        self.row.notes += notes_on(Read(off))
        names = {*self.wanted.steps, *(self.known.steps if self.known else ())}
        for step in new:
            if step.is_on:
                self._add(step, names)

    def _add(self, step: RemoteStepView, names: set[str]) -> None:
        number = next(at for at, each in enumerate(self.read.steps, start=1) if each.id == step.id)
        name = free_name(f"{stem(step.type)}-{number}", names)
        if step.day is None:
            self._problem(
                f"step {step.id} ({stem(step.type)}) was added in Saleshandy, which does not tell its day",
                f"Write it into the file with its day, then: seqsync import {self.remote.id}",
            )
            return
        letters = letters_of(None, None, step)
        try:
            fields = step_fields(step, name, letters, self.desk.environment, self.change.bodies)
        except NotRepresentableError as problem:
            self._problem(f"step {step.id} cannot be added to the file: {problem}", "")
            return
        days = {key: row.day for key, row in self.wanted.steps.items()}
        days |= {side.name: side.theirs.day or 0 for side in self.sides if side.is_new}
        before = sorted((key for key in days if days[key] <= (step.day or 0)), key=lambda key: days[key])
        self.change.add(name, fields, before[-1] if before else None)
        names.add(name)
        self.sides.append(StepMerge(name, name, step, None, letters, is_new=True))
        self.changed.append(f"new step {name}")

    def _problem(self, text: str, hint: str) -> None:
        self.row.notes += [part for part in (text, hint) if part]
        self.row.code = 1

    # -- three ways ---------------------------------------------------------------------------------------------------

    def _title(self) -> str | None:
        """What the state is to say of the title; None: what the file says."""
        base = self.known.title if self.known else None
        theirs, ours = self.remote.title, self.wanted.title
        if base is not None and same_title(base, theirs):
            return base
        if same_title(ours, theirs):
            return None
        if base is None or ours != base:
            self.row.conflicts.append(Conflict(Address(self.key), "title", base, ours, theirs))
            return base if base is not None else theirs
        owner = self.desk.title_owner(theirs, self.wanted.files[0])
        if len(theirs) > LONGEST_TITLE or not theirs.strip() or owner:
            why = f"{owner} has it already" if owner else f"a file holds 1 to {LONGEST_TITLE} characters"
            self._problem(f'the title is "{theirs}" in Saleshandy now, and cannot be taken: {why}', "")
            return base
        self.change.title(theirs)
        self.changed.append("title")
        return None

    def _step(self, side: StepMerge) -> None:
        ours = self.wanted.steps[side.name]
        side.merged = merge_step(side.base, ours, side.theirs, side.letters)
        self.change.take(side.name, side.theirs.type, side.letters, side.merged)
        for place in side.merged.takes:
            what = f"{side.name}.{place[0]} {said(place)}" if len(place) > 1 else f"{side.name} {said(place)}"
            if len(place) > 1 and len(side.letters) == 1:
                what = f"{side.name} {said(place)}"
            self.changed.append(what)
        for clash in side.merged.clashes:
            letter = clash.field[0] if len(clash.field) > 1 else None
            sides = (_shown(clash.field, each) for each in (clash.base, clash.ours, clash.theirs))
            self.row.conflicts.append(Conflict(Address(self.key, side.name, letter), said(clash.field), *sides))
        if side.merged.dark:
            self.row.notes.append(
                f"{side.name} is switched off in Saleshandy and stays in the file. To let it go, take it out there and "
                f"write `removed: [{side.key}]`"
            )

    def _check(self, after: DesiredSequence) -> None:
        """Raises NotRepresentableError where the changed file says anything else than it should."""
        mine = {side.name: side for side in self.sides}
        if after.key != self.wanted.key or set(after.steps) != {*self.wanted.steps, *mine}:
            raise NotRepresentableError("the file cannot be changed by machine: other steps would come or go")
        for name, content in after.steps.items():
            side = mine.get(name)
            if side is not None and side.is_new:
                side.merged = merge_step(None, content, side.theirs, side.letters)
                check_same(name, side.merged)
                continue
            merged = side.merged if side else MergeResult()
            wrong = misplaced(self.wanted.steps[name], content, side.letters if side else {}, merged)
            if wrong is not None:
                raise NotRepresentableError(f"the file cannot be changed by machine: {name}, {said(wrong)}")

    # -- the state ----------------------------------------------------------------------------------------------------

    def _record(self, after: DesiredSequence, title: str) -> None:
        known, steps = self.known, dict[str, StepState | None]()
        for side in self.sides:
            if side.base is not None and side.merged.is_quiet:
                continue
            entry = entry_after(side.base, after.steps[side.name], side.theirs, side.letters, side.merged)
            if entry != side.base:
                steps[side.key] = entry
        self.row.conflicts.sort(key=lambda each: each.address)
        adopted = known is None or known.title != title or any(step_id not in known.unmanaged for step_id in self.left)
        if adopted or steps:
            self._note(after, title, steps)
        if self.row.conflicts:
            self.row.outcome, self.row.code = ImportOutcome.CONFLICT, 1
        elif self.row.wrote:
            self.row.outcome = ImportOutcome.IMPORTED if known is None else ImportOutcome.MERGED
        agreed = "file and Saleshandy say the same now; recorded" if self.row.wrote else ""
        self.row.detail = ", ".join(self.changed) or (self.wanted.files[0] if known is None else agreed)

    def _note(self, after: DesiredSequence, title: str, steps: dict[str, StepState | None]) -> None:
        known = self.known
        unmanaged = {**(known.unmanaged if known else {}), **self.left}
        head = SequenceHead(id=self.remote.id, title=title, unmanaged=unmanaged, gone=known.gone if known else ())
        entry_key = self.entry_key
        if entry_key == self.key:
            head = with_origin(head, {**(known.steps if known else {}), **steps}, after, self.desk.settings.policy)
        record(self.desk, f"{entry_key}: imported", Delta(sequence=entry_key, head=head, steps=steps))
        self.row.wrote = True

    @property
    def entry_key(self) -> str:
        """The key in the state: the old one, as long as a rename has not been applied."""
        if self.known is None or self.key in self.desk.manager.state.sequences:
            return self.key
        return self.wanted.formerly or self.key


def share_steps(steps: list[RemoteStepView], free: Mapping[str, Content], ids: Mapping[str, str]) -> dict[str, str]:
    """Which of the app's `steps` is which step of the file, by id: as the settings say; equal in text; of the same
    type and day; of the same type and with half of the words in common, the nearest first."""
    steps = sorted(steps, key=lambda step: not step.is_on)
    found = {step.id: ids[step.id] for step in steps if ids.get(step.id) in free}

    def by(score_of: Any) -> None:
        for step in steps:
            if step.id in found:
                continue
            left = [name for name in free if name not in found.values() and free[name].type == step.type]
            scores = {name: score_of(step, free[name]) for name in left}
            best = max(scores, key=lambda name: scores[name], default=None)
            if best is not None and scores[best] > 0:
                found[step.id] = best

    by(lambda step, content: int(_equal(step, content) and step.day in (None, content.day)))
    by(lambda step, content: int(_equal(step, content)))
    by(lambda step, content: int(step.day == content.day))
    by(lambda step, content: share if (share := _share(step, content)) >= MOSTLY_EQUAL else 0)
    return found


def _equal(step: RemoteStepView, content: Content) -> bool:
    merged = merge_step(None, content, step, letters_of(None, content, step))
    return all(clash.field == ("day",) for clash in merged.clashes) and not merged.takes


def _share(step: RemoteStepView, content: Content) -> float:
    return max(
        (
            shared_words({**ours.payload, "note": ours.task_note}, {**row.payload, "note": row.note or ""})
            for ours in content.variants.values()
            for row in step.variants
        ),
        default=0.0,
    )


def _shown(place: Field, value: Any) -> Any:
    """A value of a conflict, for people. None stays: not known."""
    if value is None or isinstance(value, str | tuple):
        return value
    if place[1:] == ("status",):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {inner}" for name, inner in value.items())
    return str(value)
