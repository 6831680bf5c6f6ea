"""Parsing of the command line before click (docs/commands.md)."""

import json
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_program import TOY

from sequence_sync.cli.args import CommandLine, CommandSpec, OptionKind, parse
from sequence_sync.cli.main import run, spec_of
from sequence_sync.errors import UsageError

SPEC = spec_of(TOY, click.Context(TOY, info_name="seqsync", help_option_names=["-help"]))

# The line; the command; what click gets; the program's own options.
READ = [
    ("plan", "plan", "--", {}),
    ("plan -out F", "plan", "-out=F --", {}),
    ("plan -out=F", "plan", "-out=F --", {}),
    ("plan --out F", "plan", "-out=F --", {}),
    ("plan --out=F", "plan", "-out=F --", {}),
    ("plan -out=-refresh", "plan", "-out=-refresh --", {}),
    ("plan -out=a=b", "plan", "-out=a=b --", {}),
    ("plan -target a -target=b --target c", "plan", "-target=a -target=b -target=c --", {}),
    ("plan -refresh", "plan", "-refresh --", {}),
    ("plan -refresh=true", "plan", "-refresh --", {}),
    ("plan --refresh=TRUE", "plan", "-refresh --", {}),
    ("plan -refresh=false", "plan", "--", {}),
    ("plan -refresh -refresh=false", "plan", "--", {}),
    ("plan -refresh=false -refresh", "plan", "-refresh --", {}),
    ("apply -auto-approve=true x.plan", "apply", "-auto-approve -- x.plan", {}),
    ("apply x.plan -auto-approve", "apply", "-auto-approve -- x.plan", {}),
    ("plan -env prod", "plan", "--", {"env": "prod"}),
    ("-env prod plan", "plan", "--", {"env": "prod"}),
    ("--env=prod plan", "plan", "--", {"env": "prod"}),
    ("-env=-x plan", "plan", "--", {"env": "-x"}),
    ("-env one plan -env two", "plan", "--", {"env": "two"}),
    ("plan -env apply", "plan", "--", {"env": "apply"}),
    ("-env plan plan", "plan", "--", {"env": "plan"}),
    ("plan -no-color", "plan", "--", {"no-color": True}),
    ("-no-color plan", "plan", "--", {"no-color": True}),
    ("plan -no-color=false", "plan", "--", {"no-color": False}),
    ("apply -input=false", "apply", "--", {"input": False}),
    ("-input=false apply", "apply", "--", {"input": False}),
    ("plan -v", "plan", "--", {"v": 1}),
    ("-vv plan", "plan", "--", {"v": 2}),
    ("-v plan --vv", "plan", "--", {"v": 3}),
    ("-chdir D plan", "plan", "--", {"chdir": "D"}),
    ("--chdir=D plan", "plan", "--", {"chdir": "D"}),
    ("plan -- -out", "plan", "-- -out", {}),
    ("plan a -- --", "plan", "-- a --", {}),
    ("-- plan", "plan", "--", {}),
    ("plan -", "plan", "-- -", {}),
    ("state mv a.b a.c", "state mv", "-- a.b a.c", {}),
    ("state -env prod mv a b -force", "state mv", "-force -- a b", {"env": "prod"}),
]

HELPED = [
    ("", ""),
    ("-help", ""),
    ("--help", ""),
    ("-h", ""),
    ("-env prod", ""),
    ("-no-color", ""),
    ("plan -help", "plan"),
    ("-help plan", "plan"),
    ("plan -out -help", "plan"),
    ("plan -outt --help", "plan"),
    ("plan -refresh=maybe -h", "plan"),
    ("-env plan -h", ""),
    ("state", "state"),
    ("state mv -h", "state mv"),
    ("-h -chdir D state mv a b", "state mv"),
]

# The line, and what the message must name.
REFUSED = [
    ("plam", ('"plam"', 'Did you mean "plan"?')),
    ("plam -help", ('"plam"', '"plan"')),
    ("plan -outt x", ("-outt", 'Did you mean "-out"?')),
    ("plan --outt=x", ("--outt", 'Did you mean "--out"?')),
    ("plan -o x", ("no option -o",)),
    ("plan -targetx", ("-targetx", '"-target"')),
    ("plan -auto-approve", ("seqsync plan has no option -auto-approve",)),
    ("plan -version", ("no option -version",)),
    ("plan -5", ("-5",)),
    ("plan ---out x", ("---out",)),
    ("plan -=x", ("no option -",)),
    ("plan -no-colour", ("-no-colour", '"-no-color"')),
    ("plan -out -refresh", ("-out needs a value", "-refresh, is an option", "-out=-refresh")),
    ("plan -out -", ("-out=-",)),
    ("plan -out", ("-out needs a value", "-out=VALUE")),
    ("plan -out --", ("-out needs a value",)),
    ("plan -refresh=maybe", ('"maybe"', "-refresh=true")),
    ("plan -refresh=", ("-refresh=true",)),
    ("plan -env=", ("-env got an empty value",)),
    ("plan -chdir D", ("-chdir must come before the command", "seqsync -chdir DIR plan")),
    ("plan --chdir=D", ("--chdir",)),
    ("-chdir", ("-chdir needs a value",)),
    ("-env plan", ('"plan" became that value', "seqsync -env NAME plan")),
    ("-env plan -out F", ('"plan" became that value',)),
    ("-env plan sequences/a.yaml", ('"plan" became that value',)),
    ("-chdir apply -auto-approve", ("seqsync -chdir NAME apply",)),
    ("-out F plan", ("no option -out", "seqsync COMMAND -out")),
    ("-nv plan", ("-nv",)),
    ("state lst", ("seqsync state", '"list"')),
    ("state -force mv", ("seqsync state has no option -force",)),
]


