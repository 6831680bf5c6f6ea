"""HTTP in front of the endpoints: body size, the header rule, rate limit, scripted faults, the request log.

Only ASGI: the inner app carries out the call. ASGI has no way to close a connection without an answer, so `app` puts
the function `hang_up` into the scope's state.
"""

from __future__ import annotations

import asyncio
import email.policy
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.parser import BytesParser
from email.utils import formatdate
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sequence_sync.sandbox.errors import (
    GatewayError,
    InvalidError,
    RefusalError,
    RefusedError,
    UnroutableError,
    bad_key,
    broken,
    rate_limited,
)
from sequence_sync.sandbox.faults import Entry, Fault, FaultKind, SwitchBoard, Switches
from sequence_sync.sandbox.store import Store

NO_LIMIT = 1_000_000  # the limit in the headers where there is none, so that a client learns that it may go faster
FORGET_AT = 10_000  # windows after which the ones in the past are dropped

LARGEST_BODY = 5_000_000  # bytes
CANNED: Mapping[FaultKind, Callable[[], RefusalError]] = {
    FaultKind.ERROR_500_BEFORE: broken,
    FaultKind.BAD_KEY: bad_key,
    FaultKind.FORBIDDEN_403: lambda: RefusedError(4003, "Missing permission", status=403, kind="FORBIDDEN"),
    FaultKind.RATE_LIMIT_400: rate_limited,
    FaultKind.RATE_LIMIT_429_SECONDS: lambda: rate_limited(429),
    FaultKind.RATE_LIMIT_429_DATE: lambda: rate_limited(429),
}
RATE_FAULTS = (FaultKind.RATE_LIMIT_400, FaultKind.RATE_LIMIT_429_SECONDS, FaultKind.RATE_LIMIT_429_DATE)
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Reply:
    """A complete HTTP answer. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Result:
    """The successful result of an endpoint: message and payload of the envelope."""

    message: str
    payload: Any = None
    status: int = 200


@dataclass(frozen=True)
class Call:
    """One request to an endpoint. `path`: the ids in its path, by name."""

    store: Store
    switches: Switches
    path: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON body. Without the content type of JSON it is empty, as in the API's framework.

        Raises UnroutableError for a body that is not a JSON object or list.
        """
        if self.content_type.split(";")[0].strip().lower() != "application/json" or not self.raw:
            return {}
        try:
            body = json.loads(self.raw.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict | list):
            raise UnroutableError(400, "The body is not valid JSON", "Bad Request")
        return body

    def upload(self) -> tuple[str, int]:
        """Return the name and the size in bytes of the part `file` of a multipart form.

        Raises InvalidError without that part.
        """
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode("latin-1", "replace")
        form = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.raw)
        for part in form.iter_parts() if form.is_multipart() else ():
            if part.get_param("name", header="content-disposition") == "file":
                content = part.get_payload(decode=True)
                return part.get_filename() or "file", len(content) if isinstance(content, bytes) else 0
        raise InvalidError("file should not be empty")


def enveloped(result: Result, bare: bool, headers: Mapping[str, str]) -> Reply:
    """Return the answer: in an envelope like the live API (L), or bare like the vendor's documentation (D)."""
    value = {"message": result.message, "payload": result.payload}
    if bare:
        value = {"message": result.message} if result.payload is None else result.payload
    return Reply(result.status, json.dumps(value).encode(), headers)


def error_reply(refusal: RefusalError, headers: Mapping[str, str]) -> Reply:
    """Return the answer to a refused call."""
    return Reply(refusal.status, json.dumps(refusal.body).encode(), headers)


