"""One call over real sockets: what leaves, what comes back, and what every kind of break is taken for."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import traceback

import httpcore
import pytest
from raw_server import GET, KEY, OK, POST, Wire, free_port, headers_of, line, once, plain_answer, serving

from sequence_sync.errors import UsageError
from sequence_sync.provider import transport as room
from sequence_sync.provider.base import NeverConnectedError, NoAnswerError, Request
from sequence_sync.provider.requests import list_steps
from sequence_sync.provider.transport import HttpTransport


def test_a_read_carries_no_body() -> None:
    """A GET has the key and wants JSON, and has neither a body nor a type of one."""
    reply, wire = once(OK)
    sent = headers_of(wire.requests[0])
    assert wire.requests[0].startswith("GET /v1/sequences/abc/steps HTTP/1.1\r\n")
    assert (sent["x-api-key"], sent["accept"]) == (KEY, "application/json")
    assert sent["user-agent"].startswith("seqsync/")
    assert {"content-type", "content-length", "authorization"}.isdisjoint(sent)
    assert (reply.status, json.loads(reply.body)) == (200, {"payload": []})


def test_a_write_carries_utf8_json() -> None:
    """A POST has its body as UTF-8 JSON with nothing escaped that need not be."""
    _, wire = once(OK, POST)
    body = wire.requests[0].partition("\r\n\r\n")[2]
    assert headers_of(wire.requests[0])["content-type"] == "application/json"
    assert "Grüße — 你" in body
    assert json.loads(body) == POST.body


def test_parameters_are_quoted() -> None:
    """A value with all sorts of signs goes along as one parameter."""
    _, wire = once(OK, Request("GET", "/sequences", "/sequences", {"title": "A & b=ü?#"}))
    assert "title=A+%26+b%3D%C3%BC%3F%23 HTTP" in wire.requests[0]


def test_quoted_ids_stay_quoted() -> None:
    """A quoted id is neither read nor quoted again."""
    _, wire = once(OK, list_steps("a/b%2F.."))
    assert wire.requests[0].startswith("GET /v1/sequences/a%2Fb%252F../steps ")


def test_further_headers_go_along_but_replace_nothing_of_ours() -> None:
    """Headers from the settings are sent, and none of them takes the key's place."""
    further = {"sh-application": "open-api", "X-API-KEY": "other", "Accept": "text/html", "content-type": "text/plain"}

    def send(connection: socket.socket, wire: Wire) -> None:
        connection.sendall(OK)

    with serving(send) as wire, line(wire.port, headers=further) as transport:
        transport.send(GET)
    sent = headers_of(wire.requests[0])
    assert (sent["sh-application"], sent["x-api-key"], sent["accept"]) == ("open-api", KEY, "application/json")
    assert wire.requests[0].lower().count("x-api-key") == 1
    assert "content-type" not in sent


@pytest.mark.parametrize(
    ("key", "headers"),
    [("", {}), ("a b", {}), ("key\n", {}), ("kéy", {}), (KEY, {"a b": "x"}), (KEY, {"a": "x\r\ny: z"})],
)
def test_refuses_what_http_cannot_carry(key: str, headers: dict[str, str]) -> None:
    """A key or header that would break a request is refused before any, without being repeated."""
    with pytest.raises(UsageError) as caught:
        HttpTransport("http://127.0.0.1:1", key, headers, 1)
    assert not key or key not in str(caught.value)


def test_gives_status_headers_and_bytes() -> None:
    """A refusal comes back as it is, with its headers in lower case."""
    reply, _ = once(plain_answer(b'{"message": "no"}', "429 Slow", "Retry-After: 7", "X-RateLimit-Remaining: 0"))
    assert (reply.status, reply.body) == (429, b'{"message": "no"}')
    assert (reply.headers["retry-after"], reply.headers["x-ratelimit-remaining"]) == ("7", "0")


