"""What one apply knows (`ApplyContext`) and what it knows of one sequence (`SequenceSession`). Never writes remotely.

Must not know the order of a plan, other sequences or the terminal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sequence_sync.model.address import Address
from sequence_sync.model.report import Event, NullObserver, Observer, Status
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.model import Action, Change
from sequence_sync.provider.base import Call, Clock, Patch, Provider, RemoteSequence, RemoteStep, Request, StoppedError
from sequence_sync.state.backends.base import Lock
from sequence_sync.state.journal import NoteRecord, PlannedCall, SequenceRecord
from sequence_sync.state.manager import StateManager
from sequence_sync.state.model import Delta, SequenceState

READ_VALID_FOR = 10.0  # seconds for which a read is good enough to write by (docs/exactly-once.md)
REREAD_AFTER = 10.0  # seconds between two reads that must agree; the settle grace where that is shorter


class HandlerResult(NamedTuple):
    """What became of a change, and why."""

    status: Status
    detail: str = ""


class ChangeFailedError(Exception):
    """A change failed, and its sequence ends here. `status` says how, and gives the exit code; `hint` what to do."""

    def __init__(self, status: Status, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint


@dataclass
class ApplyContext:
    """One apply.

    `run` is its id. `interrupted` says whether an earlier run was interrupted, `last_run_unknown` whether the journal
    has no record of the last run. `known_drift` holds the digests of the drift that the plan has shown. `removed` has,
    by sequence, the keys of forgotten steps that its file names as removed. `stopped` returns whether the run has been
    asked to stop. `aborted` is set where going on makes no sense.
    """

    api: Provider
    manager: StateManager
    lock: Lock
    clock: Clock
    settle_grace: float
    run: str
    observer: Observer = field(default_factory=NullObserver)
    stopped: Callable[[], bool] = lambda: False
    interrupted: bool = False
    last_run_unknown: bool = False
    allowed: frozenset[str] = frozenset()
    known_drift: frozenset[str] = frozenset()
    removed: Mapping[str, Collection[str]] = field(default_factory=dict)
    aborted: bool = False
    _list: tuple[float, Sequence[RemoteSequence]] | None = None
    _list_lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, kind: str, address: str = "", text: str = "") -> None:
        """Report an event to the observer."""
        self.observer.on_event(Event(kind=kind, address=address, text=text))

    def announce_wait(self, seconds: float, text: str) -> None:
        """Report a wait before it begins. `text` names its reason and its length."""
        self.observer.on_event(Event(kind="wait", text=text, seconds=seconds))

    def wait(self, seconds: float, text: str) -> None:
        """Announce a wait, then wait. Raises StoppedError where the run is stopped meanwhile."""
        self.announce_wait(seconds, text)
        self.clock.sleep(seconds)

    def grace_left(self, since: float) -> float:
        """Seconds that are left of the settle grace that began at `since`; not above 0 where it is over."""
        return since + self.settle_grace - self.clock.now()

    def remote_sequences(self, not_before: float | None = None) -> Sequence[RemoteSequence]:
        """The whole list of sequences, read at most ten seconds ago, and not before `not_before`."""
        with self._list_lock:
            oldest = max(self.clock.now() - READ_VALID_FOR, not_before if not_before is not None else float("-inf"))
            if self._list is None or self._list[0] < oldest:
                began = self.clock.now()
                self._list = (began, self.api.sequences())
            return self._list[1]

    def forget_list(self) -> None:
        """Make the next use of the list of sequences read it again."""
        with self._list_lock:
            self._list = None


def day_of(step: RemoteStep) -> int | None:
    """The day that an unmanaged step occupies: that of an email, where the API returns it."""
    return step.day if step.type == EMAIL else None


FORGET_HINT = "To stop managing what was deleted, remove it from its file and plan with `-refresh`."


@dataclass(frozen=True, slots=True)
class AbandonedPatch:
    """Updates of one variant with one patch that got no clear answer and were sent again.

    `numbers` are their open intents, `since` is the moment from which the last one may still arrive.
    """

    patch: Patch
    since: float
    numbers: tuple[int, ...]


@dataclass
class SequenceSession:
    """One sequence of one apply.

    `seen_ids` are the ids of all steps that were seen in it, managed or not. `read_at` is when the last read began,
    `steps` what it returned. `is_recorded`: the sequence's record is in the journal. `in_doubt`: a create of this run
    got no clear answer. `compared`: its steps were compared with the state. `abandoned` holds, by address, PATCHes that
    may still arrive. `patched_ids` are the variants changed since the last read; `payload_before` holds, by id, what
    each variant that this run changed said before. `created_ids` are the steps that this run created.
    """

    context: ApplyContext
    key: str
    changes: Sequence[Change] = ()
    id: str | None = None
    seen_ids: set[str] = field(default_factory=set)
    steps: list[RemoteStep] = field(default_factory=list)
    read_at: float | None = None
    is_recorded: bool = False
    in_doubt: bool = False
    compared: bool = False
    abandoned: dict[Address, AbandonedPatch] = field(default_factory=dict)
    patched_ids: set[str] = field(default_factory=set)
    payload_before: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    created_ids: set[str] = field(default_factory=set)

    # -- the state --------------------------------------------------------------------------------------------------

    @property
    def known(self) -> SequenceState | None:
        """The sequence's entry in the state, as it is now; None where it has none."""
        return self.context.manager.state.sequences.get(self.key)

    def entry(self) -> SequenceState:
        """The sequence's entry in the state. Raises ChangeFailedError where it has none."""
        known = self.known
        if known is None:
            raise ChangeFailedError(Status.FAILED, f"{self.key} is not in the state.", "Plan again.")
        return known

    def note(self, text: str, *deltas: Delta) -> None:
        """Record a change of the state that needs no call."""
        self.context.manager.append(NoteRecord(run=self.context.run, text=text, deltas=deltas))

    def write_sequence_record(self) -> None:
        """Write the sequence's record before its first call, so that any machine can see what was begun."""
        if self.is_recorded:
            return
        calls = tuple(
            PlannedCall(address=c.address, action=c.action, body=call.body) for c in self.changes for call in c.calls
        )
        self.context.manager.append(
            SequenceRecord(
                n=0,
                lineage="",
                run=self.context.run,
                sequence=self.key,
                remote_id=self.id,
                seen=tuple(sorted(self.seen_ids)),
                calls=calls,
            )
        )
        self.is_recorded = True

    # -- which steps there are --------------------------------------------------------------------------------------

    def pending_creates(self) -> dict[Address, Content]:
        """The steps that are still to be created, by address."""
        done = self.known.steps if self.known else {}
        return {
            change.address: change.after
            for change in self.changes
            if change.action is Action.CREATE_STEP and change.after and change.address.step not in done
        }

    def managed_steps(self) -> dict[Address, Content]:
        """The steps that the state has, by address."""
        known = self.known
        return {Address(self.key, key): step.content for key, step in known.steps.items()} if known else {}

    def recorded_ids(self) -> set[str]:
        """The ids of all steps that the state has, managed or not."""
        known = self.known
        return {step.id for step in known.steps.values()} | known.named_ids if known else set()

    def unmanaged_steps(self) -> list[RemoteStep]:
        """The steps of the last read that may be ours: neither managed, nor declared not ours, nor adopted by the plan.

        Forgotten and reported steps are among them: whether they are ours is evaluated before every create.
        """
        known = self.known
        ours = {step.id for step in known.steps.values()} | known.declared_ids if known else set()
        ours |= {c.remote_id for c in self.changes if c.action is Action.ADOPT and c.address.step and c.remote_id}
        return [step for step in self.steps if step.id not in ours]

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self) -> list[RemoteStep]:
        """Read the steps. Raises ChangeFailedError where the sequence is not found."""
        steps = self.read_if_there()
        if steps is None:
            raise ChangeFailedError(
                Status.FAILED,
                f"{self.key} (id {self.id}) was not found in this account.",
                f"seqsync does not create it again. Run `seqsync drift` to check again. {FORGET_HINT}",
            )
        return steps

    def read_if_there(self) -> list[RemoteStep] | None:
        """Read the steps; None where the sequence is not found, which a single read does not prove."""
        began = self.context.clock.now()  # the time of a read is that of its beginning
        steps = self.context.api.steps(self.id or "")
        if steps is not None:
            self.read_at, self.steps = began, steps
            self.patched_ids.clear()
        return steps

    def ensure_fresh(self) -> None:
        """Read the steps, unless that was done in the last ten seconds."""
        if self.read_at is None or self.context.clock.now() - self.read_at > READ_VALID_FOR:
            self.read()

    def reread(self, why: str) -> None:
        """Wait, then read again: a single read may lag behind. `why` is a sentence for the user."""
        seconds = min(REREAD_AFTER, self.context.settle_grace)
        self.context.wait(seconds, f"{why} Reading it again in {seconds:.0f} s.")
        self.read()

    def remote_or_none(self, step_id: str) -> RemoteStep | None:
        """One step of the last read; None where it did not return it."""
        return next((step for step in self.steps if step.id == step_id), None)

    def remote_step(self, step_id: str) -> RemoteStep:
        """One step, of the last read or of a second one. Raises ChangeFailedError where neither returned it."""
        step = self.remote_or_none(step_id)
        if step is None:
            self.reread(f"Step {step_id} of {self.key} was not found in Saleshandy.")
            step = self.remote_or_none(step_id)
        if step is None:
            raise missing_error(self, f"Step {step_id} of {self.key}")
        return step

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(self, call: Call) -> Request:
        """The request for `call`, with the ids that the state has filled in."""
        ids = {Address(self.key): self.id} if self.id else {}
        for key, step in self.known.steps.items() if self.known else ():
            ids |= {Address(self.key, key, letter): row.id for letter, row in step.variants.items() if row.id}
        return self.context.api.dialect.bind(call, ids)

    def patch(self, body: Mapping[str, Any] | None) -> Patch:
        """What an update with `body` writes."""
        return self.context.api.dialect.patch(body or {})

    # -- before a write ---------------------------------------------------------------------------------------------

    def check_stop(self) -> None:
        """Raise StoppedError where the run must not begin anything new."""
        if self.context.stopped() or self.context.aborted:
            raise StoppedError

    def abandon(self, address: Address, patch: Patch, since: float, number: int) -> None:
        """Remember a PATCH that is sent again and may still arrive. Its intent `number` stays open."""
        before = self.abandoned.get(address)
        self.abandoned[address] = AbandonedPatch(patch, since, (*(before.numbers if before else ()), number))


def missing_error(session: SequenceSession, what: str) -> ChangeFailedError:
    """The error where two reads did not return `what`."""
    return ChangeFailedError(
        Status.REFUSED,
        f"{what} is no longer in Saleshandy.",
        "seqsync does not create it again by itself. Restore it in Saleshandy; or run `seqsync drift`, then plan with "
        f"`-refresh` to see what can be done. {FORGET_HINT}",
    )
