"""SIGINT and SIGTERM, and the one question that a command asks.

A signal ends a command immediately while it reads, thinks or asks. While a plan is applied, the signal only sets
`SignalHandler.event`, and apply ends gracefully. Must not know plans or state.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from sequence_sync.errors import UsageError


class StoppedBySignalError(BaseException):
    """A signal ends the command. Not an Exception, so that no error handler catches it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class SignalHandler:
    """Handles both signals while the `with` block runs. Only the main thread may enter it.

    The first signal sets `event` and `exit_code` (130 or 143). Outside `graceful()` it also raises
    StoppedBySignalError. The second signal ends the process immediately with the exit code of the first.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.exit_code = 0
        self._immediate = True
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> SignalHandler:
        # SIGINT is handled even where it was ignored, as in a background job: whoever sends it means this process.
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextmanager
    def graceful(self) -> Iterator[threading.Event]:
        """Within the block the first signal only sets the event, which the block receives."""
        with self._mode(immediate=False):
            yield self.event

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Within the block the first signal raises. An earlier signal raises at the start."""
        with self._mode(immediate=True):
            if self.event.is_set():
                raise StoppedBySignalError(self.exit_code)
            yield

    @contextmanager
    def _mode(self, *, immediate: bool) -> Iterator[None]:
        previous, self._immediate = self._immediate, immediate
        try:
            yield
        finally:
            self._immediate = previous

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            os._exit(self.exit_code)
        self.exit_code = 128 + number
        self.event.set()
        if self._immediate:
            raise StoppedBySignalError(self.exit_code)


def require_terminal(interactive: bool) -> None:
    """Raise UsageError where no question can be asked. Call it before anything is done."""
    if not interactive:
        raise UsageError(
            "Approval needs a terminal.",
            "stdin is not a terminal, or CI is set, or -input=false was given.",
            "Use -auto-approve, or apply a saved plan: seqsync plan -out FILE, then seqsync apply FILE.",
        )


def confirm(question: str, signals: SignalHandler, prompt: Callable[[str], None], *, interactive: bool) -> bool:
    """Ask for the approval of an apply through `prompt`, which writes to stderr. Return whether the answer is `yes`.

    The end of the input is a no. Raises UsageError where no question can be asked, StoppedBySignalError on a signal.
    """
    require_terminal(interactive)
    with signals.immediate():
        prompt(f"{question}\n  Type 'yes' to apply: ")
        try:
            answer = sys.stdin.readline()
        except UnicodeDecodeError:
            return False
        if not answer:
            prompt("\n")
    return answer.strip() == "yes"
