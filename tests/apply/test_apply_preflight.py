"""Apply after a refresh: record, forget and adopt read once more, and drift that the plan did not show is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.build import call, desired, email, message
from support.refresh_bench import Killed, Trial, full, trial

from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.provider.base import RemoteStep, RemoteVariant

STEPS: dict[str, Content] = {
    "one": email(1, "First", "<p>The first mail of them</p>"),
    "two": email(3, "Second", "<p>The second mail of them</p>", b="Another way of it"),
    "task": message(4, "A message about something"),
}
OTHER = desired("other", "Other", steps={"call": call(2, "Ask about the numbers")})


def files(**steps: Content | None) -> tuple[DesiredSequence, DesiredSequence]:
    """Both sequences, the steps of the first one changed; None takes one out."""
    rows = {key: row for key, row in {**STEPS, **steps}.items() if row is not None}
    return desired(steps=rows), OTHER


@pytest.fixture
def bench(tmp_path: Path) -> Trial:
    """Both sequences, applied."""
    return trial(tmp_path, *files())


def remote_id(bench: Trial, step: str) -> str:
    """Return a step's id in Saleshandy."""
    return bench.manager.state.sequences["trial"].steps[step].id


def the_sequence(bench: Trial) -> str:
    """Return the sequence's id in Saleshandy."""
    return bench.manager.state.sequences["trial"].id


def edit(bench: Trial, step: str, place: int | None = None, **fields: object) -> None:
    """Change a step by hand, or one of its variants; a payload adds to the one there."""

    def changed(row: RemoteStep) -> RemoteStep:
        if place is None:
            return replace(row, **fields)
        rows = list(row.variants)
        new = dict(fields)
        if "payload" in new:
            new["payload"] = {**rows[place].payload, **new["payload"]}  # type: ignore[dict-item]
        rows[place] = replace(rows[place], **new)
        return replace(row, variants=tuple(rows))

    bench.account.change(the_sequence(bench), remote_id(bench, step), changed)


def lose(bench: Trial, step: str) -> RemoteStep:
    """Delete a step by hand."""
    rows = bench.account.kept[the_sequence(bench)]
    gone = next(row for row in rows if row.id == remote_id(bench, step))
    rows.remove(gone)
    return gone


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


def found(bench: Trial, content: Content) -> None:
    """Create a step by hand."""
    rows = tuple(
        RemoteVariant(f"found-{letter}", row.payload, row.task_note) for letter, row in content.variants.items()
    )
    step = RemoteStep("found", "email", day=content.day, variants=rows)
    sent = {"variants": [{} for _ in rows]}
    bench.account.kept[the_sequence(bench)].append(full(step, sent))


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


# -- a run's own read -------------------------------------------------------------------------------------------------


def test_drift_that_the_plan_did_not_show_is_refused(bench: Trial) -> None:
    new = files(one=email(1, "Reworded", "<p>The first mail of them</p>"))
    plan = bench.look(*new)
    edit(bench, "task", 0, payload={"message": "Theirs"})
    report = bench.carry(plan)
    assert (report.exit_code, len(bench.account.sent)) == (6, 6)
    assert "Theirs" in report.results[0].detail
    more = desired("other", "Other", steps={"call": call(2, "Ask about other numbers")})
    assert bench.apply(new[0], more).exit_code == 10
    assert len(bench.account.sent) == 7


def test_drift_that_the_plan_showed_stops_nothing(bench: Trial) -> None:
    edit(bench, "task", 0, payload={"message": "Theirs"})
    edit(bench, "two", day=9)
    assert len(bench.sync(*files(one=email(1, "Reworded", "<p>The first mail of them</p>")))) == 1
    assert bench.account.step(remote_id(bench, "task")).variants[0].payload == {"message": "Theirs"}


def test_a_change_by_hand_that_equals_the_plan_is_not_drift(bench: Trial) -> None:
    new = files(
        one=email(1, "Both", "<p>The first mail of them</p>"), two=email(9, "Second", "<p>The second mail of them</p>")
    )
    edit(bench, "one", 0, payload={"subject": "Both"})
    edit(bench, "two", day=9)
    edit(bench, "two", 1, status=0)
    report = bench.apply(*new, allowed=frozenset({"destructive"}))
    assert report.exit_code == 0
    assert [dict(row.body or {}).get("absoluteDays") for row in bench.account.sent[6:]] == [9, 9]
    assert bench.plan(*new).changes == ()


