"""Carries out a plan: resolves what earlier runs left in doubt, reads, then runs the sequences side by side.

The protocol: docs/exactly-once.md. Takes its changes from the plan only. Must not know files, settings or the terminal.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sequence_sync.apply.context import REREAD_AFTER, ApplyContext, ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.create import create_sequence, create_step, create_variant
from sequence_sync.apply.in_doubt import WAIT_REASONS, Doubt
from sequence_sync.apply.preflight import (
    fill_variant_ids,
    final_check,
    gets_creates,
    preview,
    read_back,
)
from sequence_sync.apply.refresh import check_account
from sequence_sync.apply.state_only import adopt, forget, move, record_agreement
from sequence_sync.apply.update import close_abandoned, resolve_interrupted, update
from sequence_sync.errors import AccountError, LockLostError, SeqsyncError, StateError, WaitExhaustedError
from sequence_sync.model.report import ApplyReport, ChangeResult, Event, Status, ordered
from sequence_sync.model.sequence import normalized_title
from sequence_sync.plan.model import CREATES, STATE_ONLY, Action, Change, Plan, Reason
from sequence_sync.provider.base import StoppedError
from sequence_sync.state.journal import DamageResolvedRecord, EndRecord, IntentRecord, NoteRecord, RunRecord
from sequence_sync.state.manager import StateNotSavedError
from sequence_sync.state.model import Applying, Delta, MadeFrom, SequenceState

# What carries out each action.
HANDLERS: Mapping[Action, Callable[[SequenceSession, Change], HandlerResult]] = {
    Action.MOVE: move,
    Action.FORGET: forget,
    Action.ADOPT: adopt,
    Action.RECORD: record_agreement,
    Action.CREATE_SEQUENCE: create_sequence,
    Action.CREATE_STEP: create_step,
    Action.CREATE_VARIANT: create_variant,
    Action.UPDATE_STEP: update,
    Action.UPDATE_VARIANT: update,
    Action.DEACTIVATE_VARIANT: update,
}
ENDS_THE_RUN = (AccountError, LockLostError, StateError, WaitExhaustedError)


class SequenceExecutor:
    """Carries out the changes of one sequence. `run()` returns a result for each."""

    def __init__(self, context: ApplyContext, key: str, changes: Sequence[Change]) -> None:
        self.context = context
        self.session = SequenceSession(context, key, changes)
        self.changes = list(changes)
        self.results: list[ChangeResult] = []

    def run(self) -> list[ChangeResult]:
        """Carry out the changes in order. Never raises for what the API, the disk or a person does."""
        known = self.session.known
        self.session.id = known.id if known else None
        for index, change in enumerate(self.changes):
            try:
                self.session.check_stop()
                self._keep(change, *HANDLERS[change.action](self.session, change))
            except ChangeFailedError as failed:
                self._keep(change, failed.status, failed.detail, failed.hint)
                return self._rest_skipped(index + 1)
            except StoppedError:
                return self._rest_skipped(index, "stopped before it was done")
            except SeqsyncError as error:
                self.context.aborted |= isinstance(error, ENDS_THE_RUN)
                detail = " ".join(part for part in (error.summary, error.detail) if part)
                self._keep(change, Status.FAILED, detail, error.hint, error.exit_code)
                return self._rest_skipped(index + 1)
        self._finish()
        return self.results

    def _keep(self, change: Change, status: Status, detail: str = "", hint: str = "", code: int | None = None) -> None:
        known = self.session.known
        entry = known.steps.get(change.step) if known and change.step else None
        remote_id = entry.id if entry else (self.session.id if change.step is None else None)
        self.results.append(_result(change, status, detail, hint, code, remote_id))
        self.context.emit(status.value, change.address, detail)

    def _rest_skipped(
        self, start: int, why: str = "an earlier change of this sequence stopped it"
    ) -> list[ChangeResult]:
        for change in self.changes[start:]:
            self._keep(change, Status.SKIPPED, why)
        return self.results

    def _finish(self) -> None:
        """After the last change: read the variants' ids that no answer returned, and check again what was in doubt."""
        try:
            if self.session.known and any(row.action is Action.CREATE_STEP for row in self.changes):
                fill_variant_ids(self.session)
            problem = final_check(self.session) if self.session.in_doubt else None
            read_back(self.session)
            close_abandoned(self.session)
        except (SeqsyncError, StoppedError) as error:
            self.context.emit("note", self.session.key, str(error))
            return
        if problem:
            self.results.append(
                ChangeResult(
                    address=self.session.key,
                    action="read",
                    status=problem.status,
                    detail=problem.detail,
                    hint=problem.hint,
                )
            )


