"""Three-way comparison of file, last applied and Saleshandy, and what each difference means for a plan. Pure.

    last applied   Saleshandy   file        the plan
    x              x            y           updates (found by the differ)
    x              y            x           reports drift; `-allow drift` restores the text from the file
    x              y            y           records the agreement in the state
    x              y            z           blocks the change as `conflict`; `-allow drift` overwrites
    there          gone         there       reports drift `gone`; creates it again only with `-allow drift`
    there          gone         not there   forgets it

The unit is what one call writes: the text of a variant, its status, and each of day, priority and assignee. The planner
then plans from `ThreeWayResult.state`: what was last applied, with the remote side where the file is compared with it.
Steps that the state does not know are matched by `plan/matching`. Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sequence_sync.model.address import Address
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.compare import canonical_text, flat_variant, step_fields
from sequence_sync.plan.drift import OFF, ON, added, as_read, drift_of, same_text
from sequence_sync.plan.matching import Matches, match_steps, same_title, says_the_same_variant
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
from sequence_sync.state.model import ForgottenStep, SequenceState, State, StepState, variant_digest


class Cell(StrEnum):
    """The outcome of comparing one value three ways: last applied (base), file (ours) and Saleshandy (theirs)."""

    UNCHANGED = "unchanged"
    CHANGED_HERE = "changed-here"  # the file alone: an update
    CHANGED_THERE = "changed-there"  # Saleshandy alone: drift
    AGREE = "agree"  # both, to the same value
    CONFLICT = "conflict"  # both, to different values


def compare_sides(*, theirs_is_base: bool, ours_is_base: bool, ours_is_theirs: bool) -> Cell:
    """Return the cell of one value. Whoever compares says what "is" means: exactly, or by what a text says.

    If it is not known what was last applied, no side is the base.
    """
    if theirs_is_base:
        return Cell.UNCHANGED if ours_is_base else Cell.CHANGED_HERE
    if ours_is_base:
        return Cell.CHANGED_THERE
    return Cell.AGREE if ours_is_theirs else Cell.CONFLICT


@dataclass
class ThreeWayResult:
    """The outcome of the comparison.

    `state` is what the planner plans from. `records` are changes of the state alone. `drift` is reported and left as it
    is. `known_drift` holds the digest of every difference that was found.
    By the address of a step or variant: `conflicts`, with the fields of all three sides; `changed_text`, text that a
    call would overwrite although the file does not touch it; `overwritten`, what `-allow drift` overwrites, and why.
    `gone` are addresses that stay missing, `recreated` those that are created again.
    `shown_by_change` are differences that a change at that address shows; without one they are reported as drift.
    `remote_days` are days that emails hold in Saleshandy and the state does not know of: by sequence, which email holds
    which day.
    """

    state: State | None
    records: list[Change] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    known_drift: list[str] = field(default_factory=list)
    conflicts: dict[Address, tuple[FieldChange, ...]] = field(default_factory=dict)
    changed_text: dict[Address, tuple[FieldChange, ...]] = field(default_factory=dict)
    overwritten: dict[Address, Reason] = field(default_factory=dict)
    gone: set[Address] = field(default_factory=set)
    recreated: set[Address] = field(default_factory=set)
    shown_by_change: list[tuple[Address, Drift]] = field(default_factory=list)
    remote_days: dict[str, dict[str, int]] = field(default_factory=dict)


def compare_three_way(
    state: State | None, desired: Mapping[str, DesiredSequence], remote: RemoteAccount, overwrite: bool
) -> ThreeWayResult:
    """Compare every sequence of `state` with `desired` and `remote`. `overwrite`: the gate `drift` is open."""
    result = ThreeWayResult(state)
    if state is None:
        return result
    renamed = {
        row.formerly: row
        for row in desired.values()
        if row.formerly and row.formerly not in desired and row.key not in state.sequences
    }
    entries: dict[str, SequenceState] = {}
    for key, entry in state.sequences.items():
        snapshot = remote.sequences.get(key)
        kept: SequenceState | None = entry
        if snapshot:
            declared = desired.get(key) or renamed.get(key)
            kept = _SequenceComparison(result, declared, key, entry, snapshot, overwrite).run()
        if kept is not None:
            entries[key] = kept
    result.state = state.model_copy(update={"sequences": entries})
    return result


class _SequenceComparison:
    """The comparison of one sequence. `entry` and `steps` become what the planner plans from."""

    def __init__(
        self,
        result: ThreeWayResult,
        desired: DesiredSequence | None,
        key: str,
        entry: SequenceState,
        remote: SequenceSnapshot,
        overwrite: bool,
    ) -> None:
        self.result, self.desired, self.key, self.entry = result, desired, key, entry
        self.remote, self.overwrite = remote, overwrite
        self.sequence = Address(desired.key if desired else key)
        self.steps: dict[str, StepState] = dict(entry.steps)
        self.remote_variants = {row.id: row for step in remote.steps or () for row in step.variants}

    def run(self) -> SequenceState | None:
        """Return the entry to plan from, or None if the sequence is forgotten."""
        for found in drift_of(self.key, self.entry, self.remote):
            self.result.known_drift.extend(found.digests())
            address = found.address
            drift = found.model_copy(update={"address": self._address(address)})
            if drift.kind is DriftKind.GONE and address.step is None:
                return self._sequence_gone(drift)
            if drift.kind is DriftKind.GONE:
                self._gone(drift, address)
            elif drift.kind is not DriftKind.CHANGED:
                self.result.drift.append(drift)
                for step in self.remote.steps or ():
                    if step.id == drift.remote_id:
                        _hold_day(self.result, self.sequence, step)
            elif address.step is None:
                self._title(drift)
            else:
                self._changed(drift, address)
        update = {"steps": self.steps, "unmanaged": self._unmanaged(), "forgotten": self._forgotten()}
        return self.entry.model_copy(update=update)

    def _unmanaged(self) -> dict[str, int | None]:
        """Return the days of unmanaged emails as read. One that is missing holds no day."""
        if self.remote.steps is None:
            return self.entry.unmanaged
        emails = {step.id: step.day for step in self.remote.steps if step.type == EMAIL}
        there = {step.id for step in self.remote.steps}
        return {name: emails.get(name) or day if name in there else None for name, day in self.entry.unmanaged.items()}

    def _forgotten(self) -> dict[str, ForgottenStep]:
        """Return the forgotten steps with their days as read. One that is missing is not adopted again."""
        if self.remote.steps is None:
            return self.entry.forgotten
        read = {step.id: step for step in self.remote.steps}
        there = {name: step for name, step in self.entry.forgotten.items() if name in read}
        return {
            name: step.model_copy(update={"is_there": True, "day": read[name].day or step.day})
            for name, step in there.items()
        }

    # -- what is gone -------------------------------------------------------------------------------------------------

    def _sequence_gone(self, drift: Drift) -> SequenceState | None:
        if self.desired is None or self.overwrite:
            self.result.recreated.add(self.sequence)
            self.result.records.append(self._state_only(Action.FORGET, self.sequence, Reason.GONE, self.entry.id))
            return None
        self.result.gone.add(self.sequence)
        self.result.drift.append(drift)
        return self.entry

    def _gone(self, drift: Drift, old: Address) -> None:
        desired, address = self._desired_step(old.step_key), self._address(old)
        letter = old.variant
        is_desired = desired is not None and (letter is None or letter in desired.variants)
        is_only_variant = letter is not None and len(self.steps[old.step_key].variants) == 1
        if (is_desired and not self.overwrite) or is_only_variant:
            self.result.gone.add(address)
            self.result.drift.append(drift)
            return
        self.result.recreated.add(address)
        self.result.records.append(self._state_only(Action.FORGET, address, Reason.GONE, drift.remote_id))
        if letter is None:
            del self.steps[old.step_key]
        else:
            step = self.steps[old.step_key]
            rest = {name: known for name, known in step.variants.items() if name != letter}
            self.steps[old.step_key] = step.model_copy(update={"variants": rest})

    # -- what was changed outside seqsync -----------------------------------------------------------------------------

    def _title(self, drift: Drift) -> None:
        ours, theirs = self.desired.title if self.desired else None, drift.fields[0].after
        what = compare_sides(
            theirs_is_base=False,
            ours_is_base=ours in (None, self.entry.title),
            ours_is_theirs=ours is not None and same_title(ours, theirs),
        )
        if what is Cell.AGREE:
            fields = (drift.fields[0].model_copy(update={"after": ours}),)
            self._record(self.sequence, fields, None, self.entry.id)
            self.entry = self.entry.model_copy(update={"title": ours})
        else:
            self.result.drift.append(drift)  # no call renames a sequence

    def _changed(self, drift: Drift, old: Address) -> None:
        desired = self._desired_step(old.step_key)
        reported: list[FieldChange] = []
        recorded: list[FieldChange] = []
        for fields in _groups(drift, old.variant):
            remote = self.remote_variants.get(drift.remote_id or "")
            group = _FieldGroup(self.steps[old.step_key], desired, old.variant, remote, fields)
            removed = desired is None and self.desired is not None and old.step_key in self.desired.removed
            group.is_ignored = self.desired is None or removed
            self._one_group(group, drift, reported, recorded)
            self.steps[old.step_key] = group.step
        if reported:
            self.result.drift.append(drift.model_copy(update={"fields": tuple(reported)}))
        if recorded:
            self._record(drift.address, tuple(recorded), desired, drift.remote_id)

    def _one_group(
        self, group: _FieldGroup, drift: Drift, reported: list[FieldChange], recorded: list[FieldChange]
    ) -> None:
        what, address = group.cell(), drift.address
        if what is Cell.AGREE:
            recorded.extend(group.against_file())
            group.take_file()
        elif what is None:
            reported.extend(group.fields)
            group.take_remote()  # so that a call which must name it leaves it as it is
        elif self.overwrite:
            reason = Reason.CONFLICT if what is Cell.CONFLICT else Reason.DRIFT
            self.result.overwritten.setdefault(address, reason)
            self.result.shown_by_change.append((address, drift.model_copy(update={"fields": group.fields})))
            group.take_what_is_overwritten()
        else:
            self._leave(group, what, drift, reported)

    def _leave(self, group: _FieldGroup, what: Cell, drift: Drift, reported: list[FieldChange]) -> None:
        address = drift.address
        if what is Cell.CONFLICT:
            self.result.conflicts[address] = (*self.result.conflicts.get(address, ()), *group.all_three())
            self.result.shown_by_change.append((address, drift.model_copy(update={"fields": group.fields})))
        else:
            reported.extend(group.fields)
        if group.is_text:
            self.result.changed_text[address] = group.all_three()
        if group.step.content.is_email and group.fields[0].field == "day":
            holder = f"{address}, which was moved there in Saleshandy"
            self.result.remote_days.setdefault(self.sequence, {})[holder] = group.fields[0].after

    # -- addresses and records ----------------------------------------------------------------------------------------

    def _address(self, old: Address) -> Address:
        """Return the address that the files give to what the state calls `old`."""
        if old.step is None:
            return self.sequence
        moved = self.desired.moved.get(old.step, old.step) if self.desired else old.step
        key = moved if moved == old.step or moved not in self.entry.steps else old.step
        return Address(self.sequence, key, old.variant)

    def _desired_step(self, key: str) -> Content | None:
        return self.desired.steps.get(self._address(Address(self.key, key)).step_key) if self.desired else None

    def _record(
        self, address: Address, fields: tuple[FieldChange, ...], after: Content | None, remote_id: str | None
    ) -> None:
        change = self._state_only(Action.RECORD, address, Reason.SAME_IN_APP, remote_id)
        self.result.records.append(change.model_copy(update={"fields": fields, "after": after}))

    def _state_only(self, action: Action, address: Address, reason: Reason, remote_id: str | None) -> Change:
        title = (self.desired.title if self.desired else self.entry.title) if address.step is None else None
        return Change(
            address=address, action=action, reason=reason, remote_id=remote_id, sequence_id=self.entry.id, title=title
        )


class _FieldGroup:
    """The fields of a step, or of its variant `letter`, that one call writes together, with their three sides."""

    def __init__(
        self,
        step: StepState,
        desired: Content | None,
        letter: str | None,
        remote: RemoteVariant | None,
        fields: tuple[FieldChange, ...],
    ) -> None:
        self.step, self.desired, self.letter, self.remote, self.fields = step, desired, letter, remote, fields
        self.is_status = fields[0].field.is_status
        self.is_text = letter is not None and not self.is_status
        self.is_ignored = False  # the file does not mention it, or says to forget it

    @property
    def _file_variant(self) -> Variant | None:
        return self.desired.variants.get(self.letter or "") if self.desired else None

    @property
    def _remote_variant(self) -> Variant:
        known = self.step.variants[self.letter or ""]
        return as_read(self.step.type, known, self.remote) if self.remote else known.content

    def cell(self) -> Cell | None:
        """Compare the three sides; None if the file says nothing about the fields."""
        if self.is_ignored:
            return None
        if self.is_text and self.letter is not None:
            return self._text_cell(self.letter)
        if self.is_status:
            ours: Any = OFF if self._file_variant is None else ON
        else:
            ours = self._file_value()
        if ours is None:
            return None
        before, after = self.fields[0].before, self.fields[0].after
        return compare_sides(theirs_is_base=False, ours_is_base=ours == before, ours_is_theirs=ours == after)

    def _text_cell(self, letter: str) -> Cell | None:
        ours = self._file_variant
        if ours is None:
            return None
        return compare_sides(
            theirs_is_base=False,
            ours_is_base=ours == self.step.variants[letter].content,
            ours_is_theirs=same_text(self.step.type, ours, self._remote_variant),
        )

    def _file_value(self) -> Any:
        if self.desired is None:
            return None
        name = self.fields[0].field
        if name == "assignee" and self.desired.assignee is None:
            return self.fields[0].after  # not managed: the remote value is taken
        return step_fields(self.desired, self.desired.assignee is not None).get(name)

    def against_file(self) -> Iterable[FieldChange]:
        """Return the fields as a change of the state to what the file says."""
        return [row.model_copy(update={"after": self._file_side().get(row.field)}) for row in self.fields]

    def all_three(self) -> tuple[FieldChange, ...]:
        """Return the fields with all three sides. What was emptied in Saleshandy is an empty text there."""
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
        """Treat the file's side as last applied."""
        self._take({row.field: row.after for row in self.against_file()}, self._file_variant)

    def take_remote(self) -> None:
        """Treat the remote side as last applied."""
        self._take({row.field: row.after for row in self.fields}, self._remote_variant if self.letter else None)

    def take_what_is_overwritten(self) -> None:
        """Treat the remote side as last applied, but not a note or attachments that equal the file's.

        The call writes those too, so that the state follows.
        """
        file = self._file_variant
        if not self.is_text or file is None:
            self.take_remote()
            return
        remote, known = self._remote_variant, self.step.variants[self.letter or ""].content
        kept: dict[str, Any] = {}
        if canonical_text(remote.task_note) == canonical_text(file.task_note):
            kept["task_note"] = known.task_note
        if sorted(remote.attachments) == sorted(file.attachments):
            kept["attachments"] = known.attachments
        self._take({}, remote.model_copy(update=kept))

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


