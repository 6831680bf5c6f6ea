"""A running command that a test stops by a signal, and what must hold afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from support.faults import apply_until_done, assert_exactly_once, assert_quiet
from support.project import KEY, Done, Project
from support.stand_in import StandIn

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
NEVER = 90.0  # seconds; an answer or a wait that a stopped command must not wait for
GRACEFUL = 40  # seconds that a graceful stop may take on a busy machine; far less than NEVER

both = pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.name)
mostly = pytest.mark.parametrize(  # both signals take the same path here, so one of them is a long test
    "kind", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)], ids=["SIGTERM", "SIGINT"]
)


class Running:
    """A command and its output so far."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sequence_sync", *arguments],
            cwd=project.root,
            env=project.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._collect, args=(stream,), daemon=True) for stream in self._streams
        ]
        for reader in self._readers:
            reader.start()

    @property
    def _streams(self) -> tuple[object, ...]:
        return (self.process.stdout, self.process.stderr)

    def _collect(self, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            with self._changed:
                self.output += line
                self._changed.notify_all()

    def wait_for_output(self, text: str) -> None:
        """Wait until `text` is in the output."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.output, 30), self.output

    def stopped_by(self, kind: signal.Signals) -> Done:
        """Send one signal and return how the command ended."""
        self.process.send_signal(kind)
        return self.ended()

    def ended(self) -> Done:
        """Return how the command ended. Fails where that takes too long."""
        try:
            code = self.process.wait(GRACEFUL)
        finally:
            self.process.kill()
        for reader in self._readers:
            reader.join(10)
        for stream in self._streams:
            stream.close()  # type: ignore[attr-defined]
        assert "Traceback" not in self.output, self.output
        assert "bug in seqsync" not in self.output, self.output
        assert KEY not in self.output
        return Done(code, self.output, "")


def check_next_run_finishes(project: Project, server: StandIn, faults: int) -> None:
    """Check that the next run finishes what the stopped run began, and sends nothing twice."""
    project.settle_grace = "1"
    apply_until_done(project, most=2)
    assert_exactly_once(server, faults)
    assert_quiet(project)
