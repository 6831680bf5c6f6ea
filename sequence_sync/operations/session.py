"""Who runs a command, when, and on which commit of the project: what the history tells of each run.

Asks the system and git, and only looks. Knows nothing of what the command does.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sequence_sync.state.journal import Author

SECONDS = 20  # that git may take; what it does not tell in time is not told
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # of the repository that a hook runs in


def user() -> str:
    """The name of who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def author(root: Path, state: str, operation: str, seconds: float, environ: Mapping[str, str]) -> Author:
    """Who runs `operation` in the project `root`, at `seconds` since the epoch.

    The files of the state, which lies at `state`, do not make the project dirty: every apply changes them.
    """
    commit = _git(root, environ, "rev-parse", "--verify", "HEAD")
    inside = "://" not in state and not Path(state).is_absolute() and ".." not in Path(state).parts
    others = (f":(exclude){state}", f":(exclude){state}.*") if inside else ()
    changed = _git(root, environ, "status", "--porcelain", "--", ".", *others) if commit else None
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return Author(
        who=f"{user()}@{socket.gethostname()}",
        at=at,
        operation=operation,
        commit=commit or None,
        dirty=None if changed is None else bool(changed),
    )


def _git(root: Path, environ: Mapping[str, str], *words: str) -> str | None:
    """What git prints; None where it is not there, or says no."""
    known = {name: value for name, value in environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=root,
            env={**known, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
