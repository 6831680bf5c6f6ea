"""The session of one command: the lock, the state manager, the API client, and who runs the command.

Loaded only by commands that lock the state or call the API. Does not know what the command does.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sequence_sync.files import RescueFolder
from sequence_sync.model.report import Event, NullObserver, Observer
from sequence_sync.operations.workspace import Workspace
from sequence_sync.provider.base import Announce, Connection, Provider
from sequence_sync.provider.clock import SystemClock
from sequence_sync.registry import provider
from sequence_sync.state.backends.base import Lock, LockInfo
from sequence_sync.state.journal import Author
from sequence_sync.state.manager import StateManager

GIT_SECONDS = 20  # without an answer in this time, the history has no commit
_HOOK_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # name the repository of a hook


def current_user() -> str:
    """Return the name of the user who runs this process, or the user id where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def run_author(root: Path, state: str, operation: str, seconds: float, environ: Mapping[str, str]) -> Author:
    """Return who runs `operation` in the project `root`, at `seconds` since the epoch, for the history.

    The state at `state`, and its journal and history, do not make the project dirty, because every apply changes them.
    """
    commit = _git(root, environ, "rev-parse", "--verify", "HEAD")
    inside = "://" not in state and not Path(state).is_absolute() and ".." not in Path(state).parts
    others = (f":(exclude){state}", f":(exclude){state}.*") if inside else ()
    changed = _git(root, environ, "status", "--porcelain", "--", ".", *others) if commit else None
    at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return Author(
        who=f"{current_user()}@{socket.gethostname()}",
        at=at,
        operation=operation,
        commit=commit or None,
        dirty=None if changed is None else bool(changed),
    )


def _git(root: Path, environ: Mapping[str, str], *words: str) -> str | None:
    """Return what git prints, or None where git is missing or fails."""
    known = {name: value for name, value in environ.items() if name not in _HOOK_VARIABLES}
    try:
        result = subprocess.run(
            ["git", *words],
            cwd=root,
            env={**known, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.decode("utf-8", "replace").strip() if result.returncode == 0 else None


@contextmanager
def locked_session(
    workspace: Workspace, operation: str, timeout: float, clock: SystemClock, observer: Observer | None = None
) -> Iterator[tuple[Lock, StateManager, str]]:
    """Take the lock and open the state manager. Yield both, and the id of this run. Release the lock at the end.

    Waits up to `timeout` seconds for the lock, and raises StateLockedError after that. `observer` receives an event
    before the wait.
    """
    run = uuid.uuid4().hex
    backend = workspace.backend()
    info = LockInfo(
        id=run, who=current_user(), host=socket.gethostname(), pid=os.getpid(), operation=operation, created=time.time()
    )
    sink = observer or NullObserver()

    def announce_lock(_: float, text: str) -> None:
        # Without seconds: the lock may be free much sooner, and the time left must not include the longest wait.
        sink.on_event(Event(kind="wait", text=text))

    lock = backend.lock(info, timeout, clock, announce_lock)
    try:
        rescue = RescueFolder(workspace.scratch / "rescue")
        lineage = str(uuid.uuid4())
        where = workspace.loaded.settings.state_path(workspace.name)
        manager = StateManager(
            backend,
            lock,
            workspace.binding,
            rescue,
            lineage=lineage,
            run=run,
            high_water=workspace.high_water_mark(),
            author=lambda: run_author(workspace.root, where, operation, clock.wall(), workspace.environ),
        )
        yield lock, manager, run
    finally:
        lock.release()


def announcer(observer: Observer) -> Announce:
    """Return a function that reports a wait to `observer` before it begins."""

    def announce(seconds: float, text: str) -> None:
        observer.on_event(Event(kind="wait", text=text, seconds=seconds))

    return announce


@contextmanager
def connected(
    workspace: Workspace, clock: SystemClock, key: str | None = None, observer: Observer | None = None
) -> Iterator[Provider]:
    """Open the API client of one command. `key` is read from the environment unless it is given.

    `observer` receives an event before each wait of the client.
    """
    environment, key = workspace.environment, key or workspace.key()
    connection = Connection(
        environment.api_url, key, environment.headers, environment.timeout, max_wait=environment.max_wait
    )
    with provider().connect(connection, clock, announcer(observer or NullObserver())) as client:
        yield client
