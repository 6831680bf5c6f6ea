"""The report of an apply as a file: JSON with a published schema, or Markdown for a comment or a summary. Pure.

Every apply that is asked for one leaves one, whatever becomes of it: `outcome` is `unfinished` from the first moment
on, so that a run that is killed is known by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field

from sequence_sync.errors import InvalidFiles, PlanRefused, SeqsyncError
from sequence_sync.model.fields import Frozen
from sequence_sync.planning.outcome import CHANGED, ApplyReport, Result, Status
from sequence_sync.planning.planfile import SCHEMA_DIALECT
from sequence_sync.render.comment import HOSTS, code_block, folded, listed, marker
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.json import log_safe

REPORT_FORMAT = 1
SCHEMA_ID = f"urn:seqsync:report:{REPORT_FORMAT}"
HOST = HOSTS["github"]  # short enough for a comment there, and for a step's summary
MOST_LINES = (1_000, 200, 50, 20, 5, 0)
LONGEST_WHY = 20_000  # characters of an error in Markdown; a stale plan tells old against new

_BAD = (Status.FAILED, Status.REFUSED, Status.UNKNOWN)


class Outcome(StrEnum):
    """How an apply ended."""

    UNFINISHED = "unfinished"  # it has begun, and nothing was written since: it runs still, or was killed
    APPLIED = "applied"  # every change is done
    NOTHING_TO_DO = "nothing-to-do"
    ALREADY_APPLIED = "already-applied"  # an earlier run carried out this plan
    DECLINED = "declined"  # a person said no
    PARTLY_APPLIED = "partly-applied"  # some of it is done and recorded; the same apply goes on
    UNDECIDED = "undecided"  # an outcome that cannot be known: a person must decide
    STOPPED = "stopped"  # a signal ended it in order
    REFUSED = "refused"  # it did not begin: arguments, files, a gate, a stale plan, the lock
    FAILED = "failed"  # nothing is done


class Why(Frozen):
    """An error that ended it: what, why, and what to do. `kind` tells refusals of a saved plan apart."""

    summary: str
    detail: str = ""
    hint: str = ""
    kind: str = ""


class AppliedReport(Frozen):
    """What became of an apply. `exit_code` is None while it is unfinished; `message` is one line for people; `counts`
    are the results by status. What is not known yet when it ends is None or empty."""

    format_version: int = REPORT_FORMAT
    tool_version: str
    outcome: Outcome
    exit_code: int | None = None
    message: str = ""
    environment: str | None = None
    api_host: str | None = None
    plan_hash: str | None = None
    stopped_by: int = Field(default=0, description="130 or 143 where a signal ended it, else 0")
    counts: dict[Status, int] = Field(default_factory=dict)
    results: tuple[Result, ...] = ()
    notes: tuple[str, ...] = ()
    error: Why | None = None


def why_of(error: BaseException) -> Why:
    """An error in the words that the command prints."""
    if isinstance(error, InvalidFiles):
        told = "\n".join(f"{row.where}: {row.summary} {row.hint}".rstrip() for row in error.diagnostics)
        return Why(summary=error.summary, detail=told)
    if isinstance(error, SeqsyncError):
        kind = error.kind if isinstance(error, PlanRefused) else ""
        return Why(summary=error.summary, detail=error.detail, hint=error.hint, kind=kind)
    return Why(summary="seqsync could not go on.", detail=f"{type(error).__name__}: {error}")


def counts_of(results: Iterable[Result]) -> dict[Status, int]:
    """Every status with how many results have it."""
    counts = dict.fromkeys(Status, 0)
    for row in results:
        counts[row.status] += 1
    return counts


def outcome_of(exit_code: int, results: Sequence[Result], stopped: bool, began: bool) -> Outcome:
    """By what happened. `began`: the plan was being carried out."""
    if stopped:
        return Outcome.STOPPED
    if exit_code == 9:
        return Outcome.UNDECIDED
    if exit_code == 0:
        return Outcome.APPLIED
    if any(row.status in CHANGED for row in results):
        return Outcome.PARTLY_APPLIED
    return Outcome.FAILED if began else Outcome.REFUSED


def carried_out(report: ApplyReport, tool_version: str, message: str) -> AppliedReport:
    """The report of an apply that went to its end."""
    code = report.exit_code
    return AppliedReport(
        tool_version=tool_version, exit_code=code, message=message, environment=report.environment,
        api_host=report.api_host, plan_hash=report.plan_hash, stopped_by=report.stopped_by,
        outcome=outcome_of(code, report.results, bool(report.stopped_by), began=True),
        counts=counts_of(report.results), results=report.results, notes=report.notes,
    )  # fmt: skip


def report_json(report: AppliedReport) -> str:
    """`report` as JSON, ASCII only, by the schema that `seqsync schema report` prints."""
    return log_safe(report.model_dump_json(indent=2, ensure_ascii=True)) + "\n"


def report_schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    schema = AppliedReport.model_json_schema(mode="serialization")
    schema["properties"]["format_version"] = {"const": REPORT_FORMAT, "description": "A newer one has another number"}
    schema["required"] = sorted(schema["properties"])
    return schema | {"$schema": SCHEMA_DIALECT, "$id": SCHEMA_ID, "title": "The report of an apply of seqsync"}


def report_markdown(report: AppliedReport) -> str:
    """`report` as Markdown that fits a comment: what went wrong and what to do first, then what was done, folded."""
    made = (_markdown(report, most) for most in MOST_LINES)
    return next(text for text in made if HOST.size(text) <= HOST.limit)


def _markdown(report: AppliedReport, most: int) -> str:
    where = f"environment {report.environment} at {report.api_host}" if report.environment else ""
    code = "" if report.exit_code is None else f", exit code {report.exit_code}"
    plan = f"plan hash {report.plan_hash}" if report.plan_hash else ""
    facts = [one_line(fact, 500) for fact in (where, plan, f"{report.outcome}{code}", report.message) if fact]
    bad = [_line(row) for row in report.results if row.status in _BAD]
    skipped = [row.address for row in report.results if row.status is Status.SKIPPED]
    done = [_line(row) for row in report.results if row.status not in (*_BAD, Status.SKIPPED)]
    shown = [f"- {one_line(line, 500)}" for line in done[:most]]
    left = [f"- and {len(done) - most} more"] if len(done) > most else []
    return "".join(
        [
            marker("report", report.environment or "unknown", HOST),
            f"\n### {_HEADINGS[report.outcome]}\n",
            code_block(facts, HOST),
            _error(report.error) if report.error else "",
            listed("Failed, refused or unknown", bad, most, HOST),
            listed(f"Not begun: {len(skipped)}", skipped, most, HOST),
            listed("Notes", report.notes, most, HOST),
            folded(f"Done: {len(done)}", shown + left, HOST) if done else "",
        ]
    )


_HEADINGS = {
    Outcome.UNFINISHED: "The apply has not finished",
    Outcome.APPLIED: "Applied",
    Outcome.NOTHING_TO_DO: "Nothing to apply",
    Outcome.ALREADY_APPLIED: "Applied already",
    Outcome.DECLINED: "Not applied: a person said no",
    Outcome.PARTLY_APPLIED: "Applied in part: run the same apply again",
    Outcome.UNDECIDED: "A person must decide",
    Outcome.STOPPED: "Stopped: run the same apply again",
    Outcome.REFUSED: "Nothing applied",
    Outcome.FAILED: "Nothing applied",
}


def _error(why: Why) -> str:
    lines = visible("\n".join(part for part in (why.summary, why.detail, why.hint) if part))
    cut = f"{lines[:LONGEST_WHY]}\n… (cut here: the log has all of it)" if len(lines) > LONGEST_WHY else lines
    return code_block((f"| {line}" for line in cut.split("\n")), HOST)


def _line(row: Result) -> str:
    known = f" (id {row.remote_id})" if row.remote_id else ""
    told = ". ".join(part.rstrip(".") for part in (row.detail, row.hint) if part)
    return f"{row.status}: {row.action} {row.address}{known}{f': {told}' if told else ''}"
