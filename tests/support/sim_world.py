"""A seeded world for the simulation: its profile, its time, and processes that take turns.

Nothing here waits: time is a number, and passes only where a process sleeps, sends or writes. What is due meanwhile
(an answer that comes late, a person at work) happens in the order of its time. One seed, one history.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sequence_sync.provider.base import StoppedError

GRACE = 120.0


class Crash(BaseException):
    """The process is killed here; nothing of it runs any more."""


@dataclass(frozen=True)
class Profile:
    """What a world is like: switches, chances and budgets.

    `bound`: seconds within which a given-up request has landed and can be read; `lag`: how old a read may be; `late`,
    `duplicates`: faults beyond the promise; `points`: a kill comes at one of a run's first so many;
    `merges`: a PATCH adds to a payload instead of replacing it; `updates`: files are edited in every way;
    `life`: nothing goes wrong until everything is made, then everything may; `reverts`: removals are reverted, and
    `state rm` is used.
    """

    bound: float = GRACE
    lag: float = 0.0
    late: bool = False
    duplicates: bool = False
    returns_days: bool = True
    returns_rest: bool = True
    one_email_a_day: bool = True
    wraps: bool = False
    rewrites: float = 0.0
    bare: bool = False
    merges: bool = False
    updates: bool = False
    removed_steps: str = "block"
    life: bool = False
    reverts: bool = False
    returns_variants: bool = True
    limit: int = 20
    limit_words: str = "400"
    limit_headers: bool = False
    faults: int = 0
    fault_kinds: tuple[str, ...] = ()
    read_faults: int = 0
    crashes: int = 0
    points: int = 90
    stops: int = 0
    disk_faults: int = 0
    people: int = 0
    deeds: tuple[str, ...] = ("add", "add-equal", "add-bare", "edit", "delete", "title", "resume", "switch", "move")
    losses: tuple[str, ...] = ()
    edits: int = 0
    appliers: int = 1
    two_states: bool = False
    sequences: int = 1
    steps: int = 4
    kinds: tuple[str, ...] = ("email", "message", "call", "noted-call", "view")

    @property
    def promised(self) -> bool:
        """Whether promise 1 holds in this world."""
        return not (self.late or self.duplicates or self.two_states)


CREATE_FAULTS = (
    "never-connected",
    "lost-before",
    "lost-after",
    "late",
    "slow",
    "status-before",
    "status-after",
    "status-late",
    "truncated",
    "html",
    "empty",
    "content-type",
    "known-id",
    "partial",
    "late-variants",
    "rate-limit",
    "refused",
    "forbidden",
    "bad-key",
)


def profile_of(seed: int) -> Profile:
    """The profile that a seed has in the ordinary run."""
    rng = random.Random(f"profile {seed}")
    few = Profile(
        lag=rng.choice((0.0, 0.0, 3.0, 20.0)),
        returns_days=rng.random() < 0.7,
        returns_rest=rng.random() < 0.5,
        one_email_a_day=rng.random() < 0.7,
        wraps=rng.random() < 0.5,
        rewrites=rng.choice((0.0, 0.0, 0.0, 0.3)),
        bare=rng.random() < 0.4,
        returns_variants=rng.random() < 0.6,
        limit=rng.choice((20, 20, 20, 4)),
        limit_words=rng.choice(("400", "429", "429-date")),
        limit_headers=rng.random() < 0.5,
        faults=rng.randint(0, 4),
        fault_kinds=CREATE_FAULTS,
        read_faults=rng.choice((0, 0, 3)),
        crashes=rng.randint(0, 3),
        stops=rng.choice((0, 0, 1)),
        disk_faults=rng.choice((0, 0, 0, 1)),
        people=rng.choice((0, 0, 0, 1, 3)),
        edits=rng.choice((0, 1, 3, 6)),
        sequences=rng.choice((1, 1, 2)),
        steps=rng.randint(1, 6),
        merges=rng.random() < 0.3,
        updates=rng.random() < 0.8,
        removed_steps=rng.choice(("block", "deactivate")),
    )
    match rng.choice(
        ("plain",) * 4 + ("life",) * 6 + ("memory", "memory", "two", "two-states", "late", "duplicates", "git", "git")
    ):
        case "memory":
            losses = tuple(rng.choices(("all", "state", "journal", "back", "damage"), k=rng.randint(1, 2)))
            return replace(few, losses=losses, lag=min(few.lag, 3.0), bound=10.0, people=0)
        case "git":
            losses = tuple(rng.choices(("merge", "merge", "back", "state"), k=rng.randint(1, 3)))
            more = replace(few, losses=losses, lag=min(few.lag, 3.0), bound=10.0, people=0, reverts=True)
            return replace(more, edits=rng.randint(2, 9), life=rng.random() < 0.5)
        case "life":
            more = replace(
                few, faults=rng.randint(0, 6), edits=rng.randint(3, 9), rewrites=0.0, updates=True, life=True
            )
            more = replace(more, reverts=rng.random() < 0.5)
            return replace(more, appliers=rng.choice((1, 1, 1, 2)), points=rng.choice((20, 60)))
        case "two":
            return replace(few, appliers=2)
        case "two-states":
            return replace(few, appliers=2, two_states=True)
        case "late":
            return replace(few, late=True)
        case "duplicates":
            return replace(few, duplicates=True)
    return few


@dataclass
class World:
    """Time, what is due, chance, and the process at work. `log` is the trace that `replay.py` shows."""

    seed: int
    profile: Profile
    now: float = 1000.0
    log: list[str] = field(default_factory=list)
    tracing: bool = False
    violations: list[str] = field(default_factory=list)
    turns: Turns | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(f"world {self.seed}")
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Let `event` happen at `when`."""
        heapq.heappush(self._due, (when, next(self._order), event))

    def advance(self, until: float) -> None:
        """Let time pass; what is due happens."""
        while self._due and self._due[0][0] <= until:
            when, _, event = heapq.heappop(self._due)
            self.now = max(self.now, when)
            event()
        self.now = max(self.now, until)

    @property
    def last_due(self) -> float:
        """When the last event that is known now will have happened."""
        return max((row[0] for row in self._due), default=self.now)

    def trace(self, who: str, text: str) -> None:
        """One line of the history."""
        if self.tracing:
            self.log.append(f"{self.now:9.2f}  {who:8} {text}")

    def wrong(self, text: str) -> None:
        """A rule is broken."""
        self.trace("RULE", text)
        self.violations.append(text)


