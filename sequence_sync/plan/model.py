"""The plan: complete, ordered data. Apply takes its changes from nothing else. Pure.

The values in saved plans and JSON (`Action`, `Reason`, `Impact`, `DriftKind`) and the field names are stable: pipelines
read them. Some are older than the vocabulary of the code: `wanted` is the blocked action, `app` is Saleshandy's value.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
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
    OUTCOME_UNKNOWN = "outcome-unknown"  # an earlier run sent the create, and its outcome is not known
    CHANGED = "changed"  # file and state differ
    UNSETTLED = "unsettled"  # an earlier call is in doubt: the field is written again
    PARKED = "parked"  # an email moves to a free day first, so that others can take its day
    CONFIGURED_ID = "configured-id"  # `id:` or `ids:` name an existing sequence or step
    MOVED = "moved"  # renamed by `moved:` or `formerly:`
    REMOVED = "removed"  # `removed:` says to stop managing it
    STEP_REMOVED = "step-removed"  # gone from its file; the API cannot delete a step
    SEQUENCE_REMOVED = "sequence-removed"  # its file is gone; the API cannot delete a sequence
    VARIANT_REMOVED = "variant-removed"
    TYPE_CHANGED = "type-changed"
    TITLE_CHANGED = "title-changed"
    ID_CHANGED = "id-changed"  # the configured id contradicts the state
    NOT_SUPPORTED = "not-supported"  # by the table of capabilities, no call can do it
    SAME_CONTENT = "same-content"  # a create that equals a step which this plan leaves behind
    SIMILAR = "similar-content"  # a create that is almost the same as such a step: a person decides
    DAY_HELD = "day-held"  # another email keeps the day
    BLOCKED_SEQUENCE = "blocked-sequence"  # it needs a sequence that is itself blocked
    CONFLICT = "conflict"  # file, last applied and Saleshandy all differ
    DRIFT = "drift"  # the file's text overwrites a change made outside seqsync
    GONE = "gone"  # it is no longer in Saleshandy
    SAME_IN_APP = "same-in-app"  # Saleshandy already says what the file says
    FORGOTTEN = "forgotten"  # seqsync managed it before, and manages it again
    FOUND = "found"  # an unmanaged step or variant says exactly this
    UNCLEAR = "unclear"  # something in Saleshandy may already be it: a person decides
    TITLE_TAKEN = "title-taken"  # an unmanaged sequence has this title


class Impact(StrEnum):
    """What a prospect may notice."""

    COPY = "copy"
    TIMING = "timing"
    STRUCTURE = "structure"
    NONE = "none"


class FieldChange(Frozen):
    """One field, before and after; None: absent. `field` is a dotted path (`variants.a.payload.subject`).

    `app` is Saleshandy's value in a three-way conflict, else None.
    """

    field: FieldPath
    before: Any = None
    after: Any = None
    app: Any = None


class Change(Frozen):
    """One line of a plan.

    `remote_id` is the id of `address` in Saleshandy, if known; `sequence_id` the id of its sequence. `before` is the
    step as last applied, `after` as desired. `title` is a sequence's. `source` is the old address of a move.
    Of a blocked change, `wanted` is the action that was blocked, and `advice` says what to do instead.
    `calls` are in the order of sending: one for each variant of a step whose day, priority or assignee changes, else
    one or none.
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
        """Return what the plan hash covers, as plain data: what is done to what, and the calls with their bodies."""
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
        """Identify the change across runs of one plan: by address, action and bodies, not by ids."""
        bodies = [call.body for call in self.calls]
        return digest_of([self.address, self.action, bodies or self.advice])[:16]


def block(change: Change, reason: Reason, advice: str) -> Change:
    """Return `change` as a blocked change that remembers its action."""
    update = {"action": Action.BLOCKED, "wanted": change.action, "reason": reason, "advice": advice, "calls": ()}
    return change.model_copy(update=update)


class Gate(Frozen):
    """A gate that the plan must pass. `allowed`: opened by `-allow`."""

    name: str
    allowed: bool
    detail: str


class DriftKind(StrEnum):
    """How Saleshandy differs from what was last applied."""

    CHANGED = "changed"  # changed outside seqsync
    GONE = "gone"  # two reads, one settle grace apart, did not find it
    ADDED = "added"  # an unmanaged step or variant
    SECOND_COPY = "second-copy"  # a duplicate of a managed step


