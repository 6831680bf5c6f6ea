"""Endpoints of steps and variants: what they create, what they refuse, and what they return."""

from __future__ import annotations

import httpx
import pytest

EMAIL = {"payload": {"subject": "Hello", "content": "<p>Hello</p>"}}
VENDOR_EXAMPLE = {
    "type": 1,
    "priority": 3,
    "assigneeId": "z6R8Mw4vBn",
    "variants": [
        {
            "payload": {
                "subject": "Quick question, {{firstName}}",
                "content": "<p>Hi {{firstName}},</p><p>Best,<br/>Vatsal</p>",
                "preheader": "Quick question about your team",
            },
            "attachmentIds": ["lN5xKp2vJq"],
        }
    ],
    "absoluteDays": 3,
}
PAYLOADS = {
    1: EMAIL["payload"],
    2: {"connectionNote": "Hi"},
    3: {"message": "Hi"},
    4: {"subject": "S", "message": "Hi"},
    9: {"title": "T", "action": {"name": "Open", "url": "https://example.com"}},
    16: {"message": "Hi"},
}
CODES = (1, 2, 3, 4, 5, 6, 9, 11, 12, 13, 14, 15, 16, 17, 18)


def is_invalid(answer: httpx.Response, *sentences: str) -> None:
    """Whether the answer is the validator's list with these sentences."""
    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["error"]) == (400, 400, "Bad Request")
    assert set(sentences) <= set(body["message"]), body


def is_refused(answer: httpx.Response, code: int, message: str) -> None:
    """Whether the answer has the application's shape with this code."""
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (400, code, message)
    assert body["type"]


def test_the_vendors_example_creates_a_step(api):
    sequence = api.sequence("Seed")
    answer = api.post(f"/sequences/{sequence}/steps", VENDOR_EXAMPLE)
    body = answer.json()
    assert (answer.status_code, body["message"]) == (201, "Sequence step created successfully")
    made = body["payload"]
    assert made["sequence"] == {"id": sequence, "title": "Seed"}
    assert made["variants"] == [{"id": made["variants"][0]["id"], "stepId": made["id"]}]
    assert (made["number"], made["name"], made["type"], made["absoluteDays"]) == (1, "Step 1", 1, 3)
    assert made["sequenceId"] == sequence
    assert api.steps(sequence)[0]["variants"][0]["payload"] == VENDOR_EXAMPLE["variants"][0]["payload"]


