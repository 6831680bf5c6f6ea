"""Formats of CI systems: the worst first, within each limit, and no text of a user is a command or a tag."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from support.plans import CASES, drifted, hostile, plan_of

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.plan.model import Action, Change, Gate, PlannedSequence, Reason
from sequence_sync.registry import DIAGNOSTIC_FORMATS
from sequence_sync.render.ci import (
    MOST_OF_A_LEVEL,
    MOST_RESULTS,
    Weight,
    diagnostics_github,
    diagnostics_junit,
    diagnostics_quality,
    diagnostics_sarif,
    plan_annotations,
    plan_github,
    plan_gitlab,
    plan_junit,
    plan_quality,
    plan_sarif,
    uri_of,
)
from sequence_sync.render.escape import log_lines
from sequence_sync.render.report import diagnostics_json, plan_json

# The part of SARIF 2.1.0 that is used, from the standard: what must be there, and what may.
REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine"],
    "properties": {name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endColumn")},
}
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
PLACE = {
    "type": "object",
    "required": ["artifactLocation", "region"],
    "properties": {
        "artifactLocation": {"type": "object", "properties": {"uri": {"type": "string", "pattern": "^[!-~]+$"}}},
        "region": REGION,
    },
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "level", "message", "locations", "partialFingerprints"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "items": {"properties": {"physicalLocation": PLACE}}},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "rules": {
            "type": "array",
            "uniqueItems": True,
            "items": {"required": ["id"], "properties": {"shortDescription": TEXT}},
        }
    },
}
RUN = {
    "type": "object",
    "required": ["tool", "results"],
    "properties": {
        "tool": {"type": "object", "required": ["driver"], "properties": {"driver": DRIVER}},
        "results": {"type": "array", "items": RESULT},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {"version": {"const": "2.1.0"}, "runs": {"type": "array", "minItems": 1, "items": RUN}},
}


def diagnostic(text: str = "Unknown key.", line: int = 3, severity: Severity = Severity.ERROR) -> Diagnostic:
    """Return an error in a file."""
    return Diagnostic("sequences/a b.yaml", line, 5, "unknown-key", text, "Take it out.", severity, text, 4)


def many_blocked(count: int) -> tuple[Change, ...]:
    """Return `count` blocked changes."""
    return tuple(
        Change(address=f"t.s{n}", action=Action.BLOCKED, reason=Reason.NOT_SUPPORTED, wanted=Action.UPDATE_STEP)
        for n in range(count)
    )


@pytest.mark.parametrize("name", CASES)
def test_annotations_come_the_worst_first(name: str) -> None:
    """A host drops what is too much, from the end."""
    weights = [row.weight for row in plan_annotations(CASES[name]())]
    assert weights == sorted(weights)


def test_shut_gates_and_blocked_changes_are_errors() -> None:
    """Drift and active sequences are warnings."""
    weights = {row.rule: row.weight for row in plan_annotations(drifted())}
    assert weights["gate-active"] == weights["blocked-conflict"] == Weight.ERROR
    assert weights["drift-gone"] == weights["active"] == Weight.WARNING
    assert weights["gate-drift"] == Weight.NOTICE


def test_annotations_keep_the_limit_of_a_step() -> None:
    """Of ten for each level, the last one counts the rest; the counts and the hash are always there."""
    plan = plan_of(*many_blocked(40), gates=(Gate(name="size", allowed=False, detail="x"),), notes=("n",) * 30)
    lines = plan_github(plan).splitlines()
    levels = Counter(line.split()[0] for line in lines)
    assert levels == {"::error": MOST_OF_A_LEVEL, "::notice": MOST_OF_A_LEVEL}
    assert "title=Gate size is shut" in lines[0]
    assert lines[MOST_OF_A_LEVEL - 1].endswith(
        "::32 more of this kind are not shown here. The text output shows all of them."
    )
    assert plan.plan_hash() in lines[-1]
    exact = plan_github(plan_of(*many_blocked(MOST_OF_A_LEVEL)))
    assert "more of this kind" not in exact


def unescaped(text: str, signs: str) -> str:
    """Decode `text` as the runner does: the percent sign last."""
    for sign in (*signs, "%"):
        text = text.replace(f"%{ord(sign):02X}", sign)
    return text


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return annotations as the runner reads them: name, properties, message."""
    found = []
    for line in text.splitlines():
        head, _, data = line.lstrip()[2:].partition("::")
        name, _, properties = head.partition(" ")
        values = dict(part.split("=", 1) for part in properties.split(","))
        read = {key: unescaped(value, "\r\n:,") for key, value in values.items()}
        found.append((name, read, unescaped(data, "\r\n")))
    return found


