"""Signals to shells that become seqsync, to commands that read, and to what seqsync itself has started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_command import CODES, NEVER, ORDERLY, Running, both, goes_on, mostly
from support.faults import apply_until_done, fault_project
from support.project import Project
from support.stand_in import Fault, StandIn

LOOKS = {
    "plan -refresh": ("plan", "-refresh"),
    "drift": ("drift",),
    "import": ("import", "-all"),
    "state resolve": ("state", "resolve", "faults.intro", "-recreate"),
}
each_look = pytest.mark.parametrize("line", LOOKS.values(), ids=LOOKS)


@both
@pytest.mark.parametrize("before", ["", "trap '' INT; "], ids=["plain", "where SIGINT is ignored"])
def test_a_shell_that_becomes_seqsync(tmp_path: Path, kind: signal.Signals, before: str) -> None:
    """A job's shell that ends with `exec` hands its signals on; who started it with SIGINT ignored is heard too."""
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
        out, _ = shell.communicate(timeout=ORDERLY)
        assert shell.returncode == CODES[kind], out
        assert len(server.creates) == 3
        assert len(project.ok("state", "list").out.splitlines()) == 3
        goes_on(project, server, 0)


@mostly
def test_an_impatient_host(tmp_path: Path, kind: signal.Signals) -> None:
    """SIGINT to the group and SIGKILL to it soon after: what was in flight is found by the next run."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        os.killpg(running.process.pid, kind)
        os.killpg(running.process.pid, signal.SIGKILL)
        assert running.ended().code in (-signal.SIGKILL, CODES[kind])
        goes_on(project, server, 0)


@mostly
@each_look
def test_while_a_command_reads(tmp_path: Path, kind: signal.Signals, line: tuple[str, ...]) -> None:
    """A read that does not answer holds nobody, and what was known is known afterwards."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        apply_until_done(project)
        before = project.ok("state", "pull").out
        server.slow_reads = NEVER
        running = Running(project, *line)
        server.wait_for_reads(server.reads + 1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.slow_reads = 0
        _is_as_before(project, before)
        goes_on(project, server, 0)


@mostly
@each_look
def test_while_a_command_waits_for_the_limit_of_reads(
    tmp_path: Path, kind: signal.Signals, line: tuple[str, ...]
) -> None:
    """So does a wait for the rate limit."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        apply_until_done(project)
        before = project.ok("state", "pull").out
        server.read_faults = dict.fromkeys(range(server.reads + 1, server.reads + 40), "limit_400")
        running = Running(project, *line)
        server.wait_for_reads(server.reads + 1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.read_faults = {}
        _is_as_before(project, before)
        goes_on(project, server, 0)


def _is_as_before(project: Project, before: str) -> None:
    """Nothing was decided; only how often the state was written may differ."""
    then, now = json.loads(before), json.loads(project.ok("state", "pull").out)
    assert now["sequences"] == then["sequences"]
    assert not (project.root / "sequences/faults-2.yaml").exists()


@mostly
@pytest.mark.parametrize("what", ["key", "git"])
def test_while_another_program_works(tmp_path: Path, kind: signal.Signals, what: str) -> None:
    """The command that prints the key, and git, end with it; nothing was sent."""
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
    """Until another program has written a file; a command that has ended will not."""
    pause = 0
    while not path.exists():
        assert running.process.poll() is None, running.said
        pause += 1
        assert pause < 2000, running.said
        signal.sigtimedwait([], 0.02)
