"""What must hold: at each call, after each commit, and at the end. Counts; decides nothing of the history.

A double is one more step, asked for by us and still there, than there are addresses that ask for that very step.
The rules of updates are in `sim_changes`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from support.sim_changes import BLIND, ChangeRules
from support.sim_disk import SimStore
from support.sim_ledger import CreationRecord
from support.sim_server import Row, same_body
from support.sim_world import Process

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.plan.model import Action, Change, Plan
from sequence_sync.provider.base import CreateStep, Request
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import Delta, State

CREATES = (Action.CREATE_SEQUENCE, Action.CREATE_STEP)
PATCHES = (Action.UPDATE_STEP, Action.UPDATE_VARIANT, Action.DEACTIVATE_VARIANT)
STEP_CALL = re.compile(r"/sequences/([^/]+)/steps")


@dataclass
class Rules(ChangeRules):
    """The judge of one world. `faults` counts whatever may cost one more send."""

    ledger: CreationRecord = field(default_factory=CreationRecord)
    faults: int = 0
    sends: int = 0
    addresses: set[tuple[str, str]] = field(default_factory=set)
    bodies: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reported: list[str] = field(default_factory=list)
    last: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    turns: dict[tuple[str, str], int] = field(default_factory=dict)

    # -- at each call -----------------------------------------------------------------------------------------------

    def on_call(self, process: Process, request: Request) -> None:
        """Before a request leaves."""
        if request.method == "GET":
            process.info.setdefault("read", {})[request.path] = self.world.now
            return
        self.world.trace(process.name, f"sends {process.address} ({request.method} {request.path})")
        self.sends += 1
        run = process.name if request.method == "PATCH" else ""  # a file may come back to an old text
        self.addresses.add((run + process.address, same_body(request.body or {})))
        found = STEP_CALL.fullmatch(request.path)
        self._planned(process, request)
        self._on_disk(process, request)
        if request.path == "/sequences":
            self._not_beside(process, str((request.body or {}).get("title")))
        else:
            self._not_blind(process, request.path.split("/")[2])
        if "absoluteDays" in (request.body or {}) and request.method == "PATCH":
            self.day_by_day(process, request)
        if found:
            self.bodies[process.address].add(same_body(request.body or {}))
            self._ascending(process, found[1])

    def _planned(self, process: Process, request: Request) -> None:
        """The plan has this very call, and it is this call's turn."""
        if process.phase != "carry out":
            self.world.wrong(f"{process.address} was sent while {process.phase}")
            return
        plan: Plan = process.info["plan"]
        calls = [(change, call) for change in plan.to_do for call in change.calls]
        fits = [
            place
            for place, (change, call) in enumerate(calls)
            if _is_about(change, process.address)
            and call.body == request.body
            and call.method == request.method
            and ("{" in call.path or call.path == request.path)
        ]
        key = (process.name, process.address.split(".")[0])
        if not fits:
            self.world.wrong(f"{process.address} was sent with a call that the plan does not have")
        elif fits[-1] < self.turns.get(key, 0):
            self.world.wrong(f"{process.address} was sent out of order")
        else:
            self.turns[key] = next(place for place in fits if place >= self.turns.get(key, 0))

    def _on_disk(self, process: Process, request: Request) -> None:
        store: SimStore = process.info["store"]
        if store.holder is None or store.holder.id != process.name:
            self.world.wrong(f"{process.address} was sent without the lock")
        line = store.journal.splitlines()[-1:]
        record = json.loads(line[0][17:]) if line else {}
        if record.get("kind") != "intent" or record["address"] != process.address or record["body"] != request.body:
            self.world.wrong(f"{process.address} was sent without an intent on the disk")

    def _ascending(self, process: Process, sequence: str) -> None:
        """Creates go by (day, place in the file)."""
        plan: Plan | None = process.info.get("plan")
        if plan is None:
            return
        desired: Mapping[str, DesiredSequence] = process.info["desired"]
        key, _, step = process.address.partition(".")
        content = next((c.after for c in plan.to_do if c.address == process.address), None)
        place = (content.day if content else 0, list(desired[key].steps).index(step))
        if place < self.last.get((process.name, sequence), (0, 0)):
            self.world.wrong(f"{process.address} was sent out of order")
        self.last[process.name, sequence] = place

    def _not_blind(self, process: Process, sequence: str) -> None:
        """A read is good for ten seconds: what was there by then has been seen."""
        long_ago = self.world.now - BLIND - self.world.profile.lag
        seen: set[str] = process.info["seen"]
        for row in self.server.alive(sequence):
            if row.made < long_ago and row.id not in seen and row.by != process.name:
                self.world.wrong(f"{process.address} was sent without having seen step {row.id}")

    def _not_beside(self, process: Process, title: str) -> None:
        """An unmanaged sequence with the same title is neither adopted nor duplicated."""
        long_ago = self.world.now - BLIND - self.world.profile.lag
        state: State = process.info["manager"].state
        owned = {entry.id for entry in state.sequences.values()}
        for book in self.server.books.values():
            if book.made < long_ago and book.id not in owned and book.title.strip() == title:
                self.world.wrong(f"{process.address} was sent although sequence {book.id} has its title")

    def on_record(self, process: Process, line: bytes) -> None:
        """Before a record: no outcome may say that a step was not made which is there for all to see."""
        record = json.loads(line[17:])
        if record["kind"] == "outcome" and record["result"] == "updated":
            self.on_updated(process, record["of"])
        if record["kind"] == "note" and record["text"].endswith(" needs no update"):
            self.on_so_already(process, record["text"].split()[0])
        if record["kind"] != "outcome" or record["result"] not in ("not-made", "refused"):
            return
        if "calm" in process.info or not self.world.profile.promised:
            return
        manager = process.info["manager"]
        intent = next((row for row in manager.open_intents if row.n == record["of"]), None)
        if intent is not None and intent.action in PATCHES:
            deltas = [Delta.model_validate(row) for row in record.get("deltas", ())]
            self.on_not_made(process, intent, deltas)
        state: State = manager.state
        if intent is None or intent.address.split(".")[0] not in state.sequences or intent.action not in CREATES:
            return
        known = {remote_id for _, remote_id in state.addresses()} | set(intent.seen)
        for entry in state.sequences.values():
            known |= {*entry.unmanaged, *getattr(entry, "forgotten", ())}
        for row in self.server.alive():
            is_it = row.origin == intent.address and row.sequence == intent.remote_id
            if is_it and row.id not in known and row.made < self.world.now - self.world.profile.lag - 1:
                self.world.wrong(f"{row.origin} was recorded as {record['result']}, and step {row.id} is there")

    # -- after each commit ------------------------------------------------------------------------------------------

    def on_commit(self) -> None:
        """After the account has made something."""
        if self.world.profile.promised and (duplicates := self.duplicates()):
            self.world.wrong(f"made twice: {[[row.id for row in rows] for rows in duplicates]}")
        if self.world.profile.promised and (twice := self.ledger.created_twice(self.server.alive())):
            self.world.wrong(f"created twice for one step of the files: {twice}")
        if self.world.profile.promised and (twice := self.double_variants()):
            self.world.wrong(f"variants made twice: {twice}")

    def groups(self) -> list[set[str]]:
        """Addresses, those together that ever asked for the very same step of one sequence."""
        groups: list[tuple[str, set[str], set[str]]] = []
        for address in sorted(self.bodies):
            key = address.split(".")[0] if "." in address else address
            names, bodies, rest = {address}, set(self.bodies[address]), []
            for other in groups:
                if "." in address and other[0] == key and other[2] & bodies and all("." in a for a in other[1]):
                    names |= other[1]
                    bodies |= other[2]
                else:
                    rest.append(other)
            groups = [*rest, (key, names, bodies)]
        return [names for _, names, _ in groups]

    def duplicates(self) -> list[list[Row]]:
        """Duplicate steps, in the order in which they were created."""
        found = []
        for book in self.server.books:
            alive = self.server.alive(book)
            for names in self.groups() if alive else ():
                rows = [row for row in alive if row.origin in names and row.id not in self.ledger.declared]
                if len(rows) > len(names):
                    found.append(rows)
        return found

    def double_sequences(self) -> list[list[str]]:
        """Sequences that we made more than once for one key."""
        made: dict[str, list[str]] = defaultdict(list)
        for book in self.server.books.values():
            if book.origin is not None:
                made[f"{book.origin}: {book.title.strip()}"].append(book.id)
        return [ids for ids in made.values() if len(ids) > 1]

    # -- at the end -------------------------------------------------------------------------------------------------

    def at_the_end(self, state: State, files: Mapping[str, DesiredSequence]) -> None:
        """When nothing moves any more."""
        self.agree(state)
        self.never_clashed()
        self._not_theirs(state, files)
        self._duplicates_reported(state)
        if self.world.profile.promised:
            if twice := self.double_sequences():
                self.world.wrong(f"sequences made twice: {twice}")
            if self.sends > len(self.addresses) + self.faults + self.server.deleted + len(self.server.clashes):
                self.world.wrong(f"{self.sends} sends for {len(self.addresses)} creates and {self.faults} faults")

    def _not_theirs(self, state: State, files: Mapping[str, DesiredSequence]) -> None:
        """A person's step is taken for ours only where it says just what ours should."""
        for key, entry in state.sequences.items():
            for name, step in entry.steps.items():
                row, desired = self.server.rows.get(step.id), files[key].steps.get(name) if key in files else None
                if row is None or desired is None or row.origin is not None or row.touched or self.world.profile.edits:
                    continue
                if SALESHANDY.call(CreateStep("", desired)).body["variants"] != row.body["variants"]:
                    self.world.wrong(f"{key}.{name} is {row.id} now, which seqsync did not create")

    def _duplicates_reported(self, state: State) -> None:
        if self.world.profile.promised:
            return
        for ids in self.double_sequences():
            if not all(any(re.search(rf"\b{each}\b", text) for text in self.reported) for each in ids):
                self.world.wrong(f"sequences {ids} are one too many, and it was not reported")
        managed = {step.id for entry in state.sequences.values() for step in entry.steps.values()}
        for rows in self.duplicates():
            if any(row.rewritten or row.touched for row in rows):
                continue
            if any(row.patched for row in rows):
                continue  # they do not say the same any more
            extra = [row.id for row in rows if row.id not in managed]
            for row_id in extra:
                if not any(re.search(rf"\b{row_id}\b", text) for text in self.reported):
                    self.world.wrong(f"step {row_id} is there twice, and it was not reported: {[r.id for r in rows]}")


def _is_about(change: Change, address: str) -> bool:
    """A change of a whole step is made by way of its variants."""
    return address == change.address or (
        change.action is Action.UPDATE_STEP and address.rpartition(".")[0] == change.address
    )
