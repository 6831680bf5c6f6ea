"""Plans and diagnostics in the formats of CI systems. Pure; must not know any command of a CI system's client.

- annotations: `plan_annotations` and `diagnostic_annotations` list what a reviewer should see
- GitHub Actions: `plan_github`, `diagnostics_github` print them as workflow commands
- GitLab: `plan_quality`, `diagnostics_quality` (code quality), `plan_gitlab` (counters of the merge request)
- SARIF: `plan_sarif`, `diagnostics_sarif`
- JUnit XML: `plan_junit`, `diagnostics_junit`. A suite is a sequence or a file, a test is a change. A blocked
  change fails; drift that the plan does not touch is skipped.
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
from sequence_sync.render.text import Level, drift_head, drift_lines, head_line, ink, rows_text
from sequence_sync.render.view import Group, View, blocked_rows, view_of
from sequence_sync.render.words import DRIFT_WORDS, counted

SETTINGS = "seqsync.yaml"  # the location of what belongs to no sequence


class Weight(IntEnum):
    """How much an annotation matters; the lower, the worse."""

    ERROR = 0  # apply does nothing, or skips this change
    WARNING = 1  # a person should read it before approving
    NOTICE = 2


class Annotation(NamedTuple):
    """One thing that a reviewer should see. Its texts are safe to show.

    `rule`: a stable id. `about`: an address, a gate or a diagnostic. `path`: relative to the root of the repository.
    `line` and `column` count from 1; 0 is unknown.
    """

    weight: Weight
    rule: str
    about: str
    title: str
    message: str
    path: str
    line: int = 1
    column: int = 0
    end_column: int = 0


MOST_OF_A_LEVEL = 10  # GitHub shows no more annotations of one level for one step
LONGEST = 4_000  # characters of a message

_COMMANDS: Mapping[Weight, str] = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.NOTICE: "notice"}
# The percent sign comes first: the other codes contain one.
_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_PROPERTY = (*_DATA, (":", "%3A"), (",", "%2C"))
_SEVERITIES: Mapping[Weight, str] = {Weight.ERROR: "critical", Weight.WARNING: "major", Weight.NOTICE: "info"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 5_000  # GitHub code scanning shows no more; the worst come first

_LEVELS: Mapping[Weight, str] = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.NOTICE: "note"}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_PLAIN = ink(False)
# Characters that XML 1.0 cannot express and that `visible` leaves alone.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plan_annotations(plan: Plan, folder: str = "") -> list[Annotation]:
    """Return the gates, blocked changes, drift, active sequences and notes of `plan`, the worst first.

    `folder`: the path of the project below the root of the repository, empty or ending with a slash.
    """
    locations = {key: folder + row.files[0] for key, row in plan.sequences.items() if row.files}
    annotations = _of_plan(view_of(plan), locations, folder + SETTINGS)
    return sorted(annotations, key=lambda row: row.weight)


def _of_plan(view: View, locations: dict[str, str], settings: str) -> Iterator[Annotation]:
    for gate in view.gates:
        weight = Weight.NOTICE if gate.allowed else Weight.ERROR
        title = f"Gate {one_line(gate.name)} is {'open' if gate.allowed else 'shut: apply does nothing'}"
        yield Annotation(weight, f"gate-{one_line(gate.name)}", gate.name, title, one_line(gate.detail), settings)
    for row in blocked_rows(view.groups):
        title = one_line(f"Blocked: {row.address}")
        message = one_line(f"{row.reason}. {row.advice}")
        location = locations.get(row.change.sequence, settings)
        yield Annotation(Weight.ERROR, f"blocked-{row.change.reason}", row.address, title, message, location)
    for drifted in view.drift:
        title = one_line(f"Changed outside seqsync: {drifted.address}")
        message = f"{drift_head(drifted)[2:]}. {DRIFT_WORDS[drifted.kind].advice}"
        location = locations.get(drifted.sequence, settings)
        yield Annotation(Weight.WARNING, f"drift-{drifted.kind}", drifted.address, title, message, location)
    for group in view.active:
        title = one_line(f"Active sequence: {group.key}")
        message = f"The plan makes {counted(group.writes, 'change')} to it, and prospects receive them."
        yield Annotation(Weight.WARNING, "active", group.key, title, message, locations.get(group.key, settings))
    for number, note in enumerate(view.notes):
        yield Annotation(Weight.NOTICE, "note", str(number), "Note on the plan", one_line(note), settings)


def diagnostic_annotations(diagnostics: Iterable[Diagnostic], folder: str = "") -> list[Annotation]:
    """Return `diagnostics` as annotations, the errors first."""
    annotations = [
        Annotation(
            Weight.ERROR if row.severity is Severity.ERROR else Weight.WARNING,
            row.rule,
            row.source_line.strip(),  # not the message: a fingerprint must survive another wording and another line
            one_line(row.summary),
            one_line(f"{row.summary} {row.hint}"),
            folder + (row.path or SETTINGS),
            max(row.line, 1),
            row.column,
            row.column + row.length if row.column else 0,
        )
        for row in diagnostics
    ]
    return sorted(annotations, key=lambda row: row.weight)


def plan_github(plan: Plan, folder: str = "") -> str:
    """Return the annotations of `plan` as workflow commands, and a notice with its counts."""
    counts = f"{summary_line(plan)} Plan hash {plan.plan_hash()}."
    return commands(plan_annotations(plan, folder)) + f"::notice title=seqsync plan::{_escaped(counts, _DATA)}\n"


def diagnostics_github(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """Return `diagnostics` as workflow commands, each at its location."""
    return commands(diagnostic_annotations(diagnostics, folder))


def commands(annotations: Iterable[Annotation]) -> str:
    """Return the workflow commands for `annotations`, sorted by weight. The notices leave room for the counts."""
    levels = groupby(annotations, key=lambda row: row.weight)
    return "".join(f"{line}\n" for weight, rows in levels for line in _level(weight, [*rows]))


def _level(weight: Weight, rows: Sequence[Annotation]) -> Iterator[str]:
    level, room = _COMMANDS[weight], MOST_OF_A_LEVEL - (weight is Weight.NOTICE)
    shown = rows if len(rows) <= room else rows[: room - 1]
    for row in shown:
        location = f"file={_escaped(row.path, _PROPERTY)},line={row.line}"
        location += f",col={row.column},endColumn={row.end_column}" if row.column else ""
        title = row.rule if row.message.startswith(row.title) else row.title  # does not repeat the title
        yield f"::{level} {location},title={_escaped(title, _PROPERTY)}::{_escaped(row.message, _DATA)}"
    if len(rows) > len(shown):
        more = f"{len(rows) - len(shown)} more of this kind are not shown here. The text output shows all of them."
        yield f"::{level} title=More::{more}"


def _escaped(text: str, table: Iterable[tuple[str, str]]) -> str:
    # GitHub obeys the older form of a command, ##[name]text, anywhere in a line.
    shown = visible(text)[:LONGEST].replace("##[", "##\\x5b")
    for sign, code in table:
        shown = shown.replace(sign, code)
    return shown


def plan_gitlab(plan: Plan) -> str:
    """Return the counters of the merge request's widget. `delete` counts the variants to deactivate."""
    counts = summary_of(plan)
    return json.dumps({"create": counts.create, "update": counts.update, "delete": counts.deactivate}) + "\n"


