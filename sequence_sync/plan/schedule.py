"""Changes of day in an order that the API accepts, and emails whose day is held. Pure.

`moves` finds the way by names and days; here it becomes changes, each with where it is told from and where it goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sequence_sync.model.fields import LAST_DAY
from sequence_sync.model.sequence import Content
from sequence_sync.plan.model import Action, Change, FieldChange, Impact, Reason, StateEntries, block
from sequence_sync.state.model import SequenceState


@dataclass(frozen=True, slots=True)
class Move:
    """One change of day. `parked`: it is on its way, and another leg follows."""

    name: str
    start: int
    day: int
    parked: bool = False


@dataclass(frozen=True, slots=True)
class MovePlan:
    """The legs in order; who cannot move, with who is in the way (None: they only change places, and nobody may be
    parked); and where every email is in the end."""

    legs: tuple[Move, ...]
    stuck: Mapping[str, str | None]
    days: Mapping[str, int]


def plan_moves(
    held: Mapping[str, int],
    wanted: Mapping[str, int],
    *,
    may_park: bool,
    last: int = 0,
    may_be: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> MovePlan:
    """The way from `held` (every email's day, movers or not) to `wanted` (the movers' days).

    `last` is the last day that anything else of the plan takes. `may_be` are days that an email may hold instead: they
    count as held until it goes, and a mover goes home too. The same input gives the same route.
    """
    now, also = dict(held), {name: days for name, days in may_be.items() if name in held}
    left = {name: day for name, day in wanted.items() if held[name] != day or name in also}
    legs: list[Move] = []
    stuck: dict[str, str | None] = {}
    parked: set[str] = set()

    def go(name: str, day: int, stop: bool) -> None:
        legs.append(Move(name, now[name], day, stop))
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
    return MovePlan(tuple(legs), stuck, now)


def _in_the_way(days: Iterable[tuple[int, str]], left: Mapping[str, int]) -> dict[str, str | None]:
    """Who wants a day that somebody holds who stays there."""
    holders = {day: name for day, name in sorted(days) if name not in left}
    return {name: holders[day] for name, day in left.items() if day in holders}


CYCLE = (
    "These emails only change places, so one of them must wait on a free day meanwhile; that is done only where a read "
    "tells the days, and `read-day` is switched off. Change the days in Saleshandy by hand, or let one of them go to a "
    "free day first."
)


def schedule_days(
    changes: Sequence[Change],
    rows: StateEntries,
    places: Mapping[str, int],
    may_park: bool,
    others: Mapping[str, Mapping[str, int]],
) -> list[Change]:
    """`changes` with those of days in order, legs by way of a free day among them, and blocked where a day is held.

    `others` are the days that are held by what the state does not know of: by sequence, who holds which.
    """
    sequences: dict[str, list[Change]] = {}
    for change in changes:
        sequences.setdefault(change.sequence, []).append(change)
    ordered: list[Change] = []
    for key, group in sequences.items():
        ordered += _in_one_sequence(group, rows.get(key), places, may_park, others.get(key, {}))
    return ordered


def _in_one_sequence(
    changes: list[Change],
    row: SequenceState | None,
    places: Mapping[str, int],
    may_park: bool,
    others: Mapping[str, int],
) -> list[Change]:
    if not any(_email(change) is not None for change in changes):
        return changes
    steps = sorted(
        (change for change in changes if change.action is Action.UPDATE_STEP),
        key=lambda change: (places.get(change.address, len(places)), change.address),
    )
    movers: dict[str, Change] = {
        change.address: change for change in steps if _email(change) is not None and _day(change)
    }
    held = {**_held(row, changes), **others}
    wanted = {address: content.day for address, change in movers.items() if (content := change.after)}
    created = [change for change in changes if change.action is Action.CREATE_STEP and _email(change) is not None]
    last = max((change.after.day for change in created if change.after), default=0)
    may_be = _may_be(row, changes)
    way = plan_moves(held, wanted, may_park=may_park, last=last, may_be=may_be)
    stuck = [_stuck(movers[name], way.stuck[name], wanted[name]) for name in movers if name in way.stuck]
    left = {name: days for name, days in may_be.items() if name not in movers or name in way.stuck}
    at_rest = {day: name for name, days in sorted(left.items()) for day in days}
    at_rest |= {day: name for name, day in sorted(way.days.items())}
    rest = [
        _unless_held(change, at_rest) if change in created else change
        for change in changes
        if change.action is not Action.UPDATE_STEP
    ]
    calm = [change for change in steps if change.address not in movers]
    return [*rest, *calm, *_legs(way.legs, movers), *stuck]


def _email(change: Change) -> Content | None:
    """What an email will say, if `change` moves or makes one."""
    if change.action not in (Action.UPDATE_STEP, Action.CREATE_STEP) or change.after is None:
        return None
    return change.after if change.after.is_email else None


def _day(change: Change) -> bool:
    return any(field.field == "day" for field in change.fields)


def _held(row: SequenceState | None, changes: Iterable[Change]) -> dict[str, int]:
    """Every email that Saleshandy has, with its day: ours by address, others by what they are called."""
    if row is None:
        return {}
    key = next(iter(changes)).sequence
    ours = {f"{key}.{step}": entry.day for step, entry in row.steps.items() if entry.content.is_email}
    others = {f"step {name}, which is not managed": day for name, day in row.unmanaged.items() if day is not None}
    return ours | others


def _may_be(row: SequenceState | None, changes: Iterable[Change]) -> dict[str, tuple[int, ...]]:
    """Days that our emails may hold instead, by an earlier run that was cut off."""
    key = next(iter(changes)).sequence
    steps = row.steps if row else {}
    return {
        f"{key}.{name}": entry.unsettled["day"]
        for name, entry in steps.items()
        if entry.content.is_email and "day" in entry.unsettled
    }


def _legs(legs: Iterable[Move], movers: Mapping[str, Change]) -> Iterator[Change]:
    for leg in legs:
        change = movers[leg.name]
        if not leg.parked and change.before is not None and leg.start == change.before.day:
            yield change
            continue
        fields = tuple(
            FieldChange(field="day", before=leg.start, after=leg.day) if field.field == "day" else field
            for field in change.fields
        )
        update: dict[str, object] = {
            "before": _on(change.before, leg.start),
            "after": _on(change.after, leg.day),
            "fields": tuple(field for field in fields if field.field == "day") if leg.parked else fields,
        }
        if leg.parked:
            update |= {"reason": Reason.PARKED, "impact": Impact.TIMING}
        yield change.model_copy(update=update)


def _on(content: Content | None, day: int) -> Content | None:
    return content.model_copy(update={"day": day}) if content else None


def _stuck(change: Change, holder: str | None, day: int) -> Change:
    if holder is None:
        return block(change, Reason.DAY_HELD, CYCLE)
    return block(change, Reason.DAY_HELD, _held_words(day, holder))


def _unless_held(change: Change, at_rest: Mapping[int, str]) -> Change:
    day = change.after.day if change.after else 0
    return block(change, Reason.DAY_HELD, _held_words(day, at_rest[day])) if day in at_rest else change


def _held_words(day: int, holder: str) -> str:
    return (
        f"Day {day} is held by {holder}, and a day can hold one email. Take another day, or delete that step in "
        "Saleshandy first."
    )
