"""The console script. The version is answered before anything heavy is loaded; the rest goes on to `cli.main`."""

from __future__ import annotations

import gc
import os
import sys

from sequence_sync._version import __version__

VERSION = ("version", "-version", "--version")


def main() -> None:
    """Run the command line and leave with its exit code (docs/commands.md): always by SystemExit."""
    if len(sys.argv) == 2 and sys.argv[1] in VERSION:
        sys.exit(_say_version())
    # What an import makes is no garbage: looking through it, now and at the end, is a tenth of the time of `-help`.
    gc.disable()
    try:
        from sequence_sync.cli.main import run
    except KeyboardInterrupt:
        sys.exit(130)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def _say_version() -> int:
    try:
        print(f"seqsync {__version__}", flush=True)
    except OSError as error:
        # Nor may the flush at the end fail. A reader that has gone away is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0 if isinstance(error, BrokenPipeError) else 1
    return 0