def _no_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(frozen=True)
class RateStatus:
    """The rate limit of a key after a call.

    `reset`: in seconds since the epoch. `wait`: in seconds; None for an allowed call.
    """

    limit: int
    remaining: int
    reset: float
    wait: float | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers of the answer: the reset as a date, the wait in whole seconds."""
        headers = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": datetime.fromtimestamp(self.reset, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }
        return headers if self.wait is None else {**headers, "retry-after": str(max(1, math.ceil(self.wait)))}


class Limiter:
    """The rate limit: `per_minute` for each endpoint, `in_all` for a key; 0 is no limit. `window`: in seconds."""

    def __init__(self, per_minute: int, in_all: int, window: float, clock: Callable[[], float]) -> None:
        self._limits = (per_minute, in_all)
        self._window = window
        self._clock = clock
        self._counts: dict[tuple[bytes, str], tuple[float, int]] = {}

    def count(self, key: str, endpoint: str) -> RateStatus:
        """Count one call of a key to an endpoint, and return its status. Call it from one thread only."""
        now, owner = self._clock(), hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        if len(self._counts) > FORGET_AT:
            self._counts = {name: one for name, one in self._counts.items() if one[0] + self._window > now}
        statuses = [self._one(now, owner, name, most) for name, most in zip((endpoint, ""), self._limits, strict=True)]
        refused = [one for one in statuses if one.wait is not None]
        return max(refused, key=lambda one: one.wait or 0) if refused else min(statuses, key=lambda one: one.remaining)

    def idle(self) -> RateStatus:
        """Return the status for a request that does not count."""
        most = self._limits[0] or NO_LIMIT
        return RateStatus(most, most, self._clock() + self._window)

    def exhausted(self, seconds: float) -> RateStatus:
        """Return the status for a scripted refusal."""
        return RateStatus(self._limits[0] or NO_LIMIT, 0, self._clock() + seconds, seconds)

    def _one(self, now: float, owner: bytes, name: str, most: int) -> RateStatus:
        if not most:
            return RateStatus(NO_LIMIT, NO_LIMIT, now + self._window)
        start, used = self._counts.get((owner, name), (now, 0))
        if now >= start + self._window:
            start, used = now, 0
        self._counts[owner, name] = (start, used + 1)
        end = start + self._window
        return RateStatus(most, max(0, most - used - 1), end, end - now if used >= most else None)


class Gateway:
    """The ASGI app around the endpoints."""

    def __init__(self, app: ASGIApp, store: Store, board: SwitchBoard, limiter: Limiter) -> None:
        self._app = app
        self._store = store
        self._board = board
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection."""
        try:
            body = await _read(receive)
        except ConnectionResetError:
            return
        entry = self._store.log.add(_entry(scope, body or b"", self._store.clock()))
        fault: Fault | None = None
        try:
            if body is None:
                raise UnroutableError(413, "request entity too large", "Payload Too Large")
            if scope["method"] in ("GET", "HEAD") and "content-type" in entry.headers:
                raise GatewayError(406, "Not Acceptable", "A GET request must not carry a Content-Type header")
            switches, fault = self._board.next_request(entry.method, entry.path)
            entry.fault = fault.fault.value if fault else ""
            scope["switches"] = switches
            reply = await self._with_fault(fault, scope, body, receive)
        except RefusalError as refusal:
            reply = error_reply(refusal, {})
        if reply is None:
            return
        entry.status = reply.status
        await _send(replace(reply, headers={**self._limiter.idle().headers(), **reply.headers}), send)

    async def _with_fault(self, fault: Fault | None, scope: Scope, body: bytes, receive: Receive) -> Reply | None:
        """Carry out the request with `fault`. None: the connection is closed without an answer."""
        if fault is None:
            return await self._perform(scope, body)
        kind = fault.fault
        if kind in CANNED:
            return await self._refuse(fault, scope, body)
        if kind in (FaultKind.DROP_BEFORE, FaultKind.LATE_COMMIT):
            await _hang_up(scope, receive)
        if kind is FaultKind.DROP_BEFORE:
            return None
        if kind is FaultKind.LATE_COMMIT:
            await asyncio.sleep(fault.seconds)
        reply = await self._perform(scope, body)
        if kind is FaultKind.DUPLICATE:
            await self._perform(scope, body)
        if kind is FaultKind.LATE:
            await asyncio.sleep(fault.seconds)
        if kind is FaultKind.DROP_AFTER:
            await _hang_up(scope, receive)
        return None if kind in (FaultKind.DROP_AFTER, FaultKind.LATE_COMMIT) else _damaged(kind, reply)

    async def _refuse(self, fault: Fault, scope: Scope, body: bytes) -> Reply:
        """Return a scripted refusal. The call counts like any other, so that the headers stay true."""
        reply = await self._perform({**scope, "instead": CANNED[fault.fault]()}, body)
        if fault.fault not in RATE_FAULTS:
            return reply
        headers = self._limiter.exhausted(fault.seconds).headers()
        if fault.fault is FaultKind.RATE_LIMIT_429_DATE:
            headers["retry-after"] = formatdate(self._store.clock() + fault.seconds, usegmt=True)
        return replace(reply, headers={**reply.headers, **headers})

    async def _perform(self, scope: Scope, body: bytes) -> Reply:
        """Return the inner app's complete answer to this body."""
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(dict(scope), receive, collect)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in messages[0]["headers"]}
        kind = headers.pop("content-type", "")
        headers.pop("content-length", None)
        return Reply(
            messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]), headers, kind
        )


def _damaged(kind: FaultKind, reply: Reply) -> Reply:
    """Return a correct answer, damaged by the fault."""
    if kind is FaultKind.ERROR_500_AFTER:
        return replace(reply, status=500, body=json.dumps(broken().body).encode())
    if kind is FaultKind.TRUNCATED_JSON:
        return replace(reply, body=reply.body[: len(reply.body) // 2])
    if kind is FaultKind.HTML_502:
        return replace(reply, status=502, body=BAD_GATEWAY, content_type="text/html")
    if kind is FaultKind.WRONG_CONTENT_TYPE:
        return replace(reply, content_type="text/html; charset=utf-8")
    if kind is FaultKind.EMPTY_BODY:
        return replace(reply, body=b"")
    return reply


def _entry(scope: Scope, body: bytes, now: float) -> Entry:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Entry(now, scope["method"], scope["path"], query, headers, body.decode("utf-8", "replace"))


async def _read(receive: Receive) -> bytes | None:
    """Return the complete body; None for one that is too large. Raises ConnectionResetError without a client."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the socket, and wait until the server has noticed, so that it sends no answer."""
    scope["state"]["hang_up"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(reply: Reply, send: Send) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body)), "content-type": reply.content_type}
    rows = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": rows})
    await send({"type": "http.response.body", "body": reply.body})
