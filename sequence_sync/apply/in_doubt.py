"""A variant as read, held against what was last applied and what is wanted; and what an unclear PATCH means. Pure.

Three ways: file, state, app (docs/exactly-once.md). Reading proves a text only where the two texts differ to the eye:
a change of mere markup is sent again rather than believed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sequence_sync.model.sequence import Content
from sequence_sync.plan.compare import same_payload
from sequence_sync.plan.drift import text_is_ours
from sequence_sync.plan.matching import could_be, same_title, says_the_same
from sequence_sync.provider.base import UNSET, Patch, RemoteSequence, RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState


class Doubt(StrEnum):
    """Why it is unclear."""

    UNKNOWN = "unknown"  # this run sent it and got no clear answer
    DOUBTFUL = "doubtful"  # a 4xx that proves nothing
    OPEN = "open"  # an earlier run left it


class Observation(StrEnum):
    """What a read shows, after all ids seen before are taken away."""

    NOTHING = "nothing"
    EQUAL = "equal"  # exactly one new that may be it, and it is equal
    OTHER = "other"  # something new of the type that is not surely ours, or several
    STRANGERS = "strangers"  # new ones, none of the type
    UNREAD = "unread"  # it could not be read


class CreateResolution(StrEnum):
    """What to do."""

    ADOPT = "adopt"
    WAIT = "wait"  # read again
    SEND = "send"  # it was not made: send it again
    CLOSE = "close"  # it was not made: the plan decides whether it will be
    REFUSED = "refused"  # it was not made: tell what the API said
    ASK = "ask"  # a person must decide


_EARLY: Mapping[Observation, CreateResolution] = {
    Observation.EQUAL: CreateResolution.ADOPT,
    Observation.NOTHING: CreateResolution.WAIT,
    Observation.OTHER: CreateResolution.WAIT,
    Observation.STRANGERS: CreateResolution.WAIT,
    Observation.UNREAD: CreateResolution.WAIT,
}
_LATE: Mapping[Observation, CreateResolution] = {
    **_EARLY,
    Observation.OTHER: CreateResolution.ASK,
    Observation.UNREAD: CreateResolution.ASK,
}

# (stand, the grace is over) -> what the read shows -> decision
CREATE_RESOLUTIONS: Mapping[tuple[Doubt, bool], Mapping[Observation, CreateResolution]] = {
    (Doubt.UNKNOWN, False): _EARLY,
    (Doubt.DOUBTFUL, False): _EARLY,
    (Doubt.OPEN, False): _EARLY,
    (Doubt.UNKNOWN, True): {
        **_LATE,
        Observation.NOTHING: CreateResolution.SEND,
        Observation.STRANGERS: CreateResolution.CLOSE,
    },
    (Doubt.DOUBTFUL, True): {
        **_LATE,
        Observation.NOTHING: CreateResolution.REFUSED,
        Observation.STRANGERS: CreateResolution.REFUSED,
    },
    (Doubt.OPEN, True): {
        **_LATE,
        Observation.NOTHING: CreateResolution.CLOSE,
        Observation.STRANGERS: CreateResolution.CLOSE,
    },
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a read shows, with the steps (or the sequence ids) that show it."""

    seen: Observation
    found: RemoteStep | None = None
    found_id: str | None = None
    candidates: tuple[str, ...] = ()


def observe_steps(read: Iterable[RemoteStep] | None, before: Collection[str], content: Content) -> Evidence:
    """What a read of a sequence's steps says about a create of `content`; `before` are the ids seen before it."""
    if read is None:
        return Evidence(Observation.UNREAD)
    new = [step for step in read if step.id not in before]
    near = [step for step in new if could_be(step, content)]
    if len(near) == 1 and says_the_same(near[0], content):
        return Evidence(Observation.EQUAL, found=near[0], found_id=near[0].id)
    if near:
        return Evidence(Observation.OTHER, candidates=tuple(step.id for step in near))
    return Evidence(Observation.STRANGERS if new else Observation.NOTHING)


def observe_sequences(rows: Iterable[RemoteSequence], before: Collection[str], title: str) -> Evidence:
    """What the list says about a create of a sequence: ours is new, inactive and empty."""
    new = [row for row in rows if row.id not in before and same_title(row.title, title)]
    if not new:
        return Evidence(Observation.NOTHING)
    if len(new) == 1 and not new[0].active and not new[0].step_ids:
        return Evidence(Observation.EQUAL, found_id=new[0].id)
    return Evidence(Observation.OTHER, candidates=tuple(row.id for row in new))


class VariantObservation(StrEnum):
    """What a read of one variant shows."""

    WANTED = "wanted"  # all that the PATCH says is there already
    OURS = "ours"  # it is what was last applied, or cannot be told from it
    OTHER = "other"  # somebody changed it
    GONE = "gone"  # it is not there
    UNREAD = "unread"  # it could not be read


