"""The choice of a proxy from the environment."""

from __future__ import annotations

import socket

import pytest
from raw_server import GET, KEY, OK, POST, free_port, headers_of, once, plain_answer, serving

from sequence_sync.errors import UsageError
from sequence_sync.provider.base import NeverConnectedError
from sequence_sync.provider.transport import HttpTransport


def test_calls_to_this_machine_bypass_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert once(OK)[0].status == 200


def test_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call to a host elsewhere asks the proxy for a tunnel, and the proxy never sees the key."""
    refusal = plain_answer(b"", "407 Proxy Authentication Required")
    with serving(lambda connection, wire: connection.sendall(refusal)) as wire:
        monkeypatch.setenv("HTTPS_PROXY", f"http://anna:secret@127.0.0.1:{wire.port}")
        transport = HttpTransport("https://api.example.com/v1", KEY, {}, 5)
        with pytest.raises(NeverConnectedError, match="407"):
            transport.send(POST)
        assert wire.requests[0].startswith("CONNECT api.example.com:443 ")
        assert headers_of(wire.requests[0])["proxy-authorization"].startswith("Basic ")
        assert KEY not in wire.requests[0]


def test_hosts_in_no_proxy_are_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    asked: list[str] = []

    def resolve(name: str, *rest: object, **more: object) -> None:
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NeverConnectedError):
        HttpTransport("https://api.example.com/v1", KEY, {}, 5).send(GET)
    assert asked == ["api.example.com"]


def test_a_proxy_of_an_unsupported_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(UsageError, match="socks5"):
        HttpTransport("https://api.example.com/v1", KEY, {}, 5)


def test_an_address_that_is_not_a_url_is_refused() -> None:
    with pytest.raises(UsageError, match="not a URL"):
        HttpTransport("https://example.com:port", KEY, {}, 5)
