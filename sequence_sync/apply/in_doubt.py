"""A variant as read, held against what was last applied and what is wanted; and what an unclear PATCH means. Pure.

Three ways: file, state, app (docs/exactly-once.md). Reading proves a text only where the two texts differ to the eye:
a change of mere markup is sent again rather than believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content
from sequence_sync.plan.calls import OF_STEP, OF_VARIANT
from sequence_sync.plan.compare import same_payload
from sequence_sync.plan.drift import text_is_ours
from sequence_sync.plan.matching import equal, may_be, same_title
from sequence_sync.provider.base import RemoteSequence, RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState


class Stand(StrEnum):
    """Why it is unclear."""

    UNKNOWN = "unknown"  # this run sent it and got no clear answer
    DOUBTFUL = "doubtful"  # a 4xx that proves nothing
    OPEN = "open"  # an earlier run left it


class Seen(StrEnum):
    """What a read shows, after all ids seen before are taken away."""

    NOTHING = "nothing"
    EQUAL = "equal"  # exactly one new that may be it, and it is equal
    OTHER = "other"  # something new of the type that is not surely ours, or several
    STRANGERS = "strangers"  # new ones, none of the type
    UNREAD = "unread"  # it could not be read


class Decision(StrEnum):
    """What to do."""

    ADOPT = "adopt"
    WAIT = "wait"  # read again
    SEND = "send"  # it was not made: send it again
    CLOSE = "close"  # it was not made: the plan decides whether it will be
    REFUSED = "refused"  # it was not made: tell what the API said
    ASK = "ask"  # a person must decide


_EARLY: Mapping[Seen, Decision] = {
    Seen.EQUAL: Decision.ADOPT,
    Seen.NOTHING: Decision.WAIT,
    Seen.OTHER: Decision.WAIT,
    Seen.STRANGERS: Decision.WAIT,
    Seen.UNREAD: Decision.WAIT,
}
_LATE: Mapping[Seen, Decision] = {**_EARLY, Seen.OTHER: Decision.ASK, Seen.UNREAD: Decision.ASK}

# (stand, the grace is over) -> what the read shows -> decision
CREATE_TABLE: Mapping[tuple[Stand, bool], Mapping[Seen, Decision]] = {
    (Stand.UNKNOWN, False): _EARLY,
    (Stand.DOUBTFUL, False): _EARLY,
    (Stand.OPEN, False): _EARLY,
    (Stand.UNKNOWN, True): {**_LATE, Seen.NOTHING: Decision.SEND, Seen.STRANGERS: Decision.CLOSE},
    (Stand.DOUBTFUL, True): {**_LATE, Seen.NOTHING: Decision.REFUSED, Seen.STRANGERS: Decision.REFUSED},
    (Stand.OPEN, True): {**_LATE, Seen.NOTHING: Decision.CLOSE, Seen.STRANGERS: Decision.CLOSE},
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a read shows, with the steps (or the sequence ids) that show it."""

    seen: Seen
    found: RemoteStep | None = None
    found_id: str | None = None
    candidates: tuple[str, ...] = ()


def weigh_steps(read: Iterable[RemoteStep] | None, before: Collection[str], content: Content) -> Evidence:
    """What a read of a sequence's steps says about a create of `content`; `before` are the ids seen before it."""
    if read is None:
        return Evidence(Seen.UNREAD)
    new = [step for step in read if step.id not in before]
    near = [step for step in new if may_be(step, content)]
    if len(near) == 1 and equal(near[0], content):
        return Evidence(Seen.EQUAL, found=near[0], found_id=near[0].id)
    if near:
        return Evidence(Seen.OTHER, candidates=tuple(step.id for step in near))
    return Evidence(Seen.STRANGERS if new else Seen.NOTHING)


def weigh_sequences(rows: Iterable[RemoteSequence], before: Collection[str], title: str) -> Evidence:
    """What the list says about a create of a sequence: ours is new, inactive and empty."""
    new = [row for row in rows if row.id not in before and same_title(row.title, title)]
    if not new:
        return Evidence(Seen.NOTHING)
    if len(new) == 1 and not new[0].active and not new[0].step_ids:
        return Evidence(Seen.EQUAL, found_id=new[0].id)
    return Evidence(Seen.OTHER, candidates=tuple(row.id for row in new))


class Held(StrEnum):
    """What a read of one variant shows."""

    WANTED = "wanted"  # all that the PATCH says is there already
    OURS = "ours"  # it is what was last applied, or cannot be told from it
    OTHER = "other"  # somebody changed it
    GONE = "gone"  # it is not there
    UNREAD = "unread"  # it could not be read


class Next(StrEnum):
    """What to do about an unclear PATCH."""

    UPDATED = "updated"
    NOT_MADE = "not-made"
    REPEAT = "repeat"  # the same body may go again at any time
    WAIT = "wait"
    REFUSED = "refused"  # tell what the API said
    ASK = "ask"  # a person must look


