"""A server of raw sockets on loopback, whose bytes and pauses the test controls, and a transport that calls it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from sequence_sync.provider.base import Reply, Request
from sequence_sync.provider.requests import list_steps, request_of
from sequence_sync.provider.transport import HttpTransport

KEY = "canary-5f1d-key"
GET = list_steps("abc")
POST = request_of("POST", "/sequences/abc/steps", {"type": 1, "variants": [{"payload": {"subject": "Grüße — 你"}}]})


class Wire:
    """What came in: one text for each request, and how many connections were made."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self.requests: list[str] = []
        self.connections = 0
        self.over = threading.Event()


def read_request(connection: socket.socket) -> str:
    """One request with its body; an empty text where the client hung up."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            return ""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length and (more := connection.recv(65536)):
        body += more
    return (head + b"\r\n\r\n" + body).decode("utf-8")


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket, Wire], bool | None]) -> Iterator[Wire]:
    """Reads requests and calls `answer` for each; the connection stays open where that gives True."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(listener)

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := read_request(connection):
                wire.requests.append(request)
                if not answer(connection, wire):
                    return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                wire.connections += 1
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield wire
    finally:
        wire.over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def plain_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


OK = plain_answer(b'{"payload": []}')


@contextlib.contextmanager
def line(
    port: int, timeout: float = 10, headers: Mapping[str, str] | None = None, key: str = KEY
) -> Iterator[HttpTransport]:
    transport = HttpTransport(f"http://127.0.0.1:{port}/v1/", key, headers or {}, timeout)
    try:
        yield transport
    finally:
        transport.close()


def once(answer: bytes, request: Request = GET, timeout: float = 10, key: str = KEY) -> tuple[Reply, Wire]:
    """The reply to one request, where the server sends `answer` and closes."""

    def send(connection: socket.socket, wire: Wire) -> None:
        connection.sendall(answer)

    with serving(send) as wire, line(wire.port, timeout, key=key) as transport:
        return transport.send(request), wire


def headers_of(request: str) -> dict[str, str]:
    head = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (row.partition(": ") for row in head)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
