"""Switches and scripted faults, as a client sees them over a real socket."""

from __future__ import annotations

import json
import socket
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from sequence_sync.sandbox.faults import Days, Fault, FaultKind, Switches
from sequence_sync.sandbox.routes import rewrapped
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.sandbox.store import Store

BODY = {"type": 5, "absoluteDays": 1, "variants": [{"payload": {}}]}
NOTHING_DONE = {
    "drop_before",
    "error_500_before",
    "rate_limit_429_seconds",
    "rate_limit_429_date",
    "rate_limit_400",
    "bad_key",
    "forbidden_403",
}
NO_ANSWER = {"drop_before", "drop_after", "late_commit"}


def one_fault(kind: str, **more: object) -> Switches:
    """Return switches whose next create of a step gets this fault."""
    return Switches(faults=(Fault(FaultKind(kind), "POST", "/steps", **more),))


def create(api, sequence: str, **options: object) -> httpx.Response:
    """Create a step on its own connection, so that a closed connection is not taken for an idle one."""
    return httpx.post(f"{api.box.url}/sequences/{sequence}/steps", json=BODY, headers={"x-api-key": "k"}, **options)


def eventually(holds) -> None:
    """Wait until a condition is true."""
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


@pytest.mark.parametrize("kind", [one.value for one in FaultKind])
def test_each_fault_prevents_the_write_or_hides_it(api, kind):
    """Afterwards there are as many steps as the fault's name says, and only one request gets the fault."""
    sequence = api.sequence()
    api.box.switch(one_fault(kind, seconds=0.01))
    if kind in NO_ANSWER:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            create(api, sequence)
    else:
        create(api, sequence)
    expected = 0 if kind in NOTHING_DONE else 2 if kind == "duplicate" else 1
    eventually(lambda: len(api.box.store.sequence(sequence).steps) == expected)
    assert create(api, sequence).status_code == 201
    assert len(api.box.store.sequence(sequence).steps) == expected + 1
    met = [entry for entry in api.box.store.log.entries() if entry.fault]
    assert [entry.fault for entry in met] == [kind]
    assert (met[0].status is None) == (kind in NO_ANSWER)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("error_500_before", 500, 5001),
        ("error_500_after", 500, 5001),
        ("bad_key", 400, 1001),
        ("forbidden_403", 403, 4003),
        ("rate_limit_400", 400, 40000),
        ("rate_limit_429_seconds", 429, 40000),
        ("rate_limit_429_date", 429, 40000),
    ],
)
def test_a_scripted_refusal_looks_like_a_real_one(api, kind, status, code):
    api.box.switch(one_fault(kind))
    answer = create(api, api.sequence())
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_scripted_rate_limit_names_the_wait(api):
    """Seconds or a date in Retry-After, and nothing remaining."""
    sequence = api.sequence()
    for kind in ("rate_limit_400", "rate_limit_429_seconds"):
        api.box.switch(one_fault(kind, seconds=7))
        headers = create(api, sequence).headers
        assert (headers["retry-after"], headers["x-ratelimit-remaining"]) == ("7", "0")
    api.box.switch(one_fault("rate_limit_429_date", seconds=3600))
    until = parsedate_to_datetime(create(api, sequence).headers["retry-after"]).timestamp()
    assert until > time.time() + 3000


