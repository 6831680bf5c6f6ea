"""Carries out a plan: settles what earlier runs left, looks, then runs the sequences side by side.

The protocol: docs/exactly-once.md.

Takes its changes from the plan and from nothing else. Knows nothing of files, settings or the terminal.
"""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sequence_sync.apply.context import SECOND_LOOK, ApplyContext, ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.create import create_sequence, create_step, create_variant
from sequence_sync.apply.preflight import (
    fill_variant_ids,
    final_check,
    gets_creates,
    preview,
    read_back,
)
from sequence_sync.apply.refresh import check_account
from sequence_sync.apply.state_only import adopt, forget, move, record_agreement
from sequence_sync.apply.update import close_abandoned, resolve_open_intent, update
from sequence_sync.errors import AccountError, LockLostError, SeqsyncError, StateError, WaitExhaustedError
from sequence_sync.model.report import ApplyReport, ChangeResult, Event, Status, ordered
from sequence_sync.plan.matching import normalized_title
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
    """One sequence of one apply. `run()` gives a result for each of its changes."""

    def __init__(self, context: ApplyContext, key: str, changes: Sequence[Change]) -> None:
        self.context = context
        self.session = SequenceSession(context, key, changes)
        self.changes = list(changes)
        self.results: list[ChangeResult] = []

    def run(self) -> list[ChangeResult]:
        """Carry out what can be; never raises for what the API, the disk or a person does."""
        known = self.session.known
        self.session.id = known.id if known else None
        for index, change in enumerate(self.changes):
            try:
                self.session.check_stop()
                self._keep(change, *HANDLERS[change.action](self.session, change))
            except ChangeFailedError as halt:
                self._keep(change, halt.status, halt.detail, code=halt.code, hint=halt.hint)
                return self._rest_skipped(index + 1)
            except StoppedError:
                return self._rest_skipped(index, "stopped before it was done")
            except SeqsyncError as error:
                self.context.aborted |= isinstance(error, ENDS_THE_RUN)
                detail = " ".join(part for part in (error.summary, error.detail) if part)
                self._keep(change, Status.FAILED, detail, code=error.exit_code, hint=error.hint)
                return self._rest_skipped(index + 1)
        self._finish()
        return self.results

    def _keep(self, change: Change, status: Status, detail: str, code: int = 0, hint: str = "") -> None:
        known = self.session.known
        entry = known.steps.get(change.step) if known and change.step else None
        remote_id = entry.id if entry else (self.session.id if change.step is None else None)
        self.results.append(
            ChangeResult(
                address=change.address,
                action=change.action,
                status=status,
                detail=detail,
                code=code,
                hint=hint,
                remote_id=remote_id,
            )
        )
        self.context.emit(status.value, change.address, detail)

    def _rest_skipped(
        self, start: int, why: str = "an earlier change of this sequence stopped it"
    ) -> list[ChangeResult]:
        for change in self.changes[start:]:
            self._keep(change, Status.SKIPPED, why)
        return self.results

    def _finish(self) -> None:
        """After the last change: variants' ids that no answer told, and one more look where something was unclear."""
        try:
            if self.session.known and any(row.action is Action.CREATE_STEP for row in self.changes):
                fill_variant_ids(self.session)
            problem = final_check(self.session) if self.session.unclear else None
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
                    code=problem.code,
                )
            )


T = TypeVar("T")
READS = frozenset({Action.ADOPT, Action.RECORD})  # without a call, and yet not by the state alone
LAST_MOMENT = 6.0  # seconds that calls in flight are awaited after a stop (7 for all of it)


