"""What `seqsync drift` and `seqsync import` do: read Saleshandy and report.

Apart from the command declarations, so that help imports none of this. Must not write to Saleshandy.
"""

from __future__ import annotations

from sequence_sync.cli.context import CommandContext
from sequence_sync.cli.progress import show_progress
from sequence_sync.errors import UsageError, worst
from sequence_sync.importer.importer import ImportOptions, import_sequences
from sequence_sync.operations.drift import detect_drift
from sequence_sync.operations.session import announcer, connected
from sequence_sync.operations.workspace import lost_state_warning
from sequence_sync.provider.base import StoppedError
from sequence_sync.provider.clock import SystemClock
from sequence_sync.render.report import drift_json, row_text, summary_text
from sequence_sync.render.text import Level, drift_text
from sequence_sync.render.words import EMPTY_STATE

HAS_DRIFT = 2
STOPPED = "Stopped before anything was done."


def run_drift(context: CommandContext, *, quick: bool, full: bool, format_name: str, targets: tuple[str, ...]) -> int:
    """Print the drift and the errors of what could not be read. Return the exit code."""
    if full and format_name != "text":
        raise UsageError("-full needs -format text.", f"-format {format_name} has one level of detail.")
    workspace, clock = context.open_workspace(), SystemClock(context.signals.event)
    key = workspace.key()
    with show_progress(context, "Reading") as observer, connected(workspace, clock, key, observer) as client:
        found = detect_drift(workspace, client, clock, targets, quick, announcer(observer))
    complete = not found.unread
    if format_name == "json":
        text = drift_json(found.rows, complete)
    elif not found.sequences:
        text = EMPTY_STATE
    else:
        text = drift_text(found.rows, Level.FULL if full else Level.DEFAULT, context.color, complete)
    context.console.result(text.rstrip("\n"))
    for error in found.unread.values():
        context.console.report_error(error)
    if found.unread:
        return worst({error.exit_code for error in found.unread.values()})
    return HAS_DRIFT if found.rows else 0


def run_import(context: CommandContext, options: ImportOptions) -> int:
    """Import, print one row per sequence and the counts. Return the exit code."""
    workspace = context.open_workspace()
    if warning := lost_state_warning(workspace):
        context.console.note(f"Warning: {warning}")
    # Before the graceful part, so that a signal ends a slow `api_key_command` immediately.
    key = workspace.key()
    try:
        with context.signals.graceful() as stop, show_progress(context, "Importing") as observer:
            report = import_sequences(workspace, key, options, observer, stop)
    except StoppedError:  # while it waited for the lock
        context.console.result(STOPPED)
        return 0
    for row in report.rows:
        context.console.result(row_text(row))
    context.console.result(summary_text(report))
    if report.rescue:
        context.console.document(report.rescue)
    return report.exit_code
