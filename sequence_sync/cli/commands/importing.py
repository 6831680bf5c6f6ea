"""`seqsync import`: take what is in the app into files and state."""

from __future__ import annotations

import click

from sequence_sync.cli.options import Door, Duration


@click.command("import")
@click.argument("ids", metavar="SEQUENCE_ID...", nargs=-1)
@click.option("-all", "everything", is_flag=True, help="Every sequence of the account.")
@click.option("-into", default="", metavar="DIR", help="The folder for new files.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def import_(door: Door, ids: tuple[str, ...], everything: bool, into: str, lock_timeout: int) -> int:
    """Take sequences into YAML and state: new ones, and the app's edits of those that have a file.

    Sends nothing to Saleshandy but reads.
    """
    # Late, as in every command: its help needs none of it.
    from sequence_sync.api.types import Stopped
    from sequence_sync.cli.commands.applying import STOPPED, observing
    from sequence_sync.cli.commands.opening import opened
    from sequence_sync.importing.run import ImportOptions, import_sequences
    from sequence_sync.render.imported import row_text, summary_text
    from sequence_sync.workspace import warn_of_lost_state

    workspace = opened(door)
    if warning := warn_of_lost_state(workspace):
        door.console.note(f"Warning: {warning}")
    options = ImportOptions(ids, everything, into, float(lock_timeout))
    key = workspace.key()  # before the orderly part: a signal ends the command that prints it at once
    try:
        with door.stop.orderly() as stop, observing(door, "Importing") as observer:
            report = import_sequences(workspace, key, options, observer, stop)
    except Stopped:  # while it waited for the lock
        door.console.result(STOPPED)
        return 0
    for row in report.rows:
        door.console.result(row_text(row))
    door.console.result(summary_text(report))
    if report.rescue:
        door.console.document(report.rescue)
    return report.exit_code
