"""Endpoints of sequences and accounts: lists, status, settings, senders, schedules, fields, team."""

from __future__ import annotations

import pytest

DEFAULT_ACCOUNT, BEN, INACTIVE = "m4Xc8TzKqP", "Yt6Wb2RnLs", "Kd9Jv3MfGh"
OFFICE, NEW_YORK = "Vb7Nq4ZsWx", "Rf2Gk8TjMd"


def code(answer) -> tuple[int, int]:
    """Return the HTTP status and the application's code."""
    return answer.status_code, answer.json()["code"]


def test_a_new_sequence_is_inactive_with_the_default_sender(api):
    answer = api.post("/sequences", {"title": "Fresh"})
    made = answer.json()["payload"]
    assert (answer.status_code, made["title"], made["active"], made["steps"]) == (201, "Fresh", False, [])
    assert "id" not in made
    (row,) = api.get(f"/sequences/{made['sequenceId']}/email-accounts").json()["payload"]
    assert row["sequenceId"] == made["sequenceId"]
    assert row["emailAccount"][0]["id"] == DEFAULT_ACCOUNT
    assert {"createdAt", "deletedAt"} <= set(row)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": 5},
        {"title": "t" * 101},
        {"title": "T", "key": "t"},
        {"title": "T", "emailAccountIds": DEFAULT_ACCOUNT},
        [],
        [{"title": "T"}],
    ],
)
def test_an_invalid_sequence_is_refused_with_the_validators_list(api, body):
    answer = api.post("/sequences", body)
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], list)


def test_an_invalid_sender_or_schedule_refuses_the_whole_sequence(api):
    before = len(api.box.store.sequences())
    for extra in (
        {"emailAccountIds": [BEN, INACTIVE]},
        {"emailAccountIds": ["nothere123"]},
        {"scheduleId": "nothere123"},
    ):
        answer = api.post("/sequences", {"title": "T", **extra})
        assert (*code(answer), answer.json()["message"]) == (400, 4000, "Failed to create sequence")
    assert len(api.box.store.sequences()) == before
    assert api.post("/sequences", {"title": "T", "emailAccountIds": [BEN], "scheduleId": NEW_YORK}).status_code == 201


def test_the_list_has_the_documented_fields(api):
    sequence = api.sequence("Row of its own")
    step = api.step(sequence)
    (row,) = api.get("/sequences", sequenceName="row OF its").json()["payload"]
    user = row.pop("user")
    assert row == {
        "id": sequence,
        "title": "Row of its own",
        "active": False,
        "steps": [{"id": step["id"], "name": "Step 1"}],
        "client": None,
    }
    assert isinstance(user["id"], int)
    assert {"firstName", "lastName", "email"} <= set(user)


def test_search_is_partial_and_ignores_case(api):
    """A client has to compare titles itself."""
    for title in ("Search Alpha", "search alpha two", "Beta"):
        api.sequence(title)
    found = api.get("/sequences", sequenceName="ALPHA").json()["payload"]
    assert [row["title"] for row in found] == ["Search Alpha", "search alpha two"]


def test_lists_have_pages_and_an_order(api):
    for letter in "cabd":
        api.sequence(f"Paged {letter}")

    def titles(**query):
        rows = api.get("/sequences", sequenceName="Paged", **query).json()["payload"]
        return "".join(row["title"][-1] for row in rows)

    assert titles() == titles(sort="ASC", sortBy="sequence.createdAt") == "cabd"
    assert titles(sort="DESC", sortBy="sequence.title") == "dcba"
    assert [titles(page=page, pageSize=3) for page in (1, 2, 3)] == ["cab", "d", ""]


def test_the_default_page_size_is_100(api):
    for number in range(101):
        api.sequence(f"Many {number}")
    assert len(api.get("/sequences", sequenceName="Many").json()["payload"]) == 100
    assert len(api.get("/sequences", sequenceName="Many", pageSize=1000).json()["payload"]) == 101


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": 1001},
        {"pageSize": 0},
        {"page": 0},
        {"page": "x"},
        {"sort": "up"},
        {"sortBy": "title"},
        {"page": "-1"},
    ],
)
def test_invalid_paging_is_refused(api, query):
    answer = api.get("/sequences", **query)
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")


