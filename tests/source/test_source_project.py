"""A project: rules that compare files, digests, and unchanged files that are not parsed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_project import EMAIL, load, load_sequence, located, write

from sequence_sync.errors import UsageError
from sequence_sync.source import project as project_module
from sequence_sync.source.project import KnownFile, Project, load_project
from sequence_sync.source.settings import load_settings


def sequence(key: str, top: str = "", step: str = EMAIL) -> str:
    """A file with one email."""
    return f"sequence: {key}\n{top}steps:\n  a:\n    day: 1\n{step}"


def known_of(project: Project) -> dict[str, KnownFile]:
    """What an earlier run knows of a project."""
    return {
        found.files[0]: KnownFile(
            found.key,
            found.title,
            found.remote_id,
            found.files,
            lambda current, earlier=found.source_digest: current == earlier,
        )
        for found in project.sequences.values()
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences, one of them with a content file in another folder."""
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


def test_unchanged_files_are_not_parsed_and_keep_their_digests(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cold = load(root)
    monkeypatch.setattr(project_module, "parse_fast", None)
    monkeypatch.setattr(project_module, "parse", None)
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
def test_file_is_parsed_again_if_it_its_content_files_or_the_settings_change(
    root: Path, file: str, text: str, parsed: set[str]
) -> None:
    cold = load(root)
    write(root, {file: text})
    warm = load(root, known=known_of(cold))
    assert set(warm.sequences) == parsed
    assert set(warm.unchanged) == {"one", "two"} - parsed
    assert warm.files_digest == load(root).files_digest != cold.files_digest


def test_file_is_parsed_again_for_another_environment(root: Path) -> None:
    write(root, {"seqsync.yaml": "environments: {x: {}, default: {}}\n"})
    write(root, {"sequences/two.yaml": sequence("two")})
    known = known_of(load(root))
    assert set(load(root, known=known).unchanged) == {"one", "two"}
    assert set(load(root, "x", known).sequences) == {"one", "two"}


def test_missing_content_file_of_a_known_file_is_reported(root: Path) -> None:
    known = known_of(load(root))
    (root / "emails/x.md").unlink()
    assert located(load(root, known=known)) == [("sequences/one.yaml", 7, 19, "missing")]


def test_line_ends_change_no_digest(root: Path) -> None:
    cold = load(root)
    for path in [*root.rglob("*.yaml"), *root.rglob("*.md")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(root) == cold


def test_renamed_file_is_the_same_sequence(root: Path) -> None:
    before = load(root).sequences["two"]
    (root / "sequences/deep").mkdir()
    shutil.move(root / "sequences/two.yaml", root / "sequences/deep/new.yml")
    after = load(root).sequences["two"]
    assert after.model_copy(update={"files": before.files, "source_digest": before.source_digest}) == before


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        (sequence("two"), [("new", 1, 11, "same-key"), ("two", 1, 11, "same-key")]),
        (sequence("new", "title: ' NUMBER two'\n"), [("new", 2, 8, "same-title"), ("two", 3, 8, "same-title")]),
        (sequence("new", "id: Abc\n"), [("new", 2, 5, "same-id"), ("two", 2, 5, "same-id")]),
        (sequence("new", "title: one\n"), [("new", 2, 8, "same-title"), ("one", 1, 11, "same-title")]),
        (sequence("new", "formerly: two\n"), [("new", 2, 11, "moved-and-there")]),
        (sequence("two", step="    type: call\n"), [("new", 1, 11, "same-key"), ("new", 5, 11, "unknown-type")]),
    ],
)
def test_duplicate_keys_titles_and_ids_are_reported_in_both_files(
    root: Path, parsed: bool, copy: str, expected: list[tuple[str, int, int, str]]
) -> None:
    """Also for files that are not parsed. An invalid file causes no problem in a valid one."""
    known = {} if parsed else known_of(load(root))
    write(root, {"sequences/new.yaml": copy})
    found = [(Path(path).stem, *rest) for path, *rest in located(load(root, known=known))]
    assert found == expected


def test_id_in_a_file_must_differ_from_ids_in_the_settings(root: Path) -> None:
    write(root, {"seqsync.yaml": "environments: {default: {ids: {one: Abc}}}\n"})
    assert located(load(root)) == [("sequences/one.yaml", 1, 11, "same-id"), ("sequences/two.yaml", 2, 5, "same-id")]


def test_file_of_a_removed_sequence_is_reported(root: Path) -> None:
    write(root, {"seqsync.yaml": "removed: [two, gone]\n"})
    assert located(load(root)) == [("sequences/two.yaml", 1, 11, "removed-and-there")]


def test_project_without_files_is_an_error(tmp_path: Path) -> None:
    """Otherwise it would look as if every sequence was removed."""
    (found,) = load(tmp_path).diagnostics
    assert (found.where, found.rule) == ("", "no-files")
    assert "sequences/**/*.yaml" in found.hint


def test_paths_limit_the_result_but_not_the_rules_that_compare_files(root: Path) -> None:
    write(root, {"sequences/bad.yaml": "a: [", "sequences/copy.yaml": sequence("two")})
    settings = load_settings(root)
    chosen = load_project(root, settings, "default", paths=["sequences/two.yaml"])
    assert located(chosen) == [("sequences/two.yaml", 1, 11, "same-key")]
    assert set(chosen.sequences) == {"two"}
    folder = load_project(root, settings, "default", paths=["sequences"])
    assert {path for path, *_ in located(folder)} == {f"sequences/{name}.yaml" for name in ("bad", "copy", "two")}
    with pytest.raises(UsageError):
        load_project(root, settings, "default", paths=["emails"])


def test_known_file_is_matched_by_path(root: Path) -> None:
    known = known_of(load(root))
    misplaced = {"sequences/one.yaml": replace(known["sequences/two.yaml"], is_current=lambda current: True)}
    assert set(load(root, known=misplaced).sequences) == {"one", "two"}


def test_anchor_under_an_x_key_can_be_used_in_steps(tmp_path: Path) -> None:
    text = f"sequence: one\nx-mail: &mail\n  day: 1\n{EMAIL.replace('    ', '  ')}steps:\n  a: *mail\n"
    assert load_sequence(tmp_path, text).steps["a"].day == 1
