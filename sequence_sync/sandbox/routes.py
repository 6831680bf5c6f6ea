"""The endpoints: one table of method and path, one short function each. Room for more: a function and a line.

Only what docs/api.md gives with confidence D, S or L. Knows nothing of the web library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows
from datetime import UTC, datetime
from html.entities import codepoint2name
from typing import Any, TypeVar

from sequence_sync.sandbox import account as office
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.errors import failed
from sequence_sync.sandbox.faults import Behaviour, Days
from sequence_sync.sandbox.http import Call, Done
from sequence_sync.sandbox.model import (
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
            "id": owner.number,
            "firstName": owner.first_name,
            "lastName": owner.last_name,
            "email": owner.email,
        },
    }


def parse_created_sequence(sequence: Sequence, owner: Member, behaviour: Behaviour) -> JSON:
    """The answer to a new sequence: live it has `sequenceId` (L), on the vendor's page `id` (D)."""
    row = sequence_row(sequence, owner)
    if not behaviour.bare:
        row = {"sequenceId": row.pop("id"), **row}
    return row


def parse_created_step(sequence: Sequence, step: Step, behaviour: Behaviour) -> JSON:
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
            "id": variant.id,
            "stepId": step.id,
            "status": variant.status,
            "payload": payload(step, variant, behaviour),
        }
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
            "id": schedule.id,
            "name": schedule.name,
            "timezone": schedule.timezone,
            "isDefault": schedule.is_default,
        },
        "priorityDistribution": [
            {"id": one, "name": name, "active": one == sequence.distribution} for one, name in DISTRIBUTIONS.items()
        ],
        "client": None,
    }


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
        "id": one.id,
        "fromEmail": one.email,
        "fromName": one.name,
        "status": one.status,
        "isDefault": one.is_default,
        "settings": [],
    }


def member(one: Member) -> JSON:
    """A person of the team; the exact shape is not known."""
    return {"id": one.id, "firstName": one.first_name, "lastName": one.last_name, "email": one.email}


def schedule(one: Schedule) -> JSON:
    """A schedule with its seven entries."""
    return {
        "id": one.id,
        "name": one.name,
        "timezone": one.timezone,
        "timeSlots": list(one.slots),
        "isDefault": one.is_default,
    }


def merge_field(one: MergeField) -> JSON:
    """A field of prospects (S)."""
    return {"id": one.id, "label": one.label, "fieldType": one.kind, "mappingDefaultField": one.mapping}


def client(one: Client) -> JSON:
    """A client of an agency (S)."""
    return {
        "id": one.id,
        "companyName": one.company,
        "firstName": one.first_name,
        "lastName": one.last_name,
        "email": one.email,
    }


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


T = TypeVar("T")
SEQUENCE_ORDERS = ("sequence.createdAt", "sequence.title")


def list_sequences(call: Call) -> Done:
    """GET /sequences."""
    wanted = bodies.listing(bodies.query(call.query), search="sequenceName", orders=SEQUENCE_ORDERS)
    found = [one for one in call.store.sequences(call.behaviour.read_lag) if _matches(wanted.search, one.title)]
    if call.query.get("clientIds"):
        found = []  # no sequence here belongs to a client
    by_title = wanted.by == "sequence.title"
    found.sort(key=lambda one: (one.title.casefold() if by_title else "", one.made), reverse=wanted.descending)
    owner = call.store.account.team[0]
    return Done("Sequences fetched successfully", [sequence_row(one, owner) for one in _page(found, wanted)])


def create_sequence(call: Call) -> Done:
    """POST /sequences."""
    made = call.store.create_sequence(bodies.new_sequence(call.body))
    payload = parse_created_sequence(made, call.store.account.team[0], call.behaviour)
    return Done("Sequence created successfully", payload, 201)


def set_status(call: Call) -> Done:
    """POST /sequences/status."""
    ids, active = bodies.status_change(call.body)
    call.store.set_active(ids, active)
    return Done("Sequence status updated successfully")


