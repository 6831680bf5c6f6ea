"""`seqsync state ...` and `seqsync force-unlock`: look at the state and mend it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sequence_sync.cli.context import folder_in_repository, opened, read_given
from sequence_sync.cli.options import (
    DIAGNOSTIC_FORMATS,
    CommandContext,
    DisplayOptions,
    Duration,
    display_options,
    format_option,
    selection_options,
    target_option,
)
from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.address import Address, matches, parse_address

if TYPE_CHECKING:
    from sequence_sync.model.fields import Frozen
    from sequence_sync.operations.workspace import EnvironmentInfo, Workspace
    from sequence_sync.source.project import Project
    from sequence_sync.state.model import State


CHANGES = 2


@click.command()
@click.option("-out", metavar="FILE", help="Save the plan, for `seqsync apply FILE`.")
@click.option("-detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("-ignore-blocked", is_flag=True, help="With -detailed-exitcode: blocked changes do not count.")
@click.option("-to-serial", metavar="N", type=int, help="Go back to what the state said with this serial.")
@display_options
@selection_options
@click.pass_obj
def plan(
    door: CommandContext,
    out: str | None,
    detailed_exitcode: bool,
    ignore_blocked: bool,
    full: bool,
    summary: bool,
    format_name: str,
    host: str | None,
    target: tuple[str, ...],
    exclude: tuple[str, ...],
    allow: tuple[str, ...],
    changed_since: str | None,
    refresh: bool,
    to_serial: int | None,
) -> int:
    """Show what apply would do: files against state. Without -refresh it makes no call at all."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.actions.plan import made_plan, print_plan, save_plan
    from sequence_sync.operations.plan import PlanOptions
    from sequence_sync.plan.model import Action

    made = made_plan(door, PlanOptions(target, exclude, allow, changed_since, refresh), to_serial)
    print_plan(door, made, DisplayOptions(format_name, host, full, summary))
    if out:
        save_plan(door, made, out)
    told = [change for change in made.changes if not (ignore_blocked and change.action is Action.BLOCKED)]
    return CHANGES if detailed_exitcode and told else 0


