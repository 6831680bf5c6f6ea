"""A team with a repository on a host: pull requests, reviews, merges, and the workflows that `init` wrote for it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from github_runner import Run, Runner
from support.project import KEY, OTHER, TRIAL, Project

from sequence_sync.cli.actions.init import start_pipeline, start_project

SETTINGS = """\
version: 1
default_environment: sandbox
environments:
  sandbox: {api_url: "http://127.0.0.1:9/v1"}
  production: {}
"""
STATE = "seqsync.production.state.json"
WHO = ["-c", "user.name=Anna", "-c", "user.email=anna@example.test"]
BLANK = "0" * 40


@dataclass
class Pull:
    """One pull request."""

    number: int
    branch: str
    head: str
    labels: list[str] = field(default_factory=list)
    fork: bool = False

    @property
    def event(self) -> dict[str, Any]:
        """The event that the host passes to a workflow."""
        name = "somebody/outreach" if self.fork else "acme/outreach"
        return {
            "pull_request": {
                "number": self.number,
                "labels": [{"name": label} for label in self.labels],
                "head": {"sha": self.head, "repo": {"full_name": name}},
                "user": {"login": "anna"},
            }
        }


class Team:
    """The repository, a clone of it in which people work, and the machines."""

    def __init__(self, root: Path, url: str, provider: str = "github") -> None:
        more = {"SEQSYNC_API_URL": url, "SEQSYNC_SETTLE_GRACE": "0.1"}
        self.runner = Runner(root, {"SALESHANDY_API_KEY": KEY}, more)
        self.clone = root / "clone"
        self.url = url
        self.pulls = 0
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.runner.bare], check=True)
        subprocess.run(["git", "-C", self.runner.bare, "config", "receive.advertisePushOptions", "true"], check=True)
        subprocess.run(["git", "clone", "-q", self.runner.bare, self.clone], check=True, capture_output=True)
        self.write({"seqsync.yaml": SETTINGS, "sequences/trial.yaml": TRIAL, "sequences/other.yaml": OTHER})
        start_project(self.clone, {})
        start_pipeline(self.clone, provider)
        self.git("checkout", "-q", "-b", "main")
        self.commit("The beginning")
        self.git("push", "-q", "origin", "main")

    def git(self, *words: str) -> str:
        """One git command in the clone; what it prints."""
        done = subprocess.run(["git", *WHO, *words], cwd=self.clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        """Put files into the clone."""
        for name, text in files.items():
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / name).write_text(text, encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commit all; the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def main(self) -> str:
        """The newest commit of the host's main branch."""
        self.git("fetch", "-q", "origin", "main")
        return self.git("rev-parse", "origin/main")

    def state(self) -> str:
        """The state as the host's main branch has it; empty where it has none."""
        self.main()
        shown = subprocess.run(
            ["git", "show", f"origin/main:{STATE}"], cwd=self.clone, capture_output=True, text=True, check=False
        )
        return shown.stdout

    def apply_main(self) -> None:
        """Apply the files of main by hand, and push the state."""
        self.git("checkout", "-q", "--detach", self.main())
        by_hand = Project(self.clone, self.url, "0.1", {"SEQSYNC_ENV": "production"})
        by_hand.ok("apply", "-auto-approve")
        self.git("add", "-A", "-f", STATE, f"{STATE}.journal")
        self.commit("By hand")
        self.git("push", "-q", "origin", "HEAD:main")

    def open(self, files: dict[str, str], *commits: dict[str, str], fork: bool = False) -> Pull:
        """A pull request with a commit for each group of files."""
        self.pulls += 1
        branch = f"change-{self.pulls}"
        self.git("checkout", "-q", "-B", branch, self.main())
        for number, group in enumerate((files, *commits)):
            self.write(group)
            self.commit(f"Change {self.pulls}, part {number}")
        self.git("push", "-q", "origin", f"{branch}:refs/pull/{self.pulls}/head")
        return Pull(self.pulls, branch, self.git("rev-parse", "HEAD"), fork=fork)

    def push_again(self, pull: Pull, files: dict[str, str]) -> None:
        """One more commit on a pull request."""
        self.git("checkout", "-q", pull.branch)
        self.write(files)
        pull.head = self.commit("Better")
        self.git("push", "-q", "origin", f"{pull.branch}:refs/pull/{pull.number}/head")

    def _merged(self, pull: Pull) -> None:
        self.git("checkout", "-q", "--detach", self.main())
        self.git("merge", "-q", "--no-ff", "-m", f"Merge {pull.number}", pull.branch)

    def plan(self, pull: Pull, base: str = "main") -> Run:
        """The plan workflow, on the commit that the host would make by merging."""
        self._merged(pull)
        sha = self.git("rev-parse", "HEAD")
        self.git("push", "-q", "-f", "origin", f"{sha}:refs/pull/{pull.number}/merge")
        ref = f"refs/pull/{pull.number}/merge"
        return self.runner.run("seqsync-plan.yml", "pull_request", pull.event, sha, ref, base)

    def merge(self, pull: Pull, how: str = "merge") -> dict[str, str]:
        """Merge it; the push event of that."""
        before = self.main()
        if how == "merge":
            self._merged(pull)
        elif how == "squash":
            self.git("checkout", "-q", "--detach", before)
            self.git("merge", "-q", "--squash", pull.branch)
            self.commit(f"Squashed {pull.number}")
        else:
            self.git("checkout", "-q", "--detach", pull.branch)
            self.git("rebase", "-q", "--force-rebase", before)
        after = self.git("rev-parse", "HEAD")
        self.git("push", "-q", "origin", "HEAD:main")
        host = self.runner.host
        new = self.git("rev-list", "--first-parent", f"{before}..{after}").split()
        row = {"number": pull.number, "merged_at": "2026-11-24T05:00:00Z", "base": {"ref": "main"}, "commits": new}
        host.data["pulls"].append({**row, "head": {"sha": pull.head}})
        host.save()
        return {"before": before, "after": after}

    def push(self, files: dict[str, str]) -> dict[str, str]:
        """A commit straight to main, without a pull request; its event."""
        before = self.main()
        self.git("checkout", "-q", "--detach", before)
        self.write(files)
        after = self.commit("Straight to main")
        self.git("push", "-q", "origin", "HEAD:main")
        return {"before": before, "after": after}

    def apply(self, event: dict[str, str]) -> Run:
        """The apply workflow for one push."""
        return self.runner.run("seqsync-apply.yml", "push", event, event["after"], "refs/heads/main")

    def apply_by_hand(self, plan_hash: str, allow: str = "") -> Run:
        """The apply workflow, started by a person with a hash."""
        event = {"inputs": {"hash": plan_hash, "allow": allow}}
        return self.runner.run("seqsync-apply.yml", "workflow_dispatch", event, self.main(), "refs/heads/main")

    def drift(self) -> Run:
        """The nightly workflow."""
        return self.runner.run("seqsync-drift.yml", "schedule", {}, self.main(), "refs/heads/main")

    def validate(self, event_name: str, pull: Pull) -> Run:
        """The first workflow, on a pull request or on the push of its branch."""
        ref = f"refs/pull/{pull.number}/head"
        return self.runner.run("seqsync-validate.yml", event_name, pull.event, pull.head, ref)

    def comments(self, pull: Pull) -> list[str]:
        """The comments of a pull request."""
        return [row["body"] for row in self.runner.host.data["comments"].get(str(pull.number), [])]

    def statuses(self, pull: Pull) -> list[str]:
        """What is noted on its newest commit, the newest first."""
        return [row["description"] for row in self.runner.host.data["statuses"].get(pull.head, [])]
