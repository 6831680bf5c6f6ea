"""What hosts mark in a pull request: the worst first, within their limits, and no text is a command or a tag."""

from __future__ import annotations

import json
import re
from collections import Counter
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
    plan_findings,
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
    """A mistake in a file."""
    return Diagnostic("sequences/a b.yaml", line, 5, "unknown-key", text, "Take it out.", severity, text, 4)


def many_blocked(count: int) -> tuple[Change, ...]:
    """So many blocked changes."""
    return tuple(
        Change(address=f"t.s{n}", action=Action.BLOCKED, reason=Reason.NOT_SUPPORTED, wanted=Action.UPDATE_STEP)
        for n in range(count)
    )


@pytest.mark.parametrize("name", CASES)
def test_findings_come_the_worst_first(name: str) -> None:
    """A host drops what is too much, from the end."""
    weights = [row.weight for row in plan_findings(CASES[name]())]
    assert weights == sorted(weights)


def test_what_keeps_apply_from_working_is_an_error() -> None:
    """A shut gate and a blocked change; drift and a sequence that sends are warnings."""
    told = {row.rule: row.weight for row in plan_findings(drifted())}
    assert told["gate-active"] == told["blocked-conflict"] == Weight.ERROR
    assert told["drift-gone"] == told["active"] == Weight.WARNING
    assert told["gate-drift"] == Weight.NOTICE


def test_annotations_keep_the_limit_of_a_step() -> None:
    """Ten of a level: nine and how many more; the counts and the hash are always there."""
    plan = plan_of(*many_blocked(40), gates=(Gate(name="size", allowed=False, detail="x"),), notes=("n",) * 30)
    lines = plan_github(plan).splitlines()
    levels = Counter(line.split()[0] for line in lines)
    assert levels == {"::error": MOST_OF_A_LEVEL, "::notice": MOST_OF_A_LEVEL}
    assert "title=Gate size is shut" in lines[0]
    assert lines[MOST_OF_A_LEVEL - 1].endswith(
        "::32 more of this kind are not shown here; seqsync prints all of them as text."
    )
    assert plan.plan_hash() in lines[-1]
    exact = plan_github(plan_of(*many_blocked(MOST_OF_A_LEVEL)))
    assert "more of this kind" not in exact


