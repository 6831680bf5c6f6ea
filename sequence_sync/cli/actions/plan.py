"""Plans as `seqsync plan` and `seqsync show` handle them: made, printed, saved, read.

Apart from the commands' options, so that their help loads none of this.
"""

from __future__ import annotations

from sequence_sync._version import __version__
from sequence_sync.cli.context import folder_in_repository, opened, read_given, write_result
from sequence_sync.cli.options import DEFAULT_HOST, CommandContext, DisplayOptions
from sequence_sync.errors import UsageError
from sequence_sync.operations.plan import PlanOptions, plan_project
from sequence_sync.operations.workspace import Workspace, lost_state_warning
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planfile import decode, encode
from sequence_sync.registry import FORMATS, PLACED


def made_plan(door: CommandContext, options: PlanOptions, to_serial: int | None = None) -> Plan:
    """The plan of the working folder; with `to_serial`, the one back to that serial."""
    workspace = opened(door)
    if warning := lost_state_warning(workspace):
        door.console.note(f"Warning: {warning}")
    if to_serial is not None and options.refresh:
        raise UsageError(
            "-to-serial and -refresh contradict each other.",
            "The way back goes from what was last applied, not from what the app says.",
            "Take one of them.",
        )
    if to_serial is not None:
        # Late: few plans go back.
        from sequence_sync.operations.plan import plan_to_serial

        return plan_to_serial(workspace, to_serial, options)
    return _refreshed(door, workspace, options) if options.refresh else plan_project(workspace, options)


def _refreshed(door: CommandContext, workspace: Workspace, options: PlanOptions) -> Plan:
    # Late: it brings the API client along, and most plans make no call.
    from sequence_sync.cli.actions.apply import observing
    from sequence_sync.operations.plan import refreshed_plan

    key = workspace.key()
    with observing(door, "Reading") as observer:
        return refreshed_plan(workspace, key, options, observer, door.stop.event)


def saved_plan(file: str) -> Plan:
    """The plan in `file`. Raises UsageError where it cannot be read, PlanRejectedError where it is none."""
    return decode(read_given(file, "The saved plan"))


def save_plan(door: CommandContext, plan: Plan, file: str) -> None:
    """Write `plan` to `file`."""
    write_result(file, encode(plan, __version__), "The plan")
    door.console.note(f"Saved. To carry out exactly this plan: seqsync apply {file}")


def print_plan(door: CommandContext, plan: Plan, look: DisplayOptions) -> None:
    """`plan` on stdout, in the format that was asked for."""
    full, summary = look.full, look.summary
    if look.host and look.format_name != "markdown":
        raise UsageError("-host is about a comment.", hint="Use it with -format markdown.")
    if look.format_name != "text":
        if full or summary:
            raise UsageError("-full and -summary are about text.", f"-format {look.format_name} has one length.")
        more = [look.host or DEFAULT_HOST] if look.format_name == "markdown" else []
        more += [folder_in_repository(door)] if look.format_name in PLACED else []
        door.console.document(door.console.redact(FORMATS[look.format_name](plan, *more)))
        return
    from sequence_sync.render.text import Level

    if full and summary:
        raise UsageError("-full and -summary contradict each other.", hint="Take one of them.")
    level = Level.FULL if full else Level.SUMMARY if summary else Level.DEFAULT
    door.console.result(FORMATS["text"](plan, level, door.color).rstrip("\n"))
