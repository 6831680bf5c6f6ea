"""Run commands in forks of one process that has imported everything (see `forked`): a run then needs no start."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        """Return everything that the command printed."""
        return self.out + self.err


class Forks:
    """The process that forks, started at its first use. It runs one command at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(
        self, arguments: tuple[str, ...], cwd: Path, environ: dict[str, str], bomb: tuple[str, ...] = ()
    ) -> Done | None:
        """Run one command line to its end. `bomb`: kind, point and number for `killed`.

        Returns None, and runs nothing, while another thread's command is running.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            with tempfile.TemporaryDirectory() as folder:
                out, err = Path(folder, "out"), Path(folder, "err")
                request = {"argv": arguments, "bomb": bomb, "cwd": str(cwd), "environ": environ}
                code = self._answer(json.dumps(request | {"out": str(out), "err": str(err)}))
                return Done(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))
        finally:
            self._lock.release()

    def _answer(self, line: str) -> int:
        if self._process is None:
            program = [sys.executable, str(Path(__file__).with_name("forked.py"))]
            self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate(timeout=30)


@cache
def shared_forks() -> Forks:
    """Return the forks of this test process. They end with it."""
    forks = Forks()
    atexit.register(forks.close)
    return forks
