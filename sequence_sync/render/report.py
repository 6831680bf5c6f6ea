"""Results of commands: an apply's text, JSON and Markdown, an import's text, and the JSON of plan, drift, diagnostics.

Pure. The words for a status are in `render.words`. An apply with a report file writes it first with the outcome
`unfinished`, so that the file also shows a run that was killed.
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
from sequence_sync.plan.model import CREATES, STATE_ONLY, UPDATES, Action, Drift, Plan, summary_of
from sequence_sync.plan.planfile import SCHEMA_DIALECT, plan_document, stable_json
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.hosts import HOSTS
from sequence_sync.render.markdown import code_block, fold, listed, marker
from sequence_sync.render.text import ink
from sequence_sync.render.words import STATUS_MARKS, STATUS_WORDS, VERBS

LONGEST_DETAIL = 160  # characters of a detail in a line of progress; the report has all of it
DIAGNOSTICS_FORMAT = 1
DRIFT_FORMAT = 1
REPORT_FORMAT = 1
SCHEMA_ID = f"urn:seqsync:report:{REPORT_FORMAT}"
HOST = HOSTS["github"]  # short enough for a comment there, and for a step's summary
MOST_LINES = (1_000, 200, 50, 20, 5, 0)
LONGEST_ERROR = 20_000  # characters of an error in Markdown; the error of a stale plan shows all differences

_BAD = (Status.FAILED, Status.REFUSED, Status.UNKNOWN)


def report_text(report: ApplyReport, color: bool = False) -> str:
    """Return what failed and what to do about it, a paragraph for each; empty after an apply without problems."""
    return "\n".join([*_problems(report, color), *report.notes])


def counts_line(report: ApplyReport) -> str:
    """Return the counts of an apply, in the words of its plan: `Applied: 3 created, 1 updated, ..., 2 recorded.`

    An adoption that the plan lists under `to record` counts as recorded. Other results are counted only if there are
    any.
    """
    done = [row for row in report.results if row.status is Status.DONE]
    adopted = [row for row in report.results if row.status is Status.ADOPTED]
    as_planned = sum(row.action in STATE_ONLY for row in adopted)
    created = sum(row.action in CREATES for row in done)
    # As in the plan, a step with its variants counts once.
    updated = len({(row.address.sequence, row.address.step) for row in done if row.action in UPDATES})
    deactivated = sum(row.action == Action.DEACTIVATE_VARIANT for row in done)
    recorded = report.count(Status.RECORDED) + as_planned
    went_well = f"{created} created, {updated} updated, {deactivated} deactivated, {recorded} recorded"
    others = {
        Status.ADOPTED: len(adopted) - as_planned,
        Status.ALREADY: report.count(Status.ALREADY),
        Status.BLOCKED: report.count(Status.BLOCKED),
    }
    went_well += "".join(f", {number} {STATUS_WORDS[status]}" for status, number in others.items() if number)
    failed, skipped = report.count(Status.FAILED, Status.REFUSED), report.count(Status.SKIPPED)
    in_doubt = report.count(Status.UNKNOWN)
    problems = [f"{failed} failed"] if failed else []
    problems += [f"{skipped} not started"] if skipped else []
    problems += [f"{in_doubt} need{'s' if in_doubt == 1 else ''} a decision"] if in_doubt else []
    if not problems:
        return f"Applied: {went_well}."
    wrote = report.count(Status.DONE, Status.ADOPTED, Status.RECORDED, Status.ALREADY)
    return f"{'Applied in part' if wrote else 'Nothing applied'}: {went_well}; {', '.join(problems)}."


def event_line(status: str, address: str, detail: str) -> str:
    """Return one line of progress: `+ trial.intro: done`. `status`: a `Status`, or another kind of event."""
    known = Status(status) if status in set(Status) else None
    mark, words = (STATUS_MARKS[known], STATUS_WORDS[known]) if known else (" ", status)
    return visible(f"{mark} {address}: {words}") + (f" ({one_line(detail, LONGEST_DETAIL)})" if detail else "")


def _problems(report: ApplyReport, color: bool) -> Iterator[str]:
    for row in report.results:
        if row.status in (Status.FAILED, Status.REFUSED, Status.UNKNOWN):
            yield _problem(row, color)
    skipped = [row.address for row in report.results if row.status is Status.SKIPPED]
    if skipped:
        yield f"Not started: {', '.join(skipped)}\n"


def _problem(row: ChangeResult, color: bool) -> str:
    head = ink(color)(f"{STATUS_WORDS[row.status]}:", "red")
    lines = [f"{head} {visible(row.address)}", *(f"  {visible(part)}" for part in (row.detail, row.hint) if part)]
    return "\n".join(lines) + "\n"


def plan_json(plan: Plan) -> str:
    """Return `plan` as JSON. Equal plans give equal text. A format version may get new keys, but loses none."""
    document = plan_document(plan)
    del document["base"]
    return log_safe(stable_json(document | {"summary": summary_of(plan).model_dump()}))


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return `diagnostics` as JSON: `{"format_version": 1, "valid": false, "diagnostics": [{"path", "line", ...}]}`.

    Lines and columns count from 1, in characters; 0 is no position. `valid`: no error; warnings do not count.
    """
    rows = list(diagnostics)
    valid = not any(row.severity is Severity.ERROR for row in rows)
    document = {"format_version": DIAGNOSTICS_FORMAT, "valid": valid, "diagnostics": [asdict(row) for row in rows]}
    return log_safe(json.dumps(document, indent=2)) + "\n"


