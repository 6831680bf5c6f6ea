"""Progress on a terminal: the count, and a time left that does not forget what the rate limit makes it wait."""

from __future__ import annotations

from sequence_sync.cli.console import Console
from sequence_sync.cli.progress import BarProgress
from sequence_sync.model.report import Event, Status


def test_the_time_left_is_no_less_than_the_wait() -> None:
    """Six of twelve in six seconds would be six more; a wait of a minute makes it a minute, which runs down."""
    clock = [100.0]
    with BarProgress(Console({}), now=lambda: clock[0]) as live:
        live.on_event(Event(kind="begin", total=12))
        assert live.time_left() == ""
        for number in range(6):
            clock[0] += 1
            live.on_event(Event(kind=Status.DONE, address=f"trial.s{number}"))
        assert live.time_left() == "0:06 left"
        live.on_event(Event(kind="wait", address="POST /x", text="rate limit: waiting 65 s", seconds=65.0))
        assert live.time_left() == "1:05 left"
        clock[0] += 40
        assert live.time_left() == "0:25 left"
