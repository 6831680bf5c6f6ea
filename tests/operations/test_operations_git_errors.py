"""`-changed-since` where git cannot determine what changed: each case has its own message, and exits with 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.git_project import Repo, branched, git, sequence
from support.project import Project

from sequence_sync.errors import UsageError


def _refused(repo: Repo, since: str = "main") -> str:
    with pytest.raises(UsageError) as caught:
        repo.plan(since)
    assert caught.value.hint
    return str(caught.value)


def test_folder_outside_a_repository_is_refused(tmp_path: Path) -> None:
    """The message offers -target."""
    repo = Repo(tmp_path, environ={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    repo.write("sequences/a.yaml", sequence("a"))
    assert "needs a git repository" in _refused(repo)
    assert "-target" in _refused(repo)


def test_git_folder_itself_is_refused(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    inside = Repo(tmp_path / ".git")
    inside.write("sequences/a.yaml", sequence("a"))
    assert "is not in the working tree" in _refused(inside)
    assert repo.asked() == []


def test_missing_git_is_reported(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    repo.environ = {"PATH": str(tmp_path / "nothing")}
    assert "needs git, which is not installed" in _refused(repo)


def test_git_that_cannot_be_started_is_reported(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text("#!/nowhere/at/all\n")
    fake.chmod(0o755)
    repo.environ = {"PATH": str(fake.parent)}
    assert "Install git" in _refused(repo)
    fake.write_bytes(b"\x7fELF")
    assert "cannot be started" in _refused(repo)


def test_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    repo = Repo(tmp_path)
    repo.write("sequences/a.yaml", sequence("a"))
    assert '"main" is not in this clone' in _refused(repo)


@pytest.mark.parametrize(
    "since", ["nothing", "--help", "-x", "--output=/tmp/x", "main:sequences", "a b", "é", "0" * 40]
)
def test_unknown_commit_is_named(tmp_path: Path, since: str) -> None:
    """A leading dash does not make it an option."""
    text = _refused(branched(tmp_path), since)
    assert f'"{since}" is not in this clone.' in text
    assert "git fetch origin" in text


@pytest.mark.parametrize("since", ["", " ", "..", "main..", "..main", "..."])
def test_empty_commit_name_is_refused(tmp_path: Path, since: str) -> None:
    """As with an unset variable of a pipeline."""
    assert "The value, or one end of its range, is empty." in _refused(branched(tmp_path), since)


def test_unknown_branch_suggests_the_likely_one(tmp_path: Path) -> None:
    branched(tmp_path / "upstream")
    git(tmp_path, "clone", "-q", str(tmp_path / "upstream"), "clone")
    clone = Repo(tmp_path / "clone")
    assert 'Did you mean "origin/main"?' in _refused(clone)
    assert 'Did you mean "origin/main"?' in _refused(clone, "origin/mian")
    assert clone.asked("origin/main") == []


def test_unrelated_histories_are_refused(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    git(tmp_path, "checkout", "-q", "--orphan", "other")
    repo.commit()
    assert "no commit in common" in _refused(repo)


def test_shallow_clone_is_refused_with_what_to_fetch(tmp_path: Path) -> None:
    """After that fetch it works."""
    upstream = branched(tmp_path / "upstream")
    for number in range(3):
        upstream.write("sequences/b.yaml", sequence("b", f"Changed {number}"))
        upstream.commit()
    url = f"file://{upstream.root}"
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "topic", url, "clone")
    clone = Repo(tmp_path / "clone")
    missing = _refused(clone, "origin/main")
    assert "is shallow" in missing
    assert "git fetch --unshallow origin main" in missing
    git(clone.root, "fetch", "-q", "--depth", "1", "origin", "main:refs/remotes/origin/main")
    short = _refused(clone, "origin/main")
    assert "too shallow" in short
    assert "git fetch --deepen=500" in short
    assert "fetch-depth: 0" in short
    git(clone.root, "fetch", "-q", "--deepen=500")
    assert clone.asked("origin/main") == ["b"]


def test_merge_commit_of_a_pull_request_needs_depth_2(tmp_path: Path) -> None:
    upstream = branched(tmp_path / "upstream")
    upstream.write("sequences/b.yaml", sequence("b", "Changed"))
    upstream.commit()
    git(upstream.root, "checkout", "-q", "main")
    upstream.write("sequences/a.yaml", sequence("a", "By somebody else"))
    upstream.commit()
    git(upstream.root, "merge", "-q", "--no-ff", "-m", "Merge", "topic")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{upstream.root}", "clone")
    assert Repo(tmp_path / "clone").asked("HEAD^1") == ["b"]


def test_partial_clone_fetches_the_files_it_needs(tmp_path: Path) -> None:
    """A failed fetch is reported."""
    more = {"seqsync.yaml": "version: 1\nvariables: {name: Acme}\n", "sequences/d.yaml": sequence("d", "'Hi ${name}'")}
    upstream = branched(tmp_path / "upstream", more=more)
    upstream.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\n")
    upstream.commit()
    for setting in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(upstream.root, "config", setting, "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--branch", "topic", f"file://{upstream.root}", "clone")
    clone = Repo(tmp_path / "clone")
    upstream.root.rename(tmp_path / "away")
    assert "Git cannot determine what changed." in _refused(clone, "origin/main")
    (tmp_path / "away").rename(upstream.root)
    assert clone.asked("origin/main") == ["d"]


def test_folder_of_another_user_is_refused_with_the_command_to_trust_it(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    repo.environ = {**repo.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": str(tmp_path / "nobody")}
    assert f"git config --global --add safe.directory {tmp_path}" in _refused(repo)


def test_variables_of_another_repositorys_hook_are_ignored(tmp_path: Path) -> None:
    repo = branched(tmp_path / "repo")
    other = branched(tmp_path / "other")
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.environ |= {
        "GIT_DIR": str(other.root / ".git"),
        "GIT_WORK_TREE": str(other.root),
        "GIT_PREFIX": "sequences/",
        "GIT_INDEX_FILE": str(other.root / ".git/index"),
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_NAMESPACE": "x",
    }
    assert repo.asked() == ["b"]


def test_pre_commit_hook_sees_the_staged_change(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    hook = tmp_path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    plan = f'"{sys.executable}" -m sequence_sync -chdir .. plan -changed-since main'
    hook.write_text(f"#!/bin/sh\ncd sequences\nexec {plan} > ../output\n")
    hook.chmod(0o755)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.commit()
    output = (tmp_path / "output").read_text()
    assert "Plan: 2 to create" in output
    assert "2 sequences are not part of this plan: unchanged since main." in output


def test_plan_exits_with_3_where_git_fails(tmp_path: Path) -> None:
    """Text from git or the pipeline cannot move the cursor."""
    repo = branched(tmp_path)
    project = Project(repo.root)
    assert project.run("plan", "-changed-since", "main", "-detailed-exitcode").code == 0
    for arguments in (("plan",), ("apply", "-auto-approve")):
        hostile = project.run(*arguments, "-changed-since=\x1b[2Jx\x1b]0;owned\x07")
        assert (hostile.code, hostile.out) == (3, "")
        assert "\x1b" not in hostile.err
        assert "\x07" not in hostile.err
    saved = project.ok("plan", "-out", "p.plan", "-changed-since", "main")
    assert "No changes in the selected part." in saved.out
    refused = project.run("apply", "p.plan", "-changed-since", "main")
    assert refused.code == 3
    assert "-changed-since" in refused.err
    assert not (tmp_path / ".git/index.lock").exists()