def log_safe(document: str) -> str:
    """Return equal JSON in which a pipeline's runner finds no command (`##[`, `##vso[`) in a user's text."""
    return document.replace("##", "#\\u0023")


def drift_json(rows: Iterable[Drift], complete: bool) -> str:
    """Return drift as JSON. `complete`: every sequence asked for could be read."""
    drift = [row.model_dump(mode="json") for row in rows]
    document = {"format_version": DRIFT_FORMAT, "complete": complete, "drift": drift}
    return log_safe(json.dumps(document, indent=2)) + "\n"


class Outcome(StrEnum):
    """How an apply ended."""

    UNFINISHED = "unfinished"  # it is still running, or it was killed
    APPLIED = "applied"  # every change is done
    NOTHING_TO_DO = "nothing-to-do"
    ALREADY_APPLIED = "already-applied"  # by an earlier run of this plan
    DECLINED = "declined"  # not approved
    PARTLY_APPLIED = "partly-applied"  # some changes are done and recorded; the same apply continues
    UNDECIDED = "undecided"  # an outcome is in doubt: a person must decide
    STOPPED = "stopped"  # a signal ended it in an orderly way
    REFUSED = "refused"  # it did not start: arguments, files, a gate, a stale plan, the lock
    FAILED = "failed"  # nothing is done


class Why(Frozen):
    """The error that ended an apply: what, why, and what to do. `kind` names the reason to reject a saved plan."""

    summary: str
    detail: str = ""
    hint: str = ""
    kind: str = ""


class AppliedReport(Frozen):
    """The result of an apply. `exit_code` is None while it is unfinished; `message` is one line for people; `counts`
    are the results by status. A value that the apply never learned is None or empty."""

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
    """Return an error with the words that the command prints."""
    if isinstance(error, InvalidFilesError):
        lines = "\n".join(f"{row.where}: {row.summary} {row.hint}".rstrip() for row in error.diagnostics)
        return Why(summary=error.summary, detail=lines)
    if isinstance(error, SeqsyncError):
        kind = error.kind if isinstance(error, PlanRejectedError) else ""
        return Why(summary=error.summary, detail=error.detail, hint=error.hint, kind=kind)
    return Why(summary="Internal error in seqsync.", detail=f"{type(error).__name__}: {error}")


def counts_of(results: Iterable[ChangeResult]) -> dict[Status, int]:
    """Return the number of results for every status."""
    counts = dict.fromkeys(Status, 0)
    for row in results:
        counts[row.status] += 1
    return counts


def outcome_of(exit_code: int, results: Sequence[ChangeResult], stopped: bool, began: bool) -> Outcome:
    """Return the outcome of an apply. `stopped`: a signal ended it. `began`: it had started on the plan's changes."""
    if stopped:
        return Outcome.STOPPED
    if exit_code == 9:
        return Outcome.UNDECIDED
    if exit_code == 0:
        return Outcome.APPLIED
    if any(row.status in CHANGED for row in results):
        return Outcome.PARTLY_APPLIED
    return Outcome.FAILED if began else Outcome.REFUSED


