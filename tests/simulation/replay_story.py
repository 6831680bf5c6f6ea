"""Replays one story of edits with its whole history: `.venv/bin/python tests/stories/replay_story.py SEED`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.story import play


def main(seed: int) -> int:
    """Prints the history; 1 where something was wrong."""
    wrong, log = play(seed, tracing=True)
    sys.stdout.write("\n".join([*log, "", *(wrong or ["all was right"])]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
