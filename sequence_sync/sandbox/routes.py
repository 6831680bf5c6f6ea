"""The endpoints: a table of method and path (`ROUTES`), a function for each, and records as JSON.

A new endpoint is a function and a row of the table. Only what docs/api.md lists with confidence D, S or L. Must not
know the web library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows
from datetime import UTC, datetime
from html.entities import codepoint2name
from typing import Any, TypeVar

from sequence_sync.sandbox import account as rules
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.errors import failed
from sequence_sync.sandbox.faults import Days, Switches
from sequence_sync.sandbox.http import Call, Result
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
    """Return a row of the list of sequences (D)."""
    return {
        "id": sequence.id,
        "title": sequence.title,
        "active": sequence.active,
        "steps": [{"id": step.id, "name": f"Step {number}"} for number, step in enumerate(sequence.steps, start=1)],
        "client": None,
        "user": {
            "id": owner.number,
            "firstName": owner.first_name,
            "lastName": owner.last_name,
            "email": owner.email,
        },
    }


def created_sequence(sequence: Sequence, owner: Member, switches: Switches) -> JSON:
    """Return the answer to a new sequence: `sequenceId` in the live API (L), `id` in the vendor's documentation (D)."""
    row = sequence_row(sequence, owner)
    if not switches.bare:
        row = {"sequenceId": row.pop("id"), **row}
    return row


def created_step(sequence: Sequence, step: Step, switches: Switches) -> JSON:
    """Return the answer to a new step. The live API returns the ids of variants (L), the documentation does not (D)."""
    number = next(number for number, one in enumerate(sequence.steps, start=1) if one.id == step.id)
    head = _step_head(sequence, step, number, switches)
    if switches.bare:
        return head
    return {
        **head,
        "sequenceId": sequence.id,
        "sequence": {"id": sequence.id, "title": sequence.title},
        "variants": [{"id": variant.id, "stepId": step.id} for variant in step.variants],
    }


def step_rows(sequence: Sequence, switches: Switches) -> list[JSON]:
    """Return the list of steps, with their complete content (L)."""
    return [_step_row(sequence, step, number, switches) for number, step in enumerate(sequence.steps, start=1)]


def _step_row(sequence: Sequence, step: Step, number: int, switches: Switches) -> JSON:
    rows = []
    for variant in step.variants:
        row = {
            "id": variant.id,
            "stepId": step.id,
            "status": variant.status,
            "payload": payload(step, variant, switches),
        }
        if switches.task_notes and not step.kind.is_email:
            row["taskNote"] = variant.note
        rows.append(row)
    return {**_step_head(sequence, step, number, switches), "status": step.status, "variants": rows}


def variant_row(step: Step, variant: Variant, switches: Switches) -> JSON:
    """Return a row of a step's variants (S)."""
    return {
        "id": variant.id,
        "payload": payload(step, variant, switches),
        "status": variant.status,
        "stepStatus": step.status,
        "type": step.type,
        "executionType": "automatic" if step.kind.is_email else "manual",
        "taskNote": variant.note,
    }


def payload(step: Step, variant: Variant, switches: Switches) -> Mapping[str, Any]:
    """Return the payload of a variant. With `rewrap_html`, its HTML is written differently."""
    if switches.rewrap_html and step.kind.is_email:
        return {**variant.payload, "content": rewrapped(variant.payload["content"])}
    return variant.payload


def rewrapped(text: str) -> str:
    """Return HTML that looks the same: named entities outside ASCII, `<br>` for `<br/>`, one more break at the end."""
    named = "".join(
        f"&{codepoint2name[ord(one)]};" if ord(one) in codepoint2name and ord(one) > 127 else one for one in text
    )
    return named.replace("<br/>", "<br>").replace("<br />", "<br>") + "<br>"


def settings(sequence: Sequence, account: Account, code: int | None) -> JSON:
    """Return settings, schedule and distribution of a sequence; with `code`, only that setting."""
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
    """Return the senders of a sequence (S)."""
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
    """Return a sender account (S)."""
    return {
        "id": one.id,
        "fromEmail": one.email,
        "fromName": one.name,
        "status": one.status,
        "isDefault": one.is_default,
        "settings": [],
    }


def member(one: Member) -> JSON:
    """Return a person of the team. The exact shape is not known."""
    return {"id": one.id, "firstName": one.first_name, "lastName": one.last_name, "email": one.email}


def schedule(one: Schedule) -> JSON:
    """Return a schedule with its seven entries."""
    return {
        "id": one.id,
        "name": one.name,
        "timezone": one.timezone,
        "timeSlots": list(one.slots),
        "isDefault": one.is_default,
    }


