"""The program as a process: exit codes, pipes, encodings, imports, signals, the prompt."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from sequence_sync.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
TOY = [sys.executable, str(Path(__file__).with_name("toy_program.py"))]
SEQSYNC = [sys.executable, "-m", "sequence_sync"]
ENVIRON = {
    **{name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "SEQSYNC_ENV")},
    "PYTHONPATH": str(ROOT),
    "TERM": "xterm",
}
HEAVY = ("pydantic", "httpx", "deepdiff", "ruamel", "rich", "markdown_it", "pathlib", "urllib")


def call(command: list[str], *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *args], env=ENVIRON | environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def start(*args: str) -> subprocess.Popen[str]:
    """Start the toy program with piped streams, in a process group of its own."""
    return subprocess.Popen(
        [*TOY, *args],
        env=ENVIRON,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("line", ["version", "-version", "--version", "version -v", "-no-color -version"])
def test_version_in_every_spelling(line: str) -> None:
    done = call(SEQSYNC, *line.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "seqsync 0.1.0\n", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [("", 0), ("-help", 0), ("version -h", 0), ("nothing", 3), ("-outt", 3), ("version x", 3), ("-env version", 3)],
)
def test_exit_codes_of_help_and_invalid_lines(line: str, code: int) -> None:
    """Help exits with 0 and goes to stdout. An invalid line exits with 3, never with click's 2, and goes to stderr."""
    done = call(SEQSYNC, *line.split())
    assert done.returncode == code
    assert bool(done.stdout) is (code == 0)
    assert bool(done.stderr) is (code != 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_none_of_its_work(name: str) -> None:
    # `init` reads its files with importlib.resources, which imports pathlib.
    allowed = {"pathlib", "urllib"} if name == "init" else set()
    assert modules_of([name, "-help"]).isdisjoint({*HEAVY} - allowed)


@pytest.mark.parametrize(("line", "absent"), [("version", ("click", "typing", *HEAVY)), ("-help", HEAVY)])
def test_version_and_help_import_nothing_heavy(line: str, absent: tuple[str, ...]) -> None:
    """The version imports nothing but itself, help nothing but click."""
    assert modules_of([line]).isdisjoint(absent)


def modules_of(line: list[str]) -> set[str]:
    """Return the top-level packages that a command line imports."""
    program = (
        "import sys\nfrom sequence_sync.cli.entry import main\n"
        f"sys.argv = ['seqsync', *{line!r}]\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert left.code == 0\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = call([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"])
    loaded = {name.partition(".")[0] for name in done.stderr.splitlines()}
    assert "sequence_sync" in loaded
    return loaded


