"""A process that has loaded what commands need, and forks for each command line: many runs for the price of one start.

Reads one request a line, `{"argv", "bomb", "cwd", "environ", "out", "err"}`, and answers with the exit code. Each
command line has a process, a working folder and an environment of its own, as if it had been typed. With a bomb
(see `killed`) its process signals itself.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LOADED = (
    "cli.main",
    "cli.commands",
    "cli.actions.apply",
    "cli.actions.init",
    "cli.actions.plan",
    "cli.actions.remote",
    "operations.state",
    "operations.apply",
    "operations.git",
    "source.schema",
    "state.backends.local",
)


def main() -> None:
    """Until the requests end."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name in (*(f"sequence_sync.{name}" for name in LOADED), "support.killed"):
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> None:
    """Be that command; does not return."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for path, number in ((os.devnull, 0), (asked["out"], 1), (asked["err"], 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.argv = ["seqsync", *asked["bomb"], *asked["argv"]]
    module = "support.killed" if asked["bomb"] else "sequence_sync.cli.entry"
    code = 70  # of no command: something was raised that is no SystemExit
    try:
        import_module(module).main()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
