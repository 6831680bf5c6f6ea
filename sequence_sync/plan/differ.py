"""One sequence, as wanted and as last applied: the true differences, as changes. Pure.

Whether the API can carry a difference out is `blocking`'s question, and in which order is `order`'s. A changed or
moved step never becomes a create here: a step is known by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.calls import step_again, variant_again
from sequence_sync.plan.compare import differences, flat_variant, step_fields
from sequence_sync.plan.model import Action, Change, FieldChange, Impact, Reason
from sequence_sync.state.model import SequenceState, StepState


def sequence_changes(
    wanted: DesiredSequence, known: SequenceState | None, open_addresses: Collection[str], policy: Policy
) -> Iterator[Change]:
    """The changes of one sequence that has a file. `open_addresses`: creates whose outcome nobody knows yet."""
    sequence_id = known.id if known else wanted.remote_id
    yield from _head_changes(wanted, known, open_addresses)
    if known and wanted.remote_id not in (None, known.id):
        return
    steps = dict(known.steps) if known else {}
    for old, new in wanted.moved.items():
        if old in steps and new not in steps:
            steps[new] = steps.pop(old)
            yield Change(
                address=f"{wanted.key}.{new}",
                action=Action.MOVE,
                reason=Reason.MOVED,
                source=f"{wanted.key}.{old}",
                remote_id=steps[new].id,
                sequence_id=sequence_id,
            )
    for key, content in wanted.steps.items():
        if key in steps:
            yield from _step_changes(wanted, key, content, steps[key], sequence_id)
        else:
            yield _new_step(wanted, key, content, sequence_id, open_addresses)
    for key, step in steps.items():
        if key not in wanted.steps:
            yield from _gone_step(wanted, key, step, sequence_id, policy)


def forgotten_sequence(key: str, known: SequenceState, removed: Collection[str]) -> Change:
    """The change of a sequence whose file is gone."""
    if key in removed:
        return Change(
            address=key,
            action=Action.FORGET,
            reason=Reason.REMOVED,
            remote_id=known.id,
            sequence_id=known.id,
            title=known.title,
        )
    return Change(
        address=key,
        action=Action.BLOCKED,
        reason=Reason.SEQUENCE_REMOVED,
        impact=Impact.STRUCTURE,
        remote_id=known.id,
        sequence_id=known.id,
        title=known.title,
        advice=f'The API cannot delete a sequence. Put the file back; or pause "{known.title}" in Saleshandy, then '
        f"write `removed: [{key}]` into seqsync.yaml to stop managing it. Was it renamed? Then write "
        f"`formerly: {key}` into its new file.",
    )


def _head_changes(
    wanted: DesiredSequence, known: SequenceState | None, open_addresses: Collection[str]
) -> Iterator[Change]:
    if known is None and wanted.remote_id is not None:
        yield Change(
            address=wanted.key,
            action=Action.ADOPT,
            reason=Reason.CONFIGURED_ID,
            remote_id=wanted.remote_id,
            sequence_id=wanted.remote_id,
            title=wanted.title,
        )
    elif known is None:
        is_open = wanted.key in open_addresses
        yield Change(
            address=wanted.key,
            action=Action.CREATE_SEQUENCE,
            impact=Impact.STRUCTURE,
            title=wanted.title,
            reason=Reason.OUTCOME_UNKNOWN if is_open else Reason.NEW,
        )
    elif wanted.remote_id not in (None, known.id):
        yield Change(
            address=wanted.key,
            action=Action.BLOCKED,
            reason=Reason.ID_CHANGED,
            remote_id=known.id,
            sequence_id=known.id,
            wanted=Action.ADOPT,
            title=wanted.title,
            advice=f"The settings or the file say id {wanted.remote_id}, the state says {known.id}. Take the id out, "
            f"or run `seqsync state rm {wanted.key}` first if the other sequence is meant.",
        )
    elif known.title != wanted.title:
        yield Change(
            address=wanted.key,
            action=Action.BLOCKED,
            reason=Reason.TITLE_CHANGED,
            impact=Impact.NONE,
            remote_id=known.id,
            sequence_id=known.id,
            title=wanted.title,
            fields=differences({"title": known.title}, {"title": wanted.title}),
            advice=f'The API cannot rename a sequence. Rename "{known.title}" to "{wanted.title}" in Saleshandy.',
        )


def _new_step(
    wanted: DesiredSequence, key: str, content: Content, sequence_id: str | None, open_addresses: Collection[str]
) -> Change:
    address = f"{wanted.key}.{key}"
    if key in wanted.step_ids:
        return Change(
            address=address,
            action=Action.ADOPT,
            reason=Reason.CONFIGURED_ID,
            remote_id=wanted.step_ids[key],
            sequence_id=sequence_id,
            after=content,
        )
    return Change(
        address=address,
        action=Action.CREATE_STEP,
        impact=Impact.STRUCTURE,
        sequence_id=sequence_id,
        after=content,
        reason=Reason.OUTCOME_UNKNOWN if address in open_addresses else Reason.NEW,
    )


def _gone_step(
    wanted: DesiredSequence, key: str, step: StepState, sequence_id: str | None, policy: Policy
) -> Iterator[Change]:
    address = f"{wanted.key}.{key}"
    if key in wanted.removed:
        yield Change(
            address=address,
            action=Action.FORGET,
            reason=Reason.REMOVED,
            remote_id=step.id,
            sequence_id=sequence_id,
            before=step.content,
        )
    elif policy.removed_steps is RemovedSteps.DEACTIVATE:
        for letter, row in step.variants.items():
            if row.status != 0 or "status" in row.unsettled:
                yield Change(
                    address=f"{address}.{letter}",
                    action=Action.DEACTIVATE_VARIANT,
                    reason=Reason.STEP_REMOVED,
                    impact=Impact.STRUCTURE,
                    remote_id=row.id,
                    sequence_id=sequence_id,
                    before=step.content,
                )
    else:
        yield Change(
            address=address,
            action=Action.BLOCKED,
            reason=Reason.STEP_REMOVED,
            impact=Impact.STRUCTURE,
            remote_id=step.id,
            sequence_id=sequence_id,
            before=step.content,
            advice=f"The API cannot delete a step. Delete or switch off the step of day {step.day} in Saleshandy, then "
            f"write `removed: [{key}]` into the file to stop managing it; or let `removed_steps: deactivate` in "
            f"seqsync.yaml switch off such steps. Was it renamed? Then write `moved: [{{from: {key}, to: NEW-KEY}}]`.",
        )


def _step_changes(
    wanted: DesiredSequence, key: str, content: Content, step: StepState, sequence_id: str | None
) -> Iterator[Change]:
    address, before = f"{wanted.key}.{key}", step.content
    if key in wanted.step_ids and wanted.step_ids[key] != step.id:
        yield Change(
            address=address,
            action=Action.BLOCKED,
            reason=Reason.ID_CHANGED,
            remote_id=step.id,
            sequence_id=sequence_id,
            wanted=Action.ADOPT,
            advice=f"The settings say id {wanted.step_ids[key]}, the state says {step.id}. Take the id out of the "
            f"settings, or run `seqsync state rm {address}` first if the other step is meant.",
        )
        return
    if before == content and step.is_certain and all(row.status != 0 for row in step.variants.values()):
        return
    if content.type != step.type:
        yield Change(
            address=address,
            action=Action.BLOCKED,
            reason=Reason.TYPE_CHANGED,
            impact=Impact.STRUCTURE,
            remote_id=step.id,
            sequence_id=sequence_id,
            before=before,
            after=content,
            fields=differences({"type": step.type}, {"type": content.type}),
            advice=f"The API cannot change a step's type. Give the new step a key of its own; delete the old one in "
            f"Saleshandy and write `removed: [{key}]`.",
        )
        return
    managed = content.assignee is not None
    changed = differences(step_fields(before, managed), step_fields(content, managed))
    fields = (*changed, *step_again(step, step_fields(content, managed), changed))
    if fields:
        yield Change(
            address=address,
            action=Action.UPDATE_STEP,
            reason=_reason(changed),
            remote_id=step.id,
            impact=Impact.TIMING if any(row.field == "day" for row in fields) else Impact.NONE,
            sequence_id=sequence_id,
            before=before,
            after=content,
            fields=fields,
        )
    yield from _variant_changes(address, content, step, sequence_id)


def _variant_changes(address: str, content: Content, step: StepState, sequence_id: str | None) -> Iterator[Change]:
    before = step.content
    for letter, variant in content.variants.items():
        here = {"address": f"{address}.{letter}", "sequence_id": sequence_id, "before": before, "after": content}
        known = step.variants.get(letter)
        if known is None:
            yield Change(action=Action.CREATE_VARIANT, reason=Reason.NEW, impact=Impact.STRUCTURE, **here)
            continue
        changed = differences(flat_variant(letter, known.content), flat_variant(letter, variant))
        fields = (*changed, *variant_again(letter, known, variant, changed))
        if fields and known.status == 0:
            fields = (*fields, FieldChange(field=f"variants.{letter}.status", before="off", after="on"))
        if fields or known.status == 0:
            yield Change(
                action=Action.UPDATE_VARIANT,
                reason=_reason(changed or known.status == 0),
                remote_id=known.id,
                impact=Impact.STRUCTURE if all(row.field.endswith(".status") for row in fields) else Impact.COPY,
                fields=fields,
                **here,
            )
    for letter, known in step.variants.items():
        if letter not in content.variants and (known.status != 0 or "status" in known.unsettled):
            yield Change(
                address=f"{address}.{letter}",
                action=Action.DEACTIVATE_VARIANT,
                reason=Reason.VARIANT_REMOVED if known.status != 0 else Reason.UNSETTLED,
                impact=Impact.STRUCTURE,
                remote_id=known.id,
                sequence_id=sequence_id,
                before=before,
                after=content,
            )


def _reason(changed: object) -> Reason:
    return Reason.CHANGED if changed else Reason.UNSETTLED
