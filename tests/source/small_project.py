"""Little projects to load, for the tests of this room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.source.project import KnownFile, Project, load_project
from sequence_sync.source.settings import load_settings

EMAIL = "    type: email\n    subject: Hello\n    content: <p>Hi</p>\n"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files below `root`, by their paths."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return root


def load(root: Path, environment: str = "default", known: Mapping[str, KnownFile] | None = None) -> Project:
    """The project in `root`."""
    return load_project(root, load_settings(root), environment, known or {})


def one(root: Path, text: str, **more: str) -> DesiredSequence:
    """The sequence in `text`, which must have no mistake; `settings` may hold a seqsync.yaml."""
    files = {"sequences/one.yaml": text, **({"seqsync.yaml": more["settings"]} if "settings" in more else {})}
    project = load(write(root, files))
    assert project.diagnostics == []
    (sequence,) = project.sequences.values()
    return sequence


def told(project: Project) -> list[tuple[str, int, int, str]]:
    """Path, line, column and rule of every diagnostic."""
    return [(d.path, d.line, d.column, d.rule) for d in project.diagnostics]


def rules(root: Path, text: str, settings: str = "version: 1\n") -> list[tuple[int, int, str]]:
    """Line, column and rule of all that is wrong with one sequence file."""
    write(root, {"sequences/one.yaml": text, "seqsync.yaml": settings})
    return [(d.line, d.column, d.rule) for d in load(root).diagnostics]