def merge_field(one: MergeField) -> JSON:
    """Return a field of prospects (S)."""
    return {"id": one.id, "label": one.label, "fieldType": one.kind, "mappingDefaultField": one.mapping}


def client(one: Client) -> JSON:
    """Return a client of an agency (S)."""
    return {
        "id": one.id,
        "companyName": one.company,
        "firstName": one.first_name,
        "lastName": one.last_name,
        "email": one.email,
    }


def attachment(one: Attachment) -> JSON:
    """Return an uploaded file. Only its id is known from the API."""
    return {"id": one.id, "name": one.name, "size": one.size}


def _step_head(sequence: Sequence, step: Step, number: int, switches: Switches) -> JSON:
    head: JSON = {"id": step.id, "name": f"Step {number}", "number": number, "type": step.type}
    if switches.days is Days.ABSOLUTE:
        head["absoluteDays"] = step.day
    if switches.days is Days.RELATIVE:
        head["relativeDays"] = step.day - (sequence.steps[number - 2].day if number > 1 else 1)
    return head


T = TypeVar("T")
SEQUENCE_ORDERS = ("sequence.createdAt", "sequence.title")


def list_sequences(call: Call) -> Result:
    """GET /sequences."""
    paging = bodies.listing(bodies.query(call.query), search="sequenceName", orders=SEQUENCE_ORDERS)
    found = [one for one in call.store.sequences(call.switches.read_lag) if _matches(paging.search, one.title)]
    if call.query.get("clientIds"):
        found = []  # no sequence here belongs to a client
    by_title = paging.by == "sequence.title"
    found.sort(key=lambda one: (one.title.casefold() if by_title else "", one.made), reverse=paging.descending)
    owner = call.store.account.team[0]
    return Result("Sequences fetched successfully", [sequence_row(one, owner) for one in _page(found, paging)])


def create_sequence(call: Call) -> Result:
    """POST /sequences."""
    made = call.store.create_sequence(bodies.new_sequence(call.body))
    payload = created_sequence(made, call.store.account.team[0], call.switches)
    return Result("Sequence created successfully", payload, 201)


def set_status(call: Call) -> Result:
    """POST /sequences/status."""
    ids, active = bodies.status_change(call.body)
    call.store.set_active(ids, active)
    return Result("Sequence status updated successfully")


def get_settings(call: Call) -> Result:
    """GET /sequences/{id}/settings."""
    query = bodies.query(call.query)
    code = query.whole("code", 1, 13)
    query.finish()
    found = call.store.sequence(call.path["sequence"], call.switches.read_lag)
    return Result("Sequence settings fetched successfully", settings(found, call.store.account, code))


def change_settings(call: Call) -> Result:
    """PATCH /sequences/{id}/settings."""
    values, schedule = bodies.settings_change(call.body)
    found = rules.change_settings(call.store, call.path["sequence"], values, schedule)
    return Result("Sequence settings updated successfully", settings(found, call.store.account, None))


def set_schedule(call: Call) -> Result:
    """PATCH /sequences/{id}/schedule."""
    found = rules.set_schedule(call.store, call.path["sequence"], bodies.one_id(call.body, "scheduleId"))
    return Result("Sequence schedule updated successfully", schedule(found))


def set_distribution(call: Call) -> Result:
    """PATCH /sequences/{id}/priority-distribution."""
    rules.set_distribution(call.store, call.path["sequence"], bodies.distribution(call.body))
    return Result("Priority distribution updated successfully")


def send_trial(call: Call) -> Result:
    """POST /sequences/{id}/test-email: recorded, not sent."""
    rules.send_trial(call.store, call.path["sequence"], bodies.trial_email(call.body))
    return Result("Test email sent successfully")


def list_steps(call: Call) -> Result:
    """GET /sequences/{id}/steps."""
    found = call.store.sequence(call.path["sequence"], call.switches.read_lag)
    return Result("Sequence steps fetched successfully", step_rows(found, call.switches))


def create_step(call: Call) -> Result:
    """POST /sequences/{id}/steps."""
    sequence, step = call.store.create_step(call.path["sequence"], bodies.new_step(call.body))
    return Result("Sequence step created successfully", created_step(sequence, step, call.switches), 201)


