"""A plan as public JSON, for pipelines. Pure.

The shape is that of the saved plan (`planning.planfile`) with the counts of the last line, and without what only apply
needs (`base`, `sum`) and what differs from run to run (the tool's version; there is no time and no absolute path).
"""

from __future__ import annotations

from sequence_sync.planning.plan import Plan, summary_of
from sequence_sync.planning.planfile import plan_document, stable_json


def plan_json(plan: Plan) -> str:
    """`plan` as JSON: the same plan, the same text. Keys are stable; new ones may be added within a format version."""
    document = plan_document(plan)
    del document["base"]
    return stable_json(document | {"summary": summary_of(plan).model_dump()})