@pytest.mark.parametrize("code", CODES)
def test_each_type_is_accepted(api, code):
    sequence = api.sequence()
    api.post(
        f"/sequences/{sequence}/steps",
        {"type": code, "absoluteDays": 2, "variants": [{"payload": PAYLOADS.get(code, {})}]},
    )
    (row,) = api.steps(sequence)
    assert (row["type"], row["variants"][0]["payload"]) == (code, PAYLOADS.get(code, {}))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"type": "Email"}, "type must be a valid enum value"),
        ({"type": "1"}, "type must be a valid enum value"),
        ({"type": 7}, "type must be a valid enum value"),
        ({"type": True}, "type must be a valid enum value"),
        ({"type": None}, "type must be a valid enum value"),
        ({"absoluteDays": 0}, "absoluteDays must not be less than 1"),
        ({"absoluteDays": 1000}, "absoluteDays must not be greater than 999"),
        ({"absoluteDays": 1.5}, "absoluteDays must be an integer number"),
        ({"absoluteDays": "3"}, "absoluteDays must be an integer number"),
        ({"absoluteDays": True}, "absoluteDays must be an integer number"),
        ({"priority": "High"}, "priority must be a valid enum value"),
        ({"priority": 5}, "priority must be a valid enum value"),
        ({"assigneeId": 7}, "assigneeId must be a string"),
        ({"assigneeId": "no id"}, "assigneeId must be a valid id"),
        ({"key": "intro"}, "property key should not exist"),
        ({"variants": []}, "variants must contain at least 1 elements"),
        ({"variants": [EMAIL] * 27}, "variants must contain no more than 26 elements"),
        ({"variants": {}}, "variants must be an array"),
        ({"variants": [1]}, "variants.0 must be an object"),
        ({"variants": [{}]}, "variants.0.payload must be an object"),
        ({"variants": [{**EMAIL, "weight": 1}]}, "variants.0.property weight should not exist"),
        ({"variants": [{**EMAIL, "taskNote": ""}]}, "variants.0.taskNote is not allowed for Email steps"),
        ({"variants": [{**EMAIL, "attachmentIds": "x"}]}, "variants.0.attachmentIds must be an array"),
        ({"variants": [{**EMAIL, "attachmentIds": [1]}]}, "variants.0.each value in attachmentIds must be a valid id"),
        ({"variants": [{"payload": {"subject": "S"}}]}, "variants.0.payload.content must be a string"),
        (
            {"variants": [{"payload": {**PAYLOADS[1], "message": "M"}}]},
            "variants.0.payload.property message should not exist",
        ),
        (
            {"variants": [{"payload": {**PAYLOADS[1], "html": "M"}}]},
            "variants.0.payload.property html should not exist",
        ),
        ({"type": 5, "variants": [EMAIL]}, "variants.0.payload.property subject should not exist"),
        ({"type": 11, "variants": [{"payload": {}}] * 2}, "variants must contain no more than 1 elements"),
        (
            {"type": 11, "variants": [{"payload": {}, "attachmentIds": []}]},
            "variants.0.attachmentIds is allowed for Email steps only",
        ),
        (
            {"type": 11, "variants": [{"payload": {}, "taskNote": "n" * 3001}]},
            "variants.0.taskNote must be shorter than or equal to 3000 characters",
        ),
        (
            {"type": 9, "variants": [{"payload": {"action": {"name": "N", "url": "U", "new": 1}}}]},
            "variants.0.payload.action.property new should not exist",
        ),
        (
            {"type": 9, "variants": [{"payload": {"action": {"name": "N"}}}]},
            "variants.0.payload.action.url must be a string",
        ),
    ],
)
def test_an_invalid_body_creates_nothing(api, change, sentence):
    sequence = api.sequence()
    answer = api.post(f"/sequences/{sequence}/steps", {"type": 1, "absoluteDays": 1, "variants": [EMAIL], **change})
    is_invalid(answer, sentence)
    assert api.steps(sequence) == []


@pytest.mark.parametrize("name", ["type", "absoluteDays", "variants"])
def test_required_fields_are_required(api, name):
    body = {"type": 1, "absoluteDays": 1, "variants": [EMAIL]}
    del body[name]
    assert api.post(f"/sequences/{api.sequence()}/steps", body).status_code == 400


def test_all_errors_of_a_body_come_in_one_list(api):
    answer = api.post(f"/sequences/{api.sequence()}/steps", {"type": "Email", "absoluteDays": 0, "variants": [EMAIL]})
    is_invalid(answer, "type must be a valid enum value", "absoluteDays must not be less than 1")


@pytest.mark.parametrize(("length", "status"), [(3000, 201), (3001, 400)])
def test_a_task_note_has_at_most_3000_characters(api, length, status):
    body = {"type": 5, "absoluteDays": 1, "variants": [{"payload": {}, "taskNote": "🙂" * length}]}
    assert api.post(f"/sequences/{api.sequence()}/steps", body).status_code == status


@pytest.mark.parametrize("day", [1, 999, 3.0])
def test_days_1_and_999_are_accepted(api, day):
    assert api.step(api.sequence(), day)["absoluteDays"] == day


def test_twenty_six_variants_are_accepted(api):
    made = api.step(api.sequence(), variants=[EMAIL] * 26)
    assert len({one["id"] for one in made["variants"]}) == 26


def test_a_second_email_on_a_day_is_refused(api):
    """Another channel may share the day."""
    sequence = api.sequence()
    api.step(sequence, 2)
    body = {"type": 1, "absoluteDays": 2, "variants": [EMAIL]}
    is_refused(api.post(f"/sequences/{sequence}/steps", body), 4000, "Failed to create sequence step")
    api.step(sequence, 2, kind=11)
    api.step(sequence, 2, kind=11)
    assert [row["type"] for row in api.steps(sequence)] == [1, 11, 11]


def test_steps_are_numbered_by_day_and_then_by_age(api):
    sequence = api.sequence()
    late, early = api.step(sequence, 9), api.step(sequence, 2)
    same = api.step(sequence, 2, kind=5)
    assert (late["number"], early["number"], same["number"]) == (1, 1, 2)
    rows = api.steps(sequence)
    assert [row["id"] for row in rows] == [early["id"], same["id"], late["id"]]
    assert [(row["number"], row["name"]) for row in rows] == [(1, "Step 1"), (2, "Step 2"), (3, "Step 3")]


