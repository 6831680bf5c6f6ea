"""Small projects for the tests of `source`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.model.steps import STEP_TYPES, EmailStep, EmailVariant, Step
from sequence_sync.source.project import KnownFile, Project, load_project
from sequence_sync.source.settings import load_settings

EMAIL = "    type: email\n    subject: Hello\n    content: <p>Hi</p>\n"


def required_lines(name: str) -> list[str]:
    """The lines that a step of type `name` requires besides day and type: a text for each field without a default."""
    model = STEP_TYPES[name].model
    fields = EmailVariant.model_fields if model is EmailStep else model.model_fields
    required = [field for field, row in fields.items() if row.is_required() and field not in Step.model_fields]
    return [f"{field}: Hi" for field in [*required, *(["content"] if model is EmailStep else [])]]


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below `root`, by path."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return root


def load(root: Path, environment: str = "default", known: Mapping[str, KnownFile] | None = None) -> Project:
    """Load the project in `root`."""
    return load_project(root, load_settings(root), environment, known or {})


def load_sequence(root: Path, text: str, **more: str) -> DesiredSequence:
    """Load the sequence in `text`, which must be valid. `settings` is the text of seqsync.yaml."""
    files = {"sequences/one.yaml": text, **({"seqsync.yaml": more["settings"]} if "settings" in more else {})}
    project = load(write(root, files))
    assert project.diagnostics == []
    (sequence,) = project.sequences.values()
    return sequence


def located(project: Project) -> list[tuple[str, int, int, str]]:
    """Path, line, column and rule of every diagnostic."""
    return [(d.path, d.line, d.column, d.rule) for d in project.diagnostics]


def problems_in(root: Path, text: str, settings: str = "version: 1\n") -> list[tuple[int, int, str]]:
    """Line, column and rule of every problem in one sequence file."""
    write(root, {"sequences/one.yaml": text, "seqsync.yaml": settings})
    return [(d.line, d.column, d.rule) for d in load(root).diagnostics]
