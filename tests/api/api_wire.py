"""A server of raw sockets on loopback, whose every byte and pause is the test's own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


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
    while len(body) < length:
        body += connection.recv(65536)
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
