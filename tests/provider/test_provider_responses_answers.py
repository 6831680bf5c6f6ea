"""The kind of every answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.provider.base import Answer, AnswerKind, Reply
from sequence_sync.provider.responses import LONGEST_MESSAGE, classify

WALL = 1_795_500_000.0
VARIANT = {"id": "v1", "payload": {"subject": "Hi"}, "status": 1}
ENVELOPE = {"message": "Sequence step created successfully", "payload": {"id": "s1", "number": 1}}


def answer(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(Reply(status, headers or {}, raw), WALL)


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (ENVELOPE, {"id": "s1", "number": 1}),
        ({"payload": [VARIANT]}, [VARIANT]),
        ({"message": "ok", "payload": None}, None),
        ({"id": "s1", "name": "Step 1", "number": 1, "type": 1, "absoluteDays": 3},) * 2,
        ([VARIANT], [VARIANT]),
        (VARIANT, VARIANT),
        ({**VARIANT, "message": "Variant updated"}, {"subject": "Hi"}),
        ({"message": "Settings updated"}, {"message": "Settings updated"}),
        (b"\xef\xbb\xbf[]", []),
    ],
)
def test_payloads_are_the_same_with_and_without_an_envelope(body: object, payload: object) -> None:
    assert answer(201, body) == Answer(AnswerKind.OK, 201, payload=payload)


def test_an_answer_without_content_is_a_success() -> None:
    assert answer(204, b"") == Answer(AnswerKind.OK, 204)


APPLICATION = {"code": 4000, "type": "error", "message": "Failed to create sequence step"}
LIMIT = {"code": 40000, "message": "Rate Limit exceeded"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", AnswerKind.UNREADABLE),
        (200, b"<html><body>Maintenance</body></html>", AnswerKind.UNREADABLE),
        (201, b'{"message": "made", "payload": {"id": "s', AnswerKind.UNREADABLE),
        (201, b"\xff\xfe{", AnswerKind.UNREADABLE),
        (200, b"[" * 200_000, AnswerKind.UNREADABLE),
        (200, LIMIT | {"type": "x"}, AnswerKind.UNREADABLE),
        (200, {"statusCode": 400, "message": ["type must be a valid enum value"]}, AnswerKind.UNREADABLE),
        (100, b"", AnswerKind.UNREADABLE),
        (302, b"", AnswerKind.UNREADABLE),
        (307, LIMIT, AnswerKind.UNREADABLE),
        (999, b"", AnswerKind.UNREADABLE),
        (400, LIMIT, AnswerKind.RATE_LIMITED),
        (400, {"code": 4000, "message": " rate limit EXCEEDED. "}, AnswerKind.RATE_LIMITED),
        (400, {"statusCode": 400, "message": ["Rate limit exceeded"]}, AnswerKind.RATE_LIMITED),
        (
            400,
            {"error": "Bad Request", "error_code": 7, "error_message": "Rate Limit exceeded"},
            AnswerKind.RATE_LIMITED,
        ),
        (429, b"", AnswerKind.RATE_LIMITED),
        (429, b"<html>Too Many Requests</html>", AnswerKind.RATE_LIMITED),
        (429, {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}, AnswerKind.RATE_LIMITED),
        (400, {"code": 4000, "message": "Rate Limit exceeded for <p>our offer</p>"}, AnswerKind.REFUSED),
        (400, {"statusCode": 400, "message": ["Rate limit exceeded", "day must be a number"]}, AnswerKind.INVALID),
        (422, LIMIT, AnswerKind.REFUSED),
        (500, LIMIT, AnswerKind.FAILED),
        (400, {"code": 1001, "type": "error", "message": "Invalid token"}, AnswerKind.BAD_KEY),
        (400, {"message": "1001 Invalid token"}, AnswerKind.BAD_KEY),
        (401, {"statusCode": 401, "message": "Unauthorized"}, AnswerKind.BAD_KEY),
        (401, b"<html>", AnswerKind.BAD_KEY),
        (400, {"code": 1001, "message": "Please connect email account with this sequence"}, AnswerKind.REFUSED),
        (400, {"code": 4000, "message": "Invalid token {{x}} in the content"}, AnswerKind.REFUSED),
        (403, {"code": 4003, "message": "Missing permission"}, AnswerKind.FORBIDDEN),
        (400, {"code": "4003", "message": "Missing permission"}, AnswerKind.FORBIDDEN),
        (403, b"", AnswerKind.FORBIDDEN),
        (400, {"code": 40100, "message": "Sequence not found"}, AnswerKind.MISSING),
        (404, {"statusCode": 404, "message": "Cannot GET /v1/x", "error": "Not Found"}, AnswerKind.MISSING),
        (404, b"", AnswerKind.MISSING),
        (400, {"statusCode": 400, "message": ["type must be a valid enum value"], "error": "x"}, AnswerKind.INVALID),
        (400, {"statusCode": 400, "messages": ["property x should not exist"]}, AnswerKind.INVALID),
        (400, {"statusCode": 400, "message": "one text, no list"}, AnswerKind.REFUSED),
        (400, {"statusCode": 400, "message": []}, AnswerKind.REFUSED),
        (400, {"statusCode": 400, "message": [{"field": "type"}]}, AnswerKind.REFUSED),
        (400, {"code": 4000, "message": ["no statusCode"]}, AnswerKind.REFUSED),
        (400, APPLICATION, AnswerKind.REFUSED),
        (400, {"error": "bad", "error_code": 11, "error_message": "Header rejected"}, AnswerKind.REFUSED),
        (400, b"", AnswerKind.REFUSED),
        (400, b"[1, 2]", AnswerKind.REFUSED),
        (406, b"Not Acceptable", AnswerKind.REFUSED),
        (408, b"", AnswerKind.REFUSED),
        (409, {"message": "Conflict"}, AnswerKind.REFUSED),
        (413, {"code": 40003, "message": "more than 50"}, AnswerKind.REFUSED),
        (500, {"code": 5001, "message": "Internal error"}, AnswerKind.FAILED),
        (500, {"statusCode": 400, "message": ["type must be a valid enum value"]}, AnswerKind.FAILED),
        (502, b"<html>Bad Gateway</html>", AnswerKind.FAILED),
        (504, b"", AnswerKind.FAILED),
    ],
)
def test_every_known_answer_has_its_kind(status: int, body: object, kind: AnswerKind) -> None:
    reported = answer(status, body)
    assert (reported.kind, reported.status, reported.payload) == (kind, status, None)
    assert reported.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (APPLICATION, "Failed to create sequence step"),
        ({"statusCode": 400, "message": ["one", "two"]}, "one; two"),
        ({"error": "Bad", "error_code": 1, "error_message": "Header rejected"}, "Header rejected"),
        ({"error": "Bad"}, "Bad"),
        (b"<html>", "HTTP 400 without a readable reason"),
        ({"message": "red\x1b[31m\nand\u202eblue"}, "red [31m and blue"),
    ],
)
def test_the_reason_of_an_error_is_one_printable_line(body: object, message: str) -> None:
    assert answer(400, body).message == message


def test_the_reason_of_an_error_is_shortened() -> None:
    assert len(answer(400, {"message": "x" * 10_000}).message) == LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"x-ratelimit-reset": "2027-11-24T10:00:13.500Z"}, None),
    ],
)
def test_the_wait_that_a_server_asks_for_is_returned(headers: dict[str, str], wait: float | None) -> None:
    assert answer(429, b"", headers).wait == wait


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_has_a_kind(status: int, body: bytes) -> None:
    reported = answer(status, body)
    assert (reported.kind is AnswerKind.OK) <= (200 <= status < 300)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["message", "messages", "code", "statusCode", "error", "payload", "id"]), x
            )
        ),
    )
)
def test_any_json_has_a_kind(body: object) -> None:
    assert answer(400, body).kind in set(AnswerKind) - {AnswerKind.OK}
    assert answer(200, body).kind in (AnswerKind.OK, AnswerKind.UNREADABLE)
