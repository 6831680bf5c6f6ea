"""Annotations of GitHub Actions: lines that the runner reads as commands. Pure.

A step shows 10 of each level and a job 50, the rest is dropped in silence: so the worst come first, and the last place
of a level says how many more there are. Values are escaped as the runner unescapes them, so that a user's text ends
neither its property nor its line; nothing else is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from sequence_sync.diagnostics import Diagnostic
from sequence_sync.planning.plan import Plan, summary_line
from sequence_sync.render.escape import visible
from sequence_sync.render.findings import Finding, Weight, diagnostic_findings, plan_findings

MOST_OF_A_LEVEL = 10
LONGEST = 4_000  # characters of a message

_LEVELS: Mapping[Weight, str] = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.NOTICE: "notice"}
# The percent sign first: what is escaped after it brings its own.
_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_PROPERTY = (*_DATA, (":", "%3A"), (",", "%2C"))


def plan_github(plan: Plan, folder: str = "") -> str:
    """What to see to in `plan`; a plan without anything gives one notice with its counts."""
    found = plan_findings(plan, folder)
    told = f"{summary_line(plan)} Plan hash {plan.plan_hash()}."
    return commands(found) + f"::notice title=seqsync plan::{_escaped(told, _DATA)}\n"


def diagnostics_github(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """An annotation for each of `diagnostics` at its place."""
    return commands(diagnostic_findings(diagnostics, folder))


def commands(findings: Iterable[Finding]) -> str:
    """The commands for `findings`, which come sorted by weight; of notices one place is left for the counts."""
    levels = groupby(findings, key=lambda row: row.weight)
    return "".join(f"{line}\n" for weight, rows in levels for line in _level(weight, [*rows]))


def _level(weight: Weight, rows: Sequence[Finding]) -> Iterator[str]:
    level, room = _LEVELS[weight], MOST_OF_A_LEVEL - (weight is Weight.NOTICE)
    shown = rows if len(rows) <= room else rows[: room - 1]
    for row in shown:
        place = f"file={_escaped(row.path, _PROPERTY)},line={row.line}"
        place += f",col={row.column},endColumn={row.end_column}" if row.column else ""
        title = row.rule if row.message.startswith(row.title) else row.title  # nothing is said twice
        yield f"::{level} {place},title={_escaped(title, _PROPERTY)}::{_escaped(row.message, _DATA)}"
    if len(rows) > len(shown):
        more = f"{len(rows) - len(shown)} more of this kind are not shown here; seqsync prints all of them as text."
        yield f"::{level} title=More::{more}"


def _escaped(text: str, table: Iterable[tuple[str, str]]) -> str:
    # The older form of a command, ##[name]text, is looked for anywhere in a line.
    shown = visible(text)[:LONGEST].replace("##[", "##\\x5b")
    for sign, code in table:
        shown = shown.replace(sign, code)
    return shown
