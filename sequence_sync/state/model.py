"""The state: what seqsync last applied and believes to exist remotely, and how a delta changes it. Pure.

`state.statefile` turns a State into bytes and back; `state.journal` defines the records. Knows nothing of files.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field, model_validator

from sequence_sync.errors import StateError
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Frozen, Priority
from sequence_sync.model.sequence import Content, Variant

STATE_VERSION = 1


def digest_of(value: Any) -> str:
    """Return the SHA-256, in hex, of the canonical JSON of plain data. Equal data has equal digests."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# By field: values that a call in doubt may have written.
Unsettled = dict[str, tuple[Any, ...]]


class VariantState(Frozen):
    """A variant as last applied. `id` is None until an answer or a read has shown it.

    `returned` is the digest of what the server returned directly after our write, which may be spelled differently.
    `unsettled` holds values that a call in doubt may have written, of `payload`, `task_note`, `attachments` and
    `status`.
    """

    id: str | None = None
    content: Variant
    digest: str
    status: int = 1
    returned: str | None = None
    unsettled: Unsettled = Field(default_factory=dict, exclude_if=operator.not_)  # an ordinary state has none


class StepState(Frozen):
    """A step as last applied.

    `assumed` names fields that seqsync neither wrote nor read. `unsettled` holds values of `day`, `priority` and
    `assignee` that a call in doubt may have written.
    """

    id: str
    type: str
    day: int
    priority: Priority | None = None
    assignee: str | None = None
    variants: dict[str, VariantState]
    assumed: tuple[str, ...] = ()
    unsettled: Unsettled = Field(default_factory=dict, exclude_if=operator.not_)  # an ordinary state has none

    @property
    def is_certain(self) -> bool:
        """Whether no call in doubt may have changed the step or its variants."""
        return not self.unsettled and not any(row.unsettled for row in self.variants.values())

    @property
    def content(self) -> Content:
        """The step as Content, the form in which files declare it."""
        return Content(
            type=self.type,
            day=self.day,
            priority=self.priority,
            assignee=self.assignee,
            variants={letter: row.content for letter, row in self.variants.items()},
        )


class ForgottenStep(StepState):
    """A step that seqsync stopped managing on purpose. It stays in Saleshandy, and is adopted again when it comes back.

    `key` is its last key. `is_there`: the last read under the lock returned it, so that its day is held.
    """

    key: str
    is_there: bool = True

    @property
    def step(self) -> StepState:
        """The entry that it had."""
        return StepState(**{name: getattr(self, name) for name in StepState.model_fields})


class MadeFrom(Frozen):
    """The source files of a sequence at its last apply, and a digest over them and over its state entry."""

    files: tuple[str, ...]
    digest: str


class SequenceHead(Frozen):
    """A sequence without its steps.

    `unmanaged` are ids of steps that a person declared not ours, each with the day on which it is an email, or None.
    They are not drift, are never adopted, and keep their day occupied. Without `declared`, an older version wrote them:
    it stored guesses and forgotten steps there too, so that nothing is known to be declared.
    `forgotten` are steps that seqsync stopped managing on purpose, by id.
    `reported` are unknown steps that an apply or an import has named. They are not drift a second time. Nothing else
    follows from it: each is compared again before every create.
    `gone` are ids that two reads, `settle_grace` apart, did not find.
    """

    id: str
    title: str
    made_from: MadeFrom | None = None
    unmanaged: dict[str, int | None] = Field(default_factory=dict)
    gone: tuple[str, ...] = ()
    declared: bool = Field(default=False, exclude_if=operator.not_)
    forgotten: dict[str, ForgottenStep] = Field(default_factory=dict, exclude_if=operator.not_)
    reported: dict[str, int | None] = Field(default_factory=dict, exclude_if=operator.not_)

    @property
    def declared_ids(self) -> frozenset[str]:
        """The steps that a person declared not ours. All other unknown steps are compared before every create."""
        return frozenset(self.unmanaged) if self.declared else frozenset()

    @property
    def named_ids(self) -> frozenset[str]:
        """The steps that are not managed and not drift."""
        return frozenset({*self.unmanaged, *self.forgotten, *self.reported})

    def with_declared(self, days: Mapping[str, int | None]) -> Self:
        """Return the head with the steps in `days` declared not ours; each has the day that it holds, or None.

        A forgotten one stays forgotten: seqsync asks about it no more, but its own key may come back.
        """
        kept = self.unmanaged if self.declared else {}
        noticed = self.reported if self.declared else {**self.unmanaged, **self.reported}
        update = {
            "made_from": None,
            "unmanaged": {**kept, **days},
            "declared": True,
            "reported": {name: day for name, day in noticed.items() if name not in days},
        }
        return self.model_copy(update=update if days else {"made_from": None})

    def with_forgotten(self, key: str, step: StepState, is_there: bool = True) -> Self:
        """Return the head with a step that was managed as `key` and is forgotten on purpose."""
        forgotten = ForgottenStep(**dict(step), key=key, is_there=is_there)
        update = {"made_from": None, "forgotten": {**self.forgotten, step.id: forgotten}}
        return self.model_copy(update=update)

    def without_bookkeeping(self) -> Self:
        """Return what counts as content: a change of anything else makes no new serial and no saved plan stale."""
        return self.model_copy(update={"made_from": None, "reported": {}})

    def without(self, managed: Collection[str]) -> Self:
        """Return the head without the steps that are managed now."""
        if self.named_ids.isdisjoint(managed):
            return self
        rows = {name: getattr(self, name) for name in ("unmanaged", "forgotten", "reported")}
        update: dict[str, Any] = {
            name: {step_id: row for step_id, row in each.items() if step_id not in managed}
            for name, each in rows.items()
        }
        return self.model_copy(update={**update, "declared": self.declared and bool(update["unmanaged"])})


