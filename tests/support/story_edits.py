"""Stories with edits in Saleshandy: drift is reported, imported, in conflict, or overwritten if the plan allows it.

At the beginning and the end of each chapter, file, state and Saleshandy have the same content.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from support import sim_people as people
from support.edits import Author
from support.sim_line import SimTransport
from support.sim_run import Ended, Simulation
from support.sim_server import Row
from support.sim_world import SimClock
from support.story import KINDS, story_profile

from sequence_sync.apply.refresh import ReadRequest, RemoteReader
from sequence_sync.model.settings import Policy
from sequence_sync.plan.model import Action, DriftKind, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.manager import StateManager

PATIENCE = 120.0


class EditStory(Simulation):
    """A simulation that plans with `-refresh`, with edits in Saleshandy."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        super().__init__(seed, story_profile(seed), tracing)
        self.story = random.Random(f"app story {seed}")
        self.author = Author(self.story, self.files, KINDS)
        self.writes: list[str] = []
        self.wire.sent = lambda address, method, body: self.writes.append(f"{method} {address}")

    def plan_of(self, manager: StateManager) -> Plan:
        """As `plan -refresh` makes it."""
        process = self.process(self.store, calm=True)
        clock = SimClock(process)
        api = SaleshandyClient(SimTransport(self.wire, process, calm=True), RateLimiter(clock, 1000, 1000), clock)
        state = manager.view.state
        read = RemoteReader(api, clock, PATIENCE).read(
            ReadRequest(state.sequences), [row.id for row in state.sequences.values()]
        )
        return make_plan(
            PlanInputs(
                desired=self.files,
                state=state,
                environment="default",
                api_host="api",
                allowed=self.allowed,
                policy=Policy(removed_steps=self.profile.removed_steps),
                remote=read.remote,
                dialect=SALESHANDY,
            )
        )

    def play(self) -> list[str]:
        """Play the whole story. Return the broken rules."""
        self._apply_all("the first apply")
        for _ in range(self.story.randint(2, 5)):
            found = self._edited_by_a_person()
            if found is None or self.world.violations:
                break
            chapter = self.story.choice(CHAPTERS)
            self.world.trace("person", f"edits {found[0]}: {chapter.__name__}")
            chapter(self, *found)
        return self.world.violations

    def applied(self, *allowed: str) -> Ended:
        """One apply; its writes are in `writes`."""
        self.allowed, self.writes = frozenset({"destructive", *allowed}), []
        return self.run(self.process(self.store, calm=False))

    def expect(self, holds: bool, what: str, ended: Ended) -> None:
        """Something that must be so."""
        if not holds:
            results = [(row.address, row.code, row.detail) for row in ended.results]
            changes = [(c.address, str(c.action), str(c.reason)) for c in ended.plan.changes] if ended.plan else []
            self.world.wrong(f"{what}: {ended.code} {results} {changes} {self.writes}")

    def _apply_all(self, what: str) -> None:
        self.applied()
        again = self.applied()
        quiet = again.plan is not None and not again.plan.changes and not again.plan.drift and not self.writes
        self.expect(quiet, f"{what}: not quiet", again)

    def _edited_by_a_person(self) -> tuple[str, Row, Mapping[str, str | None]] | None:
        """Edit the text of a step in Saleshandy, if a step has one."""
        self._owned(self.store)
        rows = [
            (f"{key}.{name}", self.server.rows[step.id], {letter: row.id for letter, row in step.variants.items()})
            for key, entry in sorted(self.state.sequences.items())
            for name, step in sorted(entry.steps.items())
            if step.type in ("email", "linkedin_message") and name in self.files[key].steps
        ]
        if not rows:
            return None
        found = self.story.choice(rows)
        people._edit(found[1], self.world)
        self.world.advance(self.world.now + 60)
        return found

    def file_says(self, address: str) -> str:
        """Some words that the file has for the first variant of a step."""
        key, name = address.split(".")
        payload = self.files[key].steps[name].variants["a"].payload
        return str(payload.get("subject") or payload.get("message"))


def restored_from_the_file(story: EditStory, address: str, row: Row, ids: Mapping[str, str | None]) -> None:
    """Drift is reported and nothing is sent. With the gate, the file's text is restored."""
    first = story.applied()
    drift = {each.address.rpartition(".")[0] for each in first.plan.drift} if first.plan else set()
    story.expect(drift == {address} and not story.writes, "drift is only reported", first)
    second = story.applied("drift")
    story.expect(second.code == 0 and len(story.writes) == len(ids), "every edited variant is put back", second)
    story._apply_all("after putting back")
    said = str(row.sent[ids["a"] or ""]["payload"])
    story.expect(story.file_says(address) in said, "the file's text is there again", second)


def taken_over(story: EditStory, address: str, row: Row, ids: Mapping[str, str | None]) -> None:
    """The text from Saleshandy is written to the file: it is recorded, and no call is made."""
    people.take_over(story.author, address, row, ids, story.world.now)
    ended = story.applied()
    reasons = {change.reason for change in ended.plan.changes} if ended.plan else set()
    story.expect(ended.code == 0 and not story.writes and reasons == {Reason.SAME_IN_APP}, "it is recorded", ended)
    row.touched.clear()
    story._apply_all("after taking over")


def in_conflict(story: EditStory, address: str, row: Row, ids: Mapping[str, str | None]) -> None:
    """The file says a third thing: blocked, and overwritten only where that is meant."""
    key, name = address.split(".")
    story.author.put(key, name, people.reworded(story.files[key].steps[name], story.story, True))
    first = story.applied()
    blocked = {c.reason for c in first.plan.changes if c.action is Action.BLOCKED} if first.plan else set()
    story.expect(blocked == {Reason.CONFLICT} and not story.writes, "a conflict is blocked", first)
    second = story.applied("drift")
    story.expect(second.code == 0 and len(story.writes) == len(ids), "with the gate it is overwritten", second)
    story._apply_all("after a conflict")


def gone(story: EditStory, address: str, row: Row, ids: Mapping[str, str | None]) -> None:
    """The step is deleted in Saleshandy: it is reported and not recreated. Removed from the file, it is forgotten."""
    story.server.delete(row)
    key, name = address.split(".")
    first = story.applied()
    kinds = {(each.address, each.kind) for each in first.plan.drift} if first.plan else set()
    story.expect((address, DriftKind.GONE) in kinds and not story.writes, "what is gone is only reported", first)
    story.author.put(key, name, None)
    second = story.applied()
    actions = {(c.address, c.action) for c in second.plan.changes} if second.plan else set()
    story.expect(actions == {(address, Action.FORGET)} and not story.writes, "it is forgotten", second)
    story._apply_all("after it was forgotten")


Chapter = Callable[[EditStory, str, Row, Mapping[str, str | None]], None]
CHAPTERS: tuple[Chapter, ...] = (restored_from_the_file, taken_over, in_conflict, gone)
