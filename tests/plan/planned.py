"""Plans of small sequences against a state."""

from __future__ import annotations

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.plan.model import Change, Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.model import State


def planned(*sequences: DesiredSequence, by: State | None = None, **more: object) -> Plan:
    """The plan of `sequences` against the state `by`."""
    rows = {row.key: row for row in sequences}
    return make_plan(
        PlanInputs(desired=rows, state=by, environment="default", api_host="api", **more, dialect=SALESHANDY)
    )


def changes(plan: Plan) -> list[tuple[str, str, str]]:
    """Address, action and reason of every change."""
    return [(change.address, str(change.action), str(change.reason)) for change in plan.changes]


def only(plan: Plan) -> Change:
    """The one change of a plan."""
    assert len(plan.changes) == 1, changes(plan)
    return plan.changes[0]