def test_resuming_or_pausing_twice_is_refused_with_its_own_code(api):
    sequence = api.sequence("Switched")

    def switch(status, *ids):
        return api.post("/sequences/status", {"sequenceIds": list(ids or (sequence,)), "status": status})

    def active():
        return api.get("/sequences", sequenceName="Switched").json()["payload"][0]["active"]

    assert code(switch("pause")) == (400, 40101)
    assert switch("resume").status_code == 200
    assert active() is True
    assert code(switch("resume")) == (400, 40102)
    assert code(switch("resume", "nothere123")) == (400, 40100)
    assert switch("pause").status_code == 200
    assert active() is False
    assert switch("start").json()["message"] == ["status must be a valid enum value"]


def test_resuming_needs_an_active_sender(api):
    """One without refuses the whole call."""
    with_sender, without = api.sequence("With"), api.sequence("Without")
    api.post(f"/sequences/{without}/email-accounts/remove", {"emailAccountIds": [DEFAULT_ACCOUNT]})
    answer = api.post("/sequences/status", {"sequenceIds": [with_sender, without], "status": "resume"})
    assert code(answer) == (400, 40103)
    assert api.box.store.sequence(with_sender).active is False


def test_settings_are_read_and_changed(api):
    path = f"/sequences/{api.sequence()}/settings"
    read = api.get(path).json()["payload"]
    assert [row["code"] for row in read["settings"]] == list(range(1, 14))
    assert read["schedule"]["id"] == OFFICE
    assert [row["active"] for row in read["priorityDistribution"]] == [True, False, False, False]
    body = {"settings": [{"code": 3, "value": "0"}, {"code": 7, "value": '["a@example.com"]'}], "scheduleId": NEW_YORK}
    assert api.patch(path, body).status_code == 200
    assert api.get(path, code=3).json()["payload"]["settings"] == [{"code": 3, "value": "0"}]
    assert api.get(path).json()["payload"]["schedule"]["id"] == NEW_YORK


@pytest.mark.parametrize(
    "body",
    [
        {"settings": [{"code": 3, "value": 1}]},
        {"settings": [{"code": 14, "value": "1"}]},
        {"settings": [{"code": 7, "value": "a@example.com"}]},
        {"settings": [{"code": 9, "value": "2"}]},
        {"settings": [{"code": 3, "value": "1", "name": "x"}]},
        {"settings": {}},
        {"scheduleId": "nothere123"},
    ],
)
def test_invalid_settings_are_refused(api, body):
    path = f"/sequences/{api.sequence()}/settings"
    before = api.get(path).json()
    assert api.patch(path, body).status_code == 400
    assert api.get(path).json() == before


def test_text_only_needs_tracking_off(api):
    rows = [{"code": one, "value": value} for one, value in ((9, "2"), (4, "0"), (5, "0"), (12, "0"))]
    assert api.patch(f"/sequences/{api.sequence()}/settings", {"settings": rows}).status_code == 200


def test_schedule_and_distribution_are_set(api):
    sequence = api.sequence()
    answer = api.patch(f"/sequences/{sequence}/schedule", {"scheduleId": NEW_YORK})
    assert answer.json()["payload"]["timezone"] == "America/New_York"
    assert code(api.patch(f"/sequences/{sequence}/schedule", {"scheduleId": "nothere123"})) == (400, 4000)
    path = f"/sequences/{sequence}/priority-distribution"
    assert api.patch(path, {"priorityDistributionId": 4}).status_code == 200
    assert api.patch(path, {"priorityDistributionId": "Balanced"}).status_code == 400
    assert api.box.store.sequence(sequence).distribution == 4


def test_senders_are_added_and_removed(api):
    base = f"/sequences/{api.sequence()}/email-accounts"

    def add(*ids):
        return api.post(f"{base}/add", {"emailAccountIds": list(ids)})

    assert code(add("nothere123")) == (400, 40200)
    assert code(add(INACTIVE)) == (400, 40201)
    assert code(add(DEFAULT_ACCOUNT)) == (400, 40105)
    assert code(add(*(f"account{place:04}" for place in range(51)))) == (413, 40003)
    assert [row["emailAccount"][0]["id"] for row in add(BEN).json()["payload"]] == [DEFAULT_ACCOUNT, BEN]
    remaining = api.post(f"{base}/remove", {"emailAccountIds": [DEFAULT_ACCOUNT]}).json()["payload"]
    assert [row["emailAccount"][0]["id"] for row in remaining] == [BEN]
    assert code(api.post(f"{base}/remove", {"emailAccountIds": [DEFAULT_ACCOUNT]})) == (400, 40200)


