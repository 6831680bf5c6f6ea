"""The one place that decides what an unclear create means: a table of (stand, what the read shows) -> decision. Pure.

See docs/exactly-once.md. "Nothing new of the type" is the only proof that a step was not made; that nothing *matches*
is none, since a server may rewrite what it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sequence_sync.api.types import RemoteSequence, RemoteStep
from sequence_sync.model.sequence import Content
from sequence_sync.planning.likeness import equal, may_be, same_title


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
