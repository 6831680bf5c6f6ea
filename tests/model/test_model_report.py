"""Results of an apply and of an import, and their exit codes."""

from __future__ import annotations

import pytest

from sequence_sync.model.report import (
    ApplyReport,
    ChangeResult,
    ImportOutcome,
    ImportReport,
    ImportResult,
    Status,
    ordered,
)

EXIT_CODES = {
    Status.DONE: 0,
    Status.ADOPTED: 0,
    Status.RECORDED: 0,
    Status.ALREADY: 0,
    Status.FAILED: 1,
    Status.REFUSED: 6,
    Status.UNKNOWN: 9,
    Status.SKIPPED: 0,
    Status.BLOCKED: 0,
}


def result(status: Status, address: str = "trial") -> ChangeResult:
    return ChangeResult(address=address, action="create-step", status=status, code=status.exit_code)


@pytest.mark.parametrize("status", Status)
def test_each_status_has_its_exit_code(status: Status) -> None:
    assert status.exit_code == EXIT_CODES[status]


@pytest.mark.parametrize(
    ("statuses", "stopped_by", "code"),
    [
        ([], 0, 0),
        ([Status.DONE, Status.ALREADY], 0, 0),
        ([Status.FAILED], 0, 1),
        ([Status.DONE, Status.FAILED], 0, 10),
        ([Status.REFUSED], 0, 6),
        ([Status.DONE, Status.REFUSED], 0, 10),
        ([Status.REFUSED, Status.FAILED], 0, 1),
        ([Status.DONE, Status.FAILED, Status.UNKNOWN], 0, 9),
        ([Status.UNKNOWN], 130, 130),
    ],
)
def test_apply_ends_with_the_worst_exit_code(statuses: list[Status], stopped_by: int, code: int) -> None:
    results = tuple(result(status) for status in statuses)
    report = ApplyReport(environment="e", api_host="h", plan_hash="0", results=results, stopped_by=stopped_by)
    assert report.exit_code == code


def test_results_are_ordered_like_the_plan_with_unplanned_ones_last() -> None:
    rows = [result(Status.DONE, address) for address in ("state", "b", "a")]
    assert [row.address for row in ordered(rows, ["a", "b"])] == ["a", "b", "state"]


@pytest.mark.parametrize(("wrote", "code"), [(False, 1), (True, 10)])
def test_import_with_a_conflict_ends_with_10_if_something_was_written(wrote: bool, code: int) -> None:
    conflict = ImportResult(ImportOutcome.CONFLICT, "a", code=1)
    report = ImportReport(rows=[conflict, ImportResult(ImportOutcome.MERGED, "b", wrote=wrote)])
    assert report.exit_code == code


def test_code_of_a_change_follows_from_its_status_unless_it_is_given() -> None:
    codes = {status: ChangeResult(address="a", action="b", status=status).code for status in Status}
    assert {status: code for status, code in codes.items() if code} == {
        Status.FAILED: 1,
        Status.REFUSED: 6,
        Status.UNKNOWN: 9,
    }
    assert ChangeResult(address="a", action="b", status=Status.FAILED, code=5).code == 5
