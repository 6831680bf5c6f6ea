"""An applied project, the account that contains it, and the installed console script that runs in it."""

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

from support.project import Done, Project
from support.stand_in import RefusalError, StandIn

from sequence_sync.provider.clock import SystemClock
from sequence_sync.registry import backend_for
from sequence_sync.state.backends.base import LockInfo

SCRIPT = Path(sys.executable).with_name("seqsync")
SETTINGS = "version: 1\nenvironments:\n  default:\n    timeout: 2\n"


def a_call(key: str, note: str = "Ask about the numbers") -> str:
    """Return a sequence file with one step."""
    return f"sequence: {key}\ntitle: Title of {key}\nsteps:\n  call: {{day: 1, type: call_demo, task_note: {note}}}\n"


@dataclass
class Installed(Project):
    """A project whose `start` runs the installed console script."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command with the script itself."""
        return subprocess.Popen(
            [str(SCRIPT), *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@dataclass
class Stage:
    """What every scene begins with: the sequence `a`, applied once."""

    server: StandIn
    root: Path
    applied: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Apply the sequence."""
        project = Installed(self.root, self.server.url, settle_grace="0")
        project.write("seqsync.yaml", SETTINGS)
        project.write("sequences/a.yaml", a_call("a"))
        project.ok("apply", "-auto-approve")
        self.applied = deepcopy(self.server.sequences)

    def scene(self, root: Path) -> Scene:
        """Return a copy in a folder of its own."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        server = self.server
        server.sequences = deepcopy(self.applied)
        server.faults, server.read_faults, server.slow_reads = (), {}, 0.0
        server.creates.clear()
        server.reads = 0
        vars(server).pop("make_sequence", None)
        vars(server).pop("parse_steps", None)
        return Scene(Installed(root, server.url, settle_grace="0"), server)


@dataclass
class Scene:
    """The project and account of one test. A method that runs a command returns how it ended."""

    project: Installed
    server: StandIn

    @property
    def root(self) -> Path:
        """Return the project folder."""
        return self.project.root

    def run(self, *arguments: str) -> Done:
        """Run the console script."""
        return self.project.run(*arguments)

    def plan_file(self) -> str:
        """Save the current plan and return its name."""
        self.project.ok("plan", "-out", "the.plan")
        return "the.plan"

    def new(self, key: str = "b", text: str = "") -> None:
        """Write a sequence file that is not applied."""
        self.project.write(f"sequences/{key}.yaml", text or a_call(key))

    def damaged(self) -> None:
        """Write a state that cannot be read."""
        self.root.joinpath("seqsync.state.json").write_text('{"version": 1}')

    def without_state(self) -> None:
        """Delete the state."""
        for path in self.root.glob("seqsync.state.json*"):
            path.unlink()

    def bad_settings(self) -> None:
        """Write settings with an unknown key."""
        self.project.write("seqsync.yaml", "version: 1\nincluded: []\n")

    def elsewhere(self) -> None:
        """Use another API host than that of the state."""
        self.project.url = "http://127.0.0.1:9/v1"

    def other_key(self) -> None:
        """Use a key that the server refuses."""
        self.project.more["SALESHANDY_API_KEY"] = "another-key"

    def theirs(self) -> None:
        """Add an unmanaged sequence with the title of one that a test may create."""
        self.server.sequences["theirs"] = {"id": "theirs", "title": "Title of b", "active": False, "steps": []}

    def edited(self) -> None:
        """Change the step in Saleshandy."""
        for row in self.server.sequences.values():
            row["steps"][0]["variants"][0]["taskNote"] = "Ask about something else"

    def limited(self) -> None:
        """Let the server refuse every read for the rate limit; a command may wait one second."""
        self.waits_for_a_second()
        self.server.read_faults = dict.fromkeys(range(1, 40), "limit_400")

    def server_refuses(self) -> None:
        """Let the server refuse to create and to read sequences."""

        def refuse(*_: object) -> None:
            raise RefusalError(400, 4000, "Failed to do it")

        vars(self.server).update(make_sequence=refuse, parse_steps=refuse)

    def waits_for_a_second(self) -> None:
        """Let a command wait one second in all for the rate limit."""
        self.project.write("seqsync.yaml", f"{SETTINGS}    max_wait: 1\n")

    def open_create(self, key: str = "b") -> None:
        """Leave a create of that sequence in doubt, as a killed run does."""
        self.new(key)
        killed = self.stopped("SIGKILL", "before-send", "apply", "-auto-approve", "-target", key, nth=2)
        assert killed.code == -9, killed.both

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the state."""
        backend = backend_for("seqsync.state.json", self.root, self.root / ".seqsync")
        info = LockInfo(id="theirs", who="bert", host="elsewhere", pid=1, operation="apply", created=0.0)
        lock = backend.lock(info, 0.0, SystemClock(threading.Event()))
        try:
            yield
        finally:
            lock.release()

    def stopped(self, kind: str, point: str, *arguments: str, nth: int = 1) -> Done:
        """Run a command that receives a signal at a named point (see `killed`)."""
        return self.project.run_in_fork(*arguments, bomb=(kind, point, str(nth)))


Situation = Callable[[Scene], Done]
