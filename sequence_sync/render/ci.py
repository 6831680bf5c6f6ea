"""Plans and diagnostics as JUnit XML, which every CI server shows as a table of tests. Pure.

A suite is a sequence, or a file; a test is a change. What is blocked has failed, what was changed in Saleshandy is
skipped: it was looked at, and nothing is done about it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import groupby
from typing import Any, NamedTuple
from xml.etree import ElementTree

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.plan.model import Action, Plan, summary_line, summary_of
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.report import log_safe
from sequence_sync.render.text import DRIFT_KINDS, Level, drift_head, drift_lines, head_line, ink, rows_text
from sequence_sync.render.view import Group, View, blocked_rows, view_of

SETTINGS = "seqsync.yaml"  # the place of what belongs to no sequence


class Weight(IntEnum):
    """How much it matters; the lower the worse."""

    ERROR = 0  # apply does nothing, or not this
    WARNING = 1  # to be looked at before somebody says yes
    NOTICE = 2


class Annotation(NamedTuple):
    """One thing. `rule` is a stable id, `about` what it is about (an address, a gate, a place). The texts are safe to
    show. `path` is relative to the folder that the caller names; `line` and `column` count from 1, 0: not known."""

    weight: Weight
    rule: str
    about: str
    title: str
    message: str
    path: str
    line: int = 1
    column: int = 0
    end_column: int = 0


def plan_findings(plan: Plan, folder: str = "") -> list[Annotation]:
    """Gates, blocked changes, drift, active sequences and notes of `plan`. `folder`: where the project lies below the
    root of the repository, empty or ending with a slash."""
    places = {key: folder + row.files[0] for key, row in plan.sequences.items() if row.files}
    found = _of_plan(view_of(plan), places, folder + SETTINGS)
    return sorted(found, key=lambda row: row.weight)


def _of_plan(view: View, places: dict[str, str], settings: str) -> Iterator[Annotation]:
    for gate in view.gates:
        weight = Weight.NOTICE if gate.allowed else Weight.ERROR
        title = f"Gate {one_line(gate.name)} is {'open' if gate.allowed else 'shut: apply does nothing'}"
        yield Annotation(weight, f"gate-{one_line(gate.name)}", gate.name, title, one_line(gate.detail), settings)
    for row in blocked_rows(view.groups):
        title = one_line(f"Blocked: {row.address}")
        message = one_line(f"{row.reason}. {row.advice}")
        place = places.get(row.change.sequence, settings)
        yield Annotation(Weight.ERROR, f"blocked-{row.change.reason}", row.address, title, message, place)
    for drifted in view.drift:
        title = one_line(f"Changed in Saleshandy: {drifted.address}")
        message = f"{drift_head(drifted)[2:]}. {DRIFT_KINDS[drifted.kind].advice}"
        place = places.get(drifted.sequence, settings)
        yield Annotation(Weight.WARNING, f"drift-{drifted.kind}", drifted.address, title, message, place)
    for group in view.active:
        title = one_line(f"Active: {group.key} is sending")
        message = f"The plan changes it ({group.writes} of its lines make calls): prospects get what is changed."
        yield Annotation(Weight.WARNING, "active", group.key, title, message, places.get(group.key, settings))
    for number, note in enumerate(view.notes):
        yield Annotation(Weight.NOTICE, "note", str(number), "Note on the plan", one_line(note), settings)


def diagnostic_findings(diagnostics: Iterable[Diagnostic], folder: str = "") -> list[Annotation]:
    """`diagnostics`, the errors first."""
    found = [
        Annotation(
            Weight.ERROR if row.severity is Severity.ERROR else Weight.WARNING,
            row.rule,
            f"{row.path}:{row.summary}",
            one_line(row.summary),
            one_line(f"{row.summary} {row.hint}"),
            folder + (row.path or SETTINGS),
            max(row.line, 1),
            row.column,
            row.column + row.length if row.column else 0,
        )
        for row in diagnostics
    ]
    return sorted(found, key=lambda row: row.weight)


MOST_OF_A_LEVEL = 10
LONGEST = 4_000  # characters of a message

_COMMANDS: Mapping[Weight, str] = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.NOTICE: "notice"}
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


def commands(findings: Iterable[Annotation]) -> str:
    """The commands for `findings`, which come sorted by weight; of notices one place is left for the counts."""
    levels = groupby(findings, key=lambda row: row.weight)
    return "".join(f"{line}\n" for weight, rows in levels for line in _level(weight, [*rows]))


def _level(weight: Weight, rows: Sequence[Annotation]) -> Iterator[str]:
    level, room = _COMMANDS[weight], MOST_OF_A_LEVEL - (weight is Weight.NOTICE)
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


_SEVERITIES: Mapping[Weight, str] = {Weight.ERROR: "critical", Weight.WARNING: "major", Weight.NOTICE: "info"}


def plan_gitlab(plan: Plan) -> str:
    """The counters of the merge request's widget: create, update, and as delete the variants that are switched off."""
    told = summary_of(plan)
    return json.dumps({"create": told.create, "update": told.update, "delete": told.deactivate}) + "\n"


