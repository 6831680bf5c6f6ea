"""`seqsync plan` and `seqsync show`: the differences, on the screen or in a file."""

from __future__ import annotations

import click

from sequence_sync.cli.options import Door, Look, look_options, selection_options

CHANGES = 2


@click.command()
@click.option("-out", metavar="FILE", help="Save the plan, for `seqsync apply FILE`.")
@click.option("-detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("-ignore-blocked", is_flag=True, help="With -detailed-exitcode: blocked changes do not count.")
@click.option("-to-serial", metavar="N", type=int, help="Go back to what the state said with this serial.")
@look_options
@selection_options
@click.pass_obj
def plan(
    door: Door, out: str | None, detailed_exitcode: bool, ignore_blocked: bool, full: bool, summary: bool,
    format_name: str, host: str | None, target: tuple[str, ...], exclude: tuple[str, ...], allow: tuple[str, ...],
    changed_since: str | None, refresh: bool, to_serial: int | None,
) -> int:  # fmt: skip
    """Show what apply would do: files against state. Without -refresh it makes no call at all."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.commands.showing import made_plan, print_plan, save_plan
    from sequence_sync.planning.plan import Action
    from sequence_sync.workspace import PlanOptions

    made = made_plan(door, PlanOptions(target, exclude, allow, changed_since, refresh), to_serial)
    print_plan(door, made, Look(format_name, host, full, summary))
    if out:
        save_plan(door, made, out)
    told = [change for change in made.changes if not (ignore_blocked and change.action is Action.BLOCKED)]
    return CHANGES if detailed_exitcode and told else 0


@click.command()
@click.argument("file")
@look_options
@click.pass_obj
def show(door: Door, file: str, full: bool, summary: bool, format_name: str, host: str | None) -> None:
    """Show a saved plan."""
    from sequence_sync.cli.commands.showing import print_plan, saved_plan

    print_plan(door, saved_plan(file), Look(format_name, host, full, summary))