def test_an_unknown_sequence_is_400_with_code_40100(api):
    body = {"type": 1, "absoluteDays": 1, "variants": [EMAIL]}
    for answer in (
        api.post("/sequences/nothere123/steps", body),
        api.get("/sequences/nothere123/steps"),
        api.get("/sequences/nothere123/steps/x"),
        api.get("/sequences/nothere123/settings"),
        api.get("/sequences/nothere123/email-accounts"),
        api.patch("/sequences/nothere123/steps/x/variants/y", {}),
    ):
        is_refused(answer, 40100, "Sequence not found")


def test_variants_of_a_step_are_listed(api):
    sequence = api.sequence()
    variants = [{"payload": {"connectionNote": "Hi"}, "taskNote": "Look first"}]
    step = api.step(sequence, kind=2, variants=variants)
    (row,) = api.get(f"/sequences/{sequence}/steps/{step['id']}").json()["payload"]
    assert row == {
        "id": step["variants"][0]["id"],
        "payload": {"connectionNote": "Hi"},
        "status": 1,
        "stepStatus": 1,
        "type": 2,
        "executionType": "manual",
        "taskNote": "Look first",
    }
    is_refused(api.get(f"/sequences/{sequence}/steps/nothere"), 4000, "Failed to fetch sequence step variants")


def test_priority_assignee_and_attachments_are_stored_but_not_returned(api):
    """No source shows them in an answer, so a client must not rely on them."""
    sequence = api.sequence()
    api.post(f"/sequences/{sequence}/steps", VENDOR_EXAMPLE)
    reported = api.get(f"/sequences/{sequence}/steps").text
    assert not any(word in reported for word in ("priority", "assignee", "attachment"))
    (step,) = api.box.store.sequence(sequence).steps
    assert (step.priority, step.assignee, step.variants[0].attachments) == (3, "z6R8Mw4vBn", ("lN5xKp2vJq",))


def variants_path(sequence: str, step: dict, place: int = 0) -> str:
    """Return the path of one variant."""
    return f"/sequences/{sequence}/steps/{step['id']}/variants/{step['variants'][place]['id']}"


def test_an_added_variant_comes_last_with_a_new_id(api):
    sequence = api.sequence()
    step = api.step(sequence)
    body = {"type": 1, "payload": {"subject": "B", "content": "<p>B</p>"}}
    answer = api.post(f"/sequences/{sequence}/steps/{step['id']}/variants", body)
    assert answer.status_code == 201
    rows = api.steps(sequence)[0]["variants"]
    assert [row["payload"]["subject"] for row in rows] == ["Hello", "B"]
    assert rows[1]["id"] == answer.json()["payload"]["id"]


def test_an_added_variant_that_breaks_a_rule_is_refused(api):
    """Another type, a 27th variant, a second active variant of a task."""
    sequence = api.sequence()
    email, call = api.step(sequence, variants=[EMAIL] * 26), api.step(sequence, kind=11)
    path = f"/sequences/{sequence}/steps/{{}}/variants"
    is_invalid(api.post(path.format(email["id"]), {"type": 11, "payload": {}}), "type must match the type of the step")
    refusal = (4000, "Failed to create sequence step variant")
    is_refused(api.post(path.format(email["id"]), {"type": 1, **EMAIL}), *refusal)
    is_refused(api.post(path.format(call["id"]), {"type": 11, "payload": {}}), *refusal)
    is_refused(api.post(path.format("nothere"), {"type": 11, "payload": {}}), *refusal)
    is_invalid(api.post(path.format(call["id"]), {"type": 11}), "payload must be an object")
    assert api.patch(variants_path(sequence, call), {"status": 0}).status_code == 200
    assert api.post(path.format(call["id"]), {"type": 11, "payload": {}}).status_code == 201
    is_refused(api.patch(variants_path(sequence, call), {"status": 1}), 4000, "Failed to update sequence step variant")