def _hold_day(result: ThreeWayResult, key: str, step: RemoteStep) -> None:
    """Note the day of an unmanaged step, if it is an email whose day the API returned."""
    if step.type == EMAIL and step.day is not None:
        result.remote_days.setdefault(key, {})[f"step {step.id}, which is not managed"] = step.day


def _groups(drift: Drift, letter: str | None) -> list[tuple[FieldChange, ...]]:
    """Group the fields by what one call writes: each of a step's alone; a variant's text, then its status."""
    if letter is None:
        return [(each,) for each in drift.fields]
    status = tuple(each for each in drift.fields if each.field.is_status)
    text = tuple(each for each in drift.fields if not each.field.is_status)
    return [group for group in (text, status) if group]


GONE_ADVICE = (
    "It is no longer in Saleshandy. Restore it there, or remove it from your file: the next plan then forgets it. To "
    "create it again: `seqsync plan -refresh -allow drift`."
)
CONFLICT_ADVICE = (
    "Your file and Saleshandy both changed it. To merge Saleshandy's change into your file: `seqsync import {id}`. To "
    "overwrite it: `seqsync plan -refresh -allow drift`."
)
WRITES = frozenset({Action.UPDATE_STEP, Action.UPDATE_VARIANT})
SHOWS = WRITES | {Action.DEACTIVATE_VARIANT}  # these show a difference that they overwrite or that blocks them


