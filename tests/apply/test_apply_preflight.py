"""Apply after a refresh: drift that the plan did not show is refused, and restored text is sent once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.build import call, desired, email
from support.refresh_bench import Killed, Trial, trial
from two_sequences import edit, files, found, lose, remote_id, the_sequence


@pytest.fixture
def bench(tmp_path: Path) -> Trial:
    """Both sequences, applied."""
    return trial(tmp_path, *files())


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
