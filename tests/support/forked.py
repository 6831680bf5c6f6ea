"""A process that has imported what commands need and forks for each command line, so that a run needs no start.

It reads one request per line, `{"argv", "bomb", "cwd", "environ", "out", "err"}`, and answers with the exit code. Each
command line gets its own process, working directory and environment. With a bomb (see `killed`) the process signals
itself.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

IMPORTED = (
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
    """Answer requests until stdin ends."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    for name in (*(f"sequence_sync.{name}" for name in IMPORTED), "support.killed"):
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(request: dict[str, Any]) -> None:
    """Run the command in this process. Does not return."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    for path, number in ((os.devnull, 0), (request["out"], 1), (request["err"], 2)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.argv = ["seqsync", *request["bomb"], *request["argv"]]
    module = "support.killed" if request["bomb"] else "sequence_sync.cli.entry"
    code = 70  # no command exits with this: an exception other than SystemExit was raised
    try:
        import_module(module).main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