def get_settings(call: Call) -> Done:
    """GET /sequences/{id}/settings."""
    asked = bodies.query(call.query)
    code = asked.whole("code", 1, 13)
    asked.finish()
    found = call.store.sequence(call.path["sequence"], call.behaviour.read_lag)
    return Done("Sequence settings fetched successfully", settings(found, call.store.account, code))


def change_settings(call: Call) -> Done:
    """PATCH /sequences/{id}/settings."""
    values, schedule = bodies.settings_change(call.body)
    found = office.change_settings(call.store, call.path["sequence"], values, schedule)
    return Done("Sequence settings updated successfully", settings(found, call.store.account, None))


def set_schedule(call: Call) -> Done:
    """PATCH /sequences/{id}/schedule."""
    found = office.set_schedule(call.store, call.path["sequence"], bodies.one_id(call.body, "scheduleId"))
    return Done("Sequence schedule updated successfully", schedule(found))


def set_distribution(call: Call) -> Done:
    """PATCH /sequences/{id}/priority-distribution."""
    office.set_distribution(call.store, call.path["sequence"], bodies.distribution(call.body))
    return Done("Priority distribution updated successfully")


def send_trial(call: Call) -> Done:
    """POST /sequences/{id}/test-email: recorded, not sent."""
    office.send_trial(call.store, call.path["sequence"], bodies.trial_email(call.body))
    return Done("Test email sent successfully")


def list_steps(call: Call) -> Done:
    """GET /sequences/{id}/steps."""
    found = call.store.sequence(call.path["sequence"], call.behaviour.read_lag)
    return Done("Sequence steps fetched successfully", step_rows(found, call.behaviour))


def create_step(call: Call) -> Done:
    """POST /sequences/{id}/steps."""
    sequence, step = call.store.create_step(call.path["sequence"], bodies.new_step(call.body))
    return Done("Sequence step created successfully", parse_created_step(sequence, step, call.behaviour), 201)


def list_variants(call: Call) -> Done:
    """GET /sequences/{id}/steps/{id}."""
    step = call.store.sequence(call.path["sequence"], call.behaviour.read_lag).step(call.path["step"])
    if step is None:
        raise failed("fetch sequence step variants")
    rows = [variant_row(step, variant, call.behaviour) for variant in step.variants]
    return Done("Sequence step variants fetched successfully", rows)


def add_variant(call: Call) -> Done:
    """POST /sequences/{id}/steps/{id}/variants."""
    made = call.store.add_variant(call.path["sequence"], call.path["step"], bodies.new_variant(call.body))
    return Done("Sequence step variant created successfully", {"id": made.id, "stepId": call.path["step"]}, 201)


def change_variant(call: Call) -> Done:
    """PATCH /sequences/{id}/steps/{id}/variants/{id}."""
    path = call.path
    change = bodies.variant_change(call.body)
    call.store.change_variant(path["sequence"], path["step"], path["variant"], change)
    return Done("Sequence step variant updated successfully", {"id": path["variant"], "stepId": path["step"]})


def list_senders(call: Call) -> Done:
    """GET /sequences/{id}/email-accounts."""
    found = call.store.sequence(call.path["sequence"], call.behaviour.read_lag)
    return Done("Sequence email accounts fetched successfully", sender_rows(found, call.store.account))


def add_senders(call: Call) -> Done:
    """POST /sequences/{id}/email-accounts/add."""
    found = office.add_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Done("Email accounts added successfully", sender_rows(found, call.store.account))


def remove_senders(call: Call) -> Done:
    """POST /sequences/{id}/email-accounts/remove."""
    found = office.remove_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Done("Email accounts removed successfully", sender_rows(found, call.store.account))


def search_accounts(call: Call) -> Done:
    """POST /email-accounts: a read, though it is a POST."""
    wanted, status = bodies.account_search(call.body)
    found = [one for one in call.store.account.senders if _matches(wanted.search, f"{one.email} {one.name}")]
    found = [one for one in found if status in (None, one.status)]
    found.sort(key=lambda one: one.email, reverse=wanted.descending)
    rows = [email_account(one) for one in _page(found, wanted)]
    return Done("Email accounts fetched successfully", {"emails": rows})