class Executor:
    """One apply under a lock that the caller holds.

    `parallelism` sequences go side by side, in threads; with 0 they go one after the other in the caller's own.
    """

    def __init__(self, context: ApplyContext, parallelism: int = 4) -> None:
        self.context = context
        self.parallelism = parallelism
        self.results: list[ChangeResult] = []
        self.undecided: set[str] = set()
        self._lock = threading.Lock()
        self._notes: list[str] = []
        self._began_at = context.clock.now()
        self._was_stored = context.manager.is_stored

    # -- what earlier runs left -----------------------------------------------------------------------------------

    def settle(self) -> list[ChangeResult]:
        """Decide every open write of earlier runs; sends nothing. A result for each that a person must decide."""
        groups: dict[str, list[IntentRecord]] = defaultdict(list)
        for intent in self.context.manager.open_intents:
            groups[intent.address.sequence].append(intent)
        self.context.cut_off |= bool(groups)
        if groups:
            self.check_account()  # with another account's key nothing would be found, and all of it be closed
        since = self.context.clock.now()
        found = self._side_by_side(
            [partial(self._settle_one, key, rows, since) for key, rows in sorted(groups.items())]
        )
        unsettled = [row for rows in found for row in rows]
        self.results.extend(unsettled)
        self.undecided = {row.address.sequence for row in unsettled}
        return unsettled

    def _settle_one(self, key: str, intents: Sequence[IntentRecord], since: float) -> list[ChangeResult]:
        unsettled: list[ChangeResult] = []
        for intent in intents:
            self.context.emit("settling", intent.address)
            try:
                resolve_open_intent(SequenceSession(self.context, key), intent, since)
            except ChangeFailedError as halt:
                unsettled.append(_unsettled(intent, halt.detail, halt.hint, halt.code))
            except StoppedError:
                unsettled.append(_unsettled(intent, "Stopped before it was settled.", "", 0))
            except SeqsyncError as error:
                self.context.aborted |= isinstance(error, AccountError)
                unsettled.append(_unsettled(intent, str(error), "Run the same apply again.", error.exit_code))
        return unsettled

    # -- the plan ---------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> ApplyReport:
        """Every change of `plan` that is not blocked, each exactly once. Never raises for what happens on the way.

        Raises AccountError, ReadFailedError and StoppedError before the first change.
        """
        self.context.observer.on_event(Event(kind="begin", total=len(plan.to_do)))
        self.context.known_drift = frozenset(plan.known_drift)
        asked = [change for change in plan.changes if change.reason is Reason.UNCLEAR]
        self.context.in_question = {change.address: change.after for change in asked if change.after}
        # In a thread of its own: a read may hang, and the caller's thread must hear signals.
        prepared = self._side_by_side([partial(self._prepare, plan)])
        if not prepared:
            raise StoppedError
        runs = [SequenceExecutor(self.context, key, rows) for key, rows in prepared[0].items()]
        self._second_look(runs)
        self._side_by_side([partial(self._run_one, run) for run in runs])
        return self._end(plan)

    def _prepare(self, plan: Plan) -> dict[str, list[Change]]:
        """Look whether it is the right account, record that the run begins; the changes of each sequence to go."""
        if any(change.call or change.action in READS or change.reason is Reason.GONE for change in plan.to_do):
            self.check_account()
            self._note_namesakes()
        self._begin(plan)
        groups: dict[str, list[Change]] = defaultdict(list)
        for change in plan.to_do:
            groups[change.sequence].append(change)
        return {key: rows for key, rows in groups.items() if not self._refuse(plan, key, rows)}

    def check_account(self) -> None:
        """Raises AccountError where the key is refused, or sees none of the sequences that the state knows."""
        known = {row.id for row in self.context.manager.state.sequences.values()}
        check_account(known, self.context.remote_sequences())

    def _note_namesakes(self) -> None:
        """Tells of sequences that bear the title of one of ours: one of the two may have been made by mistake."""
        ours = self.context.manager.state.sequences
        owned = {row.id for row in ours.values()}
        by_title = {normalized_title(row.title): key for key, row in ours.items()}
        for row in self.context.remote_sequences():
            key = by_title.get(normalized_title(row.title))
            if key is not None and row.id not in owned:
                self._notes.append(
                    f'Another sequence (id {row.id}) has the title of {key} (id {ours[key].id}): "{ours[key].title}". '
                    "If it is a second copy, delete the one that is not used."
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
        """Whether this sequence is left alone: undecided, or active where the plan did not know it."""
        if key in self.undecided:
            self._all(changes, Status.SKIPPED, "what an earlier run left open in this sequence must be settled first")
            return True
        if all(change.action in STATE_ONLY for change in changes):
            return False
        known = self.context.manager.state.sequences.get(key)
        remote_id = known.id if known else next((c.remote_id for c in changes if c.action is Action.ADOPT), None)
        row = next((row for row in self.context.remote_sequences() if row.id == remote_id), None)
        planned = plan.sequences.get(key)
        if row is None or not row.active or (planned and planned.active) or "active" in self.context.allowed:
            return False
        why = f'"{row.title}" is active, so what is written may reach prospects at once, and the plan did not know it.'
        self._all(changes, Status.REFUSED, why, 6, "If that is meant, plan again with `-allow active`.")
        return True

    def _all(self, changes: Iterable[Change], status: Status, why: str, code: int = 0, hint: str = "") -> None:
        for change in changes:
            self.results.append(
                ChangeResult(
                    address=change.address, action=change.action, status=status, detail=why, code=code, hint=hint
                )
            )
            self.context.emit(status.value, change.address, why)

    def _second_look(self, runs: Sequence[SequenceExecutor]) -> None:
        """Where a run may have been cut off, or nothing is known of the last one: wait, then look again.

        Each sequence that is there already and gets a create reads again by itself before its first write; the list
        of titles is read again before a sequence is created. A damaged record may hide a create anywhere, so that
        the wait for it is made whatever the plan says.
        """
        context = self.context
        sites = [run.session for run in runs if gets_creates(run.session)]
        cut_off = context.cut_off or context.lock.taken_over or bool(context.manager.damaged)
        creates = any(change.action in CREATES for run in runs for change in run.changes)
        # A state that knows of no run has lost its journal; where there is none yet, nothing can have been cut off.
        unsure = context.no_record and (sites or (creates and self._was_stored))
        if context.manager.damaged or (cut_off and creates) or unsure:
            if not cut_off:
                cut_off = any(self._side_by_side([partial(preview, session) for session in sites]))
            wait = context.settle_grace if cut_off else min(SECOND_LOOK, context.settle_grace)
            left = wait - (context.clock.now() - self._began_at)
            if left > 0:
                context.emit("wait", text=f"looking twice before the first write: {left:.0f} s")
                try:
                    context.clock.sleep(left)
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
        """Run `jobs`, at most `parallelism` at a time, and give their results in order."""
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
                except BaseException as error:  # told to the caller's thread below
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
        """Until all have ended; after a stop, no longer than calls in flight may take. What is left stays open."""
        stopped_at: float | None = None
        while any(thread.is_alive() for thread in threads):
            next(thread for thread in threads if thread.is_alive()).join(0.1)  # short, so that signals are heard
            if self.context.stopped():
                stopped_at = stopped_at or self.context.clock.now()
                if self.context.clock.now() - stopped_at > LAST_MOMENT:
                    return

    # -- the end ----------------------------------------------------------------------------------------------------

    def _end(self, plan: Plan) -> ApplyReport:
        context, manager = self.context, self.context.manager
        addresses = [change.address for change in plan.changes]
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
        except StateNotSavedError as problem:
            report = report.with_unsaved(str(problem), (problem.printed or b"").decode())
        if manager.history_error:
            told = f"The history of this run could not be written: {manager.history_error}"
            report = report.model_copy(update={"notes": (*report.notes, told)})
        return report

    def _made_from(self, plan: Plan) -> Iterable[Delta]:
        """What complete sequences were made from: the next plan need not parse their files."""
        failed = {row.address.sequence for row in self.results if row.code or row.status is Status.SKIPPED}
        for key, planned in plan.sequences.items():
            entry = self.context.manager.state.sequences.get(key)
            if entry is None or not planned.complete or key in failed or key in self.undecided:
                continue
            unsettled = not all(step.is_certain for step in entry.steps.values())
            if entry.title != planned.title or unsettled or not _adopted_as_wanted(plan, key, entry):
                continue  # the next plan has something to tell of it
            made_from = MadeFrom(files=planned.files, digest=entry.made_from_digest(planned.source_digest))
            if entry.made_from != made_from:
                yield Delta(sequence=key, head=entry.head.model_copy(update={"made_from": made_from}))


def _adopted_as_wanted(plan: Plan, key: str, entry: SequenceState) -> bool:
    """Whether the steps that were adopted say what their files want."""
    adopted = [c for c in plan.changes if c.sequence == key and c.action is Action.ADOPT and c.step is not None]
    return all(c.step in entry.steps and entry.steps[c.step].content == c.after for c in adopted if c.step)


def _unsettled(intent: IntentRecord, detail: str, hint: str, code: int) -> ChangeResult:
    status = Status.UNKNOWN if code == 9 else Status.FAILED
    return ChangeResult(
        address=intent.address, action=intent.action, status=status, detail=detail, hint=hint, code=code
    )