@given(st.text(alphabet="%0AD:,;=#[]\r\n x☃\u2028", max_size=30))
def test_no_text_is_a_command_of_the_runner(text: str) -> None:
    plan = plan_of(
        *many_blocked(1),
        gates=(Gate(name="size", allowed=False, detail=f"<{text}>"),),
        sequences={"t": PlannedSequence(key="t", title="T", files=(f"s/{text}.yaml",))},
    )
    made = plan_github(plan)
    assert "##[" not in made
    read = commands(made)
    assert [name for name, _, _ in read] == ["error", "error", "notice"]
    assert [sorted(values) for _, values, _ in read] == [
        ["file", "line", "title"],
        ["file", "line", "title"],
        ["title"],
    ]


def test_a_diagnostic_has_file_line_and_columns() -> None:
    [(name, values, data)] = commands(diagnostics_github([diagnostic("50%: a, b")], "outreach/"))
    assert (name, data) == ("error", "50%: a, b Take it out.")
    assert values == {
        "file": "outreach/sequences/a b.yaml",
        "line": "3",
        "col": "5",
        "endColumn": "9",
        "title": "unknown-key",
    }


def test_errors_come_before_warnings() -> None:
    lines = diagnostics_github([diagnostic(severity=Severity.WARNING), diagnostic(line=9)]).splitlines()
    assert [line.split()[0] for line in lines] == ["::error", "::warning"]


def test_gitlab_counters_match_the_summary_line() -> None:
    assert json.loads(plan_gitlab(CASES["long-update"]())) == {"create": 0, "update": 2, "delete": 1}


def test_code_quality_has_the_fields_of_gitlab_and_stable_fingerprints() -> None:
    rows = json.loads(plan_quality(drifted()))
    assert all(row.keys() == {"description", "check_name", "fingerprint", "severity", "location"} for row in rows)
    assert {row["severity"] for row in rows} <= {"info", "minor", "major", "critical", "blocker"}
    assert len({row["fingerprint"] for row in rows}) == len(rows)
    one, twice, moved = (
        [row["fingerprint"] for row in json.loads(diagnostics_quality(found))]
        for found in ([diagnostic()], [diagnostic(), diagnostic(line=8)], [diagnostic(line=70)])
    )
    assert one == moved == twice[:1]
    assert twice[0] != twice[1]
    assert json.loads(diagnostics_quality([])) == []


@pytest.mark.parametrize("name", CASES)
def test_sarif_follows_its_schema(name: str) -> None:
    plan = CASES[name]()
    document = json.loads(plan_sarif(plan, "outreach/"))
    Draft7Validator(SARIF).validate(document)
    [made] = document["runs"]
    assert len(made["results"]) == len(plan_annotations(plan))
    assert {row["id"] for row in made["tool"]["driver"]["rules"]} == {row["ruleId"] for row in made["results"]}


def test_sarif_of_diagnostics_has_columns_and_a_limit() -> None:
    document = json.loads(diagnostics_sarif([diagnostic()]))
    Draft7Validator(SARIF).validate(document)
    region = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert region == {
        "artifactLocation": {"uri": "sequences/a%20b.yaml"},
        "region": {"startLine": 3, "startColumn": 5, "endColumn": 9},
    }
    assert len(json.loads(diagnostics_sarif([diagnostic()] * 6_000))["runs"][0]["results"]) == MOST_RESULTS


