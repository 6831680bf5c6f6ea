"""One call over real sockets: what is sent, what is returned, and the error for each kind of failure."""

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
from sequence_sync.provider import transport as transport_module
from sequence_sync.provider.base import NeverConnectedError, NoAnswerError, Request
from sequence_sync.provider.requests import list_steps
from sequence_sync.provider.transport import HttpTransport


def test_a_get_has_the_key_and_no_body() -> None:
    reply, wire = once(OK)
    sent = headers_of(wire.requests[0])
    assert wire.requests[0].startswith("GET /v1/sequences/abc/steps HTTP/1.1\r\n")
    assert (sent["x-api-key"], sent["accept"]) == (KEY, "application/json")
    assert sent["user-agent"].startswith("seqsync/")
    assert {"content-type", "content-length", "authorization"}.isdisjoint(sent)
    assert (reply.status, json.loads(reply.body)) == (200, {"payload": []})


def test_a_post_has_its_body_as_utf8_json() -> None:
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


def test_headers_of_the_settings_are_sent_but_replace_none_of_seqsync() -> None:
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
def test_an_invalid_key_or_header_is_refused_without_repeating_it(key: str, headers: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        HttpTransport("http://127.0.0.1:1", key, headers, 1)
    assert not key or key not in str(caught.value)


def test_a_refusal_is_returned_with_status_headers_and_body() -> None:
    reply, _ = once(plain_answer(b'{"message": "no"}', "429 Slow", "Retry-After: 7", "X-RateLimit-Remaining: 0"))
    assert (reply.status, reply.body) == (429, b'{"message": "no"}')
    assert (reply.headers["retry-after"], reply.headers["x-ratelimit-remaining"]) == ("7", "0")


def test_a_compressed_answer_is_decompressed() -> None:
    packed = gzip.compress(b'{"payload": [1]}')
    assert once(plain_answer(packed, "200 OK", "Content-Encoding: gzip"))[0].body == b'{"payload": [1]}'
    with pytest.raises(NoAnswerError):
        once(plain_answer(b"no gzip at all", "200 OK", "Content-Encoding: gzip"))


def test_redirects_are_not_followed() -> None:
    reply, wire = once(plain_answer(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:9/elsewhere"), POST)
    assert reply.status == 307
    assert len(wire.requests) == 1


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    with line(free_port()) as transport, pytest.raises(NeverConnectedError, match="no connection"):
        transport.send(POST)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70])
def test_an_unknown_host_means_that_nothing_was_sent(host: str, monkeypatch: pytest.MonkeyPatch) -> None:

    def resolve(name: str, *rest: object, **more: object) -> None:
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    transport = HttpTransport(f"http://{host}:1", KEY, {}, 1)
    with pytest.raises(NeverConnectedError):
        transport.send(GET)


def test_a_failed_tls_handshake_means_that_nothing_was_sent() -> None:
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
def test_an_incomplete_answer_leaves_the_outcome_in_doubt(answer: bytes) -> None:
    with pytest.raises(NoAnswerError, match="no complete answer"):
        once(answer, POST)


def test_the_transport_never_sends_a_request_twice() -> None:
    with serving(lambda connection, wire: None) as wire, line(wire.port) as transport:
        with pytest.raises(NoAnswerError):
            transport.send(POST)
        assert (wire.connections, len(wire.requests)) == (1, 1)


def test_a_server_that_never_answers_times_out() -> None:
    with (
        serving(lambda connection, wire: wire.over.wait(30)) as wire,
        line(wire.port, timeout=0.2) as transport,
        pytest.raises(NoAnswerError, match="timeout"),
    ):
        transport.send(POST)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"])
def test_a_server_that_sends_single_bytes_times_out(begun: bytes) -> None:

    def drip(connection: socket.socket, wire: Wire) -> None:
        connection.sendall(begun)
        for _ in range(9000):
            if wire.over.wait(0.05):
                return
            connection.sendall(b"x")

    with (
        serving(drip) as wire,
        line(wire.port, timeout=0.4) as transport,
        pytest.raises(NoAnswerError, match="timeout"),
    ):
        transport.send(POST)


def test_a_server_that_reads_slowly_times_out() -> None:
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
    with pytest.raises(NoAnswerError, match="timeout"):
        transport.send(Request("POST", "/x", "/x", body={"x": "y" * size}))
    over.set()
    thread.join()
    assert taken[0] < size
    listener.close()


def test_a_long_request_has_one_timeout_for_all_its_parts() -> None:
    bound = transport_module._Bound()

    class Slow(httpcore.NetworkStream):
        parts = 0

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self.parts += 1
            bound.until = 0.0 if self.parts == 3 else bound.until

    inner = Slow()
    with pytest.raises(httpcore.WriteTimeout):
        transport_module._BoundStream(inner, bound).write(b"x" * 10 * transport_module.CHUNK, 5)
    assert inner.parts == 3


def test_an_answer_above_the_maximum_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LARGEST_ANSWER", 1 << 20)
    packed = gzip.compress(b"0" * (1 << 21))
    for answer in (plain_answer(b"0" * (1 << 21)), plain_answer(packed, "200 OK", "Content-Encoding: gzip")):
        with pytest.raises(NoAnswerError, match="larger than 1 MiB"):
            once(answer)


def kept_open(connection: socket.socket, wire: Wire) -> bool:
    connection.sendall(OK)
    return True


def test_successive_calls_share_a_connection() -> None:
    with serving(kept_open) as wire, line(wire.port) as transport:
        for _ in range(5):
            transport.send(POST)
        assert (wire.connections, len(wire.requests)) == (1, 5)


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After two idle seconds a call gets a fresh connection, since the server may be closing the old one just now."""
    assert transport_module.IDLE == 2.0
    monkeypatch.setattr(transport_module, "IDLE", 0.05)
    with serving(kept_open) as wire, line(wire.port) as transport:
        transport.send(POST)
        threading.Event().wait(0.1)
        transport.send(POST)
        assert wire.connections == 2


def test_a_dropped_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that the server closed after an answer costs the next call nothing."""
    monkeypatch.setattr(transport_module, "IDLE", 1000)
    with serving(lambda connection, wire: connection.sendall(OK)) as wire, line(wire.port) as transport:
        for _ in range(3):
            transport.send(POST)
            pool = transport._line._pool
            while not all(row.has_expired() for row in pool.connections):  # until word of the closing has come
                threading.Event().wait(0.01)
        assert (wire.connections, len(wire.requests)) == (3, 3)


def test_threads_share_a_transport_and_have_their_own_timeouts() -> None:

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
def test_no_repr_log_error_or_traceback_contains_the_key(fault: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    reported = []
    with serving(lambda connection, wire: connection.sendall(fault)) as wire, line(wire.port) as transport:
        try:
            reported.append(repr(transport.send(POST)))
        except (NoAnswerError, NeverConnectedError) as error:
            reported += traceback.format_exception(error)
            chain: BaseException | None = error
            while chain is not None:
                reported += [repr(chain), str(chain), repr(vars(chain))]
                chain = chain.__cause__ or chain.__context__
        reported += [repr(transport), repr(vars(transport)), repr(transport._client.headers), repr(GET)]
    assert KEY not in "\n".join(reported)
    assert KEY not in caplog.text
