"""The closing report of an apply, for people. Pure: a report in, text out."""

from __future__ import annotations

from collections.abc import Iterator

from sequence_sync.planning.outcome import ApplyReport, Result, Status
from sequence_sync.render.ansi import ink
from sequence_sync.render.escape import visible

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
    return visible(f"{mark} {address}: {status}" + (f" ({detail})" if detail else ""))


def _problems(report: ApplyReport, color: bool) -> Iterator[str]:
    for row in report.results:
        if row.status in (Status.FAILED, Status.REFUSED, Status.UNKNOWN):
            yield _problem(row, color)
    skipped = [row.address for row in report.results if row.status is Status.SKIPPED]
    if skipped:
        yield f"Not begun: {', '.join(skipped)}\n"


def _problem(row: Result, color: bool) -> str:
    head = ink(color)(f"{row.status}:", "red")
    lines = [f"{head} {visible(row.address)}", *(f"  {visible(part)}" for part in (row.detail, row.hint) if part)]
    return "\n".join(lines) + "\n"
