"""`seqsync sandbox`: a local server that behaves as the API does."""

from __future__ import annotations

from pathlib import Path

import click

from sequence_sync.cli.options import Door


@click.command()
@click.option("-port", type=click.IntRange(0, 65535), default=8585, show_default=True, help="0: any that is free.")
@click.option("-data", type=click.Path(dir_okay=False), metavar="FILE", help="Keep what it holds in this file.")
@click.option("-rate-limit", type=click.IntRange(min=0), default=20, show_default=True,
              help="Calls a minute for each endpoint; 0: no limit.")  # fmt: skip
@click.pass_obj
def sandbox(door: Door, port: int, data: str | None, rate_limit: int) -> None:
    """Serve a stand-in for Saleshandy's API on this machine: for trying, teaching and testing."""
    from sequence_sync.sandbox.server import serve

    def ready(url: str) -> None:
        door.console.result(f"Sandbox at {url} (a stand-in: nothing is sent). Its page: {url.removesuffix('/v1')}/")
        door.console.note(f"Use it: export SEQSYNC_API_URL={url} SALESHANDY_API_KEY=sandbox    Stop it: Ctrl-C")

    serve(port, Path(data) if data else None, rate_limit, ready)
