"""File, state (last applied) and app: what each difference between the three means. Pure.

    state   app    file         the plan says
    x       x      y            update (the differ's own)
    x       y      x            drift: told, nothing done; `-allow drift` puts the file's words back
    x       y      y            record
    x       y      z            blocked, `conflict`; `-allow drift` overwrites
    there   gone   there        drift `gone`; created anew only with `-allow drift`
    there   gone   not there    forget

It goes by what one call writes: the words of a variant are one thing, whether it is on another; day, priority and
assignee are one each. The planner then plans from `ThreeWayResult.state`, in which the app's side stands where that
is what the
file has to be held against. What the state does not know of is `strangers`'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sequence_sync.model.address import Address
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.compare import canonical_text, flat_variant, same_payload, step_fields
from sequence_sync.plan.drift import OFF, ON, added, as_read, drift_of, same_words
from sequence_sync.plan.matching import Matches, match_steps, same_title
from sequence_sync.plan.model import (
    Action,
    Change,
    Drift,
    DriftKind,
    FieldChange,
    Impact,
    Reason,
    block,
    entry_of,
    state_after_moves,
)
from sequence_sync.provider.base import RemoteAccount, RemoteStep, RemoteVariant, SequenceSnapshot
from sequence_sync.state.model import SequenceState, State, StepState, variant_digest


class Cell(StrEnum):
    """What it means that the app is not as last applied."""

    DRIFT = "drift"
    RECORD = "record"
    CONFLICT = "conflict"


def cell(file_is_as_applied: bool, file_is_as_app: bool) -> Cell:
    """The three rows of the table in which state and app differ."""
    if file_is_as_applied:
        return Cell.DRIFT
    return Cell.RECORD if file_is_as_app else Cell.CONFLICT


@dataclass
class ThreeWayResult:
    """What came of it.

    `state` is what the planner plans from, `records` are changes of the state alone. `drift` is told and left; `known`
    names every difference that was seen. By the address of a step or variant: `conflicts`, with the fields of all three
    sides; `edited`, words that a call would overwrite though the file does not touch them; `overwritten`, what
    `-allow drift` lets go, and why. `gone` stays as it is, `anew` is created again. `waiting` are differences that a
    change at that address must show, or they are told. `days` are those that emails hold which are not where the
    state has them: by sequence, who holds which.
    """

    state: State | None
    records: list[Change] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    conflicts: dict[str, tuple[FieldChange, ...]] = field(default_factory=dict)
    edited: dict[str, tuple[FieldChange, ...]] = field(default_factory=dict)
    overwritten: dict[str, Reason] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    anew: set[str] = field(default_factory=set)
    waiting: list[tuple[str, Drift]] = field(default_factory=list)
    days: dict[str, dict[str, int]] = field(default_factory=dict)


def compare_three_way(
    state: State | None, wanted: Mapping[str, DesiredSequence], app: RemoteAccount, overwrite: bool
) -> ThreeWayResult:
    """`state` against what was read of the app and what the files want. `overwrite`: the gate `drift` is open."""
    held = ThreeWayResult(state)
    if state is None:
        return held
    renamed = {
        row.formerly: row
        for row in wanted.values()
        if row.formerly and row.formerly not in wanted and row.key not in state.sequences
    }
    entries: dict[str, SequenceState] = {}
    for key, entry in state.sequences.items():
        read = app.sequences.get(key)
        left = (
            _SequenceComparison(held, wanted.get(key) or renamed.get(key), key, entry, read, overwrite).run()
            if read
            else entry
        )
        if left is not None:
            entries[key] = left
    held.state = state.model_copy(update={"sequences": entries})
    return held


class _SequenceComparison:
    """One sequence on its way: `entry` is what the planner will plan from."""

    def __init__(
        self,
        held: ThreeWayResult,
        wanted: DesiredSequence | None,
        key: str,
        entry: SequenceState,
        app: SequenceSnapshot,
        overwrite: bool,
    ) -> None:
        self.held, self.wanted, self.key, self.entry, self.app, self.overwrite = (
            held,
            wanted,
            key,
            entry,
            app,
            overwrite,
        )
        self.name = Address(wanted.key if wanted else key)
        self.steps: dict[str, StepState] = dict(entry.steps)
        self.rows: dict[str, RemoteVariant] = {row.id: row for step in app.steps or () for row in step.variants}

    def run(self) -> SequenceState | None:
        """The entry to plan from; None where the sequence is let go."""
        for found in drift_of(self.key, self.entry, self.app):
            self.held.known.extend(found.digests())
            address = found.address
            row = found.model_copy(update={"address": self._address(address)})
            if row.kind is DriftKind.GONE and address.step is None:
                return self._sequence_gone(row)
            if row.kind is DriftKind.GONE:
                self._gone(row, address)
            elif row.kind is not DriftKind.CHANGED:
                self.held.drift.append(row)
                self._hold_day(row)
            elif address.step is None:
                self._title(row)
            else:
                self._changed(row, address)
        return self.entry.model_copy(update={"steps": self.steps, "unmanaged": self._unmanaged()})

    def _unmanaged(self) -> dict[str, int | None]:
        """The days of others' emails as they are read; one that is not there holds none."""
        if self.app.steps is None:
            return self.entry.unmanaged
        emails = {step.id: step.day for step in self.app.steps if step.type == EMAIL}
        there = {step.id for step in self.app.steps}
        return {name: emails.get(name) or day if name in there else None for name, day in self.entry.unmanaged.items()}

    # -- what is gone -------------------------------------------------------------------------------------------------

    def _sequence_gone(self, row: Drift) -> SequenceState | None:
        if self.wanted is None or self.overwrite:
            self.held.anew.add(self.name)
            self.held.records.append(self._state_only(Action.FORGET, self.name, Reason.GONE, self.entry.id))
            return None
        self.held.gone.add(self.name)
        self.held.drift.append(row)
        return self.entry

    def _gone(self, row: Drift, old: Address) -> None:
        wanted, address = self._wanted_step(old.step_key), self._address(old)
        letter = old.variant
        is_wanted = wanted is not None and (letter is None or letter in wanted.variants)
        lonely = letter is not None and len(self.steps[old.step_key].variants) == 1
        if (is_wanted and not self.overwrite) or lonely:
            self.held.gone.add(address)
            self.held.drift.append(row)
            return
        self.held.anew.add(address)
        self.held.records.append(self._state_only(Action.FORGET, address, Reason.GONE, row.remote_id))
        if letter is None:
            del self.steps[old.step_key]
        else:
            step = self.steps[old.step_key]
            rest = {name: known for name, known in step.variants.items() if name != letter}
            self.steps[old.step_key] = step.model_copy(update={"variants": rest})

    def _hold_day(self, row: Drift) -> None:
        """An email that somebody added holds its day."""
        step = next((step for step in self.app.steps or () if step.id == row.remote_id), None)
        if step is not None:
            hold_day(self.held, self.name, step)

    # -- what was edited ----------------------------------------------------------------------------------------------

    def _title(self, row: Drift) -> None:
        if self.wanted and self.wanted.title != self.entry.title and same_title(self.wanted.title, row.fields[0].after):
            fields = (row.fields[0].model_copy(update={"after": self.wanted.title}),)
            self._record(self.name, fields, None, self.entry.id)
            self.entry = self.entry.model_copy(update={"title": self.wanted.title})
        else:
            self.held.drift.append(row)  # no call renames a sequence

    def _changed(self, row: Drift, old: Address) -> None:
        wanted = self._wanted_step(old.step_key)
        groups = _of_variant(row) if old.variant else _placings(row)
        told: list[FieldChange] = []
        recorded: list[FieldChange] = []
        for fields in groups:
            side = _FieldGroup(self.steps[old.step_key], wanted, old.variant, self._row(row), fields)
            side.is_let_go = self.wanted is None or (wanted is None and old.step_key in self.wanted.removed)
            self._one_group(side, row, told, recorded)
            self.steps[old.step_key] = side.step
        if told:
            self.held.drift.append(row.model_copy(update={"fields": tuple(told)}))
        if recorded:
            self._record(row.address, tuple(recorded), wanted, row.remote_id)

    def _row(self, row: Drift) -> RemoteVariant | None:
        return self.rows.get(row.remote_id or "")

    def _one_group(self, side: _FieldGroup, row: Drift, told: list[FieldChange], recorded: list[FieldChange]) -> None:
        what, address = side.cell(), row.address
        if what is Cell.RECORD:
            recorded.extend(side.against_file())
            side.take_file()
        elif what is None:
            told.extend(side.fields)
            side.take_app()  # so that a call which must name it leaves it as it is
        elif self.overwrite:
            self.held.overwritten.setdefault(address, Reason.CONFLICT if what is Cell.CONFLICT else Reason.DRIFT)
            self.held.waiting.append((address, row.model_copy(update={"fields": side.fields})))
            side.take_what_is_overwritten()
        else:
            self._leave(side, what, row, told)

    def _leave(self, side: _FieldGroup, what: Cell, row: Drift, told: list[FieldChange]) -> None:
        if what is Cell.CONFLICT:
            before = self.held.conflicts.get(row.address, ())
            self.held.conflicts[row.address] = (*before, *side.all_three())
            self.held.waiting.append((row.address, row.model_copy(update={"fields": side.fields})))
        else:
            told.extend(side.fields)
        if side.is_words:
            self.held.edited[row.address] = side.all_three()
        if side.step.content.is_email and side.fields[0].field == "day":
            who = f"{row.address}, which was moved there in Saleshandy"
            self.held.days.setdefault(self.name, {})[who] = side.fields[0].after

    # -- words --------------------------------------------------------------------------------------------------------

    def _address(self, old: Address) -> Address:
        """The address that the files will give to what the state calls `old`."""
        if old.step is None:
            return self.name
        moved = self.wanted.moved.get(old.step, old.step) if self.wanted else old.step
        key = moved if moved == old.step or moved not in self.entry.steps else old.step
        return Address(self.name, key, old.variant)

    def _wanted_step(self, key: str) -> Content | None:
        return self.wanted.steps.get(self._address(Address(self.key, key)).step_key) if self.wanted else None

    def _record(
        self, address: Address, fields: tuple[FieldChange, ...], after: Content | None, remote_id: str | None
    ) -> None:
        change = self._state_only(Action.RECORD, address, Reason.SAME_IN_APP, remote_id)
        self.held.records.append(change.model_copy(update={"fields": fields, "after": after}))

    def _state_only(self, action: Action, address: Address, reason: Reason, remote_id: str | None) -> Change:
        title = (self.wanted.title if self.wanted else self.entry.title) if address.step is None else None
        return Change(
            address=address, action=action, reason=reason, remote_id=remote_id, sequence_id=self.entry.id, title=title
        )


