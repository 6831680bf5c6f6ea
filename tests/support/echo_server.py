"""A server that repeats what it knows in every slot of an answer: status line, headers, chunks, bodies, ids, texts.

`SLOTS` builds the bytes of an answer. `EchoServer` is the stand-in of the API with such answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.stand_in import Handler, StandIn

Slot = Callable[[str, int, bytes], bytes]  # what to repeat, status and body of the right answer -> the whole answer


def _whole(status_line: str, body: bytes, *headers: str) -> bytes:
    lines = [status_line, f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + body


def _header(text: str) -> Slot:
    return lambda echo, status, body: _whole(f"HTTP/1.1 {status} OK", body, text.replace("S", echo))


def _redirect(text: str) -> Slot:
    return lambda echo, status, body: _whole("HTTP/1.1 307 Moved", body, f"Location: {text.replace('S', echo)}")


def _status_line(text: str) -> Slot:
    return lambda echo, status, body: _whole(text.replace("N", str(status)).replace("S", echo), body)


def _body(status: int, data: Callable[[str], Any]) -> Slot:
    return lambda echo, _, body: _whole(f"HTTP/1.1 {status} X", json.dumps(data(echo)).encode())


def _raw_body(status: int, text: str) -> Slot:
    """The text goes into the body as it is, so that an escape in it is one of JSON."""
    return lambda echo, _, body: _whole(
        f"HTTP/1.1 {status} X", text.replace("S", echo).encode("utf-8", "surrogatepass")
    )


def _chunks(text: str) -> Slot:
    def answer(echo: str, status: int, body: bytes) -> bytes:
        head = f"HTTP/1.1 {status} OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        chunk = text.replace("N", f"{len(body):x}").replace("S", echo).encode("utf-8", "surrogatepass")
        return head + chunk.replace(b"BODY", body)

    return answer


def _fields(*names: str) -> Slot:
    """The right answer, in which every field with one of `names` says what it says now and the echo."""

    def changed(value: Any, echo: str) -> Any:
        if isinstance(value, dict):
            return {
                name: (f"{each} {echo}" if name in names and not isinstance(each, dict | list) else changed(each, echo))
                for name, each in value.items()
            }
        return [changed(each, echo) for each in value] if isinstance(value, list) else value

    return lambda echo, status, body: _whole(
        f"HTTP/1.1 {status} OK", json.dumps(changed(json.loads(body), echo)).encode()
    )


def _more_fields(echo: str, status: int, body: bytes) -> bytes:
    """The right answer with unknown fields, in the envelope and in each payload."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{name: changed(each) for name, each in value.items()}, echo: echo}
        return [changed(each) for each in value] if isinstance(value, list) else value

    return _whole(f"HTTP/1.1 {status} OK", json.dumps(changed(json.loads(body))).encode())


# Errors of every class, by status and shape.
ERRORS: Mapping[str, Slot] = {
    "an error inside a 200": _body(200, lambda echo: {"statusCode": 400, "message": f"key {echo}"}),
    "an error inside a 200, raw": _raw_body(200, '{"statusCode": 400, "message": "key S"}'),
    "an error inside a 201": _body(201, lambda echo: {"code": 4000, "type": echo, "message": [echo, echo]}),
    "a refusal": _body(400, lambda echo: {"code": 4000, "type": "error", "message": f"no {echo} here"}),
    "a refusal, raw": _raw_body(400, '{"code": 4000, "type": "error", "message": "no S here"}'),
    "a long refusal": _body(400, lambda echo: {"message": "x" * 290 + echo}),
    "a list of errors": _body(400, lambda echo: {"statusCode": 400, "message": [f"day {echo}", echo]}),
    "an error of the gateway": _body(
        406, lambda echo: {"error": echo, "error_code": 11, "error_message": f"Header {echo} rejected"}
    ),
    "a bad key": _body(401, lambda echo: {"message": f"Invalid token {echo}"}),
    "no permission": _body(403, lambda echo: {"code": 4003, "message": f"{echo} may not"}),
    "a missing route": _body(404, lambda echo: {"statusCode": 404, "message": f"Cannot GET /v1/{echo}"}),
    "the rate limit": _body(429, lambda echo: {"message": f"Too many requests of {echo}"}),
    "a fault of the server": _body(500, lambda echo: {"code": 5001, "message": f"Internal error {echo}"}),
    "a page instead of JSON": _raw_body(502, "<html><h1>S</h1>S</html>"),
    "a page with 200": _raw_body(200, "<html>S</html>"),
    "a text with 200": _raw_body(200, '"S'),
    "a key of JSON": _body(400, lambda echo: {echo: echo, "message": [{echo: echo}]}),
}
BROKEN: Mapping[str, Slot] = {
    "the reason of the status": _status_line("HTTP/1.1 N S"),
    "a broken status": _status_line("HTTP/1.1 S"),
    "a broken status line": _status_line("S"),
    "a broken version": _status_line("HTTP/S N OK"),
    "the name of a header": _header("X-S: 1"),
    "the value of a header": _header("X-Echo: S"),
    "a broken header line": _header("S"),
    "a folded header line": _header("X-Echo: 1\r\n S"),
    "a cookie": _header("Set-Cookie: S=S; Path=/"),
    "a length": _header("Content-Length: S"),
    "a coding": _header("Content-Encoding: S"),
    "a type": _header("Content-Type: application/json; charset=S"),
    "a transfer coding": _header("Transfer-Encoding: S"),
    "a time to wait": _header("Retry-After: S"),
    "a rate limit": _header("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: S"),
    "a redirect": _redirect("https://example.com/S?S#S"),
    "a broken redirect": _redirect("http://[S"),
    "a redirect to a broken port": _redirect("http://localhost:S/"),
    "a chunk extension": _chunks("N;x=S\r\nBODY\r\n0\r\n\r\n"),
    "the length of a chunk": _chunks("S\r\nBODY\r\n0\r\n\r\n"),
    "a trailer": _chunks("N\r\nBODY\r\n0\r\nX-Echo: S\r\n\r\n"),
    "a broken trailer": _chunks("N\r\nBODY\r\n0\r\nS\r\n\r\n"),
    "an incomplete body": _header("Content-Length: 99999\r\nX-Echo: S"),
}
CONTENT: Mapping[str, Slot] = {
    "ids": _fields("id", "sequenceId", "stepId"),
    "titles": _fields("title", "name"),
    "texts": _fields("subject", "content", "preheader", "message", "taskNote"),
    "types": _fields("type", "status", "number", "priority", "assigneeId", "active"),
    "unknown fields": _more_fields,
}
SLOTS: Mapping[str, Slot] = {**ERRORS, **BROKEN, **CONTENT}


@dataclass
class EchoServer(StandIn):
    """The stand-in, with answers of one slot. `left`: how many of the next calls get one, by method."""

    slot: str = ""
    echo: str = ""
    left: dict[str, int] = field(default_factory=dict)
    echoed: int = 0

    def handler(self) -> type[Handler]:
        return _EchoHandler


class _EchoHandler(Handler):
    def _raw(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        server = self.stand_in
        assert isinstance(server, EchoServer)
        with server.turns:
            is_due = server.left.get(self.command, 0) > 0
            server.left[self.command] = server.left.get(self.command, 0) - is_due
            server.echoed += is_due
        if not is_due:
            return super()._raw(status, body, kind, headers)
        self.close_connection = True
        self.wfile.write(SLOTS[server.slot](server.echo, status, body))
        return None
