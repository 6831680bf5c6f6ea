"""The simulated account: sequences, steps and variants as a server keeps them, seen at any moment of its past.

Shares no code with the client. Every row remembers who asked for it and what was asked for last, so that the rules can
count and compare.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from support.sim_world import World

EMAIL = 1


T = TypeVar("T")
Variants = list[dict[str, Any]]
STEPS_OWN = ("absoluteDays", "priority", "assigneeId")


@dataclass
class Row:
    """A step. `origin` is the address that asked for it (None: a person); `texts` are its variants over time, `places`
    its day, priority and assignee. `sent` is what was asked for last, by variant and before any re-wrapping; `makers`
    are the addresses that asked for its later variants; `behind` are those where no read could show that a PATCH was
    made. `touched` names what a person changed since (variants, "day";
    "*": it was made in part), each with when."""

    id: str
    sequence: str
    body: Mapping[str, Any]
    made: float
    origin: str | None
    texts: list[tuple[float, Variants]]
    number: int
    places: list[tuple[float, Mapping[str, Any]]]
    gone: float | None = None
    by: str = ""
    rewritten: bool = False
    touched: dict[str, float] = field(default_factory=dict)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    makers: dict[str, str] = field(default_factory=dict)
    patched: set[str] = field(default_factory=set)
    behind: set[tuple[str, str]] = field(default_factory=set)

    @property
    def type(self) -> int:
        """The API's code."""
        return int(self.body["type"])

    @property
    def day(self) -> int:
        """Its day now."""
        return int(self.places[-1][1]["absoluteDays"])

    def variants(self, when: float) -> Variants:
        """Its variants as of `when`."""
        return _as_of(self.texts, when) or []

    def place(self, when: float) -> Mapping[str, Any]:
        """Its day, priority and assignee as of `when`."""
        return _as_of(self.places, when) or self.places[0][1]

    def there(self, when: float) -> bool:
        """Whether it was there."""
        return self.made <= when and (self.gone is None or self.gone > when)

    def place_it(self, now: float, body: Mapping[str, Any]) -> None:
        """Take day, priority and assignee from a body."""
        self.places.append((now, {**self.places[-1][1], **{k: body[k] for k in STEPS_OWN if k in body}}))


def _as_of(history: list[tuple[float, T]], when: float) -> T | None:
    return next((value for since, value in reversed(history) if since <= when), None)


@dataclass
class Book:
    """A sequence."""

    id: str
    title: str
    made: float
    origin: str | None
    active: bool = False