class _FieldGroup:
    """One group of fields of a step, or of its variant `letter`, with its three sides."""

    def __init__(
        self,
        step: StepState,
        wanted: Content | None,
        letter: str | None,
        row: RemoteVariant | None,
        fields: tuple[FieldChange, ...],
    ) -> None:
        self.step, self.wanted, self.letter, self.row, self.fields = step, wanted, letter, row, fields
        self.is_status = fields[0].field.endswith(".status")
        self.is_words = letter is not None and not self.is_status
        self.is_let_go = False  # the file does not mention it, or tells to forget it

    @property
    def _file_variant(self) -> Variant | None:
        return self.wanted.variants.get(self.letter or "") if self.wanted else None

    @property
    def _app_variant(self) -> Variant:
        known = self.step.variants[self.letter or ""]
        return as_read(self.step.type, known, self.row) if self.row else known.content

    def cell(self) -> Cell | None:
        """Which row of the table it is; None where the file says nothing about it."""
        if self.is_let_go:
            return None
        if self.is_status:
            wanted = OFF if self._file_variant is None else ON
            return cell(wanted == self.fields[0].before, wanted == self.fields[0].after)
        if self.letter is None:
            wanted_value = self._file_value()
            return (
                None
                if wanted_value is None
                else cell(wanted_value == self.fields[0].before, wanted_value == self.fields[0].after)
            )
        file = self._file_variant
        if file is None:
            return None
        applied = self.step.variants[self.letter].content
        return cell(file == applied, same_words(self.step.type, file, self._app_variant))

    def _file_value(self) -> Any:
        if self.wanted is None:
            return None
        name = self.fields[0].field
        if name == "assignee" and self.wanted.assignee is None:
            return self.fields[0].after  # not managed: whatever the app says
        return step_fields(self.wanted, self.wanted.assignee is not None).get(name)

    def against_file(self) -> Iterable[FieldChange]:
        """The fields as a change of the state to what the file says."""
        return [row.model_copy(update={"after": self._file_side().get(row.field)}) for row in self.fields]

    def all_three(self) -> tuple[FieldChange, ...]:
        """The fields with last applied, file and app; what the app has emptied is an empty text there."""
        side = self._file_side()
        return tuple(
            FieldChange(
                field=row.field,
                before=row.before,
                after=side.get(row.field),
                app="" if row.after is None else row.after,
            )
            for row in self.fields
        )

    def _file_side(self) -> Mapping[str, Any]:
        if self.letter is None:
            return {self.fields[0].field: self._file_value()}
        if self.is_status:
            return {self.fields[0].field: OFF if self._file_variant is None else ON}
        return flat_variant(self.letter, self._file_variant) if self._file_variant else {}

    def take_file(self) -> None:
        """From here on it was last applied as the file says."""
        self._take({row.field: row.after for row in self.against_file()}, self._file_variant)

    def take_app(self) -> None:
        """From here on it was last applied as the app says."""
        self._take({row.field: row.after for row in self.fields}, self._app_variant if self.letter else None)

    def take_what_is_overwritten(self) -> None:
        """From here on it was last applied as the app says, but for a note or attachments that are as the file has
        them: the call writes them too, so that the state follows."""
        file = self._file_variant
        if not self.is_words or file is None:
            self.take_app()
            return
        app, known = self._app_variant, self.step.variants[self.letter or ""].content
        kept: dict[str, Any] = {}
        if canonical_text(app.task_note) == canonical_text(file.task_note):
            kept["task_note"] = known.task_note
        if sorted(app.attachments) == sorted(file.attachments):
            kept["attachments"] = known.attachments
        self._take({}, app.model_copy(update=kept))

    def _take(self, values: Mapping[str, Any], variant: Variant | None) -> None:
        if self.letter is None:
            update = {name: Priority(value) if name == "priority" else value for name, value in values.items()}
            self.step = self.step.model_copy(update=update)
            return
        known = self.step.variants[self.letter]
        if self.is_status:
            taken = known.model_copy(update={"status": 1 if values[self.fields[0].field] == ON else 0})
        elif variant is not None:
            update = {"content": variant, "digest": variant_digest(variant), "returned": None}
            taken = known.model_copy(update=update)
        self.step = self.step.model_copy(update={"variants": {**self.step.variants, self.letter: taken}})


