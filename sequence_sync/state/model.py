"""What seqsync believes exists remotely, and how a delta changes it. Pure; knows nothing of files or of JSON text.

`state.codec` turns a State into bytes and back; `state.records` says what a journal holds.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import Field, model_validator

from sequence_sync.errors import StateError
from sequence_sync.model.fields import Frozen, Priority
from sequence_sync.model.sequence import Content, Variant

STATE_VERSION = 1


def digest_of(value: Any) -> str:
    """SHA-256, in hex, over the canonical JSON of plain data: the same data, the same digest."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# By field, values that a call of ours may have written although nothing proves it.
Unsettled = dict[str, tuple[Any, ...]]


class VariantState(Frozen):
    """A variant as last applied. `id` is None where the create's answer did not tell it and no read has.

    `returned` is the digest of what the server gave back right after our own write: its own re-wrapping. `unsettled`:
    `payload`, `task_note`, `attachments` and `status` that Saleshandy may have instead.
    """

    id: str | None = None
    content: Variant
    digest: str
    status: int = 1
    returned: str | None = None
    unsettled: Unsettled = Field(default_factory=dict, exclude_if=operator.not_)  # an ordinary state has none


class StepState(Frozen):
    """A step as last applied. `assumed` names fields that were neither written nor read by us; `unsettled`: `day`,
    `priority` and `assignee` that Saleshandy may have instead."""

    id: str
    type: str
    day: int
    priority: Priority | None = None
    assignee: str | None = None
    variants: dict[str, VariantState]
    assumed: tuple[str, ...] = ()
    unsettled: Unsettled = Field(default_factory=dict, exclude_if=operator.not_)  # an ordinary state has none

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it may be otherwise by a call of ours."""
        return not self.unsettled and not any(row.unsettled for row in self.variants.values())

    @property
    def content(self) -> Content:
        """The step in the shape that files are wanted in."""
        return Content(
            type=self.type,
            day=self.day,
            priority=self.priority,
            assignee=self.assignee,
            variants={letter: row.content for letter, row in self.variants.items()},
        )


class MadeFrom(Frozen):
    """The files a sequence was made from, and a digest over them and over its own state entry."""

    files: tuple[str, ...]
    digest: str


class SequenceHead(Frozen):
    """A sequence without its steps.

    `unmanaged` are ids of steps that are someone else's, or forgotten on purpose, each with the day on which it is
    an email (None: no email, or its day was not told): they are no drift, are never adopted, and hold their day.
    `gone` are ids that two reads, a grace apart, did not find.
    """

    id: str
    title: str
    made_from: MadeFrom | None = None
    unmanaged: dict[str, int | None] = Field(default_factory=dict)
    gone: tuple[str, ...] = ()


class SequenceState(SequenceHead):
    """A sequence as last applied."""

    steps: dict[str, StepState] = Field(default_factory=dict)

    @property
    def head(self) -> SequenceHead:
        """The same without its steps."""
        return SequenceHead(**{name: getattr(self, name) for name in SequenceHead.model_fields})

    @cached_property
    def entry_digest(self) -> str:
        """Digest of all that this entry says of the account; `made_from` is bookkeeping and stands outside."""
        return digest_of(self.model_dump(mode="json", exclude={"made_from"}))

    def made_from_digest(self, source_digest: str) -> str:
        """The digest that `made_from` holds when this entry came from sources with `source_digest`."""
        return digest_of([source_digest, self.entry_digest])


class Applying(Frozen):
    """The plan that is being carried out, or was last: its hash, and the digest of each of its changes."""

    plan: str
    changes: tuple[str, ...] = ()
    done: bool = False


class Delta(Frozen):
    """A change of one sequence's entry. Replaying it twice is the same as once.

    `drop` takes the entry out; `head` replaces all but its steps; `steps` puts (or, with None, takes out) steps.
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
    def _ids_stand_once(self) -> State:
        seen: dict[str, str] = {}
        for address, remote_id in self.addresses():
            if remote_id in seen:
                raise ValueError(f"remote id {remote_id} stands twice: at {seen[remote_id]} and at {address}")
            seen[remote_id] = address
        return self

    def addresses(self) -> Iterable[tuple[str, str]]:
        """Every (address, remote id) of sequences and steps."""
        for key, sequence in self.sequences.items():
            yield key, sequence.id
            for step_key, step in sequence.steps.items():
                yield f"{key}.{step_key}", step.id

    def with_delta(self, delta: Delta) -> State:
        """This state after `delta`. Writing to a sequence takes its `made_from` away unless the delta sets one."""
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
        sequences[delta.sequence] = SequenceState(**dict(head), steps=steps)
        return self.model_copy(update={"sequences": sequences})

    def content_digest(self) -> str:
        """Digest of what the state says of the account: what makes a saved plan stale when it differs."""
        return digest_of({key: row.entry_digest for key, row in self.sequences.items()})


def step_state(content: Content, step_id: str, variant_ids: Mapping[str, str | None]) -> StepState:
    """The entry of a step whose `content` was applied as `step_id`."""
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
    """The digest that stands beside a variant's last applied content."""
    return digest_of(variant.model_dump(mode="json"))


class RemoteIdIndex:
    """Remote id to address, for one state."""

    def __init__(self, state: State) -> None:
        self._addresses = {remote_id: address for address, remote_id in state.addresses()}

    def knows(self, remote_id: str) -> bool:
        """Whether some address has that id."""
        return remote_id in self._addresses

    def move(self, before: State, after: State, touched: Iterable[str]) -> None:
        """Go from `before` to `after`, which differ in the `touched` sequences only.

        Raises StateError, and stays as it was, where an id would stand twice.
        """
        pairs = [(key, before.sequences.get(key), after.sequences.get(key)) for key in sorted(set(touched))]
        leaving = {remote_id for key, old, new in pairs for _, remote_id in _only_in(key, old, new)}
        coming: dict[str, str] = {}
        for key, old, new in pairs:
            for address, remote_id in _only_in(key, new, old):
                owner = coming.get(remote_id) or (None if remote_id in leaving else self._addresses.get(remote_id))
                if owner is not None:
                    raise StateError(
                        "A remote id would stand twice in the state.",
                        f"{remote_id} belongs to {owner} already; it was now told for {address}.",
                        "Nothing was recorded. Look at both in Saleshandy, then run the same command again.",
                    )
                coming[remote_id] = address
        for remote_id in leaving:
            del self._addresses[remote_id]
        self._addresses.update(coming)


def _only_in(key: str, one: SequenceState | None, other: SequenceState | None) -> Iterable[tuple[str, str]]:
    """Address and id of what `one` says and `other` does not. Rows that are the same object are not looked into."""
    if one is None:
        return
    if other is None or one.id != other.id:
        yield key, one.id
    rows = other.steps if other else {}
    for step, row in one.steps.items():
        if rows.get(step) is not row:
            yield f"{key}.{step}", row.id
