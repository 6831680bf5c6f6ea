"""Broken files: one run reports all of them, at the right position, and loads the valid file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import load, located, write

from sequence_sync.render.diagnostics import diagnostics_text
from sequence_sync.source import yaml as yaml_module

CASES = Path(__file__).resolve().parent.parent / "cases" / "broken"
WHOLE_FILE = {"empty.yaml", "list-root.yaml", "directive.yaml", "key-missing.yaml", "steps-missing.yaml"}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The broken files, with those that git cannot store as they are."""
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


def test_one_run_reports_all_problems(broken: Path, golden: Callable[[str, str], None]) -> None:
    """The expected text was read and approved by a person."""
    golden("broken/expected.txt", diagnostics_text(load(broken).diagnostics))


def test_every_broken_file_is_reported_and_the_valid_file_is_loaded(broken: Path) -> None:
    project = load(broken)
    reported = {Path(path).name for path, *_ in located(project)}
    files = {path.name for path in (broken / "sequences").glob("*.yaml")}
    assert files - reported == {"good.yaml"}
    assert len(reported) > 40
    assert "good" in project.sequences


def test_every_position_is_in_the_file_and_shows_its_line(broken: Path) -> None:
    for found in load(broken).diagnostics:
        if found.line and found.rule not in ("encoding", "character"):
            line = (broken / found.path).read_text(encoding="utf-8").splitlines()[found.line - 1]
            assert 1 <= found.column <= len(line) + 1, found.where
            assert found.source_line in ("", line) or line.startswith(found.source_line)
        if found.line == found.column == 1 and found.rule not in ("encoding",):
            assert Path(found.path).name in WHOLE_FILE


def test_result_is_the_same_without_the_c_extension(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_extension = load(broken)
    monkeypatch.setattr(yaml_module, "FAST_PARSER", None)
    assert load(broken) == with_extension


def test_result_does_not_depend_on_the_order_of_files_on_disk(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load(broken)
    scandir = os.scandir

    class Reversed:
        """The entries of a folder in reverse order."""

        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Reversed)
    assert load(broken) == expected
