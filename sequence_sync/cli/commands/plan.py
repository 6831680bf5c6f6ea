"""`seqsync plan` and `seqsync show`: the differences, on the screen or in a file."""

from __future__ import annotations

import click

from sequence_sync._version import __version__
from sequence_sync.cli.commands.opening import opened, read_given, write_result
from sequence_sync.cli.options import Door, format_option, selection_options
from sequence_sync.errors import UsageProblem
from sequence_sync.planning.plan import Action, Plan
from sequence_sync.planning.planfile import decode, encode
from sequence_sync.registry import FORMATS
from sequence_sync.workspace import PlanOptions, warn_of_lost_state
from sequence_sync.workspace import plan as plan_project

CHANGES = 2


def print_plan(door: Door, plan: Plan, format_name: str, full: bool, summary: bool) -> None:
    """`plan` on stdout, in the format that was asked for."""
    if format_name != "text":
        if full or summary:
            raise UsageProblem("-full and -summary are about text.", f"-format {format_name} has one length.")
        door.console.result(FORMATS[format_name](plan).rstrip("\n"))
        return
    from sequence_sync.render.text import Level

    if full and summary:
        raise UsageProblem("-full and -summary contradict each other.", hint="Take one of them.")
    level = Level.FULL if full else Level.SUMMARY if summary else Level.DEFAULT
    door.console.result(FORMATS["text"](plan, level, door.color).rstrip("\n"))


@click.command()
@click.option("-out", metavar="FILE", help="Save the plan, for `seqsync apply FILE`.")
@click.option("-detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("-ignore-blocked", is_flag=True, help="With -detailed-exitcode: blocked changes do not count.")
@click.option("-full", is_flag=True, help="Whole texts.")
@click.option("-summary", is_flag=True, help="One line a step.")
@format_option("text", "json", "markdown", "html")
@selection_options
@click.pass_obj
def plan(
    door: Door, out: str | None, detailed_exitcode: bool, ignore_blocked: bool, full: bool, summary: bool,
    format_name: str, target: tuple[str, ...], exclude: tuple[str, ...], allow: tuple[str, ...],
) -> int:  # fmt: skip
    """Show what apply would do: files against state. Makes no call at all."""
    workspace = opened(door)
    if warning := warn_of_lost_state(workspace):
        door.console.note(f"Warning: {warning}")
    made = plan_project(workspace, PlanOptions(target, exclude, allow))
    print_plan(door, made, format_name, full, summary)
    if out:
        write_result(out, encode(made, __version__), "The plan")
        door.console.note(f"Saved. To carry out exactly this plan: seqsync apply {out}")
    told = [change for change in made.changes if not (ignore_blocked and change.action is Action.BLOCKED)]
    return CHANGES if detailed_exitcode and told else 0


@click.command()
@click.argument("file")
@click.option("-full", is_flag=True, help="Whole texts.")
@click.option("-summary", is_flag=True, help="One line a step.")
@format_option("text", "json", "markdown", "html")
@click.pass_obj
def show(door: Door, file: str, full: bool, summary: bool, format_name: str) -> None:
    """Show a saved plan."""
    print_plan(door, decode(read_given(file, "The saved plan")), format_name, full, summary)