class RefusedError(Exception):
    """The account says no: status and body."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass
class SimServer:
    """The account."""

    world: World
    books: dict[str, Book] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    count: int = 0
    deleted: int = 0
    clashes: list[str] = field(default_factory=list)

    def _id(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def add_sequence(self, title: str, origin: str | None) -> dict[str, Any]:
        """POST /sequences."""
        book = Book(self._id("Q"), f" {title}" if self.world.profile.wraps else title, self.world.now, origin)
        self.books[book.id] = book
        self.world.trace("server", f"made sequence {book.id} for {origin}")
        return {"sequenceId": book.id}

    def add_step(
        self, sequence: str, body: Mapping[str, Any], origin: str | None, partial: int = -1, by: str = ""
    ) -> dict[str, Any]:
        """POST /sequences/{id}/steps; `partial`: only so many variants; `by`: the process that asks."""
        if sequence not in self.books:
            raise RefusedError(400, {"code": 40100, "type": "NotFound", "message": "Sequence not found"})
        rows = self.alive(sequence)
        if body["type"] == EMAIL:
            self._one_a_day(sequence, body["absoluteDays"], None, "Failed to create sequence step")
        step = self._id("S")
        rewritten = origin is not None and self.world.rng.random() < self.world.profile.rewrites
        variants = [self._variant(step, place, row, rewritten) for place, row in enumerate(body["variants"])]
        rewritten = rewritten and any(map(_says, body["variants"]))
        texts = [(self.world.now, variants if partial < 0 else variants[:partial])]
        place = {
            "absoluteDays": body["absoluteDays"],
            "priority": body.get("priority", 3),
            "assigneeId": body.get("assigneeId"),
        }
        row = Row(
            step,
            sequence,
            body,
            self.world.now,
            origin,
            texts,
            len(rows) + 1,
            [(self.world.now, place)],
            by=by,
            rewritten=rewritten,
        )
        row.touched = {"*": self.world.now} if 0 <= partial < len(variants) else {}
        row.sent = {each["id"]: _asked({}, sent) for each, sent in zip(variants, body["variants"], strict=True)}
        self.rows[step] = row
        self.world.trace("server", f"made step {step} for {origin} (day {row.day}, {len(texts[0][1])} variants)")
        answer = {"variants": [{"id": each["id"]} for each in variants]} if self.world.profile.returns_variants else {}
        return {"id": step, "name": f"Step {row.number}", "number": row.number, "type": row.type} | answer

    def add_variant(self, step: str, body: Mapping[str, Any], origin: str) -> dict[str, Any]:
        """POST /sequences/{id}/steps/{id}/variants."""
        row = self._row(step, "Failed to create sequence step variant")
        if body["type"] != row.type or row.type != EMAIL:
            raise RefusedError(
                400, {"code": 4000, "type": "BadRequest", "message": "Failed to create sequence step variant"}
            )
        there = row.texts[-1][1]
        rewritten = self.world.rng.random() < self.world.profile.rewrites
        made = self._variant(step, len(row.sent), body, rewritten)
        row.rewritten = row.rewritten or rewritten
        row.texts.append((self.world.now, [*there, made]))
        row.sent[made["id"]], row.makers[made["id"]] = _asked({}, body), origin
        self.world.trace("server", f"made variant {made['id']} for {origin}")
        return {"id": made["id"]}

    def change_variant(self, step: str, variant: str, body: Mapping[str, Any], origin: str) -> dict[str, Any]:
        """PATCH /sequences/{id}/steps/{id}/variants/{id}."""
        no = "Failed to update sequence step variant"
        row = self._row(step, no)
        old = next((each for each in row.texts[-1][1] if each["id"] == variant), None)
        if old is None:
            raise RefusedError(400, {"code": 4000, "type": "BadRequest", "message": no})
        if "absoluteDays" in body and row.type == EMAIL:
            self._one_a_day(row.sequence, body["absoluteDays"], row.id, no)
        rewritten = self.world.rng.random() < self.world.profile.rewrites and _says(body)
        new = {**old, **self._changed(old, body, rewritten)}
        row.texts.append((self.world.now, [new if each is old else each for each in row.texts[-1][1]]))
        row.sent[variant] = _asked(row.sent[variant], body)
        row.place_it(self.world.now, body)
        row.rewritten = row.rewritten or rewritten
        row.patched.add(variant)
        row.behind -= {(variant, name) for name in body}
        names = {"payload": variant, "status": f"{variant} status", "absoluteDays": "day"}
        for name in (names[each] for each in names if each in body):
            row.touched.pop(name, None)
        self.world.trace("server", f"changed {variant} for {origin}: {_short(body)}")
        return {"id": variant}

    def _changed(self, old: Mapping[str, Any], body: Mapping[str, Any], rewritten: bool) -> dict[str, Any]:
        new = {name: body[name] for name in ("status", "attachmentIds") if name in body}
        if "payload" in body:
            sent = {name: self._text(value, rewritten) for name, value in body["payload"].items()}
            new["payload"] = {**old["payload"], **sent} if self.world.profile.merges else sent
        if "taskNote" in body:
            new["taskNote"] = self._text(body["taskNote"], rewritten)
        return new

    def _row(self, step: str, no: str) -> Row:
        row = self.rows.get(step)
        if row is None or not row.there(self.world.now):
            raise RefusedError(400, {"code": 4000, "type": "BadRequest", "message": no})
        return row

    def _one_a_day(self, sequence: str, day: int, but: str | None, no: str) -> None:
        """A day holds one email."""
        there = [r.id for r in self.alive(sequence) if r.type == EMAIL and r.day == day and r.id != but]
        if there and self.world.profile.one_email_a_day:
            self.clashes.append(f"day {day} of {sequence} is held by {there[0]}")
            self.world.trace("server", f"refuses day {day}: {there[0]} holds it")
            raise RefusedError(400, {"code": 4000, "type": "BadRequest", "message": no})

    def _variant(self, step: str, place: int, sent: Mapping[str, Any], rewritten: bool) -> dict[str, Any]:
        payload = {name: self._text(value, rewritten) for name, value in sent.get("payload", {}).items()}
        note = self._text(sent.get("taskNote", ""), rewritten)
        files = list(sent.get("attachmentIds", ()))
        return {"id": f"{step}v{place}", "payload": payload, "taskNote": note, "status": 1, "attachmentIds": files}

    def _text(self, value: Any, rewritten: bool) -> Any:
        if not isinstance(value, str):
            return value
        if rewritten and value:
            value = value.replace("</p>", " changed</p>") if "</p>" in value else f"{value} changed"
        if self.world.profile.wraps:
            value = value.replace("<p>", '<div class="x">').replace("</p>", "<br /></div>\n").replace("'", "&#39;")
        return value

    def alive(self, sequence: str | None = None) -> list[Row]:
        """The steps that are there now."""
        return [r for r in self.rows.values() if r.there(self.world.now) and sequence in (None, r.sequence)]

    def delete(self, row: Row) -> None:
        """A person deletes a step."""
        self.world.trace("person", f"deletes step {row.id}")
        self.deleted += 1
        row.gone = self.world.now

    def finish(self, row: Row, variants: list[dict[str, Any]]) -> None:
        """The rest of a step that was made in part is there now."""
        row.texts.append((self.world.now, variants))
        row.touched.pop("*", None)
        self.world.trace("server", f"step {row.id} is whole")

    # -- reading, as of a moment of the past --------------------------------------------------------------------

    def list_sequences(self, when: float) -> list[dict[str, Any]]:
        """GET /sequences."""
        return [
            {
                "id": book.id,
                "title": book.title,
                "active": book.active,
                "steps": [{"id": row.id} for row in self.rows.values() if row.sequence == book.id and row.there(when)],
            }
            for book in self.books.values()
            if book.made <= when
        ]

    def list_steps(self, sequence: str, when: float) -> list[dict[str, Any]]:
        """GET /sequences/{id}/steps."""
        if sequence not in self.books or self.books[sequence].made > when:
            raise RefusedError(400, {"code": 40100, "type": "NotFound", "message": "Sequence not found"})
        return [self._respond(row, when) for row in self.rows.values() if row.sequence == sequence and row.there(when)]

    def _respond(self, row: Row, when: float) -> dict[str, Any]:
        profile = self.world.profile
        place = row.place(when)
        untold = () if profile.returns_rest else ("attachmentIds",)
        variants = [{k: v for k, v in each.items() if k not in untold} for each in row.variants(when)]
        answer: dict[str, Any] = {"id": row.id, "number": row.number, "type": row.type, "variants": variants}
        if profile.returns_days:
            answer["absoluteDays"] = place["absoluteDays"]
        if profile.returns_rest:
            answer |= {"priority": place["priority"], "assigneeId": place["assigneeId"]}
        return answer


def _says(variant: Mapping[str, Any]) -> bool:
    return bool(variant.get("taskNote") or any(variant.get("payload", {}).values()))


def _asked(old: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What a variant was last asked to be, with nothing left out; `old` before it."""
    was = {"payload": {}, "taskNote": "", "attachmentIds": [], "status": 1} | dict(old)
    new = {name: body.get(name, value) for name, value in was.items()}
    return new | {"payload": {name: value for name, value in new["payload"].items() if value != ""}}


def _short(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True)
    return text if len(text) < 90 else f"{text[:88]} …"


def same_body(body: Mapping[str, Any]) -> str:
    """A body as a key: equal bodies, equal keys."""
    return json.dumps(body, sort_keys=True)
