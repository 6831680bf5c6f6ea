"""The files of `apply -report`. They are written before anything else, so that a report exists however the run ends.

A run that is refused, fails or is stopped by a signal writes what it knows. A killed run leaves `unfinished`. A name
that ends with `.md` gets Markdown, every other name JSON.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType

from sequence_sync._version import __version__
from sequence_sync.cli.context import CommandContext, write_output_file
from sequence_sync.errors import SeqsyncError, UsageError
from sequence_sync.model.report import ChangeResult, Event, Observer, Status
from sequence_sync.plan.model import Plan
from sequence_sync.render.report import (
    AppliedReport,
    Outcome,
    counts_of,
    outcome_of,
    report_json,
    report_markdown,
    why_of,
)

MARKDOWN = (".md", ".markdown")


class ReportFiles:
    """The report files of one apply, as a context manager around all of it.

    The command sets `environment`, `api_host` and `plan` as soon as it knows them, and calls `finish` or
    `finish_unapplied` at the end. `failed`: a file could not be written at the end.
    """

    def __init__(self, context: CommandContext, paths: Sequence[str]) -> None:
        self.context, self.paths = context, paths
        self.environment: str | None = None
        self.api_host: str | None = None
        self.plan: Plan | None = None
        self.finished: AppliedReport | None = None
        self.failed = False
        self._events: list[Event] = []

    def __enter__(self) -> ReportFiles:
        """Write the unfinished report. Raises UsageError where a file cannot be written."""
        self._write(self._report(Outcome.UNFINISHED, None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        report = self._report_of_error(error) if error is not None else self.finished
        if report is None:
            return
        try:
            self._write(report)
        except UsageError as problem:
            self.failed = True
            self.context.console.note(f"{problem.summary} The state records what was done.")

    def finish(self, report: AppliedReport) -> None:
        """Write `report` at the end of the run."""
        self.finished = report

    def finish_unapplied(self, outcome: Outcome, code: int, message: str) -> None:
        """Write, at the end of the run, that it applied nothing."""
        stopped = self.context.signals.exit_code
        report = self._report(Outcome.STOPPED if stopped else outcome, stopped or code)
        self.finish(report.model_copy(update={"message": message}))

    def record(self, observer: Observer) -> Observer:
        """Return an observer that keeps each event for the report of an error, and passes it to `observer`."""
        return _RecordingObserver(self._events, observer)

    def _report(self, outcome: Outcome, code: int | None) -> AppliedReport:
        return AppliedReport(
            tool_version=__version__,
            outcome=outcome,
            exit_code=code,
            environment=self.environment,
            api_host=self.api_host,
            plan_hash=self.plan.plan_hash() if self.plan else None,
            stopped_by=self.context.signals.exit_code,
        )

    def _report_of_error(self, error: BaseException) -> AppliedReport:
        stopped = self.context.signals.exit_code
        code = stopped or (error.exit_code if isinstance(error, SeqsyncError) else SeqsyncError.exit_code)
        results = self._results()
        began = any(event.kind == "begin" for event in self._events)
        report = self._report(outcome_of(code, results, bool(stopped), began), code)
        why = None if stopped and not isinstance(error, Exception) else why_of(error)
        message = why.summary if why else "Stopped before anything was done."
        update = {"error": why, "message": message, "results": results, "counts": counts_of(results)}
        return report.model_copy(update=update)

    def _results(self) -> tuple[ChangeResult, ...]:
        """Return the results that the events report, in the order in which they happened."""
        actions: dict[str, list[str]] = defaultdict(list)
        for change in self.plan.to_do if self.plan else ():
            actions[change.address].append(change.action)
        rows = []
        for event in self._events:
            if event.kind in set(Status):
                left = actions[event.address]
                action = left.pop(0) if left else ""
                status, text = Status(event.kind), event.text
                # An event does not say the exit code.
                rows.append(ChangeResult(address=event.address, action=action, status=status, detail=text, code=0))
        return tuple(rows)

    def _write(self, report: AppliedReport) -> None:
        for path in self.paths:
            text = report_markdown(report) if path.lower().endswith(MARKDOWN) else report_json(report)
            write_output_file(path, self.context.console.redact(text).encode())


class _RecordingObserver:
    """Keeps each event, then passes it on. Several threads may call it."""

    def __init__(self, events: list[Event], observer: Observer) -> None:
        self.events, self.observer = events, observer

    def on_event(self, event: Event) -> None:
        """Keep `event`, then pass it on."""
        self.events.append(event)
        self.observer.on_event(event)