def plan_quality(plan: Plan, folder: str = "") -> str:
    """What to see to in `plan`, as code quality."""
    return quality(plan_findings(plan, folder))


def diagnostics_quality(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """`diagnostics` as code quality."""
    return quality(diagnostic_findings(diagnostics, folder))


def quality(findings: Iterable[Annotation]) -> str:
    """A JSON list, `[]` where there is nothing."""
    seen: Counter[str] = Counter()
    rows = []
    for row in findings:
        name = f"{row.path}\0{row.rule}\0{row.about}"
        seen[name] += 1
        rows.append(
            {
                "description": f"{row.title}: {row.message}" if row.title not in row.message else row.message,
                "check_name": row.rule,
                "fingerprint": fingerprint(name, seen[name]),
                "severity": _SEVERITIES[row.weight],
                "location": {"path": row.path, "lines": {"begin": row.line}},
            }
        )
    return log_safe(json.dumps(rows, indent=2)) + "\n"


def fingerprint(name: str, count: int) -> str:
    """Names the `count`th finding called `name`, the same in every run."""
    return hashlib.sha256(f"{name}\0{count}".encode("utf-8", "backslashreplace")).hexdigest()


SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5_000  # code scanning shows no more, and the worst come first

_LEVELS: Mapping[Weight, str] = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.NOTICE: "note"}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def plan_sarif(plan: Plan, folder: str = "") -> str:
    """What to see to in `plan`."""
    return sarif(plan_findings(plan, folder))


def diagnostics_sarif(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """`diagnostics` at their places."""
    return sarif(diagnostic_findings(diagnostics, folder))


def sarif(findings: Iterable[Annotation]) -> str:
    """One run of one tool. The same findings give the same text."""
    rows = list(findings)[:MOST_RESULTS]
    seen: Counter[str] = Counter()
    results = []
    for row in rows:
        name = f"{row.path}\0{row.rule}\0{row.about}"
        seen[name] += 1
        results.append(_result(row, fingerprint(name, seen[name])))
    driver = {"name": "seqsync", "rules": [_rule(name) for name in sorted({row.rule for row in rows})]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return log_safe(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)) + "\n"


def _rule(name: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": name.replace("-", " ").capitalize()}}


def _result(row: Annotation, mark: str) -> dict[str, Any]:
    region = {"startLine": row.line}
    if row.column:
        region |= {"startColumn": row.column, "endColumn": max(row.end_column, row.column)}
    place = {"artifactLocation": {"uri": uri_of(row.path)}, "region": region}
    text = row.message if row.title in row.message else f"{row.title}: {row.message}"
    return {
        "ruleId": row.rule,
        "level": _LEVELS[row.weight],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"seqsync/v1": mark},
    }


def uri_of(path: str) -> str:
    """A relative path as a URI reference: whatever is not plain is percent-encoded."""
    data = path.encode("utf-8", "backslashreplace")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)


