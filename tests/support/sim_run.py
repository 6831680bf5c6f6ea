"""One history, from an empty account to quiet: plan, apply, kill, restart, lose, edit, decide, and judge.

Runs the real Executor, StateManager, SaleshandyClient, RateLimiter and planner; only disk, line and clock are
simulated.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from support import sim_people as people
from support.build import message
from support.edits import Author
from support.sim_decide import ACCOUNT, Deciding
from support.sim_disk import SimBackend, SimRescue, SimStore
from support.sim_line import SimTransport, Wire
from support.sim_rules import Rules
from support.sim_server import SimServer
from support.sim_world import GRACE, Crash, Process, Profile, SimClock, Turns, World, profile_of

from sequence_sync.apply.context import ApplyContext
from sequence_sync.apply.executor import Executor
from sequence_sync.errors import SeqsyncError
from sequence_sync.model.address import Address
from sequence_sync.model.report import ApplyReport, ChangeResult, Event, NullObserver, Status
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.settings import Claim, Policy
from sequence_sync.operations import state as state_operations
from sequence_sync.plan.model import Action, Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.base import StoppedError
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.backends.base import LockInfo, StoredState
from sequence_sync.state.manager import StateManager

MOST_RUNS = 60


class Heard(NullObserver):
    """An observer that sets the address in the process."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def on_event(self, event: Event) -> None:
        """Take note."""
        if event.kind == "sending":
            self.process.address = event.address
        self.process.world.trace(self.process.name, f"   {event.kind} {event.address} {event.text}")


@dataclass
class Ended:
    """How a run ended. `plan` is None where it was killed before it had one."""

    code: int = 0
    results: tuple[ChangeResult, ...] = ()
    plan: Plan | None = None
    notes: tuple[str, ...] = ()

    @property
    def quiet(self) -> bool:
        """Nothing was left to do, and nothing went wrong."""
        if self.plan is None or self.code:
            return False
        return not self.plan.to_do and {row.address for row in self.results} <= {c.address for c in self.plan.to_do}


