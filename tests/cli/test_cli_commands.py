"""What every command must keep to, so that the door can read its line."""

from collections.abc import Iterator

import click
import pytest

from sequence_sync.cli.main import COMMANDS, PROGRAM, run
from sequence_sync.cli.options import GATES, parse_duration
from sequence_sync.plan import guards as gates


def commands(command: click.Command, ctx: click.Context) -> Iterator[click.Command]:
    """The command, and those below it."""
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below
            yield from commands(below, ctx)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_listed_command_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the table lists can be loaded and has a help text, which ends with 0."""
    assert run([name, "-help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: seqsync {name}")
    assert err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_can_be_read(name: str) -> None:
    """One dash and a whole word; one value or none, never perhaps; no name that the program itself has."""
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
            # click's word for "may stand alone, and then means this".
            assert option.is_flag or option.count or not getattr(option, "_flag_needs_value", False)


def test_the_gates_are_those_of_the_planner() -> None:
    """The door names them without loading the planner."""
    assert set(GATES) == {gates.DESTRUCTIVE, gates.DRIFT, gates.SIZE, gates.ACTIVE}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("7", 7), ("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("1h1m1s", 3661)],
)
def test_durations_have_units(text: str, seconds: int) -> None:
    """Seconds, minutes, hours, or plain seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "1.5h", "-5", "5 m", "5M", "1m1h", "٣s", "5d"])
def test_anything_else_is_no_duration(text: str) -> None:
    """It is refused, with the spellings that are known."""
    with pytest.raises(ValueError, match="30s, 5m, 1h"):
        parse_duration(text)
