"""The expected plan, computed from the last applied and the desired steps: the fewest calls, and what is blocked.

Written from the contract and from what the API can do; shares no rule with the planner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sequence_sync.model.sequence import Content, DesiredSequence, Variant

CODES = {"email": 1, "linkedin_message": 3, "linkedin_view_profile": 5, "call_introduction": 11, "whatsapp_message": 16}
Call = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True)
class Known:
    """A step as it was last applied, with the variants that are switched off."""

    content: Content
    off: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KnownSequence:
    """A sequence as it was last applied; `lost` are days of emails that are not managed any more."""

    title: str
    steps: Mapping[str, Known]
    lost: frozenset[int] = frozenset()


@dataclass
class Expected:
    """The calls but for moves of emails, each once; those moves by step, with the emails of each cycle; the rest."""

    calls: list[Call] = field(default_factory=list)
    moves: dict[str, int] = field(default_factory=dict)
    cycles: list[set[str]] = field(default_factory=list)
    blocked: set[tuple[str, str]] = field(default_factory=set)
    recorded: set[tuple[str, str]] = field(default_factory=set)
    after: dict[str, KnownSequence] = field(default_factory=dict)


def expect(known: Mapping[str, KnownSequence], files: Mapping[str, DesiredSequence], switch_off: bool) -> Expected:
    """What must be done; `switch_off`: steps that are gone from their files are switched off."""
    expected, left = Expected(), dict(known)
    for key, file in files.items():
        if file.formerly in left and key not in left:
            left[key] = left.pop(file.formerly)
            expected.recorded.add((key, "move"))
        if key not in left:
            left[key] = KnownSequence(file.title, {})
            expected.calls.append((key, "POST", {"title": file.title}))
        elif left[key].title != file.title:
            expected.blocked.add((key, "title-changed"))
        expected.after[key] = _OneSequence(key, left[key], file, switch_off, expected).judge()
    return expected


@dataclass
class _OneSequence:
    key: str
    known: KnownSequence
    file: DesiredSequence
    switch_off: bool
    expected: Expected

    def judge(self) -> KnownSequence:
        steps, now = self._renamed(), {}
        left: list[Content] = []
        for name, step in steps.items():
            if name not in self.file.steps:
                kept = self._gone(name, step, left)
                if kept:
                    now[name] = kept
        held = {f"{self.key}.{name}": row.content.day for name, row in steps.items() if row.content.is_email}
        lost = self.known.lost | {
            row.content.day for name, row in steps.items() if name not in {*now, *self.file.steps} and _email(row)
        }
        for name, content in self.file.steps.items():
            if name in steps:
                now[name] = self._changed(name, steps[name], content)
        rest = self._days(held)
        for name in self.file.steps:
            if name in steps and f"{self.key}.{name}" in rest and now[name].content.is_email:
                day = rest[f"{self.key}.{name}"]
                now[name] = replace(now[name], content=now[name].content.model_copy(update={"day": day}))
        for name, content in self.file.steps.items():
            if name not in steps and self._may_be_made(name, content, left, {*rest.values(), *lost}):
                now[name] = Known(content)
        return KnownSequence(self.known.title, now, frozenset(lost))

    def _renamed(self) -> dict[str, Known]:
        steps = dict(self.known.steps)
        for old, new in self.file.moved.items():
            if old in steps and new not in steps:
                steps[new] = steps.pop(old)
                self.expected.recorded.add((f"{self.key}.{new}", "move"))
        return steps

    def _gone(self, name: str, step: Known, left: list[Content]) -> Known | None:
        """A step that is not in its file; what is still managed of it."""
        address = f"{self.key}.{name}"
        if name in self.file.removed:
            self.expected.recorded.add((address, "forget"))
            return None
        if not self.switch_off:
            self.expected.blocked.add((address, "step-removed"))
            left.append(step.content)
            return step
        letters = [letter for letter in step.content.variants if letter not in step.off]
        self.expected.calls += [(f"{address}.{letter}", "PATCH", {"status": 0}) for letter in letters]
        if letters:
            left.append(step.content)
        return replace(step, off=step.off | set(letters))

    def _changed(self, name: str, old: Known, new: Content) -> Known:
        address, before = f"{self.key}.{name}", old.content
        if new.type != before.type:
            self.expected.blocked.add((address, "type-changed"))
            return old
        place = _place(before, new)
        if "absoluteDays" in place and new.is_email:
            self.expected.moves[address] = new.day
        elif place:
            self.expected.calls += [
                (f"{address}.{letter}", "PATCH", {"payload": row.payload, **place})
                for letter, row in before.variants.items()
            ]
        rows, off = dict(before.variants), set(old.off)
        for letter, row in new.variants.items():
            body = _patch(rows.get(letter), row, letter in off)
            if letter not in rows:
                self.expected.calls.append((f"{address}.{letter}", "POST", {"type": CODES[new.type], **_variant(row)}))
            elif body:
                self.expected.calls.append((f"{address}.{letter}", "PATCH", body))
            rows[letter] = row
            off.discard(letter)
        for letter in before.variants:
            if letter not in new.variants and letter not in off:
                self.expected.calls.append((f"{address}.{letter}", "PATCH", {"status": 0}))
                off.add(letter)
        assignee = new.assignee if new.assignee is not None else before.assignee
        day = before.day if new.is_email else new.day
        after = new.model_copy(update={"variants": dict(sorted(rows.items())), "assignee": assignee, "day": day})
        return Known(after, frozenset(off))

    def _days(self, held: Mapping[str, int]) -> dict[str, int]:
        """Where every email ends. Who cannot move is blocked; who only change places are a cycle."""
        desired = {name: day for name, day in self.expected.moves.items() if name in held}
        while True:
            rest = {name: desired.get(name, day) for name, day in held.items()}
            stays = {day for name, day in held.items() if name not in desired} | set(self.known.lost)
            stuck = [name for name, day in desired.items() if day in stays]
            if not stuck:
                break
            for name in stuck:
                del desired[name], self.expected.moves[name]
                self.expected.blocked.add((name, "day-held"))
        left = dict(desired)
        while left:
            name, ring = next(iter(left)), []
            while name in left:
                ring.append(name)
                day = left.pop(name)
                name = next((other for other, where in held.items() if where == day), "")
            if name in ring:
                self.expected.cycles.append(set(ring[ring.index(name) :]))
        return rest

    def _may_be_made(self, name: str, content: Content, left: list[Content], days: set[int]) -> bool:
        address = f"{self.key}.{name}"
        if any(_says(content) == _says(other) for other in left):
            self.expected.blocked.add((address, "same-content"))
            return False
        if content.is_email and content.day in days:
            self.expected.blocked.add((address, "day-held"))
            return False
        body = {
            "type": CODES[content.type],
            "variants": [_variant(row) for row in content.variants.values()],
            "absoluteDays": content.day,
        }
        body |= {"priority": content.priority.code} if content.priority else {}
        body |= {"assigneeId": content.assignee} if content.assignee else {}
        self.expected.calls.append((address, "POST", body))
        return True


def _email(row: Known) -> bool:
    return row.content.is_email


def _says(content: Content) -> tuple[object, ...]:
    return content.type, sorted((sorted(row.payload.items()), row.task_note) for row in content.variants.values())


def _place(old: Content, new: Content) -> dict[str, Any]:
    place: dict[str, Any] = {"absoluteDays": new.day} if new.day != old.day else {}
    codes = [step.priority.code if step.priority else 3 for step in (old, new)]
    if codes[0] != codes[1]:
        place["priority"] = codes[1]
    if new.assignee is not None and new.assignee != old.assignee:
        place["assigneeId"] = new.assignee
    return place


def _variant(row: Variant) -> dict[str, Any]:
    body: dict[str, Any] = {"payload": row.payload}
    body |= {"attachmentIds": list(row.attachments)} if row.attachments else {}
    return body | ({"taskNote": row.task_note} if row.task_note else {})


def _patch(old: Variant | None, new: Variant, off: bool) -> dict[str, Any] | None:
    if old is None or (old == new and not off):
        return None
    body: dict[str, Any] = {"payload": {**{name: "" for name in old.payload if name not in new.payload}, **new.payload}}
    body |= {"taskNote": new.task_note} if old.task_note != new.task_note else {}
    body |= {"attachmentIds": list(new.attachments)} if old.attachments != new.attachments else {}
    return body | ({"status": 1} if off else {})
