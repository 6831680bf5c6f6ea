"""HTTP in front of the endpoints: key, envelope, headers, rate limit, sizes, request log."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from sequence_sync.sandbox.http import Limiter
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.sandbox.store import Store

CANARY = "canary-key-4711"
RATE_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"authorization": "Bearer key"}])
def test_a_missing_key_is_400_with_code_1001(api, headers):
    """A bearer token is not a key."""
    answer = httpx.get(f"{api.box.url}/sequences", headers=headers)
    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (400, 1001, "Invalid token")
    assert body["type"]


def test_only_named_keys_are_accepted():
    with Sandbox(keys=("right",)) as box:
        wrong = httpx.post(f"{box.url}/sequences", json={"title": "T"}, headers={"x-api-key": "wrong"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, 1001)
        assert box.store.sequences() == []
        assert httpx.get(f"{box.url}/sequences", headers={"x-api-key": "right"}).status_code == 200


def test_answers_have_message_and_payload(api):
    for path in ("/sequences", "/fields", "/user/team-member-list", "/schedules", "/tasks/assignee/list"):
        answer = api.get(path)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert set(answer.json()) == {"message", "payload"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("DELETE", "/sequences/abcdefghij"),
        ("PUT", "/sequences"),
        ("GET", "/sequences/abcdefghij"),
        ("DELETE", "/sequences/abcdefghij/steps/abcdefghij"),
        ("PATCH", "/sequences/abcdefghij/steps/abcdefghij"),
        ("GET", "/sequences/"),
        ("GET", "/dnc-lists"),
        ("GET", "/"),
    ],
)
def test_unknown_routes_are_404(api, method, path):
    """No delete, no read of one step, no change of a step: the answer of the framework."""
    answer = api.http.request(method, path)
    assert (answer.status_code, answer.json()["statusCode"], answer.json()["error"]) == (404, 404, "Not Found")


def test_a_get_with_content_type_is_406(api):
    """In the gateway's shape, before the key is checked."""
    for headers in ({"content-type": "application/json"}, {"content-type": "", "x-api-key": ""}):
        answer = api.http.get("/sequences", headers=headers)
        assert (answer.status_code, set(answer.json())) == (406, {"error", "error_code", "error_message"})


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'"text"',
        b"5",
        b"null",
        b'{"title": NaN}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_malformed_json_is_refused(api, body):
    answer = api.http.post("/sequences", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_json_without_its_content_type_counts_as_empty(api):
    answer = api.http.post("/sequences", content=b'{"title": "T"}')
    assert answer.json()["message"] == ["title must be a string"]


def test_a_body_over_5_mb_is_413(api):
    """A body just below is read, and the connection stays open."""
    before = len(api.box.store.sequences())
    answer = api.post("/sequences", {"title": "T", "pad": "x" * 5_000_000})
    assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)
    assert api.post("/sequences", {"title": "T", "pad": "x" * 4_999_000}).status_code == 400
    assert len(api.box.store.sequences()) == before


def test_foreign_host_names_are_refused(api):
    """A web page whose host name points to 127.0.0.1 cannot read the sandbox."""
    for path in ("/", "/v1/sequences"):
        answer = httpx.get(api.box.root + path, headers={"host": "evil.example", "x-api-key": "k"})
        assert answer.status_code == 400
        assert "Invalid host" in answer.text


@pytest.mark.parametrize("text", ["Prénom — 🙂", "\ud800", "a\x00b", "<script>", "נסיון"])
def test_any_title_is_returned_as_it_was_sent(api, text):
    body = '{"title": "' + "".join(f"\\u{ord(one):04x}" if ord(one) < 65536 else one for one in text) + '"}'
    answer = api.http.post("/sequences", content=body.encode(), headers={"content-type": "application/json"})
    assert answer.json()["payload"]["title"] == text
    assert httpx.get(f"{api.box.root}/").status_code == 200


def limited(clock: ManualClock, **limits: float) -> Sandbox:
    """Return a sandbox with a clock that the test moves."""
    return Sandbox(store=Store(clock=clock), **limits)