def list_variants(call: Call) -> Result:
    """GET /sequences/{id}/steps/{id}."""
    step = call.store.sequence(call.path["sequence"], call.switches.read_lag).step(call.path["step"])
    if step is None:
        raise failed("fetch sequence step variants")
    rows = [variant_row(step, variant, call.switches) for variant in step.variants]
    return Result("Sequence step variants fetched successfully", rows)


def add_variant(call: Call) -> Result:
    """POST /sequences/{id}/steps/{id}/variants."""
    made = call.store.add_variant(call.path["sequence"], call.path["step"], bodies.new_variant(call.body))
    return Result("Sequence step variant created successfully", {"id": made.id, "stepId": call.path["step"]}, 201)


def change_variant(call: Call) -> Result:
    """PATCH /sequences/{id}/steps/{id}/variants/{id}."""
    path = call.path
    change = bodies.variant_change(call.body)
    call.store.change_variant(path["sequence"], path["step"], path["variant"], change)
    return Result("Sequence step variant updated successfully", {"id": path["variant"], "stepId": path["step"]})


def list_senders(call: Call) -> Result:
    """GET /sequences/{id}/email-accounts."""
    found = call.store.sequence(call.path["sequence"], call.switches.read_lag)
    return Result("Sequence email accounts fetched successfully", sender_rows(found, call.store.account))


def add_senders(call: Call) -> Result:
    """POST /sequences/{id}/email-accounts/add."""
    found = rules.add_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Result("Email accounts added successfully", sender_rows(found, call.store.account))


def remove_senders(call: Call) -> Result:
    """POST /sequences/{id}/email-accounts/remove."""
    found = rules.remove_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Result("Email accounts removed successfully", sender_rows(found, call.store.account))


def search_accounts(call: Call) -> Result:
    """POST /email-accounts: a read, although it is a POST."""
    paging, status = bodies.account_search(call.body)
    found = [one for one in call.store.account.senders if _matches(paging.search, f"{one.email} {one.name}")]
    found = [one for one in found if status in (None, one.status)]
    found.sort(key=lambda one: one.email, reverse=paging.descending)
    rows = [email_account(one) for one in _page(found, paging)]
    return Result("Email accounts fetched successfully", {"emails": rows})


def list_fields(call: Call) -> Result:
    """GET /fields; system fields only with `systemFields=true`."""
    query = bodies.query(call.query)
    with_system = query.member("systemFields", ("true", "false")) == "true"
    query.finish()
    rows = [merge_field(one) for one in call.store.account.fields if with_system or not one.system]
    return Result("Fields fetched successfully", rows)


def create_field(call: Call) -> Result:
    """POST /fields."""
    label, kind, mapping = bodies.field(call.body)
    made = rules.create_field(call.store, label or "", kind, mapping)
    return Result("Field created successfully", merge_field(made), 201)


def change_field(call: Call) -> Result:
    """PATCH /fields/{id}."""
    label, kind, mapping = bodies.field(call.body, changing=True)
    made = rules.change_field(call.store, call.path["field"], label, kind, mapping)
    return Result("Field updated successfully", merge_field(made))


def list_team(call: Call) -> Result:
    """GET /user/team-member-list and GET /tasks/assignee/list."""
    return Result("Team members fetched successfully", [member(one) for one in call.store.account.team])


def upload(call: Call) -> Result:
    """POST /attachments."""
    name, size = call.upload()
    return Result("Attachment uploaded", attachment(rules.add_attachment(call.store, name, size)), 201)


def list_schedules(call: Call) -> Result:
    """GET /schedules."""
    return Result("Schedules fetched successfully", [schedule(one) for one in call.store.account.schedules])


def create_schedule(call: Call) -> Result:
    """POST /schedules."""
    made = rules.create_schedule(call.store, *bodies.schedule(call.body))
    return Result("Schedule created successfully", schedule(made), 201)


def list_clients(call: Call) -> Result:
    """GET /clients; `sort` and `sortBy` are required (S)."""
    paging = bodies.listing(bodies.query(call.query), search="search", orders=(), order_needed=True)
    found = [one for one in call.store.account.clients if _matches(paging.search, one.company)]
    found.sort(key=lambda one: one.company.casefold(), reverse=paging.descending)
    return Result("Clients fetched successfully", [client(one) for one in _page(found, paging)])


def _matches(search: str, text: str) -> bool:
    return search.strip().casefold() in text.casefold()


def _page(rows: Rows[T], paging: bodies.Listing) -> Rows[T]:
    start = (paging.page - 1) * paging.page_size
    return rows[start : start + paging.page_size]


ROUTES: tuple[tuple[str, str, Callable[[Call], Result]], ...] = (
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
