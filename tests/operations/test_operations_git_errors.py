"""`-changed-since` where git cannot tell: each case with its own words and with what to do, and exit 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.git_project import Repo, branched, git, sequence
from support.project import Project

from sequence_sync.errors import UsageError


def _refused(repo: Repo, since: str = "main") -> str:
    with pytest.raises(UsageError) as told:
        repo.plan(since)
    assert told.value.hint
    return str(told.value)


def test_no_repository(tmp_path: Path) -> None:
    """A folder that git does not know is told, with another way to choose."""
    repo = Repo(tmp_path, environ={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    repo.write("sequences/a.yaml", sequence("a"))
    assert "needs a git repository" in _refused(repo)
    assert "-target" in _refused(repo)


def test_no_working_tree(tmp_path: Path) -> None:
    """Git's own folder is no place to work in."""
    repo = branched(tmp_path)
    inside = Repo(tmp_path / ".git")
    inside.write("sequences/a.yaml", sequence("a"))
    assert "is not in the working tree" in _refused(inside)
    assert repo.asked() == []


def test_no_git(tmp_path: Path) -> None:
    """Without the program the message names it."""
    repo = branched(tmp_path)
    repo.environ = {"PATH": str(tmp_path / "nothing")}
    assert "needs git, which is not installed" in _refused(repo)


def test_git_that_cannot_be_started(tmp_path: Path) -> None:
    """A file of that name that is no program is told."""
    repo = branched(tmp_path)
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text("#!/nowhere/at/all\n")
    fake.chmod(0o755)
    repo.environ = {"PATH": str(fake.parent)}
    assert "Install git" in _refused(repo)
    fake.write_bytes(b"\x7fELF")
    assert "cannot be started" in _refused(repo)


def test_no_commit_yet(tmp_path: Path) -> None:
    """A repository without a commit has no branches to compare."""
    git(tmp_path, "init", "-q", "-b", "main")
    repo = Repo(tmp_path)
    repo.write("sequences/a.yaml", sequence("a"))
    assert '"main" is not in this clone' in _refused(repo)


@pytest.mark.parametrize(
    "since", ["nothing", "--help", "-x", "--output=/tmp/x", "main:sequences", "a b", "é", "0" * 40]
)
def test_a_commit_that_is_not_there(tmp_path: Path, since: str) -> None:
    """What git does not know is named; a dash at its beginning makes no option of it."""
    text = _refused(branched(tmp_path), since)
    assert f'"{since}" is not in this clone.' in text
    assert "git fetch origin" in text


@pytest.mark.parametrize("since", ["", " ", "..", "main..", "..main", "..."])
def test_an_empty_name(tmp_path: Path, since: str) -> None:
    """A variable of the pipeline that is not set is no reason to plan everything."""
    assert "The value, or one end of its range, is empty." in _refused(branched(tmp_path), since)


def test_the_likely_branch_is_named(tmp_path: Path) -> None:
    """A clone has `origin/main` and not `main`; a slip has a neighbour."""
    branched(tmp_path / "upstream")
    git(tmp_path, "clone", "-q", str(tmp_path / "upstream"), "clone")
    clone = Repo(tmp_path / "clone")
    assert 'Did you mean "origin/main"?' in _refused(clone)
    assert 'Did you mean "origin/main"?' in _refused(clone, "origin/mian")
    assert clone.asked("origin/main") == []


def test_histories_that_have_nothing_in_common(tmp_path: Path) -> None:
    """Without a common commit there is no point at which the branch left."""
    repo = branched(tmp_path)
    git(tmp_path, "checkout", "-q", "--orphan", "other")
    repo.commit()
    assert "no commit in common" in _refused(repo)


def test_a_shallow_clone(tmp_path: Path) -> None:
    """Where the point at which the branch left is not there, it says what to fetch; with that it works."""
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


def test_the_merge_commit_of_a_pull_request_needs_two_commits(tmp_path: Path) -> None:
    """A checkout of depth 2 at a merge commit knows the branch that it goes into."""
    upstream = branched(tmp_path / "upstream")
    upstream.write("sequences/b.yaml", sequence("b", "Changed"))
    upstream.commit()
    git(upstream.root, "checkout", "-q", "main")
    upstream.write("sequences/a.yaml", sequence("a", "By somebody else"))
    upstream.commit()
    git(upstream.root, "merge", "-q", "--no-ff", "-m", "Merge", "topic")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{upstream.root}", "clone")
    assert Repo(tmp_path / "clone").asked("HEAD^1") == ["b"]


def test_a_clone_without_its_old_files(tmp_path: Path) -> None:
    """A partial clone fetches what it needs; where it cannot, that is told."""
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


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """Git's distrust of a folder is told with the line that ends it."""
    repo = branched(tmp_path)
    repo.environ = {**repo.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "HOME": str(tmp_path / "nobody")}
    assert f"git config --global --add safe.directory {tmp_path}" in _refused(repo)


def test_the_variables_of_a_hook_do_no_harm(tmp_path: Path) -> None:
    """Within a hook of another repository the project's own one is asked."""
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


def test_in_a_hook(tmp_path: Path) -> None:
    """A pre-commit hook sees the change that is about to be committed."""
    repo = branched(tmp_path)
    hook = tmp_path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    plan = f'"{sys.executable}" -m sequence_sync -chdir .. plan -changed-since main'
    hook.write_text(f"#!/bin/sh\ncd sequences\nexec {plan} > ../said\n")
    hook.chmod(0o755)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.commit()
    said = (tmp_path / "said").read_text()
    assert "Plan: 2 to create" in said
    assert "2 sequences are not part of this plan: unchanged since main." in said


def test_the_command(tmp_path: Path) -> None:
    """Exit 3 and no plan where git cannot tell; what git or the pipeline says cannot move the cursor."""
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