def test_accounts_are_searched_with_post(api):
    emails = api.post("/email-accounts", {"status": 1, "search": "EXAMPLE"}).json()["payload"]["emails"]
    assert [(one["fromEmail"], one["isDefault"]) for one in emails] == [
        ("anna@example.com", True),
        ("ben@example.com", False),
    ]
    assert len(api.post("/email-accounts", {"pageSize": 1, "page": 2}).json()["payload"]["emails"]) == 1
    assert api.post("/email-accounts", {"pageSize": 101}).status_code == 400
    assert api.post("/email-accounts", {"query": "x"}).status_code == 400


def test_a_test_email_is_recorded_and_needs_an_attached_sender(api):
    sequence = api.sequence()
    body = {"subject": "S", "content": "C", "fromEmailAccountId": DEFAULT_ACCOUNT, "to": ["me@example.com"]}
    path = f"/sequences/{sequence}/test-email"
    assert api.post(path, body).status_code == 200
    assert api.box.store.trial_emails[-1] == {"sequenceId": sequence, **body}
    assert code(api.post(path, {**body, "fromEmailAccountId": BEN})) == (400, 1001)
    assert api.post(path, {**body, "to": []}).status_code == 400
    assert api.post(path, {**body, "cc": []}).status_code == 400


def test_fields_are_listed_created_and_changed(api):
    labels = [row["label"] for row in api.get("/fields", systemFields="true").json()["payload"]]
    assert {"First Name", "Company", "Job Title"} <= set(labels)
    made = api.post("/fields", {"label": "Plan", "fieldType": "Dropdown"}).json()["payload"]
    assert made == {"id": made["id"], "label": "Plan", "fieldType": "Dropdown", "mappingDefaultField": None}
    assert api.get("/fields").json()["payload"] == [made]
    assert code(api.post("/fields", {"label": "plan"})) == (400, 4000)
    changed = api.patch(f"/fields/{made['id']}", {"label": "Plan name"}).json()["payload"]
    assert changed == {**made, "label": "Plan name"}
    assert code(api.patch(f"/fields/{made['id']}", {"label": "Company"})) == (400, 4000)
    assert code(api.patch("/fields/SyField001", {"label": "Mine"})) == (400, 4000)
    assert api.post("/fields", {"label": "X", "fieldType": "Colour"}).status_code == 400
    assert api.get("/fields", systemFields="maybe").status_code == 400


def test_team_members_and_assignees_are_the_same_people(api):
    team = api.get("/user/team-member-list").json()["payload"]
    assert team[0]["id"] == "z6R8Mw4vBn"
    assert api.get("/tasks/assignee/list").json()["payload"] == team


def test_schedules_are_listed_and_created(api):
    before = api.box.store.account
    body = {"name": "Nights", "timezone": "Asia/Tokyo", "timeSlots": [{}] * 7}
    made = api.post("/schedules", {**body, "isDefault": True}).json()["payload"]
    listed = api.get("/schedules").json()["payload"]
    assert [one["id"] for one in listed if one["isDefault"]] == [made["id"]]
    for wrong in ({**body, "timeSlots": []}, {**body, "timezone": "noon"}, {**body, "isDefault": 1}, {"name": "N"}):
        assert api.post("/schedules", wrong).status_code == 400
    api.box.store.account = before


def test_the_list_of_clients_needs_an_order(api):
    assert api.get("/clients").status_code == 400
    rows = api.get("/clients", sort="ASC", sortBy="companyName", search="north").json()["payload"]
    assert [row["companyName"] for row in rows] == ["Northwind Ltd"]


def test_an_attachment_is_uploaded_as_a_form(api):
    answer = api.http.post("/attachments", files={"file": ("deck.pdf", b"%PDF-1.7 \x00\xff\r\n", "application/pdf")})
    made = answer.json()["payload"]
    assert (answer.status_code, made["name"]) == (201, "deck.pdf")
    variants = [{"payload": {"subject": "S", "content": "C"}, "attachmentIds": [made["id"]]}]
    api.step(api.sequence(), variants=variants)
    assert api.http.post("/attachments", files={"other": b"x"}).status_code == 400
    assert api.post("/attachments", {"file": "x"}).status_code == 400