class SequenceState(SequenceHead):
    """A sequence as last applied."""

    steps: dict[str, StepState] = Field(default_factory=dict)

    @property
    def head(self) -> SequenceHead:
        """The entry without its steps."""
        return SequenceHead(**{name: getattr(self, name) for name in SequenceHead.model_fields})

    @cached_property
    def entry_digest(self) -> str:
        """The digest of this entry, without what is bookkeeping."""
        return digest_of(self.model_dump(mode="json", exclude={"made_from", "reported"}))

    def made_from_digest(self, source_digest: str) -> str:
        """Return the digest of `made_from` for an entry that was applied from sources with `source_digest`."""
        return digest_of([source_digest, self.entry_digest])


class Applying(Frozen):
    """The plan that is being applied, or was applied last: its hash, and the digest of each of its changes."""

    plan: str
    changes: tuple[str, ...] = ()
    done: bool = False


class Delta(Frozen):
    """A change of one sequence's entry. Applying it twice has the same effect as once.

    `drop` removes the entry. `head` replaces everything but its steps. `steps` sets steps, or removes those with None.
    """

    sequence: str
    drop: bool = False
    head: SequenceHead | None = None
    steps: dict[str, StepState | None] = Field(default_factory=dict)


class State(Frozen):
    """The whole state of one environment."""

    version: int = STATE_VERSION
    lineage: str
    serial: int = 0
    environment: str
    api_host: str
    applying: Applying | None = None
    journal: int = 0
    sequences: dict[str, SequenceState] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> State:
        addresses: dict[str, Address] = {}
        for address, remote_id in self.addresses():
            if remote_id in addresses:
                raise ValueError(f"remote id {remote_id} is used twice: by {addresses[remote_id]} and by {address}")
            addresses[remote_id] = address
        return self

    def addresses(self) -> Iterable[tuple[Address, str]]:
        """Yield (address, remote id) of each sequence and step."""
        for key, sequence in self.sequences.items():
            yield Address(key), sequence.id
            for step_key, step in sequence.steps.items():
                yield Address(key, step_key), step.id

    def with_delta(self, delta: Delta) -> State:
        """Return the state after `delta`. A change removes the `made_from` of its sequence unless it sets one."""
        sequences = dict(self.sequences)
        if delta.drop:
            sequences.pop(delta.sequence, None)
        old = sequences.get(delta.sequence)
        head = delta.head or (old.head if old else None)
        if head is None or (delta.drop and delta.head is None):
            return self.model_copy(update={"sequences": sequences})
        if delta.head is None:
            head = head.model_copy(update={"made_from": None})
        steps = dict(old.steps) if old else {}
        for key, step in delta.steps.items():
            if step is None:
                steps.pop(key, None)
            else:
                steps[key] = step
        head = head.without({step.id for step in delta.steps.values() if step is not None})
        sequences[delta.sequence] = SequenceState(**dict(head), steps=steps)
        return self.model_copy(update={"sequences": sequences})

    def content_digest(self) -> str:
        """Return the digest of all entries. A saved plan is stale when it differs."""
        return digest_of({key: row.entry_digest for key, row in self.sequences.items()})


def step_state(content: Content, step_id: str, variant_ids: Mapping[str, str | None]) -> StepState:
    """Return the entry of a step whose `content` was applied as `step_id`."""
    return StepState(
        id=step_id,
        type=content.type,
        day=content.day,
        priority=content.priority,
        assignee=content.assignee,
        variants={
            letter: VariantState(id=variant_ids.get(letter), content=row, digest=variant_digest(row))
            for letter, row in content.variants.items()
        },
    )


def variant_digest(variant: Variant) -> str:
    """Return the digest that a VariantState stores with its content."""
    return digest_of(variant.model_dump(mode="json"))


class RemoteIdIndex:
    """The remote ids of one state, with their addresses."""

    def __init__(self, state: State) -> None:
        self._addresses = {remote_id: address for address, remote_id in state.addresses()}

    def knows(self, remote_id: str) -> bool:
        """Return whether an address has this id."""
        return remote_id in self._addresses

    def move(self, before: State, after: State, touched: Iterable[str]) -> None:
        """Update the index from `before` to `after`, which differ only in the `touched` sequences.

        Raises StateError, without a change, where two addresses would have the same id.
        """
        pairs = [(key, before.sequences.get(key), after.sequences.get(key)) for key in sorted(set(touched))]
        removed = {remote_id for key, old, new in pairs for _, remote_id in _only_in(key, old, new)}
        added: dict[str, Address] = {}
        for key, old, new in pairs:
            for address, remote_id in _only_in(key, new, old):
                owner = added.get(remote_id) or (None if remote_id in removed else self._addresses.get(remote_id))
                if owner is not None:
                    raise StateError(
                        "Two addresses would have the same remote id.",
                        f'{remote_id} belongs to "{owner}", and Saleshandy now returned it for "{address}".',
                        "Nothing was recorded. Check both in Saleshandy, then run the same command again.",
                    )
                added[remote_id] = address
        for remote_id in removed:
            del self._addresses[remote_id]
        self._addresses.update(added)


def _only_in(key: str, one: SequenceState | None, other: SequenceState | None) -> Iterable[tuple[Address, str]]:
    """Yield address and id of what is in `one` and not in `other`. Skips steps that are the same object in both."""
    if one is None:
        return
    if other is None or one.id != other.id:
        yield Address(key), one.id
    rows = other.steps if other else {}
    for step, row in one.steps.items():
        if rows.get(step) is not row:
            yield Address(key, step), row.id
