"""Guards: changes that a plan must block, and the gates that it must pass. Pure.

A guard turns a change that no call can do, or that would create a duplicate, into a blocked one with a reason and
advice. It must not drop a change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sequence_sync.model.address import Address
from sequence_sync.model.gates import ACTIVE, DESTRUCTIVE, DRIFT, GATES, SIZE
from sequence_sync.model.sequence import Content, normalized_title
from sequence_sync.model.settings import Policy
from sequence_sync.model.words import counted
from sequence_sync.plan.capabilities import Abilities
from sequence_sync.plan.compare import shared_words_of
from sequence_sync.plan.matching import MOSTLY_EQUAL, says_something, text_key
from sequence_sync.plan.model import UPDATES, Action, Change, Gate, Reason, block
from sequence_sync.state.model import SequenceState, State

MANUAL_STEPS: Mapping[Action, str] = {
    Action.UPDATE_VARIANT: "Change the text in Saleshandy by hand, or restore the old text in the file.",
    Action.UPDATE_STEP: "Change it in Saleshandy by hand, or restore the old value in the file.",
    Action.CREATE_VARIANT: "Add the variant in Saleshandy by hand, or remove it from the file.",
    Action.DEACTIVATE_VARIANT: "Switch the variant off in Saleshandy by hand, or restore it in the file.",
}
NO_VARIANT = (
    "This step has no variant, and the API can change a step only through a variant. Change it in Saleshandy by hand, "
    "or restore the old value in the file."
)


def block_unsafe(changes: Sequence[Change], state: State | None, abilities: Abilities) -> list[Change]:
    """Apply every guard but that of days. `abilities` says what the API can do."""
    known = state.sequences if state else {}
    result = _not_supported(changes, abilities)
    result = _id_taken(result, known)
    result = _left_behind(result, known)
    return _without_sequence(result)


def _not_supported(changes: Iterable[Change], abilities: Abilities) -> list[Change]:
    """Block the part of each change that no call can do; keep the rest."""
    result: list[Change] = []
    for change in changes:
        if change.action is Action.UPDATE_STEP and change.before is not None and not change.before.variants:
            result.append(block(change, Reason.NOT_SUPPORTED, NO_VARIANT))
            continue
        supported, unsupported = abilities.split(change)
        if supported is not None:
            result.append(supported)
        if unsupported is not None:
            result.append(block(unsupported, Reason.NOT_SUPPORTED, MANUAL_STEPS[change.action]))
    return result


def _id_taken(changes: Iterable[Change], known: Mapping[str, SequenceState]) -> list[Change]:
    """Block an adoption of an id that the state has under another address."""
    owners = {row.id: Address(key) for key, row in known.items()}
    owners |= {step.id: Address(key, name) for key, row in known.items() for name, step in row.steps.items()}

    def checked(change: Change) -> Change:
        owner = owners.get(change.remote_id or "")
        if change.action is not Action.ADOPT or owner is None:
            return change
        rename = f"moved: [{{from: {owner.step}, to: {change.step}}}]" if change.step else f"formerly: {owner}"
        advice = (
            f"The state already has id {change.remote_id} as {owner}. If you renamed it, write `{rename}`. If not, "
            f"remove the id, or stop managing {owner} and apply that first."
        )
        return block(change, Reason.ID_CHANGED, advice)

    return [checked(change) for change in changes]


def _left_behind(changes: Sequence[Change], known: Mapping[str, SequenceState]) -> list[Change]:
    """Block creates that equal a step which this plan leaves behind: most likely a rename, else a duplicate."""
    creates = [c for c in changes if c.action in (Action.CREATE_STEP, Action.CREATE_SEQUENCE)]
    left_steps = [c for c in changes if c.reason is Reason.STEP_REMOVED and c.before]
    left_sequences = {c.address: known[c.address] for c in changes if c.reason is Reason.SEQUENCE_REMOVED}
    if not creates or not (left_steps or left_sequences):
        return list(changes)
    beside = {(c.sequence, text_key(c.before)): c.address.step_address for c in left_steps if c.before}
    elsewhere = {
        text_key(step.content): Address(key, step_key)
        for key, row in left_sequences.items()
        for step_key, step in row.steps.items()
        if says_something(step.content.variants.values())
    }
    titles = {normalized_title(row.title): key for key, row in left_sequences.items()}

    def checked(change: Change) -> Change:
        if change.action is Action.CREATE_SEQUENCE and (old := titles.get(normalized_title(change.title or ""))):
            return block(change, Reason.SAME_CONTENT, _rename_sequence(old))
        if change.action is not Action.CREATE_STEP or change.after is None:
            return change
        text = text_key(change.after)
        if old_step := beside.get((change.sequence, text)):
            return block(change, Reason.SAME_CONTENT, _rename_step(old_step, change.step or ""))
        if old_step := elsewhere.get(text):
            return block(change, Reason.SAME_CONTENT, _rename_sequence(old_step.sequence))
        if old_step := _similar(change.sequence, change.after, left_steps):
            return block(change, Reason.SIMILAR, _similar_step(old_step, change.step or ""))
        return change

    return [checked(change) for change in changes]


def _rename_step(old: Address, new_key: str) -> str:
    key = old.step_key
    return (
        f"It has the same text as {old}, which is no longer in the file but still in Saleshandy. Prospects would get "
        f"it twice. If you renamed it, write `moved: [{{from: {key}, to: {new_key}}}]`. If you want a second one, "
        f"write `removed: [{key}]` first."
    )


def _similar(sequence: str, content: Content, left: Iterable[Change]) -> Address | None:
    """Return the step of `left` in that sequence that has the type of `content` and half of its words."""
    for change in left:
        old = change.before
        if change.sequence != sequence or old is None or old.type != content.type:
            continue
        if shared_words_of(old, content) >= MOSTLY_EQUAL:
            return Address(sequence, change.step)
    return None


def _similar_step(old: Address, new_key: str) -> str:
    key = old.step_key
    return (
        f"It is almost the same as {old}, which is no longer in your files. If you renamed it, write "
        f"`moved: [{{from: {key}, to: {new_key}}}]`. If it is another step, write `removed: [{key}]`."
    )


def _rename_sequence(old: str) -> str:
    return (
        f'It has the same text as sequence "{old}", whose file is gone but which is still in Saleshandy. '
        f"If you renamed it, write `formerly: {old}` into the new file. If you want a second one, write "
        f"`removed: [{old}]` into seqsync.yaml first."
    )


def _without_sequence(changes: Sequence[Change]) -> list[Change]:
    """Block what needs a sequence that is itself blocked."""
    blocked = {
        c.sequence
        for c in changes
        if c.action is Action.BLOCKED and c.step is None and c.wanted in (Action.CREATE_SEQUENCE, Action.ADOPT)
    }

    def checked(change: Change) -> Change:
        if change.sequence not in blocked or change.action is Action.BLOCKED:
            return change
        return block(change, Reason.BLOCKED_SEQUENCE, f'Fix what blocks the sequence "{change.sequence}" first.')

    return [checked(change) for change in changes]


MOST_NAMES = 5


def gates_for(
    changes: Iterable[Change], drifted: bool, active: Collection[str], policy: Policy, allowed: Collection[str]
) -> tuple[Gate, ...]:
    """Return the gates that `changes` must pass, in the order of `GATES`.

    `drifted`: the changes overwrite a change made outside seqsync. `active`: keys of the sequences known to be sending.
    `allowed`: the gates that `-allow` opened.
    """
    details = dict(_met(list(changes), drifted, active, policy))
    return tuple(
        Gate(name=name, allowed=name in allowed, detail=f"{details[name]} {_override(name, name in allowed)}")
        for name in GATES
        if name in details
    )


def _override(name: str, allowed: bool) -> str:
    return f"Opened by `-allow {name}`." if allowed else f"To allow it, plan with `-allow {name}`."


def _met(changes: list[Change], drifted: bool, active: Collection[str], policy: Policy) -> Iterator[tuple[str, str]]:
    deactivated = [c.address for c in changes if c.action is Action.DEACTIVATE_VARIANT]
    if deactivated:
        yield DESTRUCTIVE, f"The plan deactivates {counted(len(deactivated), 'variant')}: {_names(deactivated)}."
    if drifted:
        yield DRIFT, "The plan overwrites changes made in Saleshandy outside seqsync."
    # The policy counts steps, so a step with several changed variants counts once.
    rewritten = dict.fromkeys(
        c.address.step_address for c in changes if c.action in UPDATES or c.action is Action.DEACTIVATE_VARIANT
    )
    if len(rewritten) > policy.max_changed_steps:
        limit = f"the limit is {policy.max_changed_steps} (`max_changed_steps` in seqsync.yaml)"
        yield SIZE, f"The plan changes {counted(len(rewritten), 'existing step')}; {limit}."
    sending = dict.fromkeys(c.sequence for c in changes if c.calls and c.sequence in active)
    if sending:
        yield ACTIVE, f"The plan writes to {counted(len(sending), 'active sequence')}: {_names(sending)}."


def _names(addresses: Collection[str]) -> str:
    shown = list(addresses)[:MOST_NAMES]
    more = len(addresses) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
