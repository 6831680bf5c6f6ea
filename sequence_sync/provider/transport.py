"""One HTTP request: the only user of httpx, and of httpcore below it.

Never retries, and follows no redirect. The key is added in the last step, so that no request object, error, log line or
repr contains it. Does not know what an answer means.

The timeout of httpx is for each read of a socket. A server that sends a byte at a time would block a call for ever.
Therefore the connections are httpcore's own, on sockets with a deadline for the whole call.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpcore
import httpx

from sequence_sync._version import __version__
from sequence_sync.errors import UsageError
from sequence_sync.provider.base import NeverConnectedError, NoAnswerError, NotSentError, Reply, Request
from sequence_sync.provider.redact import Redactor

IDLE = 2.0  # seconds; servers close idle connections after 5, and a call on a closed socket would be in doubt
LONGEST_CONNECT = 10.0  # seconds
LARGEST_ANSWER = 64 * 1024 * 1024  # bytes
MOST_CONNECTIONS = 64
CHUNK = 64 * 1024  # bytes per write, so that the deadline is checked in between

_OURS = frozenset({"x-api-key", "accept", "content-type", "content-length", "transfer-encoding", "connection"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_KEY = re.compile(r"[\x21-\x7e]+")

# Errors after which the request was certainly not written.
_BEFORE_SENDING = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_AFTERWARDS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpx.HTTPError,
    httpx.StreamError,
    ValueError,  # of a library that cannot decode a header, a link or a host name in the answer
)


class HttpTransport:
    """Sends requests to one API host, from any number of threads.

    `base_url` is `api_url` of the settings. `headers` are added for a gateway. `timeout` is in seconds, from the start
    of a call to the last byte of its answer. Raises UsageError for a key or header that HTTP cannot carry.
    """

    def __init__(self, base_url: str, key: str, headers: Mapping[str, str], timeout: float) -> None:
        for name in ("httpx", "httpcore"):  # both log URLs and headers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._base = base_url.rstrip("/")
        self._timeout = timeout
        self._line = _Line(_checked_url(self._base), _checked_key(key))
        self.redactor = Redactor(key, headers)
        self._client = httpx.Client(
            transport=self._line,
            headers={"User-Agent": f"seqsync/{__version__}", **_further(headers), "Accept": "application/json"},
            timeout=httpx.Timeout(connect=min(timeout, LONGEST_CONNECT), read=timeout, write=timeout, pool=timeout),
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"HttpTransport({httpx.URL(self._base).host!r})"

    def send(self, request: Request) -> Reply:
        """Return the answer without credentials.

        Raises NeverConnectedError if the request was not sent, else NoAnswerError. No error quotes the server.
        Raises NotSentError for a credential in the body: it would be in an email, and a read could not compare it.
        """
        if request.body is not None and self.redactor.must_not_be_sent(request.body):
            raise NotSentError("the text contains the API key or a value of `headers:`, so seqsync did not send it")
        built = self._built(request)
        failure: Exception
        try:
            reply = self._answer(built)
        except _BEFORE_SENDING as error:
            failure = NeverConnectedError(f"no connection: {self.redactor.message(_reason(error))}")
        except _AFTERWARDS as error:
            failure = NoAnswerError(f"no complete answer: {self.redactor.message(_reason(error))}")
        else:
            return self.redactor.reply(reply)
        raise failure  # outside of the handler, so that it has no context that quotes the server

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _built(self, request: Request) -> httpx.Request:
        content = None
        headers = {}
        if request.body is not None:
            content = json.dumps(request.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
            headers["Content-Type"] = "application/json"
        return self._client.build_request(
            request.method,
            self._base + request.path,
            params=dict(request.params) or None,
            content=content,
            headers=headers,
        )

    def _answer(self, built: httpx.Request) -> Reply:
        self._line.bound.until = time.monotonic() + self._timeout
        answer = self._client.send(built, stream=True)
        try:
            body = _bounded(answer.iter_bytes())
        finally:
            answer.close()
        received = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status_code, received, body)


class _Bound(threading.local):
    """The deadline of this thread's call, on the monotonic clock."""

    until = float("inf")

    def left(self, timeout: float | None, late: type[Exception]) -> float:
        """Return the seconds for the next wait on the socket. Raises `late` after the deadline."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise late("the timeout of the call is over")
        return left if timeout is None else min(timeout, left)


class _BoundStream(httpcore.NetworkStream):
    """A socket on which no wait passes the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, bound: _Bound) -> None:
        self._inner = inner
        self._bound = bound

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._bound.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), CHUNK):
            self._inner.write(buffer[start : start + CHUNK], self._bound.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._bound.left(timeout, httpcore.ConnectTimeout)
        return _BoundStream(self._inner.start_tls(ssl_context, server_hostname, left), self._bound)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _BoundNetwork(httpcore.NetworkBackend):
    """Creates sockets with a deadline."""

    def __init__(self, bound: _Bound) -> None:
        self._inner = httpcore.SyncBackend()
        self._bound = bound

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._bound.left(timeout, httpcore.ConnectTimeout)
        try:
            inner = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        except UnicodeError:  # the resolver's error for an invalid name
            raise httpcore.ConnectError("the host name cannot be looked up") from None
        return _BoundStream(inner, self._bound)


class _Body(httpx.SyncByteStream):
    """The body of an answer, as a stream."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Line(httpx.BaseTransport):
    """The connections to one host, and the key. Raises httpcore's own errors."""

    def __init__(self, url: httpx.URL, key: str) -> None:
        self.bound = _Bound()
        self._key = key
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
            proxy=_proxy(url),
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=IDLE,
            retries=0,
            network_backend=_BoundNetwork(self.bound),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        headers = [*request.headers.raw, (b"x-api-key", self._key.encode("ascii"))]
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method, url, headers=headers, content=request.stream, extensions=request.extensions
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions, request=request
        )

    def close(self) -> None:
        self._pool.close()


