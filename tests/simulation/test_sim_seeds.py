"""Exactly once, by deterministic simulation: no seed breaks a rule, and each says how to replay it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.sim_run import Simulation, simulate
from support.sim_world import CREATE_FAULTS, Profile, profile_of

CHUNK, CHUNKS = 63, 8  # 504 seeds in the ordinary run
LONG_CHUNK, LONG_CHUNKS = 250, 80  # 20,000 more
FIRST_LONG = CHUNK * CHUNKS
REPLAY = Path(__file__).with_name("replay.py")


# Seeds that break a rule by a fault that is not fixed yet, also in the builds before the reorganization: the state of a
# variant differs from Saleshandy. Take a seed out when its fault is fixed.
OPEN_FAULTS = frozenset({11730})


def broken(seeds: Iterable[int]) -> list[str]:
    """The seeds that break a rule, each with the rule and the command that replays it."""
    found = ((seed, simulate(seed)) for seed in seeds)
    return [f"{rules[0]}: .venv/bin/python tests/simulation/replay.py {seed}" for seed, rules in found if rules]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_sim_seeds_keep_every_rule(chunk: int) -> None:
    """Crashes, faults, lost states, people and second appliers break no rule in these seeds."""
    assert broken(range(chunk * CHUNK, (chunk + 1) * CHUNK)) == []


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(LONG_CHUNKS))
def test_sim_many_seeds_keep_every_rule(chunk: int) -> None:
    """The same for 20,000 further seeds."""
    first = FIRST_LONG + chunk * LONG_CHUNK
    seeds = [seed for seed in range(first, first + LONG_CHUNK) if seed not in OPEN_FAULTS]
    assert broken(seeds) == []


@pytest.mark.parametrize("fault", CREATE_FAULTS)
def test_sim_each_fault_alone(fault: str) -> None:
    """Each single fault, with a kill, ends with every step once."""
    profile = Profile(faults=3, fault_kinds=(fault,), crashes=1, lag=3.0)
    assert [seed for seed in range(8) if simulate(seed, profile)] == []


@pytest.mark.parametrize("loss", ["all", "state", "journal", "back", "damage"])
def test_sim_each_loss_alone(loss: str) -> None:
    """A lost, emptied, rolled back or damaged state creates no duplicate."""
    profile = Profile(losses=(loss, loss), crashes=2, points=60, bound=10.0, faults=1, fault_kinds=CREATE_FAULTS)
    assert [seed for seed in range(15) if simulate(seed, profile)] == []


@pytest.mark.parametrize("beyond", [{"late": True}, {"duplicates": True}, {"appliers": 2, "two_states": True}])
def test_sim_duplicates_beyond_the_guarantee_are_reported(beyond: dict[str, object]) -> None:
    """Where no client can prevent a duplicate, some seeds create one, and each is reported with its id."""
    profile = Profile(faults=3, fault_kinds=("late",), **beyond)
    played = [Simulation(seed, profile) for seed in range(25)]
    assert [simulation.world.seed for simulation in played if simulation.play()] == []
    assert any(
        "is a duplicate of" in text or "has the title" in text for each in played for text in each.rules.reported
    )


def test_sim_a_seed_is_one_history() -> None:
    """The same seed gives the same history, also in another process with another hash seed."""
    seed = next(number for number in range(100) if profile_of(number).appliers == 2)
    first, second = (Simulation(seed, tracing=True) for _ in range(2))
    first.play()
    second.play()
    replayed = subprocess.run([sys.executable, REPLAY, str(seed)], capture_output=True, text=True, check=False)
    assert first.world.log == second.world.log
    assert "\n".join(first.world.log) in replayed.stdout


def test_sim_profiles_reach_everything() -> None:
    """The ordinary seeds have every fault, every loss, both kinds of second applier and a deed of a person."""
    profiles = [profile_of(seed) for seed in range(CHUNK * CHUNKS)]
    assert {loss for row in profiles for loss in row.losses} == {"all", "state", "journal", "back", "damage"}
    assert {(row.appliers, row.two_states) for row in profiles} == {(1, False), (2, False), (2, True)}
    assert all(
        any(getattr(row, name) for row in profiles) for name in ("late", "duplicates", "people", "edits", "stops")
    )
    assert {row.limit_words for row in profiles} == {"400", "429", "429-date"}


@pytest.mark.parametrize("seed", sorted(OPEN_FAULTS))
def test_sim_open_fault_is_still_there(seed: int) -> None:
    """Fails when the fault is fixed, so that its seed is taken out of the list and plays with the others again."""
    assert broken([seed]) != []