def unescaped(text: str, signs: str) -> str:
    """As the runner does it: the percent sign last."""
    for sign in (*signs, "%"):
        text = text.replace(f"%{ord(sign):02X}", sign)
    return text


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Annotations as the runner reads them: name, properties, message."""
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
    """Each line is one of our annotations with our properties, and the text comes out as it went in."""
    plan = plan_of(
        *many_blocked(1),
        gates=(Gate(name="size", allowed=False, detail=f"<{text}>"),),
        sequences={"t": PlannedSequence(key="t", title="T", files=(f"s/{text}.yaml",))},
    )
    made = plan_github(plan)
    assert "##[" not in made
    told = commands(made)
    assert [name for name, _, _ in told] == ["error", "error", "notice"]
    assert [sorted(values) for _, values, _ in told] == [
        ["file", "line", "title"],
        ["file", "line", "title"],
        ["title"],
    ]


def test_a_diagnostic_is_marked_at_its_place() -> None:
    """File from the root of the repository, line and columns."""
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
    """Also where the warning stands first in its file."""
    lines = diagnostics_github([diagnostic(severity=Severity.WARNING), diagnostic(line=9)]).splitlines()
    assert [line.split()[0] for line in lines] == ["::error", "::warning"]


def test_counters_are_those_of_the_last_line() -> None:
    """A variant that is switched off counts as delete."""
    assert json.loads(plan_gitlab(CASES["long-update"]())) == {"create": 0, "update": 2, "delete": 1}


def test_code_quality_has_what_gitlab_needs() -> None:
    """And its fingerprint stays when a line moves, and differs between findings."""
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
def test_sarif_keeps_its_standard(name: str) -> None:
    """The required properties, levels, places from 1, and a result for each finding, with a rule for each."""
    plan = CASES[name]()
    document = json.loads(plan_sarif(plan, "outreach/"))
    Draft7Validator(SARIF).validate(document)
    [made] = document["runs"]
    assert len(made["results"]) == len(plan_findings(plan))
    assert {row["id"] for row in made["tool"]["driver"]["rules"]} == {row["ruleId"] for row in made["results"]}


def test_sarif_of_diagnostics_has_columns() -> None:
    """From 1, in characters, the end behind the last one; no more than code scanning shows."""
    document = json.loads(diagnostics_sarif([diagnostic()]))
    Draft7Validator(SARIF).validate(document)
    region = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert region == {
        "artifactLocation": {"uri": "sequences/a%20b.yaml"},
        "region": {"startLine": 3, "startColumn": 5, "endColumn": 9},
    }
    assert len(json.loads(diagnostics_sarif([diagnostic()] * 6_000))["runs"][0]["results"]) == MOST_RESULTS


def test_a_path_is_a_uri() -> None:
    """Whatever is not plain is encoded."""
    assert uri_of("séq/a b#1.yaml") == "s%C3%A9q/a%20b%231.yaml"


def test_junit_tells_what_is_blocked() -> None:
    """A suite for each sequence; blocked and shut have failed, drift is skipped, the rest has passed."""
    root = ElementTree.fromstring(plan_junit(drifted()))
    suites = {row.get("name"): row for row in root}
    assert {name: (row.get("tests"), row.get("failures"), row.get("skipped")) for name, row in suites.items()} == {
        "trial": ("3", "1", "0"),
        "changed in Saleshandy": ("4", "0", "4"),
        "gates": ("2", "1", "0"),
    }
    for suite in root:
        assert len(suite.findall("testcase")) == int(suite.get("tests") or 0)
        assert len(suite.findall("testcase/failure")) == int(suite.get("failures") or 0)
    assert "Are you curious" in (suites["trial"].find("testcase/failure").text or "")  # type: ignore[union-attr]


@given(st.text(alphabet=st.characters(), max_size=40))
def test_junit_is_xml_whatever_a_text_holds(text: str) -> None:
    """Control characters, halves of pairs, signs that XML has no way to say."""
    plan = plan_of(
        *many_blocked(1),
        gates=(Gate(name=text, allowed=False, detail=text),),
        notes=(text,),
        sequences={"t": PlannedSequence(key="t", title=text)},
    )
    assert ElementTree.fromstring(plan_junit(plan).encode()).tag == "testsuites"
    assert ElementTree.fromstring(diagnostics_junit([diagnostic(text)]).encode()).tag == "testsuites"


def test_junit_of_valid_files_has_a_test_that_passes() -> None:
    """A report without a test is taken for a mistake by some servers."""
    assert len(ElementTree.fromstring(diagnostics_junit([])).findall("testsuite/testcase")) == 1


def test_diagnostics_are_data() -> None:
    """With every field; valid is a list of mistakes without an error in it."""
    told = json.loads(diagnostics_json([diagnostic()]))
    assert (told["format_version"], told["valid"]) == (1, False)
    assert told["diagnostics"][0]["column"] == 5
    assert json.loads(diagnostics_json([diagnostic(severity=Severity.WARNING)]))["valid"] is True
    assert json.loads(diagnostics_json([])) == {"format_version": 1, "valid": True, "diagnostics": []}


@pytest.mark.parametrize("text", ["##[add-mask]e", "##vso[task.setvariable variable=a]b", "x ##[group]"])
def test_no_format_for_programs_holds_a_command(text: str) -> None:
    """They are printed in logs too, where a runner reads every line; a reader of the data finds the same text."""
    found = [diagnostic(text)]
    made = {name: render(found) for name, render in DIAGNOSTIC_FORMATS.items() if name not in ("text", "github")}
    assert not [name for name, told in made.items() if re.search(r"##\w*\[", told)]
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
    """The signs are shown as their code, and nothing else is changed."""
    assert log_lines(text) == shown