class Drift(Frozen):
    """One difference between Saleshandy and what was last applied. It is reported and left as it is.

    `address` is that of the sequence, step or variant; for an addition, that of its sequence or step. In `fields`,
    `before` is what was last applied and `after` is Saleshandy's value. `remote_id` is the id in Saleshandy.
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
        """Identify each field, or the whole, independent of the step's key. Apply compares them with the plan's."""
        rows = [field.model_dump(mode="json") for field in self.fields] or [{}]
        return tuple(digest_of([self.kind, self.remote_id, row])[:16] for row in rows)


class PlannedSequence(Frozen):
    """What apply needs to know about a sequence besides its changes.

    `complete`: nothing of it is blocked or left out, so that after this plan the state equals the files.
    `removed` are the keys of forgotten steps that its file still names as removed.
    """

    key: str
    title: str
    remote_id: str | None = None
    files: tuple[str, ...] = ()
    source_digest: str = ""
    complete: bool = False
    active: bool | None = None
    removed: tuple[str, ...] = Field(default=(), exclude_if=operator.not_)


class Base(Frozen):
    """What a plan was made from. `lineage` is None if there was no state."""

    lineage: str | None = None
    serial: int = 0
    state_digest: str = ""
    files_digest: str = ""


class Plan(Frozen):
    """A whole plan. `allowed` are the gates that `-allow` opened; `notes` are printed and change nothing.

    `refreshed`: Saleshandy was read. `drift` is then what differs there and is left as it is. `known_drift` holds the
    digests of every difference that was found, including those that the changes deal with.
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
        """Return the SHA-256 of format version, environment, host and the ordered changes with their calls."""
        lines = [change.signature() for change in self.changes]
        return digest_of([self.format_version, self.environment, self.api_host, lines])

    @property
    def to_do(self) -> tuple[Change, ...]:
        """The changes that apply carries out: all but the blocked ones."""
        return tuple(c for c in self.changes if c.action is not Action.BLOCKED)

    @property
    def asked(self) -> tuple[Change, ...]:
        """The blocked changes that only a person can decide about: apply ends with exit code 9."""
        return tuple(c for c in self.changes if c.action is Action.BLOCKED and c.reason is Reason.SIMILAR)

    @property
    def shut_gates(self) -> tuple[Gate, ...]:
        """The gates that stop apply."""
        return tuple(gate for gate in self.gates if not gate.allowed)


class Summary(Frozen):
    """The counts of the last line. A step with its variants counts once."""

    create: int
    update: int
    deactivate: int
    record: int
    blocked: int


def summary_of(plan: Plan) -> Summary:
    """Count the changes of `plan`."""

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
    """Return `Plan: 3 to create, 1 to update, 0 to deactivate, 2 to record, 1 blocked.`, or "No changes"."""
    counts = summary_of(plan)
    if not plan.changes and not all(row.complete for row in plan.sequences.values()):
        return "No changes in the selected part. The rest of your files was left out."
    if not plan.changes:
        return "No changes. Your files match the last apply."
    if not plan.to_do:
        return f"No changes to apply: {counts.blocked} blocked."
    return (
        f"Plan: {counts.create} to create, {counts.update} to update, {counts.deactivate} to deactivate, "
        f"{counts.record} to record, {counts.blocked} blocked."
    )


StateEntries = Mapping[str, SequenceState]


def state_after_moves(changes: Collection[Change], known: StateEntries) -> StateEntries:
    """Return `known` after the moves among `changes`, sequences first, and with the steps that are adopted again."""
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
    for change in changes:
        if change.action is Action.ADOPT and change.reason is Reason.FORGOTTEN and change.sequence in rows:
            rows[change.sequence] = _adopted_again(rows[change.sequence], change)
    return rows


def _adopted_again(row: SequenceState, change: Change) -> SequenceState:
    forgotten = row.forgotten.get(change.remote_id or "")
    if forgotten is None or change.step is None:
        return row
    rest = {name: step for name, step in row.forgotten.items() if name != forgotten.id}
    return row.model_copy(update={"steps": {**row.steps, change.step: forgotten.step}, "forgotten": rest})


def entry_of(change: Change, rows: StateEntries) -> StepState | None:
    """Return the state entry of the step that `change` is about."""
    row = rows.get(change.sequence)
    return row.steps.get(change.step) if row and change.step else None