@click.command("show")
@click.argument("file")
@display_options
@click.pass_obj
def show_plan(door: CommandContext, file: str, full: bool, summary: bool, format_name: str, host: str | None) -> None:
    """Show a saved plan."""
    from sequence_sync.cli.actions.plan import print_plan, saved_plan

    print_plan(door, saved_plan(file), DisplayOptions(format_name, host, full, summary))


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
    door: CommandContext,
    file: str | None,
    auto_approve: bool,
    plan_hash: str | None,
    parallelism: int,
    lock_timeout: int,
    report: tuple[str, ...],
    target: tuple[str, ...],
    exclude: tuple[str, ...],
    allow: tuple[str, ...],
    changed_since: str | None,
    refresh: bool,
) -> int:
    """Carry out a plan, each change exactly once. Without FILE: plan, ask, carry out."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.actions.apply import Wish, carry_out
    from sequence_sync.operations.plan import PlanOptions

    asked = PlanOptions(target, exclude, allow, changed_since, refresh)
    return carry_out(door, Wish(file, auto_approve, plan_hash, parallelism, lock_timeout, report, asked))


@click.group()
def state() -> None:
    """Look at the state, and mend it."""


def _state_of(workspace: Workspace) -> State:
    replayed = workspace.read()
    if replayed is None:
        raise UsageError(
            "There is no state yet.",
            f"{workspace.backend().describe()} is not there.",
            "The first `seqsync apply` makes it.",
        )
    return replayed.state


@state.command("list")
@click.argument("patterns", nargs=-1, metavar="[ADDR]...")
@click.pass_obj
def list_(door: CommandContext, patterns: tuple[str, ...]) -> None:
    """List what is managed: addresses and ids."""
    rows = [
        (address, remote_id)
        for address, remote_id in _state_of(opened(door)).addresses()
        if not patterns or any(matches(_pattern(pattern), parse_address(address)) for pattern in patterns)
    ]
    if patterns and not rows:
        raise UsageError("Nothing in the state has such an address.", ", ".join(patterns))
    for address, remote_id in rows:
        door.console.result(f"{address}\t{remote_id}")


def _pattern(text: str) -> str:
    from sequence_sync.model.address import check_pattern

    try:
        return check_pattern(text)
    except ValueError as error:
        raise UsageError("This is not an address.", f"{error}.") from None


def _entry(state: State, key: str, step: str = "", letter: str = "", *more: str) -> Frozen | None:
    sequence = state.sequences.get(key)
    if sequence is None or more:
        return None
    found = sequence.steps.get(step)
    if found is None or not letter:
        return found if step else sequence
    return found.variants.get(letter)


@state.command()
@click.argument("address")
@click.pass_obj
def show(door: CommandContext, address: str) -> None:
    """Show one entry as JSON."""
    found = _entry(_state_of(opened(door)), *Address(address).parts)
    if found is None:
        raise UsageError("Nothing in the state has this address.", address, "See: seqsync state list")
    door.console.document(
        json.dumps(found.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )


@state.command()
@click.pass_obj
def pull(door: CommandContext) -> None:
    """Print the whole state, journal included."""
    from sequence_sync.state.statefile import encode

    door.console.document(encode(_state_of(opened(door))).decode())


@state.command()
@click.argument("address", required=False)
@format_option("text", "json")
@click.option("-limit", type=click.IntRange(min=1), metavar="N", help="Only the last N runs.")
@click.pass_obj
def history(door: CommandContext, address: str | None, format_name: str, limit: int | None) -> None:
    """Tell who did what, and when; newest last."""
    from sequence_sync.operations.state import read_history
    from sequence_sync.render.history import history_json, history_runs, history_text

    found = read_history(opened(door), address)
    runs = history_runs(found.lines)[-(limit or 0) :]
    if format_name == "json":
        door.console.document(history_json(runs, found.unknown))
    else:
        door.console.result(history_text(runs, found.unknown, _local, door.color).rstrip("\n"))


def _local(at: str) -> str:
    """A time in UTC as the clock on the wall shows it, with its offset."""
    from datetime import datetime

    return datetime.fromisoformat(at).astimezone().isoformat(" ", "seconds")


@state.command()
@click.argument("source")
@click.argument("target")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def mv(door: CommandContext, source: str, target: str, lock_timeout: int) -> None:
    """Give an entry another key. Nothing changes in Saleshandy."""
    from sequence_sync.operations.state import move_entry

    move_entry(opened(door), source, target, lock_timeout, door.stop.event)
    door.console.result(f"{source} is {target} now. To undo it: seqsync state mv {target} {source}")


@state.command()
@click.argument("address")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def rm(door: CommandContext, address: str, lock_timeout: int) -> None:
    """Forget an entry. It stays in Saleshandy; the next plan may want to create it again."""
    from sequence_sync.operations.state import remove_entry

    backup = remove_entry(opened(door), address, lock_timeout, door.stop.event)
    door.console.result(f"{address} is forgotten. To undo it: seqsync state push -force {backup}")


@state.command()
@click.argument("file")
@click.option("-force", is_flag=True, help="Also an older state, or one of another lineage.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def push(door: CommandContext, file: str, force: bool, lock_timeout: int) -> None:
    """Put a state in the place of the one that is there."""
    from sequence_sync.operations.state import push_state

    serial = push_state(opened(door), read_given(file, "The state"), file, force, lock_timeout, door.stop.event)
    door.console.result(f"The state is {file} now (serial {serial}).")


@state.command()
@click.argument("address")
@click.option("-adopt", metavar="ID", help="It is this one.")
@click.option("-recreate", is_flag=True, help="It was not made: the next plan creates it.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def resolve(door: CommandContext, address: str, adopt: str | None, recreate: bool, lock_timeout: int) -> None:
    """Say what became of a create that nobody else can know."""
    from sequence_sync.operations.state import resolve as resolve_entry

    if bool(adopt) == recreate:
        raise UsageError("Say which of the two it is.", "-adopt ID: it is there; -recreate: it was not made.")
    door.console.result(resolve_entry(opened(door), address, adopt, lock_timeout, door.stop.event))


@click.command("force-unlock")
@click.argument("lock_id", metavar="ID")
@click.pass_obj
def force_unlock(door: CommandContext, lock_id: str) -> None:
    """Take the lock away from a run that is gone."""
    opened(door).backend().force_unlock(lock_id)
    door.console.result("Unlocked. The next apply treats what that run left open as unknown.")


DRIFT = 2


@click.command()
@click.option("-quick", is_flag=True, help="Read only the list of sequences: titles, and which steps there are.")
@click.option("-full", is_flag=True, help="Whole texts.")
@format_option("text", "json")
@target_option
@click.pass_obj
def drift(door: CommandContext, quick: bool, full: bool, format_name: str, target: tuple[str, ...]) -> int:
    """Tell what somebody changed in Saleshandy: state against app. Changes nothing; the files are not looked at.

    Exit code 2 where there is drift; where something could not be read, that error's code.
    """
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.actions.apply import observing
    from sequence_sync.cli.context import opened
    from sequence_sync.errors import UsageError, worst
    from sequence_sync.model.report import Event
    from sequence_sync.operations.drift import detect_drift
    from sequence_sync.operations.session import connected
    from sequence_sync.provider.clock import SystemClock
    from sequence_sync.render.report import drift_json
    from sequence_sync.render.text import Level, drift_text

    if full and format_name != "text":
        raise UsageError("-full is about text.", f"-format {format_name} has one length.")
    workspace, clock = opened(door), SystemClock(door.stop.event)
    key = workspace.key()
    with observing(door, "Reading") as observer, connected(workspace, clock, key, observer) as api:
        looked = detect_drift(
            workspace, api, clock, target, quick, lambda text: observer.on_event(Event(kind="note", text=text))
        )
    complete, level = not looked.unread, Level.FULL if full else Level.DEFAULT
    as_json = format_name == "json"
    told = drift_json(looked.rows, complete) if as_json else drift_text(looked.rows, level, door.color, complete)
    door.console.result(told.rstrip("\n"))
    for error in looked.unread.values():
        door.console.failed(error)
    return worst({error.exit_code for error in looked.unread.values()}) if looked.unread else DRIFT * bool(looked.rows)


@click.command("import")
@click.argument("ids", metavar="SEQUENCE_ID...", nargs=-1)
@click.option("-all", "everything", is_flag=True, help="Every sequence of the account.")
@click.option("-into", default="", metavar="DIR", help="The folder for new files.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def import_(door: CommandContext, ids: tuple[str, ...], everything: bool, into: str, lock_timeout: int) -> int:
    """Take sequences into YAML and state: new ones, and the app's edits of those that have a file.

    Sends nothing to Saleshandy but reads.
    """
    # Late, as in every command: its help needs none of it.
    from sequence_sync.cli.actions.apply import STOPPED, observing
    from sequence_sync.cli.context import opened
    from sequence_sync.importer.importer import ImportOptions, import_sequences
    from sequence_sync.operations.workspace import lost_state_warning
    from sequence_sync.provider.base import StoppedError
    from sequence_sync.render.report import row_text, summary_text

    workspace = opened(door)
    if warning := lost_state_warning(workspace):
        door.console.note(f"Warning: {warning}")
    options = ImportOptions(ids, everything, into, float(lock_timeout))
    key = workspace.key()  # before the orderly part: a signal ends the command that prints it at once
    try:
        with door.stop.orderly() as stop, observing(door, "Importing") as observer:
            report = import_sequences(workspace, key, options, observer, stop)
    except StoppedError:  # while it waited for the lock
        door.console.result(STOPPED)
        return 0
    for row in report.rows:
        door.console.result(row_text(row))
    door.console.result(summary_text(report))
    if report.rescue:
        door.console.document(report.rescue)
    return report.exit_code


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@format_option(*DIAGNOSTIC_FORMATS)
@click.pass_obj
def validate(door: CommandContext, paths: tuple[str, ...], format_name: str) -> int:
    """Tell every mistake in settings and sequence files. No network, no key."""
    if format_name != "text":
        return _printed(door, paths, format_name)
    project = _checked(door, paths)
    steps = sum(len(sequence.steps) for sequence in project.sequences.values())
    many = "sequence" if len(project.sequences) == 1 else "sequences"
    door.console.result(f"Valid: {len(project.sequences)} {many}, {steps} steps.")
    return 0


def _checked(door: CommandContext, paths: tuple[str, ...]) -> Project:
    """The project. Raises InvalidFilesError where there is a mistake."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.operations.workspace import validate as validate_project

    project = validate_project(opened(door), paths)
    if project.diagnostics:
        raise InvalidFilesError(project.diagnostics)
    return project


