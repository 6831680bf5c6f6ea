"""Wanted sequences and a state in, a plan out. Pure: the same input gives the same plan, byte for byte.

The way: what was read of the app (`threeway`), true differences (`differ`), renames of sequences, what they meet in the
app (`judging`), blocking, selection, days, calls, order, gates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sequence_sync.model.gates import DRIFT
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.settings import Claim, Policy
from sequence_sync.plan.calls import operations_of
from sequence_sync.plan.capabilities import reads_days
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


def in_plan_order(changes: Iterable[Change], places: Mapping[str, int]) -> list[Change]:
    """`changes`, sorted. `places` gives a step's place in its file by its address; others come after."""

    def key(change: Change) -> tuple[str, int, int, int, int, str]:
        if change.action is Action.UPDATE_STEP:
            return (change.sequence, RANK[change.action], 1, 0, 0, "")
        step = f"{change.sequence}.{change.step}"
        day = change.after.day if change.action is Action.CREATE_STEP and change.after else 0
        return (
            change.sequence,
            RANK[change.action],
            0 if change.step is None else 1,
            day,
            places.get(step, len(places)),
            change.address,
        )

    return sorted(changes, key=key)


OVERWRITES = frozenset({Reason.DRIFT, Reason.CONFLICT, Reason.GONE})


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that a plan is made from.

    `unchanged` are keys whose sources and state entry are what they were when nothing was left to do: no file of
    theirs was parsed. `open_addresses` are creates of an earlier run whose outcome is unknown; `damaged` tells that
    the journal has a record that cannot be read. `off` are the claims about the API that are switched off. `app` is
    what was read of the account, None where nothing was; with it no sequence may be left out as unchanged.
    `dialect` turns operations into the provider's requests.
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
    open_addresses: Collection[str] = ()
    damaged: bool = False
    notes: tuple[str, ...] = ()
    off: Collection[Claim] = ()
    remote: RemoteAccount | None = None
    dialect: Dialect = field(kw_only=True)


def make_plan(inputs: PlanInputs) -> Plan:
    """The plan. Raises UsageError where a target or exclude matches nothing."""
    inputs.selection.check(_known_addresses(inputs))
    app, held = inputs.remote, ThreeWayResult(inputs.state)
    if app is not None:
        held = compare_three_way(inputs.state, inputs.desired, app, DRIFT in inputs.allowed)
    differences = [*_all_changes(replace(inputs, state=held.state)), *held.records]
    if app is not None:
        differences = reconcile_with_remote(app, held, differences)
    seen = replace(inputs, state=held.state)
    # Blocked first, selected then: what a target leaves out is still left behind in Saleshandy.
    everything = block_unsafe(differences, held.state, inputs.off)
    chosen = select(everything, inputs.selection)
    places = {f"{row.key}.{step}": place for row in inputs.desired.values() for place, step in enumerate(row.steps)}
    changes = in_plan_order(_carried_out(chosen, everything, seen, places, held.days), places)
    taken = {id(change) for change in chosen}
    left_out = {change.sequence for change in everything if id(change) not in taken}
    told = left_out_note(inputs.selection, (*inputs.desired, *inputs.unchanged), everything)
    inputs = replace(inputs, notes=(*inputs.notes, *told))
    return _plan(inputs, held, changes, left_out)


def _plan(inputs: PlanInputs, held: ThreeWayResult, changes: Sequence[Change], left_out: Collection[str]) -> Plan:
    state, app = inputs.state, inputs.remote
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
        refreshed=app is not None,
        known_drift=tuple(held.known),
        drift=tuple(row for row in held.drift if inputs.selection.takes_address(row.address)),
    )


def _carried_out(
    chosen: Sequence[Change],
    everything: Sequence[Change],
    inputs: PlanInputs,
    places: Mapping[str, int],
    days: Mapping[str, Mapping[str, int]],
) -> list[Change]:
    """`chosen` with changes of day in order, and with every call. Who is not chosen stays on its day."""
    rows = state_after_moves(everything, inputs.state.sequences if inputs.state else {})
    call = inputs.dialect.call
    return [
        change.model_copy(update={"calls": tuple(call(each) for each in operations_of(change, entry_of(change, rows)))})
        for change in schedule_days(chosen, rows, places, reads_days(inputs.off), days)
    ]


def _known_addresses(inputs: PlanInputs) -> Iterable[str]:
    for row in inputs.desired.values():
        yield row.key
        for step, content in row.steps.items():
            yield f"{row.key}.{step}"
            yield from (f"{row.key}.{step}.{letter}" for letter in content.variants)
    for key, known in (inputs.state.sequences if inputs.state else {}).items():
        yield key
        for step, entry in known.steps.items():
            yield f"{key}.{step}"
            yield from (f"{key}.{step}.{letter}" for letter in entry.variants)


def _all_changes(inputs: PlanInputs) -> Iterable[Change]:
    known: dict[str, SequenceState] = dict(inputs.state.sequences) if inputs.state else {}
    for key in sorted(inputs.desired):
        wanted = inputs.desired[key]
        old = wanted.formerly
        if old and old in known and key not in known and old not in inputs.desired and old not in inputs.unchanged:
            known[key] = known.pop(old)
            yield Change(
                address=key,
                action=Action.MOVE,
                reason=Reason.MOVED,
                source=old,
                remote_id=known[key].id,
                sequence_id=known[key].id,
                title=known[key].title,
            )
        yield from sequence_changes(wanted, known.get(key), inputs.open_addresses, inputs.policy)
    for key in sorted(known):
        if key not in inputs.desired and key not in inputs.unchanged:
            yield forgotten_sequence(key, known[key], inputs.removed)


def _planned(
    inputs: PlanInputs, changes: Collection[Change], left_out: Collection[str]
) -> Iterable[tuple[str, PlannedSequence]]:
    blocked = {c.sequence for c in changes if c.action is Action.BLOCKED}
    known = inputs.state.sequences if inputs.state else {}
    for key in sorted(inputs.desired):
        wanted = inputs.desired[key]
        entry = known.get(key) or known.get(wanted.formerly or "")
        yield (
            key,
            PlannedSequence(
                key=key,
                title=wanted.title,
                remote_id=entry.id if entry else wanted.remote_id,
                files=wanted.files,
                source_digest=wanted.source_digest,
                complete=key not in blocked and key not in left_out,
                active=_active(inputs.remote, entry.id if entry else wanted.remote_id),
            ),
        )


def _active(app: RemoteAccount | None, remote_id: str | None) -> bool | None:
    """Whether a sequence is sending; None where nobody has looked, or the list does not tell. A new one is not."""
    rows = app.rows if app else ()
    return next((row.active for row in rows if row.id == remote_id), None)


def _notes(inputs: PlanInputs, changes: Collection[Change], met: Collection[str]) -> Iterable[str]:
    creating = sum(c.action is Action.CREATE_SEQUENCE for c in changes)
    if creating > 1 and not (inputs.state and inputs.state.sequences):
        yield (
            f"The state is empty, so all {creating} sequences would be created. If they exist in Saleshandy already, "
            "name their ids under `ids:` in seqsync.yaml first."
        )
    unmet = sorted(set(inputs.allowed).difference(met))
    if unmet:
        yield f"Allowed beforehand, should apply meet it: {', '.join(unmet)}."
    if inputs.open_addresses:
        names = ", ".join(sorted(inputs.open_addresses))
        yield f"An earlier apply was cut off; what became of {names} is not known yet. The next apply looks first."
    if inputs.damaged:
        yield "A record in the journal is damaged. The next apply looks at every sequence twice before it writes."
