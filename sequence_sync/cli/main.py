"""Run one command line: find the command, run it, report its error, return the exit code.

Imports click and nothing else of weight. The module of a command is imported when that command runs. Must not know
what the commands do.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module

import click

from sequence_sync._version import __version__
from sequence_sync.cli.args import HELP, CommandLine, CommandSpec, OptionKind, parse
from sequence_sync.cli.console import Console, reason_of
from sequence_sync.cli.context import CommandContext
from sequence_sync.cli.signals import SignalHandler, StoppedBySignalError
from sequence_sync.errors import UsageError

# Name -> module, attribute, first line of its help.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "init": ("sequence_sync.cli.actions.init", "init", "Start a project in this directory."),
    "validate": ("sequence_sync.cli.commands", "validate", "Check files and settings for errors."),
    "plan": ("sequence_sync.cli.commands", "plan", "Show what apply would change."),
    "show": ("sequence_sync.cli.commands", "show_plan", "Show a saved plan."),
    "apply": ("sequence_sync.cli.commands", "apply", "Apply a plan, each change exactly once."),
    "import": ("sequence_sync.cli.commands", "import_", "Import sequences from Saleshandy."),
    "drift": ("sequence_sync.cli.commands", "drift", "Show what was changed in Saleshandy outside seqsync."),
    "state": ("sequence_sync.cli.commands", "state", "Inspect and repair the state."),
    "force-unlock": ("sequence_sync.cli.commands", "force_unlock", "Release a stale lock."),
    "sandbox": ("sequence_sync.cli.commands", "sandbox", "Run a local sandbox of the Saleshandy API."),
    "environments": ("sequence_sync.cli.commands", "environments", "List the environments."),
    "schema": ("sequence_sync.cli.commands", "schema", "Print a JSON Schema."),
    "version": ("sequence_sync.cli.main", "version", "Print the version."),
}

# Objects allocated before the garbage collector runs. A command allocates many that live to its end, and few cycles.
GC_THRESHOLD = 200_000


class Program(click.Group):
    """The program itself. Its commands come from a table and are imported one at a time."""

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
    """Return the program's own options, for the help and for `cli.args`, which parses them; click never does."""
    return [
        click.Option(["-chdir"], metavar="DIR", help="Change to this directory first. Only before the command."),
        click.Option(
            ["-env"],
            metavar="NAME",
            help="Environment to use.  [default: SEQSYNC_ENV, else default_environment]",
        ),
        click.Option(["-no-color"], is_flag=True, help="Print no colors. NO_COLOR does the same."),
        click.Option(["-input"], is_flag=True, default=True, help="With -input=false, never ask.  [default: true]"),
        click.Option(["-v"], count=True, help="Print lines instead of a progress bar; -vv also prints tracebacks."),
        click.Option(["-version"], is_flag=True, help="Print the version."),
    ]


PROGRAM = Program(COMMANDS, program_options())


@click.command()
@click.pass_obj
def version(context: CommandContext) -> None:
    """Print the version."""
    context.console.result(f"seqsync {__version__}")


def run(argv: Sequence[str], program: click.Group = PROGRAM) -> int:
    """Run one command line (without the program's name), print its error, and return the exit code."""
    console = Console(os.environ, no_color=any(word in ("-no-color", "--no-color") for word in argv))
    try:
        with SignalHandler() as signals:
            code = _exit_code(argv, program, console, signals)
            # A signal decides the exit code, whatever else happened in the run.
            return signals.exit_code or code
    except StoppedBySignalError as stopped:
        console.note("\nStopped.")
        return stopped.exit_code


def _exit_code(argv: Sequence[str], program: click.Group, console: Console, signals: SignalHandler) -> int:
    try:
        return _run(argv, program, console, signals)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        return console.report_error(_usage_error(error))
    except Exception as error:
        return console.report_error(error)


