"""Which files are sequence files, and what can go wrong when they are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from small_project import write

from sequence_sync.errors import UsageError
from sequence_sync.model.settings import DEFAULT_INCLUDE
from sequence_sync.source.files import UnreadableFileError, as_text, check_glob, digest, find_files, read_bytes, select

FILES = [
    "sequences/a.yaml",
    "sequences/b.yml",
    "sequences/deep/er/c.yaml",
    "sequences/a.test.yaml",
    "sequences/a.test.yml",
    "sequences/.hidden.yaml",
    "sequences/.git/d.yaml",
    "sequences/note.md",
    "other/e.yaml",
    "seqsync.yaml",
    "f.yaml",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with all kinds of files."""
    return write(tmp_path / "project", dict.fromkeys(FILES, "x"))


@pytest.mark.parametrize(
    ("include", "found"),
    [
        (DEFAULT_INCLUDE, ["sequences/a.yaml", "sequences/b.yml", "sequences/deep/er/c.yaml"]),
        (["sequences/*.yaml"], ["sequences/a.yaml"]),
        (["**/*.yaml"], ["f.yaml", "other/e.yaml", "sequences/a.yaml", "sequences/deep/er/c.yaml"]),
        (["*.yaml"], ["f.yaml"]),
        (["./other/[a-f].yaml", "other/?.yaml"], ["other/e.yaml"]),
        (["other/[!e].yaml"], []),
        (["sequences/.git/*.yaml"], []),
        (["sequences/a.yaml", "none/*.yaml"], ["sequences/a.yaml"]),
        (["sequences/**"], ["sequences/a.yaml", "sequences/b.yml", "sequences/deep/er/c.yaml", "sequences/note.md"]),
    ],
)
def test_include_patterns_select_files_in_ascending_order(root: Path, include: list[str], found: list[str]) -> None:
    """Hidden files, test files and the settings are never included."""
    assert find_files(root, include).paths == found
    assert find_files(root, include).errors == []


@pytest.mark.parametrize("pattern", ["", "/a/*.yaml", "../*.yaml", "a/../../b.yaml", "a\\*.yaml", "[z-a].yaml"])
def test_invalid_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        check_glob(pattern)


def test_links_in_the_project_are_followed_and_bad_links_are_reported(root: Path) -> None:
    """Loops are not followed. A bad link is reported only if its target would be read."""
    write(root, {"../outside/x.yaml": "x", "shared/y.yaml": "x"})
    (root / "sequences/in.yaml").symlink_to("../shared/y.yaml")
    (root / "sequences/folder").symlink_to("../shared")
    (root / "sequences/loop").symlink_to(".")
    (root / "sequences/self.yaml").symlink_to("self.yaml")
    (root / "sequences/nowhere.yaml").symlink_to("no.yaml")
    (root / "sequences/nowhere.md").symlink_to("no.md")
    (root / "sequences/out.yaml").symlink_to("../../outside/x.yaml")
    (root / "sequences/out").symlink_to("../../outside")
    (root / "sequences/out.md").symlink_to("../../outside/x.yaml")
    found = find_files(root, DEFAULT_INCLUDE)
    assert set(found.paths) - set(FILES) == {"sequences/folder/y.yaml", "sequences/in.yaml"}
    assert [(path, problem.rule) for path, problem in found.errors] == [
        ("sequences/nowhere.yaml", "broken-link"),
        ("sequences/out", "outside"),
        ("sequences/out.yaml", "outside"),
        ("sequences/self.yaml", "broken-link"),
    ]


def test_project_root_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    (root / "sequences/in.yaml").symlink_to("../other/e.yaml")
    assert find_files(link, DEFAULT_INCLUDE).paths == find_files(root, DEFAULT_INCLUDE).paths


def test_folders_pipes_and_bad_names_are_reported_without_hanging(root: Path) -> None:
    write(root, {"sequences/d.yaml/inner.yaml": "x"})
    os.mkfifo(root / "sequences/pipe.yaml")
    (root / os.fsdecode(b"sequences/\xff.yaml")).write_text("x")
    found = find_files(root, DEFAULT_INCLUDE)
    assert [(path, problem.rule) for path, problem in found.errors] == [
        ("sequences/d.yaml", "folder"),
        ("sequences/\\udcff.yaml", "file-name"),
    ]
    assert "sequences/d.yaml/inner.yaml" in found.paths
    with pytest.raises(UnreadableFileError) as caught:
        read_bytes(root, "sequences/pipe.yaml")
    assert caught.value.rule == "folder"


def test_permission_errors_are_reported_for_folders_and_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(p, problem.rule) for p, problem in find_files(root, DEFAULT_INCLUDE).errors] == [
        ("sequences", "not-allowed")
    ]
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableFileError) as caught:
        read_bytes(root, "sequences/a.yaml")
    assert caught.value.rule == "not-allowed"


def test_file_over_8_mib_is_refused_without_loading_it(tmp_path: Path) -> None:
    with (tmp_path / "sparse.yaml").open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    assert len(read_bytes(tmp_path, "sparse.yaml")) == 8 * 1024 * 1024
    with (tmp_path / "sparse.yaml").open("wb") as file:
        file.truncate(50 * 1024 * 1024 * 1024)
    with pytest.raises(UnreadableFileError) as caught:
        read_bytes(tmp_path, "sparse.yaml")
    assert caught.value.rule == "too-large"


def test_digest_ignores_line_ends_and_byte_order_mark_of_text_only() -> None:
    assert digest(b"a\nb") == digest(b"a\r\nb") == digest(b"\xef\xbb\xbfa\r\nb")
    assert digest(b"\xff\r\n") != digest(b"\xff\n")


def test_position_of_an_invalid_byte_counts_characters() -> None:
    with pytest.raises(UnreadableFileError) as caught:
        as_text("a\r\nüb".encode() + b"\xff")
    assert (caught.value.line, caught.value.column) == (2, 3)


def test_paths_on_the_command_line_select_sequence_files_or_are_refused(root: Path) -> None:
    files = find_files(root, DEFAULT_INCLUDE).paths
    assert select(root, [], files) is None
    assert select(root, ["."], files) == set(files)
    assert select(root, ["sequences/deep"], files) == {"sequences/deep/er/c.yaml"}
    assert select(root, ["sequences/a.yaml", str(root / "sequences/b.yml")], files) == {
        "sequences/a.yaml",
        "sequences/b.yml",
    }
    for wrong in ("none.yaml", "other", "sequences/note.md", "seqsync.yaml"):
        with pytest.raises(UsageError):
            select(root, [wrong], files)
