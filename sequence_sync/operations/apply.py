"""Apply a plan under the lock of the state: a saved plan after its checks, or a new plan after its approval.

Loaded only by commands that write: it imports the API client. The apply package makes the calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sequence_sync.apply.context import ApplyContext
from sequence_sync.apply.executor import Executor
from sequence_sync.errors import GateShutError, PlanRejectedError
from sequence_sync.model.report import ApplyReport, NullObserver, Observer
from sequence_sync.operations.drift import read_remote
from sequence_sync.operations.plan import PlanOptions, build_plan, known_sources, load_desired
from sequence_sync.operations.session import connected, locked_session
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planfile import WHOLE_HASH, Facts, Verdict, check, part_with_hash, plan_difference
from sequence_sync.provider.clock import SystemClock
from sequence_sync.source.project import load_project
from sequence_sync.state.manager import StateManager


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What the command line asks of one apply.

    `file`: the saved plan; without it, `plan` shapes a new one. `plan_hash`: the hash that the plan must have.
    `parallelism`: sequences at a time. `lock_timeout`: seconds.
    """

    file: str | None = None
    plan: PlanOptions = field(default_factory=PlanOptions)
    auto_approve: bool = False
    plan_hash: str | None = None
    parallelism: int = 4
    lock_timeout: float = 0.0
    report_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """How an apply ended.

    `report` is None where nothing was applied: the plan has no changes, was `already_applied`, was `declined`, or a
    signal `stopped` the run before the first change.
    """

    plan: Plan
    report: ApplyReport | None = None
    already_applied: bool = False
    declined: bool = False
    stopped: bool = False


def apply(
    workspace: Workspace,
    key: str,
    request: ApplyRequest,
    *,
    approve: Callable[[Plan], bool],
    saved: Plan | None = None,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
) -> ApplyResult:
    """Apply `saved`, the plan of `request.file`, or a new plan.

    `approve` is called once, before the first change. `stop` ends the run gracefully. Raises what is decided before
    the first call: UsageError, GateShutError, PlanRejectedError, StateLockedError.
    """
    observer, stop = observer or NullObserver(), stop or threading.Event()
    clock = SystemClock(stop)
    with (
        locked_session(workspace, "apply", request.lock_timeout, clock, observer) as (lock, manager, run),
        connected(workspace, clock, key, observer) as client,
    ):
        context = ApplyContext(
            api=client,
            manager=manager,
            lock=lock,
            clock=clock,
            settle_grace=workspace.environment.settle_grace,
            run=run,
            observer=observer,
            stopped=stop.is_set,
            last_run_unknown=not manager.last_run_ended,
            allowed=frozenset(saved.allowed if saved else request.plan.allowed),
        )
        source = _PlanSource(workspace, request, saved, context)
        return _apply(source, Executor(context, request.parallelism), approve)


def _apply(source: _PlanSource, executor: Executor, approve: Callable[[Plan], bool]) -> ApplyResult:
    manager, stopped = source.context.manager, source.context.stopped
    plan = source.current_plan()
    if source.verdict is Verdict.DONE:
        return ApplyResult(plan, already_applied=True)
    _check_gates(plan)
    if manager.open_intents:
        executor.resolve_in_doubt()
        # What the interrupted run left in doubt is resolved now, so the plan may have fewer changes.
        plan = source.current_plan()
        _check_gates(plan)
    if stopped():
        return ApplyResult(plan, stopped=True)
    if not (plan.to_do or plan.asked or executor.results or manager.damaged):
        return ApplyResult(plan)
    if plan.to_do and not approve(plan):
        return ApplyResult(plan, declined=True)
    return ApplyResult(plan, executor.carry_out(plan))


def _check_gates(plan: Plan) -> None:
    if plan.shut_gates:
        options = " ".join(f"-allow {gate.name}" for gate in plan.shut_gates)
        raise GateShutError(
            "A gate is shut. Nothing was done.",
            "\n".join(gate.detail for gate in plan.shut_gates),
            f"If you want these changes, plan again with {options}.",
        )