@pytest.mark.parametrize("command", [[*SEQSYNC, "version"], [*SEQSYNC, "-help"], [*TOY, "spill"]])
def test_closed_pipe_is_not_an_error(command: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(command, env=ENVIRON, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    spilled = command[-1] == "spill"
    assert done.returncode == (2 if spilled else 0)
    assert done.stderr == ("finished\n" if spilled else "")


def test_command_finishes_when_its_reader_closes_the_pipe() -> None:
    """`| head -1` gets its line, and the command finishes."""
    with start("spill") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "line 0 of text\n"
        process.stdout.close()
        assert process.stderr.read() == "finished\n"
    assert process.returncode == 2


@pytest.mark.parametrize("command", [[*SEQSYNC, "version"], [*TOY, "state", "list"]])
def test_full_disk_exits_with_1_without_a_traceback(command: list[str], tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command]
        done = subprocess.run(limited, env=ENVIRON, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_narrow_encoding_escapes_what_it_cannot_show(encoding: str) -> None:
    """Terminal codes in user text are escaped too."""
    narrow = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LANG": "C", "LC_ALL": "C"}
    done = subprocess.run([*TOY, "state", "list"], env=ENVIRON | narrow, capture_output=True, check=False)
    assert done.returncode == 0
    assert "gr" + "üße".encode(encoding, "backslashreplace").decode(encoding) in done.stdout.decode(encoding)
    assert b"\\x1b]0;title\\x07 \\x9b31m \\u202etxt\n" in done.stdout


def test_invalid_bytes_on_the_command_line_are_escaped() -> None:
    """A byte that is not UTF-8 does not cause a traceback."""
    done = subprocess.run([*TOY, b"pl\xff"], env=ENVIRON, capture_output=True, check=False)
    assert done.returncode == 3
    assert b"pl\\udcff" in done.stderr


@pytest.mark.parametrize(("environ", "args"), [({}, []), ({"CI": "1"}, []), ({}, ["-input=false"])])
def test_apply_without_a_terminal_exits_with_3_and_never_hangs(environ: dict[str, str], args: list[str]) -> None:
    """Also in CI and with -input=false; before anything is done."""
    done = call(TOY, "apply", *args, **environ)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "-auto-approve" in done.stderr
    assert "a plan" not in done.stderr


@pytest.mark.parametrize(("environ", "args"), [({"CI": ""}, []), ({"CI": "1"}, ["-auto-approve"])])
def test_empty_ci_variable_counts_as_unset(environ: dict[str, str], args: list[str]) -> None:
    """In CI, -auto-approve needs no terminal."""
    child = spawn("apply", *args, **environ)
    if not args:
        child.expect("Type 'yes' to apply: ")
        child.sendline("yes")
    child.expect("done")
    assert ended(child) == 0


@pytest.mark.parametrize(("environ", "args"), [({"CI": "false"}, []), ({}, ["-input=false"])])
def test_ci_and_input_false_forbid_questions_on_a_terminal(environ: dict[str, str], args: list[str]) -> None:
    """CI counts with any value."""
    child = spawn("apply", *args, **environ)
    child.expect("Approval needs a terminal")
    assert ended(child) == 3


def spawn(*args: str, **environ: str) -> "pexpect.spawn[str]":
    return pexpect.spawn(TOY[0], [TOY[1], *args], env=ENVIRON | environ, encoding="utf-8", timeout=20)


def ended(child: "pexpect.spawn[str]") -> int | None:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


@pytest.mark.parametrize(
    ("answer", "code"), [("yes\n", 0), (" yes \n", 0), ("y\n", 1), ("YES\n", 1), ("\n", 1), ("\x04", 1)]
)
def test_only_the_answer_yes_approves(answer: str, code: int) -> None:
    """Any other answer and the end of the input decline."""
    child = spawn("apply")
    child.expect("Type 'yes' to apply: ")
    child.send(answer)
    child.expect("done" if code == 0 else "Nothing was applied")
    assert ended(child) == code


@pytest.mark.parametrize(("how", "code"), [("key", 130), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_question_immediately(how: str | signal.Signals, code: int) -> None:
    child = spawn("apply")
    child.expect("Type 'yes' to apply: ")
    if isinstance(how, str):
        child.sendintr()
    else:
        child.kill(how)
    child.expect("Stopped.")
    assert ended(child) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False])
def test_first_signal_ends_a_command_outside_a_graceful_part(number: signal.Signals, code: int, group: bool) -> None:
    """Sent to the process or to its group."""
    with start("work") as process:
        wait_for_line(process, "working\n")
        send(process, number, group)
        assert process.communicate()[1] == "\nStopped.\n"
    assert process.returncode == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False])
def test_first_signal_in_a_graceful_part_lets_the_work_in_flight_end(
    number: signal.Signals, code: int, group: bool
) -> None:
    """The exit code is that of the signal, whatever the command returns."""
    with start("work", "-graceful") as process:
        wait_for_line(process, "working\n")
        send(process, number, group)
        wait_for_line(process, "in flight\n")
        assert process.communicate("\n")[1] == "recorded\n"
    assert process.returncode == code


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_immediately_with_the_code_of_the_first(second: signal.Signals) -> None:
    with start("work", "-graceful") as process:
        wait_for_line(process, "working\n")
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "in flight\n")
        process.send_signal(second)
        assert process.communicate()[1] == ""
    assert process.returncode == 130


def wait_for_line(process: subprocess.Popen[str], line: str) -> None:
    """Read the next line of stderr, which must be `line`."""
    assert process.stderr
    assert process.stderr.readline() == line


def send(process: subprocess.Popen[str], number: signal.Signals, group: bool) -> None:
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
