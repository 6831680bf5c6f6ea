"""What a run's own reads say of edits in the app. Sends nothing.

An edit that the plan did not show ends the sequence; how the server spells what we wrote is remembered, so that its
spelling is never taken for one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sequence_sync.api.types import RemoteStep, RemoteVariant
from sequence_sync.apply.context import Halt
from sequence_sync.apply.site import Site
from sequence_sync.model.sequence import Content
from sequence_sync.planning.app import AppSequence
from sequence_sync.planning.canonical import same_payload, shared_words
from sequence_sync.planning.drift import ON, as_read, drift_of, payload_digest, same_words, text_is_applied
from sequence_sync.planning.fields import step_fields
from sequence_sync.planning.gates import DRIFT
from sequence_sync.planning.likeness import MOSTLY_THE_SAME
from sequence_sync.planning.outcome import Status
from sequence_sync.planning.plan import Change, Drifted, DriftKind
from sequence_sync.state.snapshot import Delta, StepState, VariantState

SHOWN = 300  # characters of a text in a refusal


def refuse_unshown_drift(site: Site) -> None:
    """Raises Halt where the app says what neither the state nor the plan knows of. A first reading may lag behind."""
    if DRIFT in site.context.allowed or not unshown(site):
        return
    site.look_again("something differs there")
    rows = unshown(site)
    if rows:
        raise _refusal(site, rows)


def unshown(site: Site) -> list[Drifted]:
    """The edits in the last read that the plan did not show, and that are not what the plan wants."""
    entry = site.entry()
    row = next((row for row in site.context.remote_sequences() if row.id == entry.id), None)
    if row is None:
        return []
    return [
        found
        for found in drift_of(site.key, entry, AppSequence(row, tuple(site.steps)))
        if found.kind is DriftKind.CHANGED
        and "." in found.address
        and not site.context.known_drift.issuperset(found.digests())
        and not _is_wanted(site, found)
    ]


def _is_wanted(site: Site, found: Drifted) -> bool:
    """Whether the app says already what this plan is about to write."""
    step = found.address.split(".")[1]
    planned = [change for change in site.changes if change.step == step and change.calls]
    switches = tuple(row for row in found.fields if row.field.endswith(".status"))
    rest = tuple(row for row in found.fields if row not in switches)
    if switches and not any(_switches(change, found.address, switches[0].after == ON) for change in planned):
        return False
    found = found.model_copy(update={"fields": rest})
    return not rest or any(_says(site, found, change.after) for change in planned if change.after)


def _switches(change: Change, address: str, on: bool) -> bool:
    return change.address == address and any(call.body.get("status") == int(on) for call in change.calls)


def _says(site: Site, found: Drifted, content: Content) -> bool:
    parts = found.address.split(".")
    if len(parts) == 2:
        fields = step_fields(content, content.assignee is not None)
        return all(fields.get(row.field) == row.after for row in found.fields)
    entry, letter = site.entry().steps[parts[1]], parts[2]
    row = next((row for step in site.steps for row in step.variants if row.id == found.remote_id), None)
    if row is None or letter not in content.variants:
        return False
    return same_words(entry.type, content.variants[letter], as_read(entry.type, entry.variants[letter], row))


def _refusal(site: Site, rows: list[Drifted]) -> Halt:
    first = rows[0]
    told = "; ".join(
        f"{row.field.split('.')[-1]}: last applied {_short(row.before)}, in Saleshandy {_short(row.after)}"
        for row in first.fields
    )
    more = f" And {len(rows) - 1} more." if len(rows) > 1 else ""
    return Halt(
        Status.REFUSED, 6, f"{first.address} was changed in Saleshandy since the last apply ({told}).{more}",
        f"Nothing of {site.key} is written. `seqsync import {site.id}` takes the edit into the file; a plan with "
        "`-refresh` shows it; `-refresh -allow drift` puts the file's words in its place.",
    )  # fmt: skip


def _short(value: object) -> str:
    text = "nothing" if value in (None, "") else f'"{value}"'
    return text if len(text) <= SHOWN else text[:SHOWN] + ' …"'


# -- the server's own spelling ----------------------------------------------------------------------------------------


def look_after_writing(site: Site) -> None:
    """One read at the end of a sequence that was written to, for how the server spells it."""
    if not (site.made or site.before) or site.read_if_there() is not None:
        remember_returned(site)


def remember_returned(site: Site) -> None:
    """Keep how the server spells what we wrote. Needs no read; what was written since the last one is left out."""
    known = site.known
    if known is None or site.read_at is None:
        return
    remote = {step.id: step for step in site.steps}
    changed = {
        key: entry
        for key, step in known.steps.items()
        if step.id in remote and (entry := _with_returned(site, step, remote[step.id])) != step
    }
    if changed:
        site.note(f"how Saleshandy spells {site.key}", Delta(sequence=site.key, steps=dict(changed)))


def _with_returned(site: Site, step: StepState, remote: RemoteStep) -> StepState:
    variants = dict(step.variants)
    for letter, known in step.variants.items():
        row = _row(remote.variants, known, site.patched)
        if row is None or row.payload == known.content.payload:
            continue
        if text_is_applied(step, letter, row) or _is_respelled(site, step, known, row):
            variants[letter] = known.model_copy(update={"returned": payload_digest(row.payload)})
    return step.model_copy(update={"variants": variants})


def _row(rows: Iterable[RemoteVariant], known: VariantState, patched: Collection[str]) -> RemoteVariant | None:
    return next((row for row in rows if row.id == known.id and row.id not in patched), None)


def _is_respelled(site: Site, step: StepState, known: VariantState, row: RemoteVariant) -> bool:
    """Whether this run wrote it, and the server made other words of it: neither an old text that a reading still shows,
    nor something else altogether."""
    if step.id not in site.made and known.id not in site.before:
        return False
    before = site.before.get(known.id or "")
    if before is not None and same_payload(step.type, before, row.payload, "", ""):
        return False
    if shared_words(known.content.payload, row.payload) < MOSTLY_THE_SAME:
        return False
    site.context.tell("note", site.key, f"Saleshandy made other words of what was written to step {step.id}")
    return True
