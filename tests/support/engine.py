"""The engine with small fakes around it: an account that is a list, answers that are set beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.states import FakeClock, info

from sequence_sync.apply.context import ApplyContext
from sequence_sync.apply.executor import Executor
from sequence_sync.files import RescueFolder
from sequence_sync.model.report import ApplyReport
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.base import Answer, AnswerKind, RemoteSequence, RemoteStep, RemoteVariant, Request
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.provider.responses import parse_steps, payload_from_body
from sequence_sync.state.backends.memory import MemoryBackend, MemoryStore
from sequence_sync.state.manager import StateBinding, StateManager

Reaction = Callable[["FakeApi", Request], Answer]


def remote(step_id: str, content: Content, **fields: Any) -> RemoteStep:
    """`content` as a read returns it. `day=None` is for an account whose reads contain no days."""
    variants = tuple(
        RemoteVariant(f"{step_id}-{letter}", row.payload, row.task_note) for letter, row in content.variants.items()
    )
    shown = {"day": content.day, "variants": variants} | fields
    return RemoteStep(step_id, content.type, **shown)


@dataclass
class FakeApi:
    """An account. `reactions` are used up, one for each write; after them everything is made."""

    dialect = SALESHANDY
    listed: list[RemoteSequence] = field(default_factory=list)
    kept: dict[str, list[RemoteStep]] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    reads: int = 0

    def sequences(self) -> list[RemoteSequence]:
        """See Api."""
        return list(self.listed)

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See Api."""
        self.reads += 1
        rows = self.kept.get(sequence_id)
        return None if rows is None else list(rows)

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """See Api."""
        raise AssertionError("nothing reads the variants of one step")

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """See Api."""
        before()
        self.sent.append(request)
        return self.reactions.pop(0)(self, request) if self.reactions else made(self, request)


def made(api: FakeApi, request: Request) -> Answer:
    """Create it, and answer with its id."""
    name = f"new{len(api.sent)}"
    body: Mapping[str, Any] = request.body or {}
    if request.path == "/sequences":
        api.listed.append(RemoteSequence(name, str(body["title"]), False))
        api.kept[name] = []
        return Answer(AnswerKind.OK, 201, payload={"sequenceId": name})
    rows = tuple(
        RemoteVariant(f"{name}-{place}", payload_from_body(row["payload"]), row.get("taskNote", ""))
        for place, row in enumerate(body["variants"])
    )
    (step,) = parse_steps([{"id": name, "type": body["type"], "absoluteDays": body["absoluteDays"]}])
    api.kept[request.path.split("/")[2]].append(replace(step, variants=rows))
    return Answer(AnswerKind.OK, 201, payload={"id": name, "variants": [{"id": row.id} for row in rows]})


def lost(api: FakeApi, request: Request) -> Answer:
    """It is made, and no answer comes."""
    made(api, request)
    return Answer(AnswerKind.NO_ANSWER, message="timed out")


def says(kind: AnswerKind, message: str = "no") -> Reaction:
    """Nothing is made, and the answer is of that kind."""
    return lambda api, request: Answer(kind, 400, message=message)


@dataclass
class Bench:
    """One state, one account, one clock; `apply` is a run."""

    folder: Path
    api: FakeApi = field(default_factory=FakeApi)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: FakeClock = field(default_factory=FakeClock)
    runs: int = 0

    def context(self, **more: Any) -> ApplyContext:
        """What a new run shares; it holds the lock."""
        self.runs += 1
        backend, run = MemoryBackend(self.store), f"run{self.runs}"
        lock = backend.lock(info(run), 0.0, self.clock)
        self.manager = StateManager(
            backend, lock, StateBinding("default", "api"), RescueFolder(self.folder), lineage="one", run=run
        )
        known = {"last_run_unknown": not self.manager.last_run_ended} | more
        return ApplyContext(
            api=self.api, manager=self.manager, lock=lock, clock=self.clock, settle_grace=120.0, run=run, **known
        )

    def plan(self, *files: DesiredSequence, **more: Any) -> Plan:
        """The plan of `files` against the state."""
        return make_plan(
            PlanInputs(
                desired={row.key: row for row in files},
                state=self.manager.state,
                environment="default",
                api_host="api",
                dialect=self.api.dialect,
                **more,
            )
        )

    def apply(self, *files: DesiredSequence, **more: Any) -> ApplyReport:
        """Resolve what is in doubt, plan, carry out, release the lock."""
        context = self.context(**more)
        executor = Executor(context, 0)
        if self.manager.open_intents:
            executor.resolve_in_doubt()
        report = executor.carry_out(self.plan(*files))
        context.lock.release()
        return report