def test_a_variant_with_shown_drift_is_deactivated_and_keeps_its_text(bench: Trial) -> None:
    edit(bench, "two", 1, payload={"subject": "Theirs"})
    new = files(two=email(3, "Second", "<p>The second mail of them</p>"))
    (sent,) = bench.sync(*new, allowed=("destructive",))
    assert sent.body == {"status": 0}
    assert bench.account.step(remote_id(bench, "two")).variants[1].payload["subject"] == "Theirs"


def test_drift_in_one_read_is_confirmed_by_a_second_read(bench: Trial) -> None:
    new = files(one=email(1, "Reworded", "<p>The first mail of them</p>"))
    right = list(bench.account.kept[the_sequence(bench)])
    edit(bench, "task", 0, payload={"message": "What it said long ago"})
    waited = bench.clock.sleep

    def caught_up(seconds: float) -> None:
        bench.account.kept[the_sequence(bench)] = right
        waited(seconds)

    bench.clock.sleep = caught_up  # type: ignore[method-assign]
    assert bench.apply(*new).exit_code == 0
    assert len(bench.account.sent) == 7


# -- restore ---------------------------------------------------------------------------------------------------------


def test_the_drift_gate_overwrites_only_what_was_planned(bench: Trial) -> None:
    edit(bench, "one", 0, payload={"subject": "Theirs"})
    edit(bench, "two", day=9)
    edit(bench, "task", 0, status=0)
    assert len(bench.sync(*files(), allowed=("drift",))) == 4
    assert bench.look(*files()).known_drift == ()


def test_emails_that_were_swapped_by_hand_are_swapped_back(bench: Trial) -> None:
    edit(bench, "one", day=3)
    edit(bench, "two", day=1)
    sent = bench.sync(*files(), allowed=("drift",))
    assert len(sent) in (4, 5)
    assert bench.look(*files()).known_drift == ()


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_swapping_emails_back_survives_a_kill(bench: Trial, at: int) -> None:
    edit(bench, "one", day=3)
    edit(bench, "two", day=1)
    plan = bench.look(*files(), allowed=("drift",))
    bench.account.kill_at = bench.account.writes + at
    try:
        bench.carry(plan)
    except Killed:
        assert bench.carry(plan).exit_code == 0
    assert bench.look(*files()).known_drift == ()


@pytest.mark.parametrize("again", ["same plan", "new plan"])
def test_a_restored_text_is_sent_once_across_a_kill(bench: Trial, again: str) -> None:
    edit(bench, "one", 0, payload={"subject": "Theirs"})
    plan = bench.look(*files(), allowed=("drift",))
    bench.account.kill_at = bench.account.writes + 1
    with pytest.raises(Killed):
        bench.carry(plan)
    if again == "same plan":
        assert bench.carry(plan).exit_code == 0
    else:
        bench.sync(*files(), allowed=("drift",))
    assert len(bench.account.sent) == 7
    assert bench.look(*files()).known_drift == ()


def test_a_recreated_step_is_created_once_across_a_kill(bench: Trial) -> None:
    lose(bench, "task")
    plan = bench.look(*files(), allowed=("drift",))
    bench.account.kill_at = bench.account.writes + 1
    with pytest.raises(Killed):
        bench.carry(plan)
    assert bench.carry(plan).exit_code == 0
    assert len(bench.account.sent) == 7
    assert len(bench.account.kept[the_sequence(bench)]) == 3
    assert bench.look(*files()).known_drift == ()


# -- what needs a decision ----------------------------------------------------------------------------------------


def test_a_step_in_question_is_not_recorded_as_unmanaged(bench: Trial) -> None:
    found(bench, email(8, "By hand", "<p>Somebody made it this way</p>"))
    new = files(
        new=email(8, "By hand", "<p>Somebody made it that way</p>"), one=email(1, "New", "<p>The first mail</p>")
    )
    plan = bench.look(*new)
    assert [(row.action, row.reason) for row in plan.changes][1] == ("blocked", "unclear")
    assert bench.carry(plan).exit_code == 0
    assert bench.manager.state.sequences["trial"].unmanaged == {}
    assert [row.reason for row in bench.look(*new).changes] == ["unclear"]
