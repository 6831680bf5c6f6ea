"""The one loop that sends a write exactly once (docs/exactly-once.md): intent, lock check, call, outcome.

What gets no clear answer is resolved by reading; what is proved not to have been carried out is sent again. Each kind
of write says how it differs by a subclass of `Write`. Must not know plans, files or the terminal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic

from sequence_sync.apply.context import ChangeFailedError, HandlerResult, SequenceSession
from sequence_sync.apply.in_doubt import Doubt, Observed, Resolution
from sequence_sync.apply.preflight import check_new_steps
from sequence_sync.model.address import Address
from sequence_sync.model.report import Status
from sequence_sync.plan.model import Change
from sequence_sync.provider.base import CERTAINLY_NOT_MADE, Answer, AnswerKind, Call, account_error
from sequence_sync.state.journal import CallResult, IntentRecord, OutcomeRecord
from sequence_sync.state.model import Delta

MOST_SENDS = 5  # times that one write is sent in one run, each after proof that it may be sent again
CONNECT_GAP = 1.0  # seconds before a call that never connected is tried again; doubled each time
FOUND_BY_READING = "the answer was lost; found by reading"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call in doubt: the number of its intent, its answer, when it ended, and how many were sent before it."""

    number: int
    answer: Answer
    since: float
    sends: int


class Write(ABC, Generic[Observed]):
    """One write: what is sent, what must hold before it, and how its outcome is recognized."""

    seen_ids: set[str]  # ids of its kind that were seen before it

    def __init__(self, session: SequenceSession, change: Change, address: Address, call: Call) -> None:
        self.session, self.change, self.address, self.call = session, change, address, call
        self.request = session.request(call)

    def intent(self) -> IntentRecord:
        """What is written down before each call. May read, and raise where the call must not be made."""
        return IntentRecord(
            run=self.session.context.run,
            address=self.address,
            action=self.change.action,
            remote_id=self.session.id,
            body=self.call.body,
            seen=tuple(sorted(self.seen_ids)),
        )

    @abstractmethod
    def guard(self) -> dict[str, Any] | None:
        """Raise where the call must no longer be made; asked directly before it. Returns what the call replaces."""

    @abstractmethod
    def record(self, number: int, answer: Answer) -> bool:
        """Record the success of intent `number`, if `answer` proves it. Whether it does."""

    @abstractmethod
    def resolve(self, doubt: Doubt, since: float) -> tuple[Resolution, Observed]:
        """Read until it is decided what became of a call that ended at `since`."""

    @abstractmethod
    def record_found(self, attempt: Attempt, observed: Observed) -> bool:
        """Record that the write was found by reading. Whether it could be recorded."""

    @abstractmethod
    def prepare_resend(self, attempt: Attempt) -> None:
        """Do what must be done before the write is sent again."""

    @abstractmethod
    def undecided(self, attempt: Attempt, observed: Observed) -> ChangeFailedError:
        """The error for a write of which only a person can say what became of it."""

    def possibly_applied(self, observed: Observed) -> Sequence[Delta]:
        """What of a refused write may nevertheless have been carried out, as changes of the state."""
        return ()


def send_exactly_once(write: Write[Observed]) -> HandlerResult:
    """Send `write` until its outcome is known, and record that. Raises ChangeFailedError where it failed."""
    session = write.session
    sends = 0
    while sends < MOST_SENDS:
        number, answer = send_once(write)
        if write.record(number, answer):
            return HandlerResult(Status.DONE)
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(session, number, answer, sends)
            continue
        session.context.emit("in-doubt", write.address, f"The outcome is in doubt: {answer.message or answer.kind}.")
        attempt = Attempt(number, answer, session.context.clock.now(), sends)
        resolution, observed = write.resolve(doubt_of(answer), attempt.since)
        if resolution is Resolution.APPLIED and write.record_found(attempt, observed):
            return HandlerResult(Status.DONE, FOUND_BY_READING)
        _after_resolution(write, attempt, resolution, observed)
        sends += 1
    raise ChangeFailedError(
        Status.FAILED,
        f"seqsync sent it {MOST_SENDS} times, and Saleshandy never applied it.",
        "Run the same apply again later.",
    )


def send_once(write: Write[Any]) -> tuple[int, Answer]:
    """Make one call: its turn, the guard, the intent, the lock check, then the request. Returns the intent's number."""
    session, intent = write.session, write.intent()
    written: list[int] = []

    def before() -> None:
        session.check_stop()
        replaced = write.guard()
        written.append(session.context.manager.append(intent.model_copy(update={"replaced": replaced or None})))
        session.context.lock.check()

    session.context.emit("sending", write.address)
    answer = session.context.api.write(write.request, before)
    return written[0], answer


def close_intent(session: SequenceSession, of: int, result: CallResult, *deltas: Delta, detail: str = "") -> None:
    """Write down what became of intent number `of`."""
    session.context.manager.append(
        OutcomeRecord(run=session.context.run, of=of, result=result, detail=detail, deltas=deltas)
    )


def after_refusal(session: SequenceSession, number: int, answer: Answer, sends: int) -> int:
    """After a certain refusal: record it, and end the sequence or return how many sends it counts for."""
    close_intent(session, number, CallResult.REFUSED, detail=answer.message)
    if answer.kind is AnswerKind.RATE_LIMITED:
        return 0  # the limiter has learnt it, and makes the next call wait
    if answer.kind is AnswerKind.NEVER_CONNECTED and sends + 1 < MOST_SENDS:
        seconds = CONNECT_GAP * 2**sends
        session.context.wait(seconds, f"The API could not be reached. Trying again in {seconds:.0f} s.")
        return 1
    raise refusal(answer)


def _after_resolution(write: Write[Observed], attempt: Attempt, resolution: Resolution, observed: Observed) -> None:
    """Prepare to send a write again that was not found; or report the refusal, or ask a person."""
    session, number, detail = write.session, attempt.number, attempt.answer.message
    if resolution is Resolution.RESEND:
        write.prepare_resend(attempt)
    elif resolution is Resolution.CLOSE:
        close_intent(session, number, CallResult.NOT_MADE, detail=detail)
        session.read_at = None
        check_new_steps(session)
    elif resolution is Resolution.REFUSED:
        close_intent(session, number, CallResult.REFUSED, *write.possibly_applied(observed), detail=detail)
        raise refusal(attempt.answer)
    else:
        raise write.undecided(attempt, observed)


def doubt_of(answer: Answer) -> Doubt:
    """Why an answer that neither confirms nor certainly refuses a write leaves it in doubt."""
    ambiguous = answer.kind in (AnswerKind.REFUSED, AnswerKind.MISSING)
    return Doubt.AMBIGUOUS_REFUSAL if ambiguous else Doubt.NO_ANSWER


def refusal(answer: Answer) -> Exception:
    """The error for a certain refusal. A refused key ends the whole run."""
    if answer.kind in (AnswerKind.BAD_KEY, AnswerKind.FORBIDDEN):
        return account_error(answer)
    if answer.kind is AnswerKind.NEVER_CONNECTED:
        return ChangeFailedError(Status.FAILED, "The API could not be reached.", "Run the same apply again later.")
    if not answer.status:  # the client refused it
        return ChangeFailedError(Status.FAILED, f"Not sent: {answer.message}.", "Fix the file, then plan again.")
    return ChangeFailedError(Status.FAILED, f"The API refused it: {answer.message}", "Fix the file, then plan again.")
