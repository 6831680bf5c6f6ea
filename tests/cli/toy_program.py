"""A toy program that the real `cli.main` runs: its commands only print what they received."""

import errno
import json
import sys
import time

import click

from sequence_sync.cli.context import CommandContext
from sequence_sync.cli.main import Program, program_options, run
from sequence_sync.cli.options import Duration, format_option, selection_options
from sequence_sync.errors import (
    AccountError,
    GateShutError,
    PlanRejectedError,
    SeqsyncError,
    StateLockedError,
    UndecidedError,
    UsageError,
    WaitExhaustedError,
)

KEY = "canary-key-4711-äß/+"
ERRORS = {
    kind.exit_code: kind
    for kind in (
        SeqsyncError,
        UsageError,
        AccountError,
        WaitExhaustedError,
        GateShutError,
        PlanRejectedError,
        StateLockedError,
        UndecidedError,
    )
}


def _print_call(context: CommandContext, **given: object) -> None:
    received = {
        "env": context.env,
        "color": context.color,
        "verbose": context.verbose,
        "interactive": context.interactive,
    }
    context.console.document(json.dumps({**given, "context": received, "root": context.root.name}) + "\n")


@click.command()
@click.option("-out", metavar="FILE")
@click.option("-detailed-exitcode", is_flag=True)
@click.option("-parallelism", type=click.IntRange(1))
@click.option("-lock-timeout", type=Duration())
@selection_options
@format_option("text", "json")
@click.argument("paths", nargs=-1)
@click.pass_obj
def plan(context: CommandContext, **given: object) -> int:
    """Show the differences."""
    _print_call(context, **given)
    return 2 if given["detailed_exitcode"] else 0


@click.command()
@click.option("-auto-approve", is_flag=True)
@click.argument("file", required=False)
@click.pass_obj
def apply(context: CommandContext, file: str | None, auto_approve: bool) -> int:
    """Ask for approval, then apply."""
    if not auto_approve:
        context.require_terminal()
        context.console.note("a plan")
        if not context.confirm("Apply it?"):
            context.console.note("Nothing was applied.")
            return 1
    context.console.result("done")
    return 0


@click.command()
@click.argument("code", type=int)
@click.pass_obj
def fail(context: CommandContext, code: int) -> None:
    """Raise the error with this exit code."""
    context.console.redact_value(KEY)
    raise ERRORS[code]("It went wrong.", f"the key is {KEY}\x1b[2J", "Do it again.")


@click.command()
@click.pass_obj
def bug(context: CommandContext) -> None:
    """Raise an unexpected exception."""
    context.console.redact_value(KEY)
    raise ValueError(f"the key is {KEY!r}")


@click.command()
@click.pass_obj
def refused(context: CommandContext) -> None:
    """Raise an error of the operating system."""
    raise PermissionError(errno.EACCES, "Permission denied", "x.yaml")


@click.command()
@click.pass_obj
def spill(context: CommandContext) -> int:
    """Print far more than a pipe holds, then report the end on stderr."""
    for number in range(20_000):
        context.console.result(f"line {number} of text")
    context.console.note("finished")
    return 2


@click.command()
@click.option("-graceful", is_flag=True)
@click.pass_obj
def work(context: CommandContext, graceful: bool) -> int:
    """Work until a signal arrives; with -graceful, until a line of input follows it."""
    if not graceful:
        context.console.note("working")
        time.sleep(60)
    with context.signals.graceful() as stop:
        context.console.note("working")
        stop.wait(60)
        context.console.note("in flight")
        sys.stdin.readline()
    context.console.note("recorded")
    return 10


@click.group()
def state() -> None:
    """Inspect and repair the state."""


@state.command()
@click.argument("source")
@click.argument("to")
@click.option("-force", is_flag=True)
@click.pass_obj
def mv(context: CommandContext, **given: object) -> None:
    """Rename an address."""
    _print_call(context, **given)


@state.command("list")
@click.pass_obj
def list_(context: CommandContext) -> None:
    """Print a word that a narrow terminal cannot show."""
    context.console.result("grüße \u4f60\u597d \x1b]0;title\x07 \x9b31m \u202etxt")


TABLE = {
    name: ("toy_program", name, "")
    for name in ("plan", "apply", "state", "fail", "bug", "refused", "spill", "work", "version")
}
TOY = Program({**TABLE, "version": ("sequence_sync.cli.main", "version", "Print the version.")}, program_options())

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], TOY))
