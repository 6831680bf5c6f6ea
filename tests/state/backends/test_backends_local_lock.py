"""The local lock between processes: exclusive, free when its process ends, kept while its process is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.states import FakeClock, info

from sequence_sync.errors import StateLockedError
from sequence_sync.state.backends.local import LocalBackend

WORKER = Path(__file__).with_name("lock_worker.py")
ROOT = WORKER.parents[3]
PROCESSES, TURNS = 20, 3

Spawn = Callable[[int, float], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the state."""
    return tmp_path / "s.json"


@pytest.fixture
def spawn(path: Path) -> Iterator[Spawn]:
    """Start a worker with a number of turns and a wait in each. The worker ends with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(turns: int, linger: float) -> subprocess.Popen[str]:
        command = [sys.executable, str(WORKER), str(path), str(turns), str(linger)]
        running.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of a worker."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def remaining_output(process: subprocess.Popen[str]) -> str:
    """Return the remaining output of a worker, and check that it succeeded."""
    assert process.stdout is not None
    text = process.stdout.read()
    assert process.wait() == 0
    return text


def backend(path: Path) -> LocalBackend:
    """A handle of this process."""
    return LocalBackend(path, path.parent / ".seqsync")


def test_lock_error_names_the_process_that_holds_the_lock(path: Path, spawn: Spawn) -> None:
    holder = spawn(1, 60.0)
    assert next_line(holder) == "locked False"
    with pytest.raises(StateLockedError, match=f"kill {holder.pid}"):
        backend(path).lock(info(), 0, FakeClock())
    found = backend(path).holder()
    assert found is not None
    assert found.pid == holder.pid


def test_killed_process_frees_the_lock_at_once(path: Path, spawn: Spawn) -> None:
    """The next holder knows that it takes over."""
    holder = spawn(1, 60.0)
    assert next_line(holder) == "locked False"
    holder.kill()
    holder.wait()
    assert backend(path).holder() is None
    lock = backend(path).lock(info(), 0, FakeClock())
    assert lock.taken_over
    lock.release()
    assert not backend(path).lock(info(), 0, FakeClock()).taken_over


def test_stopped_process_keeps_the_lock(path: Path, spawn: Spawn) -> None:
    holder = spawn(1, -1.0)
    assert next_line(holder) == "locked False"
    os.kill(holder.pid, signal.SIGSTOP)
    with pytest.raises(StateLockedError):
        backend(path).lock(info(), 60.0, FakeClock())
    os.kill(holder.pid, signal.SIGCONT)
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert next_line(holder) == "released"
    assert path.read_bytes() == b"1"


def test_twenty_processes_lose_no_update_under_the_lock(path: Path, spawn: Spawn) -> None:
    """One is stopped for a second, and one is killed."""
    killed = spawn(1, 60.0)
    assert next_line(killed) == "locked False"
    stopped = spawn(TURNS, 0.1)
    others = [spawn(TURNS, 0.0) for _ in range(PROCESSES - 2)]
    killed.kill()
    first = next_line(stopped)
    os.kill(stopped.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        stopped.wait(1.0)
    os.kill(stopped.pid, signal.SIGCONT)
    output = first + "".join(remaining_output(process) for process in (stopped, *others))
    assert output.count("released") == (PROCESSES - 1) * TURNS
    assert path.read_bytes() == str((PROCESSES - 1) * TURNS).encode()
    assert output.count("locked True") == 1
