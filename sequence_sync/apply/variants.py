"""A further variant of a step, made exactly once: the same way as a step, read back by its step's variants.

Knows nothing of other changes. Sends again only what is proved not to have been made.
"""

from __future__ import annotations

from sequence_sync.api.read import made_variant
from sequence_sync.api.requests import from_call
from sequence_sync.api.types import CERTAINLY_NOT_MADE, RemoteStep, RemoteVariant
from sequence_sync.apply.agreeing import Told
from sequence_sync.apply.context import Halt
from sequence_sync.apply.creating import (
    FOUND,
    MOST_SENDS,
    after_refusal,
    after_settling,
    close_intent,
    made_by,
    never_made,
    resolve_words,
    send_once,
    stand_of,
    with_candidates,
)
from sequence_sync.apply.looking import fill_variant_ids, look_before_writing, unknown_ids
from sequence_sync.apply.settle import Decision, Evidence, Seen, Stand
from sequence_sync.apply.site import Site
from sequence_sync.model.sequence import Variant
from sequence_sync.planning.canonical import same_payload
from sequence_sync.planning.outcome import Status
from sequence_sync.planning.plan import Change
from sequence_sync.state.records import IntentRecord, Result
from sequence_sync.state.snapshot import Delta, StepState, VariantState, variant_digest


def create_variant(site: Site, change: Change) -> Told:
    """Make one more variant of a step, unless one that says the same is there already."""
    _, step_key, letter = change.address.split(".")
    if letter in _entry(site, step_key).variants:
        return Status.ALREADY, ""
    _look(site, step_key)
    entry, wanted = _entry(site, step_key), _wanted(change, letter)
    seen = _ids(site.remote_step(entry.id))
    there = [row for row in _unknown(site, entry) if _says(entry.type, row, wanted)]
    if there:
        site.note(f"{change.address} was there already", _delta(site, step_key, letter, there[0].id, wanted))
        return Status.ADOPTED, "it was there already"
    request = from_call("POST", f"/sequences/{site.id}/steps/{entry.id}/variants", change.calls[0].body)
    intent = IntentRecord(
        run=site.context.run, address=change.address, action=change.action, remote_id=site.id,
        body=change.calls[0].body, seen=tuple(sorted(seen)), content=change.after,
    )  # fmt: skip

    sends = 0
    while sends < MOST_SENDS:
        number, answer = send_once(site, request, intent, site.still_alone)
        made = made_by(site, answer, made_variant, seen)
        if made:
            close_intent(site, number, Result.MADE, _delta(site, step_key, letter, made.id, wanted))
            return Status.DONE, ""
        if answer.kind in CERTAINLY_NOT_MADE:
            sends += after_refusal(site, number, answer, sends)
            continue
        site.unclear = True
        site.context.tell("unclear", change.address, answer.message)
        since = site.context.clock.now()
        decision, evidence = _settle(site, stand_of(answer), since, entry, seen, wanted)
        if decision is Decision.ADOPT and evidence.found_id:
            close_intent(site, number, Result.ADOPTED, _delta(site, step_key, letter, evidence.found_id, wanted))
            return Status.DONE, FOUND
        after_settling(site, number, decision, evidence, answer, change.address)
        sends += 1
    raise never_made()


def adopt_variant(site: Site, change: Change) -> Told:
    """Take a variant that a read has found into the state. Sends nothing."""
    _, step_key, letter = change.address.split(".")
    if letter in _entry(site, step_key).variants:
        return Status.ALREADY, ""
    _look(site, step_key)
    entry, wanted = _entry(site, step_key), _wanted(change, letter)
    row = next((row for row in _unknown(site, entry) if row.id == change.remote_id), None)
    if row is None or not _says(entry.type, row, wanted):
        why = f"Variant {change.remote_id} does not say any more what {change.address} says."
        raise Halt(Status.REFUSED, 6, why, "Saleshandy was changed since the plan: plan again with -refresh.")
    site.note(f"{change.address} is variant {row.id}", _delta(site, step_key, letter, row.id, wanted))
    return Status.ADOPTED, ""