def _checked_url(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL:
        raise UsageError(
            "Invalid API address.", "`api_url` is not a URL.", "Correct `api_url` in seqsync.yaml."
        ) from None


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise UsageError(
            "Invalid API key.",
            "It is empty, or contains a space, a line break or another invalid character.",
            "Copy the key again, without spaces or line breaks.",
        )
    return key


def _further(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the settings, without those that seqsync sets itself."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise UsageError(
                "Invalid header in the settings.",
                f'The name or the value of "{name}" contains a character that HTTP headers cannot have.',
                "Correct it under `headers` in seqsync.yaml.",
            )
    return {name: value for name, value in headers.items() if name.lower() not in _OURS}


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    """Return the proxy for this host from the environment. Only for https: plain http is for the local machine."""
    where = urllib.request.getproxies()
    named = where.get("https") or where.get("all")
    if url.scheme != "https" or not named or _is_loopback(url.host) or urllib.request.proxy_bypass(url.host):
        return None
    proxy = httpx.URL(named if "://" in named else f"http://{named}")
    if proxy.scheme not in ("http", "https"):
        raise UsageError(
            "Unsupported proxy.",
            f'The environment names a "{proxy.scheme}" proxy. seqsync supports http and https proxies.',
            "Set HTTPS_PROXY to an http or https proxy, or NO_PROXY to the API's host.",
        )
    auth = (proxy.username, proxy.password) if proxy.username or proxy.password else None
    return httpcore.Proxy(
        httpcore.URL(scheme=proxy.raw_scheme, host=proxy.raw_host, port=proxy.port, target=b"/"), auth=auth
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _bounded(chunks: Iterable[bytes]) -> bytes:
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
        if len(whole) > LARGEST_ANSWER:
            raise _AnswerTooLargeError
    return bytes(whole)


class _AnswerTooLargeError(httpcore.RemoteProtocolError):
    """An answer of more than LARGEST_ANSWER bytes."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER >> 20} MiB")


# In seqsync's words, because the library's text quotes what the server sent: a status line, a header, a link.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore.TimeoutException, "timeout"),
    (httpcore.LocalProtocolError, "the request is not valid HTTP"),
    (httpcore.RemoteProtocolError, "the answer is incomplete or not valid HTTP"),
    (httpcore.UnsupportedProtocol, "the address is not http:// or https://"),
    (httpx.DecodingError, "the answer cannot be decompressed"),
    (httpx.HTTPError, "the answer is not valid HTTP"),
    (httpx.StreamError, "the answer cannot be read"),
    (ValueError, "the answer cannot be decoded"),
)


def _reason(error: Exception) -> str:
    """Return a short reason. Only the errors of the connection have the text of the operating system."""
    if isinstance(error, _AnswerTooLargeError):
        return str(error)
    if isinstance(error, httpcore.ProxyError):  # its text is the status and what the proxy wrote beside it
        status = re.match(r"[0-9]{3}\b", str(error))
        return f"the proxy refused the connection (HTTP {status[0]})" if status else "the proxy refused the connection"
    known = next((words for kind, words in _REASONS if isinstance(error, kind)), None)
    # "[Errno 111] Connection refused" -> "connection refused"
    text = re.sub(r"^\[Errno -?\d+\] (.)", lambda found: found[1].lower(), str(error))
    return known or text or type(error).__name__