def _printed(door: CommandContext, paths: tuple[str, ...], format_name: str) -> int:
    """The mistakes on stdout, in a format for programs; an empty list of them where all is well."""
    from sequence_sync.registry import DIAGNOSTIC_FORMATS as RENDERERS
    from sequence_sync.registry import PLACED_DIAGNOSTICS

    found: InvalidFilesError | None = None
    try:
        _checked(door, paths)
    except InvalidFilesError as invalid:
        found = invalid
    more = [folder_in_repository(door)] if format_name in PLACED_DIAGNOSTICS else []
    text = RENDERERS[format_name](found.diagnostics if found else (), *more)
    door.console.document(door.console.redact(text))
    return found.exit_code if found else 0


def _sequence() -> dict[str, Any]:
    from sequence_sync.source.schema import sequence_schema

    return sequence_schema()


def _settings() -> dict[str, Any]:
    from sequence_sync.source.schema import settings_schema

    return settings_schema()


def _plan() -> dict[str, Any]:
    from sequence_sync.plan.planfile import plan_schema

    return plan_schema()


def _report() -> dict[str, Any]:
    from sequence_sync.render.report import report_schema

    return report_schema()


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "sequence": _sequence,
    "settings": _settings,
    "plan": _plan,
    "report": _report,
}


