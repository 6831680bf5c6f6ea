"""How records are told: the JSON of each answer, in the shapes of docs/api.md 2 and 7. Pure.

What no source shows being given back (priority, assignee, attachments of a step) is not given back. Where only the
contents are known, the names are those of the requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html.entities import codepoint2name
from typing import Any

from sequence_sync.sandbox.behaviour import Behaviour, Days
from sequence_sync.sandbox.records import (
    Account,
    Attachment,
    Client,
    EmailAccount,
    Member,
    MergeField,
    Schedule,
    Sequence,
    Step,
    Variant,
)

JSON = dict[str, Any]
DISTRIBUTIONS = {1: "Follow-ups first", 2: "New prospects first", 3: "Balanced", 4: "Aggressively new prospects"}


def sequence_row(sequence: Sequence, owner: Member) -> JSON:
    """A row of the list of sequences (D)."""
    return {
        "id": sequence.id,
        "title": sequence.title,
        "active": sequence.active,
        "steps": [{"id": step.id, "name": f"Step {place}"} for place, step in enumerate(sequence.steps, start=1)],
        "client": None,
        "user": {
            "id": owner.number, "firstName": owner.first_name, "lastName": owner.last_name, "email": owner.email,
        },
    }  # fmt: skip


def made_sequence(sequence: Sequence, owner: Member, behaviour: Behaviour) -> JSON:
    """The answer to a new sequence: live it has `sequenceId` (L), on the vendor's page `id` (D)."""
    row = sequence_row(sequence, owner)
    if not behaviour.bare:
        row = {"sequenceId": row.pop("id"), **row}
    return row


def made_step(sequence: Sequence, step: Step, behaviour: Behaviour) -> JSON:
    """The answer to a new step: live it has the variants' ids (L), on the vendor's page it has not (D)."""
    number = next(place for place, one in enumerate(sequence.steps, start=1) if one.id == step.id)
    head = _step_head(sequence, step, number, behaviour)
    if behaviour.bare:
        return head
    return {
        **head,
        "sequenceId": sequence.id,
        "sequence": {"id": sequence.id, "title": sequence.title},
        "variants": [{"id": variant.id, "stepId": step.id} for variant in step.variants],
    }


def step_rows(sequence: Sequence, behaviour: Behaviour) -> list[JSON]:
    """The list of steps: the whole content comes back (L)."""
    return [_step_row(sequence, step, place, behaviour) for place, step in enumerate(sequence.steps, start=1)]


def _step_row(sequence: Sequence, step: Step, number: int, behaviour: Behaviour) -> JSON:
    rows = []
    for variant in step.variants:
        row = {
            "id": variant.id, "stepId": step.id, "status": variant.status,
            "payload": payload(step, variant, behaviour),
        }  # fmt: skip
        if behaviour.task_notes and not step.kind.is_email:
            row["taskNote"] = variant.note
        rows.append(row)
    return {**_step_head(sequence, step, number, behaviour), "status": step.status, "variants": rows}


def variant_row(step: Step, variant: Variant, behaviour: Behaviour) -> JSON:
    """A row of a step's variants (S)."""
    return {
        "id": variant.id,
        "payload": payload(step, variant, behaviour),
        "status": variant.status,
        "stepStatus": step.status,
        "type": step.type,
        "executionType": "automatic" if step.kind.is_email else "manual",
        "taskNote": variant.note,
    }


def payload(step: Step, variant: Variant, behaviour: Behaviour) -> Mapping[str, Any]:
    """What a variant says, its HTML written another way where that is switched on."""
    if behaviour.rewrap_html and step.kind.is_email:
        return {**variant.payload, "content": rewrapped(variant.payload["content"])}
    return variant.payload


def rewrapped(text: str) -> str:
    """The same HTML to the eye: named entities for what is not ASCII, `<br>` for `<br/>`, one more break at the end."""
    named = "".join(
        f"&{codepoint2name[ord(one)]};" if ord(one) in codepoint2name and ord(one) > 127 else one for one in text
    )
    return named.replace("<br/>", "<br>").replace("<br />", "<br>") + "<br>"


def settings(sequence: Sequence, account: Account, code: int | None) -> JSON:
    """Settings, schedule and distribution of a sequence; with `code` that setting alone."""
    schedule = next(one for one in account.schedules if one.id == sequence.schedule)
    rows = [{"code": int(name), "value": value} for name, value in sequence.settings.items()]
    return {
        "settings": [row for row in rows if code in (None, row["code"])],
        "schedule": {
            "id": schedule.id, "name": schedule.name, "timezone": schedule.timezone, "isDefault": schedule.is_default,
        },
        "priorityDistribution": [
            {"id": one, "name": name, "active": one == sequence.distribution} for one, name in DISTRIBUTIONS.items()
        ],
        "client": None,
    }  # fmt: skip


def sender_rows(sequence: Sequence, account: Account) -> list[JSON]:
    """The senders of a sequence (S)."""
    return [
        {
            "id": link.id,
            "sequenceId": sequence.id,
            "emailAccount": [email_account(one) for one in account.senders if one.id == link.account],
            "createdAt": datetime.fromtimestamp(link.since, UTC).isoformat(timespec="milliseconds"),
            "deletedAt": None,
        }
        for link in sequence.senders
    ]


def email_account(one: EmailAccount) -> JSON:
    """A sender account (S)."""
    return {
        "id": one.id, "fromEmail": one.email, "fromName": one.name, "status": one.status,
        "isDefault": one.is_default, "settings": [],
    }  # fmt: skip


def member(one: Member) -> JSON:
    """A person of the team; the exact shape is not known."""
    return {"id": one.id, "firstName": one.first_name, "lastName": one.last_name, "email": one.email}


def schedule(one: Schedule) -> JSON:
    """A schedule with its seven entries."""
    return {
        "id": one.id, "name": one.name, "timezone": one.timezone, "timeSlots": list(one.slots),
        "isDefault": one.is_default,
    }  # fmt: skip


def merge_field(one: MergeField) -> JSON:
    """A field of prospects (S)."""
    return {"id": one.id, "label": one.label, "fieldType": one.kind, "mappingDefaultField": one.mapping}


def client(one: Client) -> JSON:
    """A client of an agency (S)."""
    return {
        "id": one.id, "companyName": one.company, "firstName": one.first_name, "lastName": one.last_name,
        "email": one.email,
    }  # fmt: skip


def attachment(one: Attachment) -> JSON:
    """An uploaded file; only that it has an id is known."""
    return {"id": one.id, "name": one.name, "size": one.size}


def _step_head(sequence: Sequence, step: Step, number: int, behaviour: Behaviour) -> JSON:
    head: JSON = {"id": step.id, "name": f"Step {number}", "number": number, "type": step.type}
    if behaviour.days is Days.ABSOLUTE:
        head["absoluteDays"] = step.day
    if behaviour.days is Days.RELATIVE:
        head["relativeDays"] = step.day - (sequence.steps[number - 2].day if number > 1 else 1)
    return head
