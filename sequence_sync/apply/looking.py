"""Reads before writes (docs/exactly-once.md): what stands in a sequence that the state does not know, and what follows.

Never sends anything. Adopts what is ours after all, asks where it cannot be told apart, leaves others' steps alone.
"""

from __future__ import annotations

from sequence_sync.api.types import ReadFailed, RemoteStep
from sequence_sync.apply.adopt import adopted_step, with_variant_ids
from sequence_sync.apply.context import Halt, day_of
from sequence_sync.apply.drifting import refuse_unshown_drift
from sequence_sync.apply.site import Site
from sequence_sync.errors import SeqsyncError
from sequence_sync.planning.likeness import Look, look
from sequence_sync.planning.outcome import Status
from sequence_sync.planning.plan import Action
from sequence_sync.state.snapshot import Delta


def is_there_and_grows(site: Site) -> bool:
    """Whether the sequence was there before this run and gets a step created."""
    known = site.known
    configured = next((c.remote_id for c in site.changes if c.action is Action.ADOPT and c.step is None), None)
    site.id = known.id if known else configured
    return site.id is not None and bool(site.creates())


def first_look(site: Site) -> bool:
    """Before anything is written anywhere, read once. Whether steps of ours are there that the state does not know.

    What fails here is met again, and told, by the sequence's own run.
    """
    try:
        site.read()
    except (Halt, SeqsyncError):
        return False
    found = look(site.unknown(), site.creates(), site.managed())
    return bool(found.adopt or found.ask)


def look_before_writing(site: Site) -> None:
    """The read before the first write to a sequence that is there already."""
    if site.announced:
        return
    site.read()
    found = look(site.unknown(), site.creates(), site.managed())
    for address, step in found.adopt.items():
        _adopt(site, address, step)
    tell_doubles(site, found)
    ask_which(found)
    refuse_unshown_drift(site)
    others = {step.id: day_of(step) for step in found.others if step.id not in _in_question(site, found)}
    if others:
        names = ", ".join(sorted(others))
        site.note(f"not managed in {site.key}: {names}", Delta(sequence=site.key, head=site.head(others)))
        site.context.tell("note", site.key, f"steps that seqsync does not manage, left alone: {names}")
    # What the state knows has been seen too, also where this read is too old to show it.
    site.seen = {step.id for step in site.steps} | site.known_ids()
    site.announce()


def _in_question(site: Site, found: Look) -> set[str]:
    """What may be one of those that the plan blocks for that very reason: a person decides, and has not yet."""
    waiting = {name: row for name, row in site.context.in_question.items() if name.split(".")[0] == site.key}
    again = look(found.others, waiting, {})
    return {step.id for _, step in again.ask} | {step.id for step in again.adopt.values()}


def ask_which(found: Look) -> None:
    """Steps that may be ones to be created, or may not: a person decides, and must see all that are in question."""
    if not found.ask:
        return
    address = found.ask[0][0][0]
    asked = [(addresses, step.id) for addresses, step in found.ask if address in addresses]
    may_be = dict.fromkeys(name for addresses, _ in asked for name in addresses)
    ids = ", ".join(step_id for _, step_id in asked)
    raise Halt(
        Status.UNKNOWN,
        9,
        f"In Saleshandy and not in the state: {ids}. It cannot be told whether that is {' or '.join(may_be)}.",
        f"For one that is: `seqsync state resolve {address} -adopt {asked[0][1]}`, with its address and its id. If all "
        f"of them are somebody else's: `seqsync state resolve {address} -recreate`.",
    )


def last_look(site: Site) -> Halt | None:
    """A sequence in which something was unknown is read once more at its end. What it shows that a person must see."""
    try:
        site.read()
        tell_doubles(site, look(site.unknown(), {}, site.managed()))
    except Halt as halt:
        return halt
    except ReadFailed as problem:
        return Halt(Status.FAILED, 1, "It could not be read once more at the end.", problem.summary)
    return None


def tell_doubles(site: Site, found: Look) -> None:
    """Steps equal to managed ones are told before anything else is asked or sent, each with both ids."""
    if not found.doubles:
        return
    steps = site.entry().steps
    told = (f"Step {step.id} is a second copy of {name} (step {steps[name.split('.')[1]].id})."
            for name, step in found.doubles)  # fmt: skip
    address = found.doubles[0][0]
    raise Halt(
        Status.UNKNOWN,
        9,
        " ".join(told),
        f"Delete one of the two in Saleshandy; then run `seqsync state resolve {address} -adopt ID` with the id of the "
        f"one that stays. If both are meant, `seqsync state resolve {address} -recreate` leaves the other one alone.",
    )


def fill_variant_ids(site: Site) -> None:
    """One read finds the ids of variants whose create's answer did not tell them. Not found: they stay unknown."""
    entry = site.entry()
    lacking = {key: row for key, row in entry.steps.items() if any(v.id is None for v in row.variants.values())}
    if not lacking:
        return
    try:
        steps = {step.id: step for step in site.read()}
    except (ReadFailed, Halt):
        return
    found = {key: with_variant_ids(row, steps[row.id]) for key, row in lacking.items() if row.id in steps}
    whole = {key: step for key, step in found.items() if step is not None}
    if whole:
        site.note(f"variants of {site.key} found by reading", Delta(sequence=site.key, steps=dict(whole)))


def unknown_ids(site: Site, step_key: str) -> Halt:
    """A step whose variants in Saleshandy cannot be told apart, or are others than those that were last applied."""
    step_id = site.entry().steps[step_key].id
    return Halt(
        Status.FAILED, 1, f"Which variants of step {step_id} are those of {site.key}.{step_key} is not known.",
        f"Look at it in Saleshandy: it should have the variants that `seqsync state show {site.key}.{step_key}` tells. "
        f"Then run `seqsync state resolve {site.key}.{step_key} -adopt {step_id}`: it takes them as they are there.",
    )  # fmt: skip


def _adopt(site: Site, address: str, step: RemoteStep) -> None:
    entry, _ = adopted_step(step, site.creates()[address])
    if entry is not None:
        text = f"{address} was there already: step {step.id}"
        site.note(text, Delta(sequence=site.key, steps={address.split(".")[1]: entry}))