def reconcile_with_remote(
    remote: RemoteAccount,
    result: ThreeWayResult,
    changes: Sequence[Change],
    removed: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[Change]:
    """Return `changes` in the light of what was read. Removes from `result.drift` what turns out to be ours.

    `removed` are the keys of the steps that the files name as removed, by sequence.
    """
    matches = _matches(remote, result, changes, removed)
    created = _created_variants(remote, result, changes)
    ours = {step.id for found in matches.values() for step in found.adopt.values()} | set(created.values())
    ours |= {step.id for found in matches.values() for _, step in found.possible}
    result.drift = [row for row in result.drift if row.remote_id not in ours]
    reconciled = [_reconcile(change, remote, result, matches, created) for change in changes]
    shown = {change.address for change in reconciled if SHOWS & {change.action, change.wanted}}
    result.drift += [row for address, row in result.shown_by_change if address not in shown]
    return reconciled


def _matches(
    remote: RemoteAccount,
    result: ThreeWayResult,
    changes: Iterable[Change],
    removed: Mapping[str, Collection[str]],
) -> Mapping[str, Matches]:
    """Match, by sequence, the steps that the state does not know. Reports those of a sequence that is adopted."""
    read = {row.row.id: row for row in remote.sequences.values() if row.row is not None}
    entries = {row.id: row for row in result.state.sequences.values()} if result.state else {}
    creates: dict[str, dict[Address, Content]] = {}
    taken: set[str] = set()
    ids: dict[str, str] = {}
    for change in changes:
        if change.sequence_id:
            ids[change.sequence] = change.sequence_id
        if change.action is Action.CREATE_STEP and change.after:
            creates.setdefault(change.sequence, {})[change.address] = change.after
        if change.action is Action.ADOPT and change.remote_id:
            taken.add(change.remote_id)
    matches = {}
    for key, remote_id in ids.items():
        entry, found = entries.get(remote_id), read.get(remote_id)
        if found is None or (entry and key not in creates):
            continue
        known = {step.id for step in entry.steps.values()} | entry.declared_ids if entry else set()
        managed = {Address(key, name): step.content for name, step in entry.steps.items()} if entry else {}
        unknown = [step for step in found.steps or () if step.id not in known | taken]
        forgotten = entry.forgotten if entry else {}
        released = {name for name, step in forgotten.items() if step.key in removed.get(key, ())}
        matches[key] = match_steps(unknown, creates.get(key, {}), managed, forgotten, released)
        if entry is None:
            _report_unmanaged(result, key, matches[key])
    return matches


def _report_unmanaged(result: ThreeWayResult, key: str, found: Matches) -> None:
    """Report what else is in a sequence that is about to be adopted."""
    result.drift += added(key, found)
    for step in found.unmanaged:
        _hold_day(result, key, step)


def _created_variants(
    remote: RemoteAccount, result: ThreeWayResult, changes: Sequence[Change]
) -> Mapping[Address, str]:
    """Find variants to be created that Saleshandy already has: the remote id, by address."""
    read = {step.id: step for row in remote.sequences.values() for step in row.steps or ()}
    rows = state_after_moves(changes, result.state.sequences if result.state else {})
    created: dict[Address, str] = {}
    for change in changes:
        entry = entry_of(change, rows) if change.action is Action.CREATE_VARIANT else None
        if entry is None or change.after is None or entry.id not in read:
            continue
        ours = {row.id for row in entry.variants.values()}
        desired = change.after.variants[change.address.letter]
        for row in read[entry.id].variants:
            same = says_the_same_variant(entry.type, desired, row)
            if same and not {row.id, None} & ours and row.id not in created.values():
                created[change.address] = row.id
                break
    return created


def _reconcile(
    change: Change,
    remote: RemoteAccount,
    result: ThreeWayResult,
    matches: Mapping[str, Matches],
    created: Mapping[Address, str],
) -> Change:
    if change.action is Action.CREATE_SEQUENCE:
        return _new_sequence(change, remote, result)
    if change.action is Action.ADOPT:
        return _configured(change, remote)
    if change.step is None or change.action in (Action.BLOCKED, Action.MOVE, Action.FORGET):
        return change
    step = change.address.step_address
    is_step = change.action is Action.UPDATE_STEP
    below = {name for name in result.gone if step.contains(name)} if is_step else set()
    if below or result.gone & {change.sequence, step, change.address}:
        return block(change, Reason.GONE, GONE_ADVICE)
    if change.action is Action.CREATE_STEP:
        return _new_step(change, result, matches.get(change.sequence))
    if change.action is Action.CREATE_VARIANT:
        return _new_variant(change, result, created)
    if change.action is Action.DEACTIVATE_VARIANT:
        return _with_overwrite_reason(change, result)
    return _write(change, step, result) if change.action in WRITES else change


def _configured(change: Change, remote: RemoteAccount) -> Change:
    """Block an id from the settings or a file that does not exist."""
    read = next((row for row in remote.sequences.values() if row.row and row.row.id == change.sequence_id), None)
    if change.step is None and read is None and change.remote_id not in {row.id for row in remote.rows}:
        advice = (
            f"This account has no sequence {change.remote_id}. Correct or remove the id in the file or under `ids:` in "
            "seqsync.yaml, and check that the API key belongs to the right account."
        )
        return block(change, Reason.GONE, advice)
    if change.step and read and read.steps is not None and change.remote_id not in {step.id for step in read.steps}:
        advice = f"{change.sequence} has no step {change.remote_id}. Correct or remove the id under `ids:`."
        return block(change, Reason.GONE, advice)
    return change


def _new_sequence(change: Change, remote: RemoteAccount, result: ThreeWayResult) -> Change:
    owned = {row.id for row in result.state.sequences.values()} if result.state else set()
    hits = [row.id for row in remote.rows if same_title(row.title, change.title or "") and row.id not in owned]
    if not hits:
        return change.model_copy(update={"reason": Reason.GONE}) if change.address in result.recreated else change
    return block(
        change,
        Reason.TITLE_TAKEN,
        f'Saleshandy already has a sequence "{change.title}" (id {", ".join(hits)}) that is not in the state. To '
        f"manage it: `seqsync import {hits[0]}`, or write `ids: {{{change.address}: {hits[0]}}}` into its environment "
        "in seqsync.yaml. If it is a different sequence, choose another title.",
    )


def _new_step(change: Change, result: ThreeWayResult, found: Matches | None) -> Change:
    if found and (step := found.adopt.get(change.address)):
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": step.id, "calls": ()}
        return change.model_copy(update={**update, "impact": Impact.NONE})
    possible = [step.id for names, step in found.possible if change.address in names] if found else []
    if possible:
        steps = f"Step {possible[0]}" if len(possible) == 1 else f"One of the steps {', '.join(possible)}"
        return block(
            change,
            Reason.UNCLEAR,
            f"{steps} in Saleshandy may already be this step. If so: `seqsync state resolve {change.address} -adopt "
            f"{possible[0]}`. If not: `seqsync state resolve {change.address} -recreate`.",
        )
    if {change.sequence, change.address} & result.recreated:
        return change.model_copy(update={"reason": Reason.GONE})
    return change


def _new_variant(change: Change, result: ThreeWayResult, created: Mapping[Address, str]) -> Change:
    if change.address in created:
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": created[change.address]}
        return change.model_copy(update={**update, "impact": Impact.NONE})
    return change.model_copy(update={"reason": Reason.GONE}) if change.address in result.recreated else change


def _write(change: Change, step: Address, result: ThreeWayResult) -> Change:
    """Block a call that would overwrite text which was not last applied."""
    sides = result.conflicts.get(change.address, ())
    if change.action is Action.UPDATE_VARIANT:
        sides += tuple(row for row in result.changed_text.get(change.address, ()) if row not in sides)
    else:
        sides += tuple(row for name, rows in result.changed_text.items() if step.contains(name) for row in rows)
    if sides:
        fields = {row.field: row for row in (*change.fields, *sides)}
        advice = CONFLICT_ADVICE.format(id=change.sequence_id)
        return block(change.model_copy(update={"fields": tuple(fields.values())}), Reason.CONFLICT, advice)
    return _with_overwrite_reason(change, result)


def _with_overwrite_reason(change: Change, result: ThreeWayResult) -> Change:
    reason: Reason | None = result.overwritten.get(change.address)
    return change.model_copy(update={"reason": reason}) if reason else change
