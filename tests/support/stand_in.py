"""An independent stand-in of the API, written from docs/api.md alone.

Shares nothing with the package or its sandbox. It keeps to what is documented, takes note of everything that a strict
server would not like (`violations`), answers in the shapes that are in doubt as `Shape` says, and meets the nth create
(of sequences and steps together, in order of arrival), or the nth change of what is there, with the fault that `Fault`
scripts for it. What it holds is in `stand_in_account`.
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
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support.stand_in_account import Account, RefusalError, Shape

__all__ = ["AFTER", "BEFORE", "KEY", "KINDS", "Fault", "Handler", "RefusalError", "Shape", "StandIn"]

KEY = "canary-key-5f1d8e"
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
    """What meets the create number `nth` (from 1), or with `change` that change of a step that is there.

    `then` is called at that point, before anything is answered: after the write where the kind is one of AFTER, before
    it otherwise. `seconds` is how late, or how long to wait."""

    kind: str
    nth: int
    seconds: float = 1.0
    then: Callable[[], None] | None = None
    change: bool = False


@dataclass
class StandIn(Account):
    """A running server; `with StandIn() as server`. `creates` and `changes` are the writes that arrived."""

    faults: Sequence[Fault] = ()
    read_faults: dict[int, str] = field(default_factory=dict)  # number of the read: a kind of fault that makes nothing
    slow_reads: float = 0.0
    creates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reads: int = 0
    on_the_way: int = 0
    met: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.turns = threading.Condition()

    def handler(self) -> type[Handler]:
        """What answers."""
        return Handler

    def __enter__(self) -> Self:
        handler = type("Bound", (self.handler(),), {"stand_in": self})
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

    def arrive(self, path: str, body: dict[str, Any], change: bool = False) -> Fault | None:
        """Count a create, or a change of a step that is there; the fault that it meets."""
        with self.turns:
            rows = self.changes if change else self.creates
            rows.append((path, body))
            self.turns.notify_all()
            due = next((fault for fault in self.faults if (fault.nth, fault.change) == (len(rows), change)), None)
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


class Handler(BaseHTTPRequestHandler):
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
        return self._respond(
            200, lambda: box.parse_steps(sequence_id) if sequence_id else box.list_sequences(parse_qs(url.query))
        )

    def do_POST(self) -> None:
        """Creates, also of variants."""
        found = re.fullmatch(r"/v1/sequences(?:/([^/]+)/steps(?:/([^/]+)/variants)?)?", self.path)
        sequence_id, step_id = found.groups() if found else (None, None)
        body = self._body()
        if not found:
            return self._answer(404, {"statusCode": 404, "message": f"Cannot POST {self.path}"})
        box = self.stand_in

        def make() -> Any:
            if step_id:
                return box.add_variant(sequence_id, step_id, body)
            return box.make_step(sequence_id, body) if sequence_id else box.make_sequence(body)

        return self._meet(box.arrive(self.path, body, change=step_id is not None), 201, make)

    def do_PATCH(self) -> None:
        """Changes of variants."""
        found = re.fullmatch(r"/v1/sequences/([^/]+)/steps/([^/]+)/variants/([^/]+)", self.path)
        body = self._body()
        if not found:
            return self._answer(404, {"statusCode": 404, "message": f"Cannot PATCH {self.path}"})
        box, ids = self.stand_in, found.groups()
        return self._meet(box.arrive(self.path, body, change=True), 200, lambda: box.change_variant(*ids, body))

    def _body(self) -> dict[str, Any]:
        if self.headers.get("Content-Type") != "application/json":
            self.stand_in.violations.append(f"{self.command} with Content-Type {self.headers.get('Content-Type')}")
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        return body

    def _meet(self, fault: Fault | None, status: int, make: Callable[[], Any]) -> None:
        return self._fail(fault, status, make) if fault else self._respond(status, make)

    def _respond(self, status: int, act: Callable[[], Any]) -> None:
        box = self.stand_in
        try:
            if self.headers.get("x-api-key") != KEY:
                raise RefusalError(400, 1001, "Invalid token")
            if self.headers.get("Accept") != "application/json":
                box.violations.append(f"Accept {self.headers.get('Accept')}")
            with box.lock:
                payload = act()
        except RefusalError as problem:
            return self._answer(problem.status, problem.body)
        return self._answer(status, payload if box.shape.bare else {"message": "Done successfully", "payload": payload})

    def _fail(self, fault: Fault, status: int, make: Callable[[], Any]) -> None:
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
                return self._respond(status, (lambda: made[0]) if made else once)
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
