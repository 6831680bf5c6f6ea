"""SIGINT and SIGTERM to a running apply: an orderly end, whatever it is waiting for, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from running_command import CODES, NEVER, ORDERLY, Running, both, goes_on, mostly
from support import killed
from support.faults import CREATES, fault_project, spoiled
from support.stand_in import Fault, StandIn


@both
def test_a_call_in_flight_is_awaited_and_recorded(tmp_path: Path, kind: signal.Signals) -> None:
    """An answer that comes within the last seconds is taken; nothing new is begun after it."""
    with StandIn(faults=[Fault("late", 3, 2.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        assert running.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        assert len(project.ok("state", "list").out.splitlines()) == 3
        goes_on(project, server, 0)


@mostly
def test_a_call_that_takes_longer_is_left_open(tmp_path: Path, kind: signal.Signals) -> None:
    """A call that does not end is not waited for; the next run finds what it made."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        assert running.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        goes_on(project, server, 0)


@mostly
def test_in_a_wait_for_the_rate_limit(tmp_path: Path, kind: signal.Signals) -> None:
    """A wait for the limit ends at once."""
    with StandIn(faults=[Fault("limit_seconds", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url)
        running = Running(project, "apply", "-auto-approve")
        running.until_said("rate limit: waiting")
        assert running.stopped_by(kind).code == CODES[kind]
        goes_on(project, server, 1)


@mostly
def test_while_an_unclear_create_is_settled(tmp_path: Path, kind: signal.Signals) -> None:
    """The looks at an unclear create end at once; so do those of the run after it; then it is settled."""
    with StandIn(faults=[Fault("drop_before", 3)]) as server:
        project = fault_project(tmp_path, server.url, settle_grace="900")
        running = Running(project, "apply", "-auto-approve")
        running.until_said("faults.call")
        assert running.stopped_by(kind).code == CODES[kind]
        again = Running(project, "apply", "-auto-approve")
        again.until_said("Resolving a write")
        assert again.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        goes_on(project, server, 1)


@mostly
def test_in_the_second_look(tmp_path: Path, kind: signal.Signals) -> None:
    """The wait before the first write, after a run that was cut off, ends at once."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, settle_grace="900")
        first = project.start("apply", "-auto-approve", "-target", "faults.intro")
        server.wait_for_creates(2)
        first.kill()
        first.communicate()
        project.settle_grace = "1"
        project.run("apply", "-auto-approve", "-target", "faults.intro")
        (tmp_path / "seqsync.state.json.lock").write_text("{}")  # as a killed run leaves it
        project.settle_grace = "900"
        running = Running(project, "apply", "-auto-approve")
        running.until_said("The last run was interrupted")
        assert running.stopped_by(kind).code == CODES[kind]
        goes_on(project, server, 1)


@mostly
def test_while_the_account_is_read(tmp_path: Path, kind: signal.Signals) -> None:
    """A read that does not answer holds nobody."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        server.slow_reads = NEVER
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_reads(1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.slow_reads = 0
        goes_on(project, server, 0)


@mostly
def test_while_it_waits_for_the_lock(tmp_path: Path, kind: signal.Signals) -> None:
    """A run that waits for another one's lock can be stopped."""
    with StandIn(faults=[Fault("late", 3, 4.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        holder = project.start("apply", "-auto-approve")
        server.wait_for_creates(3)
        holder.send_signal(signal.SIGSTOP)
        arguments = ("apply", "-auto-approve", "-lock-timeout", "10m")
        try:
            assert spoiled(project, kind.name, "after-try-lock", 2, *arguments).code == CODES[kind]
        finally:
            holder.send_signal(signal.SIGCONT)
        assert holder.wait(60) == 0
        holder.communicate()
        goes_on(project, server, 0)


@both
def test_the_second_signal_leaves_at_once(tmp_path: Path, kind: signal.Signals) -> None:
    """Two signals leave the call in flight alone; the journal still tells the truth."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        running.process.send_signal(kind)
        running.process.send_signal(signal.SIGTERM if kind is signal.SIGINT else signal.SIGINT)
        assert running.ended().code in CODES.values()
        goes_on(project, server, 0)


@both
def test_a_signal_to_the_whole_group(tmp_path: Path, kind: signal.Signals) -> None:
    """CI signals the shell and what it started alike; the exit code is still told."""
    with StandIn(faults=[Fault("late", 3, 2.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        script = f'trap : INT TERM; "{sys.executable}" -m sequence_sync apply -auto-approve; echo "code $?"'
        shell = subprocess.Popen(
            ["/bin/sh", "-c", script],
            cwd=tmp_path,
            env=project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server.wait_for_creates(3)
        os.killpg(shell.pid, kind)
        out, _ = shell.communicate(timeout=ORDERLY)
        assert f"code {CODES[kind]}\n" in out, out
        assert len(server.creates) == 3
        goes_on(project, server, 0)


@both
def test_at_the_prompt(tmp_path: Path, kind: signal.Signals) -> None:
    """A question that is open when the signal comes is a no, and nothing is sent."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        child = pexpect.spawn(
            sys.executable,
            ["-m", "sequence_sync", "apply"],
            cwd=str(tmp_path),
            env={**project.environ, "TERM": "xterm"},
            encoding="utf-8",
            timeout=30,
        )
        child.expect("Type 'yes' to apply: ")
        child.kill(kind)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == CODES[kind]
        assert server.creates == []
        goes_on(project, server, 0)


@mostly
def test_during_a_plan(tmp_path: Path, kind: signal.Signals) -> None:
    """A plan that is stopped says so and nothing else."""
    done = spoiled(fault_project(tmp_path, "http://127.0.0.1:9/v1"), kind.name, "before-state-read", 1, "plan")
    assert (done.code, done.out) == (CODES[kind], "")


ORDINARY = ["before-send", "after-record", "before-journal-cut", "before-lock-release", "during-journal-write"]


@pytest.mark.parametrize(
    "point", [name if name in ORDINARY else pytest.param(name, marks=pytest.mark.long) for name in killed.NAMES]
)
def test_at_every_point(tmp_path: Path, point: str) -> None:
    """Wherever the signal comes, the run ends with its code, and the next one sends nothing twice."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        done = spoiled(project, "SIGTERM", point, 2, "apply", "-auto-approve")
        assert done.code in (0, 143), done.both
        goes_on(project, server, 0)
        assert len(server.creates) == CREATES