def test_payload_and_attachments_are_replaced_completely(api):
    sequence = api.sequence()
    payload = {"subject": "S", "content": "<p>C</p>", "preheader": "P"}
    step = api.step(sequence, variants=[{"payload": payload, "attachmentIds": ["lN5xKp2vJq", "aaaaaaaaaa"]}])
    path = variants_path(sequence, step)

    def kept():
        return api.box.store.sequence(sequence).steps[0].variants[0]

    assert api.patch(path, {"payload": {"subject": "T", "content": "<p>C</p>"}}).status_code == 200
    assert kept().payload == {"subject": "T", "content": "<p>C</p>"}
    assert kept().attachments == ("lN5xKp2vJq", "aaaaaaaaaa")
    assert api.patch(path, {"attachmentIds": ["bbbbbbbbbb"]}).status_code == 200
    assert kept().attachments == ("bbbbbbbbbb",)
    assert api.patch(path, {"attachmentIds": []}).status_code == 200
    assert kept().attachments == ()
    assert kept().payload["subject"] == "T"


def test_the_day_of_a_variant_moves_its_step(api):
    sequence = api.sequence()
    first, second = api.step(sequence, 1), api.step(sequence, 5)
    path = variants_path(sequence, first)
    is_refused(api.patch(path, {"absoluteDays": 5}), 4000, "Failed to update sequence step variant")
    assert api.patch(path, {"absoluteDays": 9, "priority": 1, "assigneeId": "Qe3Tn7yKdX"}).status_code == 200
    assert [(row["id"], row["number"], row["absoluteDays"]) for row in api.steps(sequence)] == [
        (second["id"], 1, 5),
        (first["id"], 2, 9),
    ]
    moved = api.box.store.sequence(sequence).step(first["id"])
    assert (moved.priority, moved.assignee) == (1, "Qe3Tn7yKdX")


def test_a_variant_is_deactivated_and_reactivated(api):
    sequence = api.sequence()
    step = api.step(sequence, variants=[EMAIL, EMAIL])

    def reported():
        (row,) = api.steps(sequence)
        return row["status"], [one["status"] for one in row["variants"]]

    api.patch(variants_path(sequence, step, 0), {"status": 0})
    assert reported() == (1, [0, 1])
    api.patch(variants_path(sequence, step, 1), {"status": 0})
    assert reported() == (0, [0, 0])
    api.patch(variants_path(sequence, step, 0), {"status": 1})
    assert reported() == (1, [1, 0])


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        (1, {"status": 2}, "status must be a valid enum value"),
        (1, {"status": "0"}, "status must be a valid enum value"),
        (1, {"type": 2}, "type must match the type of the step"),
        (1, {"type": "Email"}, "type must be a valid enum value"),
        (1, {"taskNote": "N"}, "taskNote is not allowed for Email steps"),
        (1, {"payload": {"subject": "S"}}, "payload.content must be a string"),
        (1, {"payload": {"subject": "S", "content": "C", "body": "B"}}, "payload.property body should not exist"),
        (1, {"absoluteDays": 1000}, "absoluteDays must not be greater than 999"),
        (11, {"attachmentIds": []}, "attachmentIds is allowed for Email steps only"),
        (11, {"payload": {"message": "M"}}, "payload.property message should not exist"),
        (11, {"taskNote": "n" * 3001}, "taskNote must be shorter than or equal to 3000 characters"),
        (11, {"subject": "S"}, "property subject should not exist"),
    ],
)
def test_an_invalid_change_changes_nothing(api, kind, body, sentence):
    sequence = api.sequence()
    step = api.step(sequence, kind=kind)
    before = api.steps(sequence)
    is_invalid(api.patch(variants_path(sequence, step), body), sentence)
    assert api.steps(sequence) == before


def test_a_task_note_is_replaced_or_cleared(api):
    sequence = api.sequence()
    step = api.step(sequence, kind=11)
    path = variants_path(sequence, step)
    for body, note in (({"taskNote": "Call early"}, "Call early"), ({}, "Call early"), ({"taskNote": ""}, "")):
        assert api.patch(path, body).status_code == 200
        assert api.steps(sequence)[0]["variants"][0]["taskNote"] == note


def test_an_unknown_variant_is_refused(api):
    sequence = api.sequence()
    one, other = api.step(sequence, 1), api.step(sequence, 2)
    path = f"/sequences/{sequence}/steps/{one['id']}/variants/{other['variants'][0]['id']}"
    is_refused(api.patch(path, {"status": 0}), 4000, "Failed to update sequence step variant")
