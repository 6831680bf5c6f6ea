"""The local lock among processes: exclusive, free at once when its owner dies, kept while its owner stands still."""

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
    """Where the state lies."""
    return tmp_path / "s.json"


@pytest.fixture
def spawn(path: Path) -> Iterator[Spawn]:
    """Starts a worker with so many turns, which lingers in each as told; ends it when the test is over."""
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


def said(process: subprocess.Popen[str]) -> str:
    """The next line of a worker."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest(process: subprocess.Popen[str]) -> str:
    """All that a worker still says until its good end."""
    assert process.stdout is not None
    text = process.stdout.read()
    assert process.wait() == 0
    return text


def backend(path: Path) -> LocalBackend:
    """A handle of this process."""
    return LocalBackend(path, path.parent / ".seqsync")


def test_another_process_is_kept_out_and_told_whom_to_end(path: Path, spawn: Spawn) -> None:
    """While a process holds the lock, another is refused with its id; the id is that of the real holder."""
    holder = spawn(1, 60.0)
    assert said(holder) == "locked False"
    with pytest.raises(StateLockedError, match=f"kill {holder.pid}"):
        backend(path).lock(info(), 0, FakeClock())
    found = backend(path).holder()
    assert found is not None
    assert found.pid == holder.pid


def test_a_dead_owner_frees_it_at_once(path: Path, spawn: Spawn) -> None:
    """After SIGKILL the lock is free without any wait, and the next owner knows that it takes over."""
    holder = spawn(1, 60.0)
    assert said(holder) == "locked False"
    holder.kill()
    holder.wait()
    assert backend(path).holder() is None
    lock = backend(path).lock(info(), 0, FakeClock())
    assert lock.taken_over
    lock.release()
    assert not backend(path).lock(info(), 0, FakeClock()).taken_over


def test_a_stopped_owner_keeps_it(path: Path, spawn: Spawn) -> None:
    """An owner that stands still keeps its lock however long others wait, and goes on unharmed when it wakes."""
    holder = spawn(1, -1.0)
    assert said(holder) == "locked False"
    os.kill(holder.pid, signal.SIGSTOP)
    with pytest.raises(StateLockedError):
        backend(path).lock(info(), 60.0, FakeClock())
    os.kill(holder.pid, signal.SIGCONT)
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert said(holder) == "released"
    assert path.read_bytes() == b"1"


def test_stress(path: Path, spawn: Spawn) -> None:
    """Twenty processes count together, one stopped for a second and one killed on the way, and no count is lost."""
    killed = spawn(1, 60.0)
    assert said(killed) == "locked False"
    stopped = spawn(TURNS, 0.1)
    others = [spawn(TURNS, 0.0) for _ in range(PROCESSES - 2)]
    killed.kill()
    first = said(stopped)
    os.kill(stopped.pid, signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        stopped.wait(1.0)
    os.kill(stopped.pid, signal.SIGCONT)
    told = first + "".join(rest(process) for process in (stopped, *others))
    assert told.count("released") == (PROCESSES - 1) * TURNS
    assert path.read_bytes() == str((PROCESSES - 1) * TURNS).encode()
    assert told.count("locked True") == 1
