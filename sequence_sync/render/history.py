"""The history of a state, for people and for programs. Pure: lines in, text out; one block for each run.

Texts in it were written by users, here or in the app: everything goes through `escape`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sequence_sync.plan.model import UPDATES, Action
from sequence_sync.render.escape import one_line
from sequence_sync.render.text import MARK_COLORS, Ink, ink
from sequence_sync.state.history import AnyLine, CallLine, EndLine, NoteLine, RunLine, SerialLine
from sequence_sync.state.journal import Author, CallResult

FORMAT_VERSION = 1  # of the JSON
SHOWN_TEXT = 160  # characters of a text that was replaced; the JSON has all of it
SHORT = 12  # digits of a hash
PUSH = "state push"  # the one command that writes no record of its end
EMPTY = "Nothing was done with this state yet, as far as its history tells."

_PLAIN = {
    "taskNote": "task note",
    "attachmentIds": "attachments",
    "absoluteDays": "day",
    "assigneeId": "assignee",
}


@dataclass
class Block:
    """One run: who it was, and its lines in their order."""

    run: str
    lines: list[AnyLine] = field(default_factory=list)

    @property
    def by(self) -> Author:
        """Who ran it; empty where that was lost."""
        return next((line.by for line in self.lines if line.by), Author())

    @property
    def plan(self) -> str:
        """The hash of the plan that was carried out."""
        return next((line.plan for line in reversed(self.lines) if isinstance(line, RunLine)), "")

    @property
    def serials(self) -> tuple[int, int] | None:
        """The serial before and after it; None where it stayed."""
        rows = [line for line in self.lines if isinstance(line, SerialLine)]
        return (rows[0].before, rows[-1].serial) if rows else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None where it was cut off, or is at work."""
        return next((line.exit_code for line in reversed(self.lines) if isinstance(line, EndLine)), None)

    @property
    def deeds(self) -> list[CallLine | NoteLine]:
        """Calls, and what was changed without one."""
        rows = (line for line in self.lines if isinstance(line, CallLine | NoteLine))
        return [line for line in rows if isinstance(line, CallLine) or line.text]


def blocks(lines: Iterable[AnyLine]) -> list[Block]:
    """The runs, in the order of their first lines."""
    found: dict[str, Block] = {}
    for line in lines:
        found.setdefault(line.run, Block(line.run)).lines.append(line)
    return list(found.values())


def history_text(runs: Sequence[Block], unknown: Sequence[str], when: Callable[[str], str], color: bool = False) -> str:
    """The runs, newest last. `unknown` are addresses of calls without an outcome; `when` spells a time."""
    paint = ink(color)
    parts = ["\n".join(_block(run, when, paint)) for run in runs]
    if unknown:
        names = one_line(", ".join(unknown))
        parts.append(f"Nobody knows yet what became of: {names}. The next apply looks before it sends anything.")
    return "\n\n".join(parts or [EMPTY]) + "\n"


def _block(run: Block, when: Callable[[str], str], paint: Ink) -> Iterator[str]:
    by = run.by
    head = f"{one_line(when(by.at)) if by.at else 'at an unknown time'}  {one_line(by.who or 'somebody')}"
    yield paint(head, "bold") + (f"  {one_line(by.operation)}" if by.operation else "")
    facts = [f"plan {run.plan[:SHORT]}"] if run.plan else []
    if by.commit:
        facts.append(f"commit {by.commit[:SHORT]}" + (" and changes that were not committed" if by.dirty else ""))
    if run.serials:
        facts.append(f"serial {run.serials[0]} to {run.serials[1]}")
    if run.exit_code:
        facts.append(f"exit code {run.exit_code}")
    elif run.exit_code is None and by.operation != PUSH:
        facts.append("at work, or cut off")
    if facts:
        yield f"  {one_line(', '.join(facts))}"
    for deed in run.deeds:
        yield from _deed(deed, paint)


def _deed(deed: CallLine | NoteLine, paint: Ink) -> Iterator[str]:
    if isinstance(deed, NoteLine):
        yield f"  {paint('>', MARK_COLORS['>'])} {one_line(deed.text)}"
        return
    mark, verb = _verb(deed)
    ids = (
        f" (id {deed.ids[0]}" + (f", variants {', '.join(deed.ids[1:])})" if deed.ids[1:] else ")") if deed.ids else ""
    )
    replaced = [f"{name} {_said(value)}" for name, value in _replaced(deed)]
    tail = f": replaced {'; '.join(replaced)}" if replaced else f": {one_line(deed.detail)}" if deed.detail else ""
    yield f"  {paint(mark, MARK_COLORS.get(mark, 'red'))} {verb} {one_line(deed.address + ids)}{tail}"


def _verb(deed: CallLine) -> tuple[str, str]:
    if deed.result is CallResult.REFUSED:
        return "x", "refused"
    if deed.result is CallResult.NOT_MADE:
        return "x", "not made"
    if deed.result is CallResult.ADOPTED:
        return ">", "found"
    if deed.action == Action.DEACTIVATE_VARIANT:
        return "-", "switched off"
    return ("~", "updated") if deed.action in UPDATES else ("+", "created")


def _replaced(deed: CallLine) -> Iterator[tuple[str, Any]]:
    for name, value in (deed.replaced or {}).items():
        if name == "payload":
            yield from value.items()
        else:
            yield _PLAIN.get(name, name), value


def _said(value: Any) -> str:
    if not isinstance(value, str):
        return one_line(json.dumps(value, ensure_ascii=False), SHOWN_TEXT)
    return f'"{one_line(value, SHOWN_TEXT)}"'


def history_json(runs: Sequence[Block], unknown: Sequence[str]) -> str:
    """The same with every text whole, as JSON."""
    plain = {"format_version": FORMAT_VERSION, "runs": [_plain(run) for run in runs], "unknown": list(unknown)}
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _plain(run: Block) -> dict[str, Any]:
    by = run.by
    return {
        "run": run.run,
        "at": by.at or None,
        "who": by.who or None,
        "operation": by.operation or None,
        "commit": by.commit,
        "dirty": by.dirty,
        "plan_hash": run.plan or None,
        "serial_before": run.serials[0] if run.serials else None,
        "serial": run.serials[1] if run.serials else None,
        "exit_code": run.exit_code,
        "lines": [line.model_dump(mode="json", exclude={"n", "lineage", "run", "by"}) for line in run.deeds],
    }
