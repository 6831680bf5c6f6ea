"""A git repository with a project in it, and plans of what its branch changed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from sequence_sync.operations.plan import PlanOptions, plan_project
from sequence_sync.operations.workspace import open_workspace
from sequence_sync.plan.model import Plan

IDENTITY = {
    "GIT_AUTHOR_NAME": "Anna",
    "GIT_AUTHOR_EMAIL": "anna@example.com",
    "GIT_COMMITTER_NAME": "Anna",
    "GIT_COMMITTER_EMAIL": "anna@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
STEP = "steps:\n  hello:\n    day: 1\n    type: email\n    subject: {subject}\n"


def git(folder: Path, *arguments: str) -> str:
    """Run git there; what it says."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sequence(key: str, subject: str = "Hello", body: str = "    content: <p>Hi</p>\n") -> str:
    """A sequence file with one email."""
    return f"sequence: {key}\ntitle: Title of {key}\n" + STEP.format(subject=subject) + body


@dataclass
class Repo:
    """A repository; `project` is the folder of seqsync.yaml in it."""

    root: Path
    inside: str = "."
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.root / self.inside

    def write(self, name: str, text: str) -> Path:
        """Put a file into the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, message: str = "More") -> str:
        """Commit everything; its id."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.root, "rev-parse", "HEAD")

    def plan(self, since: str | None = "main", *targets: str, excludes: tuple[str, ...] = ()) -> Plan:
        """What `seqsync plan -changed-since` would show."""
        workspace = open_workspace(self.project, None, self.environ, lambda _: None)
        return plan_project(workspace, PlanOptions(targets, excludes, (), since))

    def asked(self, since: str = "main") -> list[str]:
        """The keys of the sequences in that plan; nothing is applied, so each of them has something to do."""
        return sorted({change.sequence for change in self.plan(since).changes})


def branched(root: Path, inside: str = ".", more: dict[str, str] | None = None) -> Repo:
    """A repository with sequences a, b and c on main, and a branch `topic` that is checked out."""
    root.mkdir(parents=True, exist_ok=True)
    repo = Repo(root, inside)
    git(root, "init", "-q", "-b", "main")
    for key in "abc":
        repo.write(f"sequences/{key}.yaml", sequence(key))
    for name, text in (more or {}).items():
        repo.write(name, text)
    repo.commit("First")
    git(root, "checkout", "-q", "-b", "topic")
    return repo
