"""The records of the independent stand-in, its checks and its answers. Written from docs/api.md alone.

Knows nothing of sockets or of faults, and shares nothing with the package or its sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BODY = {"type", "absoluteDays", "variants", "priority", "assigneeId"}
VARIANT = {"payload", "attachmentIds", "taskNote"}
PAYLOAD: dict[int, set[str]] = {
    1: {"subject", "content", "preheader"},
    2: {"connectionNote"},
    3: {"message"},
    4: {"subject", "message"},
    9: {"title", "action"},
    16: {"message"},
}
PLACING = {"absoluteDays", "priority", "assigneeId"}
TYPES = {*range(1, 7), 9, *range(11, 19)}


@dataclass(frozen=True)
class Shape:
    """How answers look. The defaults are the live ones."""

    bare: bool = False
    variant_ids: bool = True
    days: bool = True
    rewrapped: bool = False
    entities: bool = False
    trailing: bool = False
    notes: bool = True  # whether the list of steps contains notes
    active: bool = False  # whether sequences are sending from the beginning
    generous: bool = False  # reports a very high limit in its headers

    def __str__(self) -> str:
        answer = [
            name for name in ("bare", "rewrapped", "entities", "trailing", "active", "generous") if getattr(self, name)
        ]
        return (
            "-".join([*answer, *(f"no_{name}" for name in ("variant_ids", "days", "notes") if not getattr(self, name))])
            or "live"
        )


class RefusalError(Exception):
    """A refusal."""

    def __init__(self, status: int, code: int, message: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "type": "error", "message": message}


@dataclass
class Account:
    """Sequences by id. `violations` is what a strict server would not like, `refused` which days were taken."""

    shape: Shape = field(default_factory=Shape)
    sequences: dict[str, dict[str, Any]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    count: int = 0

    def new_id(self) -> str:
        """Like a hashid."""
        self.count += 1
        return f"{self.count * 7919 % 100000:05d}xYzQw"

    def make_sequence(self, body: dict[str, Any]) -> Any:
        """POST /sequences."""
        self.expect(set(body) <= {"title", "emailAccountIds", "scheduleId"}, f"properties {sorted(body)}")
        title = body.get("title")
        if not isinstance(title, str) or not 1 <= len(title) <= 100:
            raise RefusalError(400, 4000, "Failed to create sequence")
        row = {"id": self.new_id(), "title": title, "active": self.shape.active, "steps": []}
        self.sequences[row["id"]] = row
        if self.shape.bare:
            return {"id": row["id"], "title": title, "active": False, "steps": []}
        return {"sequenceId": row["id"], "title": title}

    def make_step(self, sequence_id: str, body: dict[str, Any]) -> Any:
        """POST /sequences/{id}/steps."""
        sequence = self.found(sequence_id)
        self._judge(body)
        day, kind = body["absoluteDays"], body["type"]
        self._one_a_day(sequence, kind, day, None, "Failed to create sequence step")
        step_id = self.new_id()
        variants = [{"id": self.new_id(), "stepId": step_id, **row} for row in body["variants"]]
        number = len(sequence["steps"]) + 1
        step = {**body, "id": step_id, "name": f"Step {number}", "number": number, "variants": variants}
        sequence["steps"].append(step)
        answer = {"id": step_id, "name": step["name"], "number": number, "type": kind, "absoluteDays": day}
        if self.shape.variant_ids and not self.shape.bare:
            answer |= {"sequenceId": sequence_id, "variants": [{"id": v["id"], "stepId": step_id} for v in variants]}
        return answer

    def parse_steps(self, sequence_id: str) -> Any:
        """GET /sequences/{id}/steps."""
        rows = []
        for step in self.found(sequence_id)["steps"]:
            row = {name: step[name] for name in ("id", "name", "number", "type")}
            if self.shape.days:
                row["absoluteDays"] = step["absoluteDays"]
            row["variants"] = [self._variant(v, step["type"]) for v in step["variants"]]
            rows.append(row)
        return rows

    def list_sequences(self, query: dict[str, list[str]]) -> Any:
        """GET /sequences."""
        desired = query.get("sequenceName", [""])[0]
        size, page = int(query.get("pageSize", ["100"])[0]), int(query.get("page", ["1"])[0])
        self.expect(1 <= size <= 1000 and page >= 1, f"page {page} of {size}")
        rows = [
            {**row, "steps": [{"id": s["id"], "name": s["name"]} for s in row["steps"]]}
            for row in self.sequences.values()
            if desired.casefold() in row["title"].casefold()
        ]
        return rows[(page - 1) * size : page * size]

    def found(self, sequence_id: str) -> dict[str, Any]:
        """That sequence, or the answer that there is none."""
        if sequence_id not in self.sequences:
            raise RefusalError(400, 40100, "Sequence not found")
        return self.sequences[sequence_id]

    def expect(self, holds: bool, what: str) -> None:
        """The validator: what does not hold is noted, and refused."""
        if not holds:
            self.violations.append(what)
            raise RefusalError(400, 400, [f"{what} is not allowed"])

    def _judge(self, body: dict[str, Any]) -> None:
        kind, day, variants = body.get("type"), body.get("absoluteDays"), body.get("variants")
        self.expect(set(body) <= BODY, f"step properties {sorted(set(body) - BODY)}")
        self.expect(type(kind) is int and kind in TYPES, f"type {kind!r}")
        self.expect(type(day) is int and 1 <= day <= 999, f"absoluteDays {day!r}")
        self.expect(body.get("priority", 3) in (1, 2, 3, 4), "priority")
        self.expect(isinstance(variants, list) and 1 <= len(variants) <= (26 if kind == 1 else 1), "variants")
        for row in variants or ():
            self.expect(set(row) <= VARIANT, f"variant properties {sorted(set(row) - VARIANT)}")
            self._judge_variant(row, kind or 0)

    def _judge_variant(self, row: dict[str, Any], kind: int) -> None:
        self.expect(set(row["payload"]) <= PAYLOAD.get(kind, set()), f"payload {sorted(row['payload'])}")
        self.expect(kind != 1 or "taskNote" not in row, "taskNote on an email")
        self.expect(kind == 1 or "attachmentIds" not in row, "attachmentIds on a task")
        self.expect(len(row.get("taskNote", "")) <= 3000, "a long taskNote")

    def _variant(self, row: dict[str, Any], kind: int) -> dict[str, Any]:
        payload = dict(row["payload"])
        if kind == 1:
            payload["content"] = self._spelt(payload["content"])
        answer = {"id": row["id"], "payload": payload, "status": row.get("status", 1)}
        if "taskNote" in row and self.shape.notes:
            answer["taskNote"] = row["taskNote"]
        return answer

    def _spelt(self, text: str) -> str:
        """HTML as it is given back."""
        if self.shape.rewrapped:
            text = text.replace("'", "&#39;").replace("<br>", "<br/>").replace(". ", ".&#32;")
            text = f'<div class="body">\n{text}\n</div><br/>'
        if self.shape.entities:
            text = text.replace("&amp;", "&").replace("ü", "&uuml;").replace("?", "&#63;")
        return f"{text}<br>" if self.shape.trailing else text

    # -- changes of what is there -----------------------------------------------------------------------------------

    def add_variant(self, sequence_id: str, step_id: str, body: dict[str, Any]) -> Any:
        """POST /sequences/{id}/steps/{id}/variants."""
        step = self._step(sequence_id, step_id, "Failed to create sequence step variant")
        self.expect(
            set(body) <= VARIANT | {"type", "absoluteDays", "priority", "assigneeId"}, f"properties {sorted(body)}"
        )
        self.expect(body.get("type") == step["type"], f"type {body.get('type')!r} of a variant")
        self.expect("payload" in body, "a variant without a payload")
        self._judge_variant(body, step["type"])
        if step["type"] != 1 or len(step["variants"]) >= 26:
            raise RefusalError(400, 4000, "Failed to create sequence step variant")
        row = {"id": self.new_id(), "stepId": step_id, **{name: body[name] for name in VARIANT if name in body}}
        step["variants"].append(row)
        return {"id": row["id"], "stepId": step_id}

    def change_variant(self, sequence_id: str, step_id: str, variant_id: str, body: dict[str, Any]) -> Any:
        """PATCH /sequences/{id}/steps/{id}/variants/{id}. A payload takes the place of the one that was there."""
        no = "Failed to update sequence step variant"
        step = self._step(sequence_id, step_id, no)
        row = next((row for row in step["variants"] if row["id"] == variant_id), None)
        if row is None:
            raise RefusalError(400, 4000, no)
        self.expect(set(body) <= VARIANT | {"status", "type"} | PLACING, f"properties {sorted(body)}")
        self.expect(body.get("type", step["type"]) == step["type"], "another type")
        self.expect(body.get("status", 1) in (0, 1), "status")
        self.expect(1 <= body.get("absoluteDays", 1) <= 999, "absoluteDays")
        self.expect(body.get("priority", 3) in (1, 2, 3, 4), "priority")
        self._judge_variant({"payload": {}, **body}, step["type"])
        if "absoluteDays" in body:
            self._one_a_day(self.found(sequence_id), step["type"], body["absoluteDays"], step_id, no)
        row.update({name: body[name] for name in VARIANT | {"status"} if name in body})
        step.update({name: body[name] for name in PLACING if name in body})
        return {"id": variant_id}

    def _step(self, sequence_id: str, step_id: str, no: str) -> dict[str, Any]:
        step: dict[str, Any] | None = next(
            (row for row in self.found(sequence_id)["steps"] if row["id"] == step_id), None
        )
        if step is None:
            raise RefusalError(400, 4000, no)
        return step

    def _one_a_day(self, sequence: dict[str, Any], kind: int, day: int, but: str | None, no: str) -> None:
        rows = [row for row in sequence["steps"] if row["type"] == 1 and row["id"] != but]
        if kind == 1 and any(row["absoluteDays"] == day for row in rows):
            self.refused.append(f"day {day}")
            raise RefusalError(400, 4000, no)
