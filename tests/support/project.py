"""A project in a folder of its own, and `seqsync` run in it as its users run it: a process with arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from support.forks import Done, shared_forks

KEY = "canary-key-5f1d8e"

TRIAL = """\
sequence: trial
title: Trial onboarding
steps:
  intro:
    day: 1
    type: email
    subject: Quick question, {{firstName}}
    preheader: Quick question about your team
    content: |
      <p>Hi {{firstName}},</p>
  nudge:
    day: 3
    type: email
    variants:
      a:
        subject: Still curious?
        content: <p>Still curious about it?</p>
      b:
        subject: One more idea
        markdown: |
          Hi {{firstName}}, one more **idea**.
  connect:
    day: 4
    type: linkedin_connection_request
    connection_note: Hi {{firstName}}, shall we connect?
    priority: high
    task_note: Look at the profile first
"""

OTHER = """\
sequence: other
title: The other one
steps:
  call:
    day: 2
    type: call_introduction
    task_note: Ask about the numbers
  first:
    day: 1
    type: email
    subject: The first
    content: <p>The first of them</p>
"""


@dataclass
class Project:
    """A folder with sequences, and an API that it talks to."""

    root: Path
    url: str = "http://127.0.0.1:9/v1"
    settle_grace: str = "1"
    more: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Put a file into the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def environ(self) -> dict[str, str]:
        """The variables that the command sees."""
        ours = {"SEQSYNC_API_URL": self.url, "SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": self.settle_grace}
        # With byte-code kept, a process starts three times as fast.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**inherited, **ours, **self.more}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "sequence_sync", *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Done:
        """Run a command to its end, in a fork. A traceback, or the key in what it prints, fails the test."""
        return self.run_in_fork(*arguments)

    def run_in_fork(self, *arguments: str, bomb: tuple[str, ...] = ()) -> Done:
        """Run a command in a fork. `bomb`: a signal, or a refusal of the disk, at a named point (see `killed`)."""
        done = shared_forks().run(arguments, self.root, self.environ, bomb)
        if done is None:  # another thread runs a command
            assert not bomb
            process = self.start(*arguments)
            out, err = process.communicate(timeout=100)
            done = Done(process.returncode, out, err)
        assert "Traceback" not in done.both, done.err
        assert "bug in seqsync" not in done.both, done.err
        assert KEY not in done.both
        return done

    def ok(self, *arguments: str) -> Done:
        """Run a command that must go well."""
        done = self.run(*arguments)
        assert done.code == 0, f"{arguments}: {done.code}\n{done.both}"
        return done


def two_sequences(root: Path, url: str = "http://127.0.0.1:9/v1") -> Project:
    """A project with the two sequences above."""
    project = Project(root, url)
    project.write("sequences/trial.yaml", TRIAL)
    project.write("sequences/deep/other.yaml", OTHER)
    return project