def settle_open_variant(site: Site, intent: IntentRecord, since: float) -> None:
    """Decide what an earlier run's new variant became. Sends nothing; raises Halt where a person must decide."""
    site.id = intent.remote_id
    _, step_key, letter = intent.address.split(".")
    entry = site.known.steps.get(step_key) if site.known else None
    if entry is None or intent.content is None or letter in entry.variants:
        close_intent(site, intent.n, Result.NOT_MADE, detail="its step is not managed any more")
        return
    wanted = intent.content.variants[letter]
    decision, evidence = _settle(site, Stand.OPEN, since, entry, set(intent.seen), wanted)
    if decision is Decision.ADOPT and evidence.found_id:
        close_intent(site, intent.n, Result.ADOPTED, _delta(site, step_key, letter, evidence.found_id, wanted))
    elif decision is Decision.CLOSE:
        close_intent(site, intent.n, Result.NOT_MADE)
    else:
        why = f"An earlier run was cut off while it made {intent.address}; nobody can know what became of it."
        raise Halt(Status.UNKNOWN, 9, with_candidates(why, evidence), resolve_words(intent.address, evidence))


def weigh_variants(step: RemoteStep | None, before: set[str], kind: str, wanted: Variant) -> Evidence:
    """What a read of a step says about a new variant of it; `before` are the ids seen before it."""
    if step is None:
        return Evidence(Seen.UNREAD)
    new = [row for row in step.variants if row.id not in before]
    if len(new) == 1 and _says(kind, new[0], wanted):
        return Evidence(Seen.EQUAL, found_id=new[0].id)
    return Evidence(Seen.OTHER, candidates=tuple(row.id for row in new)) if new else Evidence(Seen.NOTHING)


def _settle(
    site: Site, stand: Stand, since: float, entry: StepState, seen: set[str], wanted: Variant
) -> tuple[Decision, Evidence]:
    before = seen | {row.id for row in entry.variants.values() if row.id}

    def weigh() -> Evidence:
        site.read_if_there()
        return weigh_variants(site.remote_or_none(entry.id), before, entry.type, wanted)

    return site.context.settle(stand, since, weigh)


def _look(site: Site, step_key: str) -> None:
    look_before_writing(site)
    site.fresh()
    if any(row.id is None for row in _entry(site, step_key).variants.values()):
        fill_variant_ids(site)
    if any(row.id is None for row in _entry(site, step_key).variants.values()):
        raise unknown_ids(site, step_key)


def _entry(site: Site, step_key: str) -> StepState:
    entry = site.entry().steps.get(step_key)
    if entry is None:
        raise Halt(Status.FAILED, 1, f"{site.key}.{step_key} is not in the state.", "Plan again.")
    return entry


def _wanted(change: Change, letter: str) -> Variant:
    if change.after is None:
        raise Halt(Status.FAILED, 1, f"The plan has no text for {change.address}.")
    return change.after.variants[letter]


def _unknown(site: Site, entry: StepState) -> list[RemoteVariant]:
    ours = {row.id for row in entry.variants.values()}
    return [row for row in site.remote_step(entry.id).variants if row.id not in ours]


def _ids(step: RemoteStep) -> set[str]:
    return {row.id for row in step.variants}


def _says(kind: str, row: RemoteVariant, wanted: Variant) -> bool:
    return same_payload(kind, wanted.payload, row.payload, wanted.task_note, row.task_note)


def _delta(site: Site, step_key: str, letter: str, variant_id: str, wanted: Variant) -> Delta:
    grown = with_variant(_entry(site, step_key), letter, variant_id, wanted)
    return Delta(sequence=site.key, steps={step_key: grown})


def with_variant(entry: StepState, letter: str, variant_id: str, wanted: Variant) -> StepState:
    """`entry` with one more variant."""
    made = VariantState(id=variant_id, content=wanted, digest=variant_digest(wanted))
    return entry.model_copy(update={"variants": dict(sorted({**entry.variants, letter: made}.items()))})
