"""An invalid command line exits with 3, never 2: every option of every command, read from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from exit_commands import leaves

from sequence_sync.cli.main import run
from sequence_sync.cli.options import Duration

Line = tuple[str, ...]


def invalid_lines() -> Iterator[tuple[Line, str]]:
    """Yield invalid command lines, each with what is wrong."""
    for path, command in leaves():
        options = [param for param in command.params if isinstance(param, click.Option)]
        needed = ["x"] * sum(isinstance(param, click.Argument) and param.required for param in command.params)
        yield (*path, *needed, "-outt"), "an unknown option"
        yield (*path, *needed, "--no-such-option=x"), "an unknown option with a value"
        yield (*path, *needed, "-format=yml"), "an unknown format, or no such option"
        yield ("-env", "", *path, *needed, "-outt"), "two errors"
        if needed:
            yield (*path, *needed[1:]), "a missing argument"
        if not any(param.nargs == -1 for param in command.params):
            yield (*path, *["x"] * 9), "too many arguments"
        for option in options:
            yield from _invalid_lines_of(option, (*path, *needed))


def _invalid_lines_of(option: click.Option, line: Line) -> Iterator[tuple[Line, str]]:
    name = option.opts[0]
    if option.is_flag:
        yield (*line, f"{name}=perhaps"), "neither true nor false"
        return
    yield (*line, name), "a missing value"
    yield (*line, f"{name}="), "an empty value, as of a variable that is not set"
    yield (*line, name, ""), "the same in two words"
    yield (*line, name, "-x"), "a value that begins with a dash"
    yield (*line, name[:-1] + "zz", "x"), "a misspelled option"
    if isinstance(option.type, click.Choice | Duration) or option.type.name.startswith(("integer", "float")):
        for wrong in ("perhaps", "-1", "1.5x"):
            yield (*line, f"{name}={wrong}"), "a wrong value"


INVALID = sorted(dict(invalid_lines()).items())
MISTYPED = """\
plna
Plan
help
-plan
-
-v=x
-outt plan
-env
-env plan
-env= plan
-env=nowhere plan
-env=nowhere validate
-env=nowhere apply -auto-approve
-env nowhere state list
-chdir
-chdir= plan
-chdir nowhere plan
-chdir=seqsync.yaml plan
-no-color=perhaps version
version 1 2
schema plann
validate nowhere
plan plan
plan -chdir .
plan -env nowhere
plan -input=perhaps
plan -target=
plan -target=a.b.c.d
plan -target=a.B
plan -target=[
plan -target a..*
plan -exclude=..
plan -allow=everything
plan -format=pdf
plan -changed-since=-x
show
show nowhere
apply a b
apply nowhere
apply -report= -auto-approve
apply -parallelism=0
apply -lock-timeout=soon
apply -lock-timeout=-1s
state lst
state -list
state mv a
state resolve
state resolve a -adopt
state resolve a -adopt=x -recreate
force-unlock
sandbox -port=http
sandbox -port=65536
sandbox -rate-limit=-5""".splitlines()


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a valid project, so that only the command line can be the cause."""
    tmp_path.joinpath("seqsync.yaml").write_text("version: 1\n")
    tmp_path.joinpath("sequences").mkdir()
    tmp_path.joinpath("sequences/a.yaml").write_text("sequence: a\nsteps:\n  c: {day: 1, type: call_demo}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALESHANDY_API_KEY", "canary-key-5f1d8e")
    monkeypatch.setenv("SEQSYNC_API_URL", "http://127.0.0.1:9/v1")


@pytest.mark.parametrize(("line", "what"), INVALID, ids=[" ".join(line) for line, _ in INVALID])
def test_wrong_option_of_any_command_exits_with_3_and_does_nothing(
    line: Line, what: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _check_refused(line, what, capsys, tmp_path)


@pytest.mark.parametrize("line", MISTYPED)
def test_mistyped_line_exits_with_3_and_does_nothing(
    line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _check_refused(tuple(line.split()), line, capsys, tmp_path)


@pytest.mark.parametrize("line", [("apply", ""), ("apply", "", "-auto-approve"), ("show", ""), ("plan ",), ("",)])
def test_empty_argument_exits_with_3_and_does_nothing(
    line: Line, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An empty name of a plan file does not mean a new plan."""
    _check_refused(line, str(line), capsys, tmp_path)


def _check_refused(line: Line, what: str, capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert run(line) == 3, what
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: ")
    assert "Traceback" not in err
    assert sorted(path.name for path in root.iterdir()) == ["seqsync.yaml", "sequences"]


def test_wrong_options_cover_every_command_and_option() -> None:
    words = {word for line, _ in INVALID for word in line}
    for path, command in leaves():
        assert any(line[: len(path)] == path for line, _ in INVALID)
        assert all(param.opts[0] in " ".join(words) for param in command.params if isinstance(param, click.Option))
