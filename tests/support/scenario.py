"""Files, state and remote account of one project. A test changes each of them alone, and the planner compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from support.build import desired, state

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.base import RemoteAccount, RemoteSequence, RemoteStep, RemoteVariant, SequenceSnapshot
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import SequenceState, State, StepState


def remote_step(step: StepState) -> RemoteStep:
    """A step as an account returns it, with every field."""
    rows = tuple(
        RemoteVariant(row.id or "", row.content.payload, row.content.task_note, row.content.attachments, row.status)
        for row in step.variants.values()
    )
    priority = step.priority or Priority.NORMAL
    return RemoteStep(step.id, step.type, day=step.day, priority=priority, assignee=step.assignee, variants=rows)


@dataclass
class Scenario:
    """One account after an apply. At first, files, state and Saleshandy are the same.

    `steps` are the remote steps, by sequence and step key. An unmanaged step has its id as key. `gone` are ids that two
    reads did not show.
    """

    state: State
    files: dict[str, DesiredSequence] = field(default_factory=dict)
    steps: dict[str, dict[str, RemoteStep]] = field(default_factory=dict)
    rows: dict[str, RemoteSequence | None] = field(default_factory=dict)
    others: list[RemoteSequence] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, **sequences: SequenceState) -> Scenario:
        """Everything as applied."""
        scenario = cls(state(**sequences))
        for key, row in sequences.items():
            scenario.files[key] = desired(
                key, row.title, steps={name: step.content for name, step in row.steps.items()}
            )
            scenario.steps[key] = {name: remote_step(step) for name, step in row.steps.items()}
            scenario.rows[key] = RemoteSequence(row.id, row.title, False)
        return scenario

    def file(self, key: str = "trial", **fields: Any) -> None:
        """Change fields of a sequence's file, except its steps."""
        self.files[key] = self.files[key].model_copy(update=fields)

    def want(self, key: str = "trial", **steps: Content | None) -> None:
        """Change steps of a file; None takes one out."""
        rows = {**self.files[key].steps, **steps}
        self.file(key, steps={name: row for name, row in rows.items() if row is not None})

    def edit(self, step: str, key: str = "trial", letter: int | None = None, **fields: Any) -> None:
        """Edit a step in Saleshandy, or its variant at index `letter`. `payload` is merged into its payload."""
        row = self.steps[key][step]
        if letter is None:
            self.steps[key][step] = replace(row, **fields)
            return
        variants = list(row.variants)
        if "payload" in fields:
            fields["payload"] = {**variants[letter].payload, **fields["payload"]}
        variants[letter] = replace(variants[letter], **fields)
        self.steps[key][step] = replace(row, variants=tuple(variants))

    def lose(self, step: str, key: str = "trial", letter: int | None = None) -> None:
        """Delete a step in Saleshandy, or a variant of it."""
        row = self.steps[key][step]
        if letter is None:
            self.gone.add(self.steps[key].pop(step).id)
            return
        self.gone.add(row.variants[letter].id)
        rest = tuple(each for place, each in enumerate(row.variants) if place != letter)
        self.steps[key][step] = replace(row, variants=rest)

    def lose_sequence(self, key: str = "trial") -> None:
        """Delete a sequence in Saleshandy."""
        self.rows[key] = None

    def add(self, step: RemoteStep, key: str = "trial") -> None:
        """Add a step in Saleshandy."""
        self.steps[key][step.id] = step

    def app(self) -> RemoteAccount:
        """The account as read."""
        read = {
            key: SequenceSnapshot(row, tuple(self.steps[key].values()) if row else None, frozenset(self.gone))
            for key, row in self.rows.items()
        }
        return RemoteAccount((*[row for row in self.rows.values() if row], *self.others), read)

    def plan(self, *allowed: str, **more: Any) -> Plan:
        """The refreshed plan."""
        return make_plan(
            PlanInputs(
                self.files, self.state, "default", "api", allowed=allowed, remote=self.app(), **more, dialect=SALESHANDY
            )
        )


def lines(plan: Plan) -> list[tuple[str, str, str]]:
    """Each change in short: address, action, reason."""
    return [(change.address, change.action.value, change.reason.value) for change in plan.changes]


def drift(plan: Plan) -> list[tuple[str, str]]:
    """Each drift in short: address, kind."""
    return [(row.address, row.kind.value) for row in plan.drift]


def bodies(plan: Plan) -> list[dict[str, Any]]:
    """The bodies of all calls, in order."""
    return [call.body for change in plan.changes for call in change.calls]


Put = Callable[[Content, Any], Content]


def words(name: str) -> Put:
    """Sets one field of the first variant's payload; an empty one is not there."""

    def put(content: Content, value: Any) -> Content:
        old = content.variants["a"]
        payload = {key: each for key, each in {**old.payload, name: value}.items() if each}
        return content.model_copy(
            update={"variants": {**content.variants, "a": old.model_copy(update={"payload": payload})}}
        )

    return put


def of_variant(name: str) -> Put:
    """Sets a field of the first variant."""

    def put(content: Content, value: Any) -> Content:
        variants = {**content.variants, "a": content.variants["a"].model_copy(update={name: value})}
        return content.model_copy(update={"variants": variants})

    return put


def of_step(name: str) -> Put:
    """Sets a field of the step."""
    return lambda content, value: content.model_copy(update={name: value})
