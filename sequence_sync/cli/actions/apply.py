"""What `seqsync apply` does: reads or makes the plan, asks, carries it out, tells what became of it.

Apart from the command's options, so that its help loads none of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sequence_sync._version import __version__
from sequence_sync.cli.actions.report import ReportFiles
from sequence_sync.cli.context import opened, read_given
from sequence_sync.cli.options import CommandContext
from sequence_sync.cli.progress import BarProgress, LineProgress
from sequence_sync.errors import UsageError, worst
from sequence_sync.model.report import Observer
from sequence_sync.operations.apply import Applied, ApplyOptions, Hands
from sequence_sync.operations.apply import apply as apply_plan
from sequence_sync.operations.plan import PlanOptions
from sequence_sync.operations.workspace import lost_state_warning
from sequence_sync.plan.model import Plan, summary_line
from sequence_sync.plan.planfile import decode
from sequence_sync.provider.base import StoppedError
from sequence_sync.render.report import Outcome, counts_line, finished_report, report_text
from sequence_sync.render.text import plan_text

STOPPED = "Stopped before anything was done."


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; `lock_timeout` in seconds, `plan` is for an apply without a file."""

    file: str | None
    auto_approve: bool
    plan_hash: str | None
    parallelism: int
    lock_timeout: int
    reports: tuple[str, ...]
    plan: PlanOptions


def carry_out(door: CommandContext, wish: Wish) -> int:
    """One apply; its exit code. A report that cannot be written at its end makes a 0 to a 1."""
    with ReportFiles(door, wish.reports) as reporting:
        code = _carry_out(door, wish, reporting)
    return worst([code, int(reporting.failed)])


def _carry_out(door: CommandContext, wish: Wish, reporting: ReportFiles) -> int:
    if wish.file and wish.plan != PlanOptions():
        raise UsageError(
            "A saved plan is carried out as it is.",
            "-target, -exclude, -changed-since, -refresh and -allow go with `seqsync plan`; the file holds what was "
            "reviewed.",
            "Leave them out, or plan again with them.",
        )
    if wish.file == "":
        raise UsageError(
            "The name of the saved plan is empty.", "Is a variable not set?", "Without a file apply plans afresh."
        )
    saved = decode(read_given(wish.file, "The saved plan")) if wish.file else None
    reporting.plan = saved
    if saved is None and not wish.auto_approve:
        door.require_person()
    workspace = opened(door)
    reporting.environment, reporting.api_host = workspace.name, workspace.api_host
    if warning := lost_state_warning(workspace):
        door.console.note(f"Warning: {warning}")
    wanted = wish.plan_hash.strip().lower() if wish.plan_hash is not None else None
    options = ApplyOptions(
        plan=wish.plan,
        saved=saved,
        parallelism=wish.parallelism,
        lock_timeout=float(wish.lock_timeout),
        plan_hash=wanted,
    )

    def approve(plan: Plan) -> bool:
        reporting.plan = plan
        if saved is not None or wish.auto_approve:
            door.console.note(summary_line(plan))
            return True
        door.console.result(plan_text(plan, color=door.color).rstrip("\n"))
        return door.confirm("\nCarry out these changes?")

    key = workspace.key()  # before the orderly part: a signal ends the command that prints it at once
    try:
        with door.stop.orderly() as stop, observing(door) as observer:
            applied = apply_plan(workspace, key, options, Hands(reporting.hearing(observer), approve, stop))
    except StoppedError:
        reporting.finish_without(Outcome.STOPPED, 0, STOPPED)
        door.console.result(STOPPED)
        return 0
    reporting.plan = applied.plan
    return _told(door, applied, reporting)


@contextmanager
def observing(door: CommandContext, doing: str = "Applying") -> Iterator[Observer]:
    """Who hears of the progress: a bar on a terminal, else lines."""
    if door.console.is_terminal and door.verbose == 0:
        with BarProgress(door.console, doing=doing) as live:
            yield live
    else:
        yield LineProgress(door.console)


def _told(door: CommandContext, applied: Applied, reporting: ReportFiles) -> int:
    if applied.report is None:
        outcome, words = _nothing_done(applied)
        code = 1 if applied.said_no else 0
        door.console.result(words)
        reporting.finish_without(outcome, code, words)
        return code
    report = applied.report.model_copy(update={"stopped_by": door.stop.code})
    counts = counts_line(report)
    door.console.note(report_text(report, door.console.error_color))
    door.console.result(counts)
    if report.rescue:
        door.console.document(report.rescue)
    reporting.finish(finished_report(report, __version__, counts))
    return report.exit_code


def _nothing_done(applied: Applied) -> tuple[Outcome, str]:
    if applied.stopped:
        return Outcome.STOPPED, STOPPED
    if applied.said_no:
        return Outcome.DECLINED, "Nothing was done."
    if applied.already:
        return Outcome.ALREADY_APPLIED, "This plan has been applied already; there is nothing to do."
    return Outcome.NOTHING_TO_DO, summary_line(applied.plan)
