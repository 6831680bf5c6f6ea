"""Desired sequences, a state and what was read go in, a plan comes out. Pure.

The same input gives the same plan, byte for byte. The order of work: three-way comparison with Saleshandy
(`three_way`), differences between file and state (`differ`), matching with what was read, blocked changes (`guards`),
selection, days (`schedule`), calls, plan order, gates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sequence_sync.model.address import Address
from sequence_sync.model.gates import DRIFT
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.settings import Claim, Policy
from sequence_sync.plan.calls import operations_of
from sequence_sync.plan.capabilities import Abilities
from sequence_sync.plan.differ import forgotten_sequence, sequence_changes
from sequence_sync.plan.guards import block_unsafe, gates_for
from sequence_sync.plan.model import (
    STATE_ONLY,
    Action,
    Base,
    Change,
    Plan,
    PlannedSequence,
    Reason,
    entry_of,
    state_after_moves,
)
from sequence_sync.plan.schedule import schedule_days
from sequence_sync.plan.selection import Selection, left_out_note, select
from sequence_sync.plan.three_way import ThreeWayResult, compare_three_way, reconcile_with_remote
from sequence_sync.provider.base import Dialect, RemoteAccount
from sequence_sync.state.model import SequenceState, State

RANK: Mapping[Action, int] = {
    **dict.fromkeys(STATE_ONLY, 0),
    Action.CREATE_SEQUENCE: 1,
    Action.UPDATE_STEP: 2,
    Action.UPDATE_VARIANT: 3,
    Action.CREATE_STEP: 4,
    Action.CREATE_VARIANT: 5,
    Action.DEACTIVATE_VARIANT: 6,
    Action.BLOCKED: 7,
}


def in_plan_order(changes: Iterable[Change], positions: Mapping[Address, int]) -> list[Change]:
    """Sort `changes`. `positions` gives a step's position in its file by its address; other steps come last."""

    def key(change: Change) -> tuple[str, int, int, int, int, str]:
        if change.action is Action.UPDATE_STEP:
            return (change.sequence, RANK[change.action], 1, 0, 0, "")
        step = change.address.step_address
        day = change.after.day if change.action is Action.CREATE_STEP and change.after else 0
        return (
            change.sequence,
            RANK[change.action],
            0 if change.step is None else 1,
            day,
            positions.get(step, len(positions)),
            change.address,
        )

    return sorted(changes, key=key)


