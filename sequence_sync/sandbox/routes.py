"""The endpoints: one table of method and path, one short function each. Room for more: a function and a line.

Only what docs/api.md gives with confidence D, S or L. Knows nothing of the web library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sequence_sync.sandbox import answers, bodies, office
from sequence_sync.sandbox.calls import Call, Done
from sequence_sync.sandbox.refusals import failed

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
    return Done("Sequences fetched successfully", [answers.sequence_row(one, owner) for one in _page(found, wanted)])


def create_sequence(call: Call) -> Done:
    """POST /sequences."""
    made = call.store.create_sequence(bodies.new_sequence(call.body))
    payload = answers.made_sequence(made, call.store.account.team[0], call.behaviour)
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
    return Done("Sequence settings fetched successfully", answers.settings(found, call.store.account, code))


def change_settings(call: Call) -> Done:
    """PATCH /sequences/{id}/settings."""
    values, schedule = bodies.settings_change(call.body)
    found = office.change_settings(call.store, call.path["sequence"], values, schedule)
    return Done("Sequence settings updated successfully", answers.settings(found, call.store.account, None))


def set_schedule(call: Call) -> Done:
    """PATCH /sequences/{id}/schedule."""
    found = office.set_schedule(call.store, call.path["sequence"], bodies.one_id(call.body, "scheduleId"))
    return Done("Sequence schedule updated successfully", answers.schedule(found))


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
    return Done("Sequence steps fetched successfully", answers.step_rows(found, call.behaviour))


def create_step(call: Call) -> Done:
    """POST /sequences/{id}/steps."""
    sequence, step = call.store.create_step(call.path["sequence"], bodies.new_step(call.body))
    return Done("Sequence step created successfully", answers.made_step(sequence, step, call.behaviour), 201)


def list_variants(call: Call) -> Done:
    """GET /sequences/{id}/steps/{id}."""
    step = call.store.sequence(call.path["sequence"], call.behaviour.read_lag).step(call.path["step"])
    if step is None:
        raise failed("fetch sequence step variants")
    rows = [answers.variant_row(step, variant, call.behaviour) for variant in step.variants]
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
    return Done("Sequence email accounts fetched successfully", answers.sender_rows(found, call.store.account))


def add_senders(call: Call) -> Done:
    """POST /sequences/{id}/email-accounts/add."""
    found = office.add_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Done("Email accounts added successfully", answers.sender_rows(found, call.store.account))


def remove_senders(call: Call) -> Done:
    """POST /sequences/{id}/email-accounts/remove."""
    found = office.remove_senders(call.store, call.path["sequence"], bodies.some_ids(call.body, "emailAccountIds"))
    return Done("Email accounts removed successfully", answers.sender_rows(found, call.store.account))


def search_accounts(call: Call) -> Done:
    """POST /email-accounts: a read, though it is a POST."""
    wanted, status = bodies.account_search(call.body)
    found = [one for one in call.store.account.senders if _matches(wanted.search, f"{one.email} {one.name}")]
    found = [one for one in found if status in (None, one.status)]
    found.sort(key=lambda one: one.email, reverse=wanted.descending)
    rows = [answers.email_account(one) for one in _page(found, wanted)]
    return Done("Email accounts fetched successfully", {"emails": rows})


def list_fields(call: Call) -> Done:
    """GET /fields; the system's own only with `systemFields=true`."""
    asked = bodies.query(call.query)
    with_system = asked.member("systemFields", ("true", "false")) == "true"
    asked.finish()
    rows = [answers.merge_field(one) for one in call.store.account.fields if with_system or not one.system]
    return Done("Fields fetched successfully", rows)


def create_field(call: Call) -> Done:
    """POST /fields."""
    label, kind, mapping = bodies.field(call.body)
    made = office.create_field(call.store, label or "", kind, mapping)
    return Done("Field created successfully", answers.merge_field(made), 201)


def change_field(call: Call) -> Done:
    """PATCH /fields/{id}."""
    label, kind, mapping = bodies.field(call.body, changing=True)
    made = office.change_field(call.store, call.path["field"], label, kind, mapping)
    return Done("Field updated successfully", answers.merge_field(made))


def list_team(call: Call) -> Done:
    """GET /user/team-member-list and GET /tasks/assignee/list."""
    return Done("Team members fetched successfully", [answers.member(one) for one in call.store.account.team])


def upload(call: Call) -> Done:
    """POST /attachments."""
    name, size = call.upload()
    return Done("Attachment uploaded", answers.attachment(office.add_attachment(call.store, name, size)), 201)


def list_schedules(call: Call) -> Done:
    """GET /schedules."""
    return Done("Schedules fetched successfully", [answers.schedule(one) for one in call.store.account.schedules])


def create_schedule(call: Call) -> Done:
    """POST /schedules."""
    made = office.create_schedule(call.store, *bodies.schedule(call.body))
    return Done("Schedule created successfully", answers.schedule(made), 201)


def list_clients(call: Call) -> Done:
    """GET /clients; `sort` and `sortBy` are required (S)."""
    wanted = bodies.listing(bodies.query(call.query), search="search", orders=(), order_needed=True)
    found = [one for one in call.store.account.clients if _matches(wanted.search, one.company)]
    found.sort(key=lambda one: one.company.casefold(), reverse=wanted.descending)
    return Done("Clients fetched successfully", [answers.client(one) for one in _page(found, wanted)])


def _matches(search: str, text: str) -> bool:
    return search.strip().casefold() in text.casefold()


def _page(rows: Sequence[T], wanted: bodies.Listing) -> Sequence[T]:
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