def test_the_21st_call_of_an_endpoint_is_400_with_retry_after():
    """Another endpoint and another key are not limited."""
    clock = ManualClock()
    with limited(clock) as box, httpx.Client(base_url=box.url, headers={"x-api-key": "k"}) as http:
        seen = [http.post("/sequences", json={"title": f"T{number}"}) for number in range(20)]
        assert [answer.headers["x-ratelimit-remaining"] for answer in seen] == [str(left) for left in range(19, -1, -1)]
        assert {answer.headers["x-ratelimit-limit"] for answer in seen} == {"20"}
        clock.time += 20
        refused = http.post("/sequences", json={"title": "One too many"})
        assert (refused.status_code, refused.json()["code"], refused.json()["message"]) == (
            400,
            40000,
            "Rate Limit exceeded",
        )
        assert refused.headers["retry-after"] == "40"
        reset = datetime.fromisoformat(refused.headers["x-ratelimit-reset"])
        assert reset.timestamp() == clock.time + 40
        assert len(box.store.sequences()) == 20
        assert http.get("/sequences").status_code == 200
        assert http.post("/sequences", json={"title": "T"}, headers={"x-api-key": "other"}).status_code == 201
        clock.time += 40
        assert http.post("/sequences", json={"title": "T"}).headers["x-ratelimit-remaining"] == "19"


def test_the_limit_counts_method_and_path_template():
    """Two sequences share the limit of one endpoint."""
    with (
        limited(ManualClock(), per_minute=2) as box,
        httpx.Client(base_url=box.url, headers={"x-api-key": "k"}) as http,
    ):
        ids = [http.post("/sequences", json={"title": "T"}).json()["payload"]["sequenceId"] for _ in range(2)]
        assert [http.get(f"/sequences/{one}/steps").status_code for one in (*ids, *ids)] == [200, 200, 400, 400]
        body = {"type": 5, "absoluteDays": 1, "variants": [{"payload": {}}]}
        assert http.post(f"/sequences/{ids[0]}/steps", json=body).status_code == 201


def test_the_total_limit_counts_every_endpoint():
    with limited(ManualClock(), per_minute=20, in_all=3) as box:
        paths = ("/sequences", "/fields", "/schedules", "/user/team-member-list")
        seen = [httpx.get(box.url + path, headers={"x-api-key": "k"}) for path in paths]
        assert [answer.status_code for answer in seen] == [200, 200, 200, 400]
        assert [answer.headers["x-ratelimit-remaining"] for answer in seen] == ["2", "1", "0", "0"]
    with limited(ManualClock(), per_minute=1) as box:
        codes = [httpx.get(box.url + path, headers={"x-api-key": "k"}).status_code for path in paths]
        assert codes == [200] * 4


def test_without_a_limit_the_headers_have_a_large_number(api):
    assert int(api.get("/sequences").headers["x-ratelimit-remaining"]) > 100_000


def test_every_answer_has_the_rate_headers(api):
    answers = (
        api.get("/sequences"),
        api.get("/nothing"),
        api.http.get("/sequences", headers={"x-api-key": ""}),
        api.http.get("/sequences", headers={"content-type": "a/b"}),
        api.post("/sequences", {}),
        api.post("/sequences", {"pad": "x" * 5_000_000}),
    )
    for answer in answers:
        assert all(name in answer.headers for name in RATE_HEADERS), answer.status_code
        assert "retry-after" not in answer.headers
        datetime.fromisoformat(answer.headers["x-ratelimit-reset"])


def test_the_limiter_drops_windows_in_the_past():
    clock = ManualClock()
    limiter = Limiter(1, 0, 60, clock)
    for number in range(10_002):
        limiter.count(f"key {number}", "GET /sequences")
    clock.time += 61
    limiter.count("last", "GET /sequences")
    assert len(limiter._counts) == 1


def test_the_request_log_has_no_key(api):
    api.http.post("/sequences?x=1", json={"title": "Logged"}, headers={"x-api-key": CANARY, "x-other": "seen"})
    api.http.get("/nothing", headers={"authorization": CANARY, "x-api-key": CANARY})
    made, missing = api.box.store.log.entries()
    assert (made.method, made.path, made.query, made.status) == ("POST", "/v1/sequences", "x=1", 201)
    assert made.body == '{"title":"Logged"}'
    assert made.headers["x-other"] == "seen"
    assert made.time > 0
    assert missing.status == 404
    assert CANARY not in repr(api.box.store.log.entries())


def test_the_request_log_is_bounded(monkeypatch):
    monkeypatch.setattr("sequence_sync.sandbox.faults.MOST_ENTRIES", 5)
    monkeypatch.setattr("sequence_sync.sandbox.faults.MOST_BYTES", 1000)
    with Sandbox() as box:
        for number in range(8):
            httpx.get(f"{box.url}/sequences?n={number}")
        assert [entry.query for entry in box.store.log.entries()] == [f"n={number}" for number in range(3, 8)]
        httpx.post(f"{box.url}/sequences", content=b"x" * 900)
        httpx.post(f"{box.url}/sequences", content=b"y" * 900)
        assert [entry.body[:1] for entry in box.store.log.entries()] == ["y"]
