"""Findings as SARIF 2.1.0, for code scanning and editors. Pure.

A result without a place is refused by code scanning: what belongs to no sequence stands at the settings.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sequence_sync.diagnostics import Diagnostic
from sequence_sync.planning.plan import Plan
from sequence_sync.render.findings import Finding, Weight, diagnostic_findings, plan_findings
from sequence_sync.render.gitlab import fingerprint
from sequence_sync.render.json import log_safe

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


def sarif(findings: Iterable[Finding]) -> str:
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


def _result(row: Finding, mark: str) -> dict[str, Any]:
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
