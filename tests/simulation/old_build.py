"""Play seeds in today's world with the package of another checkout: old_build.py CHECKOUT [FIRST] [LAST].

Shows that the world and its rules find what an earlier build does wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [sys.argv[1], str(Path(__file__).resolve().parents[1])]

from support import sim_run
from support.sim_run import simulate
from support.sim_world import profile_of

from sequence_sync.operations import state as operations
from sequence_sync.state.model import Delta


def forget_step(manager, address) -> None:
    """`state rm` as builds did it that remember nothing of the step."""
    operations._note(manager, f"removed {address}", Delta(sequence=address.sequence, steps={address.step: None}))


def main(first: int, last: int) -> None:
    """Print the seeds that break a rule, of those whose world reverts removals."""
    if not hasattr(operations, "forget_step"):
        sim_run.state_operations.forget_step = forget_step
    seeds = [seed for seed in range(first, last) if profile_of(seed).reverts]
    broken = [(seed, rules[0]) for seed in seeds if (rules := simulate(seed))]
    for seed, rule in broken:
        sys.stdout.write(f"{seed}: {rule}\n")
    sys.stdout.write(f"{len(broken)} of {len(seeds)} seeds break a rule\n")


if __name__ == "__main__":
    main(*(int(text) for text in (*sys.argv[2:], "0", "400")[:2]))
