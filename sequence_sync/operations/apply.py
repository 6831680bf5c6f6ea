"""What is done under the lock of the state: apply, and the commands that mend a state. Wires; decides nothing itself.

Loaded only by commands that write: it brings the API client along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sequence_sync.apply.context import ApplyContext
from sequence_sync.apply.executor import Executor
from sequence_sync.errors import GateClosedError, PlanRejectedError
from sequence_sync.model.report import ApplyReport, Observer
from sequence_sync.operations.drift import read_remote
from sequence_sync.operations.plan import PlanOptions, build_plan, known_sources, load_desired
from sequence_sync.operations.session import connected, locked_session
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planfile import WHOLE_HASH, Facts, Verdict, check, part_with_hash, plan_difference
from sequence_sync.provider.clock import SystemClock
from sequence_sync.source.project import load_project
from sequence_sync.state.manager import StateManager


@dataclass(frozen=True)
class ApplyOptions:
    """How to apply. `saved` is a plan from a file; `plan_hash` is the hash that the plan must have."""

    plan: PlanOptions = field(default_factory=PlanOptions)
    saved: Plan | None = None
    plan_hash: str | None = None
    parallelism: int = 4
    lock_timeout: float = 0.0


@dataclass(frozen=True)
class Hands:
    """What apply needs of the world around it: who hears, who says yes to a plan, and what stops it."""

    observer: Observer
    approve: Callable[[Plan], bool]
    stop: threading.Event


@dataclass(frozen=True)
class Applied:
    """How an apply ended. `report` is None where nothing was carried out: nothing to do, `already` done,
    `said_no` by a person, or `stopped` before it began."""

    plan: Plan
    report: ApplyReport | None = None
    already: bool = False
    said_no: bool = False
    stopped: bool = False


def apply(workspace: Workspace, key: str, options: ApplyOptions, hands: Hands) -> Applied:
    """Carry out a saved plan; or plan, ask and carry out. Raises what is decided before the first call (3, 6, 7, 8)."""
    clock = SystemClock(hands.stop)
    with (
        locked_session(workspace, "apply", options.lock_timeout, clock) as (lock, manager, run),
        connected(workspace, clock, key, hands.observer) as client,
    ):
        context = ApplyContext(
            api=client,
            manager=manager,
            lock=lock,
            clock=clock,
            settle_grace=workspace.environment.settle_grace,
            run=run,
            observer=hands.observer,
            stopped=hands.stop.is_set,
            cut_off=False,
            no_record=not manager.last_run_ended,
            allowed=frozenset(options.saved.allowed if options.saved else options.plan.allowed),
        )
        chooser = _Chooser(workspace, options, manager, context)
        return _apply(chooser, Executor(context, options.parallelism), hands)


def _apply(chooser: _Chooser, executor: Executor, hands: Hands) -> Applied:
    chosen = chooser.choose()
    if chooser.verdict is Verdict.DONE:
        return Applied(chosen, already=True)
    _check_gates(chosen)
    if chooser.manager.open_intents:
        executor.settle()
        chosen = chooser.choose()
        _check_gates(chosen)
    if hands.stop.is_set():
        return Applied(chosen, stopped=True)
    if not chosen.to_do and not executor.results and not chooser.manager.damaged:
        return Applied(chosen)
    if chosen.to_do and not hands.approve(chosen):
        return Applied(chosen, said_no=True)
    return Applied(chosen, executor.carry_out(chosen))


def _check_gates(chosen: Plan) -> None:
    if chosen.shut:
        raise GateClosedError(
            "A gate is shut, so nothing was done.",
            "\n".join(gate.detail for gate in chosen.shut),
            "If it is meant, plan again with " + " ".join(f"-allow {gate.name}" for gate in chosen.shut) + ".",
        )


class _Chooser:
    """The plan that an apply carries out: a saved one, checked, or a fresh one, held against the reviewed hash."""

    def __init__(
        self, workspace: Workspace, options: ApplyOptions, manager: StateManager, context: ApplyContext
    ) -> None:
        self.workspace, self.options, self.manager, self.context = workspace, options, manager, context
        self.verdict = Verdict.FRESH

    def choose(self) -> Plan:
        """The plan, by what state and files are now. Raises PlanRejectedError where that is not the one that was
        reviewed."""
        if self.options.saved is not None:
            return self._saved(self.options.saved)
        fresh = self._fresh()
        if self.options.plan_hash is not None:
            self._hold_against(self.options.plan_hash, fresh)
        return fresh

    def _fresh(self) -> Plan:
        workspace, state, options = self.workspace, self.manager.state, self.options.plan
        if not options.refresh:
            return build_plan(workspace, load_desired(workspace, state), self.manager.view, options)
        project, context = load_desired(workspace, None), self.context

        def tell(text: str) -> None:
            context.emit("note", text=text)

        app = read_remote(workspace, context.api, context.clock, state, project.sequences, tell)
        return build_plan(workspace, project, self.manager.view, options, remote=app)

    def _saved(self, saved: Plan) -> Plan:
        wanted = self.options.plan_hash
        if wanted is not None and wanted != saved.plan_hash():
            raise PlanRejectedError(
                "The saved plan is not the one that was reviewed.",
                f"Its hash is {saved.plan_hash()}; -plan-hash says {wanted}.",
                "Give the file that belongs to the hash.",
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
        except PlanRejectedError as refused:
            if refused.kind in ("state", "files") and not project.diagnostics:
                fresh = build_plan(workspace, project, self.manager.view, PlanOptions())
                refused.detail += "\nOld against new:\n" + "\n".join(plan_difference(saved, fresh))
            raise
        return saved

    def _hold_against(self, wanted: str, fresh: Plan) -> None:
        applying = self.manager.state.applying
        ours = applying is not None and applying.plan == wanted
        if fresh.plan_hash() == wanted and fresh.to_do:
            return
        if applying is not None and ours and applying.done and not fresh.to_do:
            self.verdict = Verdict.DONE
            return
        if applying is not None and ours and {c.digest() for c in fresh.to_do} <= set(applying.changes):
            return  # what is left of it, after a run that was cut short
        if fresh.plan_hash() == wanted:
            return
        raise _another_plan(wanted, fresh)


def _another_plan(wanted: str, fresh: Plan) -> PlanRejectedError:
    """What is told where the hash of a fresh plan is not the reviewed one: what the plan is now, and what to do."""
    # Late: only a refusal needs it.
    from sequence_sync.render.text import plan_text

    part = part_with_hash(fresh, wanted)
    if not WHOLE_HASH.fullmatch(wanted):
        hint = f"A plan hash has 64 digits; -plan-hash gives {len(wanted)}. Copy all of it from the reviewed plan."
    elif part:
        targets = " ".join(f"-target {key}" for key in part)
        hint = f"The reviewed plan is a part of this one. To carry out that part and nothing else, add {targets}."
    elif not fresh.to_do:
        hint = (
            "There is nothing to do. If another plan was applied after the reviewed one, then all is well; else look "
            "whether these are the files that were reviewed."
        )
    else:
        hint = (
            "Review this plan, then apply with its hash. If it holds what other branches changed too, choose what "
            "was reviewed: with the -target or -changed-since that its plan was made with."
        )
    return PlanRejectedError(
        "The plan is not the one that was reviewed.",
        f"Files and state give plan {fresh.plan_hash()}, not {wanted}:\n\n{plan_text(fresh)}",
        hint,
        kind="hash",
    )
