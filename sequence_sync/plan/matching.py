"""Likeness: whether a step in the app is one of ours, may be, or is somebody else's. Pure.

Used for one thing only: to find what a lost answer, a lost state or a click in the app may have made. Steps that are
known are known by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequence_sync.api.types import RemoteStep
from sequence_sync.model.sequence import Content
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.planning.canonical import has_text, same_payload, shared_words

MOSTLY_THE_SAME = 0.5  # half of the words in common is too near to be somebody else's


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


def may_be(step: RemoteStep, content: Content) -> bool:
    """Whether a step could be `content` after all: its type, and its day or half of its words."""
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
