"""The simulated account: sequences, steps and variants as a server keeps them, seen at any moment of its past.

Shares no code with the client. Every row remembers who asked for it, so that the rules can count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.sim_world import World

EMAIL = 1


@dataclass
class Row:
    """A step. `origin` is the address that asked for it (None: a person); `texts` are its variants over time."""

    id: str
    sequence: str
    body: Mapping[str, Any]
    made: float
    origin: str | None
    texts: list[tuple[float, list[dict[str, Any]]]]
    number: int
    gone: float | None = None
    by: str = ""
    rewritten: bool = False
    touched: bool = False

    @property
    def type(self) -> int:
        """The API's code."""
        return int(self.body["type"])

    @property
    def day(self) -> int:
        """Its day."""
        return int(self.body["absoluteDays"])

    def variants(self, when: float) -> list[dict[str, Any]]:
        """Its variants as of `when`."""
        return next((rows for since, rows in reversed(self.texts) if since <= when), [])

    def there(self, when: float) -> bool:
        """Whether it was there."""
        return self.made <= when and (self.gone is None or self.gone > when)


@dataclass
class Book:
    """A sequence."""

    id: str
    title: str
    made: float
    origin: str | None
    active: bool = False


class Refused(Exception):
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
            raise Refused(400, {"code": 40100, "type": "NotFound", "message": "Sequence not found"})
        rows = self.alive(sequence)
        taken = any(row.type == EMAIL and row.day == body["absoluteDays"] for row in rows)
        if body["type"] == EMAIL and taken and self.world.profile.one_email_a_day:
            raise Refused(400, {"code": 4000, "type": "BadRequest", "message": "Failed to create sequence step"})
        step = self._id("S")
        rewritten = origin is not None and self.world.rng.random() < self.world.profile.rewrites
        variants = [self._variant(step, place, row, rewritten) for place, row in enumerate(body["variants"])]
        rewritten = rewritten and any(map(_says, body["variants"]))
        texts = [(self.world.now, variants if partial < 0 else variants[:partial])]
        row = Row(step, sequence, body, self.world.now, origin, texts, len(rows) + 1, by=by, rewritten=rewritten)
        row.touched = 0 <= partial < len(variants)
        self.rows[step] = row
        self.world.trace("server", f"made step {step} for {origin} (day {row.day}, {len(texts[0][1])} variants)")
        told = {"variants": [{"id": each["id"]} for each in variants]} if self.world.profile.tells_variants else {}
        return {"id": step, "name": f"Step {row.number}", "number": row.number, "type": row.type} | told

    def _variant(self, step: str, place: int, sent: Mapping[str, Any], rewritten: bool) -> dict[str, Any]:
        payload = {name: self._text(value, rewritten) for name, value in sent.get("payload", {}).items()}
        note = self._text(sent.get("taskNote", ""), rewritten)
        return {"id": f"{step}v{place}", "payload": payload, "taskNote": note, "status": 1}

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
        row.touched = False
        self.world.trace("server", f"step {row.id} is whole")

    # -- reading, as of a moment of the past --------------------------------------------------------------------

    def list_sequences(self, when: float) -> list[dict[str, Any]]:
        """GET /sequences."""
        return [
            {"id": book.id, "title": book.title, "active": book.active,
             "steps": [{"id": row.id} for row in self.rows.values() if row.sequence == book.id and row.there(when)]}
            for book in self.books.values() if book.made <= when
        ]  # fmt: skip

    def list_steps(self, sequence: str, when: float) -> list[dict[str, Any]]:
        """GET /sequences/{id}/steps."""
        if sequence not in self.books or self.books[sequence].made > when:
            raise Refused(400, {"code": 40100, "type": "NotFound", "message": "Sequence not found"})
        return [self._told(row, when) for row in self.rows.values() if row.sequence == sequence and row.there(when)]

    def _told(self, row: Row, when: float) -> dict[str, Any]:
        profile = self.world.profile
        told: dict[str, Any] = {"id": row.id, "number": row.number, "type": row.type, "variants": row.variants(when)}
        if profile.tells_days:
            told["absoluteDays"] = row.day
        if profile.tells_rest:
            told |= {"priority": row.body.get("priority", 3), "assigneeId": row.body.get("assigneeId")}
        return told


def _says(variant: Mapping[str, Any]) -> bool:
    return bool(variant.get("taskNote") or any(variant.get("payload", {}).values()))


def same_body(body: Mapping[str, Any]) -> str:
    """A body as a key: equal bodies, equal keys."""
    return json.dumps(body, sort_keys=True)
