"""Import a sequence that has no file yet: its file, its content files, its entry in the state.

Also what both kinds of import share: which steps stay out of a file, the notes about them, and the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sequence_sync.importer.project_files import (
    NotRepresentableError,
    ProjectFiles,
    ReadSteps,
    field_label,
    free_name,
    new_step_fields,
    type_stem,
)
from sequence_sync.importer.three_way import MergeResult, entry_after_merge, merge_step
from sequence_sync.model.address import Address
from sequence_sync.model.fields import LONGEST_TITLE
from sequence_sync.model.report import ImportOutcome, ImportResult
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.settings import Policy
from sequence_sync.model.words import counted
from sequence_sync.plan.differ import sequence_changes
from sequence_sync.plan.matching import assign_letters
from sequence_sync.provider.base import RemoteSequence, RemoteStep
from sequence_sync.source.project import LoadedFile
from sequence_sync.source.writer import Draft, Value, file_text
from sequence_sync.state.journal import NoteRecord
from sequence_sync.state.model import Delta, MadeFrom, SequenceHead, SequenceState, StepState


def import_new(
    project_files: ProjectFiles, remote: RemoteSequence, read: ReadSteps, key: str, known: SequenceState | None
) -> ImportResult:
    """Write the file and the record. `known` is the state's entry, if only the file is missing.

    Raises NotRepresentableError.
    """
    _check_title(project_files, remote.title)
    on = [step for step in read.steps if step.is_on]
    keys = step_keys(on, known, _ids_of(project_files, key))
    path = project_files.path_for(key)
    content_files = project_files.content_files(key, path)
    steps = {keys[step.id]: (step, assign_letters(step.type, step.variants, None, None)) for step in on}
    fields: dict[str, dict[str, Value]] = {}
    for name, (step, letters) in steps.items():
        try:
            fields[name] = new_step_fields(step, name, letters, project_files.environment, content_files)
        except NotRepresentableError as problem:
            raise NotRepresentableError(f"{name} (step {step.id}): {problem}") from None
    draft = Draft(key, remote.title, fields, schema=project_files.schema_from(path))
    missing = [name for name, (step, _) in steps.items() if step.day is None]
    desired = project_files.built(path, file_text(_with_days(draft, missing)), content_files.files)
    entries: dict[str, StepState | None] = {}
    for name, (step, letters) in steps.items():
        merged = merge_step(None, desired.steps[name], step, letters)
        check_same(name, merged)
        entries[name] = entry_after_merge(None, desired.steps[name], step, letters, merged)
    if missing:
        return _incomplete(project_files, remote, draft, path, content_files.files, missing)
    project_files.write(LoadedFile(path, key, desired.title, None, desired), file_text(draft), content_files.files)
    head = known.head if known else SequenceHead(id=remote.id, title=desired.title)
    reported = {**head.reported, **unmanaged_days(read)}
    head = head.model_copy(update={"title": desired.title, "made_from": None, "reported": reported})
    head = with_origin(head, entries, desired, project_files.settings.policy)
    record(project_files, f"{key} is imported", Delta(sequence=key, head=head, steps=entries))
    count = counted(len(on), "step") if on else "no steps yet"
    result = ImportResult(ImportOutcome.IMPORTED, key, f"{path}, {count}", wrote=True)
    result.notes += notes_about(read)
    return result


def _check_title(project_files: ProjectFiles, title: str) -> None:
    if not title.strip():
        raise NotRepresentableError("the sequence has no title")
    if len(title) > LONGEST_TITLE:
        raise NotRepresentableError(f"its title has {len(title)} characters, and a file allows {LONGEST_TITLE}")
    owner = project_files.title_owner(title)
    if owner:
        raise NotRepresentableError(f'{owner} already has the title "{title}", and titles must be unique in a project')


def _ids_of(project_files: ProjectFiles, key: str) -> dict[str, str]:
    """Return the keys that `ids:` in the settings gives to steps, by id."""
    ids = project_files.environment.ids.items()
    named = [(Address(text), remote) for text, remote in ids]
    return {remote: address.step for address, remote in named if address.sequence == key and address.step}


def step_keys(steps: list[RemoteStep], known: SequenceState | None, ids: Mapping[str, str]) -> dict[str, str]:
    """Return a key for each step, by id: the known one, else made from its type and position."""
    keys = dict(ids) | {row.id: key for key, row in (known.steps if known else {}).items()}
    taken = set(keys.values())
    for number, step in enumerate(steps, start=1):
        if step.id not in keys:
            keys[step.id] = free_name(f"{type_stem(step.type)}-{number}", taken)
            taken.add(keys[step.id])
    return keys


def check_same(name: str, merged: MergeResult) -> None:
    """Raise NotRepresentableError if a step in the file would not say what Saleshandy says."""
    if merged.conflicts or merged.take_remote:
        key = merged.conflicts[0].field if merged.conflicts else next(iter(merged.take_remote))
        raise NotRepresentableError(
            f"{name}: its {field_label(key)} cannot be written to a file without changing what it says"
        )


def _with_days(draft: Draft, missing: list[str]) -> Draft:
    """Return `draft` with placeholder days for `missing` steps, so that the rest can be read back and compared."""
    used = {fields["day"] for fields in draft.steps.values()}
    free = (day for day in range(999, 0, -1) if day not in used)
    steps = {name: {**fields, "day": next(free)} if name in missing else fields for name, fields in draft.steps.items()}
    return replace(draft, steps=steps)


def _incomplete(
    project_files: ProjectFiles,
    remote: RemoteSequence,
    draft: Draft,
    path: str,
    files: Mapping[str, bytes],
    missing: list[str],
) -> ImportResult:
    alone = len(project_files.settings.environments) == 1
    configured = project_files.environment.ids.get(draft.key) == remote.id
    text = file_text(replace(draft, remote_id=remote.id if alone and not configured else ""))
    project_files.write(LoadedFile(path, draft.key, draft.title, remote.id), text, files)
    result = ImportResult(
        ImportOutcome.INCOMPLETE, draft.key, f"{path}, {len(missing)} without a day", wrote=True, code=1
    )
    result.notes.append("The API does not return the days. Look them up in Saleshandy, write them into the file, then:")
    result.notes.append(f"seqsync import {remote.id}")
    if not alone and not configured:
        result.ids_line = f"{draft.key}: {remote.id}"
    return result


def unmanaged_days(read: ReadSteps) -> dict[str, int | None]:
    """Return the steps that stay out of files (unknown types, deactivated), with the days that emails hold."""
    days: dict[str, int | None] = {step.id: None for step in read.unknown}
    return days | {step.id: step.day if step.is_email else None for step in read.steps if not step.is_on}


def notes_about(read: ReadSteps) -> list[str]:
    """Return notes about the steps that stay out of the file."""
    notes = [
        f"step {step.id} has a type that seqsync does not know ({step.type_words}): left as it is"
        for step in read.unknown
    ]
    for step in read.steps:
        if not step.is_on:
            what = type_stem(step.type) + (f", day {step.day}" if step.day else "")
            notes.append(
                f"step {step.id} ({what}) is deactivated: left as it is. To manage it, write it into the file, and "
                "its id under `ids:` in seqsync.yaml"
            )
    return notes


def with_origin(
    head: SequenceHead, steps: Mapping[str, StepState | None], desired: DesiredSequence, policy: Policy
) -> SequenceHead:
    """Return `head` with the digest of its files if file and state are equal: then a plan need not read them."""
    kept = {name: step for name, step in steps.items() if step is not None}
    entry = SequenceState(**{**dict(head), "made_from": None}, steps=kept)
    if any(sequence_changes(desired, entry, (), policy)):
        return head.model_copy(update={"made_from": None})
    origin = MadeFrom(files=desired.files, digest=entry.made_from_digest(desired.source_digest))
    return head.model_copy(update={"made_from": origin})


def record(project_files: ProjectFiles, text: str, delta: Delta) -> None:
    """Write one durable record. It ends a saved plan that was being applied."""
    project_files.manager.append(NoteRecord(text=text, deltas=(delta,), clears_applying=True))
    project_files.manager.checkpoint_if_due()
