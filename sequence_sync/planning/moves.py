"""Emails change days so that no call needs a day that another email holds. Pure; knows days and names, no plan.

A day holds one email (D: docs/api.md 4). Shifts go in the direction that frees days first; where emails
only change places among themselves, one of them waits on a free day after the last one (late is better than early).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sequence_sync.model.fields import LAST_DAY


@dataclass(frozen=True, slots=True)
class Leg:
    """One change of day. `parked`: it is on its way, and another leg follows."""

    name: str
    start: int
    day: int
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The legs in order; who cannot move, with who is in the way (None: they only change places, and nobody may be
    parked); and where every email is in the end."""

    legs: tuple[Leg, ...]
    stuck: Mapping[str, str | None]
    days: Mapping[str, int]


def route(
    held: Mapping[str, int], wanted: Mapping[str, int], *, may_park: bool, last: int = 0,
    may_be: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> Route:  # fmt: skip
    """The way from `held` (every email's day, movers or not) to `wanted` (the movers' days).

    `last` is the last day that anything else of the plan takes. `may_be` are days that an email may hold instead: they
    count as held until it goes, and a mover goes home too. The same input gives the same route.
    """
    now, also = dict(held), {name: days for name, days in may_be.items() if name in held}
    left = {name: day for name, day in wanted.items() if held[name] != day or name in also}
    legs: list[Leg] = []
    stuck: dict[str, str | None] = {}
    parked: set[str] = set()

    def go(name: str, day: int, stop: bool) -> None:
        legs.append(Leg(name, now[name], day, stop))
        now[name] = day
        also.pop(name, None)

    while left:
        days = [(day, name) for name in now for day in (now[name], *also.get(name, ()))]
        if blocked := _in_the_way(days, left):
            stuck |= blocked
            left = {name: day for name, day in left.items() if name not in blocked}
        elif free := [name for name in left if all(left[name] != day for day, other in days if other != name)]:
            name = min(free, key=lambda each: (now[each], each))
            go(name, left.pop(name), False)
        else:
            waiting = [name for name in left if name not in parked]
            aside = max(last, *(day for day, _ in days), *wanted.values()) + 1
            if not may_park or aside > LAST_DAY or not waiting:
                stuck |= dict.fromkeys(left)
                break
            name = max(waiting, key=lambda each: (left[each], each))
            parked.add(name)
            go(name, aside, True)
    return Route(tuple(legs), stuck, now)


def _in_the_way(days: Iterable[tuple[int, str]], left: Mapping[str, int]) -> dict[str, str | None]:
    """Who wants a day that somebody holds who stays there."""
    holders = {day: name for day, name in sorted(days) if name not in left}
    return {name: holders[day] for name, day in left.items() if day in holders}
