"""The simulated line between a process and the account: implements `api.types.Transport`, with faults by chance.

A fault says what becomes of the request and what the caller hears; `DOES` is the list of them. Whatever the limit is
said with, it is the documented one: so many calls a minute for each endpoint.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from support.sim_rules import Rules
from support.sim_server import RefusedError, SimServer
from support.sim_world import Crash, Process, World

from sequence_sync.provider.base import NeverConnectedError, NoAnswerError, Reply, Request

TIMEOUT = 30.0
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
MINUTE = 60.0
VAGUE = (400, 404, 408, 409, 422, 425, 499)
SERVER_ERRORS = (500, 502, 503, 504, 520)
CERTAIN = (
    {"statusCode": 400, "message": ["type must be a valid enum value"]},
    {"statusCode": 400, "messages": ["property x should not exist"]},
)


@dataclass
class Wire:
    """What all lines to one account share: the pending faults, and the number of calls to each endpoint. `sent` is
    called with every write that passes the rate limit."""

    world: World
    server: SimServer
    rules: Rules
    faults: int = 0
    read_faults: int = 0
    sent: Callable[[str, str, Mapping[str, Any]], None] | None = None
    windows: dict[str, tuple[float, int]] = field(default_factory=dict)


class SimTransport:
    """One process's line. `calm`: nothing goes wrong on it (a person's own browser)."""

    def __init__(self, wire: Wire, process: Process, calm: bool = False) -> None:
        self.wire, self.process, self.calm = wire, process, calm
        self.world, self.rng = wire.world, wire.world.rng
        self._figures: dict[str, str] = {}
        self.patching = False

    def send(self, request: Request) -> Reply:
        """See Transport."""
        if self.calm:
            return self._read(request, self.world.now)
        self.process.point("before a call")
        self.wire.rules.on_call(self.process, request)
        self.process.wait(self.rng.uniform(0.02, 0.4))
        refused = self._limited(f"{request.method} {request.endpoint}")
        if refused is not None:
            self.wire.rules.faults += request.method != "GET"
            return refused
        if self.wire.sent and request.method != "GET":
            self.wire.sent(self.process.address, request.method, request.body or {})
        reply = self._reading(request) if request.method == "GET" else self._writing(request)
        self.process.point("after a call")
        return reply

    # -- what the account does ------------------------------------------------------------------------------------

    def _committer(self, request: Request) -> Callable[..., Mapping[str, Any]]:
        address, body, parts = self.process.address, request.body or {}, request.path.split("/")
        by, server, rules = self.process.name, self.wire.server, self.wire.rules
        sent = rules.as_sent(self.process, body)

        def commit(partial: int = -1) -> Mapping[str, Any]:
            match request.method, len(parts):
                case "POST", 2:
                    made = server.add_sequence(str(body.get("title", "")), address)
                case "POST", 4:
                    made = server.add_step(parts[2], body, address, partial, by)
                case "POST", 6:
                    made = server.add_variant(parts[4], body, address)
                case "PATCH", 7:
                    rules.before_patch(parts[4], parts[6], sent)
                    made = server.change_variant(parts[4], parts[6], body, address)
                    rules.after_patch(parts[4], parts[6], sent)
                case _:
                    raise RefusedError(404, {"statusCode": 404, "message": f"Cannot {request.method} {request.path}"})
            rules.on_commit()
            return made

        return commit

    def _writing(self, request: Request) -> Reply:
        commit, self.patching = self._committer(request), request.method == "PATCH"
        try:
            self.process.point("while a call is under way")
        except Crash:
            self._lands_later(commit, 0.0)
            raise
        kind = self._fault()
        try:
            return FAULTS[kind](self, commit) if kind else self._ok(commit(), 201)
        except RefusedError as no:
            return self._json(no.status, no.body)

    def _lands_later(self, commit: Callable[[], object], least: float) -> None:
        """A call whose caller has ended: it was never sent, or arrives within the settle grace."""
        late = self.rng.choice((None, 0.0, self._late()))
        if late is not None:
            self.world.at(self.world.now + max(late, least), lambda: _quietly(commit))

    def _late(self) -> float:
        profile = self.world.profile
        if profile.late and self.rng.random() < 0.7:
            return self.rng.uniform(profile.bound, profile.bound + 300)
        return self.rng.uniform(0.0, max(0.0, profile.bound - profile.lag - 0.5))

    def _fault(self) -> str | None:
        profile = self.world.profile
        if not self.wire.faults or self.rng.random() < 0.5:
            return None
        kinds = profile.fault_kinds
        if profile.late:
            kinds = ("late", "status-late")
        if profile.duplicates:
            kinds = (*kinds, *("double",) * 6)
        kind = self.rng.choice(kinds)
        self.wire.faults -= 1
        self.wire.rules.faults += 1
        self.world.trace(self.process.name, f"-- fault: {kind}")
        return kind

    # -- reading --------------------------------------------------------------------------------------------------

    def _reading(self, request: Request) -> Reply:
        if self.wire.read_faults and self.rng.random() < 0.2:
            self.wire.read_faults -= 1
            kind = self.rng.choice(("none", "cut", "html", "empty", "500", "wait"))
            self.world.trace(self.process.name, f"-- a read fails: {kind}")
            if kind == "none":
                self.process.wait(TIMEOUT)
                raise NoAnswerError("timed out")
            if kind == "wait":
                return self._rate_limit(3.0)
            return {
                "cut": Reply(200, {}, b'[{"id": "S1", "ty'),
                "html": Reply(502, {}, HTML),
                "empty": Reply(200, {}, b""),
                "500": self._json(500, {"code": 5001, "message": "oops"}),
            }[kind]
        return self._read(request, self.world.now - self.rng.uniform(0.0, self.world.profile.lag))

    def _read(self, request: Request, when: float) -> Reply:
        parts = request.path.split("/")
        try:
            if len(parts) == 2:
                return self._ok(self.wire.server.list_sequences(when) if request.params["page"] == "1" else [], 200)
            steps = self.wire.server.list_steps(parts[2], when)
            self.process.info.setdefault("seen", set()).update(row["id"] for row in steps)
            return self._ok(steps, 200)
        except RefusedError as no:
            return self._json(no.status, no.body)

    # -- answers --------------------------------------------------------------------------------------------------

    def _json(self, status: int, body: object) -> Reply:
        return Reply(status, {"content-type": "application/json", **self._headers()}, json.dumps(body).encode())

    def _ok(self, payload: object, status: int) -> Reply:
        return self._json(status, payload if self.world.profile.bare else {"message": "Success", "payload": payload})

    def _headers(self) -> dict[str, str]:
        return self._figures if self.world.profile.limit_headers else {}

    def _limited(self, endpoint: str) -> Reply | None:
        began, count = self.wire.windows.get(endpoint, (self.world.now, 0))
        if self.world.now >= began + MINUTE:
            began, count = self.world.now, 0
        left, limit = began + MINUTE - self.world.now, self.world.profile.limit
        reset = formatdate(1.8e9 + began + MINUTE, usegmt=True)
        self._figures = {"x-ratelimit-remaining": str(max(0, limit - count - 1)), "x-ratelimit-reset": reset}
        if count >= limit:
            return self._rate_limit(left)
        self.wire.windows[endpoint] = (began, count + 1)
        return None

    def _rate_limit(self, left: float) -> Reply:
        words = self.world.profile.limit_words
        self.world.trace(self.process.name, "-- rate limit")
        if words == "400":
            return self._json(400, {"code": 40000, "type": "BadRequest", "message": "Rate Limit exceeded"})
        after = str(int(left) + 1) if words == "429" else formatdate(1.8e9 + self.world.now + left + 1, usegmt=True)
        return Reply(429, {"retry-after": after}, b'{"message": "Too many requests"}')


def _quietly(commit: Callable[[], object]) -> None:
    try:
        commit()
    except RefusedError:
        return


# -- what becomes of a request, and what the caller hears -----------------------------------------------------------

Commit = Callable[..., Mapping[str, Any]]


def _never_connected(line: SimTransport, commit: Commit) -> Reply:
    raise NeverConnectedError("refused")


def _lost_before(line: SimTransport, commit: Commit) -> Reply:
    line.process.wait(line.rng.choice((0.1, TIMEOUT)))
    raise NoAnswerError("dropped")


def _lost_after(line: SimTransport, commit: Commit) -> Reply:
    _quietly(commit)
    line.process.wait(line.rng.choice((0.1, TIMEOUT)))
    raise NoAnswerError("dropped")


def _comes_late(line: SimTransport, commit: Commit) -> Reply:
    line.process.wait(line.rng.choice((0.1, TIMEOUT)))
    line.world.at(line.world.now + line._late(), lambda: _quietly(commit))
    raise NoAnswerError("timed out")


def _slow(line: SimTransport, commit: Commit) -> Reply:
    line.process.wait(line.rng.uniform(1.0, 14.0))
    made = commit()
    line.process.wait(line.rng.uniform(1.0, 14.0))
    return line._ok(made, 201)


def _status(line: SimTransport, rng: random.Random) -> Reply:
    status = rng.choice(VAGUE + SERVER_ERRORS)
    if status >= 500 and rng.random() < 0.5:
        return Reply(status, {"content-type": "text/html"}, HTML)
    return line._json(status, {"code": 4000, "type": "Error", "message": "Failed to create sequence step"})


def _status_before(line: SimTransport, commit: Commit) -> Reply:
    return _status(line, line.rng)


def _status_after(line: SimTransport, commit: Commit) -> Reply:
    _quietly(commit)
    return _status(line, line.rng)


def _status_late(line: SimTransport, commit: Commit) -> Reply:
    line.world.at(line.world.now + line._late(), lambda: _quietly(commit))
    return _status(line, line.rng)


def _truncated(line: SimTransport, commit: Commit) -> Reply:
    whole = line._ok(commit(), 201)
    return Reply(201, whole.headers, whole.body[: line.rng.randint(1, len(whole.body) - 2)])


def _html(line: SimTransport, commit: Commit) -> Reply:
    _quietly(commit)
    return Reply(line.rng.choice((200, 502)), {"content-type": "text/html"}, HTML)


def _empty(line: SimTransport, commit: Commit) -> Reply:
    _quietly(commit)
    return Reply(201, {}, b"")


def _content_type(line: SimTransport, commit: Commit) -> Reply:
    return Reply(201, {"content-type": "text/plain"}, line._ok(commit(), 201).body)


def _known_id(line: SimTransport, commit: Commit) -> Reply:
    if line.patching:  # a change answered with a 2xx was made, whatever the answer contains
        return line._ok(commit() and {"id": line.process.address}, 200)
    state = line.process.info["manager"].state
    entry = state.sequences.get(line.process.address.split(".")[0])
    before = line.process.info["began"] - line.world.profile.lag
    there = [row.id for row in line.wire.server.alive(entry.id) if row.made < before] if entry else []
    books = [book.id for book in line.wire.server.books.values() if book.made < before] if not entry else []
    known = [*(remote_id for _, remote_id in state.addresses()), *there, *books]
    if line.rng.random() < 0.5:
        _quietly(commit)
    return line._ok({"id": line.rng.choice(known), "number": 1}, 201) if known else Reply(500, {}, b"")


def _partial(line: SimTransport, commit: Commit) -> Reply:
    made = commit(0)
    if str(made.get("id")) in line.wire.server.rows and line.rng.random() < 0.5:
        _finish_later(line, str(made["id"]))
    raise NoAnswerError("dropped")


def _late_variants(line: SimTransport, commit: Commit) -> Reply:
    made = commit(0)
    if str(made.get("id")) in line.wire.server.rows:
        _finish_later(line, str(made["id"]))
    return line._ok(made, 201)


def _finish_later(line: SimTransport, step: str) -> None:
    row = line.wire.server.rows[step]
    sent = [line.wire.server._variant(step, place, each, False) for place, each in enumerate(row.body["variants"])]
    line.world.at(line.world.now + line.rng.uniform(0.5, 5.0), lambda: line.wire.server.finish(row, sent))


def _limit(line: SimTransport, commit: Commit) -> Reply:
    return line._rate_limit(5.0)


def _refused(line: SimTransport, commit: Commit) -> Reply:
    return line._json(400, line.rng.choice(CERTAIN))


def _forbidden(line: SimTransport, commit: Commit) -> Reply:
    return line._json(403, {"code": 4003, "message": "Missing permission"})


def _bad_key(line: SimTransport, commit: Commit) -> Reply:
    return line._json(400, {"code": 1001, "type": "Error", "message": "Invalid token"})


def _double(line: SimTransport, commit: Commit) -> Reply:
    made = commit()
    line.world.at(line.world.now + line.rng.uniform(0.0, 20.0), lambda: _quietly(commit))
    return line._ok(made, 201)


FAULTS: dict[str, Callable[[SimTransport, Commit], Reply]] = {
    "never-connected": _never_connected,
    "lost-before": _lost_before,
    "lost-after": _lost_after,
    "late": _comes_late,
    "slow": _slow,
    "status-before": _status_before,
    "status-after": _status_after,
    "status-late": _status_late,
    "truncated": _truncated,
    "html": _html,
    "empty": _empty,
    "content-type": _content_type,
    "known-id": _known_id,
    "partial": _partial,
    "late-variants": _late_variants,
    "rate-limit": _limit,
    "refused": _refused,
    "forbidden": _forbidden,
    "bad-key": _bad_key,
    "double": _double,
}