class UpdateResolution(StrEnum):
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
UPDATE_RESOLUTIONS: Mapping[tuple[Doubt, bool], Mapping[VariantObservation, UpdateResolution]] = {
    (Doubt.UNKNOWN, False): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.REPEAT,
        VariantObservation.OTHER: UpdateResolution.WAIT,
        VariantObservation.GONE: UpdateResolution.WAIT,
        VariantObservation.UNREAD: UpdateResolution.WAIT,
    },
    (Doubt.UNKNOWN, True): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.REPEAT,
        VariantObservation.OTHER: UpdateResolution.ASK,
        VariantObservation.GONE: UpdateResolution.ASK,
        VariantObservation.UNREAD: UpdateResolution.ASK,
    },
    (Doubt.DOUBTFUL, False): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.WAIT,
        VariantObservation.OTHER: UpdateResolution.WAIT,
        VariantObservation.GONE: UpdateResolution.WAIT,
        VariantObservation.UNREAD: UpdateResolution.WAIT,
    },
    (Doubt.DOUBTFUL, True): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.REFUSED,
        VariantObservation.OTHER: UpdateResolution.REFUSED,
        VariantObservation.GONE: UpdateResolution.REFUSED,
        VariantObservation.UNREAD: UpdateResolution.REFUSED,
    },
    (Doubt.OPEN, False): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.WAIT,
        VariantObservation.OTHER: UpdateResolution.WAIT,
        VariantObservation.GONE: UpdateResolution.WAIT,
        VariantObservation.UNREAD: UpdateResolution.WAIT,
    },
    (Doubt.OPEN, True): {
        VariantObservation.WANTED: UpdateResolution.UPDATED,
        VariantObservation.OURS: UpdateResolution.NOT_MADE,
        VariantObservation.OTHER: UpdateResolution.NOT_MADE,
        VariantObservation.GONE: UpdateResolution.NOT_MADE,
        VariantObservation.UNREAD: UpdateResolution.ASK,
    },
}


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """One thing that a variant is held against, by the fields of the PATCH. None: a read does not tell."""

    names: tuple[str, ...]
    ours: bool | None
    wanted: bool | None
    theirs: str = ""
    applied: str = ""


@dataclass(frozen=True, slots=True)
class PatchComparison:
    """What a read shows, and of a change by somebody else the thing with both sides. `could_be`: the fields of the
    PATCH
    that may be as it says, by all that was read."""

    held: VariantObservation
    changed: FieldComparison | None = None
    could_be: tuple[str, ...] = ()


def compare_patch(entry: StepState, letter: str, patch: Patch, step: RemoteStep | None) -> PatchComparison:
    """`step` as read against `entry` and against `patch` of variant `letter`."""
    known = entry.variants[letter]
    row = next((row for row in step.variants if row.id == known.id), None) if step else None
    if step is None or row is None:
        return PatchComparison(VariantObservation.GONE, could_be=tuple(patch.values()))
    aspects = [*_placing(entry, patch, step), *_rest(entry, letter, patch, row)]
    if patch.values().keys() & {"payload", "task_note"}:  # who only switches a variant off overwrites no words
        aspects.insert(0, _text(entry, letter, patch, row))
    could_be = tuple(name for aspect in aspects if aspect.wanted is not False for name in aspect.names)
    if all(aspect.wanted for aspect in aspects):
        return PatchComparison(VariantObservation.WANTED, could_be=could_be)
    foreign = next((each for each in aspects if each.ours is False and not each.wanted), None)
    return (
        PatchComparison(VariantObservation.OTHER, foreign, could_be)
        if foreign
        else PatchComparison(VariantObservation.OURS, could_be=could_be)
    )


def _text(entry: StepState, letter: str, patch: Patch, row: RemoteVariant) -> FieldComparison:
    known = entry.variants[letter].content
    payload = _filled(known.payload if patch.payload is UNSET else patch.payload)
    note = known.task_note if patch.task_note is UNSET else patch.task_note
    ours, marks = text_is_ours(entry, letter, row), entry.variants[letter].unsettled.keys() & {"payload", "task_note"}
    wanted: bool | None = same_payload(entry.type, payload, row.payload, note, row.task_note)
    if (payload, note) == (_filled(known.payload), known.task_note) and not marks:
        wanted = ours  # nothing of the text is to change
    elif row.task_note is None and (note != known.task_note or "task_note" in marks):
        wanted = wanted and None
    elif ours and wanted and payload != _filled(row.payload):
        wanted = None
    return FieldComparison(("payload", "task_note"), ours, wanted, _words(row.payload), _words(known.payload))


def _filled(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value not in ("", None)}


def _words(payload: Mapping[str, Any]) -> str:
    return " / ".join(str(value) for value in _filled(payload).values())


def _placing(entry: StepState, patch: Patch, step: RemoteStep) -> list[FieldComparison]:
    aspects, marks = [], entry.unsettled
    if patch.day is not UNSET:
        aspects.append(_plain("day", step.day, (entry.day, *marks.get("day", ())), patch.day))
    if patch.priority is not UNSET:
        known = (entry.priority or step.priority, *marks.get("priority", ()))
        aspects.append(_plain("priority", step.priority, known, patch.priority))
    if patch.assignee is not UNSET:
        before = entry.assignee if entry.assignee is not None else step.assignee
        both = (before, *marks.get("assignee", ()))
        aspects.append(_plain("assignee", step.assignee, both, patch.assignee))
    return aspects


def _rest(entry: StepState, letter: str, patch: Patch, row: RemoteVariant) -> list[FieldComparison]:
    known = entry.variants[letter]
    aspects = []
    if patch.attachments is not UNSET:
        remote = None if row.attachments is None else sorted(row.attachments)
        before = (known.content.attachments, *known.unsettled.get("attachments", ()))
        aspects.append(_plain("attachments", remote, [sorted(row) for row in before], sorted(patch.attachments)))
    if patch.status is not UNSET:
        # On or off is no text that could be lost: whoever switched it already did what is desired.
        aspects.append(FieldComparison(("status",), True, None if row.status is None else row.status == patch.status))
    return aspects


def _plain(name: str, remote: Any, ours: Sequence[Any], desired: Any) -> FieldComparison:
    """`ours`: what was last applied, then what else a call of ours may have written."""
    if remote is None:
        return FieldComparison((name,), None, None)
    return FieldComparison((name,), remote in ours, remote == desired, f"{name} {remote}", f"{name} {ours[0]}")