def hold_day(held: ThreeWayResult, key: str, step: RemoteStep) -> None:
    """A step in the app that is not managed holds its day, if it is an email whose day is told."""
    if step.type == EMAIL and step.day is not None:
        held.days.setdefault(key, {})[f"step {step.id}, which is not managed"] = step.day


def _placings(row: Drift) -> list[tuple[FieldChange, ...]]:
    return [(each,) for each in row.fields]


def _of_variant(row: Drift) -> list[tuple[FieldChange, ...]]:
    status = tuple(each for each in row.fields if each.field.endswith(".status"))
    words = tuple(each for each in row.fields if not each.field.endswith(".status"))
    return [group for group in (words, status) if group]


GONE_ADVICE = (
    "Put it back in Saleshandy; or take it out of the file, and the next plan forgets it; or let it be created anew: "
    "plan with `-refresh -allow drift`."
)
CONFLICT_ADVICE = (
    "Take the edit into the file with `seqsync import {id}`, or let the file's words take its place: plan with "
    "`-refresh -allow drift`."
)
WRITES = frozenset({Action.UPDATE_STEP, Action.UPDATE_VARIANT})
SHOWS = WRITES | {Action.DEACTIVATE_VARIANT}  # what a difference that is overwritten or in conflict is shown by


def reconcile_with_remote(app: RemoteAccount, held: ThreeWayResult, changes: Sequence[Change]) -> list[Change]:
    """`changes`, each judged by what was read. Rows of `held.drift` that turn out to be ours are taken out."""
    looks = _looks(app, held, changes)
    made = _made_variants(app, held, changes)
    ours = {step.id for found in looks.values() for step in found.adopt.values()} | set(made.values())
    ours |= {step.id for found in looks.values() for _, step in found.possible}
    held.drift = [row for row in held.drift if row.remote_id not in ours]
    judged = [_judged(change, app, held, looks, made) for change in changes]
    shown = {change.address for change in judged if SHOWS & {change.action, change.wanted}}
    held.drift += [row for address, row in held.waiting if address not in shown]
    return judged