def plan_quality(plan: Plan, folder: str = "") -> str:
    """Return the annotations of `plan` as code quality."""
    return quality(plan_annotations(plan, folder))


def diagnostics_quality(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """Return `diagnostics` as code quality."""
    return quality(diagnostic_annotations(diagnostics, folder))


def quality(annotations: Iterable[Annotation]) -> str:
    """Return `annotations` as a code quality report: a JSON list, `[]` without any."""
    repeats: Counter[str] = Counter()
    rows = []
    for row in annotations:
        name = f"{row.path}\0{row.rule}\0{row.about}"
        repeats[name] += 1
        rows.append(
            {
                "description": f"{row.title}: {row.message}" if row.title not in row.message else row.message,
                "check_name": row.rule,
                "fingerprint": fingerprint(name, repeats[name]),
                "severity": _SEVERITIES[row.weight],
                "location": {"path": row.path, "lines": {"begin": row.line}},
            }
        )
    return log_safe(json.dumps(rows, indent=2)) + "\n"


def fingerprint(name: str, count: int) -> str:
    """Return an id for the `count`th annotation called `name`, the same in every run."""
    return hashlib.sha256(f"{name}\0{count}".encode("utf-8", "backslashreplace")).hexdigest()


def plan_sarif(plan: Plan, folder: str = "") -> str:
    """Return the annotations of `plan` as SARIF."""
    return sarif(plan_annotations(plan, folder))


def diagnostics_sarif(diagnostics: Iterable[Diagnostic], folder: str = "") -> str:
    """Return `diagnostics` as SARIF, each at its location."""
    return sarif(diagnostic_annotations(diagnostics, folder))


def sarif(annotations: Iterable[Annotation]) -> str:
    """Return `annotations` as one SARIF run. The same annotations give the same text."""
    rows = list(annotations)[:MOST_RESULTS]
    repeats: Counter[str] = Counter()
    results = []
    for row in rows:
        name = f"{row.path}\0{row.rule}\0{row.about}"
        repeats[name] += 1
        results.append(_result(row, fingerprint(name, repeats[name])))
    driver = {"name": "seqsync", "rules": [_rule(name) for name in sorted({row.rule for row in rows})]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return log_safe(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)) + "\n"


def _rule(name: str) -> dict[str, Any]:
    return {"id": name, "shortDescription": {"text": name.replace("-", " ").capitalize()}}


def _result(row: Annotation, mark: str) -> dict[str, Any]:
    region = {"startLine": row.line}
    if row.column:
        region |= {"startColumn": row.column, "endColumn": max(row.end_column, row.column)}
    location = {"artifactLocation": {"uri": uri_of(row.path)}, "region": region}
    text = row.message if row.title in row.message else f"{row.title}: {row.message}"
    return {
        "ruleId": row.rule,
        "level": _LEVELS[row.weight],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"seqsync/v1": mark},
    }


