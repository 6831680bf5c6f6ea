"""The report of an apply as a file: JSON with a published schema, or Markdown for a comment or a summary. Pure.

Every apply that is asked for one leaves one, whatever becomes of it: `outcome` is `unfinished` from the first moment
on, so that a run that is killed is known by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from pydantic import Field

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.errors import InvalidFilesError, PlanRejectedError, SeqsyncError
from sequence_sync.model.fields import Frozen
from sequence_sync.model.report import (
    CHANGED,
    ApplyReport,
    ChangeResult,
    Conflict,
    ImportOutcome,
    ImportReport,
    ImportResult,
    Status,
    count,
)
from sequence_sync.plan.model import Drift, Plan, summary_of
from sequence_sync.plan.planfile import SCHEMA_DIALECT, plan_document, stable_json
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.markdown import HOSTS, code_block, folded, listed, marker
from sequence_sync.render.text import ink

SHOWN = 160  # characters of a reason in a line of progress; the report has all of it

MARKS = {
    Status.DONE: "+",
    Status.ADOPTED: ">",
    Status.RECORDED: ">",
    Status.ALREADY: "=",
    Status.FAILED: "x",
    Status.REFUSED: "x",
    Status.UNKNOWN: "?",
    Status.SKIPPED: "-",
    Status.BLOCKED: "!",
}


def report_text(report: ApplyReport, color: bool = False) -> str:
    """What went wrong and what to do about it, one paragraph each; empty where all went well."""
    return "\n".join([*_problems(report, color), *report.notes])


def counts_line(report: ApplyReport) -> str:
    """`Applied: 12 created, 1 adopted, 0 recorded; 1 failed, 3 skipped, 0 unknown.`"""
    went_well = f"{report.count(Status.DONE)} done, {report.count(Status.ADOPTED)} adopted, " + (
        f"{report.count(Status.RECORDED)} recorded"
    )
    already = report.count(Status.ALREADY)
    if already:
        went_well += f", {already} done before"
    bad = report.count(Status.FAILED, Status.REFUSED), report.count(Status.SKIPPED), report.count(Status.UNKNOWN)
    if not any(bad):
        return f"Applied: {went_well}."
    wrote = report.count(Status.DONE, Status.ADOPTED, Status.RECORDED, Status.ALREADY)
    head = "Applied in part" if wrote else "Nothing applied"
    return f"{head}: {went_well}; {bad[0]} failed, {bad[1]} skipped, {bad[2]} unknown."


def event_line(status: str, address: str, detail: str) -> str:
    """One line of progress."""
    mark = MARKS.get(Status(status), " ") if status in set(Status) else " "
    return visible(f"{mark} {address}: {status}") + (f" ({one_line(detail, SHOWN)})" if detail else "")


def _problems(report: ApplyReport, color: bool) -> Iterator[str]:
    for row in report.results:
        if row.status in (Status.FAILED, Status.REFUSED, Status.UNKNOWN):
            yield _problem(row, color)
    skipped = [row.address for row in report.results if row.status is Status.SKIPPED]
    if skipped:
        yield f"Not begun: {', '.join(skipped)}\n"


def _problem(row: ChangeResult, color: bool) -> str:
    head = ink(color)(f"{row.status}:", "red")
    lines = [f"{head} {visible(row.address)}", *(f"  {visible(part)}" for part in (row.detail, row.hint) if part)]
    return "\n".join(lines) + "\n"


DIAGNOSTICS_FORMAT = 1
DRIFT_FORMAT = 1


def plan_json(plan: Plan) -> str:
    """`plan` as JSON: the same plan, the same text. Keys are stable; new ones may be added within a format version."""
    document = plan_document(plan)
    del document["base"]
    return log_safe(stable_json(document | {"summary": summary_of(plan).model_dump()}))


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> str:
    """`diagnostics` as JSON: `{"format_version": 1, "valid": false, "diagnostics": [{"path", "line", ...}]}`. Places
    count from 1, in characters; 0 where there is none. Valid: without an error, whatever the warnings."""
    rows = list(diagnostics)
    valid = not any(row.severity is Severity.ERROR for row in rows)
    document = {"format_version": DIAGNOSTICS_FORMAT, "valid": valid, "diagnostics": [asdict(row) for row in rows]}
    return log_safe(json.dumps(document, indent=2)) + "\n"


def log_safe(document: str) -> str:
    """JSON that says the same, and in which no runner of a pipeline finds a command (`##[`, `##vso[`) of a user's."""
    return document.replace("##", "#\\u0023")