def read(line: str) -> CommandLine:
    return parse(line.split(), SPEC)


@pytest.mark.parametrize(("line", "path", "args", "program"), READ, ids=[row[0] for row in READ])
def test_every_spelling_is_normalized(line: str, path: str, args: str, program: dict[str, object]) -> None:
    assert read(line) == CommandLine(tuple(path.split()), tuple(args.split()), program, help=False)


@pytest.mark.parametrize(("line", "path"), HELPED, ids=[row[0] or "nothing" for row in HELPED])
def test_help_takes_precedence_over_every_error_but_an_unknown_command(line: str, path: str) -> None:
    """An incomplete command asks for help too."""
    found = read(line)
    assert found.help
    assert found.path == tuple(path.split())


def test_help_after_a_double_dash_is_an_argument() -> None:
    found = read("plan -- -help")
    assert not found.help
    assert found.args == ("--", "-help")


@pytest.mark.parametrize(("line", "named"), REFUSED, ids=[row[0] for row in REFUSED])
def test_error_quotes_the_option_as_it_was_typed(line: str, named: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)
    assert [text for text in named if text not in str(caught.value)] == []
    assert caught.value.exit_code == 3


def test_only_the_named_command_is_loaded() -> None:
    loaded: list[str] = []

    def loader(name: str) -> CommandSpec:
        loaded.append(name)
        return CommandSpec({"out": OptionKind.VALUE})

    program = CommandSpec({}, {"plan": lambda: loader("plan"), "apply": lambda: loader("apply")})
    parse(["plan", "-out=x"], program)
    assert loaded == ["plan"]


@given(st.text(min_size=1, max_size=20), st.sampled_from(["-out=", "--out="]))
def test_value_after_an_equals_sign_may_be_any_text(value: str, option: str) -> None:
    assert parse(["plan", option + value], SPEC).args == (f"-out={value}", "--")


@pytest.mark.parametrize("argv", [["plan", "-out="], ["plan", "-out", ""], ["-env", "", "plan"], ["plan", "-env="]])
def test_empty_value_is_an_error(argv: list[str]) -> None:
    """An unset variable must not select the default, or everything."""
    with pytest.raises(UsageError, match="got an empty value"):
        parse(argv, SPEC)


@given(st.lists(st.text(alphabet="-=abhopltuvn", max_size=8), max_size=5))
def test_any_line_is_parsed_or_raises_usage_error(argv: list[str]) -> None:
    try:
        found = parse(argv, SPEC)
    except UsageError:
        return
    assert found.help or found.path


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("plan -out=-refresh", {"out": "-refresh", "refresh": False}),
        ("plan -target a --target=b -refresh=true x -y", None),
        ("plan -target a --target=b -refresh=true -- x -y", {"target": ["a", "b"], "paths": ["x", "-y"]}),
        ("plan -lock-timeout 5m -parallelism=2", {"lock_timeout": 300, "parallelism": 2}),
        ("plan -lock-timeout 1h30m", {"lock_timeout": 5400}),
        ("plan -lock-timeout 7", {"lock_timeout": 7}),
        ("plan -lock-timeout 5x", None),
        ("plan -lock-timeout=", None),
        ("plan -parallelism 0", None),
        ("plan -parallelism=-1", None),
        ("plan -format json -allow drift", {"format_name": "json", "allow": ["drift"]}),
        ("plan -format=xml", None),
        ("plan -allow everything", None),
        ("state mv a", None),
        ("state mv a b c", None),
        ("state mv a b -force", {"source": "a", "to": "b", "force": True}),
    ],
)
def test_parsed_words_reach_the_parameters_of_the_command(
    line: str, given: dict[str, object] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(line.split(), TOY)
    out, err = capsys.readouterr()
    if given is None:
        assert (code, out) == (3, "")
        assert "Error: " in err
    else:
        assert code == 0
        received = json.loads(out)
        assert {name: received[name] for name in given} == given


def test_chdir_applies_before_every_other_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(["-chdir", "inside", "plan"], TOY) == 0
    assert json.loads(capsys.readouterr().out)["root"] == "inside"
    monkeypatch.chdir(tmp_path)
    assert run(["-chdir", "elsewhere", "plan"], TOY) == 3
    assert "Cannot change to elsewhere: no such file or directory." in capsys.readouterr().err
