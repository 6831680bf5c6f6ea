"""Changes of day, replayed on a model with the rule of one email a day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.build import desired, email, entry, state

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Claim
from sequence_sync.plan.model import Action, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.schedule import MovePlan, plan_moves
from sequence_sync.provider.requests import SALESHANDY

NAMES = "abcdefgh"


def replayed(current: dict[str, int], result: MovePlan) -> dict[str, int]:
    """Return the day of every email after the moves. A move to a held day, or from a wrong day, fails."""
    now = dict(current)
    for move in result.moves:
        assert now[move.name] == move.start
        assert move.day not in now.values()
        now[move.name] = move.day
    return now


@st.composite
def reschedules(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int]]:
    """Current days of up to eight emails, and desired days of some of them."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    days = st.lists(st.integers(1, 12), unique=True, min_size=len(names), max_size=len(names))
    current = dict(zip(names, draw(days), strict=True))
    movers = draw(st.lists(st.sampled_from(names), unique=True))
    targets = dict(zip(names, draw(days), strict=True))
    return current, {name: targets[name] for name in movers}


@given(reschedules())
def test_every_move_goes_to_a_free_day(case: tuple[dict[str, int], dict[str, int]]) -> None:
    """Blocked emails do not move, the others arrive, with at most two moves each."""
    current, targets = case
    result = plan_moves(current, targets, may_park=True)
    now = replayed(current, result)
    assert now == dict(result.days)
    for name in current:
        assert now[name] == (current[name] if name in result.blocked else targets.get(name, current[name]))
        assert sum(move.name == name for move in result.moves) <= 2
    for name, holder in result.blocked.items():
        assert holder is not None
        assert now[holder] == targets[name]


@given(st.permutations(range(1, 9)))
def test_each_cycle_parks_one_email(days: list[int]) -> None:
    current = {name: day for day, name in enumerate(NAMES, start=1)}
    targets = dict(zip(NAMES, days, strict=True))
    result = plan_moves(current, targets, may_park=True)
    cycles, left = 0, {name for name in NAMES if targets[name] != current[name]}
    while left:
        cycles, name = cycles + 1, min(left)
        while name in left:
            left.remove(name)
            name = NAMES[targets[name] - 1]
    assert sum(move.parked for move in result.moves) == cycles
    assert replayed(current, result) == targets
    assert all(move.day > 8 for move in result.moves if move.parked)


@given(reschedules())
def test_interrupted_moves_are_continued(case: tuple[dict[str, int], dict[str, int]]) -> None:
    """After any move, a new plan arrives at the same days."""
    current, targets = case
    result = plan_moves(current, targets, may_park=True)
    now = dict(current)
    for move in result.moves:
        now[move.name] = move.day
        rest = plan_moves(now, {name: targets[name] for name in targets if name not in result.blocked}, may_park=True)
        assert replayed(now, rest) == dict(result.days)


@pytest.mark.parametrize("shift", [-2, 1, 3])
def test_shift_parks_nothing(shift: int) -> None:
    current = {"a": 3, "b": 4, "c": 6}
    result = plan_moves(current, {name: day + shift for name, day in current.items()}, may_park=False)
    assert (len(result.moves), dict(result.blocked)) == (3, {})


def test_swap_on_the_last_days_is_blocked() -> None:
    """Day 999 is the last, so there is no free day behind it."""
    result = plan_moves({"a": 998, "b": 999}, {"a": 999, "b": 998}, may_park=True)
    assert (result.moves, dict(result.blocked)) == ((), {"a": None, "b": None})


def planned(before: dict[str, Content], after: dict[str, Content], **more: object) -> Plan:
    """The plan from one set of steps to another."""
    rows = {"trial": desired(steps=after)}
    return make_plan(
        PlanInputs(
            desired=rows, state=state(trial=entry(**before)), environment="e", api_host="a", **more, dialect=SALESHANDY
        )
    )


emails = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 9), max_size=6).filter(
    lambda days: len(set(days.values())) == len(days)
)


@given(emails, emails)
def test_no_call_of_a_plan_goes_to_a_held_day(before: dict[str, int], after: dict[str, int]) -> None:
    plan = planned(
        {key: email(day, f"about {key}", f"<p>{key * 9}</p>") for key, day in before.items()},
        {key: email(day, f"about {key}", f"<p>{key * 9}</p>") for key, day in after.items()},
    )
    now = dict(before)
    for change in plan.to_do:
        assert change.after is not None
        for call in change.calls:
            day = call.body["absoluteDays"]
            assert day not in [current for key, current in now.items() if key != change.step]
        now[change.step or ""] = change.after.day
    created = {change.step for change in plan.to_do if change.action is Action.CREATE_STEP}
    assert not created & set(before)
    blocked = {change.step for change in plan.changes if change.action is Action.BLOCKED}
    assert all(now[key] == day for key, day in after.items() if key not in blocked)


def test_swap_is_three_changes_and_counts_as_two() -> None:
    """It is blocked if the API does not return days."""
    before, after = {"a": email(1, "A"), "b": email(3, "B")}, {"a": email(3, "A"), "b": email(1, "B")}
    plan = planned(before, after)
    assert [(c.step, c.reason, c.calls[0].body["absoluteDays"]) for c in plan.changes] == [
        ("a", Reason.PARKED, 4),
        ("b", Reason.CHANGED, 1),
        ("a", Reason.CHANGED, 3),
    ]
    off = planned(before, after, off={Claim.READ_DAY})
    assert [(c.step, c.reason) for c in off.changes] == [("a", Reason.DAY_HELD), ("b", Reason.DAY_HELD)]
