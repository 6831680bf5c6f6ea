"""Reads that a stop leaves at once: for commands that are stopped in good order and must not sit out a silent server.

Knows nothing of what is read. A write is never left: whether it arrived must be known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sequence_sync.api.types import Answer, Api, RemoteSequence, RemoteStep, RemoteVariant, Request, Stopped

LOOK_AGAIN = 0.1  # seconds; a wait without an end would hear no signal

T = TypeVar("T")


class Interruptible:
    """`api`, whose reads raise Stopped as soon as `stop` is set. What a read that was left brings is dropped."""

    def __init__(self, api: Api, stop: threading.Event) -> None:
        self._api, self._stop = api, stop

    def sequences(self, title: str | None = None) -> list[RemoteSequence]:
        """See `Api`."""
        return self._left_at_once(lambda: self._api.sequences(title))

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See `Api`."""
        return self._left_at_once(lambda: self._api.steps(sequence_id))

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """See `Api`."""
        return self._left_at_once(lambda: self._api.variants(sequence_id, step_id))

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """See `Api`."""
        return self._api.write(request, before)

    def _left_at_once(self, read: Callable[[], T]) -> T:
        found: list[T] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                found.append(read())
            except BaseException as error:  # told to the caller's thread below
                failed.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            if self._stop.is_set():
                raise Stopped
            thread.join(LOOK_AGAIN)
        if failed:
            raise failed[0]
        return found[0]
