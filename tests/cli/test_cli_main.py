"""The door as a process: exit codes, pipes, encodings, what is loaded, signals, the prompt."""

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
    """The toy, with all three streams in our hands, in a process group of its own."""
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
def test_the_version_is_told_in_every_spelling(line: str) -> None:
    """One line on stdout, exit 0."""
    done = call(SEQSYNC, *line.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "seqsync 0.1.0\n", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [("", 0), ("-help", 0), ("version -h", 0), ("nothing", 3), ("-outt", 3), ("version x", 3), ("-env version", 3)],
)
def test_exit_codes_of_the_door(line: str, code: int) -> None:
    """Help is 0 and goes to stdout; every wrong line is 3, never click's 2, and goes to stderr."""
    done = call(SEQSYNC, *line.split())
    assert done.returncode == code
    assert bool(done.stdout) is (code == 0)
    assert bool(done.stderr) is (code != 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_loads_none_of_its_work(name: str) -> None:
    """Somebody who asks how a command goes has the answer at once."""
    loaded = loaded_by([name, "-help"])
    assert loaded.isdisjoint({*HEAVY} - {"pathlib", "urllib"})


@pytest.mark.parametrize(("line", "absent"), [("version", ("click", "typing", *HEAVY)), ("-help", HEAVY)])
def test_nothing_heavy_is_loaded_early(line: str, absent: tuple[str, ...]) -> None:
    """The version loads nothing but itself, help nothing but click."""
    assert loaded_by([line]).isdisjoint(absent)


def loaded_by(line: list[str]) -> set[str]:
    """The packages that a command line loads."""
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
def test_a_closed_pipe_is_no_error(command: list[str]) -> None:
    """With the reader gone the command ends as it would have, and says nothing of it."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(command, env=ENVIRON, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    spilled = command[-1] == "spill"
    assert done.returncode == (2 if spilled else 0)
    assert done.stderr == ("came to its end\n" if spilled else "")


def test_a_reader_that_leaves_early_does_not_stop_the_work() -> None:
    """`| head -1` gets its line, and the command comes to its own end."""
    with start("spill") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "line 0 of text\n"
        process.stdout.close()
        assert process.stderr.read() == "came to its end\n"
    assert process.returncode == 2


@pytest.mark.parametrize("command", [[*SEQSYNC, "version"], [*TOY, "state", "list"]])
def test_a_full_disk_is_an_error(command: list[str], tmp_path: Path) -> None:
    """A result that cannot be written ends with 1, and without a traceback."""
    with (tmp_path / "out").open("w") as out:
        limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command]
        done = subprocess.run(limited, env=ENVIRON, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_encoding_is_no_error(encoding: str) -> None:
    """What the terminal cannot show is shown by its number; terminal codes in user text are not obeyed."""
    narrow = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LANG": "C", "LC_ALL": "C"}
    done = subprocess.run([*TOY, "state", "list"], env=ENVIRON | narrow, capture_output=True, check=False)
    assert done.returncode == 0
    assert "gr" + "üße".encode(encoding, "backslashreplace").decode(encoding) in done.stdout.decode(encoding)
    assert b"\\x1b]0;title\\x07 \\x9b31m \\u202etxt\n" in done.stdout


def test_words_that_are_no_text_are_named_all_the_same() -> None:
    """A byte that belongs to no character in a wrong command is told, not a traceback."""
    done = subprocess.run([*TOY, b"pl\xff"], env=ENVIRON, capture_output=True, check=False)
    assert done.returncode == 3
    assert b"pl\\udcff" in done.stderr


@pytest.mark.parametrize(("environ", "args"), [({}, []), ({"CI": "1"}, []), ({}, ["-input=false"])])
def test_apply_without_a_person_refuses_and_never_hangs(environ: dict[str, str], args: list[str]) -> None:
    """Without a terminal, in CI, and with -input=false: 3, before anything is done."""
    done = call(TOY, "apply", *args, **environ)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "-auto-approve" in done.stderr
    assert "a plan" not in done.stderr


@pytest.mark.parametrize(("environ", "args"), [({"CI": ""}, []), ({"CI": "1"}, ["-auto-approve"])])
def test_an_empty_ci_is_none_and_approval_needs_no_person(environ: dict[str, str], args: list[str]) -> None:
    """`CI=` does not count; with -auto-approve nobody is asked."""
    child = spawn("apply", *args, **environ)
    if not args:
        child.expect("Only yes is taken")
        child.sendline("yes")
    child.expect("done")
    assert ended(child) == 0


@pytest.mark.parametrize(("environ", "args"), [({"CI": "false"}, []), ({}, ["-input=false"])])
def test_a_terminal_does_not_count_where_asking_is_off(environ: dict[str, str], args: list[str]) -> None:
    """CI set to anything, or -input=false, refuses on a terminal too."""
    child = spawn("apply", *args, **environ)
    child.expect("Nobody is there to say yes")
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
def test_only_yes_is_a_yes(answer: str, code: int) -> None:
    """Anything else, and the end of the input, is a no."""
    child = spawn("apply")
    child.expect("Only yes is taken for a yes: ")
    child.send(answer)
    child.expect("done" if code == 0 else "Nothing was done")
    assert ended(child) == code


@pytest.mark.parametrize(("how", "code"), [("key", 130), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_question(how: str | signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM while waiting for an answer leave at once."""
    child = spawn("apply")
    child.expect("Only yes is taken for a yes: ")
    if isinstance(how, str):
        child.sendintr()
    else:
        child.kill(how)
    child.expect("Stopped.")
    assert ended(child) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False])
def test_a_signal_ends_a_command_that_only_looks(number: signal.Signals, code: int, group: bool) -> None:
    """Outside of an orderly part the first signal is enough, to the process or to its group."""
    with start("work") as process:
        told(process, "working\n")
        send(process, number, group)
        assert process.communicate()[1] == "\nStopped.\n"
    assert process.returncode == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("group", [True, False])
def test_a_signal_lets_the_work_in_flight_end(number: signal.Signals, code: int, group: bool) -> None:
    """In an orderly part the first signal only asks; the code is the signal's, whatever the command says."""
    with start("work", "-orderly") as process:
        told(process, "working\n")
        send(process, number, group)
        told(process, "in flight\n")
        assert process.communicate("\n")[1] == "recorded\n"
    assert process.returncode == code


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once(second: signal.Signals) -> None:
    """The second one does not wait, and the code is still that of the first."""
    with start("work", "-orderly") as process:
        told(process, "working\n")
        process.send_signal(signal.SIGINT)
        told(process, "in flight\n")
        process.send_signal(second)
        assert process.communicate()[1] == ""
    assert process.returncode == 130


def told(process: subprocess.Popen[str], line: str) -> None:
    """Wait for the next line on stderr."""
    assert process.stderr
    assert process.stderr.readline() == line


def send(process: subprocess.Popen[str], number: signal.Signals, group: bool) -> None:
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