def list_fields(call: Call) -> Done:
    """GET /fields; the system's own only with `systemFields=true`."""
    asked = bodies.query(call.query)
    with_system = asked.member("systemFields", ("true", "false")) == "true"
    asked.finish()
    rows = [merge_field(one) for one in call.store.account.fields if with_system or not one.system]
    return Done("Fields fetched successfully", rows)


def create_field(call: Call) -> Done:
    """POST /fields."""
    label, kind, mapping = bodies.field(call.body)
    made = office.create_field(call.store, label or "", kind, mapping)
    return Done("Field created successfully", merge_field(made), 201)


def change_field(call: Call) -> Done:
    """PATCH /fields/{id}."""
    label, kind, mapping = bodies.field(call.body, changing=True)
    made = office.change_field(call.store, call.path["field"], label, kind, mapping)
    return Done("Field updated successfully", merge_field(made))


def list_team(call: Call) -> Done:
    """GET /user/team-member-list and GET /tasks/assignee/list."""
    return Done("Team members fetched successfully", [member(one) for one in call.store.account.team])


def upload(call: Call) -> Done:
    """POST /attachments."""
    name, size = call.upload()
    return Done("Attachment uploaded", attachment(office.add_attachment(call.store, name, size)), 201)


def list_schedules(call: Call) -> Done:
    """GET /schedules."""
    return Done("Schedules fetched successfully", [schedule(one) for one in call.store.account.schedules])


def create_schedule(call: Call) -> Done:
    """POST /schedules."""
    made = office.create_schedule(call.store, *bodies.schedule(call.body))
    return Done("Schedule created successfully", schedule(made), 201)


def list_clients(call: Call) -> Done:
    """GET /clients; `sort` and `sortBy` are required (S)."""
    wanted = bodies.listing(bodies.query(call.query), search="search", orders=(), order_needed=True)
    found = [one for one in call.store.account.clients if _matches(wanted.search, one.company)]
    found.sort(key=lambda one: one.company.casefold(), reverse=wanted.descending)
    return Done("Clients fetched successfully", [client(one) for one in _page(found, wanted)])


def _matches(search: str, text: str) -> bool:
    return search.strip().casefold() in text.casefold()


def _page(rows: Rows[T], wanted: bodies.Listing) -> Rows[T]:
    start = (wanted.page - 1) * wanted.page_size
    return rows[start : start + wanted.page_size]


ROUTES: tuple[tuple[str, str, Callable[[Call], Done]], ...] = (
    ("GET", "/sequences", list_sequences),
    ("POST", "/sequences", create_sequence),
    ("POST", "/sequences/status", set_status),
    ("GET", "/sequences/{sequence}/settings", get_settings),
    ("PATCH", "/sequences/{sequence}/settings", change_settings),
    ("PATCH", "/sequences/{sequence}/schedule", set_schedule),
    ("PATCH", "/sequences/{sequence}/priority-distribution", set_distribution),
    ("POST", "/sequences/{sequence}/test-email", send_trial),
    ("GET", "/sequences/{sequence}/steps", list_steps),
    ("POST", "/sequences/{sequence}/steps", create_step),
    ("GET", "/sequences/{sequence}/steps/{step}", list_variants),
    ("POST", "/sequences/{sequence}/steps/{step}/variants", add_variant),
    ("PATCH", "/sequences/{sequence}/steps/{step}/variants/{variant}", change_variant),
    ("GET", "/sequences/{sequence}/email-accounts", list_senders),
    ("POST", "/sequences/{sequence}/email-accounts/add", add_senders),
    ("POST", "/sequences/{sequence}/email-accounts/remove", remove_senders),
    ("POST", "/email-accounts", search_accounts),
    ("GET", "/fields", list_fields),
    ("POST", "/fields", create_field),
    ("PATCH", "/fields/{field}", change_field),
    ("GET", "/user/team-member-list", list_team),
    ("GET", "/tasks/assignee/list", list_team),
    ("POST", "/attachments", upload),
    ("GET", "/schedules", list_schedules),
    ("POST", "/schedules", create_schedule),
    ("GET", "/clients", list_clients),
)
