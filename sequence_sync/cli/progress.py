"""Progress of an apply: a bar with count and time left on a terminal, plain lines elsewhere. All of it on stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from sequence_sync.cli.console import Console
from sequence_sync.model.report import Event, Status
from sequence_sync.render.report import event_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

THROUGH = frozenset(Status)
TOLD = frozenset({"wait", "note", "unclear", "settling"})


class LineProgress:
    """One line for each thing that happens; the count stands before it."""

    def __init__(self, console: Console) -> None:
        self.console, self.done, self.total = console, 0, 0
        self._lock = threading.Lock()

    def on_event(self, event: Event) -> None:
        """Tell it."""
        with self._lock:
            if event.kind == "begin":
                self.total = event.total
            elif event.kind in THROUGH:
                self.done += 1
                self.console.note(f"[{self.done}/{self.total}] {event_line(event.kind, event.address, event.text)}")
            elif event.kind in TOLD:
                self.console.note(" ".join(part for part in (event.address, event.text or event.kind) if part))


class _TimeLeft:
    """A text that is made anew each time the bar is drawn."""

    def __init__(self, live: BarProgress) -> None:
        self.live = live

    def __str__(self) -> str:
        return self.live.time_left()


class BarProgress:
    """A bar that is drawn over itself, with lines above it for what a person should read."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic, doing: str = "Applying") -> None:
        self.console, self._now, self._doing = console, now, doing
        self._waits_until = 0.0
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> BarProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def on_event(self, event: Event) -> None:
        """Move the bar; tell what is more than a change that went well."""
        with self._lock:
            if event.kind == "begin":
                self._begin(event.total)
            elif event.kind in THROUGH and self._progress is not None and self._task is not None:
                self._progress.advance(self._task)
                if event.kind not in (Status.DONE, Status.RECORDED, Status.ALREADY):
                    self._line(event_line(event.kind, event.address, event.text))
            elif event.kind in TOLD:
                self._waits_until = max(self._waits_until, self._now() + event.seconds)
                self._line(" ".join(part for part in (event.address, event.text or event.kind) if part))

    def _begin(self, total: int) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        screen = RichConsole(stderr=True, markup=False, highlight=False, no_color=not self.console.error_color)
        self._progress = Progress(
            TextColumn(self._doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=screen,
            transient=True,
            get_time=self._now,
        )
        self._task = self._progress.add_task("apply", total=total, left=_TimeLeft(self))
        self._progress.start()

    def time_left(self) -> str:
        """By the speed so far, but no less than what the rate limit makes it wait: `1:05 left`; at first nothing."""
        if self._progress is None or self._task is None:
            return ""
        waits = max(0.0, self._waits_until - self._now())
        by_speed = self._progress.tasks[0].time_remaining
        if by_speed is None and not waits:
            return ""
        minutes, seconds = divmod(round(max(waits, by_speed or 0.0)), 60)
        return f"{minutes}:{seconds:02d} left"

    def _line(self, text: str) -> None:
        if self._progress is None:
            self.console.note(text)
        else:
            self._progress.console.print(self.console.redact(text), markup=False, highlight=False)