# (stand, the grace is over) -> what the read shows -> what to do. At the next start a PATCH of which nothing is to be
# seen is closed: the plan repeats it, and whoever edited meanwhile is met by the three-way check. A doubtful no may
# have come before the change was carried out (a gateway's 408), and a read may be old: both count after the grace.
UPDATE_TABLE: Mapping[tuple[Stand, bool], Mapping[Held, Next]] = {
    (Stand.UNKNOWN, False): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.REPEAT, Held.OTHER: Next.WAIT, Held.GONE: Next.WAIT,
        Held.UNREAD: Next.WAIT,
    },
    (Stand.UNKNOWN, True): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.REPEAT, Held.OTHER: Next.ASK, Held.GONE: Next.ASK,
        Held.UNREAD: Next.ASK,
    },
    (Stand.DOUBTFUL, False): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.WAIT, Held.OTHER: Next.WAIT, Held.GONE: Next.WAIT,
        Held.UNREAD: Next.WAIT,
    },
    (Stand.DOUBTFUL, True): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.REFUSED, Held.OTHER: Next.REFUSED, Held.GONE: Next.REFUSED,
        Held.UNREAD: Next.REFUSED,
    },
    (Stand.OPEN, False): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.WAIT, Held.OTHER: Next.WAIT, Held.GONE: Next.WAIT,
        Held.UNREAD: Next.WAIT,
    },
    (Stand.OPEN, True): {
        Held.WANTED: Next.UPDATED, Held.OURS: Next.NOT_MADE, Held.OTHER: Next.NOT_MADE, Held.GONE: Next.NOT_MADE,
        Held.UNREAD: Next.ASK,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that a variant is held against, by the fields of the PATCH. None: a read does not tell."""

    names: tuple[str, ...]
    ours: bool | None
    wanted: bool | None
    theirs: str = ""
    applied: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a read shows, and of a change by somebody else the thing with both sides. `may_be`: the fields of the PATCH
    that may be as it says, by all that was read."""

    held: Held
    changed: Aspect | None = None
    may_be: tuple[str, ...] = ()


def hold(entry: StepState, letter: str, body: Mapping[str, Any], step: RemoteStep | None) -> Finding:
    """`step` as read against `entry` and against a PATCH of `letter` with `body`."""
    known = entry.variants[letter]
    row = next((row for row in step.variants if row.id == known.id), None) if step else None
    if step is None or row is None:
        return Finding(Held.GONE, may_be=tuple(body))
    aspects = [*_placing(entry, body, step), *_rest(entry, letter, body, row)]
    if body.keys() & {"payload", "taskNote"}:  # who only switches a variant off overwrites no words
        aspects.insert(0, _text(entry, letter, body, row))
    may_be = tuple(name for aspect in aspects if aspect.wanted is not False for name in aspect.names)
    if all(aspect.wanted for aspect in aspects):
        return Finding(Held.WANTED, may_be=may_be)
    foreign = next((each for each in aspects if each.ours is False and not each.wanted), None)
    return Finding(Held.OTHER, foreign, may_be) if foreign else Finding(Held.OURS, may_be=may_be)


def _text(entry: StepState, letter: str, body: Mapping[str, Any], row: RemoteVariant) -> Aspect:
    known = entry.variants[letter].content
    payload, note = _filled(body.get("payload", known.payload)), body.get("taskNote", known.task_note)
    ours, marks = text_is_ours(entry, letter, row), entry.variants[letter].unsettled.keys() & {"payload", "task_note"}
    wanted: bool | None = same_payload(entry.type, payload, row.payload, note, row.task_note)
    if (payload, note) == (_filled(known.payload), known.task_note) and not marks:
        wanted = ours  # nothing of the text is to change
    elif row.task_note is None and (note != known.task_note or "task_note" in marks):
        wanted = wanted and None
    elif ours and wanted and payload != _filled(row.payload):
        wanted = None
    return Aspect(("payload", "taskNote"), ours, wanted, _words(row.payload), _words(known.payload))


def _filled(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value not in ("", None)}


def _words(payload: Mapping[str, Any]) -> str:
    return " / ".join(str(value) for value in _filled(payload).values())


def _placing(entry: StepState, body: Mapping[str, Any], step: RemoteStep) -> list[Aspect]:
    aspects, marks = [], entry.unsettled
    if "absoluteDays" in body:
        aspects.append(_plain("absoluteDays", step.day, (entry.day, *marks.get("day", ())), body["absoluteDays"]))
    if "priority" in body:
        code = entry.priority.code if entry.priority else step.priority
        codes = (code, *(Priority(value).code for value in marks.get("priority", ())))
        aspects.append(_plain("priority", step.priority, codes, body["priority"]))
    if "assigneeId" in body:
        before = entry.assignee if entry.assignee is not None else step.assignee
        both = (before, *marks.get("assignee", ()))
        aspects.append(_plain("assigneeId", step.assignee, both, body["assigneeId"]))
    return aspects


def _rest(entry: StepState, letter: str, body: Mapping[str, Any], row: RemoteVariant) -> list[Aspect]:
    known = entry.variants[letter]
    aspects = []
    if "attachmentIds" in body:
        told = None if row.attachments is None else sorted(row.attachments)
        before = (known.content.attachments, *known.unsettled.get("attachments", ()))
        aspects.append(_plain("attachmentIds", told, [sorted(row) for row in before], sorted(body["attachmentIds"])))
    if "status" in body:
        # On or off is no text that could be lost: whoever switched it already did what is wanted.
        aspects.append(Aspect(("status",), True, None if row.status is None else row.status == body["status"]))
    return aspects


def _plain(name: str, told: Any, ours: Sequence[Any], wanted: Any) -> Aspect:
    """`ours`: what was last applied, then what else a call of ours may have written."""
    if told is None:
        return Aspect((name,), None, None)
    word = OF_STEP.get(name) or OF_VARIANT[name]
    return Aspect((name,), told in ours, told == wanted, f"{word} {told}", f"{word} {ours[0]}")
