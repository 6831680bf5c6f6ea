"""One sequence as this run sees it: its entry in the state, what was read of it, and when. Never writes remotely.

Knows nothing of plans' order, of other sequences or of the terminal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.apply.in_doubt import CREATE_RESOLUTIONS as SETTLING
from sequence_sync.apply.in_doubt import CreateResolution, Doubt, Evidence, Observation
from sequence_sync.errors import WaitExhaustedError
from sequence_sync.model.report import Event, NullObserver, Observer, Status
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.model import Action, Change
from sequence_sync.provider.base import (
    Call,
    Clock,
    Patch,
    Provider,
    ReadFailedError,
    RemoteSequence,
    RemoteStep,
    Request,
    StoppedError,
)
from sequence_sync.state.backends.base import Lock
from sequence_sync.state.journal import NoteRecord, PlannedCall, SequenceRecord
from sequence_sync.state.manager import StateManager
from sequence_sync.state.model import Delta, SequenceHead, SequenceState

GOOD_FOR = 10.0  # seconds that a read is good for (docs/exactly-once.md)
FIRST_GAP = 1.0  # seconds between the first two looks at an unclear create; each further gap is twice as long
SECOND_LOOK = 10.0  # seconds between two looks that must agree; the grace where that is shorter
TRIES_UNREAD = 5  # looks that may fail after the grace before a person is asked

# What a handler gives: what became of the change, and why.
HandlerResult = tuple[Status, str]


class ChangeFailedError(Exception):
    """One sequence ends here: what became of the change at hand, why, and what to do."""

    def __init__(self, status: Status, code: int, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.hint = status, code, detail, hint


@dataclass
class ApplyContext:
    """One apply. `run` is its id; `cut_off`: a run before it was cut off somewhere; `no_record`: nothing is known of
    the last run. `known_drift` are the edits in the app that the plan has shown, `in_question` the steps that it does
    not create because something in the app may be them, by address. `stopped` says whether the run has
    been told to stop, `aborted` whether going on makes no sense."""

    api: Provider
    manager: StateManager
    lock: Lock
    clock: Clock
    settle_grace: float
    run: str
    observer: Observer = field(default_factory=NullObserver)
    stopped: Callable[[], bool] = lambda: False
    cut_off: bool = False
    no_record: bool = False
    allowed: frozenset[str] = frozenset()
    known_drift: frozenset[str] = frozenset()
    in_question: Mapping[str, Content] = field(default_factory=dict)
    aborted: bool = False
    _list: tuple[float, Sequence[RemoteSequence]] | None = None
    _list_lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, kind: str, address: str = "", text: str = "") -> None:
        """Tell the observer."""
        self.observer.on_event(Event(kind=kind, address=address, text=text))

    def remote_sequences(self, not_before: float | None = None) -> Sequence[RemoteSequence]:
        """The whole list of sequences, read at most ten seconds ago, and not before `not_before`."""
        with self._list_lock:
            oldest = max(self.clock.now() - GOOD_FOR, not_before if not_before is not None else float("-inf"))
            if self._list is None or self._list[0] < oldest:
                began = self.clock.now()
                self._list = (began, self.api.sequences())
            return self._list[1]

    def forget_list(self) -> None:
        """Read the list of sequences anew the next time."""
        with self._list_lock:
            self._list = None

    def settle(self, stand: Doubt, since: float, weigh: Callable[[], Evidence]) -> tuple[CreateResolution, Evidence]:
        """Looks at widening gaps until the table decides. `since` is when the call was given up."""
        gap, unread = FIRST_GAP, 0
        while True:
            began = self.clock.now()
            over = began - since >= self.settle_grace
            try:
                evidence = weigh()
            except ReadFailedError:
                evidence = Evidence(Observation.UNREAD)
                unread += over
            except WaitExhaustedError:
                return CreateResolution.ASK, Evidence(Observation.UNREAD)
            decision = SETTLING[stand, over][evidence.seen]
            if evidence.seen is Observation.UNREAD and unread < TRIES_UNREAD:
                decision = CreateResolution.WAIT
            if decision is not CreateResolution.WAIT:
                return decision, evidence
            left = self.settle_grace - (self.clock.now() - since)
            self.clock.sleep(min(gap, left) if left > 0 else gap)
            gap *= 2


def day_of(step: RemoteStep) -> int | None:
    """The day that a step which is not ours holds: that of an email, where it is told."""
    return step.day if step.type == EMAIL else None


WHEN_GONE = "What somebody deleted is forgotten by a plan with `-refresh` once its file does not want it any more."


@dataclass(frozen=True, slots=True)
class AbandonedPatch:
    """Updates of one variant with one patch that were given up and sent again: the numbers of their open intents, and
    since when the last one may arrive."""

    patch: Patch
    since: float
    numbers: tuple[int, ...]


@dataclass
class SequenceSession:
    """One sequence of one apply. `seen` holds every remote id seen in it, ours or not; `read_at` is when the last read
    began; `announced`: its record is written; `unclear`: some outcome was unknown in this run; `compared`: its steps
    were held against the state; `given_up`: by path, PATCHes that may still arrive;
    `patched`: ids of variants that were changed since the last read; `before`: by the id of each variant that this run
    changed, its payload before; `made`: ids of the steps that it created."""

    context: ApplyContext
    key: str
    changes: Sequence[Change] = ()
    id: str | None = None
    seen: set[str] = field(default_factory=set)
    steps: list[RemoteStep] = field(default_factory=list)
    read_at: float | None = None
    announced: bool = False
    unclear: bool = False
    compared: bool = False
    given_up: dict[str, AbandonedPatch] = field(default_factory=dict)
    patched: set[str] = field(default_factory=set)
    before: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    @property
    def known(self) -> SequenceState | None:
        """The sequence's entry in the state, as it is now."""
        return self.context.manager.state.sequences.get(self.key)

    def entry(self) -> SequenceState:
        """The same, where it must be there."""
        known = self.known
        if known is None:
            raise ChangeFailedError(Status.FAILED, 1, f"{self.key} is not in the state.")
        return known

    def give_up(self, path: str, patch: Patch, since: float, number: int) -> None:
        """Remember a PATCH that is sent again, and may arrive as well."""
        before = self.given_up.get(path)
        self.given_up[path] = AbandonedPatch(patch, since, (*(before.numbers if before else ()), number))

    def request(self, call: Call) -> Request:
        """Return the request for `call`, with the ids that the state knows filled in."""
        return self.context.api.dialect.bind(call, self._ids())

    def _ids(self) -> dict[str, str]:
        ids = {self.key: self.id} if self.id else {}
        for key, step in self.known.steps.items() if self.known else ():
            ids |= {f"{self.key}.{key}.{letter}": row.id for letter, row in step.variants.items() if row.id}
        return ids

    def patch(self, body: Mapping[str, Any] | None) -> Patch:
        """Return what an update with `body` writes."""
        return self.context.api.dialect.patch(body or {})

    def check_stop(self) -> None:
        """Raises StoppedError where the run must not begin anything new."""
        if self.context.stopped() or self.context.aborted:
            raise StoppedError

    def note(self, text: str, *deltas: Delta) -> None:
        """Record a change of the state that needs no call."""
        self.context.manager.append(NoteRecord(run=self.context.run, text=text, deltas=deltas))

    def head(self, unmanaged: Mapping[str, int | None]) -> SequenceHead:
        """The entry's head with more ids that are not managed."""
        entry = self.entry()
        return entry.head.model_copy(update={"made_from": None, "unmanaged": {**entry.unmanaged, **unmanaged}})

    def creates(self) -> dict[str, Content]:
        """The steps still to be created, by address."""
        done = self.known.steps if self.known else {}
        return {
            change.address: change.after
            for change in self.changes
            if change.action is Action.CREATE_STEP and change.after and change.step not in done
        }

    def managed(self) -> dict[str, Content]:
        """The steps that the state knows, by address."""
        known = self.known
        return {f"{self.key}.{key}": step.content for key, step in known.steps.items()} if known else {}

    def known_ids(self) -> set[str]:
        """The ids of steps that the state knows, ours or not."""
        known = self.known
        return {step.id for step in known.steps.values()} | set(known.unmanaged) if known else set()

    def unknown(self) -> list[RemoteStep]:
        """The steps of the last read that neither the state knows nor the plan adopts."""
        ours = self.known_ids()
        ours |= {c.remote_id for c in self.changes if c.action is Action.ADOPT and c.step and c.remote_id}
        return [step for step in self.steps if step.id not in ours]

    def read(self) -> list[RemoteStep]:
        """The steps as they are now. The time of a read is that of its beginning."""
        steps = self.read_if_there()
        if steps is None:
            raise ChangeFailedError(
                Status.FAILED,
                1,
                f"{self.key} (id {self.id}) is not in this account any more, as far as one reading tells.",
                f"It is not created again. `seqsync drift` looks twice, and says what to do. {WHEN_GONE}",
            )
        return steps

    def read_if_there(self) -> list[RemoteStep] | None:
        """The same; None where the sequence itself is not shown, which one read does not prove."""
        began = self.context.clock.now()
        steps = self.context.api.steps(self.id or "")
        if steps is not None:
            self.read_at, self.steps = began, steps
            self.patched.clear()
        return steps

    def fresh(self) -> None:
        """Read, unless that was done in the last ten seconds."""
        if self.read_at is None or self.context.clock.now() - self.read_at > GOOD_FOR:
            self.read()

    def look_again(self, why: str) -> None:
        """Wait, and read once more: what one reading lacks may be there."""
        wait = min(SECOND_LOOK, self.context.settle_grace)
        self.context.emit("wait", self.key, f"{why}; looking again in {wait:.0f} s")
        self.context.clock.sleep(wait)
        self.read()

    def remote_or_none(self, step_id: str) -> RemoteStep | None:
        """One step of the last read."""
        return next((step for step in self.steps if step.id == step_id), None)

    def remote_step(self, step_id: str) -> RemoteStep:
        """The same, where it must be there: in one of two readings."""
        step = self.remote_or_none(step_id)
        if step is None:
            self.look_again(f"step {step_id} is missing there")
            step = self.remote_or_none(step_id)
        if step is None:
            raise not_there(self, f"Step {step_id} of {self.key}")
        return step

    def still_alone(self) -> None:
        """A read is good for ten seconds; a new step that this run did not make stops the sequence."""
        self.fresh()
        strangers = [step.id for step in self.steps if step.id not in self.seen]
        if strangers:
            raise ChangeFailedError(
                Status.UNKNOWN,
                9,
                f"Somebody else is writing to {self.key}: step {', '.join(strangers)} appeared while this run worked.",
                "See who it is, then run the same apply again.",
            )

    def announce(self) -> None:
        """The sequence's record: durable before its first call, so that the next machine can see what was begun."""
        if self.announced:
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
                seen=tuple(sorted(self.seen)),
                calls=calls,
            )
        )
        self.announced = True


def not_there(session: SequenceSession, what: str) -> ChangeFailedError:
    """Two readings did not show it."""
    return ChangeFailedError(
        Status.REFUSED,
        6,
        f"{what} is not in Saleshandy any more.",
        "It is not created again by itself. Put it back there; or look with `seqsync drift`, and plan with `-refresh`: "
        f"that plan says what can be done. {WHEN_GONE}",
    )
