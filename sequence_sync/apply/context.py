"""What every part of one apply shares: the API, the ledger, the lock, the clock, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sequence_sync.api.types import Api, Clock, ReadFailed, RemoteSequence, RemoteStep
from sequence_sync.apply.ledger import Ledger
from sequence_sync.apply.settle import TABLE as SETTLING
from sequence_sync.apply.settle import Decision, Evidence, Seen, Stand
from sequence_sync.backends.base import Lock
from sequence_sync.errors import WaitExhausted
from sequence_sync.model.sequence import Content
from sequence_sync.planning.outcome import Event, Observer, Silent, Status

GOOD_FOR = 10.0  # seconds that a read is good for (docs/exactly-once.md)
FIRST_GAP = 1.0  # seconds between the first two looks at an unclear create; each further gap is twice as long
SECOND_LOOK = 10.0  # seconds between two looks that must agree; the grace where that is shorter
TRIES_UNREAD = 5  # looks that may fail after the grace before a person is asked


class Halt(Exception):
    """One sequence ends here: what became of the change at hand, why, and what to do."""

    def __init__(self, status: Status, code: int, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.hint = status, code, detail, hint


@dataclass
class Context:
    """One apply. `run` is its id; `cut_off`: a run before it was cut off somewhere; `no_record`: nothing is known of
    the last run. `known_drift` are the edits in the app that the plan has shown, `in_question` the steps that it does
    not create because something in the app may be them, by address. `stopped` says whether the run has
    been told to stop, `aborted` whether going on makes no sense."""

    api: Api
    ledger: Ledger
    lock: Lock
    clock: Clock
    grace: float
    run: str
    observer: Observer = field(default_factory=Silent)
    stopped: Callable[[], bool] = lambda: False
    cut_off: bool = False
    no_record: bool = False
    allowed: frozenset[str] = frozenset()
    known_drift: frozenset[str] = frozenset()
    in_question: Mapping[str, Content] = field(default_factory=dict)
    aborted: bool = False
    _list: tuple[float, Sequence[RemoteSequence]] | None = None
    _list_lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, kind: str, address: str = "", text: str = "") -> None:
        """Tell the observer."""
        self.observer.hear(Event(kind=kind, address=address, text=text))

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

    def settle(self, stand: Stand, since: float, weigh: Callable[[], Evidence]) -> tuple[Decision, Evidence]:
        """Looks at widening gaps until the table decides. `since` is when the call was given up."""
        gap, unread = FIRST_GAP, 0
        while True:
            began = self.clock.now()
            over = began - since >= self.grace
            try:
                evidence = weigh()
            except ReadFailed:
                evidence = Evidence(Seen.UNREAD)
                unread += over
            except WaitExhausted:
                return Decision.ASK, Evidence(Seen.UNREAD)
            decision = SETTLING[stand, over][evidence.seen]
            if evidence.seen is Seen.UNREAD and unread < TRIES_UNREAD:
                decision = Decision.WAIT
            if decision is not Decision.WAIT:
                return decision, evidence
            left = self.grace - (self.clock.now() - since)
            self.clock.sleep(min(gap, left) if left > 0 else gap)
            gap *= 2


def day_of(step: RemoteStep) -> int | None:
    """The day that a step which is not ours holds: that of an email, where it is told."""
    return step.day if step.type == 1 else None