def _looks(app: RemoteAccount, held: ThreeWayResult, changes: Iterable[Change]) -> Mapping[str, Matches]:
    """By sequence: what the steps that the state does not know are. Those of a sequence that is adopted are told."""
    read = {row.row.id: row for row in app.sequences.values() if row.row is not None}
    entries = {row.id: row for row in held.state.sequences.values()} if held.state else {}
    creates: dict[str, dict[str, Content]] = {}
    taken: set[str] = set()
    ids: dict[str, str] = {}
    for change in changes:
        if change.sequence_id:
            ids[change.sequence] = change.sequence_id
        if change.action is Action.CREATE_STEP and change.after:
            creates.setdefault(change.sequence, {})[change.address] = change.after
        if change.action is Action.ADOPT and change.remote_id:
            taken.add(change.remote_id)
    looks = {}
    for key, remote_id in ids.items():
        entry, found = entries.get(remote_id), read.get(remote_id)
        if found is None or (entry and key not in creates):
            continue
        known = {step.id for step in entry.steps.values()} | set(entry.unmanaged) if entry else set()
        managed = {f"{key}.{name}": step.content for name, step in entry.steps.items()} if entry else {}
        unknown = [step for step in found.steps or () if step.id not in known | taken]
        looks[key] = match_steps(unknown, creates.get(key, {}), managed)
        if entry is None:
            _tell(held, key, looks[key])
    return looks