OVERWRITES = frozenset({Reason.DRIFT, Reason.CONFLICT, Reason.GONE})


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that a plan is made from.

    `unchanged` are keys whose files and state entry are the same as when nothing was left to do: their files were not
    parsed. `open_addresses` are creates of an earlier run whose outcome is not known. `damaged`: the journal has a
    record that cannot be read. `off` are the claims about the API that are switched off. `remote` is what was read of
    the account, or None; with it, no sequence may be left out as unchanged.
    `dialect` turns operations into requests of the provider.
    """

    desired: Mapping[str, DesiredSequence]
    state: State | None
    environment: str
    api_host: str
    files_digest: str = ""
    unchanged: Collection[str] = ()
    removed: Collection[str] = ()
    policy: Policy = field(default_factory=Policy)
    selection: Selection = field(default_factory=Selection)
    allowed: Collection[str] = ()
    open_addresses: Collection[Address] = ()
    damaged: bool = False
    notes: tuple[str, ...] = ()
    off: Collection[Claim] = ()
    remote: RemoteAccount | None = None
    dialect: Dialect = field(kw_only=True)

    @property
    def abilities(self) -> Abilities:
        """Return what the API can do, as far as the settings believe it."""
        return Abilities(self.dialect, self.off)


def make_plan(inputs: PlanInputs) -> Plan:
    """Return the plan. Raises UsageError if a target or an exclude matches nothing."""
    inputs.selection.check(_known_addresses(inputs))
    remote, result = inputs.remote, ThreeWayResult(inputs.state)
    if remote is not None:
        result = compare_three_way(inputs.state, inputs.desired, remote, DRIFT in inputs.allowed)
    compared = replace(inputs, state=result.state)
    differences = [*_all_changes(compared), *result.records]
    if remote is not None:
        removed = {row.key: row.removed for row in inputs.desired.values()}
        differences = reconcile_with_remote(remote, result, differences, removed)
    # Block first, then select: a step that a target leaves out is still in Saleshandy.
    everything = block_unsafe(differences, result.state, inputs.abilities)
    chosen = select(everything, inputs.selection)
    positions = {Address(row.key, step): at for row in inputs.desired.values() for at, step in enumerate(row.steps)}
    scheduled = _schedule(chosen, everything, compared, positions, result.remote_days)
    changes = in_plan_order(scheduled, positions)
    taken = {id(change) for change in chosen}
    left_out = {change.sequence for change in everything if id(change) not in taken}
    note = left_out_note(inputs.selection, (*inputs.desired, *inputs.unchanged), everything)
    return _plan(replace(inputs, notes=(*inputs.notes, *note)), result, changes, left_out)


def _plan(inputs: PlanInputs, result: ThreeWayResult, changes: Sequence[Change], left_out: Collection[str]) -> Plan:
    state, remote = inputs.state, inputs.remote
    planned = dict(_planned(inputs, changes, left_out))
    active = {key for key, row in planned.items() if row.active}
    overwriting = any(change.reason in OVERWRITES and change.calls for change in changes)
    gates = gates_for(changes, overwriting, active, inputs.policy, set(inputs.allowed))
    return Plan(
        environment=inputs.environment,
        api_host=inputs.api_host,
        changes=tuple(changes),
        base=Base(
            lineage=state.lineage if state else None,
            serial=state.serial if state else 0,
            state_digest=state.content_digest() if state else "",
            files_digest=inputs.files_digest,
        ),
        sequences=planned,
        gates=gates,
        allowed=tuple(sorted(inputs.allowed)),
        notes=inputs.notes + tuple(_notes(inputs, changes, {gate.name for gate in gates})),
        refreshed=remote is not None,
        known_drift=tuple(result.known_drift),
        drift=tuple(row for row in result.drift if inputs.selection.takes_address(row.address)),
    )


def _schedule(
    chosen: Sequence[Change],
    everything: Sequence[Change],
    inputs: PlanInputs,
    positions: Mapping[Address, int],
    remote_days: Mapping[str, Mapping[str, int]],
) -> list[Change]:
    """Return `chosen` with changes of day in order, and with every call. A step that is not chosen keeps its day."""
    rows = state_after_moves(everything, inputs.state.sequences if inputs.state else {})
    call = inputs.dialect.call
    return [
        change.model_copy(update={"calls": tuple(call(each) for each in operations_of(change, entry_of(change, rows)))})
        for change in schedule_days(chosen, rows, positions, inputs.abilities.reads_days, remote_days)
    ]


def _known_addresses(inputs: PlanInputs) -> Iterable[Address]:
    for row in inputs.desired.values():
        yield Address(row.key)
        for step, content in row.steps.items():
            yield Address(row.key, step)
            yield from (Address(row.key, step, letter) for letter in content.variants)
    for key, known in (inputs.state.sequences if inputs.state else {}).items():
        yield Address(key)
        for step, entry in known.steps.items():
            yield Address(key, step)
            yield from (Address(key, step, letter) for letter in entry.variants)


def _all_changes(inputs: PlanInputs) -> Iterable[Change]:
    known: dict[str, SequenceState] = dict(inputs.state.sequences) if inputs.state else {}
    for key in sorted(inputs.desired):
        desired = inputs.desired[key]
        old = desired.formerly
        if old and old in known and key not in known and old not in inputs.desired and old not in inputs.unchanged:
            known[key] = known.pop(old)
            yield Change(
                address=Address(key),
                action=Action.MOVE,
                reason=Reason.MOVED,
                source=Address(old),
                remote_id=known[key].id,
                sequence_id=known[key].id,
                title=known[key].title,
            )
        yield from sequence_changes(desired, known.get(key), inputs.open_addresses, inputs.policy)
    for key in sorted(known):
        if key not in inputs.desired and key not in inputs.unchanged:
            yield forgotten_sequence(key, known[key], inputs.removed)


def _planned(
    inputs: PlanInputs, changes: Collection[Change], left_out: Collection[str]
) -> Iterable[tuple[str, PlannedSequence]]:
    blocked = {c.sequence for c in changes if c.action is Action.BLOCKED}
    known = inputs.state.sequences if inputs.state else {}
    for key in sorted(inputs.desired):
        desired = inputs.desired[key]
        entry = known.get(key) or known.get(desired.formerly or "")
        forgotten = entry.forgotten if entry else {}
        yield (
            key,
            PlannedSequence(
                key=key,
                title=desired.title,
                remote_id=entry.id if entry else desired.remote_id,
                files=desired.files,
                source_digest=desired.source_digest,
                complete=key not in blocked and key not in left_out,
                active=_active(inputs.remote, entry.id if entry else desired.remote_id),
                removed=tuple(sorted({step.key for step in forgotten.values()} & set(desired.removed))),
            ),
        )


def _active(remote: RemoteAccount | None, remote_id: str | None) -> bool | None:
    """Whether a sequence is sending; None if that was not read. A new sequence is not sending."""
    rows = remote.rows if remote else ()
    return next((row.active for row in rows if row.id == remote_id), None)


def _notes(inputs: PlanInputs, changes: Collection[Change], met: Collection[str]) -> Iterable[str]:
    creating = sum(c.action is Action.CREATE_SEQUENCE for c in changes)
    if creating > 1 and not (inputs.state and inputs.state.sequences):
        yield (
            f"The state is empty, so this plan creates {creating} sequences. If they already exist in Saleshandy, "
            "write their ids under `ids:` in seqsync.yaml first."
        )
    unmet = sorted(set(inputs.allowed).difference(met))
    if unmet:
        yield f"Allowed in advance, although this plan does not need it: {', '.join(unmet)}."
    if inputs.open_addresses:
        names = ", ".join(sorted(inputs.open_addresses))
        yield f"An earlier apply was interrupted. The next apply resolves what is in doubt before it writes: {names}"
    if inputs.damaged:
        yield "The journal has a damaged record. The next apply reads every sequence twice before it writes."
