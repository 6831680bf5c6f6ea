"""Plan, apply, plan against a server that is not ours, one scripted fault at a time: every step exactly once."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest
from support.faults import CREATES, apply_until_done, assert_exactly_once, assert_quiet, fault_project, more_sequences
from support.stand_in import KINDS, Fault, Shape, StandIn

SHAPES = [
    Shape(bare=bare, variant_ids=ids, days=days, rewrapped=rewrapped)
    for bare, ids, days, rewrapped in itertools.product((False, True), repeat=4)
    if not (bare and ids)  # the documented bare answer never contains them
]
ORDINARY = [Shape(), Shape(bare=True, variant_ids=False), Shape(variant_ids=False, days=False, rewrapped=True)]
SECONDS = {"late": 3.0, "late_commit": 2.4, "limit_seconds": 1.0, "limit_date": 1.0}


def converges(root: Path, shape: Shape, *faults: Fault, settle_grace: str = "1") -> StandIn:
    """One apply, then an empty plan. Gives the server, which has been judged."""
    with StandIn(shape=shape, faults=faults) as server:
        project = fault_project(root, server.url, settle_grace=settle_grace)
        project.ok("apply", "-auto-approve")
        assert server.met == [fault.kind for fault in faults]
        assert_exactly_once(server, len(faults))
        assert_quiet(project)
        return server


@pytest.mark.parametrize(
    "shape", [shape if shape in ORDINARY else pytest.param(shape, marks=pytest.mark.long) for shape in SHAPES], ids=str
)
def test_every_shape_of_answers(tmp_path: Path, shape: Shape) -> None:
    """Without faults each create is sent once, whatever shape the answers have."""
    assert len(converges(tmp_path, shape).creates) == CREATES


@pytest.mark.parametrize(("place", "kind"), list(enumerate(KINDS)), ids=KINDS)
def test_one_fault_of_each_kind(tmp_path: Path, place: int, kind: str) -> None:
    """A fault costs at most one more create and never a duplicate. Kinds, positions and shapes are combined."""
    fault = Fault(kind, nth=place % CREATES + 1, seconds=SECONDS.get(kind, 1.0))
    converges(tmp_path, SHAPES[place * 5 % len(SHAPES)], fault, settle_grace="2" if kind == "late_commit" else "1")


@pytest.mark.parametrize("kind", ["drop_after", "error_500_before", "late_commit"])
def test_the_sequences_own_create(tmp_path: Path, kind: str) -> None:
    """The create of the sequence itself is found again, or sent again, as a step's is."""
    converges(tmp_path, Shape(), Fault(kind, nth=1, seconds=SECONDS.get(kind, 1.0)), settle_grace="2")


def test_a_fault_at_every_create(tmp_path: Path) -> None:
    """When no answer at all arrives, everything is still made exactly once."""
    faults = [Fault("drop_after", nth=number) for number in range(1, CREATES + 1)]
    assert len(converges(tmp_path, Shape(days=False), *faults).creates) == CREATES


def test_a_fault_upon_a_fault(tmp_path: Path) -> None:
    """The create that is sent again meets a fault too."""
    converges(tmp_path, Shape(), Fault("error_500_before", nth=3), Fault("drop_before", nth=4), Fault("late", 5, 3.0))


def side_by_side(root: Path, seed: int) -> None:
    """Three sequences at a time, a fault at about every third create and at some reads."""
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS if kind not in ("limit_400", "foreign_id")]
    faults = []
    for nth in chance.sample(range(1, 3 * CREATES + 1), 6):
        kind = chance.choice(kinds)
        faults.append(Fault(kind, nth, SECONDS.get(kind, 1.0)))
    reads = ["drop", "error_500", "html_502", "truncated", "not_json", "limit_seconds", "limit_date"]
    shape = chance.choice(SHAPES)
    with StandIn(shape=shape, faults=faults) as server:
        server.read_faults = {number: chance.choice(reads) for number in chance.sample(range(1, 15), 5)}
        project = fault_project(root, server.url, settle_grace="2")
        titles = more_sequences(project, 3)
        project.ok("apply", "-auto-approve")
        assert len(server.met) == len(faults)
        assert_exactly_once(server, len(faults), titles)
        assert_quiet(project)


@pytest.mark.parametrize("seed", [3])
def test_sequences_side_by_side(tmp_path: Path, seed: int) -> None:
    """Faults in one sequence double nothing in it or in others; reads that fail are only read again."""
    side_by_side(tmp_path, seed)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(100, 130))
def test_sequences_side_by_side_often(tmp_path: Path, seed: int) -> None:
    """The same with many seeds."""
    side_by_side(tmp_path, seed)


def test_a_doubtful_refusal_is_read_back_and_reported(tmp_path: Path) -> None:
    """The catch-all 400 after the create was made is no refusal: the step is found, nothing is sent again."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        original = server.make_step

        def made_and_refused(sequence_id: str, body: dict[str, object]) -> object:
            reply = original(sequence_id, body)
            if body["type"] == 3:
                server.found("no such sequence")
            return reply

        server.make_step = made_and_refused  # type: ignore[method-assign]
        apply_until_done(project, most=2)
        assert_exactly_once(server, 0)
        assert_quiet(project)


def test_a_lost_state_creates_no_duplicate(tmp_path: Path) -> None:
    """State and journal are lost: the title is found, its id is reported, and each step with text is adopted."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        project.ok("apply", "-auto-approve")
        ids = dict(line.split("\t") for line in project.ok("state", "list").out.splitlines())
        for left in tmp_path.glob("seqsync.state.json*"):
            left.unlink()
        stopped = project.run("apply", "-auto-approve")
        assert (stopped.code, ids["faults"] in stopped.err) == (9, True)
        known = {name: ids[name] for name in ("faults", "faults.look")}  # a profile view says nothing by itself
        project.write(
            "seqsync.yaml", f"version: 1\nenvironments:\n  default:\n    timeout: 2\n    ids: {json.dumps(known)}\n"
        )
        project.ok("apply", "-auto-approve")
        assert_exactly_once(server, 0)
        assert len(server.creates) == CREATES
        assert_quiet(project)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_with_every_shape(tmp_path: Path, kind: str, shape: Shape) -> None:
    """Each fault at two places of one run, with every shape of answers."""
    first = (KINDS.index(kind) + SHAPES.index(shape)) % 3 + 1
    seconds = SECONDS.get(kind, 1.0)
    converges(tmp_path, shape, Fault(kind, first, seconds), Fault(kind, first + 3, seconds), settle_grace="2")