def uri_of(path: str) -> str:
    """Return a relative path as a URI reference; characters outside the unreserved set are percent-encoded."""
    data = path.encode("utf-8", "backslashreplace")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)


def plan_junit(plan: Plan) -> str:
    """Return a suite for each sequence, one for drift and one for gates."""
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
    """Return a suite for each file with diagnostics; without diagnostics, one test that passes."""
    files: dict[str, list[Diagnostic]] = {}
    for row in diagnostics:
        files.setdefault(row.path, []).append(row)
    root = _root("seqsync validate")
    for path, rows in files.items():
        errors = [row for row in rows if row.severity is Severity.ERROR]
        suite = _suite(root, path, len(rows), len(errors), len(rows) - len(errors))
        for row in rows:
            text = f"{row.where}: {row.summary}\n{row.source_line}\n{row.hint}"
            name = f"{row.rule} at {row.line}:{row.column}"
            if row.severity is Severity.ERROR:
                _case(suite, path, name, (row.rule, row.summary, text))
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
            text = "\n".join(rows_text([row], Level.DEFAULT, _PLAIN, indent=""))
            failure = (row.change.reason.value, f"{row.reason}. {row.advice}", text)
        _case(suite, group.key, head_line(row), failure)


def _drift(root: ElementTree.Element, view: View) -> None:
    if not view.drift:
        return
    suite = _suite(root, "changed outside seqsync", len(view.drift), 0, len(view.drift))
    for row in view.drift:
        text = "\n".join(drift_lines([row], Level.DEFAULT, _PLAIN, indent=""))
        _case(suite, row.sequence, drift_head(row)[2:], skipped=text)


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
        kind, message, text = failure
        inner = ElementTree.SubElement(case, "failure", {"type": _one_line(kind), "message": _one_line(message)})
        inner.text = _safe(text)
    if skipped:
        ElementTree.SubElement(case, "skipped", {"message": _one_line(skipped)})


def _safe(text: str) -> str:
    return _NOT_XML.sub("\ufffd", visible(text))


def _one_line(text: str) -> str:
    return _NOT_XML.sub("\ufffd", one_line(text))


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    # A pipeline's runner obeys commands such as ##[name] in a log: the entity keeps the document the same without them.
    body = ElementTree.tostring(root, encoding="unicode").replace("##", "#&#35;")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
