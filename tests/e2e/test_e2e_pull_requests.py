"""Two pull requests at a time: both merge, and each is applied on the plan hash that was reviewed for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.git_project import Repo, branched, git, sequence
from support.project import Done, Project

from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@dataclass
class Team:
    """A repository whose main is applied, and an account."""

    repo: Repo
    project: Project
    box: Sandbox

    def pull_request(self, branch: str, **subjects: str) -> str:
        """A branch from main with changed sequences; the plan hash that its reviewers see."""
        git(self.repo.root, "checkout", "-q", "-b", branch, "main")
        for key, subject in subjects.items():
            self.repo.write(f"sequences/{key}.yaml", sequence(key, subject))
        self.repo.commit(branch)
        return self.repo.plan("main").plan_hash()

    def merge(self, branch: str, way: str = "merge") -> str:
        """Bring the branch to main; the range that this push brought."""
        root = self.repo.root
        git(root, "checkout", "-q", "main")
        before = git(root, "rev-parse", "HEAD")
        if way == "squash":
            git(root, "merge", "-q", "--squash", branch)
            self.repo.commit(branch)
        elif way == "rebase":
            git(root, "rebase", "-q", "main", branch)
            git(root, "checkout", "-q", "main")
            git(root, "merge", "-q", "--ff-only", branch)
        else:
            git(root, "merge", "-q", "--no-ff", "-m", branch, branch)
        return f"{before}..{git(root, 'rev-parse', 'HEAD')}"

    def apply(self, plan_hash: str, *arguments: str) -> Done:
        """Apply bound to a hash."""
        return self.project.run("apply", "-auto-approve", "-plan-hash", plan_hash, *arguments)

    def written(self) -> list[tuple[str, str]]:
        """Method and path of every call that writes, in order."""
        return [(row.method, row.path) for row in self.box.store.log.entries() if row.method != "GET"]

    def subjects(self) -> set[str]:
        """What the account holds."""
        return {
            variant.payload["subject"]
            for row in self.box.store.sequences()
            for step in row.steps
            for variant in step.variants
        }


@pytest.fixture
def team(tmp_path: Path, box: Sandbox) -> Team:
    """Sequences a, b and c on main, applied."""
    repo = branched(tmp_path, more={".gitignore": "seqsync.state.json*\n.seqsync/\n"})
    project = Project(tmp_path, box.url, settle_grace="0")
    repo.environ |= {name: project.environ[name] for name in ("SEQSYNC_API_URL", "SALESHANDY_API_KEY")}
    project.ok("apply", "-auto-approve")
    box.store.log.clear()
    return Team(repo, project, box)


@pytest.mark.parametrize("way", ["merge", "squash", "rebase"])
def test_both_merged_and_then_both_applied(team: Team, way: str) -> None:
    """Each hash carries out its own plan at the head that holds both, whatever git made of the branches."""
    first, second = team.pull_request("one", a="One"), team.pull_request("two", b="Two", d="New")
    ranges = team.merge("one", way), team.merge("two", way)
    whole = team.apply(first)
    assert whole.code == 7
    assert "add -target a." in whole.err
    assert team.written() == []
    done = team.apply(first, "-changed-since", ranges[0])
    assert done.out == "Applied: 0 created, 1 updated, 0 deactivated, 0 recorded.\n"
    assert len(team.written()) == 1
    done = team.apply(second, "-changed-since", ranges[1])
    assert done.out == "Applied: 2 created, 1 updated, 0 deactivated, 0 recorded.\n"
    assert team.subjects() == {"One", "Two", "Hello", "New"}
    assert team.project.run("plan", "-detailed-exitcode").code == 0


def test_merged_and_applied_in_turn(team: Team) -> None:
    """With one at a time the hash alone is enough, also where its plan was made before the other one's merge."""
    first, second = team.pull_request("one", a="One"), team.pull_request("two", b="Two")
    team.merge("one")
    assert team.apply(first).code == 0
    base = team.merge("two")
    assert team.apply(second).code == 0
    assert team.apply(second, "-changed-since", base).out == (
        "This plan was already applied. There is nothing to do.\n"
    )
    assert len(team.written()) == 2


def test_in_the_other_order(team: Team) -> None:
    """Sequences do not depend on each other, so that the second may be applied first; targets do as well."""
    first, second = team.pull_request("one", a="One"), team.pull_request("two", b="Two")
    team.merge("one")
    base = team.merge("two")
    assert team.apply(second, "-changed-since", base).code == 0
    assert team.apply(first, "-target", "a").code == 0
    assert team.subjects() == {"One", "Two", "Hello"}


def test_one_sequence_in_both_is_refused(team: Team) -> None:
    """What a reviewer has not seen in this form is not sent: the second has to be reviewed again."""
    first, second = team.pull_request("one", a="One"), team.pull_request("two", a="Two", b="Two")
    base = team.merge("one")
    git(team.repo.root, "merge", "-q", "-X", "theirs", "-m", "two", "two")
    for plan_hash in (first, second):
        refused = team.apply(plan_hash, "-changed-since", base)
        assert refused.code == 7
        assert "Review this plan" in refused.err
    assert team.written() == []


def test_a_plan_that_another_one_overtook(team: Team) -> None:
    """A job that is run again after the next one says that there is nothing to do; it does not say that it did it."""
    first, second = team.pull_request("one", a="One"), team.pull_request("two", b="Two")
    ranges = team.merge("one"), team.merge("two")
    assert team.apply(first, "-changed-since", ranges[0]).code == 0
    assert team.apply(second, "-changed-since", ranges[1]).code == 0
    again = team.apply(first, "-changed-since", ranges[0])
    assert again.code == 7
    assert "There is nothing to apply." in again.err
    assert "another plan was applied after the review" in again.err


def test_a_part_of_a_hash(team: Team) -> None:
    """The message says that the hash is too short."""
    whole = team.pull_request("one", a="One")
    refused = team.apply(whole[:20])
    assert refused.code == 7
    assert "-plan-hash has 20" in refused.err
    assert team.written() == []
