"""Changes of day, replayed on a model with the rule of one email a day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.build import email, entry, state, wanted

from sequence_sync.model.sequence import Content
from sequence_sync.model.settings import Claim
from sequence_sync.plan.model import Action, Plan, Reason
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.schedule import MovePlan, plan_moves
from sequence_sync.provider.requests import SALESHANDY

NAMES = "abcdefgh"


def replayed(held: dict[str, int], way: MovePlan) -> dict[str, int]:
    """Where every email is after the legs; a leg to a held day, or from where nobody is, fails."""
    now = dict(held)
    for leg in way.moves:
        assert now[leg.name] == leg.start
        assert leg.day not in now.values()
        now[leg.name] = leg.day
    return now


@st.composite
def reschedules(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int]]:
    """Days now of up to eight emails, and days wanted for some of them."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    days = st.lists(st.integers(1, 12), unique=True, min_size=len(names), max_size=len(names))
    held = dict(zip(names, draw(days), strict=True))
    movers = draw(st.lists(st.sampled_from(names), unique=True))
    aims = dict(zip(names, draw(days), strict=True))
    return held, {name: aims[name] for name in movers}


@given(reschedules())
def test_every_move_goes_to_a_free_day(case: tuple[dict[str, int], dict[str, int]]) -> None:
    """Blocked emails do not move, the others arrive, with at most two moves each."""
    held, aims = case
    way = plan_moves(held, aims, may_park=True)
    now = replayed(held, way)
    assert now == dict(way.days)
    for name in held:
        assert now[name] == (held[name] if name in way.blocked else aims.get(name, held[name]))
        assert sum(leg.name == name for leg in way.moves) <= 2
    for name, holder in way.blocked.items():
        assert holder is not None
        assert now[holder] == aims[name]


@given(st.permutations(range(1, 9)))
def test_each_cycle_parks_one_email(days: list[int]) -> None:
    held = {name: day for day, name in enumerate(NAMES, start=1)}
    aims = dict(zip(NAMES, days, strict=True))
    way = plan_moves(held, aims, may_park=True)
    cycles, left = 0, {name for name in NAMES if aims[name] != held[name]}
    while left:
        cycles, name = cycles + 1, min(left)
        while name in left:
            left.remove(name)
            name = NAMES[aims[name] - 1]
    assert sum(leg.parked for leg in way.moves) == cycles
    assert replayed(held, way) == aims
    assert all(leg.day > 8 for leg in way.moves if leg.parked)


@given(reschedules())
def test_interrupted_moves_are_continued(case: tuple[dict[str, int], dict[str, int]]) -> None:
    """After any move, a new plan arrives at the same days."""
    held, aims = case
    way = plan_moves(held, aims, may_park=True)
    now = dict(held)
    for leg in way.moves:
        now[leg.name] = leg.day
        rest = plan_moves(now, {name: aims[name] for name in aims if name not in way.blocked}, may_park=True)
        assert replayed(now, rest) == dict(way.days)


@pytest.mark.parametrize("shift", [-2, 1, 3])
def test_shift_parks_nothing(shift: int) -> None:
    held = {"a": 3, "b": 4, "c": 6}
    way = plan_moves(held, {name: day + shift for name, day in held.items()}, may_park=False)
    assert (len(way.moves), dict(way.blocked)) == (3, {})


def test_swap_on_the_last_days_is_blocked() -> None:
    """Day 999 is the last, so there is no free day behind it."""
    way = plan_moves({"a": 998, "b": 999}, {"a": 999, "b": 998}, may_park=True)
    assert (way.moves, dict(way.blocked)) == ((), {"a": None, "b": None})


def planned(before: dict[str, Content], after: dict[str, Content], **more: object) -> Plan:
    """The plan from one set of steps to another."""
    rows = {"trial": wanted(steps=after)}
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
            assert day not in [held for key, held in now.items() if key != change.step]
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
