"""Broken files: one run lists every one of them, at the right place, in words, and leaves the right file alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import load, told, write

from sequence_sync.render.diagnostics import diagnostics_text
from sequence_sync.source import yaml as document

CASES = Path(__file__).resolve().parent.parent / "cases" / "broken"
AT_THE_START = {"empty.yaml", "list-root.yaml", "directive.yaml", "key-missing.yaml", "steps-missing.yaml"}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The broken files, with those that cannot lie in git as they are."""
    root = tmp_path / "project"
    shutil.copytree(CASES / "sequences", root / "sequences")
    shutil.copy(CASES / "seqsync.yaml", root)
    write(
        root,
        {
            "sequences/z-latin.yaml": b"sequence: z-latin\ntitle: \xdcber uns\n",
            "sequences/z-utf16.yaml": "sequence: z-utf16\n".encode("utf-16"),
            "sequences/z-nul.yaml": b"sequence: z-nul\ntitle: a\x00b\n",
            "sequences/z-large.yaml": b"# " + b"x" * (8 * 1024 * 1024),
            "sequences/z-folder.yaml/inner.txt": "",
            "outside.yaml": "sequence: outside\n",
            "sequences/z-crlf.yaml": "# no byte order mark, but\r\nsequence: z-crlf\r\nsteps: []\r\n",
            "../elsewhere.yaml": "sequence: elsewhere\nsteps: {}\n",
        },
    )
    (root / "sequences/z-link-out.yaml").symlink_to("../../elsewhere.yaml")
    (root / "sequences/z-link-broken.yaml").symlink_to("nowhere.yaml")
    return root


def test_one_run_lists_them_all(broken: Path, golden: Callable[[str, str], None]) -> None:
    """The listing is what somebody has read and found right, byte for byte."""
    golden("broken/expected.txt", diagnostics_text(load(broken).diagnostics))


def test_every_broken_file_is_named_and_the_good_one_is_not(broken: Path) -> None:
    """Each of more than forty files is told at least once; the good file among them is loaded and not accused."""
    project = load(broken)
    named = {Path(path).name for path, *_ in told(project)}
    files = {path.name for path in (broken / "sequences").glob("*.yaml")}
    assert files - named == {"good.yaml"}
    assert len(named) > 40
    assert "good" in project.sequences


def test_every_place_is_a_real_one(broken: Path) -> None:
    """Line and column lie within the file, and the source line is that line."""
    for found in load(broken).diagnostics:
        if found.line and found.rule not in ("encoding", "character"):
            line = (broken / found.path).read_text(encoding="utf-8").splitlines()[found.line - 1]
            assert 1 <= found.column <= len(line) + 1, found.where
            assert found.source_line in ("", line) or line.startswith(found.source_line)
        if found.line == found.column == 1 and found.rule not in ("encoding",):
            assert Path(found.path).name in AT_THE_START


def test_the_listing_is_the_same_without_the_c_extension(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick reader saves time and changes nothing."""
    quick = load(broken)
    monkeypatch.setattr(document, "FAST_PARSER", None)
    assert load(broken) == quick


def test_the_order_of_files_on_disk_does_not_matter(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files listed backwards give the same project."""
    straight = load(broken)
    scandir = os.scandir

    class Backwards:
        """A folder's entries, last first."""

        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Backwards)
    assert load(broken) == straight
