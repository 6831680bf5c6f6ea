"""The person who decides where seqsync asks: sees the account as it is, and uses `state resolve`."""

from __future__ import annotations

from abc import ABC, abstractmethod

from support import sim_people as people
from support.sim_disk import SimBackend, SimRescue, SimStore
from support.sim_line import SimTransport
from support.sim_people import ID
from support.sim_server import Row
from support.sim_world import Process, SimClock

from sequence_sync.errors import SeqsyncError
from sequence_sync.model.address import Address, parse_address
from sequence_sync.model.report import ChangeResult
from sequence_sync.model.settings import Claim
from sequence_sync.operations import state as state_operations
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter
from sequence_sync.state.backends.base import LockInfo
from sequence_sync.state.journal import EndRecord, IntentRecord
from sequence_sync.state.manager import StateBinding, StateManager

ACCOUNT = StateBinding("default", "api")


class Deciding(ABC):
    """The half of a simulation that answers what a run asked. Ended runs come in; `state resolve` goes out."""

    @abstractmethod
    def process(self, store: SimStore, calm: bool = False) -> Process:
        """A new process."""

    def decide(self, ended, store: SimStore) -> None:
        """A person answers what a run asked."""
        self.allowed -= {"drift"}
        for row in ended.results:
            if row.code == 6:
                self._refused(row, store)
            elif row.code == 1 and "not known" in row.detail:
                self._take_what_is_there(row, store)
        asked = [row for row in ended.results if row.code == 9]
        if not asked:
            return
        self.world.advance(self.world.last_due + self.profile.lag + 1)
        for row in asked:
            self._decide_one(row, store)

    def _refused(self, row: ChangeResult, store: SimStore) -> None:
        """Allow what a run refused."""
        if "is active" in row.detail:
            self.allowed |= {"active"}
        elif "does not return the day" in row.detail:
            self.off |= {Claim.READ_DAY}
        elif "no longer in Saleshandy" in row.detail:
            people.give_up(self.author, self._known(row, store))
        elif "was changed in Saleshandy" in row.detail:
            step, found = self._known(row, store)
            self.rules.on_drift(row, found)
            if found is None or self.rng.random() < 0.5:
                self.allowed |= {"drift"}
            else:
                key, name = step.split(".")
                rows = self.state.sequences[key].steps[name].variants
                ids = {letter: each.id for letter, each in rows.items()}
                people.take_over(self.author, step, found, ids, self.world.now)

    def _known(self, row: ChangeResult, store: SimStore) -> tuple[str, Row | None]:
        """The address of the step that a result is about, and the row that the state has for it."""
        named = people.ADDRESS.search(row.detail)
        key, step = (named[0] if named else row.address).split(".")[:2]
        self._owned(store)
        entry = self.state.sequences.get(key)
        known = entry.steps.get(step) if entry else None
        return f"{key}.{step}", self.server.rows.get(known.id) if known else None

    def _take_what_is_there(self, row: ChangeResult, store: SimStore) -> None:
        """Variants that cannot be assigned: the step is adopted as it is."""
        address, found = self._known(row, store)
        if found is None or found.gone is not None:
            people.give_up(self.author, (address, found))
        else:
            result = row.model_copy(update={"detail": f"{row.detail} It is {found.id}.", "address": address})
            self._resolve(address, result, store, found)

    def _decide_one(self, row: ChangeResult, store: SimStore) -> None:
        text = f"{row.detail} {row.hint}"
        if "is a duplicate of" in row.detail:
            self._delete_copy(row, store)
        elif "Saleshandy has a sequence" in row.detail:
            self._name_or_retitle(row)
        elif "state resolve" in text:
            words = text.split("state resolve ")[1].split("`")[0].split()
            answers = [word for word in words if "=" in word] or words[:1]
            for answer in answers:
                self._resolve(answer.partition("=")[0], row, store)

    def _delete_copy(self, row: ChangeResult, store: SimStore) -> None:
        managed = self._owned(store)
        for step_id in people.names_in(row):
            found = self.server.rows.get(step_id)
            if found is not None and step_id not in managed and found.gone is None:
                self.server.delete(found)

    def _name_or_retitle(self, row: ChangeResult) -> None:
        key = row.address
        ours = [name for name in people.names_in(row) if self.server.books[name].origin == key]
        if ours:
            self._set(key, remote_id=ours[0])
        else:
            self._set(key, title=f"{self.files[key].title} again")

    def _owned(self, store: SimStore) -> set[str]:
        process = self.process(store, calm=True)
        backend = SimBackend(store, process)
        lock = backend.lock(LockInfo(process.name, "person", "host", 1, "look", 0.0), 1e6, SimClock(process))
        manager = StateManager(backend, lock, ACCOUNT, SimRescue(), lineage="look", run=process.name)
        owned = {remote_id for _, remote_id in manager.state.addresses()}
        self.state = manager.state
        lock.release()
        return owned

    def _resolve(self, address: str, row: ChangeResult, store: SimStore, known: Row | None = None) -> None:
        """What `state resolve` does, under the lock, by the truth of the account."""
        owned = self._owned(store)
        process = self.process(store, calm=True)
        backend, clock = SimBackend(store, process), SimClock(process)
        lock = backend.lock(LockInfo(process.name, "person", "host", 1, "resolve", 0.0), 1e6, clock)
        api = SaleshandyClient(SimTransport(self.wire, process, calm=True), RateLimiter(clock, 1000, 1000), clock)
        before = lock.taken_over
        try:
            manager = StateManager(backend, lock, ACCOUNT, SimRescue(), lineage="resolve", run=process.name)
            intent = next((each for each in manager.open_intents if each.address == address), None)
            parsed = parse_address(address)
            if parsed.variant is not None:
                result = self._resolve_variant(api, manager, parsed, intent)
            elif parsed.step is None:
                made = [b.id for b in self.server.books.values() if b.origin == address and b.id not in owned]
                result = state_operations._resolve_sequence(api, manager, address, intent, made[0] if made else None)
            else:
                group = next((names for names in self.rules.groups() if address in names), {address})
                entry = manager.state.sequences.get(parsed.sequence)
                there = self.server.alive(entry.id) if entry else []
                free = [each for each in there if each.id not in owned]
                found = known or people.theirs(there, address, group, owned, people.names_in(row))
                if intent is None and known is None and (pair := people.which(free, row, self.rules.groups())):
                    parsed, found = parse_address(pair[0]), pair[1]
                self.rules.faults += found is None
                desired = people.desired_of(self.files)
                result = state_operations._resolve_step(
                    desired, api, manager, parsed, intent, found.id if found else None
                )
                if found is None and entry is not None:
                    declared = ID.findall(result.partition("Unmanaged from now on:")[2])
                    self.rules.ledger.declared |= set(declared) - set(getattr(entry, "forgotten", ()))
                if found is not None:
                    self.rules.ledger.given[found.id] = str(parsed)
                    found.touched.clear()  # what is there is what the state says now, and the next plan shows it
            self.world.trace("person", str(result))
            manager.append(EndRecord(n=0, lineage=""))
            manager.checkpoint()
        except SeqsyncError as error:
            self.world.trace("person", f"could not resolve {address}: {error}")
        finally:
            lock.release()
            store.left_behind = store.left_behind or before

    def _resolve_variant(
        self, api: SaleshandyClient, manager: StateManager, address: Address, intent: IntentRecord | None
    ) -> str:
        """The variant that was made for the address, if any."""
        key, step, _ = address.parts
        row = self.server.rows.get(manager.state.sequences[key].steps[step].id)
        made = [each for each, maker in row.makers.items() if maker == address] if row else []
        self.rules.faults += not made
        return state_operations._resolve_variant(api, manager, address, intent, made[0] if made else None)