def test_a_path_becomes_a_uri() -> None:
    assert uri_of("séq/a b#1.yaml") == "s%C3%A9q/a%20b%231.yaml"


def test_junit_fails_blocked_changes_and_shut_gates() -> None:
    root = ElementTree.fromstring(plan_junit(drifted()))
    suites = {row.get("name"): row for row in root}
    assert {name: (row.get("tests"), row.get("failures"), row.get("skipped")) for name, row in suites.items()} == {
        "trial": ("3", "1", "0"),
        "changed outside seqsync": ("4", "0", "4"),
        "gates": ("2", "1", "0"),
    }
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.get("tests") or 0)
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures") or 0)
    assert "Are you curious" in (suites["trial"].find("testcase/failure").text or "")  # type: ignore[union-attr]


@given(st.text(alphabet=st.characters(), max_size=40))
def test_junit_is_valid_xml_for_every_text(text: str) -> None:
    plan = plan_of(
        *many_blocked(1),
        gates=(Gate(name=text, allowed=False, detail=text),),
        notes=(text,),
        sequences={"t": PlannedSequence(key="t", title=text)},
    )
    assert ElementTree.fromstring(plan_junit(plan).encode()).tag == "testsuites"
    assert ElementTree.fromstring(diagnostics_junit([diagnostic(text)]).encode()).tag == "testsuites"


def test_junit_of_valid_files_has_a_test_that_passes() -> None:
    """Some servers treat a report without tests as an error."""
    assert len(ElementTree.fromstring(diagnostics_junit([])).findall("testsuite/testcase")) == 1


def test_json_diagnostics_have_every_field_and_are_valid_without_errors() -> None:
    document = json.loads(diagnostics_json([diagnostic()]))
    assert (document["format_version"], document["valid"]) == (1, False)
    assert document["diagnostics"][0]["column"] == 5
    assert json.loads(diagnostics_json([diagnostic(severity=Severity.WARNING)]))["valid"] is True
    assert json.loads(diagnostics_json([])) == {"format_version": 1, "valid": True, "diagnostics": []}


@pytest.mark.parametrize("text", ["##[add-mask]e", "##vso[task.setvariable variable=a]b", "x ##[group]"])
def test_no_format_for_programs_has_a_command(text: str) -> None:
    found = [diagnostic(text)]
    made = {name: render(found) for name, render in DIAGNOSTIC_FORMATS.items() if name not in ("text", "github")}
    assert not [name for name, text in made.items() if re.search(r"##\w*\[", text)]
    assert json.loads(made["json"])["diagnostics"][0]["summary"] == text
    assert not re.search(r"##\w*\[", plan_json(hostile()) + plan_junit(hostile()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n  ::add-mask::x", "a\n  \\x3a:add-mask::x"),
        ("::x::", "\\x3a:x::"),
        ("a::b ## c", "a::b ## c"),
        ("x ##[add-mask]y", "x #\\x23[add-mask]y"),
        ("##vso[a]", "#\\x23vso[a]"),
        ("\u3000::a::", "\u3000\\x3a:a::"),
    ],
)
def test_no_line_of_a_log_is_a_command(text: str, shown: str) -> None:
    assert log_lines(text) == shown


def test_fingerprints_depend_on_neither_wording_nor_line() -> None:
    """A code host knows a problem again after an upgrade of seqsync, and after a line above it was added."""
    found = Diagnostic("a.yaml", 3, 5, "unknown-key", "Unknown key.", "Remove it.", source_line="  foo: 1")
    reworded = replace(found, line=4, summary="This key is not known.", hint="")
    other = replace(found, source_line="  bar: 1")
    first, second, third = (
        json.loads(diagnostics_quality([each]))[0]["fingerprint"] for each in (found, reworded, other)
    )
    assert first == second != third
