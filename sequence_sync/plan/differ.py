"""The differences between one sequence's file and what was last applied, as changes. Pure.

Must not decide whether the API supports a change (`guards`) or in which order changes are made (`planner`). A step is
known by its key: a changed or moved step never becomes a create here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from sequence_sync.model.address import Address, FieldPath
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.plan.calls import repeated_step_fields, repeated_variant_fields
from sequence_sync.plan.compare import differences, flat_variant, step_fields
from sequence_sync.plan.matching import says_something, text_key
from sequence_sync.plan.model import Action, Change, FieldChange, Impact, Reason
from sequence_sync.state.model import ForgottenStep, SequenceState, StepState


def sequence_changes(
    desired: DesiredSequence, known: SequenceState | None, open_addresses: Collection[Address], policy: Policy
) -> Iterator[Change]:
    """Yield the changes of one sequence that has a file. `open_addresses`: creates whose outcome is not known."""
    sequence_id = known.id if known else desired.remote_id
    yield from _head_changes(desired, known, open_addresses)
    if known and desired.remote_id not in (None, known.id):
        return
    steps = dict(known.steps) if known else {}
    for old, new in desired.moved.items():
        if old in steps and new not in steps:
            steps[new] = steps.pop(old)
            yield Change(
                address=Address(desired.key, new),
                action=Action.MOVE,
                reason=Reason.MOVED,
                source=Address(desired.key, old),
                remote_id=steps[new].id,
                sequence_id=sequence_id,
            )
    again = _adopted_again(desired, known, steps)
    for key, content in desired.steps.items():
        if key in steps:
            yield from _step_changes(desired, key, content, steps[key], sequence_id)
        elif key in again:
            yield _adopt_again(Address(desired.key, key), content, again[key], sequence_id)
            yield from _step_changes(desired, key, content, again[key], sequence_id)
        else:
            yield _new_step(desired, key, content, sequence_id, open_addresses)
    for key, step in steps.items():
        if key not in desired.steps:
            yield from _gone_step(desired, key, step, sequence_id, policy)


def _adopted_again(
    desired: DesiredSequence, known: SequenceState | None, managed: Collection[str]
) -> Mapping[str, ForgottenStep]:
    """Return the forgotten steps that the file declares again, by key: by their key and type, else by their text."""
    left = sorted(known.forgotten.values() if known else (), key=lambda step: not step.is_there)
    left = [step for step in left if step.id not in desired.step_ids.values()]
    new = {key: row for key, row in desired.steps.items() if key not in managed and key not in desired.step_ids}
    again: dict[str, ForgottenStep] = {}

    def take(is_it: Callable[[str, Content, ForgottenStep], bool]) -> None:
        for key, content in new.items():
            found = next((step for step in left if key not in again and is_it(key, content, step)), None)
            if found is not None:
                left.remove(found)
                again[key] = found

    old_keys = {new_key: old for old, new_key in desired.moved.items()}
    take(lambda key, content, step: step.type == content.type and step.key in (key, old_keys.get(key)))
    declared = known.declared_ids if known else frozenset()
    left = [step for step in left if step.id not in declared]
    take(
        lambda key, content, step: (
            says_something(content.variants.values()) and text_key(step.content) == text_key(content)
        )
    )
    return again


def _adopt_again(address: Address, content: Content, step: ForgottenStep, sequence_id: str | None) -> Change:
    return Change(
        address=address,
        action=Action.ADOPT,
        reason=Reason.FORGOTTEN,
        remote_id=step.id,
        sequence_id=sequence_id,
        after=content,
    )


def forgotten_sequence(key: str, known: SequenceState, removed: Collection[str]) -> Change:
    """Return the change of a sequence whose file is gone."""
    if key in removed:
        return Change(
            address=Address(key),
            action=Action.FORGET,
            reason=Reason.REMOVED,
            remote_id=known.id,
            sequence_id=known.id,
            title=known.title,
        )
    return Change(
        address=Address(key),
        action=Action.BLOCKED,
        reason=Reason.SEQUENCE_REMOVED,
        impact=Impact.STRUCTURE,
        remote_id=known.id,
        sequence_id=known.id,
        title=known.title,
        advice="The API cannot delete a sequence. To keep it, restore the file. To stop managing it, pause "
        f'"{known.title}" in Saleshandy and write `removed: [{key}]` into seqsync.yaml. If you renamed it, write '
        f"`formerly: {key}` into its new file.",
    )


def _head_changes(
    desired: DesiredSequence, known: SequenceState | None, open_addresses: Collection[Address]
) -> Iterator[Change]:
    if known is None and desired.remote_id is not None:
        yield Change(
            address=Address(desired.key),
            action=Action.ADOPT,
            reason=Reason.CONFIGURED_ID,
            remote_id=desired.remote_id,
            sequence_id=desired.remote_id,
            title=desired.title,
        )
    elif known is None:
        is_open = desired.key in open_addresses
        yield Change(
            address=Address(desired.key),
            action=Action.CREATE_SEQUENCE,
            impact=Impact.STRUCTURE,
            title=desired.title,
            reason=Reason.OUTCOME_UNKNOWN if is_open else Reason.NEW,
        )
    elif desired.remote_id not in (None, known.id):
        yield Change(
            address=Address(desired.key),
            action=Action.BLOCKED,
            reason=Reason.ID_CHANGED,
            remote_id=known.id,
            sequence_id=known.id,
            wanted=Action.ADOPT,
            title=desired.title,
            advice=f"The settings or the file have id {desired.remote_id}, the state has {known.id}. Remove the id. "
            f"Or, if you mean the other sequence, run `seqsync state rm {desired.key}` first.",
        )
    elif known.title != desired.title:
        yield Change(
            address=Address(desired.key),
            action=Action.BLOCKED,
            reason=Reason.TITLE_CHANGED,
            impact=Impact.NONE,
            remote_id=known.id,
            sequence_id=known.id,
            title=desired.title,
            fields=differences({"title": known.title}, {"title": desired.title}),
            advice=f'The API cannot rename a sequence. Rename "{known.title}" to "{desired.title}" in Saleshandy.',
        )


def _new_step(
    desired: DesiredSequence, key: str, content: Content, sequence_id: str | None, open_addresses: Collection[Address]
) -> Change:
    address = Address(desired.key, key)
    if key in desired.step_ids:
        return Change(
            address=address,
            action=Action.ADOPT,
            reason=Reason.CONFIGURED_ID,
            remote_id=desired.step_ids[key],
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
    desired: DesiredSequence, key: str, step: StepState, sequence_id: str | None, policy: Policy
) -> Iterator[Change]:
    address = Address(desired.key, key)
    if key in desired.removed:
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
                    address=address.child(letter),
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
            advice=f"The API cannot delete a step. Delete or deactivate the step of day {step.day} in Saleshandy, and "
            f"write `removed: [{key}]` into the file to stop managing it. Or set `removed_steps: deactivate` in "
            "seqsync.yaml to deactivate such steps. If you renamed it, write "
            f"`moved: [{{from: {key}, to: NEW-KEY}}]`.",
        )


def _step_changes(
    desired: DesiredSequence, key: str, content: Content, step: StepState, sequence_id: str | None
) -> Iterator[Change]:
    address, before = Address(desired.key, key), step.content
    if key in desired.step_ids and desired.step_ids[key] != step.id:
        yield Change(
            address=address,
            action=Action.BLOCKED,
            reason=Reason.ID_CHANGED,
            remote_id=step.id,
            sequence_id=sequence_id,
            wanted=Action.ADOPT,
            advice=f"The settings have id {desired.step_ids[key]}, the state has {step.id}. Remove the id from the "
            f"settings. Or, if you mean the other step, run `seqsync state rm {address}` first.",
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
            advice=f"The API cannot change a step's type. Give the new step its own key. Delete the old step in "
            f"Saleshandy and write `removed: [{key}]`.",
        )
        return
    managed = content.assignee is not None
    changed = differences(step_fields(before, managed), step_fields(content, managed))
    fields = (*changed, *repeated_step_fields(step, step_fields(content, managed), changed))
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


def _variant_changes(address: Address, content: Content, step: StepState, sequence_id: str | None) -> Iterator[Change]:
    before = step.content
    for letter, variant in content.variants.items():
        here = {"address": address.child(letter), "sequence_id": sequence_id, "before": before, "after": content}
        known = step.variants.get(letter)
        if known is None:
            yield Change(action=Action.CREATE_VARIANT, reason=Reason.NEW, impact=Impact.STRUCTURE, **here)
            continue
        changed = differences(flat_variant(letter, known.content), flat_variant(letter, variant))
        fields = (*changed, *repeated_variant_fields(letter, known, variant, changed))
        if fields and known.status == 0:
            fields = (*fields, FieldChange(field=FieldPath.in_variant(letter, "status"), before="off", after="on"))
        if fields or known.status == 0:
            yield Change(
                action=Action.UPDATE_VARIANT,
                reason=_reason(changed or known.status == 0),
                remote_id=known.id,
                impact=Impact.STRUCTURE if all(row.field.is_status for row in fields) else Impact.COPY,
                fields=fields,
                **here,
            )
    for letter, known in step.variants.items():
        if letter not in content.variants and (known.status != 0 or "status" in known.unsettled):
            yield Change(
                address=address.child(letter),
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
