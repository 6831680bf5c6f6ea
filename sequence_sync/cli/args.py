"""Parse a command line before click does, and normalize it: one spelling of every option, in one order.

It accepts long options with one dash or two, `=true` on flags, and the program's options before and after the command
(docs/commands.md). Must not know click: `cli.main` reads what a command accepts from its click declaration and passes
it as a `CommandSpec`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sequence_sync.errors import UsageError

HELP = frozenset({"-h", "--h", "-help", "--help"})
BEFORE_ONLY = frozenset({"chdir", "version"})
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:=(?P<value>.*))?", re.DOTALL)
_BOOLEANS = {"true": True, "false": False}


class OptionKind(Enum):
    """What follows an option: a value, or nothing (a flag, or a counter such as `-vv`)."""

    VALUE = "value"
    FLAG = "flag"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """What one command, or the program itself, accepts.

    `options`: name without dashes -> kind. The program's options are accepted after the command too, except
    `BEFORE_ONLY`. `commands`: name -> a function that returns the spec, so that only the named command is imported.
    """

    options: Mapping[str, OptionKind]
    commands: Mapping[str, Callable[[], CommandSpec]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A normalized command line.

    `path`: the command, such as `("state", "mv")`; empty where none was given. `args`: for click, first the options as
    `-name=value` and `-flag`, then `--` and the arguments. `program`: the program's options that were given: a str
    for a value, a bool for a flag, an int for a counter. `help`: help was requested, or the command is incomplete.
    """

    path: tuple[str, ...]
    args: tuple[str, ...]
    program: Mapping[str, str | bool | int]
    help: bool


def parse(argv: Sequence[str], spec: CommandSpec) -> CommandLine:
    """Parse `argv` (without the program's name). Raises UsageError, which quotes the option as it was typed."""
    options_end = argv.index("--") if "--" in argv else len(argv)
    wants_help = not HELP.isdisjoint(argv[:options_end])
    parser = _Parser(argv, spec, lenient=wants_help)
    parser.parse()
    return CommandLine(tuple(parser.path), parser.args(), parser.program, help=wants_help or bool(parser.spec.commands))