def _tell(held: ThreeWayResult, key: str, found: Matches) -> None:
    """What else stands in a sequence that is about to be adopted."""
    held.drift += added(key, found)
    for step in found.unmanaged:
        hold_day(held, key, step)


def _made_variants(app: RemoteAccount, held: ThreeWayResult, changes: Sequence[Change]) -> Mapping[str, str]:
    """By the address of a variant to be created, the id of one in the app that says the same already."""
    read = {step.id: step for row in app.sequences.values() for step in row.steps or ()}
    rows = state_after_moves(changes, held.state.sequences if held.state else {})
    made: dict[str, str] = {}
    for change in changes:
        entry = entry_of(change, rows) if change.action is Action.CREATE_VARIANT else None
        if entry is None or change.after is None or entry.id not in read:
            continue
        ours = {row.id for row in entry.variants.values()}
        wanted = change.after.variants[change.address.letter]
        for row in read[entry.id].variants:
            says = same_payload(entry.type, wanted.payload, row.payload, wanted.task_note, row.task_note)
            if says and not {row.id, None} & ours and row.id not in made.values():
                made[change.address] = row.id
                break
    return made


def _judged(
    change: Change, app: RemoteAccount, held: ThreeWayResult, looks: Mapping[str, Matches], made: Mapping[str, str]
) -> Change:
    if change.action is Action.CREATE_SEQUENCE:
        return _new_sequence(change, app, held)
    if change.action is Action.ADOPT:
        return _configured(change, app)
    if change.step is None or change.action in (Action.BLOCKED, Action.MOVE, Action.FORGET):
        return change
    step = f"{change.sequence}.{change.step}"
    below = (
        {name for name in held.gone if name.startswith(f"{step}.")} if change.action is Action.UPDATE_STEP else set()
    )
    if below or held.gone & {change.sequence, step, change.address}:
        return block(change, Reason.GONE, GONE_ADVICE)
    if change.action is Action.CREATE_STEP:
        return _new_step(change, held, looks.get(change.sequence))
    if change.action is Action.CREATE_VARIANT:
        return _new_variant(change, held, made)
    if change.action is Action.DEACTIVATE_VARIANT:
        return _under_its_reason(change, held)
    return _write(change, step, held) if change.action in WRITES else change


