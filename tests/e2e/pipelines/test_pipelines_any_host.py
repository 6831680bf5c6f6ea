"""The shell blocks of docs/ci.md for any other host, run in their order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from github_team import SETTINGS, STATE, Team
from support.project import KEY, TRIAL

from sequence_sync.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
CHAPTER = PAGE.split("\n## Any other host\n")[1].split("\n## ")[0]
REVIEW, APPLY, KEEP = re.findall(r"```sh\n(.*?)\n *```", CHAPTER, re.S)


def test_the_three_blocks_carry_a_change_through(tmp_path: Path) -> None:
    """A plan is reviewed on the branch and applied on the merge commit, during another push. The state is in git."""
    with Sandbox(per_minute=0) as box:
        team = Team(tmp_path, box.url)
        team.apply_main()
        pull = team.open({"sequences/trial.yaml": TRIAL.replace("Still curious?", "Curious still?")})
        build = tmp_path / "build"

        def run(script: str, commit: str, **more: str) -> str:
            if not build.exists():
                subprocess.run(["git", "clone", "-q", team.runner.bare.as_uri(), build], check=True)
                subprocess.run(["git", "-C", build, "fetch", "-q", "origin", "+refs/pull/*:refs/pull/*"], check=True)
            if commit:
                subprocess.run(["git", "-C", build, "fetch", "-q", "origin"], check=True)
                subprocess.run(["git", "-C", build, "checkout", "-q", "--detach", commit], check=True)
            who = {
                f"GIT_{role}_{part}": "ci@example.test"
                for role in ("AUTHOR", "COMMITTER")
                for part in ("NAME", "EMAIL")
            }
            api = {"SEQSYNC_API_URL": box.url, "SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": "0.1"}
            path = f"{team.runner.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-e", "-c", script],
                cwd=build,
                capture_output=True,
                text=True,
                check=False,
                env={**who, **api, **more, "PATH": path, "HOME": str(tmp_path), "CI": "1"},
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        run(REVIEW, pull.head, TARGET_BRANCH="main", SEQSYNC_ENV="production")
        comment = (build / "comment.md").read_text(encoding="utf-8")
        plan_hash = re.search(r"plan hash `?([0-9a-f]{64})", comment)[1]  # type: ignore[index]
        event = team.merge(pull)
        run(APPLY, event["after"], PLAN_HASH=plan_hash, BEFORE=event["before"], AFTER=event["after"])
        team.push({"seqsync.yaml": SETTINGS + "# another commit meanwhile\n"})
        run(KEEP, "")
        assert "Curious still?" in team.state()
        assert "meanwhile" in team.git("show", "origin/main:seqsync.yaml")
        files = team.git("ls-tree", "--name-only", "origin/main").splitlines()
        assert STATE in files
        assert not [name for name in files if name.endswith(".lock")]
