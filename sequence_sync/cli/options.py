"""What the commands share: the options that several of them take, and the `CommandContext` that each one is handed.

Options are declared with one dash (`-out`); `cli.args` lets people type two. None may have an optional value: the
next word would be swallowed. Knows nothing of what the commands do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sequence_sync.cli.console import Console
from sequence_sync.cli.signals import Stop, confirm, require_person

if TYPE_CHECKING:
    from pathlib import Path

# As in `registry` and `render.comment`; here too, as help must load neither. A test holds them equal.
PLAN_FORMATS = ("text", "json", "markdown", "html", "github", "gitlab", "gitlab-quality", "junit", "sarif")
DIAGNOSTIC_FORMATS = ("text", "json", "github", "gitlab", "junit", "sarif")
COMMENT_HOSTS = ("github", "gitlab", "bitbucket", "azure", "github-summary")
DEFAULT_HOST = "github"
GATES = ("destructive", "drift", "size", "active")
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_DURATION = re.compile(r"(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,6})s)?")


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What every command is handed (`@click.pass_obj`).

    `root` is the working folder, after `-chdir`; `env` what `-env` or SEQSYNC_ENV say. `color` is about stdout.
    `interactive`: somebody may be asked. `verbose` is 0, 1 (`-v`) or more.
    """

    root: Path
    env: str | None
    color: bool
    verbose: int
    interactive: bool
    console: Console
    stop: Stop

    def require_person(self) -> None:
        """Refuse (UsageError) where nobody can answer; before anything is done."""
        require_person(self.interactive)

    def confirm(self, question: str) -> bool:
        """Ask; True for `yes` only. Raises UsageError where nobody can answer, Stopped on a signal."""
        return confirm(question, self.stop, self.console.ask, interactive=self.interactive)


def parse_duration(text: str) -> int:
    """Seconds, of `30s`, `5m`, `1h`, `1h30m` or plain seconds. Raises ValueError."""
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(f'"{text}" is no duration: write 30s, 5m, 1h or plain seconds')
    hours, minutes, seconds = (int(match[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds


class Duration(click.ParamType[int]):
    """An option's duration, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How a plan is to be printed: `-format`, `-host` (None: not given), `-full`, `-summary`."""

    format_name: str
    host: str | None
    full: bool
    summary: bool


def display_options(command: _Decorated) -> _Decorated:
    """`-format`, `-host`, `-full` and `-summary` of plan and show, as the fields of `DisplayOptions`."""
    full = click.option("-full", is_flag=True, help="Whole texts.")
    summary = click.option("-summary", is_flag=True, help="One line a step.")
    host = click.option("-host", type=click.Choice(COMMENT_HOSTS), help="Of markdown: where the comment goes. [github]")
    return format_option(*PLAN_FORMATS)(host(full(summary(command))))


def format_option(*formats: str) -> Callable[[_Decorated], _Decorated]:
    """`-format`, as the parameter `format_name`; the first of `formats` is the default."""
    return click.option(
        "-format",
        "format_name",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )


def target_option(command: _Decorated) -> _Decorated:
    """`-target ADDR`, repeated, as `target: tuple[str, ...]`."""
    return click.option("-target", metavar="ADDR", multiple=True, help="Only this address; * stands for anything.")(
        command
    )


def exclude_option(command: _Decorated) -> _Decorated:
    """`-exclude ADDR`, repeated, as `exclude: tuple[str, ...]`."""
    return click.option("-exclude", metavar="ADDR", multiple=True, help="All but this address.")(command)


def allow_option(command: _Decorated) -> _Decorated:
    """`-allow GATE`, repeated, as `allow: tuple[str, ...]`."""
    return click.option("-allow", type=click.Choice(GATES), multiple=True, help="Open this gate.")(command)


def since_option(command: _Decorated) -> _Decorated:
    """`-changed-since REF`, as `changed_since: str | None`."""
    return click.option(
        "-changed-since",
        metavar="REF",
        help="Only sequences that changed since the branch left REF; FROM..TO: between the two.",
    )(command)


def refresh_option(command: _Decorated) -> _Decorated:
    """`-refresh`, as `refresh: bool`."""
    return click.option("-refresh", is_flag=True, help="Read Saleshandy first, and hold files and state against it.")(
        command
    )


def selection_options(command: _Decorated) -> _Decorated:
    """`-target`, `-exclude`, `-changed-since`, `-refresh`, `-allow`: what plan takes, and apply without a file."""
    return target_option(exclude_option(since_option(refresh_option(allow_option(command)))))