def finished_report(report: ApplyReport, tool_version: str, message: str) -> AppliedReport:
    """Return the report of an apply that reached its end."""
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
    """Return `report` as JSON in ASCII, for the schema that `seqsync schema report` prints."""
    return log_safe(report.model_dump_json(indent=2, ensure_ascii=True)) + "\n"


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of the report."""
    schema = AppliedReport.model_json_schema(mode="serialization")
    schema["properties"]["format_version"] = {
        "const": REPORT_FORMAT,
        "description": "A newer format has another number",
    }
    schema["required"] = sorted(schema["properties"])
    return schema | {"$schema": SCHEMA_DIALECT, "$id": SCHEMA_ID, "title": "Report of a seqsync apply"}


def report_markdown(report: AppliedReport) -> str:
    """Return `report` as Markdown that fits a comment: what failed and what to do, then what was done, in a fold."""
    forms = (_markdown(report, most) for most in MOST_LINES)
    return next(text for text in forms if HOST.size(text) <= HOST.limit)


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
            listed(f"Failed, refused or in need of a decision: {len(bad)}", bad, most, HOST),
            listed(f"Not started: {len(skipped)}", skipped, most, HOST),
            listed("Notes", report.notes, most, HOST),
            fold(f"Done: {len(done)}", shown + left, HOST) if done else "",
        ]
    )


_HEADINGS = {
    Outcome.UNFINISHED: "The apply has not finished",
    Outcome.APPLIED: "Applied",
    Outcome.NOTHING_TO_DO: "Nothing to apply",
    Outcome.ALREADY_APPLIED: "Already applied",
    Outcome.DECLINED: "Not applied: the plan was not approved",
    Outcome.PARTLY_APPLIED: "Applied in part: run the same apply again",
    Outcome.UNDECIDED: "A decision is needed",
    Outcome.STOPPED: "Interrupted: run the same apply again",
    Outcome.REFUSED: "Nothing applied",
    Outcome.FAILED: "Nothing applied",
}


def _error(why: Why) -> str:
    lines = visible("\n".join(part for part in (why.summary, why.detail, why.hint) if part))
    cut = f"{lines[:LONGEST_ERROR]}\n… (cut here: see the log for the rest)" if len(lines) > LONGEST_ERROR else lines
    return code_block((f"| {line}" for line in cut.split("\n")), HOST)


def _line(row: ChangeResult) -> str:
    remote_id = f" (id {row.remote_id})" if row.remote_id else ""
    why = ". ".join(part.rstrip(".") for part in (row.detail, row.hint) if part)
    verb = VERBS[Action(row.action)] if row.action in set(Action) else row.action
    return f"{STATUS_WORDS[row.status]}: {verb} {row.address}{remote_id}{f': {why}' if why else ''}"


_WIDTH = max(len(outcome) for outcome in ImportOutcome)
_COUNTED = (
    (ImportOutcome.IMPORTED, "imported"),
    (ImportOutcome.MERGED, "merged"),
    (ImportOutcome.UNCHANGED, "unchanged"),
    (ImportOutcome.CONFLICT, "in conflict"),
    (ImportOutcome.ASKED, "to decide"),
    (ImportOutcome.INCOMPLETE, "incomplete"),
    (ImportOutcome.LEFT, "left alone"),
    (ImportOutcome.FAILED, "failed"),
)


def row_text(row: ImportResult) -> str:
    """Return the lines of one sequence: its outcome, its problem and notes, and its conflicts."""
    lines = [f"{row.outcome:<{_WIDTH}}  {row.name}" + (f"  {row.detail}" if row.detail else "")]
    lines += [f"    {part}" for part in (row.problem, row.hint) if part]
    lines += [f"    {note}" for note in row.notes]
    for conflict in row.conflicts:
        lines += _conflict(conflict)
    return "\n".join(lines)


def summary_text(report: ImportReport) -> str:
    """Return what ended the import early, the ids to add to the settings, and the line with the counts."""
    lines = [part for part in (report.problem, report.hint) if part]
    ids = [row.ids_line for row in report.rows if row.ids_line]
    if ids:
        lines += ["Add these ids to this environment in seqsync.yaml:", "  ids:", *(f"    {line}" for line in ids)]
    counts = [f"{number} {words}" for outcome, words in _COUNTED if (number := count(report.rows, outcome))]
    if report.skipped:
        counts.append(f"{report.skipped} not started")
    return "\n".join([*lines, f"Import: {', '.join(counts) or 'nothing to import'}."])


def _conflict(conflict: Conflict) -> Iterator[str]:
    yield f"    conflict at {conflict.address}: {conflict.name} was changed in the file and in Saleshandy"
    yield from _side("last applied", conflict.base)
    yield from _side("in the file", conflict.ours)
    yield from _side("in Saleshandy", conflict.theirs)


def _side(title: str, value: Any) -> Iterator[str]:
    if value is None:
        yield f"      {title}: unknown"
        return
    text = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if "\n" not in text and len(text) < 80:
        yield f"      {title}: {text or '(empty)'}"
        return
    yield f"      {title}:"
    yield from (f"        {line}".rstrip() for line in text.split("\n"))
