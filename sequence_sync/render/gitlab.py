"""What GitLab shows in a merge request: the counts of a plan, and findings as code quality. Pure.

`artifacts:reports:terraform` takes three counters; `artifacts:reports:codequality` a list of findings, which are told
apart by their fingerprint: the same finding has the same one in every run, wherever its line moves.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping

from sequence_sync.diagnostics import Diagnostic
from sequence_sync.planning.plan import Plan, summary_of
from sequence_sync.render.findings import Finding, Weight, diagnostic_findings, plan_findings
from sequence_sync.render.json import log_safe

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


def quality(findings: Iterable[Finding]) -> str:
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
