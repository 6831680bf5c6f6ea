"""The changes that need no call: move, forget, adopt. Each is one note in the journal."""

from __future__ import annotations

from sequence_sync.apply.adopt import adopted_step
from sequence_sync.apply.agreeing import Told, let_go
from sequence_sync.apply.context import Halt
from sequence_sync.apply.looking import look_before_writing
from sequence_sync.apply.site import Site
from sequence_sync.apply.variants import adopt_variant
from sequence_sync.planning.likeness import same_title
from sequence_sync.planning.outcome import Status
from sequence_sync.planning.plan import Change, Reason
from sequence_sync.state.snapshot import Delta, SequenceHead, StepState

STAYS = "it stays in Saleshandy, and is not managed any more"


def move(site: Site, change: Change) -> Told:
    """A sequence or a step has another key now."""
    source = change.source or ""
    if change.step is None:
        return _move_sequence(site, source)
    old_key = source.split(".")[1]
    known = site.known
    if known is None or old_key not in known.steps:
        return Status.ALREADY, ""
    steps: dict[str, StepState | None] = {old_key: None, change.step: known.steps[old_key]}
    site.note(f"{source} is {change.address} now", Delta(sequence=site.key, steps=steps))
    return Status.RECORDED, f"was {source}"


def _move_sequence(site: Site, source: str) -> Told:
    old = site.context.ledger.state.sequences.get(source)
    if old is None:
        return Status.ALREADY, ""
    head = old.head.model_copy(update={"made_from": None})
    site.note(
        f"{source} is {site.key} now",
        Delta(sequence=source, drop=True),
        Delta(sequence=site.key, head=head, steps=dict(old.steps)),
    )
    site.id = old.id
    return Status.RECORDED, f"was {source}"


def forget(site: Site, change: Change) -> Told:
    """Stop managing a sequence or a step; it stays where it is."""
    known = site.known
    if change.reason is Reason.GONE:
        return let_go(site, change)
    if known is None or (change.step is not None and change.step not in known.steps):
        return Status.ALREADY, ""
    if change.step is None:
        site.note(f"{site.key} is not managed any more", Delta(sequence=site.key, drop=True))
        return Status.RECORDED, STAYS
    step = known.steps[change.step]
    was = change.before or step.content  # as the plan read it, if it did
    head = site.head({step.id: was.day if was.is_email else None})
    site.note(
        f"{change.address} is not managed any more",
        Delta(sequence=site.key, head=head, steps={change.step: None}),
    )
    return Status.RECORDED, STAYS


def adopt(site: Site, change: Change) -> Told:
    """Take what `id:` or `ids:` name into the state."""
    if change.step is None:
        return (Status.ALREADY, "") if site.known else _adopt_sequence(site, change)
    if len(change.address.split(".")) == 3:
        return adopt_variant(site, change)
    if change.step in site.entry().steps:
        return Status.ALREADY, ""
    look_before_writing(site)
    step = next((row for row in site.steps if row.id == change.remote_id), None)
    if step is None or change.after is None:
        raise Halt(
            Status.FAILED,
            1,
            f"There is no step {change.remote_id} in {site.key}.",
            "Look at its id in Saleshandy, and mend `ids:` in seqsync.yaml.",
        )
    entry, same = adopted_step(step, change.after)
    if entry is None:
        why = f"Step {step.id} has another type than {change.address}."
        raise Halt(Status.FAILED, 1, why, "Mend `ids:` in seqsync.yaml.")
    if not same and change.reason is Reason.FOUND:
        why = f"Step {step.id} does not say any more what {change.address} says."
        raise Halt(Status.REFUSED, 6, why, "Saleshandy was changed since the plan: plan again with -refresh.")
    known = site.entry()
    unmanaged = {remote_id: day for remote_id, day in known.unmanaged.items() if remote_id != step.id}
    head = known.head.model_copy(update={"made_from": None, "unmanaged": unmanaged})
    site.note(f"{change.address} is step {step.id}", Delta(sequence=site.key, head=head, steps={change.step: entry}))
    return Status.ADOPTED, "" if same else "its text differs from the file's: see the next plan"


def _adopt_sequence(site: Site, change: Change) -> Told:
    row = next((row for row in site.context.remote_sequences() if row.id == change.remote_id), None)
    if row is None:
        raise Halt(
            Status.FAILED,
            1,
            f"There is no sequence {change.remote_id} in this account.",
            "Mend the id in the file or under `ids:`; or is this another account's key?",
        )
    wanted = change.title or row.title
    title = wanted if same_title(wanted, row.title) else row.title
    site.id = row.id
    site.note(f"{site.key} is sequence {row.id}", Delta(sequence=site.key, head=SequenceHead(id=row.id, title=title)))
    return Status.ADOPTED, ""
