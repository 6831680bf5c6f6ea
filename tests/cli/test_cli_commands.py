"""What every command declares: help, options that can be parsed, durations."""

from collections.abc import Iterator

import click
import pytest

from sequence_sync.cli.main import COMMANDS, PROGRAM, run
from sequence_sync.cli.options import parse_duration


def commands(command: click.Command, ctx: click.Context) -> Iterator[click.Command]:
    """Yield the command and its subcommands."""
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below
            yield from commands(below, ctx)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_prints_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "-help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: seqsync {name}")
    assert err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_can_be_parsed(name: str) -> None:
    """One dash and a whole word; always one value or none; no name of the program's own options."""
    ctx = click.Context(PROGRAM, info_name="seqsync", help_option_names=["-help"])
    top = PROGRAM.get_command(ctx, name)
    assert top
    taken = {spelling for param in PROGRAM.params for spelling in param.opts}
    for command in commands(top, ctx):
        for option in (param for param in command.params if isinstance(param, click.Option)):
            assert not option.secondary_opts
            assert option.nargs == 1
            assert [spelling for spelling in option.opts if len(spelling) < 3 or spelling.startswith("--")] == []
            assert taken.isdisjoint(option.opts)
            # click's name for an option with an optional value.
            assert option.is_flag or option.count or not getattr(option, "_flag_needs_value", False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("7", 7), ("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("1h1m1s", 3661)],
)
def test_duration_in_each_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "1.5h", "-5", "5 m", "5M", "1m1h", "٣s", "5d"])
def test_invalid_duration_names_the_valid_spellings(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 5m, 1h"):
        parse_duration(text)
