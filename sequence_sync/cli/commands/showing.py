"""Plans as `seqsync plan` and `seqsync show` handle them: made, printed, saved, read.

Apart from the commands' options, so that their help loads none of this.
"""

from __future__ import annotations

from sequence_sync._version import __version__
from sequence_sync.cli.commands.opening import opened, read_given, write_result
from sequence_sync.cli.options import Door
from sequence_sync.errors import UsageProblem
from sequence_sync.planning.plan import Plan
from sequence_sync.planning.planfile import decode, encode
from sequence_sync.registry import FORMATS
from sequence_sync.workspace import PlanOptions, warn_of_lost_state
from sequence_sync.workspace import plan as plan_project


def made_plan(door: Door, options: PlanOptions, to_serial: int | None = None) -> Plan:
    """The plan of the working folder; with `to_serial`, the one back to that serial."""
    workspace = opened(door)
    if warning := warn_of_lost_state(workspace):
        door.console.note(f"Warning: {warning}")
    if to_serial is not None:
        # Late: few plans go back.
        from sequence_sync.bygone import plan_to_serial

        return plan_to_serial(workspace, to_serial, options)
    return plan_project(workspace, options)


def saved_plan(file: str) -> Plan:
    """The plan in `file`. Raises UsageProblem where it cannot be read, PlanRefused where it is none."""
    return decode(read_given(file, "The saved plan"))


def save_plan(door: Door, plan: Plan, file: str) -> None:
    """Write `plan` to `file`."""
    write_result(file, encode(plan, __version__), "The plan")
    door.console.note(f"Saved. To carry out exactly this plan: seqsync apply {file}")


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
