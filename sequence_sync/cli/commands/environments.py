"""`seqsync environments`: which there are; for people, for scripts, and as the matrix of a pipeline's jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from sequence_sync.cli.options import Door, format_option

if TYPE_CHECKING:
    from sequence_sync.workspace import Listed


def _text(rows: Sequence[Listed]) -> str:
    """A line each: a star before the default, name, host, state."""
    from sequence_sync.render.escape import one_line

    cells = [("*" if row.default else " ", row.name, row.host, one_line(row.state)) for row in rows]
    names, hosts = (max(len(cell[at]) for cell in cells) for at in (1, 2))
    return "\n".join(f"{star} {name:{names}}  {host:{hosts}}  {state}" for star, name, host, state in cells)


def _json(rows: Sequence[Listed]) -> str:
    plain = [{"name": row.name, "host": row.host, "state": row.state, "default": row.default} for row in rows]
    return json.dumps({"environments": plain}, indent=2)


def _matrix(rows: Sequence[Listed]) -> str:
    """One line, for `fromJSON` in the matrix of a GitHub workflow: one job, one lock, one state for each."""
    include = [
        {"environment": row.name, "state": row.state, "concurrency": f"seqsync-{row.name}"} for row in rows
    ]  # fmt: skip
    return json.dumps({"include": include}, separators=(",", ":"))


FORMATS: Mapping[str, Callable[[Sequence[Listed]], str]] = {"text": _text, "json": _json, "matrix": _matrix}


@click.command()
@format_option(*FORMATS)
@click.pass_obj
def environments(door: Door, format_name: str) -> None:
    """List the environments of the settings. No network, no key."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.workspace import environments as environments_of

    door.console.result(FORMATS[format_name](environments_of(door.root, os.environ)))
