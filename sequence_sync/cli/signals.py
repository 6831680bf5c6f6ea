"""Being stopped: SIGINT and SIGTERM, and the one question that a command asks.

A stop is either taken at once (while thinking, reading, asking) or in good order (while a plan is carried out: the
loop looks at `Stop.event`). Knows nothing of plans and state.
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
    """A signal ends what is going on now. No Exception, so that no handler of errors takes it for one."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Stop:
    """What the two signals do while the `with` block runs. Only the main thread may enter it.

    The first signal sets `event` and remembers `code` (130 or 143); outside `orderly()` it also raises Stopped there
    and then. The second leaves at once with that code.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.code = 0
        self._at_once = True
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Stop:
        # Also where SIGINT came in ignored (a job in the background): who sends it means this process.
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextmanager
    def orderly(self) -> Iterator[threading.Event]:
        """While the block runs the first signal only sets the event, which is handed out."""
        with self._taking(at_once=False):
            yield self.event

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While the block runs the first signal ends it. One that came before does so at the start."""
        with self._taking(at_once=True):
            if self.event.is_set():
                raise StoppedBySignalError(self.code)
            yield

    @contextmanager
    def _taking(self, *, at_once: bool) -> Iterator[None]:
        before, self._at_once = self._at_once, at_once
        try:
            yield
        finally:
            self._at_once = before

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            os._exit(self.code)
        self.code = 128 + number
        self.event.set()
        if self._at_once:
            raise StoppedBySignalError(self.code)


def require_person(interactive: bool) -> None:
    """Refuse where nobody can answer. To be called before anything is done, so that nothing is left half done."""
    if not interactive:
        raise UsageError(
            "Nobody is there to say yes.",
            "This command asks before it changes anything, and there is no terminal to ask at "
            "(or CI is set, or -input=false was given).",
            "Use -auto-approve, or apply a saved plan: seqsync plan -out FILE, then seqsync apply FILE.",
        )


def confirm(question: str, stop: Stop, ask: Callable[[str], None], *, interactive: bool) -> bool:
    """Ask (`ask` writes to stderr); only `yes` is a yes, the end of the input is a no.

    Raises UsageError where nobody can answer, and StoppedBySignalError on the first signal, without delay.
    """
    require_person(interactive)
    with stop.at_once():
        ask(f"{question}\n  Only yes is taken for a yes: ")
        try:
            answer = sys.stdin.readline()
        except UnicodeDecodeError:
            return False
        if not answer:
            ask("\n")
    return answer.strip() == "yes"
