"""Progress on a terminal: the count, and a time left that includes the wait for the rate limit."""

from __future__ import annotations

from sequence_sync.cli.console import Console
from sequence_sync.cli.progress import BarProgress
from sequence_sync.model.report import Event, Status


def test_time_left_is_no_less_than_the_current_wait() -> None:
    """Six of twelve changes took six seconds. A wait of 65 s makes that 65 s, and it counts down."""
    clock = [100.0]
    with BarProgress(Console({}), now=lambda: clock[0]) as bar:
        bar.on_event(Event(kind="begin", total=12))
        assert bar.time_left() == ""
        for number in range(6):
            clock[0] += 1
            bar.on_event(Event(kind=Status.DONE, address=f"trial.s{number}"))
        assert bar.time_left() == "0:06 left"
        bar.on_event(Event(kind="wait", address="POST /x", text="rate limit: waiting 65 s", seconds=65.0))
        assert bar.time_left() == "1:05 left"
        clock[0] += 40
        assert bar.time_left() == "0:25 left"