class _PlanSource:
    """The plan that an apply carries out: a saved plan, checked, or a new one, compared with the reviewed hash."""

    def __init__(self, workspace: Workspace, request: ApplyRequest, saved: Plan | None, context: ApplyContext) -> None:
        self.workspace, self.request, self.saved, self.context = workspace, request, saved, context
        self.manager: StateManager = context.manager
        self.verdict = Verdict.FRESH

    def current_plan(self) -> Plan:
        """Return the plan by the current state and files. Raises PlanRejectedError where it is not the reviewed one."""
        if self.saved is not None:
            return self._checked(self.saved)
        plan = self._new_plan()
        if self.request.plan_hash is not None:
            self._check_hash(self.request.plan_hash, plan)
        return plan

    def _new_plan(self) -> Plan:
        workspace, state, options = self.workspace, self.manager.state, self.request.plan
        if not options.refresh:
            return build_plan(workspace, load_desired(workspace, state), self.manager.view, options)
        project, context = load_desired(workspace, None), self.context

        remote = read_remote(workspace, context.api, context.clock, state, project.sequences, context.announce_wait)
        return build_plan(workspace, project, self.manager.view, options, remote=remote)

    def _checked(self, saved: Plan) -> Plan:
        reviewed = self.request.plan_hash
        if reviewed is not None and reviewed != saved.plan_hash():
            raise PlanRejectedError(
                "The saved plan is not the reviewed plan.",
                f"The hash of the file is {saved.plan_hash()}. -plan-hash is {reviewed}.",
                "Apply the file that was reviewed.",
                kind="hash",
            )
        workspace, state, stored = self.workspace, self.manager.state, self.manager.is_stored
        project = load_project(workspace.root, workspace.loaded, workspace.name, known=known_sources(state))
        facts = Facts(
            environment=workspace.name,
            api_host=workspace.api_host,
            lineage=state.lineage if stored else None,
            serial=state.serial,
            state_digest=state.content_digest() if stored else "",
            files_digest=project.files_digest,
            applying=state.applying,
        )
        try:
            self.verdict = check(saved, facts)
        except PlanRejectedError as rejected:
            if rejected.kind in ("state", "files") and not project.diagnostics:
                plan = build_plan(workspace, project, self.manager.view, PlanOptions())
                rejected.detail += "\nReviewed plan compared with the current plan:\n"
                rejected.detail += "\n".join(plan_difference(saved, plan))
            raise
        return saved

    def _check_hash(self, reviewed: str, plan: Plan) -> None:
        applying = self.manager.state.applying
        ours = applying is not None and applying.plan == reviewed
        if plan.plan_hash() == reviewed and plan.to_do:
            return
        if applying is not None and ours and applying.done and not plan.to_do:
            self.verdict = Verdict.DONE
            return
        if applying is not None and ours and {c.digest() for c in plan.to_do} <= set(applying.changes):
            return  # the rest of the reviewed plan, after an interrupted run
        if plan.plan_hash() == reviewed:
            return
        raise _different_plan(reviewed, plan)


def _different_plan(reviewed: str, plan: Plan) -> PlanRejectedError:
    """Return the error for a new plan without the reviewed hash: it shows the new plan, and says what to do."""
    # Deferred: only this error needs it.
    from sequence_sync.render.text import plan_text

    part = part_with_hash(plan, reviewed)
    if not WHOLE_HASH.fullmatch(reviewed):
        hint = f"A plan hash has 64 digits. -plan-hash has {len(reviewed)}. Copy the whole hash of the reviewed plan."
    elif part:
        targets = " ".join(f"-target {key}" for key in part)
        hint = f"The reviewed plan is a part of this plan. To apply only that part, add {targets}."
    elif not plan.to_do:
        hint = (
            "There is nothing to apply. Either another plan was applied after the review, or these are not the files "
            "that were reviewed."
        )
    else:
        hint = (
            "Review this plan, then apply it with its hash. If it contains changes of other branches, use the "
            "-target or -changed-since of the reviewed plan."
        )
    return PlanRejectedError(
        "This plan is not the reviewed plan.",
        f"Files and state give plan {plan.plan_hash()}, not {reviewed}:\n\n{plan_text(plan)}",
        hint,
        kind="hash",
    )
