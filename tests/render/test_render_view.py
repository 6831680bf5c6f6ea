"""The view of a plan: remarks on changes, and what a comparison with Saleshandy has shown."""

from __future__ import annotations

import pytest
from support.plans import CASES, drifted, email, plan_of, update

from sequence_sync.plan.model import Drift, DriftKind, Reason
from sequence_sync.render.text import comparison_line
from sequence_sync.render.view import remark_on, view_of

EDIT = Drift(address="t.other", kind=DriftKind.CHANGED)


@pytest.mark.parametrize(
    ("before", "after", "markup", "remark"),
    [
        ("one two", "one three", False, ""),
        ("one  two", "one\ntwo", False, "only spaces or line breaks change"),
        ("<p>one <b>two</b></p>", "<p>one two</p>", True, "only the markup changes: the words stay the same"),
        (
            '<p><a href="https://x.example/a">one</a></p>',
            '<p><a href="https://x.example/b">one</a></p>',
            True,
            "the words stay the same: links, images or line breaks change",
        ),
        ("Hi {{First Name}}", "Hi {{Last Name}}", False, "only merge tags change"),
        (None, "one", False, ""),
        ("one", "one", False, ""),
    ],
)
def test_a_remark_says_what_changes_where_the_words_stay(
    before: str | None, after: str, markup: bool, remark: str
) -> None:
    assert remark_on(before, after, markup) == remark


@pytest.mark.parametrize(
    ("drift", "reason", "line"),
    [
        ((), Reason.CHANGED, "no changes outside seqsync."),
        ((), Reason.DRIFT, "no other changes outside seqsync."),
        ((EDIT,), Reason.CHANGED, "1 change outside seqsync."),
        ((EDIT, EDIT), Reason.CHANGED, "2 changes outside seqsync."),
        ((EDIT, EDIT), Reason.DRIFT, "2 other changes outside seqsync."),
    ],
)
def test_the_comparison_says_other_if_the_plan_itself_has_changes_for_drift(
    drift: tuple[Drift, ...], reason: Reason, line: str
) -> None:
    plan = plan_of(update("t.s.a", email(), email(), reason=reason), drift=drift, refreshed=True)
    assert comparison_line(view_of(plan)) == f"Compared with Saleshandy: {line}"


@pytest.mark.parametrize("name", CASES)
def test_every_change_has_a_row(name: str) -> None:
    plan = CASES[name]()
    rows = [row.change for group in view_of(plan).groups for row in group.rows]
    assert rows == sorted(plan.changes, key=lambda change: [c.sequence for c in plan.changes].index(change.sequence))


def test_active_groups_are_those_that_the_plan_writes_to() -> None:
    [group] = view_of(drifted()).active
    assert (group.key, group.writes) == ("trial", 2)