class Turns:
    """Several processes, one at a time: at each pause the world's chance says who goes on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: dict[Process, float] = {}
        self._done = threading.Event()

    def run(self, jobs: list[tuple[Process, Callable[[], None]]]) -> None:
        """Run all to their ends, interleaved."""
        threads = [threading.Thread(target=self._work, args=job, daemon=True) for job in jobs]
        for process, _ in jobs:
            self.waiting[process] = self.world.now
        for thread in threads:
            thread.start()
        self._next()
        self._done.wait()
        for thread in threads:
            thread.join()

    def _work(self, process: Process, job: Callable[[], None]) -> None:
        process.baton.acquire()
        try:
            job()
        finally:
            self._next()

    def pause(self, process: Process, until: float) -> None:
        """Give the turn away until `until`, and wait for it to come back."""
        self.waiting[process] = until
        self._next()
        process.baton.acquire()

    def _next(self) -> None:
        if not self.waiting:
            self._done.set()
            return
        awake = [row for row, until in self.waiting.items() if until <= self.world.now]
        chosen = self.world.rng.choice(awake) if awake else min(self.waiting, key=lambda row: self.waiting[row])
        self.world.advance(max(self.world.now, self.waiting.pop(chosen)))
        chosen.baton.release()


@dataclass(eq=False)
class Process:
    """One run of seqsync. `crash_in` and `stop_in` count its points down; `phase` and `address` say what it does."""

    world: World
    name: str
    crash_in: int | None = None
    stop_in: int | None = None
    phase: str = "start"
    address: str = ""
    dead: bool = False
    stopping: bool = False
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    info: dict[str, Any] = field(default_factory=dict)

    def point(self, name: str) -> None:
        """A point at which the process may be killed or signalled, or at which the other process continues."""
        if self.dead:
            raise Crash(name)
        if self.stop_in is not None:
            self.stop_in -= 1
            if self.stop_in == 0:
                self.stopping = True
                self.world.trace(self.name, f"-- signalled at {name}")
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in == 0:
                self.dead = True
                self.world.trace(self.name, f"-- killed at {name}")
                raise Crash(name)
        if self.world.turns and self.world.rng.random() < 0.5:
            self.world.turns.pause(self, self.world.now)

    def wait(self, seconds: float) -> None:
        """Let time pass for this process, and for the world if no other process is awake."""
        if self.world.turns:
            self.world.turns.pause(self, self.world.now + seconds)
        else:
            self.world.advance(self.world.now + seconds)


class SimClock:
    """The clock of one process."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def now(self) -> float:
        """Seconds that only go up."""
        return self.process.world.now

    def wall(self) -> float:
        """Seconds since the epoch."""
        return 1.8e9 + self.process.world.now

    def sleep(self, seconds: float) -> None:
        """Wait; the process may be killed or stopped meanwhile."""
        self.process.point("sleep")
        if self.process.stopping:
            raise StoppedError
        self.process.wait(max(seconds, 0.001))
        if self.process.stopping:
            raise StoppedError
