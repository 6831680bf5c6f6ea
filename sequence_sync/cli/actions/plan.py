"""What `seqsync plan` and `seqsync show` do: make, print, save and read plans.

Apart from the command declarations, so that help imports none of this.
"""

from __future__ import annotations

from sequence_sync._version import __version__
from sequence_sync.cli.context import CommandContext, read_input_file, write_output_file
from sequence_sync.cli.options import DisplayOptions
from sequence_sync.errors import UsageError
from sequence_sync.operations.plan import PlanOptions, plan_project, plan_to_serial, refreshed_plan
from sequence_sync.operations.workspace import lost_state_warning
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planfile import decode, encode
from sequence_sync.registry import PLAN_FORMATS
from sequence_sync.render.hosts import DEFAULT_HOST


def make_plan(context: CommandContext, options: PlanOptions, to_serial: int | None = None) -> Plan:
    """Make the plan of the project; with `to_serial`, the plan back to that serial."""
    workspace = context.open_workspace()
    if warning := lost_state_warning(workspace):
        context.console.note(f"Warning: {warning}")
    if to_serial is not None and options.refresh:
        raise UsageError(
            "Use either -to-serial or -refresh, not both.",
            "-to-serial goes back from what was last applied, not from what Saleshandy has now.",
        )
    if to_serial is not None:
        return plan_to_serial(workspace, to_serial, options)
    if not options.refresh:
        return plan_project(workspace, options)
    # Deferred: without -refresh a plan needs no progress, and starts faster.
    from sequence_sync.cli.progress import show_progress

    key = workspace.key()
    with show_progress(context, "Reading") as observer:
        return refreshed_plan(workspace, key, options, observer, context.signals.event)


def read_plan(file: str) -> Plan:
    """Read the plan in `file`. Raises UsageError for an unreadable file, PlanRejectedError for an invalid plan."""
    return decode(read_input_file(file))


def save_plan(context: CommandContext, plan: Plan, file: str) -> None:
    """Write `plan` to `file`, and print how to apply it."""
    write_output_file(file, encode(plan, __version__))
    context.console.note(f"Saved the plan. To apply exactly this plan: seqsync apply {file}")


def print_plan(context: CommandContext, plan: Plan, display: DisplayOptions) -> None:
    """Print `plan` to stdout. Raises UsageError where the options do not fit the format."""
    name, render = display.format_name, PLAN_FORMATS[display.format_name]
    if display.host and name != "markdown":
        raise UsageError("-host needs -format markdown.", f"-format {name} is the same for every code host.")
    if name == "text":
        _print_text(context, plan, display)
        return
    if display.full or display.summary:
        raise UsageError("-full and -summary need -format text.", f"-format {name} has one level of detail.")
    arguments = [display.host or DEFAULT_HOST] if name == "markdown" else []
    if render.takes_folder:
        arguments.append(context.folder_in_repository())
    context.console.document(context.console.redact(render(plan, *arguments)))


def _print_text(context: CommandContext, plan: Plan, display: DisplayOptions) -> None:
    from sequence_sync.render.text import Level

    if display.full and display.summary:
        raise UsageError("Use either -full or -summary, not both.")
    level = Level.FULL if display.full else Level.SUMMARY if display.summary else Level.DEFAULT
    context.console.result(PLAN_FORMATS["text"](plan, level, context.color).rstrip("\n"))
