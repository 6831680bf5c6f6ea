"""What `seqsync apply` does: read or make the plan, ask for approval, apply it, report the result.

Apart from the command declarations, so that help imports none of this. Decides nothing about the plan.
"""

from __future__ import annotations

from sequence_sync._version import __version__
from sequence_sync.cli.actions.plan import read_plan
from sequence_sync.cli.actions.report import ReportFiles
from sequence_sync.cli.context import CommandContext
from sequence_sync.cli.progress import show_progress
from sequence_sync.errors import UsageError, worst
from sequence_sync.operations.apply import ApplyRequest, ApplyResult
from sequence_sync.operations.apply import apply as apply_plan
from sequence_sync.operations.plan import PlanOptions
from sequence_sync.operations.workspace import lost_state_warning
from sequence_sync.plan.model import Plan, summary_line
from sequence_sync.provider.base import StoppedError
from sequence_sync.render.report import Outcome, counts_line, finished_report, report_text
from sequence_sync.render.text import plan_text

STOPPED = "Stopped before anything was done."


def run_apply(context: CommandContext, request: ApplyRequest) -> int:
    """Run one apply and return its exit code. A report that cannot be written at the end turns a 0 into a 1."""
    with ReportFiles(context, request.report_files) as reports:
        code = _run(context, request, reports)
    return worst([code, int(reports.failed)])


def _run(context: CommandContext, request: ApplyRequest, reports: ReportFiles) -> int:
    saved = _saved_plan(request)
    reports.plan = saved
    if saved is None and not request.auto_approve:
        context.require_terminal()
    workspace = context.open_workspace()
    reports.environment, reports.api_host = workspace.name, workspace.api_host
    if warning := lost_state_warning(workspace):
        context.console.note(f"Warning: {warning}")

    def approve(plan: Plan) -> bool:
        reports.plan = plan
        return _approve(context, plan, ask=saved is None and not request.auto_approve)

    # Before the graceful part, so that a signal ends a slow `api_key_command` immediately.
    key = workspace.key()
    try:
        with context.signals.graceful() as stop, show_progress(context, "Applying") as observer:
            result = apply_plan(
                workspace, key, request, saved=saved, approve=approve, observer=reports.record(observer), stop=stop
            )
    except StoppedError:
        reports.finish_unapplied(Outcome.STOPPED, 0, STOPPED)
        context.console.result(STOPPED)
        return 0
    reports.plan = result.plan
    return _print_result(context, result, reports)


def _saved_plan(request: ApplyRequest) -> Plan | None:
    """Return the saved plan that the command line names, if any. Raises UsageError, PlanRejectedError."""
    if request.file and request.plan != PlanOptions():
        raise UsageError(
            "A saved plan cannot be changed by options.",
            "-target, -exclude, -changed-since, -refresh and -allow shape a new plan. FILE holds the reviewed plan.",
            "Leave the options out, or pass them to `seqsync plan`.",
        )
    if request.file == "":
        raise UsageError(
            "The name of the saved plan is empty.",
            "Is a variable not set?",
            "Leave FILE out to make a new plan.",
        )
    return read_plan(request.file) if request.file else None


def _approve(context: CommandContext, plan: Plan, *, ask: bool) -> bool:
    if not ask:
        context.console.note(summary_line(plan))
        return True
    context.console.result(plan_text(plan, color=context.color).rstrip("\n"))
    return context.confirm("\nApply these changes?")


def _print_result(context: CommandContext, result: ApplyResult, reports: ReportFiles) -> int:
    if result.report is None:
        outcome, message = _outcome_without_changes(result)
        code = 1 if result.declined else 0
        context.console.result(message)
        reports.finish_unapplied(outcome, code, message)
        return code
    report = result.report.model_copy(update={"stopped_by": context.signals.exit_code})
    counts = counts_line(report)
    context.console.note(report_text(report, context.console.error_color))
    context.console.result(counts)
    if report.rescue:
        context.console.document(report.rescue)
    reports.finish(finished_report(report, __version__, counts))
    return report.exit_code


def _outcome_without_changes(result: ApplyResult) -> tuple[Outcome, str]:
    if result.stopped:
        return Outcome.STOPPED, STOPPED
    if result.declined:
        return Outcome.DECLINED, "Nothing was applied."
    if result.already_applied:
        return Outcome.ALREADY_APPLIED, "This plan was already applied. There is nothing to do."
    return Outcome.NOTHING_TO_DO, summary_line(result.plan)
