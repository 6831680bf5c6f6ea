"""Plans and diagnostics as JUnit XML, which every CI server shows as a table of tests. Pure.

A suite is a sequence, or a file; a test is a change. What is blocked has failed, what was changed in Saleshandy is
skipped: it was looked at, and nothing is done about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.planning.plan import Action, Plan
from sequence_sync.render.ansi import ink
from sequence_sync.render.details import Level
from sequence_sync.render.drift import drift_head, drift_lines
from sequence_sync.render.escape import one_line, visible
from sequence_sync.render.text import head_line, rows_text
from sequence_sync.render.view import Group, View, view_of

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