class Simulation(Deciding):
    """One seed."""

    def __init__(self, seed: int, profile: Profile | None = None, tracing: bool = False) -> None:
        self.profile = profile or profile_of(seed)
        self.world = World(seed, self.profile, tracing=tracing)
        self.rng = self.world.rng
        self.server = SimServer(self.world)
        self.rules = Rules(self.world, self.server)
        self.wire = Wire(self.world, self.server, self.rules)
        self.files = people.write_files(self.rng, self.profile)
        self.author = Author(random.Random(f"author {seed}"), self.files, self.profile.kinds)
        self.rules.ledger = self.author.ledger
        self.commits: list[tuple[StoredState, dict[str, DesiredSequence]]] = []
        self.off: set[Claim] = set()
        self.allowed: frozenset[str] = frozenset({"destructive", "size"})
        self.store = SimStore()
        self.other = SimStore() if self.profile.two_states else self.store
        self.left = {"crash": 0, "stop": 0, "edit": 0}
        if not self.profile.life:
            self._let_loose()
        self.losses = list(self.profile.losses)
        self._names = (f"run{number}" for number in itertools.count(1))

    def _let_loose(self) -> None:
        """From now on things go wrong, files are edited, and people change things by hand."""
        profile = self.profile
        self.left = {"crash": profile.crashes, "stop": profile.stops, "edit": profile.edits}
        self.wire.faults, self.wire.read_faults = profile.faults, profile.read_faults
        self.store.faults = profile.disk_faults
        for _ in range(profile.people):
            self.world.at(self.world.now + self.rng.uniform(0, 400), self._deed)

    def _deed(self) -> None:
        people.do_a_deed(self.world, self.server, self.files)

    # -- a run ----------------------------------------------------------------------------------------------------

    def process(self, store: SimStore, calm: bool = False) -> Process:
        """A new process, which may be killed or stopped at one of its points."""
        made = Process(self.world, next(self._names))
        made.info = {
            "store": store,
            "desired": self.files,
            "seen": set(),
            "began": self.world.now,
            "rules": self.rules,
            "allowed": self.allowed,
        }
        if calm:
            made.info["calm"] = True
            return made
        if self.left["crash"] and self.rng.random() < 0.8:
            made.crash_in = self.rng.randint(1, self.profile.points)
        elif self.left["stop"] and self.rng.random() < 0.5:
            made.stop_in = self.rng.randint(1, self.profile.points)
        return made

    def plan_of(self, manager: StateManager) -> Plan:
        """The plan of the files against the state, as `running` makes it."""
        view = manager.view
        open_ones = frozenset(row.address for row in view.open_intents)
        return make_plan(
            PlanInputs(
                desired=self.files,
                state=view.state,
                environment="default",
                api_host="api",
                open_addresses=open_ones,
                damaged=bool(view.damaged),
                allowed=self.allowed,
                policy=Policy(removed_steps=self.profile.removed_steps),
                off=frozenset(self.off),
                dialect=SALESHANDY,
            )
        )

    def run(self, process: Process) -> Ended:
        """One apply, to its end or its death."""
        store: SimStore = process.info["store"]
        try:
            ended = self._apply(process, SimBackend(store, process))
        except Crash:
            self.left["crash"] -= 1
            self.rules.faults += 1
            store.owner_died()
            return Ended(code=137)
        except SeqsyncError as error:
            self.world.trace(process.name, f"ends with {error.exit_code}: {error}")
            ended = Ended(code=error.exit_code, notes=(str(error),))
        except StoppedError:
            ended = Ended(code=130)
        if store.holder is not None and store.holder.id == process.name:
            self.world.wrong(f"{process.name} ended and kept the lock")
        if process.stopping:
            self.left["stop"] -= 1
            self.rules.faults += 1
        self.rules.reported += [f"{row.detail} {row.hint}" for row in ended.results if row.code == 9]
        self.rules.reported += ended.notes
        return ended

    def _apply(self, process: Process, backend: SimBackend) -> Ended:
        clock, heard = SimClock(process), Heard(process)
        lock = backend.lock(LockInfo(process.name, "anna", "host", 1, "apply", 0.0), 0.0, clock)
        try:
            lineage = f"lineage-{process.name}"
            manager = StateManager(backend, lock, ACCOUNT, SimRescue(), lineage=lineage, run=process.name)
            process.info["manager"] = manager
            context = ApplyContext(
                api=SaleshandyClient(SimTransport(self.wire, process), RateLimiter(clock), clock),
                manager=manager,
                lock=lock,
                clock=clock,
                settle_grace=GRACE,
                run=process.name,
                observer=heard,
                stopped=lambda: process.stopping,
                last_run_unknown=not manager.last_run_ended,
                allowed=self.allowed,
            )
            return self._carry_out(process, manager, Executor(context, 0))
        finally:
            if not process.dead:
                lock.release()

    def _carry_out(self, process: Process, manager: StateManager, executor: Executor) -> Ended:
        if manager.open_intents:
            process.phase = "settling"
            executor.resolve_in_doubt()
        plan = self.plan_of(manager)
        if process.stopping:
            return Ended(130, tuple(executor.results), plan)
        if not plan.to_do and not executor.results and not manager.damaged:
            return Ended(plan=plan)
        process.phase, process.info["plan"] = "carry out", plan
        report: ApplyReport = executor.carry_out(plan)
        for row in report.results:
            self.world.trace(process.name, f"   {row.address} {row.status} {row.code or ''} {row.detail} {row.hint}")
        return Ended(report.exit_code or (130 if process.stopping else 0), report.results, plan, report.notes)

    # -- between runs ---------------------------------------------------------------------------------------------

    def _between(self) -> None:
        self.world.advance(self.world.now + self.rng.choice((0.2, 5.0, 60.0, 400.0)))
        if self.losses and self.server.books and self.rng.random() < 0.5:
            self._lose(self.losses.pop())
        if self.profile.reverts and self.rng.random() < 0.15:
            self._stop_managing_one()
        if self.left["edit"] and self.rng.random() < 0.4:
            self.left["edit"] -= 1
            people.edit_files(self.world, self.author)

    def _lose(self, what: str) -> None:
        """What a machine forgets. A loss that leaves no trace is one of the lock file too."""
        store = self.store
        self.world.trace("disk", f"lost: {what}")
        self.rules.faults += 1
        match what:
            case "all":
                store.stored, store.journal, store.left_behind, store.history = None, b"", False, []
                self._name_ids()
            case "state":
                store.stored, store.history = None, []
                self._name_ids()
            case "journal":
                store.journal, store.left_behind = b"", False
            case "back" if store.history:
                old = self.rng.choice(store.history)
                store.stored = StoredState(old.data, str(next(store.versions)))
                store.journal = b"" if self.rng.random() < 0.5 else store.journal
            case "merge" if self.commits:
                self._merge(*self.rng.choice(self.commits))
            case "damage" if store.journal:
                place = self.rng.randrange(len(store.journal))
                flipped = bytes([store.journal[place] ^ 1])
                store.journal = store.journal[:place] + flipped + store.journal[place + 1 :]

    def _merge(self, stored: StoredState, files: Mapping[str, DesiredSequence]) -> None:
        """A colleague applies an older commit with a step of their own; then git takes the files of both, and their
        state. Journals are not in git."""
        clone, now = SimStore(), dict(self.files)
        clone.stored = StoredState(stored.data, str(next(clone.versions)))
        self.files.clear()
        self.files.update(files)
        key, name = self.rng.choice(sorted(files)), self.author.new_name()
        theirs = message(60, people.text(self.rng))
        self.author.put(key, name, theirs)
        ended = self.run(self.process(clone, calm=True))
        self.world.trace("git", f"a colleague applied: {[(r.address, r.code, r.detail) for r in ended.results]}")
        self.files.clear()
        self.files.update(now)
        if key in self.files:
            self.author.put(key, name, theirs)
        if clone.stored is not None:
            self.store.stored = StoredState(clone.stored.data, str(next(self.store.versions)))
            self.store.journal, self.store.left_behind = b"", False

    def _stop_managing_one(self) -> None:
        """`state rm` of a step."""
        self._owned(self.store)
        steps = [(key, name) for key, entry in self.state.sequences.items() for name in entry.steps]
        if not steps:
            return
        key, name = self.rng.choice(sorted(steps))
        process = self.process(self.store, calm=True)
        backend = SimBackend(self.store, process)
        lock = backend.lock(LockInfo(process.name, "person", "host", 1, "state rm", 0.0), 1e6, SimClock(process))
        before = lock.taken_over
        manager = StateManager(backend, lock, ACCOUNT, SimRescue(), lineage="rm", run=process.name)
        state_operations.forget_step(manager, Address(key, name))
        lock.release()
        self.store.left_behind = self.store.left_behind or before
        self.world.trace("person", f"state rm {key}.{name}")

    def _name_ids(self) -> None:
        """Who loses a state knows it, and names the sequences that are there."""
        for book in self.server.books.values():
            if book.origin in self.files:
                self._set(book.origin, remote_id=book.id)

    def _set(self, key: str, **changes: object) -> None:
        self.files[key] = self.files[key].model_copy(update=changes)

    # -- the whole history ------------------------------------------------------------------------------------------

    def play(self) -> list[str]:
        """Everything, until nothing moves; the rules that were broken."""
        original, state_operations.load_desired = state_operations.load_desired, lambda workspace, state: workspace
        try:
            if self.profile.life:
                self._until_quiet(self.store)
                self._let_loose()
                self._between()
            if self.profile.appliers == 2:
                self._two()
            quiet = self._until_quiet(self.store)
            if self.profile.two_states and quiet:
                quiet = self._until_quiet(self.other)
            if not self.world.violations:
                self._judge(quiet)
        finally:
            state_operations.load_desired = original
        return self.world.violations

    def _two(self) -> None:
        """Two appliers at once, a few times."""
        for _ in range(self.rng.randint(1, 2)):
            turns = Turns(self.world)
            ended: dict[str, Ended] = {}

            def job(process: Process, kept: dict[str, Ended]) -> Callable[[], None]:
                def work() -> None:
                    kept[process.name] = self.run(process)

                return work

            jobs = [self.process(self.store), self.process(self.other)]
            self.world.turns = turns
            turns.run([(process, job(process, ended)) for process in jobs])
            self.world.turns = None
            for process in jobs:
                if process.name not in ended:
                    self.world.wrong(f"{process.name} broke down")
                else:
                    self.decide(ended[process.name], process.info["store"])
            self._between()

    def _until_quiet(self, store: SimStore) -> Ended:
        ended = Ended(code=1)
        for number in range(MOST_RUNS):
            if number > MOST_RUNS // 2:
                self.left = dict.fromkeys(self.left, 0)
                self.wire.faults = self.wire.read_faults = store.faults = 0
            ended = self.run(self.process(store))
            if self.world.violations:
                return ended
            if store.stored is not None and ended.code != 137:
                self.commits.append((store.stored, dict(self.files)))
            pending = self.losses or self.world.last_due > self.world.now
            if ended.quiet and not pending and not self.left["edit"]:
                return ended
            if self._refused_by_account(ended) and number > MOST_RUNS // 2 + 2:
                return ended
            self.decide(ended, store)
            self._between()
            if ended.quiet:
                self.world.advance(self.world.last_due)
        self.world.wrong(f"not quiet after {MOST_RUNS} runs: {[(r.address, r.code, r.detail) for r in ended.results]}")
        return ended

    def _refused_by_account(self, ended: Ended) -> bool:
        """Whether the account refused (a day that is taken): every run reports that, and it ends nothing."""
        return bool(ended.results) and ended.code in (1, 10) and any("refused it" in r.detail for r in ended.results)

    def _judge(self, quiet: Ended) -> None:
        """Read everything once more, then check the rules."""
        self.left = dict.fromkeys(self.left, 0)
        self.wire.faults = self.wire.read_faults = 0
        self.store.faults = self.other.faults = 0
        for store in {id(self.store): self.store, id(self.other): self.other}.values():
            self.world.advance(self.world.last_due + 4 * GRACE)
            if not self.profile.promised:
                self._look_at_all(store)
            self._owned(store)
            excused = {row.address for row in quiet.results if row.code or row.status is Status.SKIPPED}
            self.rules.at_the_end(self.state, self.files)
            ended = self.run(self.process(store, calm=True))
            left = {c.address for c in ended.plan.to_do if c.call} if ended.plan else {"the plan"}
            if left - excused and self.profile.promised:
                self.world.wrong(f"the second plan still has calls: {sorted(left)} ({ended.code} {ended.notes})")

    def _look_at_all(self, store: SimStore) -> None:
        """A further step in every file makes the next run read every sequence."""
        for key, row in self.files.items():
            words = Variant(payload={"message": f"{store is self.other} {people.text(self.rng)}"})
            step = Content(type="whatsapp_message", day=99, variants={"a": words})
            self._set(key, steps={**row.steps, f"z{len(row.steps)}": step})
        self.allowed = self.allowed | {"active"}
        for _ in range(8):
            ended = self.run(self.process(store, calm=True))
            if ended.quiet or not any(r.code == 9 for r in ended.results):
                return
            self.decide(ended, store)


def simulate(seed: int, profile: Profile | None = None, **changes: object) -> list[str]:
    """The broken rules of one seed; empty where all hold."""
    base = profile or profile_of(seed)
    return Simulation(seed, replace(base, **changes) if changes else base).play()


def actions(plan: Plan) -> list[Action]:
    """What a plan does, in order."""
    return [change.action for change in plan.changes]
