"""`seqsync validate`: every mistake of files and settings, without network and without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sequence_sync.cli.commands.opening import folder_in_repository, opened
from sequence_sync.cli.options import DIAGNOSTIC_FORMATS, Door, format_option
from sequence_sync.errors import InvalidFiles

if TYPE_CHECKING:
    from sequence_sync.source.project import Project


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@format_option(*DIAGNOSTIC_FORMATS)
@click.pass_obj
def validate(door: Door, paths: tuple[str, ...], format_name: str) -> int:
    """Tell every mistake in settings and sequence files. No network, no key."""
    if format_name != "text":
        return _printed(door, paths, format_name)
    project = _checked(door, paths)
    steps = sum(len(sequence.steps) for sequence in project.sequences.values())
    many = "sequence" if len(project.sequences) == 1 else "sequences"
    door.console.result(f"Valid: {len(project.sequences)} {many}, {steps} steps.")
    return 0


def _checked(door: Door, paths: tuple[str, ...]) -> Project:
    """The project. Raises InvalidFiles where there is a mistake."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.workspace import validate as validate_project

    project = validate_project(opened(door), paths)
    if project.diagnostics:
        raise InvalidFiles(project.diagnostics)
    return project


def _printed(door: Door, paths: tuple[str, ...], format_name: str) -> int:
    """The mistakes on stdout, in a format for programs; an empty list of them where all is well."""
    from sequence_sync.registry import DIAGNOSTIC_FORMATS as RENDERERS
    from sequence_sync.registry import PLACED_DIAGNOSTICS

    found: InvalidFiles | None = None
    try:
        _checked(door, paths)
    except InvalidFiles as invalid:
        found = invalid
    more = [folder_in_repository(door)] if format_name in PLACED_DIAGNOSTICS else []
    text = RENDERERS[format_name](found.diagnostics if found else (), *more)
    door.console.document(door.console.redact(text))
    return found.exit_code if found else 0
