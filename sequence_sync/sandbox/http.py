"""What stands before the endpoints: body size, the header rule, scripted faults, the log of requests.

ASGI only; what a call does is the inner app's. A connection is closed without an answer through `hang_up` in the
scope's state, which `runner` puts there; ASGI itself has no word for it.
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
from sequence_sync.sandbox.faults import Behaviour, Entry, Fault, FaultKind, Switches
from sequence_sync.sandbox.store import Store


@dataclass(frozen=True)
class Reply:
    """A whole answer. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Done:
    """What an endpoint answers when it went well: the message and payload of the envelope."""

    message: str
    payload: Any = None
    status: int = 200


@dataclass(frozen=True)
class Call:
    """One request to an endpoint. `path` holds the ids of the template."""

    store: Store
    behaviour: Behaviour
    path: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON body. A body that is not told to be JSON counts as empty, as the API's framework has it.

        Raises UnroutableError where it is no JSON, or neither an object nor a list.
        """
        if self.content_type.split(";")[0].strip().lower() != "application/json" or not self.raw:
            return {}
        try:
            found = json.loads(self.raw.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict | list):
            raise UnroutableError(400, "The body is not valid JSON", "Bad Request")
        return found

    def upload(self) -> tuple[str, int]:
        """Name and size in bytes of the one part `file` of a multipart form. Raises InvalidError where it is not
        there."""
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode("latin-1", "replace")
        form = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.raw)
        for part in form.iter_parts() if form.is_multipart() else ():
            if part.get_param("name", header="content-disposition") == "file":
                content = part.get_payload(decode=True)
                return part.get_filename() or "file", len(content) if isinstance(content, bytes) else 0
        raise InvalidError("file should not be empty")


def told(done: Done, bare: bool, headers: Mapping[str, str]) -> Reply:
    """The answer: enveloped as the live API does it (L), or bare as the vendor's pages have it (D)."""
    value = {"message": done.message, "payload": done.payload}
    if bare:
        value = {"message": done.message} if done.payload is None else done.payload
    return Reply(done.status, json.dumps(value).encode(), headers)


def refused(refusal: RefusalError, headers: Mapping[str, str]) -> Reply:
    """The answer to a call that was not carried out."""
    return Reply(refusal.status, json.dumps(refusal.body).encode(), headers)


def _no_constant(name: str) -> None:
    raise ValueError(name)


NO_LIMIT = 1_000_000  # told where there is none, so that a client learns that it may go faster
FORGET_AT = 10_000  # windows kept before the ones that are over are thrown away


@dataclass(frozen=True)
class Standing:
    """Where a key stands after a call. `wait` is in seconds, None for a call that may go."""

    limit: int
    remaining: int
    reset: float
    wait: float | None = None

    def headers(self) -> dict[str, str]:
        """As an answer tells it: the reset as a date, the wait in whole seconds."""
        found = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": datetime.fromtimestamp(self.reset, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        }
        return found if self.wait is None else {**found, "retry-after": str(max(1, math.ceil(self.wait)))}


