"""Run commands in forks: see `exit_forked`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from support.project import Done


class Forks:
    """The process that forks, started at its first use."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: tuple[str, ...], cwd: Path, environ: dict[str, str], bomb: tuple[str, ...] = ()) -> Done:
        """Run one command line to its end. `bomb`: signal, point and number for `killed`."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {"argv": arguments, "bomb": bomb, "cwd": str(cwd), "environ": environ}
            code = self._answer(json.dumps(request | {"out": str(out), "err": str(err)}))
            return Done(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def _answer(self, line: str) -> int:
        if self._process is None:
            program = [sys.executable, str(Path(__file__).with_name("exit_forked.py"))]
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
