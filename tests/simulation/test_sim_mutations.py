"""The simulation can see: each way of breaking the protocol is caught, and the same worlds are clean without it."""

from __future__ import annotations

import pytest
from support.sim_breaks import BREAKS
from support.sim_mutations import MUTATIONS, Mutation
from support.sim_run import simulate

SEEDS = 2000
CLEAN = 40
each = pytest.mark.parametrize("mutation", MUTATIONS + BREAKS, ids=lambda mutation: mutation.name.replace(" ", "-"))


@each
def test_sim_catches_the_mutation(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken engine breaks a rule within 2,000 seeds."""
    mutation.patch(monkeypatch)
    assert any(simulate(seed, mutation.profile) for seed in range(SEEDS)), f"{mutation.name} was not seen"


@pytest.mark.slow
@each
def test_sim_is_clean_without_the_mutation(mutation: Mutation) -> None:
    """In the same worlds the engine as it is breaks none."""
    assert [seed for seed in range(CLEAN) if simulate(seed, mutation.profile)] == []
