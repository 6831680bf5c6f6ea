"""Replay one seed of the simulation with its whole history: `.venv/bin/python tests/simulation/replay.py SEED`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.sim_run import Simulation


def main(seed: int) -> int:
    """Print the history. Return 1 if a rule is broken."""
    simulation = Simulation(seed, tracing=True)
    sys.stdout.write(f"{simulation.profile}\n")
    try:
        broken = simulation.play()
    finally:
        sys.stdout.write("\n".join(simulation.world.log) + "\n")
    sys.stdout.write("\n".join(["", *broken, "all rules hold" if not broken else ""]) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
