"""Which way a call leaves this machine: directly, or through the proxy that the environment names."""

from __future__ import annotations

import socket

import pytest
from raw_server import GET, KEY, OK, POST, free_port, headers_of, once, plain_answer, serving

from sequence_sync.errors import UsageError
from sequence_sync.provider.base import NeverConnectedError
from sequence_sync.provider.transport import HttpTransport


def test_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is never told of a call to this machine."""
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


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that NO_PROXY names is called directly."""
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


def test_refuses_a_proxy_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is named as the reason, not passed by."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(UsageError, match="socks5"):
        HttpTransport("https://api.example.com/v1", KEY, {}, 5)


def test_refuses_an_address_that_is_none() -> None:
    """An address that is no URL is told as a mistake in the settings."""
    with pytest.raises(UsageError, match="not a URL"):
        HttpTransport("https://example.com:port", KEY, {}, 5)
