"""`seqsync apply`: carry out a saved plan, or plan, ask, and carry out."""

from __future__ import annotations

import click

from sequence_sync.cli.options import Door, Duration, selection_options


@click.command()
@click.argument("file", required=False)
@click.option("-auto-approve", is_flag=True, help="Do not ask.")
@click.option("-plan-hash", metavar="HASH", help="Go on only if the plan has this hash.")
@click.option("-parallelism", type=click.IntRange(1, 64), default=4, show_default=True, help="Sequences at a time.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.option(
    "-report", metavar="FILE", multiple=True, help="Write what became of it, as JSON; as Markdown into FILE.md."
)
@selection_options
@click.pass_obj
def apply(
    door: Door, file: str | None, auto_approve: bool, plan_hash: str | None, parallelism: int, lock_timeout: int,
    report: tuple[str, ...], target: tuple[str, ...], exclude: tuple[str, ...], allow: tuple[str, ...],
    changed_since: str | None, refresh: bool,
) -> int:  # fmt: skip
    """Carry out a plan, each change exactly once. Without FILE: plan, ask, carry out."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.commands.applying import Wish, carry_out
    from sequence_sync.workspace import PlanOptions

    asked = PlanOptions(target, exclude, allow, changed_since, refresh)
    return carry_out(door, Wish(file, auto_approve, plan_hash, parallelism, lock_timeout, report, asked))