T = TypeVar("T")
READS = frozenset({Action.ADOPT, Action.RECORD})  # without a write, but not by the state alone
STOP_TIMEOUT = 6.0  # seconds to wait for calls in flight after a stop (7 for all of it)


class Executor:
    """Carries out one apply under a lock that the caller holds.

    `parallelism` sequences run side by side, in threads; with 0 they run one after the other in the caller's own.
    """

    def __init__(self, context: ApplyContext, parallelism: int = 4) -> None:
        self.context = context
        self.parallelism = parallelism
        self.results: list[ChangeResult] = []
        self.unresolved_keys: set[str] = set()
        self._lock = threading.Lock()
        self._notes: list[str] = []
        self._began_at = context.clock.now()
        self._was_stored = context.manager.is_stored

    # -- what earlier runs left in doubt ----------------------------------------------------------------------------

    def resolve_in_doubt(self) -> list[ChangeResult]:
        """Decide every open write of earlier runs. Sends nothing. Returns a result for each that stays in doubt."""
        groups: dict[str, list[IntentRecord]] = defaultdict(list)
        for intent in self.context.manager.open_intents:
            groups[intent.address.sequence].append(intent)
        self.context.interrupted |= bool(groups)
        if groups:
            self.check_account()  # another account's key would find nothing, and close all of it
        since = self.context.clock.now()
        found = self._side_by_side(
            [partial(self._resolve_one, key, rows, since) for key, rows in sorted(groups.items())]
        )
        unresolved = [row for rows in found for row in rows]
        self.results.extend(unresolved)
        self.unresolved_keys = {row.address.sequence for row in unresolved}
        return unresolved

    def _resolve_one(self, key: str, intents: Sequence[IntentRecord], since: float) -> list[ChangeResult]:
        unresolved: list[ChangeResult] = []
        for intent in intents:
            self.context.emit("resolving", intent.address, "Resolving a write that an earlier run left in doubt.")
            try:
                resolve_interrupted(SequenceSession(self.context, key), intent, since)
            except ChangeFailedError as failed:
                unresolved.append(_result(intent, failed.status, failed.detail, failed.hint))
            except StoppedError:
                unresolved.append(_result(intent, Status.FAILED, "Stopped before it was resolved.", code=0))
            except SeqsyncError as error:
                self.context.aborted |= isinstance(error, AccountError)
                hint = "Run the same apply again."
                unresolved.append(_result(intent, Status.FAILED, str(error), hint, error.exit_code))
        return unresolved

    # -- the plan ---------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> ApplyReport:
        """Carry out every change of `plan` that is not blocked, each exactly once. Later errors are in the report.

        Raises AccountError, ReadFailedError and StoppedError before the first change.
        """
        self.context.observer.on_event(Event(kind="begin", total=len(plan.to_do)))
        self.context.known_drift = frozenset(plan.known_drift)
        self.context.removed = {key: {*row.removed, *_forgets(plan, key)} for key, row in plan.sequences.items()}
        # In a thread of its own: a read may hang, and the caller's thread must receive signals.
        prepared = self._side_by_side([partial(self._prepare, plan)])
        if not prepared:
            raise StoppedError
        runs = [SequenceExecutor(self.context, key, rows) for key, rows in prepared[0].items()]
        self._wait_for_interrupted(runs)
        self._side_by_side([partial(self._run_one, run) for run in runs])
        return self._end(plan)

    def _prepare(self, plan: Plan) -> dict[str, list[Change]]:
        """Check the account, and record that the run begins. Returns the changes of each sequence that may run."""
        if any(change.call or change.action in READS or change.reason is Reason.GONE for change in plan.to_do):
            self.check_account()
            self._note_same_titles()
        self._begin(plan)
        groups: dict[str, list[Change]] = defaultdict(list)
        for change in plan.to_do:
            groups[change.sequence].append(change)
        return {key: rows for key, rows in groups.items() if not self._refuse(plan, key, rows)}

    def check_account(self) -> None:
        """Raise AccountError where the key is refused, or sees none of the sequences that the state has."""
        known = {row.id for row in self.context.manager.state.sequences.values()}
        check_account(known, self.context.remote_sequences(), self.context.manager.state.api_host)

    def _note_same_titles(self) -> None:
        """Note other sequences with the title of a managed one: one of the two may have been created by mistake."""
        ours = self.context.manager.state.sequences
        owned = {row.id for row in ours.values()}
        by_title = {normalized_title(row.title): key for key, row in ours.items()}
        for row in self.context.remote_sequences():
            key = by_title.get(normalized_title(row.title))
            if key is not None and row.id not in owned:
                self._notes.append(
                    f'Another sequence (id {row.id}) has the title of {key} (id {ours[key].id}): "{ours[key].title}". '
                    "If it is a duplicate, delete the one that is not used."
                )

    def _begin(self, plan: Plan) -> None:
        applying = Applying(plan=plan.plan_hash(), changes=tuple(c.digest() for c in plan.to_do))
        now = self.context.manager.state.applying
        if (now is not None and now.plan == applying.plan) or (
            now is not None and set(applying.changes) <= set(now.changes)
        ):
            applying = now  # the same plan goes on, or what is left of it
        self.context.manager.append(RunRecord(run=self.context.run, applying=applying))

    def _refuse(self, plan: Plan, key: str, changes: Sequence[Change]) -> bool:
        """Whether this sequence must not run: a write is in doubt, or it is active and the plan did not know that."""
        if key in self.unresolved_keys:
            self._all(
                changes, Status.SKIPPED, "an earlier run left a write in this sequence in doubt; resolve that first"
            )
            return True
        if all(change.action in STATE_ONLY for change in changes):
            return False
        known = self.context.manager.state.sequences.get(key)
        remote_id = known.id if known else next((c.remote_id for c in changes if c.action is Action.ADOPT), None)
        row = next((row for row in self.context.remote_sequences() if row.id == remote_id), None)
        planned = plan.sequences.get(key)
        if row is None or not row.active or (planned and planned.active) or "active" in self.context.allowed:
            return False
        why = f'"{row.title}" is active, and the plan does not show that. A change may reach prospects at once.'
        self._all(changes, Status.REFUSED, why, "To change it anyway, plan again with `-allow active`.")
        return True

    def _all(self, changes: Iterable[Change], status: Status, why: str, hint: str = "") -> None:
        for change in changes:
            self.results.append(_result(change, status, why, hint))
            self.context.emit(status.value, change.address, why)

    def _wait_for_interrupted(self, runs: Sequence[SequenceExecutor]) -> None:
        """Wait where an earlier run may have been interrupted, or nothing is known of the last one; then read again.

        Each sequence that is there already and gets a create reads again by itself before its first write; the list
        of titles is read again before a sequence is created. A damaged record may hide a create anywhere, so that the
        wait for it is made whatever the plan says.
        """
        context = self.context
        sessions = [run.session for run in runs if gets_creates(run.session)]
        interrupted = context.interrupted or context.lock.taken_over or bool(context.manager.damaged)
        creates = any(change.action in CREATES for run in runs for change in run.changes)
        # A state without a record of a run has lost its journal; where there is no state, nothing was interrupted.
        unsure = context.last_run_unknown and (sessions or (creates and self._was_stored))
        if context.manager.damaged or (interrupted and creates) or unsure:
            if not interrupted:
                interrupted = any(self._side_by_side([partial(preview, session) for session in sessions]))
            wait = context.settle_grace if interrupted else min(REREAD_AFTER, context.settle_grace)
            left = wait - (context.clock.now() - self._began_at)
            if left > 0:
                try:
                    context.wait(left, _wait_text(left, interrupted))
                except StoppedError:
                    return
            context.forget_list()
        if not context.stopped():
            for number in context.manager.damaged:
                context.manager.append(DamageResolvedRecord(run=context.run, of=number))

    def _run_one(self, run: SequenceExecutor) -> None:
        results = run.run()
        with self._lock:
            self.results.extend(results)
        if not self.context.aborted:
            self.context.manager.checkpoint_if_due()

    def _side_by_side(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Run `jobs`, at most `parallelism` at a time. Returns their results in order."""
        if self.parallelism == 0:
            return [job() for job in jobs]
        waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
        for place in enumerate(jobs):
            waiting.put(place)
        results: dict[int, T] = {}
        failures: list[BaseException] = []

        def work() -> None:
            while True:
                try:
                    index, job = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    results[index] = job()
                except BaseException as error:  # raised in the caller's thread below
                    failures.append(error)
                    return

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(self.parallelism, len(jobs)))]
        for thread in threads:
            thread.start()
        self._await(threads)
        if failures:
            raise failures[0]
        return [results[index] for index in sorted(results)]

    def _await(self, threads: Sequence[threading.Thread]) -> None:
        """Wait until all have ended; after a stop, no longer than `STOP_TIMEOUT`. Writes in flight then stay open."""
        stopped_at: float | None = None
        while any(thread.is_alive() for thread in threads):
            next(thread for thread in threads if thread.is_alive()).join(0.1)  # short, so that signals are received
            if self.context.stopped():
                stopped_at = stopped_at or self.context.clock.now()
                if self.context.clock.now() - stopped_at > STOP_TIMEOUT:
                    return

    # -- the end ----------------------------------------------------------------------------------------------------

    def _end(self, plan: Plan) -> ApplyReport:
        context, manager = self.context, self.context.manager
        addresses = [change.address for change in plan.changes]
        for change in plan.asked:
            self._all([change], Status.UNKNOWN, "It was not created: a person must decide.", change.advice)
        report = ApplyReport(
            environment=plan.environment,
            api_host=plan.api_host,
            plan_hash=plan.plan_hash(),
            results=ordered(self.results, addresses),
            notes=tuple(self._notes),
        )
        if not context.stopped():
            done = not any(row.code or row.status is Status.SKIPPED for row in self.results)
            applying = (
                manager.state.applying.model_copy(update={"done": True}) if done and manager.state.applying else None
            )
            deltas = tuple(self._made_from(plan))
            text = "done" if done else "ended"
            manager.append(NoteRecord(run=context.run, text=text, applying=applying, deltas=deltas))
        manager.append(EndRecord(run=context.run, exit_code=report.exit_code))
        try:
            manager.checkpoint()
        except StateNotSavedError as error:
            report = report.with_unsaved(str(error), (error.printed or b"").decode())
        if manager.history_error:
            note = f"The history of this run could not be written: {manager.history_error}"
            report = report.model_copy(update={"notes": (*report.notes, note)})
        return report

    def _made_from(self, plan: Plan) -> Iterable[Delta]:
        """Record what complete sequences were made from, so that the next plan need not parse their files."""
        failed = {row.address.sequence for row in self.results if row.code or row.status is Status.SKIPPED}
        for key, planned in plan.sequences.items():
            entry = self.context.manager.state.sequences.get(key)
            if entry is None or not planned.complete or key in failed or key in self.unresolved_keys:
                continue
            in_doubt = not all(step.is_certain for step in entry.steps.values())
            if entry.title != planned.title or in_doubt or not _adopted_as_desired(plan, key, entry):
                continue  # the next plan shows a difference
            made_from = MadeFrom(files=planned.files, digest=entry.made_from_digest(planned.source_digest))
            if entry.made_from != made_from:
                yield Delta(sequence=key, head=entry.head.model_copy(update={"made_from": made_from}))


def _forgets(plan: Plan, key: str) -> list[str]:
    """The keys of the steps that the plan forgets because the file names them as removed."""
    changes = [c for c in plan.changes if c.sequence == key and c.action is Action.FORGET]
    return [change.step for change in changes if change.step and change.reason is Reason.REMOVED]


def _adopted_as_desired(plan: Plan, key: str, entry: SequenceState) -> bool:
    """Whether the steps that were adopted, by the plan or instead of a create, say what their files say."""
    found = (Action.ADOPT, Action.CREATE_STEP)
    adopted = [c for c in plan.changes if c.sequence == key and c.action in found and c.step is not None]
    return all(c.step in entry.steps and entry.steps[c.step].content == c.after for c in adopted if c.step)


def _wait_text(seconds: float, interrupted: bool) -> str:
    if interrupted:
        return WAIT_REASONS[Doubt.INTERRUPTED].format(seconds=f"{seconds:.0f}")
    return f"The journal has no record of the last run. Reading Saleshandy again in {seconds:.0f} s."


def _result(
    of: Change | IntentRecord,
    status: Status,
    detail: str,
    hint: str = "",
    code: int | None = None,
    remote_id: str | None = None,
) -> ChangeResult:
    """Return the result of a change, or of an earlier run's write. Without `code` the status gives the exit code."""
    own_code = {} if code is None else {"code": code}
    return ChangeResult(
        address=of.address, action=of.action, status=status, detail=detail, hint=hint, remote_id=remote_id, **own_code
    )
