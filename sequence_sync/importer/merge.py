"""A sequence that has a file: the app's edits go into it, three ways; both sides of a conflict are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.api.types import RemoteSequence
from sequence_sync.importing.changing import Changing
from sequence_sync.importing.desk import Desk, Read, free_name
from sequence_sync.importing.drafting import Unwritable, said, stem, step_fields
from sequence_sync.importing.fresh import check_same, notes_on, record, unmanaged_of, with_origin
from sequence_sync.model.fields import LONGEST_TITLE
from sequence_sync.model.sequence import Content, WantedSequence
from sequence_sync.planning.canonical import shared_words
from sequence_sync.planning.imported import Conflict, Outcome, Row
from sequence_sync.planning.likeness import MOSTLY_THE_SAME, same_title
from sequence_sync.planning.merging import Field, Merged, base_fields, entry_after, letters_of, merge_step, misplaced
from sequence_sync.planning.told import ToldStep, ToldVariant
from sequence_sync.source.project import FileRow
from sequence_sync.state.snapshot import Delta, SequenceHead, SequenceState, StepState


@dataclass(slots=True)
class Side:
    """One step on all sides. `key` is its key in the state, `name` in the file; `base` None: not in the state."""

    key: str
    name: str
    theirs: ToldStep
    base: StepState | None
    letters: dict[str, ToldVariant]
    merged: Merged = field(default_factory=Merged)
    is_new: bool = False


class Merge:
    """One sequence being merged into its file."""

    def __init__(
        self, desk: Desk, remote: RemoteSequence, read: Read, wanted: WantedSequence, known: SequenceState | None
    ) -> None:
        self.desk, self.remote, self.read, self.wanted, self.known = desk, remote, read, wanted, known
        self.key = wanted.key
        self.row = Row(Outcome.UNCHANGED, self.key)
        self.row.notes += notes_on(Read(unknown=read.unknown))
        self.change = Changing(desk, wanted.files[0], wanted.key)
        self.sides: list[Side] = []
        self.left: dict[str, int | None] = {}
        self.changed: list[str] = []

    def run(self) -> Row:
        """Merge, write, record. Raises Unwritable; then nothing was written."""
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
            row = FileRow(after.files[0], after.key, after.title, after.remote_id, after)
            self.desk.write(row, text, self.change.bodies.files)
        self.row.notes += self.change.notes
        self._record(after, after.title if title is None else title)
        return self.row

    # -- which step is which ------------------------------------------------------------------------------------------

    def _pair(self) -> None:
        known = dict(self.known.steps) if self.known else {}
        by_id = {row.id: key for key, row in known.items()}
        fresh: list[ToldStep] = []
        for step in self.read.steps:
            key = by_id.pop(step.id, None)
            if key is None:
                fresh.append(step)
                continue
            name = self.wanted.moved.get(key, key)
            if name in self.wanted.steps and self.wanted.steps[name].type == step.type:
                letters = letters_of(known[key], self.wanted.steps[name], step)
                self.sides.append(Side(key, name, step, known[key], letters))
            elif name not in self.wanted.removed:
                self._taken_out(key, known[key], step)
        for step_id, key in by_id.items():
            self.row.notes.append(f"{key} (step {step_id}) is not in Saleshandy any more; nothing was removed")
        self._fresh(fresh)

    def _taken_out(self, key: str, base: StepState, step: ToldStep) -> None:
        """The file has it no more, or as another type: where the app changed it, that must not be lost."""
        merged = merge_step(base, base.content, step, letters_of(base, base.content, step))
        for place, value in merged.takes.items():
            before = _shown(place, base_fields(base).get(place))
            self.row.conflicts.append(
                Conflict(f"{self.key}.{key}", said(place), before, "(the step was taken out)", _shown(place, value))
            )

    def _fresh(self, steps: list[ToldStep]) -> None:
        """Steps that the state does not know: those that the file has already, and those that are new to it."""
        taken = {side.name for side in self.sides} | set(self.known.steps if self.known else ())
        free = {name: row for name, row in self.wanted.steps.items() if name not in taken}
        match = match_steps(steps, free, {remote: name for name, remote in self.wanted.step_ids.items()})
        for step in steps:
            if step.id in match:
                name = match[step.id]
                self.sides.append(Side(name, name, step, None, letters_of(None, self.wanted.steps[name], step)))
        new = [step for step in steps if step.id not in match]
        off = [step for step in new if not step.is_on]
        self.left = unmanaged_of(Read(off, self.read.unknown))
        self.row.notes += notes_on(Read(off))
        names = {*self.wanted.steps, *(self.known.steps if self.known else ())}
        for step in new:
            if step.is_on:
                self._add(step, names)

    def _add(self, step: ToldStep, names: set[str]) -> None:
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
        except Unwritable as problem:
            self._problem(f"step {step.id} cannot be added to the file: {problem}", "")
            return
        days = {key: row.day for key, row in self.wanted.steps.items()}
        days |= {side.name: side.theirs.day or 0 for side in self.sides if side.is_new}
        before = sorted((key for key in days if days[key] <= (step.day or 0)), key=lambda key: days[key])
        self.change.add(name, fields, before[-1] if before else None)
        names.add(name)
        self.sides.append(Side(name, name, step, None, letters, is_new=True))
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
            self.row.conflicts.append(Conflict(self.key, "title", base, ours, theirs))
            return base if base is not None else theirs
        owner = self.desk.title_owner(theirs, self.wanted.files[0])
        if len(theirs) > LONGEST_TITLE or not theirs.strip() or owner:
            why = f"{owner} has it already" if owner else f"a file holds 1 to {LONGEST_TITLE} characters"
            self._problem(f'the title is "{theirs}" in Saleshandy now, and cannot be taken: {why}', "")
            return base
        self.change.title(theirs)
        self.changed.append("title")
        return None

    def _step(self, side: Side) -> None:
        ours = self.wanted.steps[side.name]
        side.merged = merge_step(side.base, ours, side.theirs, side.letters)
        self.change.take(side.name, side.theirs.type, side.letters, side.merged)
        for place in side.merged.takes:
            what = f"{side.name}.{place[0]} {said(place)}" if len(place) > 1 else f"{side.name} {said(place)}"
            if len(place) > 1 and len(side.letters) == 1:
                what = f"{side.name} {said(place)}"
            self.changed.append(what)
        for clash in side.merged.clashes:
            letter = f".{clash.field[0]}" if len(clash.field) > 1 else ""
            sides = (_shown(clash.field, each) for each in (clash.base, clash.ours, clash.theirs))
            self.row.conflicts.append(Conflict(f"{self.key}.{side.name}{letter}", said(clash.field), *sides))
        if side.merged.dark:
            self.row.notes.append(
                f"{side.name} is switched off in Saleshandy and stays in the file. To let it go, take it out there and "
                f"write `removed: [{side.key}]`"
            )

    def _check(self, after: WantedSequence) -> None:
        """Raises Unwritable where the changed file says anything else than it should."""
        mine = {side.name: side for side in self.sides}
        if after.key != self.wanted.key or set(after.steps) != {*self.wanted.steps, *mine}:
            raise Unwritable("the file cannot be changed by machine: other steps would come or go")
        for name, content in after.steps.items():
            side = mine.get(name)
            if side is not None and side.is_new:
                side.merged = merge_step(None, content, side.theirs, side.letters)
                check_same(name, side.merged)
                continue
            merged = side.merged if side else Merged()
            wrong = misplaced(self.wanted.steps[name], content, side.letters if side else {}, merged)
            if wrong is not None:
                raise Unwritable(f"the file cannot be changed by machine: {name}, {said(wrong)}")

    # -- the state ----------------------------------------------------------------------------------------------------

    def _record(self, after: WantedSequence, title: str) -> None:
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
            self.row.outcome, self.row.code = Outcome.CONFLICT, 1
        elif self.row.wrote:
            self.row.outcome = Outcome.IMPORTED if known is None else Outcome.MERGED
        agreed = "file and Saleshandy say the same now; recorded" if self.row.wrote else ""
        self.row.detail = ", ".join(self.changed) or (self.wanted.files[0] if known is None else agreed)

    def _note(self, after: WantedSequence, title: str, steps: dict[str, StepState | None]) -> None:
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
        if self.known is None or self.key in self.desk.ledger.state.sequences:
            return self.key
        return self.wanted.formerly or self.key


def match_steps(steps: list[ToldStep], free: Mapping[str, Content], ids: Mapping[str, str]) -> dict[str, str]:
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
    by(lambda step, content: share if (share := _share(step, content)) >= MOSTLY_THE_SAME else 0)
    return found


def _equal(step: ToldStep, content: Content) -> bool:
    merged = merge_step(None, content, step, letters_of(None, content, step))
    return all(clash.field == ("day",) for clash in merged.clashes) and not merged.takes


def _share(step: ToldStep, content: Content) -> float:
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
