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


def test_nothing_changed(tmp_path: Path) -> None:
    """A branch without a change has an empty plan that says what is left out."""
    plan = branched(tmp_path).plan()
    assert plan.changes == ()
    assert plan.notes == (
        "3 sequences are not part of this plan: unchanged since main. "
        "These differ from the last apply anyway: a, b, c.",
    )
    assert summary_line(plan) == "No changes in the selected part. The rest of your files was left out."


@pytest.mark.parametrize("state", ["committed", "staged", "working tree"])
def test_a_change_counts_wherever_it_stands(tmp_path: Path, state: str) -> None:
    """Commits of the branch, the index and the files as they lie there all count."""
    repo = branched(tmp_path)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    if state == "staged":
        git(tmp_path, "add", "-A")
    if state == "committed":
        repo.commit()
    assert repo.asked() == ["b"]


def test_what_main_changed_meanwhile_does_not_count(tmp_path: Path) -> None:
    """It is asked since the branch left main, not against main's newest commit."""
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


def test_a_change_that_was_taken_back_is_none(tmp_path: Path) -> None:
    """What counts is how the files differ, not how often they were touched."""
    repo = branched(tmp_path)
    repo.write("sequences/b.yaml", sequence("b", "Changed"))
    repo.commit()
    repo.write("sequences/b.yaml", sequence("b"))
    os.utime(tmp_path / "sequences/a.yaml")
    assert repo.asked() == []


@pytest.mark.parametrize("ignored", [False, True], ids=["untracked", "ignored"])
def test_a_new_file_counts(tmp_path: Path, ignored: bool) -> None:
    """Git need not have it yet, and may even be told to ignore it."""
    repo = branched(tmp_path, more={".gitignore": "d.yaml\n"} if ignored else {})
    repo.write("sequences/d.yaml", sequence("d"))
    assert repo.asked() == ["d"]


def test_a_renamed_file_counts(tmp_path: Path) -> None:
    """Its sequence stays what it is, and stands in the plan with what it has to do."""
    repo = branched(tmp_path)
    git(tmp_path, "mv", "sequences/b.yaml", "sequences/z.yaml")
    assert repo.asked() == ["b"]


@pytest.mark.parametrize("way", ["deleted", "another key", "renamed with another key"])
def test_a_sequence_that_is_gone_counts(tmp_path: Path, way: str) -> None:
    """Its end is told by the plan of the branch that ended it, and by no other."""
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
    """A state that has these sequences."""
    rows = {key: SequenceState(id=f"id{key}", title=f"Title of {key}") for key in keys}
    state = State(lineage=LINEAGE, serial=1, environment="default", api_host=HOST, sequences=rows)
    (repo.project / "seqsync.state.json").write_bytes(encode(state))


def test_a_content_file_counts_for_who_uses_it(tmp_path: Path) -> None:
    """A text in a file of its own, shared by two sequences, belongs to both."""
    body = "    content_file: ../emails/shared.md\n"
    more = {"emails/shared.md": "Hi\n", "sequences/d.yaml": sequence("d", body=body)}
    repo = branched(tmp_path, more=more | {"sequences/e.yaml": sequence("e", body=body)})
    repo.write("emails/shared.md", "Hello\n")
    assert repo.asked() == ["d", "e"]


@pytest.mark.parametrize("change", ["target", "link", "folder"])
def test_links_count_with_what_they_lead_to(tmp_path: Path, change: str) -> None:
    """A link changes when it leads elsewhere, and when what it leads to changes."""
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
def test_any_name_of_a_file(tmp_path: Path, name: str) -> None:
    """Blanks, quotes, line breaks and letters of any script are names like others, in every folder."""
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


def test_settings_count_for_what_they_change(tmp_path: Path) -> None:
    """A variable's new value belongs to the sequences that use it."""
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\n")
    assert repo.asked() == ["d"]
    repo.write("seqsync.yaml", SETTINGS + "fields: [City]\n# a note\n")
    assert repo.asked() == []


def test_an_id_in_the_settings_counts_for_its_sequence(tmp_path: Path) -> None:
    """So does what the settings let go."""
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
def test_settings_that_lead_elsewhere_count_for_all(tmp_path: Path, more: str) -> None:
    """Another account, state, environment or rule may concern every sequence."""
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", SETTINGS + more)
    assert repo.asked() == ["a", "b", "c", "d"]
    assert repo.plan().notes[0].startswith("The state is empty")


def test_settings_that_could_not_be_read_then_count_for_all(tmp_path: Path) -> None:
    """With nothing to compare with, nothing is left out."""
    repo = branched(tmp_path, more={"seqsync.yaml": "version: [\n"})
    repo.write("seqsync.yaml", SETTINGS)
    assert repo.asked() == ["a", "b", "c"]


def test_settings_that_came_or_went_are_compared_with_the_defaults(tmp_path: Path) -> None:
    """A first seqsync.yaml that changes nothing changes nothing."""
    repo = branched(tmp_path)
    repo.write("seqsync.yaml", SETTINGS)
    assert repo.asked() == []
    repo.write("sequences/d.yml", sequence("d"))
    repo.write("seqsync.yaml", "version: 1\ninclude: [sequences/*.yaml]\n")
    assert repo.asked() == []


# -- with others ------------------------------------------------------------------------------------------------------


def test_together_with_targets_it_narrows(tmp_path: Path) -> None:
    """What is asked for has to be changed and named, and not excluded."""
    repo = branched(tmp_path)
    for key in "ab":
        repo.write(f"sequences/{key}.yaml", sequence(key, "Changed"))
    assert {change.sequence for change in repo.plan("main", "b", "c").changes} == {"b"}
    assert {change.sequence for change in repo.plan("main", excludes=("b",)).changes} == {"a"}


def test_a_range_is_what_one_merge_brought(tmp_path: Path) -> None:
    """`FROM..TO` asks about commits alone; later commits and the working tree do not count."""
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


def test_settings_of_a_range_are_those_of_its_ends(tmp_path: Path) -> None:
    """What the settings became later is not what the range changed."""
    repo = _with_variable(tmp_path)
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\n")
    first = repo.commit()
    repo.write("seqsync.yaml", "version: 1\nvariables: {name: Globex}\nfields: [City]\n")
    second = repo.commit()
    assert repo.asked(f"main..{first}") == ["d"]
    assert repo.asked(f"{first}..{second}") == []


def test_a_worktree_and_a_submodule(tmp_path: Path) -> None:
    """A second working tree is a repository like another; files of a submodule count when it moves."""
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
