"""`seqsync drift`: what somebody changed in the app since the last apply."""

from __future__ import annotations

import click

from sequence_sync.cli.options import Door, format_option, target_option

DRIFT = 2


@click.command()
@click.option("-quick", is_flag=True, help="Read only the list of sequences: titles, and which steps there are.")
@click.option("-full", is_flag=True, help="Whole texts.")
@format_option("text", "json")
@target_option
@click.pass_obj
def drift(door: Door, quick: bool, full: bool, format_name: str, target: tuple[str, ...]) -> int:
    """Tell what somebody changed in Saleshandy: state against app. Changes nothing; the files are not looked at.

    Exit code 2 where there is drift; where something could not be read, that error's code.
    """
    # Late, as in every command: its help needs none of it.
    from sequence_sync.api.clock import RealClock
    from sequence_sync.cli.commands.applying import observing
    from sequence_sync.cli.commands.opening import opened
    from sequence_sync.errors import UsageProblem, worst
    from sequence_sync.planning.outcome import Event
    from sequence_sync.refreshing import look_for_drift
    from sequence_sync.render.details import Level
    from sequence_sync.render.drift import drift_text
    from sequence_sync.render.json import drift_json
    from sequence_sync.running import connected

    if full and format_name != "text":
        raise UsageProblem("-full is about text.", f"-format {format_name} has one length.")
    workspace, clock = opened(door), RealClock(door.stop.event)
    key = workspace.key()
    with observing(door, "Reading") as observer, connected(workspace, clock, key, observer) as api:
        looked = look_for_drift(
            workspace, api, clock, target, quick, lambda text: observer.hear(Event(kind="note", text=text))
        )
    complete, level = not looked.unread, Level.FULL if full else Level.DEFAULT
    as_json = format_name == "json"
    told = drift_json(looked.rows, complete) if as_json else drift_text(looked.rows, level, door.color, complete)
    door.console.result(told.rstrip("\n"))
    for error in looked.unread.values():
        door.console.failed(error)
    return worst({error.exit_code for error in looked.unread.values()}) if looked.unread else DRIFT * bool(looked.rows)
