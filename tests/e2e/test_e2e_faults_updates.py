"""Changes of what is there, on a server that is not ours: scripted faults, whatever shape its answers have."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.changed import assert_changed, changed_project, changes_of
from support.faults import assert_quiet
from support.project import Project
from support.stand_in import KINDS, Fault, Shape, StandIn

SHAPES = [
    Shape(),
    Shape(bare=True, variant_ids=False, rewrapped=True),
    Shape(entities=True, trailing=True),
    Shape(days=False, rewrapped=True, trailing=True),
    Shape(notes=False, variant_ids=False, entities=True),
    Shape(rewrapped=True, entities=True, trailing=True, notes=False, days=False),
]
SECONDS = {"late": 3.0, "late_commit": 2.4, "limit_seconds": 1.0, "limit_date": 1.0}
SAMPLE = ("drop_after", "error_500_before", "late_commit", "limit_400")


def fault_at(kind: str, nth: int) -> Fault:
    """A fault that meets the nth change."""
    return Fault(kind, nth, SECONDS.get(kind, 1.0), change=True)


def converges(root: Path, shape: Shape, *faults: Fault) -> StandIn:
    """One apply of all changes, then an empty plan. Gives the server, which has been judged."""
    with StandIn(shape=shape, faults=faults) as server:
        project = changed_project(root, server)
        project.ok("apply", "-auto-approve")
        assert server.met == [fault.kind for fault in faults]
        assert_changed(server, len(faults))
        assert_quiet(project)
        return server


@pytest.mark.parametrize(
    "shape",
    [shape if shape in SHAPES[:4:3] else pytest.param(shape, marks=pytest.mark.long) for shape in SHAPES],
    ids=str,
)
def test_changes_in_every_shape_of_answers(tmp_path: Path, shape: Shape) -> None:
    """Without faults each change is one call, and what the server makes of a text is never drift."""
    server = converges(tmp_path, shape)
    assert len(server.changes) == changes_of(server)


@pytest.mark.parametrize("kind", SAMPLE)
def test_a_change_meets_a_fault(tmp_path: Path, kind: str) -> None:
    """A fault costs at most one more call, and creates no duplicate."""
    place = KINDS.index(kind)
    converges(tmp_path, SHAPES[place % len(SHAPES)], fault_at(kind, place % 4 + 1))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_changes_meet_every_kind_in_every_shape(tmp_path: Path, kind: str, shape: Shape) -> None:
    """Each fault at two places of one run, with every shape of answers."""
    first = (KINDS.index(kind) + SHAPES.index(shape)) % 2 + 1
    converges(tmp_path, shape, fault_at(kind, first), fault_at(kind, first + 2))


def test_an_active_sequence_is_changed_only_where_that_is_meant(tmp_path: Path) -> None:
    """A sequence that is sending is left alone until `-allow active` is given."""
    with StandIn() as server:
        project = changed_project(tmp_path, server)
        for row in server.sequences.values():
            row["active"] = True
        assert project.run("apply", "-auto-approve").code == 6
        assert server.changes == []
        project.ok("apply", "-auto-approve", "-allow", "active")
        assert_changed(server, 0)
        assert_quiet(project)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_fault_at_every_change(tmp_path: Path) -> None:
    """When no answer at all arrives, everything is changed, and the new variant is made once."""
    with StandIn(faults=[Fault("drop_after", nth, change=True) for nth in range(1, 20)]) as server:
        project: Project = changed_project(tmp_path, server, settle_grace="1")
        project.ok("apply", "-auto-approve")
        assert_changed(server, len(server.met))
        assert_quiet(project)
