"""A project that has been applied, an account that holds it, and the installed console script run in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exit_forks import Forks
from support.project import KEY, Done, Project
from support.stand_in import RefusalError, StandIn

from sequence_sync.provider.clock import SystemClock
from sequence_sync.registry import backend_for
from sequence_sync.state.backends.base import LockInfo

SCRIPT = Path(sys.executable).with_name("seqsync")
SETTINGS = "version: 1\nenvironments:\n  default:\n    timeout: 2\n"


def a_call(key: str, note: str = "Ask about the numbers") -> str:
    """A sequence file with one step."""
    return f"sequence: {key}\ntitle: Title of {key}\nsteps:\n  call: {{day: 1, type: call_demo, task_note: {note}}}\n"


@dataclass
class Installed(Project):
    """A project whose commands are those of the console script: started, or its `main` in a fork."""

    forks: Forks = field(default_factory=Forks)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command by the script itself."""
        return subprocess.Popen(
            [str(SCRIPT), *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Done:
        """Run a command to its end."""
        return self.forked(*arguments)

    def forked(self, *arguments: str, bomb: tuple[str, ...] = ()) -> Done:
        """Run it in a fork, with a signal at a named point if there is a `bomb` (see `killed`)."""
        done = self.forks.run(arguments, self.root, self.environ, bomb)
        assert "Traceback" not in done.both, done.err
        assert "bug in seqsync" not in done.both, done.err
        assert KEY not in done.both
        return done


@dataclass
class Stage:
    """What all scenes begin with: the sequence `a`, applied once."""

    server: StandIn
    root: Path
    forks: Forks
    held: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Apply it."""
        project = Installed(self.root, self.server.url, settle_grace="0", forks=self.forks)
        project.write("seqsync.yaml", SETTINGS)
        project.write("sequences/a.yaml", a_call("a"))
        project.ok("apply", "-auto-approve")
        self.held = deepcopy(self.server.sequences)

    def scene(self, root: Path) -> Scene:
        """The same again, in a folder of its own."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        server = self.server
        server.sequences = deepcopy(self.held)
        server.faults, server.read_faults, server.slow_reads = (), {}, 0.0
        server.creates.clear()
        server.reads = 0
        vars(server).pop("make_sequence", None)
        vars(server).pop("parse_steps", None)
        return Scene(Installed(root, server.url, settle_grace="0", forks=self.forks), server)


@dataclass
class Scene:
    """One test's project and account. What it does gives back how the command ended."""

    project: Installed
    server: StandIn

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.project.root

    def run(self, *arguments: str) -> Done:
        """Run the console script."""
        return self.project.run(*arguments)

    def plan_file(self) -> str:
        """A saved plan of what is to do now."""
        self.project.ok("plan", "-out", "the.plan")
        return "the.plan"

    def new(self, key: str = "b", text: str = "") -> None:
        """A sequence file that is not applied."""
        self.project.write(f"sequences/{key}.yaml", text or a_call(key))

    def damaged(self) -> None:
        """A state that cannot be read."""
        self.root.joinpath("seqsync.state.json").write_text('{"version": 1}')

    def without_state(self) -> None:
        """Nothing is known."""
        for path in self.root.glob("seqsync.state.json*"):
            path.unlink()

    def bad_settings(self) -> None:
        """Settings with a word that nobody knows."""
        self.project.write("seqsync.yaml", "version: 1\nincluded: []\n")

    def elsewhere(self) -> None:
        """Another API host than the state's."""
        self.project.url = "http://127.0.0.1:9/v1"

    def other_key(self) -> None:
        """A key that the server refuses."""
        self.project.more["SALESHANDY_API_KEY"] = "another-key"

    def theirs(self) -> None:
        """A sequence that somebody made in the app, with a title that one of ours may have."""
        self.server.sequences["theirs"] = {"id": "theirs", "title": "Title of b", "active": False, "steps": []}

    def edited(self) -> None:
        """Somebody changed the one step in the app."""
        for row in self.server.sequences.values():
            row["steps"][0]["variants"][0]["taskNote"] = "Ask about something else"

    def limited(self) -> None:
        """The server refuses every read for the rate limit, and a command may wait for one second."""
        self.waits_for_a_second()
        self.server.read_faults = dict.fromkeys(range(1, 40), "limit_400")

    def server_refuses(self) -> None:
        """No sequence is made, and none is read, for a reason of the server's own."""

        def refuse(*_: object) -> None:
            raise RefusalError(400, 4000, "Failed to do it")

        vars(self.server).update(make_sequence=refuse, parse_steps=refuse)

    def waits_for_a_second(self) -> None:
        """A command may wait for the rate limit one second in all."""
        self.project.write("seqsync.yaml", f"{SETTINGS}    max_wait: 1\n")

    def open_create(self, key: str = "b") -> None:
        """A create of that sequence whose outcome is not known, as a killed run leaves it."""
        self.new(key)
        killed = self.stopped("SIGKILL", "before-send", "apply", "-auto-approve", "-target", key, nth=2)
        assert killed.code == -9, killed.both

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Somebody else holds the lock of the state."""
        backend = backend_for("seqsync.state.json", self.root, self.root / ".seqsync")
        info = LockInfo(id="theirs", who="bert", host="elsewhere", pid=1, operation="apply", created=0.0)
        lock = backend.lock(info, 0.0, SystemClock(threading.Event()))
        try:
            yield
        finally:
            lock.release()

    def stopped(self, kind: str, point: str, *arguments: str, nth: int = 1) -> Done:
        """Run a command that gets a signal at a named point (see `killed`)."""
        return self.project.forked(*arguments, bomb=(kind, point, str(nth)))


Situation = Callable[[Scene], Done]
