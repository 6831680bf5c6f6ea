"""`apply` killed with SIGKILL at every point that matters, and started again: exactly one of each, in order."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import killed
from support.faults import CREATES, apply_until_done, assert_exactly_once, assert_quiet, fault_project, killed_at
from support.project import Project
from support.stand_in import Fault, Shape, StandIn

GRACE = "0.5"
LATE_GRACE = "2"
# What the server does besides, in the matrix: those after which recovery differs.
BESIDES = ["drop_after", "drop_before", "error_500_before", "html_502_after", "late", "late_commit", "truncated"]
SECONDS = {"late": 3.0, "late_commit": 2.4}


def recovers(project: Project, server: StandIn, kills: int) -> None:
    """Applied until done; then judged."""
    apply_until_done(project)
    assert_exactly_once(server, len(server.met) + kills)
    assert_quiet(project)


def chains(names: list[str]) -> Iterator[list[tuple[str, int]]]:
    """The points, four to a run, each at an arrival of its own; early arrivals first, so that there is one."""
    mixed = random.Random(8).sample(names, len(names))
    for place in range(0, len(mixed), 4):
        yield [(name, count) for count, name in enumerate(mixed[place : place + 4], start=1)]


SOONEST = [name for name in killed.NAMES if not name.startswith("after") or name in ("after-send", "after-record")]
LATER = [name for name in killed.NAMES if name not in SOONEST]
CHAINS = [
    *(pytest.param(chain, id=chain[0][0]) for chain in chains(SOONEST)),
    *(pytest.param(chain, id=chain[0][0], marks=pytest.mark.long) for chain in chains(LATER)),
]


@pytest.mark.parametrize("chain", CHAINS)
def test_killed_again_and_again(tmp_path: Path, chain: list[tuple[str, int]]) -> None:
    """Four runs in a row are killed, each somewhere else; the next ones go on to exactly one of each."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, settle_grace=GRACE)
        kills = sum(killed_at(project, point, count) for point, count in chain)
        recovers(project, server, kills)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "late_commit"])
def test_killed_while_the_request_is_at_the_server(tmp_path: Path, kind: str) -> None:
    """The client dies while its create is being made: it is found by the next run, or was never made."""
    running: list[subprocess.Popen[str]] = []
    faults = [Fault(kind, nth, 0.4, then=lambda: running[-1].kill()) for nth in (1, 3)]
    with StandIn(faults=faults) as server:
        project = fault_project(tmp_path, server.url, settle_grace="1.5")
        for _ in faults:
            running.append(project.start("apply", "-auto-approve"))
            assert running[-1].wait(30) == -signal.SIGKILL
            running[-1].communicate()
        recovers(project, server, 0)


def killed_at_random(project: Project, chance: random.Random) -> int:
    """Start apply and kill it after some time, until one ends by itself and well; how many were killed."""
    for kills in range(40):
        process = project.start("apply", "-auto-approve")
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.3, 1.2) if kills < 12 else 60)
        process.kill()
        out, err = process.communicate()
        assert "Traceback" not in out + err, err
        if process.returncode == 0:
            return kills
    raise AssertionError("never done")


def random_kills(root: Path, seed: int) -> None:
    """One history with kills at random times and a few faults of the server."""
    chance = random.Random(seed)
    kinds = ["drop_after", "error_500_before", "truncated", "drop_before"]
    faults = [Fault(chance.choice(kinds), nth) for nth in chance.sample(range(1, 9), 2)]
    with StandIn(shape=Shape(days=chance.random() < 0.5), faults=faults) as server:
        project = fault_project(root, server.url, settle_grace=GRACE)
        kills = killed_at_random(project, chance)
        assert_exactly_once(server, len(server.met) + kills)
        assert_quiet(project)


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_times(tmp_path: Path, seed: int) -> None:
    """SIGKILL at random times in a loop until it is done."""
    random_kills(tmp_path, seed)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(100, 124))
def test_killed_at_random_times_often(tmp_path: Path, seed: int) -> None:
    """The same with many seeds."""
    random_kills(tmp_path, seed)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", killed.NAMES)
def test_killed_at_every_arrival(tmp_path: Path, point: str) -> None:
    """Each point at each of its arrivals, until a run gets past it: one history for each."""
    for count in itertools.count(1):
        root = tmp_path / str(count)
        with StandIn() as server:
            project = fault_project(root, server.url, settle_grace="0.2")
            if not killed_at(project, point, count):
                assert count > 1 or point.endswith("resolve"), f"{point} was never reached"
                return
            recovers(project, server, 1)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", BESIDES)
@pytest.mark.parametrize("point", killed.NAMES)
def test_killed_with_a_fault_besides(tmp_path: Path, point: str, kind: str) -> None:
    """A fault of the server, and a kill at a named point around it."""
    nth = (killed.NAMES.index(point) + BESIDES.index(kind)) % CREATES + 1
    with StandIn(faults=[Fault(kind, nth, SECONDS.get(kind, 1.0))]) as server:
        project = fault_project(tmp_path, server.url, settle_grace=LATE_GRACE if kind == "late_commit" else GRACE)
        kills = sum(killed_at(project, point, count) for count in (nth, 1))
        recovers(project, server, kills)