def test_a_scripted_refusal_counts_as_a_call():
    with Sandbox(switches=Switches(faults=(Fault(FaultKind.FORBIDDEN_403, nth=2),))) as box:
        seen = [httpx.get(f"{box.url}/sequences", headers={"x-api-key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in seen] == [200, 403, 200]
    assert [answer.headers["x-ratelimit-remaining"] for answer in seen] == ["19", "18", "17"]


def test_a_damaged_answer_comes_after_the_write(api):
    """Cut JSON, an HTML error page, the wrong content type and an empty body."""
    sequence = api.sequence()
    answers = {}
    for kind in ("truncated_json", "html_502", "wrong_content_type", "empty_body"):
        api.box.switch(one_fault(kind))
        answers[kind] = create(api, sequence)
    assert (answers["truncated_json"].status_code, answers["truncated_json"].text[:11]) == (201, '{"message":')
    with pytest.raises(json.JSONDecodeError):
        answers["truncated_json"].json()
    assert (answers["html_502"].status_code, answers["html_502"].text[:6]) == (502, "<html>")
    assert answers["html_502"].headers["content-type"] == "text/html"
    assert answers["wrong_content_type"].headers["content-type"].startswith("text/html")
    assert (answers["empty_body"].status_code, answers["empty_body"].content) == (201, b"")


@pytest.mark.parametrize("kind", sorted(NO_ANSWER))
def test_a_dropped_connection_ends_without_a_byte(api, kind):
    sequence = api.sequence()
    api.box.switch(one_fault(kind, seconds=0.01))
    body = json.dumps(BODY).encode()
    port = int(api.box.root.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(
            f"POST /v1/sequences/{sequence}/steps HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: k\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert line.recv(1) == b""


def test_a_late_answer_comes_after_the_write(api):
    sequence = api.sequence()
    api.box.switch(one_fault("late", seconds=60))
    with pytest.raises(httpx.ReadTimeout):
        create(api, sequence, timeout=0.2)
    assert len(api.box.store.sequence(sequence).steps) == 1


def test_a_late_commit_writes_after_the_connection_was_dropped(api):
    sequence = api.sequence()
    api.box.switch(one_fault("late_commit", seconds=0.3))
    with pytest.raises(httpx.RemoteProtocolError):
        create(api, sequence)
    assert api.box.store.sequence(sequence).steps == ()
    eventually(lambda: len(api.box.store.sequence(sequence).steps) == 1)


def test_a_duplicate_delivery_of_an_email_is_refused_by_its_day(api):
    sequence = api.sequence()
    api.box.switch(one_fault("duplicate"))
    assert api.step(sequence, 1)["number"] == 1
    assert len(api.steps(sequence)) == 1


def test_each_fault_counts_only_matching_requests(api):
    sequence = api.sequence()
    faults = (
        Fault(FaultKind.ERROR_500_BEFORE, "POST", "/steps", nth=2),
        Fault(FaultKind.FORBIDDEN_403, "GET", "/fields", nth=0),
    )
    api.box.switch(Switches(faults=faults))
    codes = []
    for _ in range(3):
        api.get("/sequences")
        codes.append(create(api, sequence).status_code)
    assert codes == [201, 500, 201]
    assert [api.get("/fields").status_code for _ in range(3)] == [403, 403, 403]


def test_switches_choose_how_a_day_is_returned(api):
    """Absolute, relative to the step before, or not at all; in reads and in the answer to a create."""
    sequence = api.sequence()
    for day in (3, 5, 9):
        api.step(sequence, day)
    assert [row["absoluteDays"] for row in api.steps(sequence)] == [3, 5, 9]
    api.box.switch(Switches(days=Days.RELATIVE))
    assert [row["relativeDays"] for row in api.steps(sequence)] == [2, 2, 4]
    assert "absoluteDays" not in api.steps(sequence)[0]
    api.box.switch(Switches(days=Days.NONE))
    assert not any("Days" in name for name in (*api.steps(sequence)[0], *api.step(sequence, 20)))


def test_bare_answers_follow_the_vendors_documentation(api):
    """Without the envelope, a sequence has `id` and a step has no variants."""
    api.box.switch(Switches(bare=True))
    made = api.post("/sequences", {"title": "Bare"}).json()
    assert made["title"] == "Bare"
    step = api.post(f"/sequences/{made['id']}/steps", {**BODY, "absoluteDays": 3}).json()
    assert step == {"id": step["id"], "name": "Step 1", "number": 1, "type": 5, "absoluteDays": 3}
    assert [row["id"] for row in api.get(f"/sequences/{made['id']}/steps").json()] == [step["id"]]
    (variant,) = api.get(f"/sequences/{made['id']}/steps/{step['id']}").json()
    assert variant["payload"] == {}


def test_rewrapped_html_looks_the_same_and_is_stored_as_sent(api):
    content = "<p>Café — “hi” &amp; {{firstName}}<br/>x</p>"
    sequence = api.sequence()
    api.step(sequence, variants=[{"payload": {"subject": "Café", "content": content}}])
    assert api.steps(sequence)[0]["variants"][0]["payload"]["content"] == content
    api.box.switch(Switches(rewrap_html=True))
    payload = api.steps(sequence)[0]["variants"][0]["payload"]
    assert payload["content"] == "<p>Caf&eacute; &mdash; &ldquo;hi&rdquo; &amp; {{firstName}}<br>x</p><br>"
    assert payload["subject"] == "Café"
    assert api.box.store.sequence(sequence).steps[0].variants[0].payload["content"] == content
    assert rewrapped("日本 <b>ok</b>") == "日本 <b>ok</b><br>"


def test_the_list_of_steps_can_omit_task_notes(api):
    """The list of a step's variants always has them."""
    sequence = api.sequence()
    step = api.step(sequence, kind=11, variants=[{"payload": {}, "taskNote": "N"}])
    assert api.steps(sequence)[0]["variants"][0]["taskNote"] == "N"
    api.box.switch(Switches(task_notes=False))
    assert "taskNote" not in api.steps(sequence)[0]["variants"][0]
    assert api.get(f"/sequences/{sequence}/steps/{step['id']}").json()["payload"][0]["taskNote"] == "N"


def test_reads_lag_behind_writes():
    now = [1_000_000.0]
    box = Sandbox(switches=Switches(read_lag=5), store=Store(clock=lambda: now[0]), per_minute=0)
    with box, httpx.Client(base_url=box.url, headers={"x-api-key": "k"}) as http:
        sequence = http.post("/sequences", json={"title": "T"}).json()["payload"]["sequenceId"]
        assert http.get("/sequences").json()["payload"] == []
        assert http.get(f"/sequences/{sequence}/steps").json()["code"] == 40100
        now[0] += 5
        step = http.post(f"/sequences/{sequence}/steps", json=BODY).json()["payload"]
        now[0] += 4.9
        assert http.get(f"/sequences/{sequence}/steps").json()["payload"] == []
        path = f"/sequences/{sequence}/steps/{step['id']}/variants/{step['variants'][0]['id']}"
        assert http.patch(path, json={"taskNote": "new"}).status_code == 200
        now[0] += 0.1
        assert http.get(f"/sequences/{sequence}/steps").json()["payload"][0]["variants"][0]["taskNote"] is None
        now[0] += 4.9
        assert http.get(f"/sequences/{sequence}/steps").json()["payload"][0]["variants"][0]["taskNote"] == "new"


def test_a_file_of_switches_is_read_for_each_request(tmp_path: Path):
    """A new text resets the counts of faults. A missing file is the default."""
    file = tmp_path / "switches.json"

    def write(value: object) -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(value if isinstance(value, str) else json.dumps(value))
        fresh.replace(file)

    with Sandbox(switches=file) as box:

        def ask() -> httpx.Response:
            return httpx.get(f"{box.url}/sequences", headers={"x-api-key": "k"})

        assert set(ask().json()) == {"message", "payload"}
        write(
            {"bare": True, "days": "none", "faults": [{"fault": "html_502", "method": "get", "path_contains": "/seq"}]}
        )
        assert [ask().status_code for _ in range(2)] == [502, 200]
        assert ask().json() == []
        write({"faults": [{"fault": "html_502"}]})
        assert [ask().status_code for _ in range(2)] == [502, 200]
        file.unlink()
        assert ask().json()["payload"] == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"lag": 1}',
        '{"bare": 1}',
        '{"days": 3}',
        '{"faults": [{"method": "GET"}]}',
        '{"faults": [{"fault": 1}]}',
    ],
)
def test_an_invalid_file_of_switches_fails_every_request(tmp_path: Path, text: str):
    file = tmp_path / "switches.json"
    file.write_text(text)
    with Sandbox(switches=file) as box:
        for _ in range(2):
            answer = httpx.get(f"{box.url}/sequences", headers={"x-api-key": "k"})
            assert (answer.status_code, answer.json()["message"][:25]) == (500, "Invalid file of switches:")