def drift_json(rows: Iterable[Drift], complete: bool) -> str:
    """What the app says otherwise than was last applied; `complete`: everything that was asked for was read."""
    told = [row.model_dump(mode="json") for row in rows]
    return log_safe(json.dumps({"format_version": DRIFT_FORMAT, "complete": complete, "drift": told}, indent=2)) + "\n"


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
    results: tuple[ChangeResult, ...] = ()
    notes: tuple[str, ...] = ()
    error: Why | None = None


def why_of(error: BaseException) -> Why:
    """An error in the words that the command prints."""
    if isinstance(error, InvalidFilesError):
        told = "\n".join(f"{row.where}: {row.summary} {row.hint}".rstrip() for row in error.diagnostics)
        return Why(summary=error.summary, detail=told)
    if isinstance(error, SeqsyncError):
        kind = error.kind if isinstance(error, PlanRejectedError) else ""
        return Why(summary=error.summary, detail=error.detail, hint=error.hint, kind=kind)
    return Why(summary="seqsync could not go on.", detail=f"{type(error).__name__}: {error}")


def counts_of(results: Iterable[ChangeResult]) -> dict[Status, int]:
    """Every status with how many results have it."""
    counts = dict.fromkeys(Status, 0)
    for row in results:
        counts[row.status] += 1
    return counts


def outcome_of(exit_code: int, results: Sequence[ChangeResult], stopped: bool, began: bool) -> Outcome:
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
        tool_version=tool_version,
        exit_code=code,
        message=message,
        environment=report.environment,
        api_host=report.api_host,
        plan_hash=report.plan_hash,
        stopped_by=report.stopped_by,
        outcome=outcome_of(code, report.results, bool(report.stopped_by), began=True),
        counts=counts_of(report.results),
        results=report.results,
        notes=report.notes,
    )


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


def _line(row: ChangeResult) -> str:
    known = f" (id {row.remote_id})" if row.remote_id else ""
    told = ". ".join(part.rstrip(".") for part in (row.detail, row.hint) if part)
    return f"{row.status}: {row.action} {row.address}{known}{f': {told}' if told else ''}"


_WIDTH = max(len(outcome) for outcome in ImportOutcome)
_COUNTED = (
    (ImportOutcome.IMPORTED, "imported"),
    (ImportOutcome.MERGED, "merged"),
    (ImportOutcome.UNCHANGED, "unchanged"),
    (ImportOutcome.CONFLICT, "in conflict"),
    (ImportOutcome.INCOMPLETE, "incomplete"),
    (ImportOutcome.LEFT, "left alone"),
    (ImportOutcome.FAILED, "failed"),
)


def row_text(row: ImportResult) -> str:
    """One sequence: its line, what is to be known about it, and its conflicts."""
    lines = [f"{row.outcome:<{_WIDTH}}  {row.name}" + (f"  {row.detail}" if row.detail else "")]
    lines += [f"    {part}" for part in (row.problem, row.hint) if part]
    lines += [f"    {note}" for note in row.notes]
    for conflict in row.conflicts:
        lines += _conflict(conflict)
    return "\n".join(lines)


def summary_text(report: ImportReport) -> str:
    """What ended it early, what is to be written into the settings, and the line that counts."""
    lines = [part for part in (report.problem, report.hint) if part]
    ids = [row.ids_line for row in report.rows if row.ids_line]
    if ids:
        lines += ["Write into seqsync.yaml, into this environment:", "  ids:", *(f"    {line}" for line in ids)]
    counts = [f"{number} {words}" for outcome, words in _COUNTED if (number := count(report.rows, outcome))]
    if report.skipped:
        counts.append(f"{report.skipped} not begun")
    return "\n".join([*lines, f"Import: {', '.join(counts) or 'there is nothing to import'}."])


def _conflict(conflict: Conflict) -> Iterator[str]:
    yield f"    conflict at {conflict.address}: {conflict.name} was changed in the file and in Saleshandy"
    yield from _side("last applied", conflict.base)
    yield from _side("in the file", conflict.ours)
    yield from _side("in Saleshandy", conflict.theirs)


def _side(title: str, value: Any) -> Iterator[str]:
    if value is None:
        yield f"      {title}: not known"
        return
    text = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if "\n" not in text and len(text) < 80:
        yield f"      {title}: {text or '(empty)'}"
        return
    yield f"      {title}:"
    yield from (f"        {line}".rstrip() for line in text.split("\n"))
