"""The plan: data, complete, ordered once. Apply takes its changes from nothing else. Pure.

Words that stand in saved plans and in JSON (`Action`, `Reason`, `Impact`) are stable: pipelines read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from sequence_sync.model.address import Address, FieldPath
from sequence_sync.model.fields import Frozen
from sequence_sync.model.sequence import Content
from sequence_sync.provider.base import Call
from sequence_sync.state.model import SequenceState, StepState, digest_of

PLAN_FORMAT = 1


class Action(StrEnum):
    """What a change does."""

    CREATE_SEQUENCE = "create-sequence"
    CREATE_STEP = "create-step"
    CREATE_VARIANT = "create-variant"
    UPDATE_VARIANT = "update-variant"
    UPDATE_STEP = "update-step"
    DEACTIVATE_VARIANT = "deactivate-variant"
    ADOPT = "adopt"
    MOVE = "move"
    FORGET = "forget"
    RECORD = "record"
    BLOCKED = "blocked"


CREATES = frozenset({Action.CREATE_SEQUENCE, Action.CREATE_STEP, Action.CREATE_VARIANT})
UPDATES = frozenset({Action.UPDATE_VARIANT, Action.UPDATE_STEP})
STATE_ONLY = frozenset({Action.ADOPT, Action.MOVE, Action.FORGET, Action.RECORD})


class Reason(StrEnum):
    """Why a change is in the plan."""

    NEW = "new"  # in the files, not in the state
    OUTCOME_UNKNOWN = "outcome-unknown"  # an earlier run sent it and never learnt what became of it
    CHANGED = "changed"  # file and state differ
    UNSETTLED = "unsettled"  # an earlier run may have changed it, and nothing proves that or the contrary
    PARKED = "parked"  # an email goes by way of a free day, so that others can take its own
    CONFIGURED_ID = "configured-id"  # `id:` or `ids:` name what is there already
    MOVED = "moved"  # `moved:` or `formerly:` rename it
    REMOVED = "removed"  # `removed:` lets it go
    STEP_REMOVED = "step-removed"  # gone from its file; the API cannot delete a step
    SEQUENCE_REMOVED = "sequence-removed"  # its file is gone; the API cannot delete a sequence
    VARIANT_REMOVED = "variant-removed"
    TYPE_CHANGED = "type-changed"
    TITLE_CHANGED = "title-changed"
    ID_CHANGED = "id-changed"  # the configured id contradicts the state
    NOT_SUPPORTED = "not-supported"  # the table of capabilities says that no call can do it
    SAME_CONTENT = "same-content"  # a create equal to a step that this plan leaves behind
    DAY_HELD = "day-held"  # an email's day is held by a step that this plan does not move away
    BLOCKED_SEQUENCE = "blocked-sequence"  # it needs a sequence that is itself blocked
    CONFLICT = "conflict"  # file, state and app all differ
    DRIFT = "drift"  # the file's words are put back over what somebody changed in the app
    GONE = "gone"  # it is not in the app any more
    SAME_IN_APP = "same-in-app"  # the app says already what the file says
    FOUND = "found"  # a step that the state does not know says just this
    UNCLEAR = "unclear"  # something in the app may be it already: a person decides
    TITLE_TAKEN = "title-taken"  # a sequence that the state does not know has this title


class Impact(StrEnum):
    """What a prospect may notice."""

    COPY = "copy"
    TIMING = "timing"
    STRUCTURE = "structure"
    NONE = "none"


class FieldChange(Frozen):
    """One field, before and after; None: not there. `field` is a dotted path (`variants.a.payload.subject`).

    `app` is what Saleshandy says, in a conflict of three; else None.
    """

    field: FieldPath
    before: Any = None
    after: Any = None
    app: Any = None


class Change(Frozen):
    """One line of a plan.

    `address` is what it is about; `remote_id` the id there, where it is known; `sequence_id` that of its
    sequence. `after` is what a step will say, `before` what it says by the state. `title` is a sequence's.
    `source` is the old address of a move. `wanted` is what a blocked change would have been, `advice` says
    what to click or write instead. `calls` are those that it makes, in order: one for each variant of a step whose
    day, priority or assignee changes, else one or none.
    """

    address: Address
    action: Action
    reason: Reason
    impact: Impact = Impact.NONE
    remote_id: str | None = None
    sequence_id: str | None = None
    title: str | None = None
    source: Address | None = None
    before: Content | None = None
    after: Content | None = None
    fields: tuple[FieldChange, ...] = ()
    calls: tuple[Call, ...] = ()
    wanted: Action | None = None
    advice: str = ""

    @property
    def sequence(self) -> str:
        """The key of its sequence."""
        return self.address.sequence

    @property
    def step(self) -> str | None:
        """The key of its step; None for a sequence's own change."""
        return self.address.step

    @property
    def call(self) -> Call | None:
        """The one call of a create; the first one of the others."""
        return self.calls[0] if self.calls else None

    def signature(self) -> list[Any]:
        """What the plan hash covers of it, as plain data: what is done to what, and the calls with their bodies."""
        return [
            self.address,
            self.action,
            self.wanted,
            self.title,
            self.source,
            self.remote_id if self.action is Action.ADOPT else None,
            [[call.method, call.path, call.body] for call in self.calls],
        ]

    def digest(self) -> str:
        """Names the change across runs of one plan: its address, action and body, not the ids of the moment."""
        bodies = [call.body for call in self.calls]
        return digest_of([self.address, self.action, bodies or self.advice])[:16]


def block(change: Change, reason: Reason, advice: str) -> Change:
    """`change` as a blocked one, which remembers what it would have been."""
    update = {"action": Action.BLOCKED, "wanted": change.action, "reason": reason, "advice": advice, "calls": ()}
    return change.model_copy(update=update)


