"""The options that several commands share.

Options are declared with one dash (`-out`), and `cli.args` accepts two. No option may have an optional value: the next
word would become that value. Must not load the packages that do a command's work: help needs only this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from sequence_sync.model.gates import GATES
from sequence_sync.registry import PLAN_FORMATS
from sequence_sync.render.hosts import DEFAULT_HOST, HOSTS

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_DURATION = r"(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,6})s)?"  # compiled at its first use


def parse_duration(text: str) -> int:
    """Convert `30s`, `5m`, `1h`, `1h30m` or plain seconds to seconds. Raises ValueError."""
    if re.fullmatch("[0-9]{1,9}", text):
        return int(text)
    match = re.fullmatch(_DURATION, text)
    if not match or not text:
        raise ValueError(f'invalid duration "{text}": write 30s, 5m, 1h or a number of seconds')
    hours, minutes, seconds = (int(match[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds


class WholeNumber(click.IntRange):
    """The type of an option that takes a whole number, with its bounds in words."""

    def _describe_range(self) -> str:  # click's hook for its help and its error
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


class Duration(click.ParamType[int]):
    """The type of an option that takes a duration; its value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How to print a plan: `-format`, `-host` (None: not given), `-full`, `-summary`."""

    format_name: str
    host: str | None
    full: bool
    summary: bool


def display_options(command: _Decorated) -> _Decorated:
    """Add `-format`, `-host`, `-full` and `-summary`: the fields of `DisplayOptions`."""
    full = click.option("-full", is_flag=True, help="Print every text in full (text format).")
    summary = click.option("-summary", is_flag=True, help="Print one line per step (text format).")
    host = click.option(
        "-host",
        type=click.Choice(tuple(HOSTS)),
        help=f"Code host that shows the comment (markdown format).  [default: {DEFAULT_HOST}]",
    )
    return format_option(*PLAN_FORMATS)(host(full(summary(command))))


def format_option(*formats: str) -> Callable[[_Decorated], _Decorated]:
    """Add `-format` as the parameter `format_name`. The first of `formats` is the default."""
    return click.option(
        "-format",
        "format_name",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def target_option(command: _Decorated) -> _Decorated:
    """Add `-target ADDR`, repeatable, as `target: tuple[str, ...]`."""
    return click.option(
        "-target",
        metavar="ADDR",
        multiple=True,
        help="Include only this address; * matches anything. Repeatable.  [default: everything]",
    )(command)


def exclude_option(command: _Decorated) -> _Decorated:
    """Add `-exclude ADDR`, repeatable, as `exclude: tuple[str, ...]`."""
    return click.option(
        "-exclude", metavar="ADDR", multiple=True, help="Leave out this address; * matches anything. Repeatable."
    )(command)


def allow_option(command: _Decorated) -> _Decorated:
    """Add `-allow GATE`, repeatable, as `allow: tuple[str, ...]`."""
    return click.option(
        "-allow", type=click.Choice(GATES), multiple=True, help="Open this gate. Repeatable.  [default: none is open]"
    )(command)


def since_option(command: _Decorated) -> _Decorated:
    """Add `-changed-since REF` as `changed_since: str | None`."""
    return click.option(
        "-changed-since",
        metavar="REF",
        help="Include only sequences that changed in git since the branch left REF. FROM..TO: between two commits.",
    )(command)


def refresh_option(command: _Decorated) -> _Decorated:
    """Add `-refresh` as `refresh: bool`."""
    return click.option("-refresh", is_flag=True, help="Read Saleshandy first, and compare files and state with it.")(
        command
    )


def lock_timeout_option(command: _Decorated) -> _Decorated:
    """Add `-lock-timeout TIME` as `lock_timeout: int`, in seconds."""
    return click.option(
        "-lock-timeout",
        type=Duration(),
        default="0s",
        show_default=True,
        metavar="TIME",
        help="How long to wait for the lock: 30s, 5m, 1h.",
    )(command)


def selection_options(command: _Decorated) -> _Decorated:
    """Add `-target`, `-exclude`, `-changed-since`, `-refresh`, `-allow`: what shapes a new plan."""
    return target_option(exclude_option(since_option(refresh_option(allow_option(command)))))
