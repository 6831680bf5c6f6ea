"""The plan's changes in the light of what was read of the app: what is there already, gone, or edited. Pure.

`threeway` has held the state against the app before the differences were made; here each difference meets what it
would do there. Nothing is dropped: a change is adopted, blocked with its reason, or goes on under its true one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sequence_sync.api.types import RemoteStep
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import EMAIL, STEP_TYPES
from sequence_sync.planning.app import App, AppSequence
from sequence_sync.planning.likeness import Look, look, same_title
from sequence_sync.planning.plan import Action, Change, DriftKind, Reason, block
from sequence_sync.planning.threeway import Held

GONE_ADVICE = (
    "Put it back in Saleshandy; or take it out of the file, and the next plan forgets it; or let it be created anew: "
    "plan with `-refresh -allow drift`."
)
CONFLICT_ADVICE = (
    "Take the edit into the file with `seqsync import {id}`, or let the file's words take its place: plan with "
    "`-refresh -allow drift`."
)
WRITES = frozenset({Action.UPDATE_STEP, Action.UPDATE_VARIANT})


def in_the_light_of(app: App, held: Held, changes: Sequence[Change]) -> list[Change]:
    """`changes`, each judged by what was read. Rows of `held.drift` that turn out to be ours are taken out."""
    looks = _looks(app, held, changes)
    ours = {step.id for found in looks.values() for step in found.adopt.values()}
    ours |= {step.id for found in looks.values() for _, step in found.ask}
    held.drift = [row for row in held.drift if row.remote_id not in ours]
    _let_strangers_hold_days(app, held)
    return [_judged(change, app, held, looks) for change in changes]


def _let_strangers_hold_days(app: App, held: Held) -> None:
    """An email that somebody added holds its day as one that the state knows not to be ours."""
    emails = {
        step.id: step.day
        for row in app.sequences.values()
        for step in row.steps or ()
        if step.type == STEP_TYPES[EMAIL].code and step.day is not None
    }
    sequences = dict(held.state.sequences) if held.state else {}
    for row in held.drift:
        if row.kind is DriftKind.ADDED and row.remote_id in emails and row.address in sequences:
            entry = sequences[row.address]
            days = {**entry.unmanaged, row.remote_id: emails[row.remote_id]}
            sequences[row.address] = entry.model_copy(update={"unmanaged": days})
    if held.state:
        held.state = held.state.model_copy(update={"sequences": sequences})


def _looks(app: App, held: Held, changes: Iterable[Change]) -> Mapping[str, Look]:
    """By sequence: what the steps that the state does not know are."""
    read = {row.row.id: row for row in app.sequences.values() if row.row is not None}
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
    return {
        key: look(_unknown(key, held, read[ids[key]], taken), rows, _managed(key, held))
        for key, rows in creates.items()
        if ids.get(key) in read
    }


def _unknown(key: str, held: Held, app: AppSequence, taken: set[str]) -> list[RemoteStep]:
    entry = held.state.sequences.get(key) if held.state else None
    known = {step.id for step in entry.steps.values()} | set(entry.unmanaged) if entry else set()
    return [step for step in app.steps or () if step.id not in known | taken]


def _managed(key: str, held: Held) -> dict[str, Content]:
    entry = held.state.sequences.get(key) if held.state else None
    return {f"{key}.{name}": step.content for name, step in entry.steps.items()} if entry else {}


def _judged(change: Change, app: App, held: Held, looks: Mapping[str, Look]) -> Change:
    if change.action is Action.CREATE_SEQUENCE:
        return _new_sequence(change, app, held)
    if change.step is None or change.action in (Action.BLOCKED, Action.MOVE):
        return change
    step = f"{change.sequence}.{change.step}"
    if change.action is not Action.FORGET and held.gone & {change.sequence, step, change.address}:
        return block(change, Reason.GONE, GONE_ADVICE)
    if change.action is Action.CREATE_STEP:
        return _new_step(change, held, looks.get(change.sequence))
    if change.action is Action.CREATE_VARIANT and change.address in held.anew:
        return change.model_copy(update={"reason": Reason.GONE})
    return _write(change, step, held) if change.action in WRITES else change


def _new_sequence(change: Change, app: App, held: Held) -> Change:
    if change.address in held.anew:
        return change.model_copy(update={"reason": Reason.GONE})
    owned = {row.id for row in held.state.sequences.values()} if held.state else set()
    hits = [row.id for row in app.rows if same_title(row.title, change.title or "") and row.id not in owned]
    if not hits:
        return change
    return block(
        change, Reason.TITLE_TAKEN,
        f'"{change.title}" is in Saleshandy already (id {", ".join(hits)}), and the state does not know it. Is it this '
        f"one? `seqsync import {hits[0]}` takes it in, or write `ids: {{{change.address}: {hits[0]}}}` into its "
        "environment in seqsync.yaml. If it is another one, give this one another title.",
    )  # fmt: skip


def _new_step(change: Change, held: Held, found: Look | None) -> Change:
    if found and (step := found.adopt.get(change.address)):
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": step.id, "calls": ()}
        return change.model_copy(update=update)
    asked = [step.id for names, step in found.ask if change.address in names] if found else []
    if asked:
        return block(
            change, Reason.UNCLEAR,
            f"Step {', '.join(asked)} in Saleshandy may be it. If one is: `seqsync state resolve {change.address} "
            f"-adopt {asked[0]}`. If they are somebody else's: `seqsync state resolve {change.address} -recreate`.",
        )  # fmt: skip
    if {change.sequence, change.address} & held.anew:
        return change.model_copy(update={"reason": Reason.GONE})
    return change


def _write(change: Change, step: str, held: Held) -> Change:
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
    reason: Reason | None = held.overwritten.get(change.address)
    return change.model_copy(update={"reason": reason}) if reason else change
