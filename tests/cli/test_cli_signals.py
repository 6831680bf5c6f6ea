"""Signals to shells that exec seqsync, to commands that read, and to programs that seqsync started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_command import CODES, GRACEFUL, NEVER, Running, both, check_next_run_finishes, mostly
from support.faults import apply_until_done, fault_project
from support.project import Project
from support.stand_in import Fault, StandIn

READERS = {
    "plan -refresh": ("plan", "-refresh"),
    "drift": ("drift",),
    "import": ("import", "-all"),
    "state resolve": ("state", "resolve", "faults.intro", "-recreate"),
}
each_reader = pytest.mark.parametrize("line", READERS.values(), ids=READERS)


@both
@pytest.mark.parametrize("before", ["", "trap '' INT; "], ids=["plain", "where SIGINT is ignored"])
def test_signal_to_a_shell_that_execs_seqsync(tmp_path: Path, kind: signal.Signals, before: str) -> None:
    """Also where the shell was started with SIGINT ignored."""
    with StandIn(faults=[Fault("late", 3, 2.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        shell = subprocess.Popen(
            ["/bin/sh", "-c", f'{before}exec "$0" -m sequence_sync apply -auto-approve', sys.executable],
            cwd=tmp_path,
            env=project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server.wait_for_creates(3)
        shell.send_signal(kind)
        out, _ = shell.communicate(timeout=GRACEFUL)
        assert shell.returncode == CODES[kind], out
        assert len(server.creates) == 3
        assert len(project.ok("state", "list").out.splitlines()) == 3
        check_next_run_finishes(project, server, 0)


@mostly
def test_sigkill_soon_after_the_signal(tmp_path: Path, kind: signal.Signals) -> None:
    """The next run finds what the call in flight created."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        os.killpg(running.process.pid, kind)
        os.killpg(running.process.pid, signal.SIGKILL)
        assert running.ended().code in (-signal.SIGKILL, CODES[kind])
        check_next_run_finishes(project, server, 0)


@mostly
@each_reader
def test_signal_ends_a_read_without_an_answer(tmp_path: Path, kind: signal.Signals, line: tuple[str, ...]) -> None:
    """The state is unchanged."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        apply_until_done(project)
        before = project.ok("state", "pull").out
        server.slow_reads = NEVER
        running = Running(project, *line)
        server.wait_for_reads(server.reads + 1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.slow_reads = 0
        _check_unchanged(project, before)
        check_next_run_finishes(project, server, 0)


@mostly
@each_reader
def test_signal_ends_a_wait_for_the_read_limit(tmp_path: Path, kind: signal.Signals, line: tuple[str, ...]) -> None:
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        apply_until_done(project)
        before = project.ok("state", "pull").out
        server.read_faults = dict.fromkeys(range(server.reads + 1, server.reads + 40), "limit_400")
        running = Running(project, *line)
        server.wait_for_reads(server.reads + 1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.read_faults = {}
        _check_unchanged(project, before)
        check_next_run_finishes(project, server, 0)


def _check_unchanged(project: Project, before: str) -> None:
    """Check that only the serial of the state differs."""
    then, now = json.loads(before), json.loads(project.ok("state", "pull").out)
    assert now["sequences"] == then["sequences"]
    assert not (project.root / "sequences/faults-2.yaml").exists()


@mostly
@pytest.mark.parametrize("what", ["key", "git"])
def test_signal_ends_the_key_command_and_git_too(tmp_path: Path, kind: signal.Signals, what: str) -> None:
    """Nothing is sent."""
    helper = tmp_path / "bin" / "git"
    helper.parent.mkdir()
    helper.write_text(
        f'#!/bin/sh\necho $$ > "{tmp_path}/pid.new"\nmv "{tmp_path}/pid.new" "{tmp_path}/pid"\nexec sleep 90\n'
    )
    helper.chmod(0o755)
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        settings = tmp_path / "seqsync.yaml"
        if what == "key":
            project.more["SALESHANDY_API_KEY"] = ""
            settings.write_text(f"version: 1\nenvironments:\n  default:\n    api_key_command: {helper}\n")
            running = Running(project, "apply", "-auto-approve")
        else:
            project.more["PATH"] = f"{helper.parent}:{os.environ['PATH']}"
            running = Running(project, "plan", "-changed-since", "main")
        _wait_for(tmp_path / "pid", running)
        assert running.stopped_by(kind).code == CODES[kind]
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)
        assert server.creates == []


def _wait_for(path: Path, running: Running) -> None:
    """Wait until another program has written `path`. Fails where the command has ended."""
    pause = 0
    while not path.exists():
        assert running.process.poll() is None, running.output
        pause += 1
        assert pause < 2000, running.output
        signal.sigtimedwait([], 0.02)