def test_reads_compressed_answers() -> None:
    """A gzipped answer is unpacked, and one that is broken is no answer."""
    packed = gzip.compress(b'{"payload": [1]}')
    assert once(plain_answer(packed, "200 OK", "Content-Encoding: gzip"))[0].body == b'{"payload": [1]}'
    with pytest.raises(NoAnswerError):
        once(plain_answer(b"no gzip at all", "200 OK", "Content-Encoding: gzip"))


def test_follows_no_redirect() -> None:
    """A redirect is told, and the key goes nowhere else."""
    reply, wire = once(plain_answer(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:9/elsewhere"), POST)
    assert reply.status == 307
    assert len(wire.requests) == 1


def test_a_refused_connection_never_left() -> None:
    """Where nobody listens the request certainly did not leave."""
    with line(free_port()) as transport, pytest.raises(NeverConnectedError, match="no connection"):
        transport.send(POST)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70])
def test_an_unknown_host_never_left(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be resolved is a connection never made."""

    def resolve(name: str, *rest: object, **more: object) -> None:
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    transport = HttpTransport(f"http://{host}:1", KEY, {}, 1)
    with pytest.raises(NeverConnectedError):
        transport.send(GET)


def test_a_failed_handshake_never_left() -> None:
    """Where TLS cannot be agreed on the request certainly did not leave."""
    listener = socket.create_server(("127.0.0.1", 0))

    def no_tls() -> None:
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=no_tls, daemon=True)
    thread.start()
    transport = HttpTransport(f"https://127.0.0.1:{listener.getsockname()[1]}", KEY, {}, 5)
    with pytest.raises(NeverConnectedError):
        transport.send(POST)
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"payload": {"id"',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":',
        b"this is no HTTP\r\n\r\n",
    ],
)
def test_a_broken_answer_is_none(answer: bytes) -> None:
    """A connection dropped after the request, or in the middle of the answer, leaves the outcome open."""
    with pytest.raises(NoAnswerError, match="no complete answer"):
        once(answer, POST)


def test_nothing_is_sent_twice() -> None:
    """After a dropped answer the transport itself tries nothing again."""
    with serving(lambda connection, wire: None) as wire, line(wire.port) as transport:
        with pytest.raises(NoAnswerError):
            transport.send(POST)
        assert (wire.connections, len(wire.requests)) == (1, 1)


def test_silence_is_bounded() -> None:
    """A server that takes a request and says nothing is given up."""
    with (
        serving(lambda connection, wire: wire.over.wait(30)) as wire,
        line(wire.port, timeout=0.2) as transport,
        pytest.raises(NoAnswerError, match="too long"),
    ):
        transport.send(POST)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_a_drip_is_bounded(begun: bytes) -> None:
    """A server that sends a byte now and then, in head or body, holds nobody beyond the time for one call."""

    def drip(connection: socket.socket, wire: Wire) -> None:
        connection.sendall(begun)
        for _ in range(9000):
            if wire.over.wait(0.05):
                return
            connection.sendall(b"x")

    with (
        serving(drip) as wire,
        line(wire.port, timeout=0.4) as transport,
        pytest.raises(NoAnswerError, match="too long"),
    ):
        transport.send(POST)


def test_a_server_that_hardly_reads_is_bounded() -> None:
    """A request that is taken off the wire a little at a time is given up too."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    size, taken, over = 60_000_000, [0], threading.Event()

    def sip() -> None:
        connection, _ = listener.accept()
        while not over.wait(0.01) and (more := connection.recv(65536)):
            taken[0] += len(more)
        connection.close()

    thread = threading.Thread(target=sip, daemon=True)
    thread.start()
    transport = HttpTransport(f"http://127.0.0.1:{listener.getsockname()[1]}", KEY, {}, 1)
    with pytest.raises(NoAnswerError, match="too long"):
        transport.send(Request("POST", "/x", "/x", body={"x": "y" * size}))
    over.set()
    thread.join()
    assert taken[0] < size
    listener.close()


def test_a_long_request_looks_at_the_bound_between_its_parts() -> None:
    """A request that leaves part by part ends with the time for one call, not with that for each part."""
    bound = room._Bound()

    class Slow(httpcore.NetworkStream):
        parts = 0

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self.parts += 1
            bound.until = 0.0 if self.parts == 3 else bound.until

    inner = Slow()
    with pytest.raises(httpcore.WriteTimeout):
        room._BoundStream(inner, bound).write(b"x" * 10 * room.CHUNK, 5)
    assert inner.parts == 3


def test_a_huge_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer beyond the bound is not read to its end, packed or not."""
    monkeypatch.setattr(room, "LARGEST_ANSWER", 1 << 20)
    packed = gzip.compress(b"0" * (1 << 21))
    for answer in (plain_answer(b"0" * (1 << 21)), plain_answer(packed, "200 OK", "Content-Encoding: gzip")):
        with pytest.raises(NoAnswerError, match="larger than 1 MiB"):
            once(answer)


def kept_open(connection: socket.socket, wire: Wire) -> bool:
    connection.sendall(OK)
    return True


def test_a_connection_in_use_is_kept() -> None:
    """Calls that follow each other share a connection."""
    with serving(kept_open) as wire, line(wire.port) as transport:
        for _ in range(5):
            transport.send(POST)
        assert (wire.connections, len(wire.requests)) == (1, 5)


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two idle seconds a call gets a fresh connection, since the server may be closing the old one just now."""
    assert room.IDLE == 2.0
    monkeypatch.setattr(room, "IDLE", 0.05)
    with serving(kept_open) as wire, line(wire.port) as transport:
        transport.send(POST)
        threading.Event().wait(0.1)
        transport.send(POST)
        assert wire.connections == 2


def test_a_dropped_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that the server closed after an answer costs the next call nothing."""
    monkeypatch.setattr(room, "IDLE", 1000)
    with serving(lambda connection, wire: connection.sendall(OK)) as wire, line(wire.port) as transport:
        for _ in range(3):
            transport.send(POST)
            pool = transport._line._pool
            while not all(row.has_expired() for row in pool.connections):  # until word of the closing has come
                threading.Event().wait(0.01)
        assert (wire.connections, len(wire.requests)) == (3, 3)


def test_threads_share_a_transport() -> None:
    """Calls from several threads do not disturb each other, a slow one's bound included."""

    def echo(connection: socket.socket, wire: Wire) -> bool:
        number = wire.requests[-1]
        connection.sendall(plain_answer(b"{}" if number else b""))
        return True

    failures: list[BaseException] = []
    with serving(echo) as wire, line(wire.port) as transport:

        def work() -> None:
            try:
                for _ in range(20):
                    assert transport.send(POST).body == b"{}"
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(wire.requests) == 160


FAULTS = [
    b"",
    b"this is no HTTP\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    plain_answer(b"x", "200 OK", "Content-Encoding: gzip"),
    plain_answer(f'{{"message": "Invalid token {KEY}"}}'.encode(), "400 Bad Request", f"x-echo: {KEY}"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_key_is_nowhere(fault: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """No repr, log, error or traceback holds the key, also where the server repeats it in a refusal."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    told = []
    with serving(lambda connection, wire: connection.sendall(fault)) as wire, line(wire.port) as transport:
        try:
            told.append(repr(transport.send(POST)))
        except (NoAnswerError, NeverConnectedError) as error:
            told += traceback.format_exception(error)
            chain: BaseException | None = error
            while chain is not None:
                told += [repr(chain), str(chain), repr(vars(chain))]
                chain = chain.__cause__ or chain.__context__
        told += [repr(transport), repr(vars(transport)), repr(transport._client.headers), repr(GET)]
    assert KEY not in "\n".join(told)
    assert KEY not in caplog.text