def _run(argv: Sequence[str], program: click.Group, console: Console, signals: SignalHandler) -> int:
    top = click.Context(program, info_name="seqsync", help_option_names=["-help"])
    line = parse(argv, spec_of(program, top))
    console.configure(os.environ, no_color=bool(line.program.get("no-color")), verbose=int(line.program.get("v", 0)))
    if line.help and not line.program.get("version"):
        console.result(_help(line.path, top))
        return 0
    top.obj = _context_for(line, console, signals)
    if line.program.get("version"):
        top.invoke(version)
        return 0
    *groups, name = line.path
    parent = _click_context(groups, top)
    command = _command(parent, name)
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()  # disabled by `cli.entry`
    with command.make_context(name, list(line.args), parent=parent) as ctx:
        code = command.invoke(ctx)
    return code if isinstance(code, int) else 0


def _context_for(line: CommandLine, console: Console, signals: SignalHandler) -> CommandContext:
    # Deferred: pathlib loads urllib, and neither help nor version needs them.
    from pathlib import Path

    directory = line.program.get("chdir")
    if directory:
        _change_directory(str(directory))
    environment = line.program.get("env")
    has_terminal = sys.stdin is not None and sys.stdin.isatty() and not os.environ.get("CI")
    return CommandContext(
        root=Path.cwd(),
        env=str(environment) if environment else None,
        color=console.color,
        verbose=console.verbose,
        interactive=has_terminal and bool(line.program.get("input", True)),
        console=console,
        signals=signals,
    )


def _change_directory(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(
            f"Cannot change to {directory}: {reason_of(error)}.",
            "-chdir is relative to the current directory.",
            "Give -chdir an existing directory.",
        ) from None


def _command(parent: click.Context, name: str) -> click.Command:
    group = parent.command
    command = group.get_command(parent, name) if isinstance(group, click.Group) else None
    if command is None:
        raise LookupError(name)
    return command


def _click_context(path: Sequence[str], top: click.Context) -> click.Context:
    ctx = top
    for name in path:
        command = _command(ctx, name)
        ctx = click.Context(command, parent=ctx, info_name=name, **command.context_settings)
    return ctx


def _help(path: Sequence[str], top: click.Context) -> str:
    text = _click_context(path, top).get_help()
    if not path:
        return text
    return f"{text}\n\nEvery command also takes -env, -no-color, -input=false and -v: see seqsync -help."


# click's words -> plain words, in this order. A name loses its quotes, because they belong to values.
_PLAIN_USAGE = (
    (r"^'\[?([^'\]]*)\]?':", r"\1:"),
    (r"is not in the range (.*)", r"is out of range: expected \1"),
    (r"is not a valid integer( range)?", "is not a whole number"),
    (r"'([^']*)' is not", r'"\1" is not'),
)


def _usage_error(error: click.UsageError) -> UsageError:
    command = error.ctx.command_path if error.ctx else "seqsync"
    problem = error.format_message().removeprefix("Invalid value for ").rstrip(".")
    for pattern, words in _PLAIN_USAGE:
        problem = re.sub(pattern, words, problem)
    if problem[1:2].islower():  # a sentence, not the name of an argument
        problem = f"{problem[:1].lower()}{problem[1:]}"
    return UsageError(f"Invalid usage: {problem}.", "", f"See `{command} -help`.")


def spec_of(command: click.Command, ctx: click.Context) -> CommandSpec:
    """Return what `command` accepts, read from its click declarations, so that each option is declared once."""
    options = {
        name.lstrip("-"): _kind_of(param)
        for param in command.get_params(ctx)
        if isinstance(param, click.Option)
        for name in param.opts
        if name not in HELP
    }
    if not isinstance(command, click.Group):
        return CommandSpec(options)
    return CommandSpec(options, {name: partial(_load_spec, command, name, ctx) for name in command.list_commands(ctx)})


def _load_spec(group: click.Group, name: str, ctx: click.Context) -> CommandSpec:
    parent = click.Context(group, parent=ctx, info_name=name) if group is not ctx.command else ctx
    return spec_of(_command(parent, name), parent)


def _kind_of(option: click.Option) -> OptionKind:
    if option.count:
        return OptionKind.COUNT
    return OptionKind.FLAG if option.is_flag else OptionKind.VALUE
