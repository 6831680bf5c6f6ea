"""The console script: prints the version before anything heavy is imported, and passes the rest to `cli.main`."""

from __future__ import annotations

import gc
import os
import sys

from sequence_sync._version import __version__

VERSION = ("version", "-version", "--version")


def main() -> None:
    """Run the command line, then raise SystemExit with its exit code (docs/commands.md)."""
    if len(sys.argv) == 2 and sys.argv[1] in VERSION:
        sys.exit(_print_version())
    # Imported objects are never garbage. Collecting them, during the imports and at exit, takes a tenth of `-help`.
    gc.disable()
    try:
        from sequence_sync.cli.main import run
    except KeyboardInterrupt:
        sys.exit(130)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def _print_version() -> int:
    try:
        print(f"seqsync {__version__}", flush=True)
    except OSError as error:
        # The interpreter flushes stdout again at exit, and that must not fail. A closed pipe is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0 if isinstance(error, BrokenPipeError) else 1
    return 0
