"""What every command declares: help, options that can be parsed, durations."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.states import a_sequence, a_state, an_email

from sequence_sync.cli.main import COMMANDS, PROGRAM, run
from sequence_sync.cli.options import parse_duration
from sequence_sync.state.model import State
from sequence_sync.state.statefile import encode


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


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan -to-serial x", '-to-serial: "x" is not a whole number.\n  See `seqsync plan -help`.'),
        ("sandbox -port 99999", "-port: 99999 is out of range: expected 0 to 65535.\n  See `seqsync sandbox -help`."),
        ("state history -limit 0", "-limit: 0 is out of range: expected 1 or more."),
        ("apply -parallelism x", '-parallelism: "x" is not a whole number.'),
        ("schema foo", "NAME: \"foo\" is not one of 'sequence', 'settings', 'plan', 'report'."),
        ("show nofile", "Cannot read nofile: no such file or directory.\n  Check the path, or choose another file."),
        ("plan -target nope", "-target nope matches nothing.\n  Neither your files nor the state have this address.\n"),
        ("state show nope", "No state yet.\n"),
        ("plan -to-serial 3", "No state yet: nothing to go back to.\n"),
        ("drift", "No state yet: nothing to compare with.\n"),
        ("state rm nope", 'The state has no such address.\n  "nope"\n  List its addresses: seqsync state list'),
        ("state push seqsync.yaml", "seqsync.yaml is not a state.\n  seqsync.yaml is not JSON."),
        ("state push seqsync.yaml", "\n  Give a file that `seqsync state pull` printed"),
        ("state push object.json", "object.json is not a state.\n  It has no `version`.\n  Give a file that"),
        ("force-unlock abc", "The state is not locked.\n"),
    ],
)
def test_error_names_the_value_and_what_to_do(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(["init"])
    (tmp_path / "object.json").write_text("{}")
    monkeypatch.setenv("SALESHANDY_API_KEY", "a-key-of-tests")
    assert run(line.split()) != 0
    assert message in capsys.readouterr().err


def test_unknown_environment_names_the_variable_or_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQSYNC_ENV", "zzz")
    assert run(["plan"]) == 3
    assert 'SEQSYNC_ENV is "zzz".' in capsys.readouterr().err
    assert run(["-env", "yyy", "plan"]) == 3
    assert '-env is "yyy".' in capsys.readouterr().err


def project_with_state(state: State, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make a project in `folder` whose state is `state`, and enter it."""
    monkeypatch.chdir(folder)
    run(["init"])
    (folder / "seqsync.sandbox.state.json").write_bytes(encode(state))
    monkeypatch.setenv("SALESHANDY_API_KEY", "a-key-of-tests")


def test_drift_of_an_empty_state_compares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project_with_state(State(lineage="one", environment="sandbox", api_host="127.0.0.1:8585"), monkeypatch, tmp_path)
    capsys.readouterr()
    assert run(["drift"]) == 0
    assert capsys.readouterr().out == "No sequences in the state: nothing to compare with.\n"


def test_error_about_the_api_host_names_the_variable_that_set_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project_with_state(a_state(trial=a_sequence(one=an_email())), monkeypatch, tmp_path)
    assert run(["plan"]) == 4
    assert "Correct `api_url` or `state` of this environment" in capsys.readouterr().err
    monkeypatch.setenv("SEQSYNC_API_URL", "http://127.0.0.1:1/v1")
    assert run(["plan"]) == 4
    assert "Correct SEQSYNC_API_URL (it overrides `api_url`), or `state`" in capsys.readouterr().err
