"""The plan's changes in the light of what was read of the app: what is there already, gone, or edited. Pure.

`threeway` has held the state against the app before the differences were made; here each difference meets what it
would do there. Nothing is dropped: a change is adopted, blocked with its reason, or goes on under its true one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sequence_sync.model.sequence import Content
from sequence_sync.planning.app import App
from sequence_sync.planning.canonical import same_payload
from sequence_sync.planning.drift import added
from sequence_sync.planning.likeness import Look, look, same_title
from sequence_sync.planning.plan import Action, Change, Impact, Reason, block
from sequence_sync.planning.standing import standing, step_of
from sequence_sync.planning.threeway import Held, hold_day

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


def in_the_light_of(app: App, held: Held, changes: Sequence[Change]) -> list[Change]:
    """`changes`, each judged by what was read. Rows of `held.drift` that turn out to be ours are taken out."""
    looks = _looks(app, held, changes)
    made = _made_variants(app, held, changes)
    ours = {step.id for found in looks.values() for step in found.adopt.values()} | set(made.values())
    ours |= {step.id for found in looks.values() for _, step in found.ask}
    held.drift = [row for row in held.drift if row.remote_id not in ours]
    judged = [_judged(change, app, held, looks, made) for change in changes]
    shown = {change.address for change in judged if SHOWS & {change.action, change.wanted}}
    held.drift += [row for address, row in held.waiting if address not in shown]
    return judged


def _looks(app: App, held: Held, changes: Iterable[Change]) -> Mapping[str, Look]:
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
        looks[key] = look(unknown, creates.get(key, {}), managed)
        if entry is None:
            _tell(held, key, looks[key])
    return looks


def _tell(held: Held, key: str, found: Look) -> None:
    """What else stands in a sequence that is about to be adopted."""
    held.drift += added(key, found)
    for step in found.others:
        hold_day(held, key, step)


def _made_variants(app: App, held: Held, changes: Sequence[Change]) -> Mapping[str, str]:
    """By the address of a variant to be created, the id of one in the app that says the same already."""
    read = {step.id: step for row in app.sequences.values() for step in row.steps or ()}
    rows = standing(changes, held.state.sequences if held.state else {})
    made: dict[str, str] = {}
    for change in changes:
        entry = step_of(change, rows) if change.action is Action.CREATE_VARIANT else None
        if entry is None or change.after is None or entry.id not in read:
            continue
        ours = {row.id for row in entry.variants.values()}
        wanted = change.after.variants[change.address.split(".")[2]]
        for row in read[entry.id].variants:
            says = same_payload(entry.type, wanted.payload, row.payload, wanted.task_note, row.task_note)
            if says and not {row.id, None} & ours and row.id not in made.values():
                made[change.address] = row.id
                break
    return made


def _judged(change: Change, app: App, held: Held, looks: Mapping[str, Look], made: Mapping[str, str]) -> Change:
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


def _configured(change: Change, app: App) -> Change:
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


def _new_sequence(change: Change, app: App, held: Held) -> Change:
    owned = {row.id for row in held.state.sequences.values()} if held.state else set()
    hits = [row.id for row in app.rows if same_title(row.title, change.title or "") and row.id not in owned]
    if not hits:
        return change.model_copy(update={"reason": Reason.GONE}) if change.address in held.anew else change
    return block(
        change, Reason.TITLE_TAKEN,
        f'"{change.title}" is in Saleshandy already (id {", ".join(hits)}), and the state does not know it. Is it this '
        f"one? `seqsync import {hits[0]}` takes it in, or write `ids: {{{change.address}: {hits[0]}}}` into its "
        "environment in seqsync.yaml. If it is another one, give this one another title.",
    )  # fmt: skip


def _new_step(change: Change, held: Held, found: Look | None) -> Change:
    if found and (step := found.adopt.get(change.address)):
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": step.id, "calls": ()}
        return change.model_copy(update={**update, "impact": Impact.NONE})
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


def _new_variant(change: Change, held: Held, made: Mapping[str, str]) -> Change:
    if change.address in made:
        update = {"action": Action.ADOPT, "reason": Reason.FOUND, "remote_id": made[change.address]}
        return change.model_copy(update={**update, "impact": Impact.NONE})
    return change.model_copy(update={"reason": Reason.GONE}) if change.address in held.anew else change


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
    return _under_its_reason(change, held)


def _under_its_reason(change: Change, held: Held) -> Change:
    reason: Reason | None = held.overwritten.get(change.address)
    return change.model_copy(update={"reason": reason}) if reason else change
