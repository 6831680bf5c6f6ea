"""One story of edits against the simulated account: after each edit the plan, the apply and the second plan are judged.

Time is the simulation's; a story takes milliseconds. `play` gives what was wrong; nothing where all was right.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from support.build import call, email, message
from support.edits import EDITS, Author
from support.sim_decide import ACCOUNT
from support.sim_disk import SimBackend, SimRescue
from support.sim_run import Ended, Simulation
from support.sim_server import same_body
from support.sim_world import CREATE_FAULTS, Profile, SimClock
from support.story_oracle import Expected, KnownSequence, expect

from sequence_sync.plan.model import STATE_ONLY, Action, Plan
from sequence_sync.provider.base import CreateStep
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.backends.base import LockInfo
from sequence_sync.state.manager import StateManager

KINDS = ("email", "email", "email", "message", "noted-call", "view")
BACK = ("put back", "forget", "put variant back")
EDITS_MOST = 9
Sent = tuple[str, str, str]


def story_profile(seed: int) -> Profile:
    """What the account of a story is like."""
    rng = random.Random(f"story profile {seed}")
    return Profile(
        updates=True,
        kinds=KINDS,
        steps=rng.randint(2, 6),
        sequences=rng.choice((1, 1, 2)),
        wraps=rng.random() < 0.5,
        bare=rng.random() < 0.3,
        merges=rng.random() < 0.3,
        returns_rest=rng.random() < 0.5,
        returns_variants=rng.random() < 0.6,
        limit_headers=rng.random() < 0.5,
        removed_steps=rng.choice(("block", "deactivate")),
    )


def rough_profile(seed: int) -> Profile:
    """The same with faults and kills from the machinery of the simulation, once everything is made."""
    rng = random.Random(f"rough story {seed}")
    more = {
        "life": True,
        "faults": rng.randint(1, 6),
        "fault_kinds": CREATE_FAULTS,
        "crashes": rng.randint(0, 3),
        "read_faults": rng.choice((0, 3)),
        "lag": rng.choice((0.0, 3.0, 20.0)),
        "points": rng.choice((20, 60)),
        "edits": rng.randint(2, EDITS_MOST),
    }
    return Profile(**{**vars(story_profile(seed)), **more})


def is_rough(seed: int) -> bool:
    """Every fifth story meets faults and kills; its end is judged, not each of its plans."""
    return seed % 5 == 4


class Story(Simulation):
    """A story without faults. `known` is what the oracle thinks was applied."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        super().__init__(seed, story_profile(seed), tracing)
        self.story = random.Random(f"story {seed}")
        self.author = Author(self.story, self.files, KINDS)
        self.rules.ledger = self.author.ledger
        self.known: Mapping[str, KnownSequence] = {}
        self.sent: list[Sent] = []
        self.wire.sent = self._take_note

    def _take_note(self, address: str, method: str, body: Mapping[str, Any]) -> None:
        self.sent.append((address, method, same_body(body)))

    def play(self) -> list[str]:
        """The whole story; what was wrong."""
        self._chapter("the first apply")
        unmanaged = self._unmanaged()
        for _ in range(self.story.randint(3, EDITS_MOST)):
            if self.world.violations:
                break
            edit = self._edited()
            self.world.trace("files", edit)
            self._chapter(edit)
        for row in unmanaged:
            if row not in self.server.rows or len(self.server.rows[row].texts) > 1:
                self.world.wrong(f"step {row}, which is unmanaged, was changed")
        return self.world.violations

    def _edited(self) -> str:
        """Some edit, in words; what was taken out comes back, or goes for good, sooner than chance would have it."""
        kinds = self.story.sample(sorted(EDITS), len(EDITS))
        if self.author.attic and self.story.random() < 0.5:
            kinds = [*self.story.sample(BACK, len(BACK)), *kinds]
        return next((edit for kind in kinds if (edit := self.author.edit(kind))), "")

    def _unmanaged(self) -> list[str]:
        """Steps of other people, on days that no file takes."""
        steps = [
            call(500, "Nothing about you"),
            message(501, "Nothing to do with anybody here"),
            email(502, "Their own", "<p>Hello</p>"),
        ]
        bodies = [SALESHANDY.call(CreateStep("", step)).body for step in steps]
        return [
            str(self.server.add_step(book, self.story.choice(bodies), None)["id"])
            for book in sorted(self.server.books)
            if self.story.random() < 0.5
        ]

    def _chapter(self, what: str) -> None:
        """Plan, apply, plan, each compared with the oracle."""
        expected = expect(self.known, self.files, self.profile.removed_steps == "deactivate")
        self.allowed = frozenset()
        plan, self.sent = self._plan(), []
        shut = {gate.name for gate in plan.shut_gates}
        if shut != ({"destructive"} if any(body == {"status": 0} for _, _, body in expected.calls) else set()):
            self.world.wrong(f"{what}: the gates {shut} are shut")
        self.allowed = frozenset({"destructive"})
        self._same_plan(what, plan, expected)
        ended = self.run(self.process(self.store))
        if ended.code or (ended.plan is not None and ended.plan.plan_hash() != plan.plan_hash()):
            self.world.wrong(
                f"{what}: apply ended with {ended.code}: {[row.detail for row in ended.results if row.code]}"
            )
        if self.sent != _calls(plan):
            self.world.wrong(f"{what}: planned {_calls(plan)}, sent {self.sent}")
        self._second_plan(what, plan)
        self.known = expected.after
        self._ended(what, ended)

    def _plan(self) -> Plan:
        process = self.process(self.store, calm=True)
        backend, clock = SimBackend(self.store, process), SimClock(process)
        lock = backend.lock(LockInfo(process.name, "anna", "host", 1, "plan", 0.0), 0.0, clock)
        plan = self.plan_of(StateManager(backend, lock, ACCOUNT, SimRescue(), lineage="story", run=process.name))
        lock.release()
        return plan

    def _same_plan(self, what: str, plan: Plan, expected: Expected) -> None:
        blocked = {(change.address, str(change.reason)) for change in plan.changes if change.action is Action.BLOCKED}
        if blocked != expected.blocked:
            self.world.wrong(f"{what}: blocked are {sorted(blocked)}, and should be {sorted(expected.blocked)}")
        recorded = {(change.address, str(change.action)) for change in plan.changes if change.action in STATE_ONLY}
        if recorded != expected.recorded:
            self.world.wrong(f"{what}: recorded are {sorted(recorded)}, and should be {sorted(expected.recorded)}")
        moves = [c for c in plan.to_do if c.address in expected.moves and c.action is Action.UPDATE_STEP]
        others = Counter(row for row in _calls(plan) if row not in _calls(plan.model_copy(update={"changes": moves})))
        should = Counter((address, method, same_body(body)) for address, method, body in expected.calls)
        if others != should:
            self.world.wrong(f"{what}: more {list(others - should)}, fewer {list(should - others)}")
        last: dict[str, int] = {}
        stops = []
        for change in moves:
            day = change.after.day if change.after else 0
            stops += [change.address] if change.address in last else []
            last[change.address] = day
        if last != expected.moves:
            self.world.wrong(f"{what}: emails go to {last}, and should to {expected.moves}")
        cycles = expected.cycles
        if len(stops) != len(cycles) or not all(sum(s in ring for s in stops) == 1 for ring in cycles):
            self.world.wrong(f"{what}: {stops} wait on a free day, of the cycles {cycles}")

    def _second_plan(self, what: str, first: Plan) -> None:
        second = self._plan()
        if second.to_do:
            self.world.wrong(f"{what}: the second plan still has {[change.address for change in second.to_do]}")
        words = [
            [change.model_dump() for change in plan.changes if change.action is Action.BLOCKED]
            for plan in (first, second)
        ]
        if words[0] != words[1]:
            self.world.wrong(f"{what}: the second plan has other blocked changes")

    def _ended(self, what: str, ended: Ended) -> None:
        if self.server.clashes or self.rules.double_variants() or self.rules.duplicates():
            self.world.wrong(f"{what}: {self.server.clashes}, {self.rules.duplicates()}")
        self._owned(self.store)
        self.rules.at_the_end(self.state, self.files)


def _calls(plan: Plan) -> list[Sent]:
    """Every call of a plan, with the address of the variant that it is for."""
    rows: list[Sent] = []
    for change in plan.to_do:
        letters = list(change.before.variants) if change.before and change.action is Action.UPDATE_STEP else []
        for place, each in enumerate(change.calls):
            address = f"{change.address}.{letters[place]}" if letters else change.address
            rows.append((address, each.method, same_body(each.body)))
    return rows


def play(seed: int, tracing: bool = False) -> tuple[list[str], list[str]]:
    """One story: what was wrong, and its history."""
    if is_rough(seed):
        rough = Simulation(seed, rough_profile(seed), tracing)
        rough.author.kinds = KINDS
        return rough.play(), rough.world.log
    story = Story(seed, tracing)
    return story.play(), story.world.log
