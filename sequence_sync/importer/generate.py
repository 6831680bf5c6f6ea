"""A sequence that has no file yet: its file, its content files, its entry in the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sequence_sync.importer.project_files import (
    NotRepresentableError,
    ProjectFiles,
    Read,
    free_name,
    said,
    stem,
    step_fields,
)
from sequence_sync.importer.three_way import MergeResult, RemoteStepView, entry_after, letters_of, merge_step
from sequence_sync.model.address import Address
from sequence_sync.model.fields import LONGEST_TITLE
from sequence_sync.model.report import ImportOutcome, ImportResult
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.settings import Policy
from sequence_sync.plan.differ import sequence_changes
from sequence_sync.provider.base import RemoteSequence
from sequence_sync.source.project import LoadedFile
from sequence_sync.source.writer import Draft, Value, file_text
from sequence_sync.state.journal import NoteRecord
from sequence_sync.state.model import Delta, MadeFrom, SequenceHead, SequenceState, StepState


def import_new(
    desk: ProjectFiles, remote: RemoteSequence, read: Read, key: str, known: SequenceState | None
) -> ImportResult:
    """Write the file and the record. `known` is its entry where the state has it and only the file is missing.

    Raises NotRepresentableError.
    """
    _check_title(desk, remote.title)
    on = [step for step in read.steps if step.is_on]
    keys = step_keys(on, known, _ids_of(desk, key))
    path = desk.path_for(key)
    bodies = desk.bodies(key, path)
    sides = {keys[step.id]: (step, letters_of(None, None, step)) for step in on}
    fields: dict[str, dict[str, Value]] = {}
    for name, (step, letters) in sides.items():
        try:
            fields[name] = step_fields(step, name, letters, desk.environment, bodies)
        except NotRepresentableError as problem:
            raise NotRepresentableError(f"{name} (step {step.id}): {problem}") from None
    draft = Draft(key, remote.title, fields, schema=desk.schema_from(path))
    missing = [name for name, (step, _) in sides.items() if step.day is None]
    wanted = desk.built(path, file_text(_with_days(draft, missing)), bodies.files)
    entries: dict[str, StepState | None] = {}
    for name, (step, letters) in sides.items():
        merged = merge_step(None, wanted.steps[name], step, letters)
        check_same(name, merged)
        entries[name] = entry_after(None, wanted.steps[name], step, letters, merged)
    if missing:
        return _incomplete(desk, remote, draft, path, bodies.files, missing)
    desk.write(LoadedFile(path, key, wanted.title, None, wanted), file_text(draft), bodies.files)
    left = unmanaged_of(read)
    head = SequenceHead(id=remote.id, title=wanted.title, unmanaged={**(known.unmanaged if known else {}), **left})
    head = with_origin(head, entries, wanted, desk.settings.policy)
    record(desk, f"{key} is imported", Delta(sequence=key, head=head, steps=entries))
    count = f"{len(on)} step{'s' if len(on) != 1 else ''}" if on else "no steps yet"
    row = ImportResult(ImportOutcome.IMPORTED, key, f"{path}, {count}", wrote=True)
    row.notes += notes_on(read)
    return row


def _check_title(desk: ProjectFiles, title: str) -> None:
    if not title.strip():
        raise NotRepresentableError("it has no title")
    if len(title) > LONGEST_TITLE:
        raise NotRepresentableError(f"its title has {len(title)} characters, and a file holds {LONGEST_TITLE}")
    owner = desk.title_owner(title)
    if owner:
        raise NotRepresentableError(f'{owner} has the title "{title}" already, and a title stands once in a project')


def _ids_of(desk: ProjectFiles, key: str) -> dict[str, str]:
    """What `ids:` call the steps: key by id."""
    ids = desk.environment.ids.items()
    named = [(Address(text), remote) for text, remote in ids]
    return {remote: address.step for address, remote in named if address.sequence == key and address.step}


def step_keys(steps: list[RemoteStepView], known: SequenceState | None, ids: Mapping[str, str]) -> dict[str, str]:
    """A key for each step by its id: the one it has, else its type and its place in the sequence."""
    keys = dict(ids) | {row.id: key for key, row in (known.steps if known else {}).items()}
    taken = set(keys.values())
    for number, step in enumerate(steps, start=1):
        if step.id not in keys:
            keys[step.id] = free_name(f"{stem(step.type)}-{number}", taken)
            taken.add(keys[step.id])
    return keys


def check_same(name: str, merged: MergeResult) -> None:
    """Raises NotRepresentableError where a step in the file would not say what the app says."""
    if merged.clashes or merged.takes:
        place = merged.clashes[0].field if merged.clashes else next(iter(merged.takes))
        raise NotRepresentableError(f"{name}: its {said(place)} cannot be written so that it says the same")


def _with_days(draft: Draft, missing: list[str]) -> Draft:
    """With days for the steps that have none, so that everything else can be looked at."""
    used = {fields["day"] for fields in draft.steps.values()}
    free = (day for day in range(999, 0, -1) if day not in used)
    steps = {name: {**fields, "day": next(free)} if name in missing else fields for name, fields in draft.steps.items()}
    return replace(draft, steps=steps)


def _incomplete(
    desk: ProjectFiles, remote: RemoteSequence, draft: Draft, path: str, files: Mapping[str, bytes], missing: list[str]
) -> ImportResult:
    alone = len(desk.settings.environments) == 1
    configured = desk.environment.ids.get(draft.key) == remote.id
    text = file_text(replace(draft, remote_id=remote.id if alone and not configured else ""))
    desk.write(LoadedFile(path, draft.key, draft.title, remote.id), text, files)
    row = ImportResult(ImportOutcome.INCOMPLETE, draft.key, f"{path}, {len(missing)} without a day", wrote=True, code=1)
    row.notes.append("Saleshandy does not tell the days. Look them up there, write them into the file, then:")
    row.notes.append(f"seqsync import {remote.id}")
    if not alone and not configured:
        row.ids_line = f"{draft.key}: {remote.id}"
    return row


def unmanaged_of(read: Read) -> dict[str, int | None]:
    """The steps that stay out of files, as the state remembers them: of unknown types, and those switched off."""
    left: dict[str, int | None] = {step.id: None for step in read.unknown}
    return left | {step.id: step.day if step.is_email else None for step in read.steps if not step.is_on}


def notes_on(read: Read) -> list[str]:
    """What is told of the steps that stay out."""
    notes = [
        f"step {step.id} is of a type that seqsync does not know ({step.type_words}): left alone"
        for step in read.unknown
    ]
    for step in read.steps:
        if not step.is_on:
            what = stem(step.type) + (f", day {step.day}" if step.day else "")
            notes.append(
                f"step {step.id} ({what}) is switched off: left alone. To manage it, write it into the file and its id "
                "under `ids:` of the settings"
            )
    return notes


def with_origin(
    head: SequenceHead, steps: Mapping[str, StepState | None], wanted: DesiredSequence, policy: Policy
) -> SequenceHead:
    """`head`, with what it was made from where file and state say the same, so that plan need not read the file."""
    kept = {name: step for name, step in steps.items() if step is not None}
    entry = SequenceState(**{**dict(head), "made_from": None}, steps=kept)
    if any(sequence_changes(wanted, entry, (), policy)):
        return head.model_copy(update={"made_from": None})
    origin = MadeFrom(files=wanted.files, digest=entry.made_from_digest(wanted.source_digest))
    return head.model_copy(update={"made_from": origin})


def record(desk: ProjectFiles, text: str, delta: Delta) -> None:
    """One durable record; a saved plan that was under way is over."""
    desk.manager.append(NoteRecord(text=text, deltas=(delta,), clears_applying=True))
    desk.manager.checkpoint_if_due()
