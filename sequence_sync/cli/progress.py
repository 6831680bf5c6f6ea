"""Progress of a command on stderr: a bar with count and time left on a terminal, one line per event elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from sequence_sync.cli.console import Console
from sequence_sync.cli.context import CommandContext
from sequence_sync.model.report import Event, Observer, Status
from sequence_sync.render.report import event_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FINISHED = frozenset(Status)  # kinds of events that end a change
MESSAGES = frozenset({"wait", "note", "in-doubt", "resolving"})  # kinds of events that carry a text for people


@contextmanager
def show_progress(context: CommandContext, label: str) -> Iterator[Observer]:
    """Show the events that the observer receives: a bar with `label` on a terminal, lines elsewhere and with -v."""
    if context.console.is_terminal and context.verbose == 0:
        with BarProgress(context.console, label=label) as bar:
            yield bar
    else:
        yield LineProgress(context.console)


def _message(event: Event) -> str:
    return ": ".join(part for part in (event.address, event.text or event.kind) if part)


class LineProgress:
    """Prints one line per event. A finished change is preceded by the count."""

    def __init__(self, console: Console) -> None:
        self.console, self.done, self.total = console, 0, 0
        self._lock = threading.Lock()

    def on_event(self, event: Event) -> None:
        """Print `event`. Several threads may call this."""
        with self._lock:
            if event.kind == "begin":
                self.total = event.total
            elif event.kind in FINISHED:
                self.done += 1
                self.console.note(f"[{self.done}/{self.total}] {event_line(event.kind, event.address, event.text)}")
            elif event.kind in MESSAGES:
                self.console.note(_message(event))


class _TimeLeft:
    """A text that is computed each time the bar is drawn."""

    def __init__(self, bar: BarProgress) -> None:
        self.bar = bar

    def __str__(self) -> str:
        return self.bar.time_left()


class BarProgress:
    """Draws a bar over itself, and prints lines above it for what a person should read."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic, label: str = "Applying") -> None:
        self.console, self._now, self._label = console, now, label
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
        """Advance the bar. Print the event too, unless it is a change that went well. Several threads may call this."""
        with self._lock:
            if event.kind == "begin":
                self._begin(event.total)
            elif event.kind in FINISHED and self._progress is not None and self._task is not None:
                self._progress.advance(self._task)
                if event.kind not in (Status.DONE, Status.RECORDED, Status.ALREADY):
                    self._print(event_line(event.kind, event.address, event.text))
            elif event.kind in MESSAGES:
                self._waits_until = max(self._waits_until, self._now() + event.seconds)
                self._print(_message(event))

    def _begin(self, total: int) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        screen = RichConsole(stderr=True, markup=False, highlight=False, no_color=not self.console.error_color)
        self._progress = Progress(
            TextColumn(self._label),
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
        """Return `1:05 left`: by the speed so far, and no less than the current wait. Empty before the first change."""
        if self._progress is None or self._task is None:
            return ""
        waits = max(0.0, self._waits_until - self._now())
        by_speed = self._progress.tasks[0].time_remaining
        if by_speed is None and not waits:
            return ""
        minutes, seconds = divmod(round(max(waits, by_speed or 0.0)), 60)
        return f"{minutes}:{seconds:02d} left"

    def _print(self, text: str) -> None:
        if self._progress is None:
            self.console.note(text)
        else:
            self._progress.console.print(self.console.redact(text), markup=False, highlight=False)