class _Parser:
    """One pass over the words. `lenient`: help was requested, so only an unknown command is an error."""

    def __init__(self, argv: Sequence[str], spec: CommandSpec, *, lenient: bool) -> None:
        self.remaining = deque(argv)
        self.root = self.spec = spec
        self.lenient = lenient
        self.path: list[str] = []
        self.program: dict[str, str | bool | int] = {}
        self.values: list[tuple[str, str]] = []
        self.flags: dict[str, bool] = {}
        self.arguments: list[str] = []
        # The option and its value, where that value is the name of a command: `-env plan`.
        self.command_as_value: tuple[str, str] | None = None

    def parse(self) -> None:
        while self.remaining:
            token = self.remaining.popleft()
            if token == "--":
                while self.remaining:
                    self._word(self.remaining.popleft())
            elif token.startswith("-") and token != "-":
                self._option(token)
            else:
                self._word(token)
        if not self.path:
            self._check_command_as_value()

    def args(self) -> tuple[str, ...]:
        options = [f"-{name}={value}" for name, value in self.values]
        options += [f"-{name}" for name, on in self.flags.items() if on]
        return (*options, "--", *self.arguments)

    def _word(self, word: str) -> None:
        if not self.spec.commands:
            self.arguments.append(word)
            return
        load = self.spec.commands.get(word)
        if load is None:
            self._check_command_as_value()
            raise _unknown_command(word, self.path, self.spec.commands)
        self.spec = load()
        self.path.append(word)

    def _option(self, token: str) -> None:
        if token in HELP:
            return
        match = _OPTION.fullmatch(token)
        typed = token.partition("=")[0]
        name, own = self._find(match["name"] if match else "", typed)
        if not match or name is None:
            self._unknown(typed)
            return
        options = self.spec.options if own else self.root.options
        if options[name] is OptionKind.VALUE:
            self._value(name, own, typed, match["value"])
        else:
            self._flag(name, own, typed, match)

    def _find(self, name: str, typed: str) -> tuple[str | None, bool]:
        """Return the declared name and whether it is the command's own; (None, False) for an unknown name."""
        if self.path and name in self.spec.options:
            return name, True
        known = name if name in self.root.options else name[:1]
        counts = known != name and set(name) == {known} and self.root.options.get(known) is OptionKind.COUNT
        if known not in self.root.options or not (known == name or counts):
            return None, False
        if self.path and known in BEFORE_ONLY:
            if known == "chdir" and not self.lenient:
                raise _option_after_command(typed, self.path)
            return None, False
        return known, False

    def _value(self, name: str, own: bool, typed: str, value: str | None) -> None:
        if value is None:
            value = self._next_value(typed)
            if value is None:
                return
            if not self.path and value in self.root.commands:
                self.command_as_value = (typed, value)
        if not value and not self.lenient:
            # An unset variable in a pipeline must not select the default, or everything.
            raise _bad_value(
                f"{typed} got an empty value.",
                "Is a variable not set?",
                f"Write {typed}=VALUE, or leave the option out.",
            )
        if own:
            self.values.append((name, value))
        else:
            self.program[name] = value

    def _next_value(self, typed: str) -> str | None:
        """Return the next word as the value of `typed`; None where it is missing and help was requested."""
        if self.remaining and not self.remaining[0].startswith("-"):
            return self.remaining.popleft()
        if self.lenient:
            return None
        if not self.remaining:
            raise _bad_value(f"{typed} needs a value.", "", f"Write {typed}=VALUE.")
        following = self.remaining[0]
        raise _bad_value(
            f"{typed} needs a value.",
            f"The next word, {following}, is an option.",
            f"If {following} is the value, write {typed}={following}",
        )

    def _flag(self, name: str, own: bool, typed: str, match: re.Match[str]) -> None:
        value = match["value"]
        on = True if value is None else _BOOLEANS.get(value.lower())
        if on is None:
            if not self.lenient:
                raise _bad_flag(typed, str(value))
        elif own:
            self.flags[name] = on
        elif self.root.options[name] is OptionKind.COUNT:
            self.program[name] = int(self.program.get(name, 0)) + len(match["name"]) if on else 0
        else:
            self.program[name] = on

    def _unknown(self, typed: str) -> None:
        if self.lenient:
            return
        self._check_command_as_value()
        known = {*self.root.options} - (BEFORE_ONLY if self.path else set())
        raise _unknown_option(typed, self.path, {*known, *(self.spec.options if self.path else ())})

    def _check_command_as_value(self) -> None:
        """Refuse `-env plan`, which left no command. This error comes first, because it causes the others."""
        if self.command_as_value and not self.path and not self.lenient:
            raise _command_as_value(*self.command_as_value)


def _command(path: Sequence[str]) -> str:
    return " ".join(("seqsync", *path))


def _nearest(word: str, known: Iterable[str], dashes: str = "") -> str:
    # Deferred: it imports difflib, which only an error needs.
    from sequence_sync.diagnostics import nearest

    found = nearest(word, sorted(known))
    return f'Did you mean "{dashes}{found}"? ' if found else ""


def _unknown_command(word: str, path: Sequence[str], known: Iterable[str]) -> UsageError:
    return UsageError(
        f'Invalid usage: unknown command "{word}".',
        "",
        f"{_nearest(word, known)}See `{_command(path)} -help`.",
    )


def _unknown_option(typed: str, path: Sequence[str], known: Iterable[str]) -> UsageError:
    dashes = "--" if typed.startswith("--") else "-"
    near = _nearest(typed.lstrip("-"), known, dashes)
    if path:
        return UsageError(
            f"Invalid usage: {_command(path)} has no option {typed}.", "", f"{near}See `{_command(path)} -help`."
        )
    return UsageError(
        f"Invalid usage: seqsync has no option {typed}.",
        "",
        f"{near}Options of a command go after it: seqsync COMMAND {typed}",
    )


def _option_after_command(typed: str, path: Sequence[str]) -> UsageError:
    return UsageError(
        f"Invalid usage: {typed} must come before the command.",
        "Every other path on the command line is relative to that directory.",
        f"Write: seqsync {typed} DIR {' '.join(path)}",
    )


def _bad_value(problem: str, detail: str, hint: str) -> UsageError:
    return UsageError(f"Invalid usage: {problem}", detail, hint)


def _bad_flag(typed: str, value: str) -> UsageError:
    return UsageError(
        f'Invalid usage: {typed} takes true or false, not "{value}".',
        "",
        f"Write {typed}, {typed}=true or {typed}=false.",
    )


def _command_as_value(typed: str, command: str) -> UsageError:
    return UsageError(
        "Invalid usage: the command is missing.",
        f'{typed} takes a value, and "{command}" became that value.',
        f"Write: seqsync {typed} NAME {command}",
    )
