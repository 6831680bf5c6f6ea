"""Results of commands: the counts of an apply, its lines of progress, and what to do about failures."""

from __future__ import annotations

import pytest

from sequence_sync.model.report import ApplyReport, ChangeResult, Status
from sequence_sync.plan.model import Action
from sequence_sync.render.report import counts_line, event_line, report_text


def report(*rows: tuple[str, str, Status]) -> ApplyReport:
    """Return a report with a result for each address, action and status."""
    results = tuple(ChangeResult(address=address, action=action, status=status) for address, action, status in rows)
    return ApplyReport(environment="default", api_host="h", plan_hash="0" * 64, results=results)


def test_counts_use_the_words_of_the_plan() -> None:
    made = report(
        ("t", Action.CREATE_SEQUENCE, Status.DONE),
        ("t.one", Action.CREATE_STEP, Status.DONE),
        ("t.two.a", Action.UPDATE_VARIANT, Status.DONE),
        ("t.two.b", Action.UPDATE_VARIANT, Status.DONE),
        ("t.three.b", Action.DEACTIVATE_VARIANT, Status.DONE),
        ("t.four", Action.MOVE, Status.RECORDED),
        ("t.five", Action.ADOPT, Status.ADOPTED),
    )
    assert counts_line(made) == "Applied: 2 created, 1 updated, 1 deactivated, 2 recorded."


def test_counts_name_other_results_only_if_there_are_any() -> None:
    made = report(
        ("t", Action.CREATE_SEQUENCE, Status.ADOPTED),
        ("t.one", Action.CREATE_STEP, Status.ALREADY),
        ("t.two", Action.BLOCKED, Status.BLOCKED),
    )
    assert counts_line(made) == (
        "Applied: 0 created, 0 updated, 0 deactivated, 0 recorded, 1 adopted, 1 already done, 1 blocked."
    )


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        (
            [Status.DONE, Status.FAILED, Status.REFUSED, Status.SKIPPED],
            "Applied in part: 1 created, 0 updated, 0 deactivated, 0 recorded; 2 failed, 1 not started.",
        ),
        (
            [Status.UNKNOWN],
            "Nothing applied: 0 created, 0 updated, 0 deactivated, 0 recorded; 1 needs a decision.",
        ),
        (
            [Status.UNKNOWN, Status.UNKNOWN],
            "Nothing applied: 0 created, 0 updated, 0 deactivated, 0 recorded; 2 need a decision.",
        ),
    ],
)
def test_counts_of_a_partial_apply_name_the_problems(statuses: list[Status], line: str) -> None:
    rows = [(f"t.s{number}", Action.CREATE_STEP, status) for number, status in enumerate(statuses)]
    assert counts_line(report(*rows)) == line


def test_text_says_needs_a_decision_for_the_status_unknown() -> None:
    assert event_line("unknown", "t.s", "no answer") == "? t.s: needs a decision (no answer)"
    assert event_line("wait", "t.s", "") == "  t.s: wait"
    assert report_text(report(("t.s", Action.CREATE_STEP, Status.UNKNOWN))) == "needs a decision: t.s\n"


def test_changes_that_were_not_started_are_listed() -> None:
    rows = [(f"t.s{number}", Action.CREATE_STEP, Status.SKIPPED) for number in range(2)]
    assert report_text(report(*rows)) == "Not started: t.s0, t.s1\n"
