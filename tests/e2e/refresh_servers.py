"""Servers that give back what they were sent in another spelling: each is a change of the JSON of a list of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.refresh_bench import Account, Heard

from sequence_sync.model.fields import Priority
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.provider.base import Answer, RemoteStep, Request
from sequence_sync.provider.responses import parse_steps

Row = dict[str, Any]
Mangle = Callable[[Row], None]


def as_json(step: RemoteStep) -> Row:
    """A step as a server returns it, with every field."""
    return {
        "id": step.id,
        "type": STEP_TYPES[step.type].code,
        "absoluteDays": step.day,
        "priority": step.priority and Priority(step.priority).code,
        "assigneeId": step.assignee,
        "variants": [
            {
                "id": row.id,
                "payload": dict(row.payload),
                "taskNote": row.task_note,
                "status": row.status,
                "attachmentIds": list(row.attachments or ()),
            }
            for row in step.variants
        ],
    }


def _html(change: Callable[[str], str]) -> Mangle:
    def mangle(row: Row) -> None:
        for variant in row["variants"]:
            if "content" in variant["payload"]:
                variant["payload"]["content"] = change(variant["payload"]["content"])

    return mangle


def _each_variant(change: Callable[[Row], None]) -> Mangle:
    return lambda row: [change(variant) for variant in row["variants"]] and None


def _without(*names: str) -> Mangle:
    def mangle(row: Row) -> None:
        for each in (row, *row["variants"]):
            for name in names:
                each.pop(name, None)

    return mangle


def _payload(**more: Any) -> Mangle:
    return _each_variant(lambda row: row["payload"].update({**more, **row["payload"]}))


def _strings(row: Row) -> None:
    row.update(type=str(row["type"]), priority=str(row["priority"]))
    for variant in row["variants"]:
        variant["status"] = str(variant["status"])


SERVERS: dict[str, Mangle] = {
    "as it was sent": lambda row: None,
    "other breaks": _html(lambda text: text.replace("<br/>", "<br>\n").replace("</p>", "</p>\r\n")),
    "other entities": _html(
        lambda text: (
            text.replace("\N{LATIN SMALL LETTER E WITH ACUTE}", "&eacute;")
            .replace("\N{RIGHT SINGLE QUOTATION MARK}", "&#8217;")
            .replace("&amp;", "&#38;")
        )
    ),
    "a trailing break": _html(lambda text: text + "<p><br></p>"),
    "wrapped": _html(lambda text: f'<html><body><div class="x" style="color: red">{text}</div></body></html>'),
    "no days": _without("absoluteDays"),
    "relative days": lambda row: row.update(relativeDays=2, absoluteDays=None),
    "no notes": _without("taskNote"),
    "null notes": _each_variant(lambda row: row.update(taskNote=row["taskNote"] or None)),
    "no attachments": _without("attachmentIds"),
    "attachments as objects, turned round": _each_variant(
        lambda row: row.update(attachmentIds=[{"id": each} for each in reversed(row["attachmentIds"])])
    ),
    "more keys": _payload(editor="v2", tracking={"open": True}, blocks=[1, 2]),
    "empty keys": _payload(preheader="", title=None, action={"name": "", "url": None}),
    "null keys": _payload(preheader=None, action=None),
    "numbers as texts": _strings,
    "no priorities": lambda row: row.update(priority=None),
    "a priority of its own on emails": lambda row: row.update(priority=1) if row["type"] == 1 else None,
    "no status": _without("status"),
    "status as a truth": _each_variant(lambda row: row.update(status=bool(row["status"]))),
    "variants turned round": lambda row: row["variants"].reverse(),
    "no assignee": lambda row: row.update(assigneeId=None),
}
STRIPS = _html(lambda text: text.replace("Here is the one", "Here is one") + '<img src="https://t.example/open.gif">')


@dataclass
class Spelling(Account):
    """An account whose reads are changed by `mangle`, and lag `lag` readings behind its writes."""

    mangle: Mangle = field(default=lambda row: None)
    lag: int = 0
    old: list[tuple[str, list[RemoteStep], int]] = field(default_factory=list)

    def write(self, request: Request, before: Any) -> Answer:
        """See Api."""
        was = {key: list(rows) for key, rows in self.kept.items()}
        answer = super().write(request, before)
        sequence = request.path.split("/")[2] if request.path.count("/") > 1 else ""
        if self.lag and sequence in was:
            self.old.append((sequence, was[sequence], self.reads + self.lag))
        return answer

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See Api."""
        self.reads += 1
        rows = next(
            (rows for key, rows, until in self.old if key == sequence_id and self.reads <= until),
            self.kept.get(sequence_id),
        )
        if rows is None:
            return None
        answers = [as_json(row) for row in rows]
        for row in answers:
            self.mangle(row)
        return parse_steps(answers)


__all__ = ["SERVERS", "STRIPS", "Heard", "Spelling"]
