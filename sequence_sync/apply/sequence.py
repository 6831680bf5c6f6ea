"""Carries out the changes of one sequence, in order. Ends at the first that fails; others are none of its business."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sequence_sync.api.types import Stopped
from sequence_sync.apply.agreeing import Told, record
from sequence_sync.apply.context import Context, Halt
from sequence_sync.apply.creating import create_sequence, create_step
from sequence_sync.apply.drifting import look_after_writing
from sequence_sync.apply.looking import fill_variant_ids, last_look
from sequence_sync.apply.recording import adopt, forget, move
from sequence_sync.apply.site import Site
from sequence_sync.apply.updating import close_given_up, update
from sequence_sync.apply.variants import create_variant
from sequence_sync.errors import AccountProblem, LockLost, SeqsyncError, StateProblem, WaitExhausted
from sequence_sync.planning.outcome import Result, Status
from sequence_sync.planning.plan import Action, Change

# What carries out each action.
HANDLERS: Mapping[Action, Callable[[Site, Change], Told]] = {
    Action.MOVE: move,
    Action.FORGET: forget,
    Action.ADOPT: adopt,
    Action.RECORD: record,
    Action.CREATE_SEQUENCE: create_sequence,
    Action.CREATE_STEP: create_step,
    Action.CREATE_VARIANT: create_variant,
    Action.UPDATE_STEP: update,
    Action.UPDATE_VARIANT: update,
    Action.DEACTIVATE_VARIANT: update,
}
ENDS_THE_RUN = (AccountProblem, LockLost, StateProblem, WaitExhausted)


class SequenceRun:
    """One sequence of one apply. `run()` gives a result for each of its changes."""

    def __init__(self, context: Context, key: str, changes: Sequence[Change]) -> None:
        self.context = context
        self.site = Site(context, key, changes)
        self.changes = list(changes)
        self.results: list[Result] = []

    def run(self) -> list[Result]:
        """Carry out what can be; never raises for what the API, the disk or a person does."""
        known = self.site.known
        self.site.id = known.id if known else None
        for index, change in enumerate(self.changes):
            try:
                self.site.check_stop()
                self._keep(change, *HANDLERS[change.action](self.site, change))
            except Halt as halt:
                self._keep(change, halt.status, halt.detail, code=halt.code, hint=halt.hint)
                return self._rest_skipped(index + 1)
            except Stopped:
                return self._rest_skipped(index, "stopped before it was done")
            except SeqsyncError as error:
                self.context.aborted |= isinstance(error, ENDS_THE_RUN)
                detail = " ".join(part for part in (error.summary, error.detail) if part)
                self._keep(change, Status.FAILED, detail, code=error.exit_code, hint=error.hint)
                return self._rest_skipped(index + 1)
        self._finish()
        return self.results

    def _keep(self, change: Change, status: Status, detail: str, code: int = 0, hint: str = "") -> None:
        known = self.site.known
        entry = known.steps.get(change.step) if known and change.step else None
        remote_id = entry.id if entry else (self.site.id if change.step is None else None)
        self.results.append(
            Result(
                address=change.address, action=change.action, status=status, detail=detail, code=code, hint=hint,
                remote_id=remote_id,
            )
        )  # fmt: skip
        self.context.tell(status.value, change.address, detail)

    def _rest_skipped(self, start: int, why: str = "an earlier change of this sequence stopped it") -> list[Result]:
        for change in self.changes[start:]:
            self._keep(change, Status.SKIPPED, why)
        return self.results

    def _finish(self) -> None:
        """After the last change: variants' ids that no answer told, and one more look where something was unclear."""
        try:
            if self.site.known and any(row.action is Action.CREATE_STEP for row in self.changes):
                fill_variant_ids(self.site)
            problem = last_look(self.site) if self.site.unclear else None
            look_after_writing(self.site)
            close_given_up(self.site)
        except (SeqsyncError, Stopped) as error:
            self.context.tell("note", self.site.key, str(error))
            return
        if problem:
            self.results.append(
                Result(
                    address=self.site.key, action="read", status=problem.status, detail=problem.detail,
                    hint=problem.hint, code=problem.code,
                )
            )  # fmt: skip