class Limiter:
    """Counts calls. `per_minute` is for one endpoint, `in_all` for a key; 0: no limit. `window` in seconds."""

    def __init__(self, per_minute: int, in_all: int, window: float, clock: Callable[[], float]) -> None:
        self._limits = (per_minute, in_all)
        self._window = window
        self._clock = clock
        self._counts: dict[tuple[bytes, str], tuple[float, int]] = {}

    def count(self, key: str, endpoint: str) -> Standing:
        """Count one call of a key to an endpoint. To be called from one thread."""
        now, owner = self._clock(), hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        if len(self._counts) > FORGET_AT:
            self._counts = {name: one for name, one in self._counts.items() if one[0] + self._window > now}
        standings = [self._one(now, owner, name, most) for name, most in zip((endpoint, ""), self._limits, strict=True)]
        refused = [one for one in standings if one.wait is not None]
        return max(refused, key=lambda one: one.wait or 0) if refused else min(standings, key=lambda one: one.remaining)

    def idle(self) -> Standing:
        """What is told to a request that does not count."""
        most = self._limits[0] or NO_LIMIT
        return Standing(most, most, self._clock() + self._window)

    def exhausted(self, seconds: float) -> Standing:
        """What is told by a scripted refusal."""
        return Standing(self._limits[0] or NO_LIMIT, 0, self._clock() + seconds, seconds)

    def _one(self, now: float, owner: bytes, name: str, most: int) -> Standing:
        if not most:
            return Standing(NO_LIMIT, NO_LIMIT, now + self._window)
        start, used = self._counts.get((owner, name), (now, 0))
        if now >= start + self._window:
            start, used = now, 0
        self._counts[owner, name] = (start, used + 1)
        end = start + self._window
        return Standing(most, max(0, most - used - 1), end, end - now if used >= most else None)


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


class Gateway:
    """An ASGI app around the endpoints."""

    def __init__(self, app: ASGIApp, store: Store, switches: Switches, limiter: Limiter) -> None:
        self._app = app
        self._store = store
        self._switches = switches
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection."""
        try:
            body = await _read(receive)
        except ConnectionResetError:
            return
        entry = self._store.log.note(_entry(scope, body or b"", self._store.clock()))
        fault: Fault | None = None
        try:
            if body is None:
                raise UnroutableError(413, "request entity too large", "Payload Too Large")
            if scope["method"] in ("GET", "HEAD") and "content-type" in entry.headers:
                raise GatewayError(406, "Not Acceptable", "A GET request must not carry a Content-Type header")
            behaviour, fault = self._switches.turn(entry.method, entry.path)
            entry.fault = fault.fault.value if fault else ""
            scope["behaviour"] = behaviour
            reply = await self._meet(fault, scope, body, receive)
        except RefusalError as refusal:
            reply = refused(refusal, {})
        if reply is None:
            return
        entry.status = reply.status
        await _send(replace(reply, headers={**self._limiter.idle().headers(), **reply.headers}), send)

    async def _meet(self, fault: Fault | None, scope: Scope, body: bytes, receive: Receive) -> Reply | None:
        """Carry the request out as the fault will have it. None: the connection is closed without an answer."""
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
        return None if kind in (FaultKind.DROP_AFTER, FaultKind.LATE_COMMIT) else _spoilt(kind, reply)

    async def _refuse(self, fault: Fault, scope: Scope, body: bytes) -> Reply:
        """A refusal by script. The call is counted as any other, so that the headers go on telling the truth."""
        reply = await self._perform({**scope, "instead": CANNED[fault.fault]()}, body)
        if fault.fault not in RATE_FAULTS:
            return reply
        headers = self._limiter.exhausted(fault.seconds).headers()
        if fault.fault is FaultKind.RATE_LIMIT_429_DATE:
            headers["retry-after"] = formatdate(self._store.clock() + fault.seconds, usegmt=True)
        return replace(reply, headers={**reply.headers, **headers})

    async def _perform(self, scope: Scope, body: bytes) -> Reply:
        """The inner app's whole answer to this body."""
        kept: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(dict(scope), receive, keep)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in kept[0]["headers"]}
        kind = headers.pop("content-type", "")
        headers.pop("content-length", None)
        return Reply(kept[0]["status"], b"".join(message.get("body", b"") for message in kept[1:]), headers, kind)


def _spoilt(kind: FaultKind, reply: Reply) -> Reply:
    """An answer that was right, with what the fault makes of it."""
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
    """The whole body; None where it is too large. Raises ConnectionResetError where the client has gone."""
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
    """Close the socket, and wait until the server has noticed, so that it sends no answer of its own."""
    scope["state"]["hang_up"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(reply: Reply, send: Send) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body)), "content-type": reply.content_type}
    rows = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": rows})
    await send({"type": "http.response.body", "body": reply.body})
