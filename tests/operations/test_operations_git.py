"""`-changed-since`: which sequences a branch changed, in real repositories."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.git_project import Repo, branched, git, sequence
from support.states import HOST, LINEAGE

from sequence_sync.plan.model import summary_line
from sequence_sync.state.model import SequenceState, State
from sequence_sync.state.statefile import encode

SETTINGS = "version: 1\nvariables: {name: Acme}\n"


def test_branch_without_changes_has_an_empty_plan(tmp_path: Path) -> None:
    """The plan says what is left out."""
    plan = branched(tmp_path).plan()
    assert plan.changes == ()
    assert plan.notes == (
        "3 sequences are not part of this plan: unchanged since main. "
        "These differ from the last apply anyway: a, b, c.",
    )
    assert summary_line(plan) == "No changes in the selected part. The rest of your files was left out."


@pytest.mark.parametrize("state", ["committed", "staged", "working tree"])
def test_committed_staged_and_unstaged_changes_count(tmp_path: Path, state: str) -> None:
    repo = branched(tmp_path)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    if state == "staged":
        git(tmp_path, "add", "-A")
    if state == "committed":
        repo.commit()
    assert repo.asked() == ["b"]


def test_later_changes_of_main_do_not_count(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.commit()
    git(tmp_path, "checkout", "-q", "main")
    repo.write("sequences/a.yaml", sequence("a", "By somebody else"))
    repo.commit()
    git(tmp_path, "checkout", "-q", "topic")
    assert repo.asked() == ["b"]
    git(tmp_path, "merge", "-q", "main", "-m", "Merge")
    assert repo.asked() == ["b"]


def test_reverted_change_does_not_count(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.commit()
    repo.write("sequences/b.yaml", sequence("b"))
    os.utime(tmp_path / "sequences/a.yaml")
    assert repo.asked() == []


@pytest.mark.parametrize("ignored", [False, True], ids=["untracked", "ignored"])
def test_untracked_file_counts_even_if_ignored(tmp_path: Path, ignored: bool) -> None:
    repo = branched(tmp_path, more={".gitignore": "d.yaml\n"} if ignored else {})
    repo.write("sequences/d.yaml", sequence("d"))
    assert repo.asked() == ["d"]


def test_renamed_file_counts(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    git(tmp_path, "mv", "sequences/b.yaml", "sequences/z.yaml")
    assert repo.asked() == ["b"]


@pytest.mark.parametrize("way", ["deleted", "another key", "renamed with another key"])
def test_deleted_sequence_counts_for_the_branch_that_deleted_it(tmp_path: Path, way: str) -> None:
    repo = branched(tmp_path)
    _known_to_the_state(repo, "a", "b")
    path = tmp_path / "sequences/b.yaml"
    if way == "deleted":
        path.unlink()
    else:
        repo.write("sequences/b.yaml", sequence("other"))
    if way.startswith("renamed"):
        path.rename(path.with_name("z.yaml"))
    assert ("b", "sequence-removed") in _reasons(repo)
    repo.commit()
    assert ("b", "sequence-removed") in _reasons(repo)
    git(tmp_path, "checkout", "-q", "-b", "later")
    assert ("b", "sequence-removed") not in _reasons(repo, "topic")


def _reasons(repo: Repo, since: str = "main") -> set[tuple[str, str]]:
    return {(change.address, change.reason.value) for change in repo.plan(since).changes}


def _known_to_the_state(repo: Repo, *keys: str) -> None:
    """Store a state that has these sequences."""
    rows = {key: SequenceState(id=f"id{key}", title=f"Title of {key}") for key in keys}
    state = State(lineage=LINEAGE, serial=1, environment="default", api_host=HOST, sequences=rows)
    (repo.project / "seqsync.state.json").write_bytes(encode(state))


def test_content_file_counts_for_every_sequence_that_uses_it(tmp_path: Path) -> None:
    body = "    content_file: ../emails/shared.md\n"
    more = {"emails/shared.md": "Hi\n", "sequences/d.yaml": sequence("d", body=body)}
    repo = branched(tmp_path, more=more | {"sequences/e.yaml": sequence("e", body=body)})
    repo.write("emails/shared.md", "Hello\n")
    assert repo.asked() == ["d", "e"]


@pytest.mark.parametrize("change", ["target", "link", "folder"])
def test_link_counts_when_it_or_its_target_changes(tmp_path: Path, change: str) -> None:
    body = "    content_file: ../emails/now/text.html\n"
    more = {"emails/one/real.html": "<p>1</p>", "emails/two/text.html": "<p>2</p>"}
    tmp_path.joinpath("emails/one").mkdir(parents=True)
    tmp_path.joinpath("emails/one/text.html").symlink_to("real.html")
    tmp_path.joinpath("emails/now").symlink_to("one")
    repo = branched(tmp_path, more={**more, "sequences/d.yaml": sequence("d", body=body)})
    assert repo.asked() == []
    if change == "target":
        repo.write("emails/one/real.html", "<p>3</p>")
    elif change == "link":
        tmp_path.joinpath("emails/one/text.html").unlink()
        repo.write("emails/one/text.html", "<p>4</p>")
    else:
        tmp_path.joinpath("emails/now").unlink()
        tmp_path.joinpath("emails/now").symlink_to("two")
    assert repo.asked() == ["d"]


NAMES = ["with blank", 'with "quotes"', "with\nbreak", "ünïcödé", "-dash", "a\\b", ":(top)x", "[a]*"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_file_names_with_spaces_quotes_newlines_and_any_script(tmp_path: Path, name: str) -> None:
    repo = branched(tmp_path, "in a folder", more={f"sequences/{name}/{name}.yaml": sequence("odd")})
    assert repo.asked() == []
    repo.write(f"sequences/{name}/{name}.yaml", sequence("odd", "Changed"))
    assert repo.asked() == ["odd"]
    (repo.project / f"sequences/{name}/{name}.yaml").unlink()
    _known_to_the_state(repo, "odd")
    assert ("odd", "sequence-removed") in _reasons(repo)


# -- settings ---------------------------------------------------------------------------------------------------------


def _with_variable(tmp_path: Path) -> Repo:
    return branched(tmp_path, more={"seqsync.yaml": SETTINGS, "sequences/d.yaml": sequence("d", "'Hi ${name}'")})


def test_changed_variable_counts_for_the_sequences_that_use_it(tmp_path: Path) -> None:
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\n")
    assert repo.asked() == ["d"]
    repo.write("seqsync.yaml", SETTINGS + "fields: [City]\n# a note\n")
    assert repo.asked() == []


def test_id_or_removed_key_in_the_settings_counts_for_its_sequence(tmp_path: Path) -> None:
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", SETTINGS + "environments:\n  default:\n    ids: {b: LGz3m8KNPr}\n")
    assert repo.asked() == ["b"]
    _known_to_the_state(repo, "gone")
    repo.write("seqsync.yaml", SETTINGS + "removed: [gone]\n")
    assert _reasons(repo) == {("gone", "removed")}


@pytest.mark.parametrize(
    "more",
    [
        "environments:\n  default:\n    state: other.json\n",
        "environments:\n  default:\n    api_url: https://elsewhere.example.com\n",
        "environments:\n  production: {}\n",
        "policy: {removed_steps: deactivate}\n",
        "capabilities: {update-day: false}\n",
    ],
)
def test_changed_account_state_environment_or_policy_counts_for_all(tmp_path: Path, more: str) -> None:
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", SETTINGS + more)
    assert repo.asked() == ["a", "b", "c", "d"]
    assert repo.plan().notes[0].startswith("The state is empty")


def test_unreadable_old_settings_count_for_all(tmp_path: Path) -> None:
    repo = branched(tmp_path, more={"seqsync.yaml": "version: [\n"})
    repo.write("seqsync.yaml", SETTINGS)
    assert repo.asked() == ["a", "b", "c"]


def test_added_or_deleted_settings_are_compared_with_the_defaults(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    repo.write("seqsync.yaml", SETTINGS)
    assert repo.asked() == []
    repo.write("sequences/d.yml", sequence("d"))
    repo.write("seqsync.yaml", "version: 1\ninclude: [sequences/*.yaml]\n")
    assert repo.asked() == []


# -- with others ------------------------------------------------------------------------------------------------------


def test_targets_and_excludes_narrow_the_changed_sequences(tmp_path: Path) -> None:
    repo = branched(tmp_path)
    for key in "ab":
        repo.write(f"sequences/{key}.yaml", sequence(key, "Changed"))
    assert {change.sequence for change in repo.plan("main", "b", "c").changes} == {"b"}
    assert {change.sequence for change in repo.plan("main", excludes=("b",)).changes} == {"a"}


def test_range_counts_only_its_commits(tmp_path: Path) -> None:
    """Later commits and the working tree do not count."""
    repo = branched(tmp_path)
    before = git(tmp_path, "rev-parse", "HEAD")
    repo.write("sequences/a.yaml", sequence("a", "One"))
    first = repo.commit()
    repo.write("sequences/b.yaml", sequence("b", "Two"))
    git(tmp_path, "mv", "sequences/a.yaml", "sequences/z.yaml")
    second = repo.commit()
    repo.write("sequences/c.yaml", sequence("c", "Three"))
    repo.write("sequences/d.yaml", sequence("d"))
    assert repo.asked(f"{before}..{first}") == ["a"]
    assert repo.asked(f"{first}...{second}") == ["a", "b"]
    assert repo.asked(f"{second}..HEAD") == []
    assert repo.asked(second) == ["c", "d"]


def test_range_uses_the_settings_of_its_ends(tmp_path: Path) -> None:
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\n")
    first = repo.commit()
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\nfields: [City]\n")
    second = repo.commit()
    assert repo.asked(f"main..{first}") == ["d"]
    assert repo.asked(f"{first}..{second}") == []


def test_worktree_and_submodule_are_supported(tmp_path: Path) -> None:
    """Files of a submodule count when its commit changes."""
    library = branched(tmp_path / "library")
    repo = branched(tmp_path / "repo")
    git(repo.root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.root), "sequences/lib")
    for key in "abc":
        repo.write(f"sequences/lib/sequences/{key}.yaml", sequence(f"lib-{key}"))
    git(repo.root / "sequences/lib", *_AS_ANNA, "commit", "-qam", "Keys")
    repo.commit()
    git(repo.root, "branch", "-f", "main")
    assert repo.asked() == []
    git(repo.root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side")
    side.write("sequences/a.yaml", sequence("a", "Changed"))
    assert side.asked() == ["a"]
    repo.write("sequences/lib/sequences/a.yaml", sequence("lib-a", "Changed"))
    assert set(repo.asked()) >= {"lib-a"}
    assert not {"a", "b", "c"} & set(repo.asked())
    shutil.rmtree(side.root)


_AS_ANNA = ("-c", "user.name=Anna", "-c", "user.email=anna@example.com")
