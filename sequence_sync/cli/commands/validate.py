"""`seqsync validate`: every mistake of files and settings, without network and without a key."""

from __future__ import annotations

import click

from sequence_sync.cli.commands.opening import opened
from sequence_sync.cli.options import Door
from sequence_sync.errors import InvalidFiles


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.pass_obj
def validate(door: Door, paths: tuple[str, ...]) -> None:
    """Tell every mistake in settings and sequence files. No network, no key."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.workspace import validate as validate_project

    project = validate_project(opened(door), paths)
    if project.diagnostics:
        raise InvalidFiles(project.diagnostics)
    steps = sum(len(sequence.steps) for sequence in project.sequences.values())
    many = "sequence" if len(project.sequences) == 1 else "sequences"
    door.console.result(f"Valid: {len(project.sequences)} {many}, {steps} steps.")
