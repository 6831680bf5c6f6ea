"""Changes of the state only: record, forget and adopt read the step once more before they write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.build import desired, email, message
from support.refresh_bench import Trial, trial
from two_sequences import OTHER, STEPS, edit, files, found, lose, remote_id, the_sequence

from sequence_sync.model.report import Status
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.provider.base import RemoteVariant


@pytest.fixture
def bench(tmp_path: Path) -> Trial:
    """Both sequences, applied."""
    return trial(tmp_path, *files())


# -- record -----------------------------------------------------------------------------------------------------------


def test_what_saleshandy_has_already_is_recorded_without_a_call(bench: Trial) -> None:
    edit(bench, "one", 0, payload={"subject": "Both"})
    edit(bench, "task", day=6, priority="urgent")
    edit(bench, "two", 1, status=0)
    new = files(
        one=email(1, "Both", "<p>The first mail of them</p>"),
        task=message(6),
        two=email(3, "Second", "<p>The second mail of them</p>"),
    )
    assert bench.sync(*new) == []
    assert bench.plan(*new).changes == ()
    assert [row.address for row in bench.look(*new).drift] == ["trial.task"]


@pytest.mark.parametrize(
    "back",
    [
        lambda bench: edit(bench, "one", 0, payload={"subject": "Something else again"}),
        lambda bench: edit(bench, "one", 0, payload={"subject": "First"}),
    ],
)
def test_a_record_is_refused_where_saleshandy_changed_since_the_plan(
    bench: Trial, back: Callable[[Trial], None]
) -> None:
    edit(bench, "one", 0, payload={"subject": "Both"})
    plan = bench.look(*files(one=email(1, "Both", "<p>The first mail of them</p>")))
    back(bench)
    report = bench.carry(plan)
    assert (report.exit_code, [row.status for row in report.results]) == (6, [Status.REFUSED])
    assert bench.manager.state.sequences["trial"].steps["one"].content == STEPS["one"]


def test_a_step_that_was_deactivated_by_hand_is_recorded(bench: Trial) -> None:
    edit(bench, "one", 0, status=0)
    plan = bench.look(*files(one=None))
    assert bench.carry(plan).exit_code == 0
    assert bench.manager.state.sequences["trial"].steps["one"].variants["a"].status == 0
    off = Policy(removed_steps=RemovedSteps.DEACTIVATE)
    assert bench.sync(*files(one=None), policy=off) == []


def test_a_planned_record_and_shown_drift_do_not_stop_a_call(bench: Trial) -> None:
    edit(bench, "two", 1, payload={"subject": "Theirs"}, status=0)
    new = files(two=email(3, "Second", "<p>The second mail of them</p>"), task=message(4, "Other words altogether"))
    plan = bench.look(*new)
    assert [row.action for row in plan.changes] == ["record", "update-variant"]
    assert bench.carry(plan).exit_code == 0
    assert len(bench.account.sent) == 7


# -- gone -------------------------------------------------------------------------------------------------------------


def test_a_deleted_step_without_a_file_leaves_the_state(bench: Trial) -> None:
    gone = lose(bench, "task")
    assert bench.sync(*files(task=None)) == []
    entry = bench.manager.state.sequences["trial"]
    assert ("task" in entry.steps, entry.gone) == (False, (gone.id,))


def test_a_step_that_is_back_stays_in_the_state(bench: Trial) -> None:
    gone = lose(bench, "task")
    plan = bench.look(*files(task=None))
    bench.account.kept[the_sequence(bench)].append(gone)
    report = bench.carry(plan)
    assert (report.exit_code, "there again" in report.results[0].detail) == (6, True)
    assert "task" in bench.manager.state.sequences["trial"].steps


def test_a_deleted_step_is_recreated_once_with_the_gate(bench: Trial) -> None:
    gone = lose(bench, "task")
    assert bench.look(*files()).to_do == ()
    (sent,) = bench.sync(*files(), allowed=("drift",))
    assert (sent.method, (sent.body or {})["type"]) == ("POST", 3)
    entry = bench.manager.state.sequences["trial"]
    assert (entry.gone, entry.steps["task"].id == gone.id) == ((gone.id,), False)


def test_a_deleted_and_renamed_step_is_recreated_once(bench: Trial) -> None:
    lose(bench, "task")
    new = desired(
        steps={**{key: row for key, row in STEPS.items() if key != "task"}, "note": STEPS["task"]},
        moved={"task": "note"},
    )
    assert [row.method for row in bench.sync(new, OTHER, allowed=("drift",))] == ["POST"]
    assert set(bench.manager.state.sequences["trial"].steps) == {"one", "two", "note"}


def test_a_deleted_and_renamed_sequence_is_recreated_once(bench: Trial) -> None:
    sequence = the_sequence(bench)
    bench.account.listed = [row for row in bench.account.listed if row.id != sequence]
    del bench.account.kept[sequence]
    new = desired("demo", "Trial", steps=STEPS, formerly="trial")
    assert [row.method for row in bench.sync(new, OTHER, allowed=("drift",))] == ["POST"] * 4
    assert set(bench.manager.state.sequences) == {"demo", "other"}


def test_a_deleted_sequence_without_a_file_leaves_the_state(bench: Trial) -> None:
    sequence = the_sequence(bench)
    listed, kept = bench.account.listed[:], bench.account.kept[sequence]
    bench.account.listed = [row for row in listed if row.id != sequence]
    del bench.account.kept[sequence]
    plan = bench.look(OTHER)
    bench.account.listed, bench.account.kept[sequence] = listed, kept
    bench.clock.sleep(20)
    assert bench.carry(plan).exit_code == 6
    bench.account.listed = [row for row in listed if row.id != sequence]
    assert bench.sync(OTHER) == []
    assert set(bench.manager.state.sequences) == {"other"}


def test_a_deleted_variant_is_recreated_once(bench: Trial) -> None:
    kept = bench.account.step(remote_id(bench, "two")).variants[0]
    bench.account.change(the_sequence(bench), remote_id(bench, "two"), lambda row: replace(row, variants=(kept,)))
    (sent,) = bench.sync(*files(), allowed=("drift",))
    assert sent.path.endswith("/variants")
    assert set(bench.manager.state.sequences["trial"].steps["two"].variants) == {"a", "b"}


# -- adopt ------------------------------------------------------------------------------------------------------------


def test_a_step_created_by_hand_is_adopted_without_a_call(bench: Trial) -> None:
    new = email(8, "By hand", "<p>Somebody made it</p>")
    found(bench, new)
    assert bench.sync(*files(new=new)) == []
    assert bench.manager.state.sequences["trial"].steps["new"].id == "found"
    assert bench.look(*files(new=new)).drift == ()


def test_a_step_created_by_hand_and_changed_since_the_plan_is_not_adopted(bench: Trial) -> None:
    new = email(8, "By hand", "<p>Somebody made it</p>")
    found(bench, new)
    plan = bench.look(*files(new=new))
    bench.account.change(
        the_sequence(bench),
        "found",
        lambda row: replace(row, variants=(replace(row.variants[0], payload={"subject": "Now", "content": "Else"}),)),
    )
    assert bench.carry(plan).exit_code == 6
    assert "new" not in bench.manager.state.sequences["trial"].steps


def test_a_variant_created_by_hand_is_adopted(bench: Trial) -> None:
    row = RemoteVariant("made", {"subject": "By hand", "content": "<p>By hand</p>"}, "", (), 1)
    bench.account.change(
        the_sequence(bench), remote_id(bench, "one"), lambda step: replace(step, variants=(*step.variants, row))
    )
    new = files(one=email(1, "First", "<p>The first mail of them</p>", b="By hand"))
    plan = bench.look(*new)
    assert bench.sync(*new) == []
    assert bench.manager.state.sequences["trial"].steps["one"].variants["b"].id == "made"
    assert bench.look(*new).drift == ()
    other = Trial(bench.folder / "again", account=bench.account)
    assert plan.changes[0].action == "adopt"
    assert other.runs == 0
