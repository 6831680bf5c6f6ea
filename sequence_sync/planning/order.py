"""The order of a plan. Pure.

sequences, by key (they do not depend on each other); within one sequence:

    0  state only: adopt, move, forget, record   (its own before those of its steps)
    1  create the sequence
    2  changes of day, priority, assignee           (in the order in which `schedule` put them)
    3  other updates
    4  creates of steps, ascending by (day, place in the file): the server's numbering then agrees
    5  new variants
    6  deactivations
    7  blocked: no call, told last
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sequence_sync.planning.plan import STATE_ONLY, Action, Change

RANK: Mapping[Action, int] = {
    **dict.fromkeys(STATE_ONLY, 0),
    Action.CREATE_SEQUENCE: 1,
    Action.UPDATE_STEP: 2,
    Action.UPDATE_VARIANT: 3,
    Action.CREATE_STEP: 4,
    Action.CREATE_VARIANT: 5,
    Action.DEACTIVATE_VARIANT: 6,
    Action.BLOCKED: 7,
}


def in_plan_order(changes: Iterable[Change], places: Mapping[str, int]) -> list[Change]:
    """`changes`, sorted. `places` gives a step's place in its file by its address; others come after."""

    def key(change: Change) -> tuple[str, int, int, int, int, str]:
        if change.action is Action.UPDATE_STEP:
            return (change.sequence, RANK[change.action], 1, 0, 0, "")
        step = f"{change.sequence}.{change.step}"
        day = change.after.day if change.action is Action.CREATE_STEP and change.after else 0
        return (
            change.sequence,
            RANK[change.action],
            0 if change.step is None else 1,
            day,
            places.get(step, len(places)),
            change.address,
        )

    return sorted(changes, key=key)
