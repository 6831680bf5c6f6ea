"""Every command's options and help, one section per group of commands.

Importing this module must stay cheap, because help needs all of it: a command imports its work inside its function.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from sequence_sync.cli.context import CommandContext, read_input_file
from sequence_sync.cli.options import (
    DisplayOptions,
    WholeNumber,
    display_options,
    format_option,
    lock_timeout_option,
    selection_options,
    target_option,
)
from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.words import counted
from sequence_sync.registry import DIAGNOSTIC_FORMATS, SCHEMAS

if TYPE_CHECKING:
    from sequence_sync.model.fields import Frozen
    from sequence_sync.operations.workspace import EnvironmentInfo, Workspace
    from sequence_sync.source.project import Project
    from sequence_sync.state.model import State

HAS_CHANGES = 2  # exit code of `plan -detailed-exitcode` with changes, and of `drift` with drift


# -- validate, plan, show, apply ---------------------------------------------------------------------------------------


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@format_option(*DIAGNOSTIC_FORMATS)
@click.pass_obj
def validate(context: CommandContext, paths: tuple[str, ...], format_name: str) -> int:
    """Check files and settings for errors.

    Needs no network and no API key.
    """
    if format_name != "text":
        return _print_diagnostics(context, paths, format_name)
    project = _valid_project(context, paths)
    sequences, steps = len(project.sequences), sum(len(sequence.steps) for sequence in project.sequences.values())
    context.console.result(f"Valid: {counted(sequences, 'sequence')}, {counted(steps, 'step')}.")
    return 0


def _valid_project(context: CommandContext, paths: tuple[str, ...]) -> Project:
    """Return the project. Raises InvalidFilesError where a file has an error."""
    from sequence_sync.operations.workspace import validate as validate_project

    project = validate_project(context.open_workspace(), paths)
    if project.diagnostics:
        raise InvalidFilesError(project.diagnostics)
    return project


def _print_diagnostics(context: CommandContext, paths: tuple[str, ...], format_name: str) -> int:
    """Print the diagnostics to stdout in a format for programs, also where there are none. Return the exit code."""
    invalid: InvalidFilesError | None = None
    try:
        _valid_project(context, paths)
    except InvalidFilesError as error:
        invalid = error
    render = DIAGNOSTIC_FORMATS[format_name]
    arguments = [context.folder_in_repository()] if render.takes_folder else []
    text = render(invalid.diagnostics if invalid else (), *arguments)
    context.console.document(context.console.redact(text))
    return invalid.exit_code if invalid else 0


@click.command()
@click.option("-out", metavar="FILE", help="Save the plan to FILE, for `seqsync apply FILE`.")
@click.option("-detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
@click.option("-ignore-blocked", is_flag=True, help="With -detailed-exitcode, do not count blocked changes.")
@click.option("-to-serial", metavar="N", type=int, help="Plan a rollback to the state with this serial.")
@display_options
@selection_options
@click.pass_obj
def plan(
    context: CommandContext,
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
    """Show what apply would change.

    Compares your files with the state. Without -refresh it makes no API call and needs no API key.
    """
    from sequence_sync.cli.actions.plan import make_plan, print_plan, save_plan
    from sequence_sync.operations.plan import PlanOptions
    from sequence_sync.plan.model import Action

    options = PlanOptions(target, exclude, allow, changed_since, refresh)
    made = make_plan(context, options, to_serial)
    print_plan(context, made, DisplayOptions(format_name, host, full, summary))
    if out:
        save_plan(context, made, out)
    counted = [change for change in made.changes if not (ignore_blocked and change.action is Action.BLOCKED)]
    return HAS_CHANGES if detailed_exitcode and counted else 0


@click.command("show")
@click.argument("file")
@display_options
@click.pass_obj
def show_plan(
    context: CommandContext, file: str, full: bool, summary: bool, format_name: str, host: str | None
) -> None:
    """Show a saved plan."""
    from sequence_sync.cli.actions.plan import print_plan, read_plan

    print_plan(context, read_plan(file), DisplayOptions(format_name, host, full, summary))


@click.command()
@click.argument("file", required=False)
@click.option("-auto-approve", is_flag=True, help="Apply without asking.")
@click.option("-plan-hash", metavar="HASH", help="Apply only if the plan has this hash.")
@click.option(
    "-parallelism",
    type=WholeNumber(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="Sequences to apply at a time.",
)
@lock_timeout_option
@click.option(
    "-report",
    metavar="FILE",
    multiple=True,
    help="Write a report to FILE: Markdown if it ends in .md, else JSON. Repeatable.",
)
@selection_options
@click.pass_obj
def apply(
    context: CommandContext,
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
    """Apply a plan, each change exactly once.

    With FILE, apply that saved plan. Without it, make a plan and ask for approval.
    """
    from sequence_sync.cli.actions.apply import run_apply
    from sequence_sync.operations.apply import ApplyRequest
    from sequence_sync.operations.plan import PlanOptions

    request = ApplyRequest(
        file=file,
        plan=PlanOptions(target, exclude, allow, changed_since, refresh),
        auto_approve=auto_approve,
        plan_hash=plan_hash.strip().lower() if plan_hash is not None else None,
        parallelism=parallelism,
        lock_timeout=float(lock_timeout),
        report_files=report,
    )
    return run_apply(context, request)


# -- drift, import -----------------------------------------------------------------------------------------------------


@click.command()
@click.option("-quick", is_flag=True, help="Read only the list of sequences: their titles and which steps they have.")
@click.option("-full", is_flag=True, help="Print every text in full (text format).")
@format_option("text", "json")
@target_option
@click.pass_obj
def drift(context: CommandContext, quick: bool, full: bool, format_name: str, target: tuple[str, ...]) -> int:
    """Show what was changed in Saleshandy outside seqsync.

    Compares Saleshandy with the state. Changes nothing, and does not read your files. Exits with 2 if there is drift,
    or with the code of the error if something could not be read.
    """
    from sequence_sync.cli.actions.remote import run_drift

    return run_drift(context, quick=quick, full=full, format_name=format_name, targets=target)


@click.command("import")
@click.argument("ids", metavar="[SEQUENCE_ID]...", nargs=-1)
@click.option("-all", "everything", is_flag=True, help="Import every sequence of the account.")
@click.option(
    "-into",
    default="",
    metavar="DIR",
    help="Folder for new files, inside a folder of `include`; without it, the first of those.",
)
@lock_timeout_option
@click.pass_obj
def import_(context: CommandContext, ids: tuple[str, ...], everything: bool, into: str, lock_timeout: int) -> int:
    """Import sequences from Saleshandy.

    Writes a file for each new sequence and adds it to the state. For a sequence that has a file, merges the changes
    made in Saleshandy into that file. Changes nothing in Saleshandy.
    """
    from sequence_sync.cli.actions.remote import run_import
    from sequence_sync.importer.importer import ImportOptions

    return run_import(context, ImportOptions(ids, everything, into, float(lock_timeout)))


# -- state, force-unlock -----------------------------------------------------------------------------------------------


@click.group()
def state() -> None:
    """Inspect and repair the state."""


def _read_state(workspace: Workspace) -> State:
    return workspace.read_existing().state


@state.command("list")
@click.argument("patterns", nargs=-1, metavar="[ADDR]...")
@click.pass_obj
def list_(context: CommandContext, patterns: tuple[str, ...]) -> None:
    """List managed addresses with their ids."""
    from sequence_sync.model.address import matches, parse_address

    rows = [
        (address, remote_id)
        for address, remote_id in _read_state(context.open_workspace()).addresses()
        if not patterns or any(matches(_pattern(pattern), parse_address(address)) for pattern in patterns)
    ]
    if patterns and not rows:
        raise UsageError("No address in the state matches.", ", ".join(patterns), "See `seqsync state list`.")
    for address, remote_id in rows:
        context.console.result(f"{address}\t{remote_id}")


def _pattern(text: str) -> str:
    from sequence_sync.model.address import check_pattern

    try:
        return check_pattern(text)
    except ValueError as error:
        raise UsageError("Invalid address.", f"{error}.") from None


def _entry(state: State, key: str, step: str = "", letter: str = "", *more: str) -> Frozen | None:
    sequence = state.sequences.get(key)
    if sequence is None or more:
        return None
    entry = sequence.steps.get(step)
    if entry is None or not letter:
        return entry if step else sequence
    return entry.variants.get(letter)


@state.command()
@click.argument("address")
@click.pass_obj
def show(context: CommandContext, address: str) -> None:
    """Show one entry of the state as JSON."""
    import json

    from sequence_sync.model.address import Address
    from sequence_sync.operations.state import unknown_address

    entry = _entry(_read_state(context.open_workspace()), *Address(address).parts)
    if entry is None:
        raise unknown_address(address)
    document = json.dumps(entry.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    context.console.document(document + "\n")


@state.command()
@click.pass_obj
def pull(context: CommandContext) -> None:
    """Print the whole state as JSON.

    Includes the records of the journal that are not in the state file yet.
    """
    from sequence_sync.state.statefile import encode

    context.console.document(encode(_read_state(context.open_workspace())).decode())


@state.command()
@click.argument("address", required=False)
@format_option("text", "json")
@click.option("-limit", type=WholeNumber(min=1), metavar="N", help="Show only the last N runs; without it, all runs.")
@click.pass_obj
def history(context: CommandContext, address: str | None, format_name: str, limit: int | None) -> None:
    """Show who changed what and when, newest last."""
    from sequence_sync.operations.state import read_history
    from sequence_sync.render.history import history_json, history_runs, history_text

    found = read_history(context.open_workspace(), address)
    runs = history_runs(found.lines)[-(limit or 0) :]
    if format_name == "json":
        context.console.document(history_json(runs, found.unknown))
    else:
        context.console.result(history_text(runs, found.unknown, _local_time, context.color).rstrip("\n"))


def _local_time(at: str) -> str:
    """Convert an ISO time in UTC to local time, with its offset."""
    from datetime import datetime

    return datetime.fromisoformat(at).astimezone().isoformat(" ", "seconds")


@state.command()
@click.argument("source")
@click.argument("target")
@lock_timeout_option
@click.pass_obj
def mv(context: CommandContext, source: str, target: str, lock_timeout: int) -> None:
    """Rename an entry of the state.

    Changes nothing in Saleshandy.
    """
    from sequence_sync.cli.progress import LineProgress
    from sequence_sync.operations.state import move_entry

    move_entry(
        context.open_workspace(), source, target, lock_timeout, context.signals.event, LineProgress(context.console)
    )
    context.console.result(f"Renamed {source} to {target} in the state. To undo it: seqsync state mv {target} {source}")


@state.command()
@click.argument("address")
@lock_timeout_option
@click.pass_obj
def rm(context: CommandContext, address: str, lock_timeout: int) -> None:
    """Stop managing an entry.

    The entry stays in Saleshandy. If your files still declare a step, the next plan adopts it again.
    """
    from sequence_sync.cli.progress import LineProgress
    from sequence_sync.operations.state import remove_entry

    progress = LineProgress(context.console)
    backup = remove_entry(context.open_workspace(), address, lock_timeout, context.signals.event, progress)
    context.console.result(
        f"seqsync no longer manages {address}; it stays in Saleshandy. To undo it: seqsync state push -force {backup}"
    )


@state.command()
@click.argument("file")
@click.option("-force", is_flag=True, help="Accept an older state, or one with another lineage.")
@lock_timeout_option
@click.pass_obj
def push(context: CommandContext, file: str, force: bool, lock_timeout: int) -> None:
    """Replace the state with the one in FILE.

    Refuses an older state, and a state with another lineage, unless -force is given.
    """
    from sequence_sync.cli.progress import LineProgress
    from sequence_sync.operations.state import push_state

    data, workspace = read_input_file(file), context.open_workspace()
    progress = LineProgress(context.console)
    serial = push_state(workspace, data, file, force, lock_timeout, context.signals.event, progress)
    context.console.result(f"Replaced the state with {file} (serial {serial}).")


@state.command()
@click.argument("addresses", metavar="ADDRESS[=ID]...", nargs=-1, required=True)
@click.option("-adopt", metavar="ID", help="The create succeeded: adopt the entry with this id.")
@click.option("-recreate", is_flag=True, help="The create did not happen: the next plan creates it again.")
@lock_timeout_option
@click.pass_obj
def resolve(
    context: CommandContext, addresses: tuple[str, ...], adopt: str | None, recreate: bool, lock_timeout: int
) -> None:
    """Resolve creates whose outcome is in doubt.

    Check Saleshandy first. Give -adopt ID if the entry exists there, and -recreate if it does not. Several answers are
    recorded together: ADDRESS=ID adopts, and -recreate is for every address without an ID.
    """
    from sequence_sync.cli.progress import LineProgress
    from sequence_sync.operations.state import CreateAnswer
    from sequence_sync.operations.state import resolve as resolve_entries

    pairs = [text.partition("=") for text in addresses]
    bare = sum(not remote_id for _, _, remote_id in pairs)
    if (bool(adopt) and (recreate or bare != 1)) or bool(bare) != bool(adopt or recreate):
        raise UsageError(
            "Use either -adopt ID or -recreate.",
            "-adopt ID: the entry exists in Saleshandy. -recreate: it does not.",
            "Check in Saleshandy which of the two is true.",
        )
    answers = [CreateAnswer(address, remote_id or adopt) for address, _, remote_id in pairs]
    progress, stop = LineProgress(context.console), context.signals.event
    for message in resolve_entries(context.open_workspace(), answers, lock_timeout, stop, progress):
        context.console.result(message)


@click.command("force-unlock")
@click.argument("lock_id", metavar="ID")
@click.pass_obj
def force_unlock(context: CommandContext, lock_id: str) -> None:
    """Release a stale lock.

    First make sure that the run that holds the lock has ended. ID is in the error that reports the lock.
    """
    context.open_workspace().backend().force_unlock(lock_id)
    context.console.result("Unlocked. The next apply treats every call without an answer as in doubt.")


# -- sandbox, environments, schema -------------------------------------------------------------------------------------


@click.command()
@click.option(
    "-port",
    type=WholeNumber(0, 65535),
    default=8585,
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "-data", type=click.Path(dir_okay=False), metavar="FILE", help="Keep the data in FILE; without it, in memory."
)
@click.option(
    "-rate-limit",
    type=WholeNumber(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Calls per minute for each endpoint; 0 means no limit.",
)
@click.pass_obj
def sandbox(context: CommandContext, port: int, data: str | None, rate_limit: int) -> None:
    """Run a local sandbox of the Saleshandy API.

    It is for trying seqsync, for learning and for tests. It sends no messages.
    """
    from pathlib import Path

    from sequence_sync.sandbox.server import serve

    def ready(url: str) -> None:
        page = url.removesuffix("/v1")
        context.console.result(f"Sandbox at {url} (it sends nothing). Web page: {page}/")
        context.console.note(
            f"To use it: export SEQSYNC_API_URL={url} SALESHANDY_API_KEY=sandbox    To stop it: Ctrl-C"
        )
        if data is None:
            context.console.note("It forgets its data when it stops. To keep the data: seqsync sandbox -data FILE")

    serve(port, Path(data) if data else None, rate_limit, ready)


def _environments_text(rows: Sequence[EnvironmentInfo]) -> str:
    """One line per environment: a star for the default, name, API host, state."""
    from sequence_sync.render.escape import one_line

    cells = [("*" if row.default else " ", row.name, row.host, one_line(row.state)) for row in rows]
    names, hosts = (max(len(cell[at]) for cell in cells) for at in (1, 2))
    return "\n".join(f"{star} {name:{names}}  {host:{hosts}}  {state}" for star, name, host, state in cells)


def _environments_json(rows: Sequence[EnvironmentInfo]) -> str:
    import json

    plain = [{"name": row.name, "host": row.host, "state": row.state, "default": row.default} for row in rows]
    return json.dumps({"environments": plain}, indent=2)


def _environments_matrix(rows: Sequence[EnvironmentInfo]) -> str:
    """One line for `fromJSON` in the matrix of a GitHub workflow: one job, lock and state per environment."""
    import json

    include = [{"environment": row.name, "state": row.state, "concurrency": f"seqsync-{row.name}"} for row in rows]
    return json.dumps({"include": include}, separators=(",", ":"))


ENVIRONMENT_FORMATS: Mapping[str, Callable[[Sequence[EnvironmentInfo]], str]] = {
    "text": _environments_text,
    "json": _environments_json,
    "matrix": _environments_matrix,
}


@click.command()
@format_option(*ENVIRONMENT_FORMATS)
@click.pass_obj
def environments(context: CommandContext, format_name: str) -> None:
    """List the environments.

    Needs no network and no API key.
    """
    from sequence_sync.operations.workspace import list_environments

    context.console.result(ENVIRONMENT_FORMATS[format_name](list_environments(context.root, os.environ)))


@click.command()
@click.argument("name", type=click.Choice(tuple(SCHEMAS)), default="sequence", metavar="[NAME]")
@click.pass_obj
def schema(context: CommandContext, name: str) -> None:
    """Print a JSON Schema.

    NAME is what the schema describes: sequence files (the default), the settings, a saved plan, or the report of an
    apply.
    """
    import json

    context.console.document(json.dumps(SCHEMAS[name](), indent=2) + "\n")
