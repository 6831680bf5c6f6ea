"""Interruptible reads: results, errors, and a stop during a read."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from sequence_sync.provider.base import Provider, StoppedError
from sequence_sync.provider.client import InterruptibleReads
from sequence_sync.provider.requests import SALESHANDY


class Reads:
    """An API with one scripted read."""

    dialect = SALESHANDY

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.fails: Exception | None = None

    def steps(self, sequence_id: str) -> list[str]:
        """A list of one, or a failure, when it may go on."""
        self.begun.set()
        self.go_on.wait(60)
        if self.fails:
            raise self.fails
        return [sequence_id]


def test_results_and_errors_of_a_read_are_passed_on() -> None:
    reads = Reads()
    reads.go_on.set()
    api = InterruptibleReads(cast(Provider, reads), threading.Event())
    assert api.steps("L1") == ["L1"]
    reads.fails = OSError("broken")
    with pytest.raises(OSError, match="broken"):
        api.steps("L1")


def test_a_stop_abandons_a_read_that_does_not_end() -> None:
    reads, stop = Reads(), threading.Event()
    api = InterruptibleReads(cast(Provider, reads), stop)
    threading.Thread(target=lambda: reads.begun.wait(60) and stop.set()).start()
    with pytest.raises(StoppedError):
        api.steps("L1")
    assert not reads.go_on.is_set()
    with pytest.raises(StoppedError):
        api.steps("L2")
    reads.go_on.set()
