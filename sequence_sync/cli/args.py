"""The command line as people type it, made into one spelling, in front of click's parser.

Long options with one dash or two, `=true` on switches, options of the program before and after the command:
see docs/commands.md.
Knows nothing of click: what a command takes comes in as a `Spec`, which `cli.main` reads from the click commands.
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
_TRUTH = {"true": True, "false": False}


class Takes(Enum):
    """What stands after an option: a value, or nothing (a switch; a counter such as `-vv`)."""

    VALUE = "value"
    SWITCH = "switch"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Spec:
    """What one command, or the program itself, takes.

    `options`: name without dashes to what it takes; those of the program are taken after the command too, but for
    `BEFORE_ONLY`. `commands`: name to how its spec is got, so that only the command in question is loaded.
    """

    options: Mapping[str, Takes]
    commands: Mapping[str, Callable[[], Spec]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A command line in one spelling.

    `path`: the command, `("state", "mv")`; empty where none was given. `args`: for click, first the options as
    `-name=value` and `-switch`, then `--` and the rest. `program`: the program's own options that were given, a str
    for a value, a bool for a switch, an int for a counter. `help`: help is asked for, or the command is incomplete.
    """

    path: tuple[str, ...]
    args: tuple[str, ...]
    program: Mapping[str, str | bool | int]
    help: bool


def normalise(argv: Sequence[str], spec: Spec) -> Normalised:
    """Read `argv` (without the program's name). Raises UsageError, which names what was typed as it was typed."""
    options_end = argv.index("--") if "--" in argv else len(argv)
    helping = not HELP.isdisjoint(argv[:options_end])
    line = _Line(argv, spec, lenient=helping)
    line.read()
    return Normalised(tuple(line.path), line.args(), line.program, helping or bool(line.spec.commands))


class _Line:
    """One walk over the words. `lenient`: help is wanted, so only the command must be right."""

    def __init__(self, argv: Sequence[str], spec: Spec, *, lenient: bool) -> None:
        self.rest = deque(argv)
        self.root = self.spec = spec
        self.lenient = lenient
        self.path: list[str] = []
        self.program: dict[str, str | bool | int] = {}
        self.values: list[tuple[str, str]] = []
        self.switches: dict[str, bool] = {}
        self.words: list[str] = []
        self.swallowed: tuple[str, str] | None = None

    def read(self) -> None:
        while self.rest:
            token = self.rest.popleft()
            if token == "--":
                while self.rest:
                    self._word(self.rest.popleft())
            elif token.startswith("-") and token != "-":
                self._option(token)
            else:
                self._word(token)
        if not self.path:
            self._refuse_swallowed()

    def args(self) -> tuple[str, ...]:
        options = [f"-{name}={value}" for name, value in self.values]
        options += [f"-{name}" for name, on in self.switches.items() if on]
        return (*options, "--", *self.words)

    def _word(self, word: str) -> None:
        if not self.spec.commands:
            self.words.append(word)
            return
        load = self.spec.commands.get(word)
        if load is None:
            self._refuse_swallowed()
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
        if options[name] is Takes.VALUE:
            self._value(name, own, typed, match["value"])
        else:
            self._switch(name, own, typed, match)

    def _find(self, name: str, typed: str) -> tuple[str | None, bool]:
        """The declared name, and whether it is the command's own; (None, False) where nothing has that name."""
        if self.path and name in self.spec.options:
            return name, True
        known = name if name in self.root.options else name[:1]
        counts = known != name and set(name) == {known} and self.root.options.get(known) is Takes.COUNT
        if known not in self.root.options or not (known == name or counts):
            return None, False
        if self.path and known in BEFORE_ONLY:
            if known == "chdir" and not self.lenient:
                raise _too_late(typed, self.path)
            return None, False
        return known, False

    def _value(self, name: str, own: bool, typed: str, value: str | None) -> None:
        if value is None:
            value = self._next_value(typed)
            if value is None:
                return
            if not self.path and value in self.root.commands:
                self.swallowed = (typed, value)
        if not value and not self.lenient:
            # A variable of a pipeline that is not set must not choose the default, or everything.
            raise _bad_value(
                typed, "it got an empty one", f"Write {typed}=VALUE, or leave it out. Is a variable not set?"
            )
        if own:
            self.values.append((name, value))
        else:
            self.program[name] = value

    def _next_value(self, typed: str) -> str | None:
        """The separate value of `typed`; None where there is none and only help is wanted."""
        if self.rest and not self.rest[0].startswith("-"):
            return self.rest.popleft()
        if self.lenient:
            return None
        if not self.rest:
            raise _bad_value(typed, "nothing stands after it", f"Write {typed}=VALUE.")
        following = self.rest[0]
        raise _bad_value(
            typed, f"{following} stands after it", f"If {following} is the value, write {typed}={following}"
        )

    def _switch(self, name: str, own: bool, typed: str, match: re.Match[str]) -> None:
        value = match["value"]
        on = True if value is None else _TRUTH.get(value.lower())
        if on is None:
            if not self.lenient:
                raise _bad_switch(typed, str(value))
        elif own:
            self.switches[name] = on
        elif self.root.options[name] is Takes.COUNT:
            self.program[name] = int(self.program.get(name, 0)) + len(match["name"]) if on else 0
        else:
            self.program[name] = on

    def _unknown(self, typed: str) -> None:
        if self.lenient:
            return
        self._refuse_swallowed()
        known = {*self.root.options} - (BEFORE_ONLY if self.path else set())
        raise _unknown_option(typed, self.path, {*known, *(self.spec.options if self.path else ())})

    def _refuse_swallowed(self) -> None:
        """`-env plan` took the command for its value: say that, whatever went wrong because of it."""
        if self.swallowed and not self.path and not self.lenient:
            raise _swallowed(*self.swallowed)


