"""The gates that a plan must pass, and their details."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from support.plans import create, email, long_update

from sequence_sync.model.gates import GATES
from sequence_sync.model.settings import Policy
from sequence_sync.plan.guards import gates_for
from sequence_sync.plan.model import Action, Call, Change, Gate, Reason

POLICY = Policy()


def change(address: str, action: Action, **others: Any) -> Change:
    """A change with a call."""
    call = Call(method="PATCH", path="/x", body={})
    return Change(**({"address": address, "action": action, "reason": Reason.CHANGED, "calls": (call,)} | others))


def met(*changes: Change, drifted: bool = False, active: Collection[str] = (), limit: int = 200) -> list[str]:
    """The names of the gates that `changes` meet."""
    return [gate.name for gate in gates_for(changes, drifted, active, Policy(max_changed_steps=limit), set())]


def test_creates_meet_no_gate() -> None:
    """However many: a first apply of forty sequences is no accident."""
    assert met(*(create(f"trial.step{n}", email()) for n in range(300)), limit=0) == []


def test_deactivation_meets_the_destructive_gate() -> None:
    (gate,) = gates_for([change("t.s.b", Action.DEACTIVATE_VARIANT)], False, set(), POLICY, set())
    assert gate == Gate(name="destructive", allowed=False, detail=gate.detail)
    assert "t.s.b" in gate.detail
    assert "-allow destructive" in gate.detail


def test_long_list_of_names_is_shortened_with_a_count() -> None:
    rows = [change(f"t.s{n}.b", Action.DEACTIVATE_VARIANT) for n in range(100)]
    (gate,) = gates_for(rows, False, set(), POLICY, set())
    assert "100 variants" in gate.detail
    assert "and 95 more" in gate.detail


def test_drift_gate_is_met_only_by_overwriting() -> None:
    row = change("t.s.a", Action.UPDATE_VARIANT)
    assert met(row) == []
    assert met(row, drifted=True) == ["drift"]


@pytest.mark.parametrize(("limit", "gates"), [(1, ["size"]), (2, []), (0, ["size"])])
def test_size_gate_counts_changed_steps(limit: int, gates: list[str]) -> None:
    """Two variants of one step count once. Blocked changes and creates do not count."""
    rows = [
        change("t.s.a", Action.UPDATE_VARIANT),
        change("t.s.b", Action.UPDATE_VARIANT),
        change("t.u", Action.UPDATE_STEP),
        change("t.v.c", Action.CREATE_VARIANT),
        change("t.w", Action.BLOCKED, calls=()),
    ]
    assert met(*rows, limit=limit) == gates


def test_size_gate_counts_deactivations() -> None:
    assert met(change("t.s.b", Action.DEACTIVATE_VARIANT), limit=0) == ["destructive", "size"]


def test_write_to_an_active_sequence_meets_the_active_gate() -> None:
    assert met(create("t.s", email()), active={"t"}) == ["active"]
    assert met(create("t.s", email()), active={"other"}) == []
    assert met(change("t.s", Action.FORGET, calls=()), active={"t"}) == []


@pytest.mark.parametrize("name", GATES)
def test_allowed_gate_is_open_and_still_listed(name: str) -> None:
    gates = gates_for(long_update().changes, True, {"trial"}, Policy(max_changed_steps=0), {name})
    assert tuple(gate.name for gate in gates) == GATES
    assert [gate.name for gate in gates if gate.allowed] == [name]
    assert all(f"`-allow {gate.name}`" in gate.detail for gate in gates)
