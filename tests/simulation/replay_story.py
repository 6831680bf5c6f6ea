"""Replay one story of edits with its whole history: `.venv/bin/python tests/simulation/replay_story.py SEED`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.story import play


def main(seed: int) -> int:
    """Print the history. Return 1 if a rule is broken."""
    broken, log = play(seed, tracing=True)
    sys.stdout.write("\n".join([*log, "", *(broken or ["all rules hold"])]) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
