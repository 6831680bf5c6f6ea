"""The door: a command line in, an exit code out. Which commands there are, and how a failure is told.

Loads click and nothing else; a command's module is loaded when that command is called. Knows nothing of what the
commands do.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module

import click

from sequence_sync._version import __version__
from sequence_sync.cli.args import HELP, Normalised, Spec, Takes, normalise
from sequence_sync.cli.console import Console
from sequence_sync.cli.options import CommandContext
from sequence_sync.cli.signals import Stop, StoppedBySignalError
from sequence_sync.errors import UsageError

# Name: module, attribute, one line of help. A command stands here when it is built; groups have no callback.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "init": ("sequence_sync.cli.actions.init", "init", "Start a project in this folder."),
    "validate": ("sequence_sync.cli.commands", "validate", "Tell every mistake in files and settings."),
    "plan": ("sequence_sync.cli.commands", "plan", "Show what apply would do."),
    "show": ("sequence_sync.cli.commands", "show_plan", "Show a saved plan."),
    "apply": ("sequence_sync.cli.commands", "apply", "Carry out a plan, each change exactly once."),
    "import": ("sequence_sync.cli.commands", "import_", "Take what is in Saleshandy into files and state."),
    "drift": ("sequence_sync.cli.commands", "drift", "Tell what somebody changed in Saleshandy."),
    "state": ("sequence_sync.cli.commands", "state", "Look at the state, and mend it."),
    "force-unlock": ("sequence_sync.cli.commands", "force_unlock", "Take the lock from a run that is gone."),
    "sandbox": ("sequence_sync.cli.commands", "sandbox", "Serve a stand-in for the API on this machine."),
    "environments": ("sequence_sync.cli.commands", "environments", "List the environments."),
    "schema": ("sequence_sync.cli.commands", "schema", "Print the JSON Schemas."),
    "version": ("sequence_sync.cli.main", "version", "Print the version."),
}

GARBAGE_AFTER = 200_000  # objects; a command makes many that stay to its end, and few that go in circles


class Program(click.Group):
    """The program itself: its commands come from a table and are loaded one at a time."""

    def __init__(self, table: Mapping[str, tuple[str, str, str]], params: list[click.Parameter]) -> None:
        super().__init__("seqsync", params=params, subcommand_metavar="COMMAND ...", options_metavar="[OPTION]...")
        self.table = table
        self.help = "Outreach sequences as code: plan, review and apply them from YAML files."
        self.epilog = "Help on one command: seqsync COMMAND -help"

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module, attribute, _ = self.table[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in self.table.items()])


def program_options() -> list[click.Parameter]:
    """Declared for the help and for `cli.args`, which reads them; click never parses them."""
    return [
        click.Option(["-chdir"], metavar="DIR", help="Work in this folder. Only before the command."),
        click.Option(["-env"], metavar="NAME", help="The environment; else SEQSYNC_ENV, else the settings' default."),
        click.Option(["-no-color"], is_flag=True, help="No colours. NO_COLOR does the same."),
        click.Option(["-input"], is_flag=True, default=True, help="-input=false: never ask."),
        click.Option(["-v"], count=True, help="Tell more; -vv tells all."),
        click.Option(["-version"], is_flag=True, help="Print the version."),
    ]


PROGRAM = Program(COMMANDS, program_options())


@click.command()
@click.pass_obj
def version(door: CommandContext) -> None:
    """Print the version."""
    door.console.result(f"seqsync {__version__}")


def run(argv: Sequence[str], program: click.Group = PROGRAM) -> int:
    """Carry out one command line (without the program's name), tell what fails, and give the exit code."""
    console = Console(os.environ, no_color=any(word in ("-no-color", "--no-color") for word in argv))
    try:
        with Stop() as stop:
            code = _told(argv, program, console, stop)
            # Somebody who stops a run hears of the stop first, whatever else happened in it.
            return stop.code or code
    except StoppedBySignalError as stopped:
        console.note("\nStopped.")
        return stopped.code


def _told(argv: Sequence[str], program: click.Group, console: Console, stop: Stop) -> int:
    try:
        return _run(argv, program, console, stop)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        return console.failed(_in_our_words(error))
    except Exception as error:
        return console.failed(error)


def _run(argv: Sequence[str], program: click.Group, console: Console, stop: Stop) -> int:
    top = click.Context(program, info_name="seqsync", help_option_names=["-help"])
    line = normalise(argv, spec_of(program, top))
    console.set(os.environ, no_color=bool(line.program.get("no-color")), verbose=int(line.program.get("v", 0)))
    if line.help and not line.program.get("version"):
        console.result(_help(line.path, top))
        return 0
    top.obj = _door(line, console, stop)
    if line.program.get("version"):
        top.invoke(version)
        return 0
    *groups, name = line.path
    parent = _context(groups, top)
    command = _command(parent, name)
    gc.set_threshold(GARBAGE_AFTER)
    gc.enable()  # off since `cli.entry`
    with command.make_context(name, list(line.args), parent=parent) as ctx:
        code = command.invoke(ctx)
    return code if isinstance(code, int) else 0


def _door(line: Normalised, console: Console, stop: Stop) -> CommandContext:
    # Late: with pathlib comes urllib, and neither help nor version need them.
    from pathlib import Path

    folder = line.program.get("chdir")
    if folder:
        _enter(str(folder))
    wanted = line.program.get("env") or os.environ.get("SEQSYNC_ENV")
    somebody = sys.stdin is not None and sys.stdin.isatty() and not os.environ.get("CI")
    return CommandContext(
        root=Path.cwd(),
        env=str(wanted) if wanted else None,
        color=console.color,
        verbose=console.verbose,
        interactive=somebody and bool(line.program.get("input", True)),
        console=console,
        stop=stop,
    )


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(
            "The folder after -chdir cannot be entered.",
            f"{folder}: {error.strerror}",
            "Give a folder that is there; it is read from where you are now.",
        ) from None


def _command(parent: click.Context, name: str) -> click.Command:
    group = parent.command
    command = group.get_command(parent, name) if isinstance(group, click.Group) else None
    if command is None:
        raise LookupError(name)
    return command


def _context(path: Sequence[str], top: click.Context) -> click.Context:
    context = top
    for name in path:
        command = _command(context, name)
        context = click.Context(command, parent=context, info_name=name, **command.context_settings)
    return context


def _help(path: Sequence[str], top: click.Context) -> str:
    text = _context(path, top).get_help()
    if not path:
        return text
    return f"{text}\n\nAnd, before or after the command: -env, -no-color, -input=false, -v (see seqsync -help)."


def _in_our_words(error: click.UsageError) -> UsageError:
    where = error.ctx.command_path if error.ctx else "seqsync"
    return UsageError("The command line is not right.", error.format_message(), f"How it goes: {where} -help")


def spec_of(command: click.Command, ctx: click.Context) -> Spec:
    """What `command` takes, read from its declarations, so that there is one table of options."""
    options = {
        name.lstrip("-"): _takes(param)
        for param in command.get_params(ctx)
        if isinstance(param, click.Option)
        for name in param.opts
        if name not in HELP
    }
    if not isinstance(command, click.Group):
        return Spec(options)
    return Spec(options, {name: partial(_load, command, name, ctx) for name in command.list_commands(ctx)})


def _load(group: click.Group, name: str, ctx: click.Context) -> Spec:
    parent = click.Context(group, parent=ctx, info_name=name) if group is not ctx.command else ctx
    return spec_of(_command(parent, name), parent)


def _takes(option: click.Option) -> Takes:
    if option.count:
        return Takes.COUNT
    return Takes.SWITCH if option.is_flag else Takes.VALUE