@click.command()
@click.argument("name", type=click.Choice(tuple(SCHEMAS)), default="sequence")
@click.pass_obj
def schema(door: CommandContext, name: str) -> None:
    """Print a JSON Schema: of a sequence file, of the settings, of a saved plan, or of a report."""
    door.console.document(json.dumps(SCHEMAS[name](), indent=2) + "\n")


def _text(rows: Sequence[EnvironmentInfo]) -> str:
    """A line each: a star before the default, name, host, state."""
    from sequence_sync.render.escape import one_line

    cells = [("*" if row.default else " ", row.name, row.host, one_line(row.state)) for row in rows]
    names, hosts = (max(len(cell[at]) for cell in cells) for at in (1, 2))
    return "\n".join(f"{star} {name:{names}}  {host:{hosts}}  {state}" for star, name, host, state in cells)


def _json(rows: Sequence[EnvironmentInfo]) -> str:
    plain = [{"name": row.name, "host": row.host, "state": row.state, "default": row.default} for row in rows]
    return json.dumps({"environments": plain}, indent=2)


def _matrix(rows: Sequence[EnvironmentInfo]) -> str:
    """One line, for `fromJSON` in the matrix of a GitHub workflow: one job, one lock, one state for each."""
    include = [{"environment": row.name, "state": row.state, "concurrency": f"seqsync-{row.name}"} for row in rows]
    return json.dumps({"include": include}, separators=(",", ":"))


FORMATS: Mapping[str, Callable[[Sequence[EnvironmentInfo]], str]] = {"text": _text, "json": _json, "matrix": _matrix}


@click.command()
@format_option(*FORMATS)
@click.pass_obj
def environments(door: CommandContext, format_name: str) -> None:
    """List the environments of the settings. No network, no key."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.operations.workspace import list_environments as environments_of

    door.console.result(FORMATS[format_name](environments_of(door.root, os.environ)))


@click.command()
@click.option("-port", type=click.IntRange(0, 65535), default=8585, show_default=True, help="0: any that is free.")
@click.option("-data", type=click.Path(dir_okay=False), metavar="FILE", help="Keep what it holds in this file.")
@click.option(
    "-rate-limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Calls a minute for each endpoint; 0: no limit.",
)
@click.pass_obj
def sandbox(door: CommandContext, port: int, data: str | None, rate_limit: int) -> None:
    """Serve a stand-in for Saleshandy's API on this machine: for trying, teaching and testing."""
    from sequence_sync.sandbox.server import serve

    def ready(url: str) -> None:
        door.console.result(f"Sandbox at {url} (a stand-in: nothing is sent). Its page: {url.removesuffix('/v1')}/")
        door.console.note(f"Use it: export SEQSYNC_API_URL={url} SALESHANDY_API_KEY=sandbox    Stop it: Ctrl-C")

    serve(port, Path(data) if data else None, rate_limit, ready)
