"""A command that is running, to be stopped by a signal, and what must be so afterwards."""

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
NEVER = 90.0  # seconds; an answer or a wait that a stopped command must not sit out
ORDERLY = 40  # seconds that an orderly stop may take on a busy machine; far less than NEVER

both = pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.name)
mostly = pytest.mark.parametrize(  # where the signal goes the same way, the second one is for the long tests
    "kind", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)], ids=["SIGTERM", "SIGINT"]
)


class Running:
    """A command, and what it has said so far."""

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
        self.said = ""
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._hear, args=(stream,), daemon=True) for stream in self._streams]
        for reader in self._readers:
            reader.start()

    @property
    def _streams(self) -> tuple[object, ...]:
        return (self.process.stdout, self.process.stderr)

    def _hear(self, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            with self._news:
                self.said += line
                self._news.notify_all()

    def until_said(self, words: str) -> None:
        """Wait for `words` in what it prints."""
        with self._news:
            assert self._news.wait_for(lambda: words in self.said, 30), self.said

    def stopped_by(self, kind: signal.Signals) -> Done:
        """Send one signal; how it ends."""
        self.process.send_signal(kind)
        return self.ended()

    def ended(self) -> Done:
        """How it ended; an end that takes too long fails the test."""
        try:
            code = self.process.wait(ORDERLY)
        finally:
            self.process.kill()
        for reader in self._readers:
            reader.join(10)
        for stream in self._streams:
            stream.close()  # type: ignore[attr-defined]
        assert "Traceback" not in self.said, self.said
        assert "bug in seqsync" not in self.said, self.said
        assert KEY not in self.said
        return Done(code, self.said, "")


def goes_on(project: Project, server: StandIn, faults: int) -> None:
    """The next run finishes what the stopped one began."""
    project.settle_grace = "1"
    apply_until_done(project, most=2)
    assert_exactly_once(server, faults)
    assert_quiet(project)
