"""The commands that are not groups, read from the program's own table."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sequence_sync.cli.main import PROGRAM


def leaves() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each command without subcommands, with the words that call it."""
    yield from _below(PROGRAM, (), click.Context(PROGRAM, info_name="seqsync"))


def _below(
    command: click.Command, path: tuple[str, ...], ctx: click.Context
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in command.list_commands(ctx):
        below = command.get_command(ctx, name)
        assert below
        yield from _below(below, (*path, name), click.Context(below, info_name=name, parent=ctx))
