"""What must hold of changes to what is there: new variants, PATCHes, days. The half of the rules that knows bodies.

Nothing late overwrites what is newer, no change by hand is overwritten unasked, and what the journal calls done
is done.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.sim_server import EMAIL, Row, SimServer
from support.sim_world import GRACE, Process, World

from sequence_sync.model.report import ChangeResult
from sequence_sync.plan.calls import mark_uncertain
from sequence_sync.plan.compare import same_payload
from sequence_sync.plan.model import Reason
from sequence_sync.provider.base import STEP_FIELDS, VARIANT_FIELDS, Request
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.journal import IntentRecord
from sequence_sync.state.model import Delta, State, StepState, VariantState

BLIND = 11.0  # seconds: a read is good for ten, and may take one


@dataclass(frozen=True)
class Sent:
    """One call as it left: which one in all, when, and whether it may overwrite what people wrote."""

    number: int
    address: str
    body: Mapping[str, Any]
    at: float
    drift: bool


@dataclass
class ChangeRules:
    """The judge of changes."""

    world: World
    server: SimServer
    landed: dict[str, Sent] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def as_sent(self, process: Process, body: Mapping[str, Any]) -> Sent:
        """A call that leaves now."""
        drift = "drift" in process.info.get("allowed", ())
        return Sent(next(self.numbers), process.address, body, self.world.now, drift)

    # -- when a PATCH lands -------------------------------------------------------------------------------------------

    def before_patch(self, step: str, variant: str, sent: Sent) -> None:
        """It is about to be carried out: it must be the newest, and overwrite no change by hand."""
        row, profile = self.server.rows.get(step), self.world.profile
        if row is None or not row.there(self.world.now) or not profile.promised or profile.losses:
            return
        last = self.landed.get(variant)
        if last is not None and last.number > sent.number and self._undoes(row, variant, sent.body):
            self.world.wrong(f"{sent.address}: an abandoned change overwrote a later one")
        placed, day = self.landed.get(f"{step} day"), sent.body.get("absoluteDays")
        if day and placed is not None and placed.number > sent.number and placed.body["absoluteDays"] != day:
            self.world.wrong(f"{sent.address}: an abandoned change of day overwrote a later one")
        if not sent.drift:
            self._not_over(row, variant, sent)

    def _undoes(self, row: Row, variant: str, body: Mapping[str, Any]) -> bool:
        is_now = {**row.sent[variant], **row.place(self.world.now)}
        desired = {name: value for name, value in dict(body.get("payload", {})).items() if value != ""}
        return any(is_now[name] != (desired if name == "payload" else value) for name, value in body.items())

    def _not_over(self, row: Row, variant: str, sent: Sent) -> None:
        """What a person wrote longer ago than a read is good for was seen, and is kept."""
        seen = sent.at - BLIND - self.world.profile.lag
        now = next(each for each in row.variants(self.world.now) if each["id"] == variant)
        if row.touched.get(variant, seen) < seen and "payload" in sent.body:
            kind = KINDS.get(row.type, "")
            if not same_payload(kind, sent.body["payload"], now["payload"], "", None):
                self.world.wrong(f"{sent.address} overwrote what a person wrote in {variant}")
        moved = self.world.profile.returns_days and row.touched.get("day", seen) < seen
        if moved and sent.body.get("absoluteDays", row.day) != row.day:
            self.world.wrong(f"{sent.address} took {row.id} from the day that a person chose")

    def after_patch(self, step: str, variant: str, sent: Sent) -> None:
        """It was carried out."""
        for name in (variant, *([f"{step} day"] if "absoluteDays" in sent.body else [])):
            if name not in self.landed or self.landed[name].number < sent.number:
                self.landed[name] = sent

    def on_drift(self, result: ChangeResult, row: Row | None) -> None:
        """A run was refused because of drift: there must be some."""
        profile = self.world.profile
        if not profile.promised or profile.losses or row is None or row.rewritten or row.behind or row.touched:
            return
        # A read that is older than our own last write looks like drift.
        if self.world.now - max(each[0] for each in (*row.texts, *row.places)) > profile.lag + GRACE:
            self.world.wrong(f"{result.address}: drift was reported that is none: {result.detail}")

    # -- at records ---------------------------------------------------------------------------------------------------

    def on_updated(self, process: Process, number: int) -> None:
        """An outcome says that a PATCH was carried out: then all of it is so, or a person has changed it since."""
        intent = next((row for row in process.info["manager"].open_intents if row.n == number), None)
        if intent is not None and "calm" not in process.info and self.world.profile.promised:
            self._is_so(process, intent.address, intent.body or {})

    def on_so_already(self, process: Process, address: str) -> None:
        """A note says that a planned PATCH is not needed: Saleshandy must have its values already."""
        plan = process.info.get("plan")
        calls = (
            [
                call.body
                for change in plan.to_do
                for call in change.calls
                if call.method == "PATCH" and address in (change.address, f"{change.address}.{address[-1]}")
            ]
            if plan
            else []
        )
        row, variant = self._row_of(process, address)
        if row is None or variant is None or not calls:
            return
        names = {"payload": variant, "status": f"{variant} status", "absoluteDays": "day"}
        theirs = [name for field, name in names.items() if field in calls[0] and name in row.touched]
        for name in theirs:
            del row.touched[name]  # what the person did is in the file now
        if not theirs and len(calls) == 1 and self.world.profile.promised and not self.world.profile.losses:
            self._is_so(process, address, calls[0])

    def on_not_made(self, process: Process, intent: IntentRecord, deltas: Sequence[Delta]) -> None:
        """A PATCH is closed as not made. If it was made, no read could show it (changed markup, an unreturned field).
        Then the state records that it may have been made, or another call with the same content is open."""
        row, variant = self._row_of(process, intent.address)
        body = intent.body or {}
        if row is not None and body.get("absoluteDays") == row.day:
            row.touched.pop("day", None)  # it is what we sent too
        if row is None or variant is None or row.rewritten or self._undoes(row, variant, body):
            return
        key, step, letter = intent.address.split(".")
        entry = process.info["manager"].state.sequences[key].steps[step]
        entry = next((each for delta in deltas if (each := delta.steps.get(step))), entry)
        others = [each for each in process.info["manager"].open_intents if each.address == intent.address]
        marked = mark_uncertain(entry, letter, SALESHANDY.patch(body), VARIANT_FIELDS + STEP_FIELDS)
        if marked != entry and len(others) == 1:
            self.world.wrong(f"{intent.address} was changed, and the state does not say that it may be")

    def day_by_day(self, process: Process, request: Request) -> None:
        """Where one email waits on a free day, each move is seen before the next is sent."""
        _, _, sequence, _, step, _, _ = request.path.split("/")
        key = process.address.split(".")[0]
        parked = any(c.reason is Reason.PARKED and c.sequence == key for c in process.info["plan"].to_do)
        if not parked or self.server.rows[step].type != EMAIL:
            return
        last = process.info.get("moved")
        read = process.info.get("read", {}).get(f"/sequences/{sequence}/steps", 0.0)
        if last is not None and last[0] != step and read < last[1]:
            self.world.wrong(f"{process.address} was moved before the move of {last[0]} was seen")
        process.info["moved"] = (step, self.world.now)

    def _row_of(self, process: Process, address: str) -> tuple[Row | None, str | None]:
        key, step, letter = address.split(".")
        entry = process.info["manager"].state.sequences.get(key)
        known = entry.steps.get(step) if entry else None
        if known is None or letter not in known.variants:
            return None, None
        return self.server.rows.get(known.id), known.variants[letter].id

    def _is_so(self, process: Process, address: str, body: Mapping[str, Any]) -> None:
        row, variant = self._row_of(process, address)
        if row is None or variant is None or not row.there(self.world.now) or row.touched or row.rewritten:
            return
        is_now = {**row.sent[variant], **row.place(self.world.now)}
        desired = dict(body)
        if "payload" in desired:
            desired["payload"] = {name: value for name, value in desired["payload"].items() if value != ""}
        off = sorted(name for name, value in desired.items() if is_now[name] != value)
        if off and self.world.now - max(row.texts[-1][0], row.places[-1][0]) <= self.world.profile.lag + 1:
            row.behind |= {(variant, name) for name in off}
        elif off:
            self.world.wrong(f"{address} was recorded as changed, and {', '.join(off)} is not so")

    def double_variants(self) -> list[str]:
        """Addresses for which one step got several variants."""
        return [
            f"{address} in {row.id}"
            for row in self.server.rows.values()
            for address, count in Counter(row.makers.values()).items()
            if count > 1
        ]

    # -- at the end -------------------------------------------------------------------------------------------------

    def never_clashed(self) -> None:
        """The account never had to refuse a day, where nothing is changed by hand."""
        profile = self.world.profile
        trouble = profile.losses or profile.people or profile.rewrites
        if profile.promised and not trouble and self.server.clashes:
            self.world.wrong(f"a day was refused: {self.server.clashes[0]}")

    def agree(self, state: State) -> None:
        """What the state says is what the account has, but for what people did since."""
        for key, entry in state.sequences.items():
            if entry.id not in self.server.books:
                self.world.wrong(f"the state has {key} as {entry.id}, which was never made")
            for name, step in entry.steps.items():
                row = self.server.rows.get(step.id)
                if row is None or row.sequence != entry.id:
                    self.world.wrong(f"the state has {key}.{name} as {step.id}, which was never made")
                elif row.gone is None and step.is_certain and not (row.rewritten or "*" in row.touched or row.behind):
                    self._agrees(f"{key}.{name}", row, step)

    def _agrees(self, address: str, row: Row, step: StepState) -> None:
        profile = self.world.profile
        there = {each["id"]: each for each in row.variants(self.world.now)}
        for letter, known in step.variants.items():
            if known.id in row.touched or (known.id is None and row.touched):
                continue
            rows = [there[known.id]] if known.id in there else [] if known.id else list(there.values())
            if not any(self._says(step.type, known, each, row) for each in rows):
                self.world.wrong(f"{address}.{letter} is not what {row.id} says")
        if len(there) != len(step.variants) and not row.touched:
            self.world.wrong(f"{address} has {len(step.variants)} variants, and {row.id} has {len(there)}")
        if not profile.promised:
            return
        known = row.origin and not row.touched and "day" not in step.assumed
        if known and row.day != step.day:
            self.world.wrong(f"{address} is on day {step.day}, and {row.id} on day {row.day}")
        code = step.priority.code if step.priority else 3
        if (
            row.type != EMAIL
            and not profile.losses
            and not row.touched
            and row.origin
            and row.place(self.world.now)["priority"] != code
        ):
            self.world.wrong(f"{address} has another priority than {row.id}")

    def _says(self, kind: str, known: VariantState, there: Mapping[str, Any], row: Row) -> bool:
        """By its words; and to the letter where we wrote it ourselves, by a PATCH, and nothing was lost since."""
        ours, asked = known.content, row.sent.get(there["id"], {})
        if not same_payload(kind, ours.payload, there["payload"], ours.task_note, there["taskNote"]):
            return False
        if there["id"] not in row.patched or self.world.profile.losses or not self.world.profile.promised:
            return True
        return (dict(ours.payload), ours.task_note, list(ours.attachments)) == (
            asked["payload"],
            asked["taskNote"],
            asked["attachmentIds"],
        ) and (known.status == there["status"] or f"{there['id']} status" in row.touched)


KINDS = {1: "email", 3: "linkedin_message", 11: "call_introduction", 5: "linkedin_view_profile"}
