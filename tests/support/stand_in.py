"""An independent stand-in of the API, written from docs/api.md alone: what somebody else's test server would be.

Shares nothing with the package or its sandbox. It keeps to what is documented, takes note of everything that a strict
server would not like (`violations`), answers in the shapes that are in doubt as `Shape` says, and meets the nth create
(of sequences and steps together, in order of arrival) with the fault that `Fault` scripts for it.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "canary-key-5f1d8e"
BODY = {"type", "absoluteDays", "variants", "priority", "assigneeId"}
VARIANT = {"payload", "attachmentIds", "taskNote"}
PAYLOAD: dict[int, set[str]] = {
    1: {"subject", "content", "preheader"}, 2: {"connectionNote"}, 3: {"message"}, 4: {"subject", "message"},
    9: {"title", "action"}, 16: {"message"},
}  # fmt: skip
TYPES = {*range(1, 7), 9, *range(11, 19)}

BEFORE = {
    "drop_before",
    "error_500_before",
    "html_502_before",
    "limit_seconds",
    "limit_date",
    "limit_400",
    "late_commit",
}
AFTER = {"drop_after", "error_500_after", "html_502_after", "late", "truncated", "empty", "not_json", "foreign_id"}
KINDS = sorted(BEFORE | AFTER)


@dataclass
class Fault:
    """What meets the create number `nth` (from 1). `then` is called at that point, before anything is answered:
    after the create where the kind is one of AFTER, before it otherwise. `seconds` is how late, or how long to wait."""

    kind: str
    nth: int
    seconds: float = 1.0
    then: Callable[[], None] | None = None


@dataclass(frozen=True)
class Shape:
    """How answers look. The defaults are the live ones."""

    bare: bool = False
    variant_ids: bool = True
    days: bool = True
    rewrapped: bool = False
    generous: bool = False  # tells by headers that there is no limit worth the name

    def __str__(self) -> str:
        told = [name for name in ("bare", "rewrapped", "generous") if getattr(self, name)]
        return (
            "-".join([*told, *(f"no_{name}" for name in ("variant_ids", "days") if not getattr(self, name))]) or "live"
        )


class Problem(Exception):
    """A refusal."""

    def __init__(self, status: int, code: int, message: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "type": "error", "message": message}


@dataclass
class StandIn:
    """A running server; `with StandIn() as server`. `sequences` is what it holds, by id."""

    shape: Shape = field(default_factory=Shape)
    faults: Sequence[Fault] = ()
    read_faults: dict[int, str] = field(default_factory=dict)  # number of the read: a kind of fault that makes nothing
    slow_reads: float = 0.0
    sequences: dict[str, dict[str, Any]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    creates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reads: int = 0
    on_the_way: int = 0
    made: int = 0
    met: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.turns = threading.Condition()
        self._ids = 0

    def __enter__(self) -> StandIn:
        handler = type("Bound", (_Handler,), {"stand_in": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def steps(self, title: str) -> list[dict[str, Any]]:
        """The steps of the one sequence with `title`, in the order in which they were made."""
        found = [row for row in self.sequences.values() if row["title"] == title]
        assert len(found) == 1, f"{len(found)} sequences are called {title}"
        return list(found[0]["steps"])

    def wait_for_creates(self, count: int, seconds: float = 20.0) -> None:
        """Until that many creates have arrived."""
        with self.turns:
            assert self.turns.wait_for(lambda: len(self.creates) >= count, seconds), f"no create {count}"

    def wait_for_reads(self, count: int, seconds: float = 20.0) -> None:
        """Until that many reads have arrived."""
        with self.turns:
            assert self.turns.wait_for(lambda: self.reads >= count, seconds), f"no read {count}"

    def arrive(self, path: str, body: dict[str, Any]) -> Fault | None:
        """Count a create; the fault that it meets."""
        with self.turns:
            self.creates.append((path, body))
            self.turns.notify_all()
            number = len(self.creates)
            due = next((fault for fault in self.faults if fault.nth == number), None)
            if due:
                self.met.append(due.kind)
                self.on_the_way += due.kind == "late_commit"
        return due

    def landed(self, fault: Fault) -> None:
        """What was late is done."""
        with self.turns:
            self.on_the_way -= fault.kind == "late_commit"
            self.turns.notify_all()

    def come_to_rest(self) -> None:
        """Wait until nothing is on its way any more: a late create may land after the client has ended."""
        with self.turns:
            assert self.turns.wait_for(lambda: not self.on_the_way, 20)

    def new_id(self) -> str:
        """Like a hashid."""
        self._ids += 1
        return f"{self._ids * 7919 % 100000:05d}xYzQw"

    def make_sequence(self, body: dict[str, Any]) -> Any:
        """POST /sequences."""
        self.expect(set(body) <= {"title", "emailAccountIds", "scheduleId"}, f"properties {sorted(body)}")
        title = body.get("title")
        if not isinstance(title, str) or not 1 <= len(title) <= 100:
            raise Problem(400, 4000, "Failed to create sequence")
        row = {"id": self.new_id(), "title": title, "active": False, "steps": []}
        self.sequences[row["id"]] = row
        self.made += 1
        if self.shape.bare:
            return {"id": row["id"], "title": title, "active": False, "steps": []}
        return {"sequenceId": row["id"], "title": title}

    def make_step(self, sequence_id: str, body: dict[str, Any]) -> Any:
        """POST /sequences/{id}/steps."""
        sequence = self.found(sequence_id)
        self._judge(body)
        day, kind = body["absoluteDays"], body["type"]
        if kind == 1 and any(s["type"] == 1 and s["absoluteDays"] == day for s in sequence["steps"]):
            raise Problem(400, 4000, "Failed to create sequence step")
        step_id = self.new_id()
        variants = [{"id": self.new_id(), "stepId": step_id, **row} for row in body["variants"]]
        number = len(sequence["steps"]) + 1
        step = {**body, "id": step_id, "name": f"Step {number}", "number": number, "variants": variants}
        sequence["steps"].append(step)
        self.made += 1
        told = {"id": step_id, "name": step["name"], "number": number, "type": kind, "absoluteDays": day}
        if self.shape.variant_ids and not self.shape.bare:
            told |= {"sequenceId": sequence_id, "variants": [{"id": v["id"], "stepId": step_id} for v in variants]}
        return told

    def read_steps(self, sequence_id: str) -> Any:
        """GET /sequences/{id}/steps."""
        rows = []
        for step in self.found(sequence_id)["steps"]:
            row = {name: step[name] for name in ("id", "name", "number", "type")}
            if self.shape.days:
                row["absoluteDays"] = step["absoluteDays"]
            row["variants"] = [self._variant(v, step["type"]) for v in step["variants"]]
            rows.append(row)
        return rows

    def list_sequences(self, query: dict[str, list[str]]) -> Any:
        """GET /sequences."""
        wanted = query.get("sequenceName", [""])[0]
        size, page = int(query.get("pageSize", ["100"])[0]), int(query.get("page", ["1"])[0])
        self.expect(1 <= size <= 1000 and page >= 1, f"page {page} of {size}")
        rows = [
            {**row, "steps": [{"id": s["id"], "name": s["name"]} for s in row["steps"]]}
            for row in self.sequences.values()
            if wanted.casefold() in row["title"].casefold()
        ]
        return rows[(page - 1) * size : page * size]

    def found(self, sequence_id: str) -> dict[str, Any]:
        """That sequence, or the answer that there is none."""
        if sequence_id not in self.sequences:
            raise Problem(400, 40100, "Sequence not found")
        return self.sequences[sequence_id]

    def expect(self, holds: bool, what: str) -> None:
        """The validator: what does not hold is noted, and refused."""
        if not holds:
            self.violations.append(what)
            raise Problem(400, 400, [f"{what} is not allowed"])

    def _judge(self, body: dict[str, Any]) -> None:
        kind, day, variants = body.get("type"), body.get("absoluteDays"), body.get("variants")
        self.expect(set(body) <= BODY, f"step properties {sorted(set(body) - BODY)}")
        self.expect(type(kind) is int and kind in TYPES, f"type {kind!r}")
        self.expect(type(day) is int and 1 <= day <= 999, f"absoluteDays {day!r}")
        self.expect(body.get("priority", 3) in (1, 2, 3, 4), "priority")
        self.expect(isinstance(variants, list) and 1 <= len(variants) <= (26 if kind == 1 else 1), "variants")
        for row in variants or ():
            self.expect(set(row) <= VARIANT, f"variant properties {sorted(set(row) - VARIANT)}")
            self.expect(set(row["payload"]) <= PAYLOAD.get(kind or 0, set()), f"payload {sorted(row['payload'])}")
            self.expect(kind != 1 or "taskNote" not in row, "taskNote on an email")
            self.expect(kind == 1 or "attachmentIds" not in row, "attachmentIds on a task")

    def _variant(self, row: dict[str, Any], kind: int) -> dict[str, Any]:
        payload = dict(row["payload"])
        if self.shape.rewrapped and kind == 1:
            text = payload["content"].replace("'", "&#39;").replace("<br>", "<br/>").replace(". ", ".&#32;")
            payload["content"] = f'<div class="body">\n{text}\n</div><br/>'
        told = {"id": row["id"], "payload": payload, "status": 1}
        if "taskNote" in row:
            told["taskNote"] = row["taskNote"]
        return told


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece
    timeout = 30
    stand_in: StandIn

    def log_message(self, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        """Reads."""
        box = self.stand_in
        url = urlsplit(self.path)
        with box.turns:
            box.reads += 1
            broken = box.read_faults.get(box.reads)
            box.turns.notify_all()
        if box.slow_reads:
            box.closing.wait(box.slow_reads)
        if self.headers.get("Content-Type"):
            box.violations.append("GET with Content-Type")
            return self._answer(406, {"error": "Not Acceptable", "error_code": 406, "error_message": "Content-Type"})
        if broken:
            return self._broken(Fault(broken, 0), {"id": "cut"})
        found = re.fullmatch(r"/v1/sequences(?:/([^/]+)/steps)?", url.path)
        if not found:
            return self._answer(404, {"statusCode": 404, "message": f"Cannot GET {url.path}"})
        sequence_id = found[1]
        return self._told(
            200, lambda: box.read_steps(sequence_id) if sequence_id else box.list_sequences(parse_qs(url.query))
        )

    def do_POST(self) -> None:
        """Creates."""
        box = self.stand_in
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Type") != "application/json":
            box.violations.append(f"POST with Content-Type {self.headers.get('Content-Type')}")
        found = re.fullmatch(r"/v1/sequences(?:/([^/]+)/steps)?", self.path)
        if not found:
            return self._answer(404, {"statusCode": 404, "message": f"Cannot POST {self.path}"})
        body, sequence_id = json.loads(raw), found[1]

        def make() -> Any:
            return box.make_step(sequence_id, body) if sequence_id else box.make_sequence(body)

        fault = box.arrive(self.path, body)
        if fault is None:
            return self._told(201, make)
        return self._fail(fault, make)

    def _told(self, status: int, act: Callable[[], Any]) -> None:
        box = self.stand_in
        try:
            if self.headers.get("x-api-key") != KEY:
                raise Problem(400, 1001, "Invalid token")
            if self.headers.get("Accept") != "application/json":
                box.violations.append(f"Accept {self.headers.get('Accept')}")
            with box.lock:
                payload = act()
        except Problem as problem:
            return self._answer(problem.status, problem.body)
        return self._answer(status, payload if box.shape.bare else {"message": "Done successfully", "payload": payload})

    def _fail(self, fault: Fault, make: Callable[[], Any]) -> None:
        box = self.stand_in
        made: list[Any] = []

        def once() -> Any:
            made.append(make())
            return made[0]

        if fault.kind in AFTER:
            with box.lock:
                once()
        if fault.then:
            fault.then()
        if fault.kind in ("late", "late_commit"):
            box.closing.wait(fault.seconds)
            try:
                return self._told(201, (lambda: made[0]) if made else once)
            finally:
                box.landed(fault)
        return self._broken(fault, made[0] if made else None)

    def _broken(self, fault: Fault, payload: Any) -> None:
        box = self.stand_in
        kind = fault.kind.removesuffix("_before").removesuffix("_after")
        answers: dict[str, Callable[[], None]] = {
            "drop": self._drop,
            "error_500": lambda: self._answer(500, {"code": 5001, "type": "error", "message": "Internal error"}),
            "html_502": lambda: self._raw(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html"),
            "limit_seconds": lambda: self._limit(429, {"Retry-After": f"{fault.seconds:.0f}"}),
            "limit_date": lambda: self._limit(
                429, {"Retry-After": formatdate(time.time() + fault.seconds, usegmt=True)}
            ),
            "limit_400": lambda: self._limit(400, {}),
            "truncated": lambda: self._truncated({"message": "Done", "payload": payload}),
            "empty": lambda: self._raw(201, b"", "application/json"),
            "not_json": lambda: self._raw(200, b"<html>Please wait</html>", "text/html"),
            "foreign_id": lambda: self._answer(201, {"message": "Done", "payload": {"id": next(iter(box.sequences))}}),
        }
        return answers[kind]()

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _limit(self, status: int, headers: dict[str, str]) -> None:
        body = json.dumps({"code": 40000, "type": "error", "message": "Rate Limit exceeded"}).encode()
        self._raw(status, body, "application/json", headers)

    def _truncated(self, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self._drop()

    def _answer(self, status: int, data: Any) -> None:
        self._raw(status, json.dumps(data).encode(), "application/json; charset=utf-8")

    def _raw(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        more = dict(headers or {})
        if self.stand_in.shape.generous:
            more |= {"x-ratelimit-remaining": "100000", "x-ratelimit-reset": formatdate(time.time() + 60, usegmt=True)}
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
