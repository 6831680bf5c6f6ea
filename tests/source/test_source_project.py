"""A project: rules over all files, digests, and files that are not parsed because nothing of them changed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_project import EMAIL, load, one, told, write

from sequence_sync.errors import UsageError
from sequence_sync.source import project as room
from sequence_sync.source.project import KnownFile, Project, load_project
from sequence_sync.source.settings import load_settings


def sequence(key: str, top: str = "", step: str = EMAIL) -> str:
    """A file with one email."""
    return f"sequence: {key}\n{top}steps:\n  a:\n    day: 1\n{step}"


def known_of(project: Project) -> dict[str, KnownFile]:
    """What an earlier run remembers of a project."""
    return {
        found.files[0]: KnownFile(
            found.key, found.title, found.remote_id, found.files, lambda made, was=found.source_digest: made == was
        )
        for found in project.sequences.values()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences, one of them with a content file that another folder holds."""
    by_file = "    type: email\n    subject: Hi\n    content_file: ../emails/x.md\n"
    return write(
        tmp_path / "project",
        {
            "seqsync.yaml": "variables: {a: b}\n",
            "sequences/one.yaml": sequence("one", step=by_file),
            "sequences/two.yaml": sequence("two", "id: Abc\ntitle: Number two\n"),
            "emails/x.md": "Hi",
        },
    )


def test_unchanged_files_are_not_parsed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every file current no parser runs, and all digests are what they were."""
    cold = load(root)
    monkeypatch.setattr(room, "parse_fast", None)
    monkeypatch.setattr(room, "parse", None)
    warm = load(root, known=known_of(cold))
    assert (warm.sequences, warm.diagnostics, warm.files_digest) == ({}, [], cold.files_digest)
    assert {key: (u.title, u.remote_id, u.files, u.source_digest) for key, u in warm.unchanged.items()} == {
        key: (s.title, s.remote_id, s.files, s.source_digest) for key, s in cold.sequences.items()
    }


@pytest.mark.parametrize(
    ("file", "text", "parsed"),
    [
        ("sequences/two.yaml", sequence("two", "id: Abc\ntitle: Another\n"), {"two"}),
        ("emails/x.md", "Hello", {"one"}),
        ("seqsync.yaml", "variables: {a: c}\n", {"one", "two"}),
    ],
)
def test_what_a_change_touches(root: Path, file: str, text: str, parsed: set[str]) -> None:
    """A file's own text, its content files and the settings decide whether it is parsed again."""
    cold = load(root)
    write(root, {file: text})
    warm = load(root, known=known_of(cold))
    assert set(warm.sequences) == parsed
    assert set(warm.unchanged) == {"one", "two"} - parsed
    assert warm.files_digest == load(root).files_digest != cold.files_digest


def test_another_environment_is_another_source(root: Path) -> None:
    """The same bytes in another environment are read again, as names mean something else there."""
    write(root, {"seqsync.yaml": "environments: {x: {}, default: {}}\n"})
    write(root, {"sequences/two.yaml": sequence("two")})
    known = known_of(load(root))
    assert set(load(root, known=known).unchanged) == {"one", "two"}
    assert set(load(root, "x", known).sequences) == {"one", "two"}


def test_a_content_file_that_is_gone_is_noticed(root: Path) -> None:
    """A file that was known is read again when a content file of it cannot be."""
    known = known_of(load(root))
    (root / "emails/x.md").unlink()
    assert told(load(root, known=known)) == [("sequences/one.yaml", 7, 19, "missing")]