def _configured(change: Change, app: RemoteAccount) -> Change:
    """An id from the settings or a file that leads nowhere."""
    read = next((row for row in app.sequences.values() if row.row and row.row.id == change.sequence_id), None)
    if change.step is None and read is None and change.remote_id not in {row.id for row in app.rows}:
        advice = (
            f"There is no sequence {change.remote_id} in this account. Mend the id in the file or under `ids:`, or "
            "take it out; or is this another account's key?"
        )
        return block(change, Reason.GONE, advice)
    if change.step and read and read.steps is not None and change.remote_id not in {step.id for step in read.steps}:
        advice = f"There is no step {change.remote_id} in {change.sequence}. Mend or take out the id under `ids:`."
        return block(change, Reason.GONE, advice)
    return change


def _new_sequence(change: Change, app: RemoteAccount, held: ThreeWayResult) -> Change:
    owned = {row.id for row in held.state.sequences.values()} if held.state else set()
    hits = [row.id for row in app.rows if same_title(row.title, change.title or "") and row.id not in owned]
    if not hits:
        return change.model_copy(update={"reason": Reason.GONE}) if change.address in held.anew else change
    return block(
        change,
        Reason.TITLE_TAKEN,
        f'"{change.title}" is in Saleshandy already (id {", ".join(hits)}), and the state does not know it. Is it this '
        f"one? `seqsync import {hits[0]}` takes it in, or write `ids: {{{change.address}: {hits[0]}}}` into its "
        "environment in seqsync.yaml. If it is another one, give this one another title.",
    )


def _new_step(change: Change, held: ThreeWayResult, found: Matches | None) -> Change:
    if found and (step := found.adopt.get(change.address)):
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": step.id, "calls": ()}
        return change.model_copy(update={**update, "impact": Impact.NONE})
    asked = [step.id for names, step in found.possible if change.address in names] if found else []
    if asked:
        return block(
            change,
            Reason.UNCLEAR,
            f"Step {', '.join(asked)} in Saleshandy may be it. If one is: `seqsync state resolve {change.address} "
            f"-adopt {asked[0]}`. If they are somebody else's: `seqsync state resolve {change.address} -recreate`.",
        )
    if {change.sequence, change.address} & held.anew:
        return change.model_copy(update={"reason": Reason.GONE})
    return change


def _new_variant(change: Change, held: ThreeWayResult, made: Mapping[str, str]) -> Change:
    if change.address in made:
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": made[change.address]}
        return change.model_copy(update={**update, "impact": Impact.NONE})
    return change.model_copy(update={"reason": Reason.GONE}) if change.address in held.anew else change


def _write(change: Change, step: str, held: ThreeWayResult) -> Change:
    """A call that writes words: over those that were last applied, and over no others."""
    sides = held.conflicts.get(change.address, ())
    if change.action is Action.UPDATE_VARIANT:
        sides += tuple(row for row in held.edited.get(change.address, ()) if row not in sides)
    else:
        sides += tuple(row for name, rows in held.edited.items() if name.startswith(f"{step}.") for row in rows)
    if sides:
        fields = {row.field: row for row in (*change.fields, *sides)}
        advice = CONFLICT_ADVICE.format(id=change.sequence_id)
        return block(change.model_copy(update={"fields": tuple(fields.values())}), Reason.CONFLICT, advice)
    return _under_its_reason(change, held)


def _under_its_reason(change: Change, held: ThreeWayResult) -> Change:
    reason: Reason | None = held.overwritten.get(change.address)
    return change.model_copy(update={"reason": reason}) if reason else change
