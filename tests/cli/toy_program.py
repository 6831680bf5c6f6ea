"""A toy program behind the real door: commands that only tell what reached them."""

import errno
import json
import sys
import time

import click

from sequence_sync.cli.main import Program, program_options, run
from sequence_sync.cli.options import CommandContext, Duration, format_option, selection_options
from sequence_sync.errors import (
    AccountError,
    GateClosedError,
    PartlyAppliedError,
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
        GateClosedError,
        PlanRejectedError,
        StateLockedError,
        UndecidedError,
        PartlyAppliedError,
    )
}


def _tell(door: CommandContext, **given: object) -> None:
    seen = {"env": door.env, "color": door.color, "verbose": door.verbose, "interactive": door.interactive}
    door.console.document(json.dumps({**given, "door": seen, "root": door.root.name}) + "\n")


@click.command()
@click.option("-out", metavar="FILE")
@click.option("-detailed-exitcode", is_flag=True)
@click.option("-parallelism", type=click.IntRange(1))
@click.option("-lock-timeout", type=Duration())
@selection_options
@format_option("text", "json")
@click.argument("paths", nargs=-1)
@click.pass_obj
def plan(door: CommandContext, **given: object) -> int:
    """Show the differences."""
    _tell(door, **given)
    return 2 if given["detailed_exitcode"] else 0


@click.command()
@click.option("-auto-approve", is_flag=True)
@click.argument("file", required=False)
@click.pass_obj
def apply(door: CommandContext, file: str | None, auto_approve: bool) -> int:
    """Ask, then do it."""
    if not auto_approve:
        door.require_person()
        door.console.note("a plan")
        if not door.confirm("Apply it?"):
            door.console.note("Nothing was done.")
            return 1
    door.console.result("done")
    return 0


@click.command()
@click.argument("code", type=int)
@click.pass_obj
def fail(door: CommandContext, code: int) -> None:
    """Raise the error with this exit code."""
    door.console.hide(KEY)
    raise ERRORS[code]("It went wrong.", f"the key is {KEY}\x1b[2J", "Do it again.")


@click.command()
@click.pass_obj
def bug(door: CommandContext) -> None:
    """Fail as no command should."""
    door.console.hide(KEY)
    raise ValueError(f"the key is {KEY!r}")


@click.command()
@click.pass_obj
def refused(door: CommandContext) -> None:
    """Fail as the operating system does."""
    raise PermissionError(errno.EACCES, "Permission denied", "x.yaml")


@click.command()
@click.pass_obj
def spill(door: CommandContext) -> int:
    """Print far more than a pipe holds, then say on stderr that it was done."""
    for number in range(20_000):
        door.console.result(f"line {number} of text")
    door.console.note("came to its end")
    return 2


@click.command()
@click.option("-orderly", is_flag=True)
@click.pass_obj
def work(door: CommandContext, orderly: bool) -> int:
    """Be busy until a signal comes; with -orderly, until a line comes after it."""
    if not orderly:
        door.console.note("working")
        time.sleep(60)
    with door.stop.orderly() as asked_to_stop:
        door.console.note("working")
        asked_to_stop.wait(60)
        door.console.note("in flight")
        sys.stdin.readline()
    door.console.note("recorded")
    return 10


@click.group()
def state() -> None:
    """Look at the state and mend it."""


@state.command()
@click.argument("source")
@click.argument("to")
@click.option("-force", is_flag=True)
@click.pass_obj
def mv(door: CommandContext, **given: object) -> None:
    """Rename an address."""
    _tell(door, **given)


@state.command("list")
@click.pass_obj
def list_(door: CommandContext) -> None:
    """Say a word that a narrow terminal cannot show."""
    door.console.result("grüße \u4f60\u597d \x1b]0;title\x07 \x9b31m \u202etxt")


TABLE = {
    name: ("toy_program", name, "")
    for name in ("plan", "apply", "state", "fail", "bug", "refused", "spill", "work", "version")
}
TOY = Program({**TABLE, "version": ("sequence_sync.cli.main", "version", "Print the version.")}, program_options())

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], TOY))
