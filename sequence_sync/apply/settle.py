"""The one place that decides what an unclear create means: a table of (stand, what the read shows) -> decision. Pure.

See docs/exactly-once.md. "Nothing new of the type" is the only proof that a step was not made; that nothing *matches*
is none, since a server may rewrite what it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequence_sync.api.types import RemoteSequence, RemoteStep
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.planning.canonical import has_text, same_payload, shared_words

MOSTLY_THE_SAME = 0.5  # half of the words in common is too near to be somebody else's


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
TABLE: Mapping[tuple[Stand, bool], Mapping[Seen, Decision]] = {
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
    near = [step for step in new if _may_be(step, content)]
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


def bare_title(title: str) -> str:
    """A title as it is compared: trimmed and case-folded (docs/exactly-once.md)."""
    return title.strip().casefold()


def same_title(one: str, other: str) -> bool:
    """Whether two titles are one."""
    return bare_title(one) == bare_title(other)


def same_kind(step: RemoteStep, content: Content) -> bool:
    """Same type, and the same day where the read tells it."""
    return step.type == STEP_TYPES[content.type].code and step.day in (None, content.day)


def equal(step: RemoteStep, content: Content) -> bool:
    """Same type, day where told, and the same visible text in every variant."""
    return same_kind(step, content) and paired(step, content) is not None


def paired(step: RemoteStep, content: Content) -> dict[str, str] | None:
    """Which remote variant is which letter, by what they say; None where they do not all say the same."""
    left = list(step.variants)
    ids: dict[str, str] = {}
    for letter, variant in content.variants.items():
        match = next(
            (
                row
                for row in left
                if same_payload(content.type, variant.payload, row.payload, variant.task_note, row.task_note)
            ),
            None,
        )
        if match is None:
            return None
        left.remove(match)
        ids[letter] = match.id
    return None if left else ids


def likeness(step: RemoteStep, content: Content) -> float:
    """The share of words in common, from 0 to 1, of the two variants that are most alike."""
    return max(
        (
            shared_words(ours.payload | {"note": ours.task_note}, {**theirs.payload, "note": theirs.task_note or ""})
            for ours in content.variants.values()
            for theirs in step.variants
        ),
        default=0.0,
    )


def says_something(step: RemoteStep) -> bool:
    """Whether the step has any text; a bare call or profile view has none."""
    return any(has_text(row.payload, row.task_note) for row in step.variants)


def _may_be(step: RemoteStep, content: Content) -> bool:
    if step.type != STEP_TYPES[content.type].code:
        return False
    return step.day in (None, content.day) or likeness(step, content) >= MOSTLY_THE_SAME


@dataclass(frozen=True, slots=True)
class Look:
    """What the steps that a state does not know are: ours after all, too near to tell, second copies, or others'."""

    adopt: dict[str, RemoteStep]
    ask: tuple[tuple[tuple[str, ...], RemoteStep], ...]  # each with the addresses that it may be
    doubles: tuple[tuple[str, RemoteStep], ...]
    others: tuple[RemoteStep, ...]


def look(unknown: Sequence[RemoteStep], creates: Mapping[str, Content], managed: Mapping[str, Content]) -> Look:
    """Sorts `unknown` steps. `creates` are the steps to come, `managed` those that the state knows, by address."""
    adopt: dict[str, RemoteStep] = {}
    ask: list[tuple[tuple[str, ...], RemoteStep]] = []
    doubles: list[tuple[str, RemoteStep]] = []
    others: list[RemoteStep] = []
    for step in unknown:
        open_ones = {address: content for address, content in creates.items() if address not in adopt}
        taken = {**managed, **{address: creates[address] for address in adopt}}
        near, twin = _near(step, open_ones), _same(step, taken)
        if says_something(step) and (same := _same(step, open_ones)):
            adopt[same] = step
        elif twin and (says_something(step) or not near):
            doubles.append((twin, step))
        elif near:
            ask.append((near, step))
        else:
            others.append(step)
    return Look(adopt, tuple(ask), tuple(doubles), tuple(others))


def _same(step: RemoteStep, contents: Mapping[str, Content]) -> str | None:
    return next((address for address, content in contents.items() if equal(step, content)), None)


def _near(step: RemoteStep, contents: Mapping[str, Content]) -> tuple[str, ...]:
    bare = not says_something(step)
    return tuple(
        address
        for address, content in contents.items()
        if same_kind(step, content) and (bare or likeness(step, content) >= MOSTLY_THE_SAME)
    )