_PLAIN = ink(False)
# What XML 1.0 has no way to say, after `visible` has shown the rest as its code.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plan_junit(plan: Plan) -> str:
    """A suite for each sequence, one for the drift and one for the gates."""
    view = view_of(plan)
    root = _root("seqsync plan")
    for group in view.groups:
        _sequence(root, group)
    _drift(root, view)
    if view.gates:
        suite = _suite(root, "gates", len(view.gates), sum(not gate.allowed for gate in view.gates))
        for gate in view.gates:
            failure = None if gate.allowed else ("shut", "The gate is shut: apply does nothing.", gate.detail)
            _case(suite, "gates", gate.name, failure)
    return _text(root)


def diagnostics_junit(diagnostics: Iterable[Diagnostic]) -> str:
    """A suite for each file with a mistake; one test that passes where there is none."""
    files: dict[str, list[Diagnostic]] = {}
    for row in diagnostics:
        files.setdefault(row.path, []).append(row)
    root = _root("seqsync validate")
    for path, rows in files.items():
        errors = [row for row in rows if row.severity is Severity.ERROR]
        suite = _suite(root, path, len(rows), len(errors), len(rows) - len(errors))
        for row in rows:
            told = f"{row.where}: {row.summary}\n{row.source_line}\n{row.hint}"
            name = f"{row.rule} at {row.line}:{row.column}"
            if row.severity is Severity.ERROR:
                _case(suite, path, name, (row.rule, row.summary, told))
            else:
                _case(suite, path, name, skipped=f"{row.summary} {row.hint}")
    if not files:
        _case(_suite(root, "files", 1, 0), "files", "every file is valid")
    return _text(root)


def _sequence(root: ElementTree.Element, group: Group) -> None:
    blocked = sum(row.change.action is Action.BLOCKED for row in group.rows)
    suite = _suite(root, group.key, len(group.rows), blocked)
    for row in group.rows:
        failure = None
        if row.change.action is Action.BLOCKED:
            told = "\n".join(rows_text([row], Level.DEFAULT, _PLAIN, indent=""))
            failure = (row.change.reason.value, f"{row.reason}. {row.advice}", told)
        _case(suite, group.key, head_line(row), failure)


def _drift(root: ElementTree.Element, view: View) -> None:
    if not view.drift:
        return
    suite = _suite(root, "changed in Saleshandy", len(view.drift), 0, len(view.drift))
    for row in view.drift:
        told = "\n".join(drift_lines([row], Level.DEFAULT, _PLAIN, indent=""))
        _case(suite, row.sequence, drift_head(row)[2:], skipped=told)


def _root(name: str) -> ElementTree.Element:
    return ElementTree.Element("testsuites", {"name": name})


def _suite(root: ElementTree.Element, name: str, tests: int, failures: int, skipped: int = 0) -> ElementTree.Element:
    counts: Mapping[str, int] = {"tests": tests, "failures": failures, "errors": 0, "skipped": skipped}
    values = {"name": _one_line(name), **{key: str(count) for key, count in counts.items()}}
    return ElementTree.SubElement(root, "testsuite", values)


def _case(
    suite: ElementTree.Element, group: str, name: str, failure: Sequence[str] | None = None, skipped: str = ""
) -> None:
    case = ElementTree.SubElement(suite, "testcase", {"classname": _one_line(group), "name": _one_line(name)})
    if failure is not None:
        kind, message, told = failure
        inner = ElementTree.SubElement(case, "failure", {"type": _one_line(kind), "message": _one_line(message)})
        inner.text = _safe(told)
    if skipped:
        ElementTree.SubElement(case, "skipped", {"message": _one_line(skipped)})


def _safe(text: str) -> str:
    return _NOT_XML.sub("\ufffd", visible(text))


def _one_line(text: str) -> str:
    return _NOT_XML.sub("\ufffd", one_line(text))


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    # In a log a pipeline's runner looks for commands such as ##[name]: the document says the same without the sign.
    body = ElementTree.tostring(root, encoding="unicode").replace("##", "#&#35;")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
