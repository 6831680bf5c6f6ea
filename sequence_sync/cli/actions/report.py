"""The files of `apply -report`: begun before anything else, so that every end of a run leaves its word.

A run that is refused, that fails in the middle or that a signal ends writes what it knows; one that is killed leaves
`unfinished`. A name that ends with `.md` gets Markdown, every other JSON.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType

from sequence_sync._version import __version__
from sequence_sync.cli.context import write_result
from sequence_sync.cli.options import CommandContext
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
    """The reports of one run, a context around all of it. `environment`, `api_host` and `plan` are filled in when they
    are known; `finish` takes the report of a run that came to its end."""

    def __init__(self, door: CommandContext, paths: Sequence[str]) -> None:
        self.door, self.paths = door, paths
        self.environment: str | None = None
        self.api_host: str | None = None
        self.plan: Plan | None = None
        self.finished: AppliedReport | None = None
        self.failed = False
        self._began = False
        self._heard: list[Event] = []

    def __enter__(self) -> ReportFiles:
        """Raises UsageError where a file cannot be written: before anything is done."""
        self._write(self._report(Outcome.UNFINISHED, None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        report = self._ended_by(error) if error is not None else self.finished
        if report is None:
            return
        try:
            self._write(report)
        except UsageError as problem:
            self.failed = True
            self.door.console.note(f"{problem.summary} {problem.detail} What was done is recorded all the same.")

    def finish(self, report: AppliedReport) -> None:
        """The run came to its end."""
        self.finished = report

    def finish_without(self, outcome: Outcome, code: int, message: str) -> None:
        """The run came to its end, and nothing was carried out."""
        stopped = self.door.stop.code
        report = self._report(Outcome.STOPPED if stopped else outcome, stopped or code)
        self.finish(report.model_copy(update={"message": message}))

    def hearing(self, observer: Observer) -> Observer:
        """`observer`, and what it hears is remembered for a run that does not come to its end."""
        return _RecordingObserver(self._heard, observer)

    def _report(self, outcome: Outcome, code: int | None) -> AppliedReport:
        return AppliedReport(
            tool_version=__version__,
            outcome=outcome,
            exit_code=code,
            environment=self.environment,
            api_host=self.api_host,
            plan_hash=self.plan.plan_hash() if self.plan else None,
            stopped_by=self.door.stop.code,
        )

    def _ended_by(self, error: BaseException) -> AppliedReport:
        stopped = self.door.stop.code
        code = stopped or (error.exit_code if isinstance(error, SeqsyncError) else SeqsyncError.exit_code)
        results = self._results()
        began = any(event.kind == "begin" for event in self._heard)
        report = self._report(outcome_of(code, results, bool(stopped), began), code)
        told = None if stopped and not isinstance(error, Exception) else why_of(error)
        message = told.summary if told else "Stopped before anything was done."
        more = {"error": told, "message": message, "results": results, "counts": counts_of(results)}
        return report.model_copy(update=more)

    def _results(self) -> tuple[ChangeResult, ...]:
        """What was heard of each change, in the order in which it happened."""
        actions: dict[str, list[str]] = defaultdict(list)
        for change in self.plan.to_do if self.plan else ():
            actions[change.address].append(change.action)
        rows = []
        for event in self._heard:
            if event.kind in set(Status):
                waiting = actions[event.address]
                action = waiting.pop(0) if waiting else ""
                row = ChangeResult(address=event.address, action=action, status=Status(event.kind), detail=event.text)
                rows.append(row)
        return tuple(rows)

    def _write(self, report: AppliedReport) -> None:
        for path in self.paths:
            text = report_markdown(report) if path.lower().endswith(MARKDOWN) else report_json(report)
            write_result(path, self.door.console.redact(text).encode(), "The report")


class _RecordingObserver:
    """An observer that remembers what it hands on; called from several threads."""

    def __init__(self, heard: list[Event], observer: Observer) -> None:
        self.heard, self.observer = heard, observer

    def on_event(self, event: Event) -> None:
        """Remember `event`, then hand it on."""
        self.heard.append(event)
        self.observer.on_event(event)