class Gate(Frozen):
    """A gate that the plan meets. `allowed`: opened by `-allow`."""

    name: str
    allowed: bool
    detail: str


class DriftKind(StrEnum):
    """How the app differs from what was last applied."""

    CHANGED = "changed"  # somebody edited it
    GONE = "gone"  # two reads, a grace apart, did not find it
    ADDED = "added"  # a step or a variant that seqsync does not manage
    SECOND_COPY = "second-copy"  # it equals a step that is managed


class Drift(Frozen):
    """One thing that differs in the app from what was last applied: told, and nothing done about it.

    `address` is that of the sequence, step or variant; of something added, that of what it stands in. In `fields`
    `before` is what was last applied and `after` what the app says. `remote_id` is the id there.
    """

    address: Address
    kind: DriftKind
    remote_id: str | None = None
    detail: str = ""
    fields: tuple[FieldChange, ...] = ()

    @property
    def sequence(self) -> str:
        """The key of its sequence."""
        return self.address.sequence

    def digests(self) -> tuple[str, ...]:
        """Names each of its fields, or it as a whole, whatever its step is called: by them apply knows what the plan
        has shown."""
        rows = [field.model_dump(mode="json") for field in self.fields] or [{}]
        return tuple(digest_of([self.kind, self.remote_id, row])[:16] for row in rows)


class PlannedSequence(Frozen):
    """What apply must know of a sequence besides its changes. `complete`: nothing of it is blocked, left out or
    to be adopted, so that after this plan the state says what the files say."""

    key: str
    title: str
    remote_id: str | None = None
    files: tuple[str, ...] = ()
    source_digest: str = ""
    complete: bool = False
    active: bool | None = None


class Base(Frozen):
    """What a plan was made from. `lineage` is None where there was no state."""

    lineage: str | None = None
    serial: int = 0
    state_digest: str = ""
    files_digest: str = ""


class Plan(Frozen):
    """A whole plan. `allowed` are the gates that `-allow` opened; `notes` are told and change nothing.

    `refreshed`: the app was read. `drift` is then what differs there and is left as it is; `known_drift` holds the
    digests of every difference that was seen, of those too that the changes deal with.
    """

    format_version: int = PLAN_FORMAT
    environment: str
    api_host: str
    base: Base
    changes: tuple[Change, ...] = ()
    sequences: dict[str, PlannedSequence] = Field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    allowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refreshed: bool = False
    drift: tuple[Drift, ...] = ()
    known_drift: tuple[str, ...] = ()

    def plan_hash(self) -> str:
        """SHA-256 over format version, environment, host and the ordered changes with their calls, no more."""
        lines = [change.signature() for change in self.changes]
        return digest_of([self.format_version, self.environment, self.api_host, lines])

    @property
    def to_do(self) -> tuple[Change, ...]:
        """The changes that apply carries out: all but the blocked ones."""
        return tuple(c for c in self.changes if c.action is not Action.BLOCKED)

    @property
    def shut(self) -> tuple[Gate, ...]:
        """The gates that keep apply from doing anything."""
        return tuple(gate for gate in self.gates if not gate.allowed)


class Summary(Frozen):
    """The counts of the last line. A step with its variants counts once."""

    create: int
    update: int
    deactivate: int
    record: int
    blocked: int


def summary_of(plan: Plan) -> Summary:
    """Counts `plan`."""

    def count(actions: frozenset[Action]) -> int:
        return len(
            {(c.action if c.action in STATE_ONLY else "", c.address) for c in plan.changes if c.action in actions}
        )

    return Summary(
        create=count(CREATES),
        update=len({(c.sequence, c.step) for c in plan.changes if c.action in UPDATES}),
        deactivate=count(frozenset({Action.DEACTIVATE_VARIANT})),
        record=count(STATE_ONLY),
        blocked=len([c for c in plan.changes if c.action is Action.BLOCKED]),
    )


def summary_line(plan: Plan) -> str:
    """`Plan: 3 to create, 1 to update, 0 to deactivate, 2 to record, 1 blocked.`, or that there is nothing."""
    told = summary_of(plan)
    if not plan.changes and not all(row.complete for row in plan.sequences.values()):
        return "No changes in what was asked for. The rest of the files was left out."
    if not plan.changes:
        return "No changes. What the files say is what was applied."
    if not plan.to_do:
        return f"No changes to make: {told.blocked} blocked."
    return (
        f"Plan: {told.create} to create, {told.update} to update, {told.deactivate} to deactivate, "
        f"{told.record} to record, {told.blocked} blocked."
    )


StateEntries = Mapping[str, SequenceState]


def state_after_moves(changes: Iterable[Change], known: StateEntries) -> StateEntries:
    """`known` after the moves among `changes`, of sequences first, then of steps."""
    moves = [change for change in changes if change.action is Action.MOVE and change.source]
    rows = dict(known)
    for move in sorted(moves, key=lambda change: change.step is not None):
        old = move.source or Address("")
        if move.step is None:
            if old in rows:
                rows[move.address] = rows.pop(old)
        elif move.sequence in rows and old.step in rows[move.sequence].steps:
            steps = dict(rows[move.sequence].steps)
            steps[move.step] = steps.pop(old.step_key)
            rows[move.sequence] = rows[move.sequence].model_copy(update={"steps": steps})
    return rows


def entry_of(change: Change, rows: StateEntries) -> StepState | None:
    """The entry of the step that `change` is about."""
    row = rows.get(change.sequence)
    return row.steps.get(change.step) if row and change.step else None
