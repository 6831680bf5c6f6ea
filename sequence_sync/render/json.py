"""A plan, or diagnostics, as public JSON, for pipelines. Pure.

The shape is that of the saved plan (`planning.planfile`) with the counts of the last line, and without what only apply
needs (`base`, `sum`) and what differs from run to run (the tool's version; there is no time and no absolute path).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.planning.plan import Drifted, Plan, summary_of
from sequence_sync.planning.planfile import plan_document, stable_json

DIAGNOSTICS_FORMAT = 1
DRIFT_FORMAT = 1


def plan_json(plan: Plan) -> str:
    """`plan` as JSON: the same plan, the same text. Keys are stable; new ones may be added within a format version."""
    document = plan_document(plan)
    del document["base"]
    return log_safe(stable_json(document | {"summary": summary_of(plan).model_dump()}))


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> str:
    """`diagnostics` as JSON: `{"format_version": 1, "valid": false, "diagnostics": [{"path", "line", ...}]}`. Places
    count from 1, in characters; 0 where there is none. Valid: without an error, whatever the warnings."""
    rows = list(diagnostics)
    valid = not any(row.severity is Severity.ERROR for row in rows)
    document = {"format_version": DIAGNOSTICS_FORMAT, "valid": valid, "diagnostics": [asdict(row) for row in rows]}
    return log_safe(json.dumps(document, indent=2)) + "\n"


def log_safe(document: str) -> str:
    """JSON that says the same, and in which no runner of a pipeline finds a command (`##[`, `##vso[`) of a user's."""
    return document.replace("##", "#\\u0023")


def drift_json(rows: Iterable[Drifted], complete: bool) -> str:
    """What the app says otherwise than was last applied; `complete`: everything that was asked for was read."""
    told = [row.model_dump(mode="json") for row in rows]
    return log_safe(json.dumps({"format_version": DRIFT_FORMAT, "complete": complete, "drift": told}, indent=2)) + "\n"
