"""Changes of day in an order that the API accepts: a day holds at most one email. Pure.

`plan_moves` finds the moves by names and days. `schedule_days` turns them into changes, and blocks an email whose day
is held. Nothing else is ordered here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sequence_sync.model.address import Address
from sequence_sync.model.fields import LAST_DAY
from sequence_sync.model.sequence import Content
from sequence_sync.plan.model import Action, Change, FieldChange, Impact, Reason, StateEntries, block
from sequence_sync.state.model import SequenceState


@dataclass(frozen=True, slots=True)
class Move:
    """One change of day. `parked`: the email waits on a free day, and another move follows."""

    name: str
    start: int
    day: int
    parked: bool = False


@dataclass(frozen=True, slots=True)
class MovePlan:
    """The moves in order, the emails that cannot move, and the day of every email in the end.

    `blocked` names which email holds the day; None: the emails only swap days, and none may be parked.
    """

    moves: tuple[Move, ...]
    blocked: Mapping[str, str | None]
    days: Mapping[str, int]


def plan_moves(
    current: Mapping[str, int],
    desired: Mapping[str, int],
    *,
    may_park: bool,
    last: int = 0,
    in_doubt: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> MovePlan:
    """Plan the moves from `current` (the day of every email) to `desired` (the days of those that move).

    `last` is the last day that the rest of the plan takes. `in_doubt` are days that an email may hold instead. They
    count as held until it moves, and an email that is already on its day moves too. The same input gives the same plan.
    """
    now, also = dict(current), {name: days for name, days in in_doubt.items() if name in current}
    left = {name: day for name, day in desired.items() if current[name] != day or name in also}
    moves: list[Move] = []
    blocked: dict[str, str | None] = {}
    parked: set[str] = set()

    def move(name: str, day: int, park: bool) -> None:
        moves.append(Move(name, now[name], day, park))
        now[name] = day
        also.pop(name, None)

    while left:
        days = [(day, name) for name in now for day in (now[name], *also.get(name, ()))]
        if held := _held_by_others(days, left):
            blocked |= held
            left = {name: day for name, day in left.items() if name not in held}
        elif free := [name for name in left if all(left[name] != day for day, other in days if other != name)]:
            name = min(free, key=lambda each: (now[each], each))
            move(name, left.pop(name), False)
        else:
            waiting = [name for name in left if name not in parked]
            free_day = max(last, *(day for day, _ in days), *desired.values()) + 1
            if not may_park or free_day > LAST_DAY or not waiting:
                blocked |= dict.fromkeys(left)
                break
            name = max(waiting, key=lambda each: (left[each], each))
            parked.add(name)
            move(name, free_day, True)
    return MovePlan(tuple(moves), blocked, now)


def _held_by_others(days: Iterable[tuple[int, str]], left: Mapping[str, int]) -> dict[str, str | None]:
    """Return the emails whose desired day is held by an email that stays there, and by which."""
    holders = {day: name for day, name in sorted(days) if name not in left}
    return {name: holders[day] for name, day in left.items() if day in holders}


SWAP_ADVICE = (
    "These emails swap days, so one of them must wait on a free day. seqsync does that only if the API returns days, "
    "and `read-day` is switched off. Change the days in Saleshandy by hand, or move one email to a free day first."
)


def schedule_days(
    changes: Sequence[Change],
    rows: StateEntries,
    positions: Mapping[Address, int],
    may_park: bool,
    remote_days: Mapping[str, Mapping[str, int]],
) -> list[Change]:
    """Return `changes` with changes of day in order, and blocked if a day is held.

    `positions` gives a step's position in its file. `remote_days` are days held by emails that the state does not know:
    by sequence, which email holds which day.
    """
    sequences: dict[str, list[Change]] = {}
    for change in changes:
        sequences.setdefault(change.sequence, []).append(change)
    ordered: list[Change] = []
    for key, group in sequences.items():
        ordered += _in_one_sequence(group, rows.get(key), positions, may_park, remote_days.get(key, {}))
    return ordered


def _in_one_sequence(
    changes: list[Change],
    row: SequenceState | None,
    positions: Mapping[Address, int],
    may_park: bool,
    remote_days: Mapping[str, int],
) -> list[Change]:
    if not any(_email(change) is not None for change in changes):
        return changes
    steps = sorted(
        (change for change in changes if change.action is Action.UPDATE_STEP),
        key=lambda change: (positions.get(change.address, len(positions)), change.address),
    )
    moving: dict[str, Change] = {
        change.address: change for change in steps if _email(change) is not None and _changes_day(change)
    }
    current = {**_current_days(row, changes), **remote_days}
    desired = {address: content.day for address, change in moving.items() if (content := change.after)}
    created = [change for change in changes if change.action is Action.CREATE_STEP and _email(change) is not None]
    last = max((change.after.day for change in created if change.after), default=0)
    in_doubt = _days_in_doubt(row, changes)
    planned = plan_moves(current, desired, may_park=may_park, last=last, in_doubt=in_doubt)
    blocked = [
        _blocked(moving[name], planned.blocked[name], desired[name]) for name in moving if name in planned.blocked
    ]
    staying = {name: days for name, days in in_doubt.items() if name not in moving or name in planned.blocked}
    holders = {day: name for name, days in sorted(staying.items()) for day in days}
    holders |= {day: name for name, day in sorted(planned.days.items())}
    rest = [
        _unless_held(change, holders) if change in created else change
        for change in changes
        if change.action is not Action.UPDATE_STEP
    ]
    same_day = [change for change in steps if change.address not in moving]
    return [*rest, *same_day, *_as_changes(planned.moves, moving), *blocked]


def _email(change: Change) -> Content | None:
    """Return the desired email, if `change` moves or creates one."""
    if change.action not in (Action.UPDATE_STEP, Action.CREATE_STEP) or change.after is None:
        return None
    return change.after if change.after.is_email else None


def _changes_day(change: Change) -> bool:
    return any(field.field == "day" for field in change.fields)


def _current_days(row: SequenceState | None, changes: Iterable[Change]) -> dict[str, int]:
    """Return the day of every email in Saleshandy: ours by address, unmanaged ones by a description."""
    if row is None:
        return {}
    key = next(iter(changes)).sequence
    ours = {Address(key, step): entry.day for step, entry in row.steps.items() if entry.content.is_email}
    days = {name: day for name, day in row.unmanaged.items() if day and name not in row.forgotten}
    days |= {name: step.day for name, step in row.forgotten.items() if step.is_there and step.content.is_email}
    return ours | {f"step {name}, which is not managed": day for name, day in days.items()}


def _days_in_doubt(row: SequenceState | None, changes: Iterable[Change]) -> dict[str, tuple[int, ...]]:
    """Return the days that our emails may hold instead, after an interrupted run."""
    key = next(iter(changes)).sequence
    steps = row.steps if row else {}
    return {
        Address(key, name): entry.unsettled["day"]
        for name, entry in steps.items()
        if entry.content.is_email and "day" in entry.unsettled
    }


def _as_changes(moves: Iterable[Move], moving: Mapping[str, Change]) -> Iterator[Change]:
    """Yield a change for each move; an email that is parked has two."""
    for move in moves:
        change = moving[move.name]
        if not move.parked and change.before is not None and move.start == change.before.day:
            yield change
            continue
        fields = tuple(
            FieldChange(field="day", before=move.start, after=move.day) if field.field == "day" else field
            for field in change.fields
        )
        update: dict[str, object] = {
            "before": _on_day(change.before, move.start),
            "after": _on_day(change.after, move.day),
            "fields": tuple(field for field in fields if field.field == "day") if move.parked else fields,
        }
        if move.parked:
            update |= {"reason": Reason.PARKED, "impact": Impact.TIMING}
        yield change.model_copy(update=update)


def _on_day(content: Content | None, day: int) -> Content | None:
    return content.model_copy(update={"day": day}) if content else None


def _blocked(change: Change, holder: str | None, day: int) -> Change:
    return block(change, Reason.DAY_HELD, SWAP_ADVICE if holder is None else _held_advice(day, holder))


def _unless_held(change: Change, holders: Mapping[int, str]) -> Change:
    day = change.after.day if change.after else 0
    return block(change, Reason.DAY_HELD, _held_advice(day, holders[day])) if day in holders else change


def _held_advice(day: int, holder: str) -> str:
    return (
        f"Day {day} already has an email: {holder}. A day can have only one. Choose another day, or delete that step "
        "in Saleshandy first. If you deleted it there: `seqsync plan -refresh`."
    )
