"""The engine on an account that also accepts changes, with a refresh before each plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.engine import Bench, FakeApi, made

from sequence_sync.apply.executor import Executor
from sequence_sync.apply.refresh import ReadRequest, RemoteReader
from sequence_sync.model.report import ApplyReport, Event
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.base import UNSET, Answer, AnswerKind, RemoteSequence, RemoteStep, RemoteVariant, Request
from sequence_sync.provider.requests import SALESHANDY


class Killed(BaseException):
    """The process was killed."""


@dataclass
class Account(FakeApi):
    """An account whose reads return everything. `kill_at` is the number of the write that is carried out and then kills
    the run."""

    kill_at: int = 0
    writes: int = 0

    def write(self, request: Request, before: Any) -> Answer:
        """See Api."""
        before()
        self.sent.append(request)
        self.writes += 1
        answer = self._patched(request) if request.method == "PATCH" else self._made(request)
        if self.writes == self.kill_at:
            raise Killed
        return answer

    def _made(self, request: Request) -> Answer:
        parts = request.path.split("/")
        if parts[-1] == "variants":
            name, body = f"new{len(self.sent)}", dict(request.body or {})
            row = RemoteVariant(name, body["payload"], body.get("taskNote", ""), (), 1)
            self.change(parts[2], parts[4], lambda step: replace(step, variants=(*step.variants, row)))
            return Answer(AnswerKind.OK, 201, payload={"id": name})
        answer = made(self, request)
        if parts[-1] == "steps":
            body = dict(request.body or {})
            self.kept[parts[2]][-1] = full(self.kept[parts[2]][-1], body)
        return answer

    def _patched(self, request: Request) -> Answer:
        _, _, sequence, _, step_id, _, variant_id = request.path.split("/")
        patch = SALESHANDY.patch(request.body or {})
        if patch.payload is not UNSET:
            patch = replace(patch, payload={key: each for key, each in patch.payload.items() if each != ""})
        taken = {step.day for step in self.kept[sequence] if step.type == EMAIL and step.id != step_id}
        held = self.step(step_id).type == EMAIL and patch.day in taken
        assert not held, f"day {patch.day} is held"
        self.change(sequence, step_id, lambda step: patch.applied_to(step, variant_id))
        return Answer(AnswerKind.OK, 200, payload={"message": "ok"})

    def change(self, sequence: str, step_id: str, how: Any) -> None:
        """Change one step."""
        self.kept[sequence] = [how(step) if step.id == step_id else step for step in self.kept[sequence]]

    def step(self, step_id: str) -> RemoteStep:
        """Return one step, of whichever sequence."""
        return next(step for steps in self.kept.values() for step in steps if step.id == step_id)


def full(step: RemoteStep, body: dict[str, Any]) -> RemoteStep:
    """Return a new step with everything that a read may return."""
    rows = tuple(
        replace(row, status=1, attachments=tuple(sent.get("attachmentIds", ())))
        for row, sent in zip(step.variants, body["variants"], strict=True)
    )
    priority = SALESHANDY.patch({"priority": body.get("priority", 3)}).priority
    return replace(step, priority=priority, assignee=body.get("assigneeId"), variants=rows)


class Heard:
    """An observer that keeps the notes of a run."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_event(self, event: Event) -> None:
        """See Observer."""
        if event.kind == "note":
            self.notes.append(event.text)


@dataclass
class Trial(Bench):
    """One state, one account. `sync` is `apply -refresh`, `planned` and `carry` are a saved plan."""

    account: Account = field(default_factory=Account)
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.api = self.account

    def look(self, *files: DesiredSequence, **options: Any) -> Plan:
        """Return a refreshed plan; the lock is released."""
        context = self.context()
        try:
            return self._refreshed(files, **options)
        finally:
            context.lock.release()

    def _refreshed(self, files: tuple[DesiredSequence, ...], allowed: tuple[str, ...] = (), **more: Any) -> Plan:
        known = self.manager.state
        ids = {row.key: row.remote_id for row in files if row.remote_id and row.key not in known.sequences}
        owned = {row.id for row in known.sequences.values()}
        read = RemoteReader(self.api, self.clock, 120.0).read(ReadRequest(known.sequences, ids), owned)
        assert not read.unread
        rows = {row.key: row for row in files}
        return make_plan(
            PlanInputs(rows, known, "default", "api", allowed=allowed, remote=read.remote, **more, dialect=SALESHANDY)
        )

    def carry(self, plan: Plan) -> ApplyReport:
        """Apply a plan that was made before."""
        context = self.context(allowed=frozenset(plan.allowed), observer=self.heard)
        executor = Executor(context, 0)
        try:
            if self.manager.open_intents:
                executor.resolve_in_doubt()
            assert not plan.shut_gates
            return executor.carry_out(plan)
        finally:
            context.lock.release()

    def sync(self, *files: DesiredSequence, allowed: tuple[str, ...] = (), **more: Any) -> list[Request]:
        """Refresh, plan, apply; return the calls that were made.

        They must be those of the plan, and a second refresh must find only drift that the plan showed.
        """
        before, plan = len(self.account.sent), self.look(*files, allowed=allowed, **more)
        report = self.carry(plan)
        assert report.exit_code == 0, report
        sent = self.account.sent[before:]
        planned = [dict(call.body) for change in plan.changes for call in change.calls]
        assert [dict(request.body or {}) for request in sent] == planned
        again = self.look(*files, allowed=allowed, **more)
        assert again.to_do == (), again.to_do
        return sent


def trial(folder: Path, *files: DesiredSequence, account: Account | None = None) -> Trial:
    """Return an applied sequence, with another one beside it, so that the account is known where one is deleted."""
    bench = Trial(folder, account=account or Account())
    bench.apply(*files, observer=bench.heard)
    assert len(bench.account.listed) == len(files)
    return bench


__all__ = ["Account", "Heard", "Killed", "RemoteSequence", "Trial", "full", "trial"]
