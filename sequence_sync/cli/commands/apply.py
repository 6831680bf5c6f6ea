"""`seqsync apply`: carry out a saved plan, or plan, ask, and carry out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from sequence_sync.api.types import Stopped
from sequence_sync.cli.commands.opening import opened, read_given, write_result
from sequence_sync.cli.options import Door, Duration, selection_options
from sequence_sync.cli.progress import Lines, Live
from sequence_sync.errors import UsageProblem
from sequence_sync.planning.outcome import Observer
from sequence_sync.planning.plan import Plan, summary_line
from sequence_sync.planning.planfile import decode
from sequence_sync.render.report import counts_line, report_text
from sequence_sync.render.text import plan_text
from sequence_sync.running import Applied, ApplyOptions, Hands
from sequence_sync.running import apply as apply_plan
from sequence_sync.workspace import PlanOptions, warn_of_lost_state

STOPPED = "Stopped before anything was done."


@click.command()
@click.argument("file", required=False)
@click.option("-auto-approve", is_flag=True, help="Do not ask.")
@click.option("-plan-hash", metavar="HASH", help="Go on only if the plan has this hash.")
@click.option("-parallelism", type=click.IntRange(1, 64), default=4, show_default=True, help="Sequences at a time.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.option("-report", metavar="FILE", help="Write what became of every change, as JSON.")
@selection_options
@click.pass_obj
def apply(
    door: Door, file: str | None, auto_approve: bool, plan_hash: str | None, parallelism: int, lock_timeout: int,
    report: str | None, target: tuple[str, ...], exclude: tuple[str, ...], allow: tuple[str, ...],
) -> int:  # fmt: skip
    """Carry out a plan, each change exactly once. Without FILE: plan, ask, carry out."""
    if file and (target or exclude or allow):
        raise UsageProblem(
            "A saved plan is carried out as it is.",
            "-target, -exclude and -allow go with `seqsync plan`; the file holds what was reviewed.",
            "Leave them out, or plan again with them.",
        )
    saved = decode(read_given(file, "The saved plan")) if file else None
    if saved is None and not auto_approve:
        door.require_person()
    workspace = opened(door)
    if warning := warn_of_lost_state(workspace):
        door.console.note(f"Warning: {warning}")
    options = ApplyOptions(
        plan=PlanOptions(target, exclude, allow), saved=saved, parallelism=parallelism,
        lock_timeout=float(lock_timeout), plan_hash=plan_hash.strip().lower() if plan_hash is not None else None,
    )  # fmt: skip

    def approve(plan: Plan) -> bool:
        if saved is not None or auto_approve:
            door.console.note(summary_line(plan))
            return True
        door.console.result(plan_text(plan, color=door.color).rstrip("\n"))
        return door.confirm("\nCarry out these changes?")

    try:
        with door.stop.orderly() as stop, _observing(door) as observer:
            applied = apply_plan(workspace, options, Hands(observer, approve, stop))
    except Stopped:
        door.console.result(STOPPED)
        return 0
    return _told(door, applied, report)


@contextmanager
def _observing(door: Door) -> Iterator[Observer]:
    if door.console.is_terminal and door.verbose == 0:
        with Live(door.console) as live:
            yield live
    else:
        yield Lines(door.console)


def _told(door: Door, applied: Applied, report_file: str | None) -> int:
    if applied.report is None:
        door.console.result(_nothing_done(applied))
        return 1 if applied.said_no else 0
    report = applied.report.model_copy(update={"stopped_by": door.stop.code})
    door.console.note(report_text(report, door.console.error_color))
    door.console.result(counts_line(report))
    if report.rescue:
        door.console.document(report.rescue)
    if report_file:
        write_result(report_file, (report.model_dump_json(indent=2) + "\n").encode(), "The report")
    return report.exit_code


def _nothing_done(applied: Applied) -> str:
    if applied.stopped:
        return STOPPED
    if applied.said_no:
        return "Nothing was done."
    if applied.already:
        return "This plan has been applied already; there is nothing to do."
    return summary_line(applied.plan)
