"""The history under the simulation's kills, stops, faults and edits: it leads back to every state that was stored."""

from __future__ import annotations

import pytest
from support.sim_run import Simulation
from support.sim_world import CREATE_FAULTS, Profile

from sequence_sync.state.history import CallLine, decode_lines, state_at
from sequence_sync.state.journal import CallResult
from sequence_sync.state.statefile import decode

SEEDS = 40
KILLED = Profile(crashes=4, stops=1, points=60, faults=2, fault_kinds=CREATE_FAULTS, edits=2, steps=4)


@pytest.mark.parametrize("chunk", range(4))
def test_every_stored_state_comes_back(chunk: int) -> None:
    """Whatever was interrupted, the history leads from the last state to each one before, and has each create once."""
    creates = 0
    for seed in range(chunk, SEEDS, 4):
        simulation = Simulation(seed, KILLED)
        simulation.play()
        store = simulation.store
        assert store.stored is not None
        last, lines = decode(store.stored.data, "the last"), decode_lines(store.history_bytes)
        for stored in store.history:
            state = decode(stored.data, "an earlier one")
            assert state_at(state.serial, last, last, lines).content_digest() == state.content_digest(), seed
        made = [line.ids[0] for line in lines if isinstance(line, CallLine) and line.result is CallResult.MADE]
        assert len(made) == len(set(made)), seed
        creates += len(made)
    assert creates