def test_line_ends_change_no_digest(root: Path) -> None:
    """A checkout with CR LF is the same project."""
    cold = load(root)
    for path in [*root.rglob("*.yaml"), *root.rglob("*.md")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(root) == cold


def test_a_renamed_file_is_the_same_sequence(root: Path) -> None:
    """The key is the identity: only the paths differ after a move."""
    before = load(root).sequences["two"]
    (root / "sequences/deep").mkdir()
    shutil.move(root / "sequences/two.yaml", root / "sequences/deep/new.yml")
    after = load(root).sequences["two"]
    assert after.model_copy(update={"files": before.files, "source_digest": before.source_digest}) == before


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize(
    ("copy", "places"),
    [
        (sequence("two"), [("new", 1, 11, "same-key"), ("two", 1, 11, "same-key")]),
        (sequence("new", "title: ' NUMBER two'\n"), [("new", 2, 8, "same-title"), ("two", 3, 8, "same-title")]),
        (sequence("new", "id: Abc\n"), [("new", 2, 5, "same-id"), ("two", 2, 5, "same-id")]),
        (sequence("new", "title: one\n"), [("new", 2, 8, "same-title"), ("one", 1, 11, "same-title")]),
        (sequence("new", "formerly: two\n"), [("new", 2, 11, "moved-and-there")]),
        (sequence("two", step="    type: call\n"), [("new", 1, 11, "same-key"), ("new", 5, 11, "unknown-type")]),
    ],
)
def test_what_stands_once(root: Path, parsed: bool, copy: str, places: list[tuple[str, int, int, str]]) -> None:
    """A key, a title and an id twice are told at both places, parsed or not; a bad file accuses no good one."""
    known = {} if parsed else known_of(load(root))
    write(root, {"sequences/new.yaml": copy})
    found = [(Path(path).stem, *rest) for path, *rest in told(load(root, known=known))]
    assert found == places


def test_ids_from_the_settings_count_too(root: Path) -> None:
    """An id in a file and the same one in `ids:` for another sequence contradict each other."""
    write(root, {"seqsync.yaml": "environments: {default: {ids: {one: Abc}}}\n"})
    assert told(load(root)) == [("sequences/one.yaml", 1, 11, "same-id"), ("sequences/two.yaml", 2, 5, "same-id")]


def test_a_removed_sequence_has_no_file(root: Path) -> None:
    """A key under `removed:` of the settings whose file is there is told in that file, parsed or not."""
    write(root, {"seqsync.yaml": "removed: [two, gone]\n"})
    assert told(load(root)) == [("sequences/two.yaml", 1, 11, "removed-and-there")]


def test_no_files_is_a_mistake(tmp_path: Path) -> None:
    """An empty project must not read as `everything was removed`."""
    (found,) = load(tmp_path).diagnostics
    assert (found.where, found.rule) == ("", "no-files")
    assert "sequences/**/*.yaml" in found.hint


def test_paths_bound_what_is_told(root: Path) -> None:
    """Only the chosen files are told and returned; the rules over all files see the others."""
    write(root, {"sequences/bad.yaml": "a: [", "sequences/copy.yaml": sequence("two")})
    settings = load_settings(root)
    chosen = load_project(root, settings, "default", paths=["sequences/two.yaml"])
    assert told(chosen) == [("sequences/two.yaml", 1, 11, "same-key")]
    assert set(chosen.sequences) == {"two"}
    folder = load_project(root, settings, "default", paths=["sequences"])
    assert {path for path, *_ in told(folder)} == {f"sequences/{name}.yaml" for name in ("bad", "copy", "two")}
    with pytest.raises(UsageError):
        load_project(root, settings, "default", paths=["emails"])


def test_known_goes_by_path(root: Path) -> None:
    """A copy of a known file under another name is no known file."""
    known = known_of(load(root))
    misplaced = {"sequences/one.yaml": replace(known["sequences/two.yaml"], is_current=lambda made: True)}
    assert set(load(root, known=misplaced).sequences) == {"one", "two"}


def test_shared_anchors_work(tmp_path: Path) -> None:
    """An anchor under an `x-` key serves several steps."""
    text = f"sequence: one\nx-mail: &mail\n  day: 1\n{EMAIL.replace('    ', '  ')}steps:\n  a: *mail\n"
    assert one(tmp_path, text).steps["a"].day == 1
