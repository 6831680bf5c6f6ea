"""SIGINT and SIGTERM to a running apply: it ends gracefully, whatever it waits for, and the next run continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from running_command import CODES, GRACEFUL, NEVER, Running, both, check_next_run_finishes, mostly
from support import killed
from support.faults import CREATES, fault_project, spoiled
from support.stand_in import Fault, StandIn


@both
def test_signal_during_a_call_waits_for_the_answer_and_records_it(tmp_path: Path, kind: signal.Signals) -> None:
    """Nothing new begins after the answer."""
    with StandIn(faults=[Fault("late", 3, 2.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        assert running.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        assert len(project.ok("state", "list").out.splitlines()) == 3
        check_next_run_finishes(project, server, 0)


@mostly
def test_signal_during_a_slow_call_leaves_it_in_doubt(tmp_path: Path, kind: signal.Signals) -> None:
    """The next run finds what the call created."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        assert running.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        check_next_run_finishes(project, server, 0)


@mostly
def test_signal_ends_a_wait_for_the_rate_limit(tmp_path: Path, kind: signal.Signals) -> None:
    with StandIn(faults=[Fault("limit_seconds", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url)
        running = Running(project, "apply", "-auto-approve")
        running.wait_for_output("rate limit on")
        assert running.stopped_by(kind).code == CODES[kind]
        check_next_run_finishes(project, server, 1)


@mostly
def test_signal_ends_the_wait_for_a_create_in_doubt(tmp_path: Path, kind: signal.Signals) -> None:
    """Also in the run after it. The third run resolves the create."""
    with StandIn(faults=[Fault("drop_before", 3)]) as server:
        project = fault_project(tmp_path, server.url, settle_grace="900")
        running = Running(project, "apply", "-auto-approve")
        running.wait_for_output("faults.call")
        assert running.stopped_by(kind).code == CODES[kind]
        again = Running(project, "apply", "-auto-approve")
        again.wait_for_output("Resolving a write")
        assert again.stopped_by(kind).code == CODES[kind]
        assert len(server.creates) == 3
        check_next_run_finishes(project, server, 1)


@mostly
def test_signal_ends_the_wait_after_an_interrupted_run(tmp_path: Path, kind: signal.Signals) -> None:
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, settle_grace="900")
        first = project.start("apply", "-auto-approve", "-target", "faults.intro")
        server.wait_for_creates(2)
        first.kill()
        first.communicate()
        project.settle_grace = "1"
        project.run("apply", "-auto-approve", "-target", "faults.intro")
        (tmp_path / "seqsync.state.json.lock").write_text("{}")  # what a killed run leaves
        project.settle_grace = "900"
        running = Running(project, "apply", "-auto-approve")
        running.wait_for_output("The last run was interrupted")
        assert running.stopped_by(kind).code == CODES[kind]
        check_next_run_finishes(project, server, 1)


@mostly
def test_signal_ends_a_read_without_an_answer(tmp_path: Path, kind: signal.Signals) -> None:
    with StandIn() as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        server.slow_reads = NEVER
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_reads(1)
        assert running.stopped_by(kind).code == CODES[kind]
        server.slow_reads = 0
        check_next_run_finishes(project, server, 0)


@mostly
def test_signal_ends_a_wait_for_the_lock(tmp_path: Path, kind: signal.Signals) -> None:
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
        check_next_run_finishes(project, server, 0)


@both
def test_second_signal_ends_immediately(tmp_path: Path, kind: signal.Signals) -> None:
    """The journal still records the call in flight."""
    with StandIn(faults=[Fault("late", 3, NEVER)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        running = Running(project, "apply", "-auto-approve")
        server.wait_for_creates(3)
        running.process.send_signal(kind)
        running.process.send_signal(signal.SIGTERM if kind is signal.SIGINT else signal.SIGINT)
        assert running.ended().code in CODES.values()
        check_next_run_finishes(project, server, 0)


@both
def test_signal_to_the_process_group(tmp_path: Path, kind: signal.Signals) -> None:
    """CI signals the shell and the commands that it started. The exit code still arrives."""
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
        out, _ = shell.communicate(timeout=GRACEFUL)
        assert f"code {CODES[kind]}\n" in out, out
        assert len(server.creates) == 3
        check_next_run_finishes(project, server, 0)


@both
def test_signal_at_the_prompt_declines(tmp_path: Path, kind: signal.Signals) -> None:
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
        check_next_run_finishes(project, server, 0)


@mostly
def test_signal_during_a_plan_prints_no_plan(tmp_path: Path, kind: signal.Signals) -> None:
    done = spoiled(fault_project(tmp_path, "http://127.0.0.1:9/v1"), kind.name, "before-state-read", 1, "plan")
    assert (done.code, done.out) == (CODES[kind], "")


ORDINARY = ["before-send", "after-record", "before-journal-cut", "before-lock-release", "during-journal-write"]


@pytest.mark.parametrize(
    "point", [name if name in ORDINARY else pytest.param(name, marks=pytest.mark.long) for name in killed.NAMES]
)
def test_signal_at_every_point(tmp_path: Path, point: str) -> None:
    """The run ends with the code of the signal, and the next run sends nothing twice."""
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        done = spoiled(project, "SIGTERM", point, 2, "apply", "-auto-approve")
        assert done.code in (0, 143), done.both
        check_next_run_finishes(project, server, 0)
        assert len(server.creates) == CREATES