def _command(path: Sequence[str]) -> str:
    return " ".join(("seqsync", *path))


def _nearest(word: str, known: Iterable[str], dashes: str = "") -> str:
    # Loaded only for a mistake: it brings difflib along.
    from sequence_sync.diagnostics import nearest

    found = nearest(word, sorted(known))
    return f'Did you mean "{dashes}{found}"? ' if found else ""


def _unknown_command(word: str, path: Sequence[str], known: Iterable[str]) -> UsageError:
    return UsageError(
        "There is no such command.",
        f'{_command(path)} has no command "{word}".',
        f"{_nearest(word, known)}All commands: {_command(path)} -help",
    )


def _unknown_option(typed: str, path: Sequence[str], known: Iterable[str]) -> UsageError:
    dashes = "--" if typed.startswith("--") else "-"
    near = _nearest(typed.lstrip("-"), known, dashes)
    if path:
        return UsageError(
            "There is no such option.",
            f"{_command(path)} has no option {typed}",
            f"{near}All options: {_command(path)} -help",
        )
    return UsageError(
        "There is no such option.",
        f"seqsync has no option {typed} in front of a command.",
        f"{near}Options of a command stand behind it: seqsync COMMAND {typed}",
    )


def _too_late(typed: str, path: Sequence[str]) -> UsageError:
    return UsageError(
        "An option stands in the wrong place.",
        f"{typed} stands before the command, because every other path is read from there.",
        f"Write: seqsync {typed} DIR {' '.join(path)}",
    )


def _bad_value(typed: str, why: str, hint: str) -> UsageError:
    return UsageError("An option has no value.", f"{typed} takes a value, and {why}.", hint)


def _bad_switch(typed: str, value: str) -> UsageError:
    return UsageError(
        "A switch has a value that it cannot take.",
        f'{typed} is on or off; it got "{value}".',
        f"Write {typed}, {typed}=true or {typed}=false.",
    )


def _swallowed(typed: str, command: str) -> UsageError:
    return UsageError(
        "The command was taken for a value.",
        f'{typed} takes a value, so "{command}" was read as that value, and no command follows.',
        f"Write: seqsync {typed} NAME {command}",
    )
