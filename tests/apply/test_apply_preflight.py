"""Apply after a look: what is recorded, let go and adopted is read once more; what the plan did not show is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from refresh_bench import Killed, Trial, full, trial
from support.build import call, email, message, wanted

from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.model.settings import Policy, RemovedSteps
from sequence_sync.provider.base import RemoteStep, RemoteVariant

STEPS: dict[str, Content] = {
    "one": email(1, "First", "<p>The first mail of them</p>"),
    "two": email(3, "Second", "<p>The second mail of them</p>", b="Another way of it"),
    "task": message(4, "A message about something"),
}
OTHER = wanted("other", "Other", steps={"call": call(2, "Ask about the numbers")})


def files(**steps: Content | None) -> tuple[DesiredSequence, DesiredSequence]:
    """Both sequences, the steps of the first one changed; None takes one out."""
    rows = {key: row for key, row in {**STEPS, **steps}.items() if row is not None}
    return wanted(steps=rows), OTHER


@pytest.fixture
def bench(tmp_path: Path) -> Trial:
    """Both sequences, applied."""
    return trial(tmp_path, *files())


def remote_id(bench: Trial, step: str) -> str:
    """A step's id in the app."""
    return bench.manager.state.sequences["trial"].steps[step].id


def the_sequence(bench: Trial) -> str:
    """The sequence's id in the app."""
    return bench.manager.state.sequences["trial"].id


def edit(bench: Trial, step: str, place: int | None = None, **fields: object) -> None:
    """Somebody edits a step in the app, or one of its variants; a payload adds to the one there."""

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
    """Somebody deletes a step in the app."""
    rows = bench.account.kept[the_sequence(bench)]
    gone = next(row for row in rows if row.id == remote_id(bench, step))
    rows.remove(gone)
    return gone


# -- record -----------------------------------------------------------------------------------------------------------


def test_what_the_app_says_is_recorded_without_a_call(bench: Trial) -> None:
    """Words, day and switch: the state follows, nothing is sent, and a plan without a look is empty."""
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
def test_a_record_that_is_not_so_any_more_is_refused(bench: Trial, back: Callable[[Trial], None]) -> None:
    """The app was changed again since the plan: 6, and the state stays."""
    edit(bench, "one", 0, payload={"subject": "Both"})
    plan = bench.look(*files(one=email(1, "Both", "<p>The first mail of them</p>")))
    back(bench)
    report = bench.carry(plan)
    assert (report.exit_code, [row.status for row in report.results]) == (6, [Status.REFUSED])
    assert bench.manager.state.sequences["trial"].steps["one"].content == STEPS["one"]


def test_a_step_that_was_switched_off_by_hand_is_recorded(bench: Trial) -> None:
    """The file lets it go, somebody switched it off as the plan advised; that is all the policy wanted."""
    edit(bench, "one", 0, status=0)
    plan = bench.look(*files(one=None))
    assert bench.carry(plan).exit_code == 0
    assert bench.manager.state.sequences["trial"].steps["one"].variants["a"].status == 0
    off = Policy(removed_steps=RemovedSteps.DEACTIVATE)
    assert bench.sync(*files(one=None), policy=off) == []


def test_a_record_and_an_edit_beside_it(bench: Trial) -> None:
    """One half of what differs is recorded; the other half, which the plan showed, does not stop a call after it."""
    edit(bench, "two", 1, payload={"subject": "Theirs"}, status=0)
    new = files(two=email(3, "Second", "<p>The second mail of them</p>"), task=message(4, "Other words altogether"))
    plan = bench.look(*new)
    assert [row.action for row in plan.changes] == ["record", "update-variant"]
    assert bench.carry(plan).exit_code == 0
    assert len(bench.account.sent) == 7


# -- gone -------------------------------------------------------------------------------------------------------------


def test_a_step_that_is_gone_is_let_go(bench: Trial) -> None:
    """Out of the file and out of the app: out of the state, with its id kept as gone."""
    gone = lose(bench, "task")
    assert bench.sync(*files(task=None)) == []
    entry = bench.manager.state.sequences["trial"]
    assert ("task" in entry.steps, entry.gone) == (False, (gone.id,))


def test_a_step_that_is_back_is_not_let_go(bench: Trial) -> None:
    """Somebody put it back after the plan: 6."""
    gone = lose(bench, "task")
    plan = bench.look(*files(task=None))
    bench.account.kept[the_sequence(bench)].append(gone)
    report = bench.carry(plan)
    assert (report.exit_code, "there again" in report.results[0].detail) == (6, True)
    assert "task" in bench.manager.state.sequences["trial"].steps


def test_a_step_is_made_anew_once(bench: Trial) -> None:
    """With the gate: let go, then one create; the second plan is empty."""
    gone = lose(bench, "task")
    assert bench.look(*files()).to_do == ()
    (sent,) = bench.sync(*files(), allowed=("drift",))
    assert (sent.method, (sent.body or {})["type"]) == ("POST", 3)
    entry = bench.manager.state.sequences["trial"]
    assert (entry.gone, entry.steps["task"].id == gone.id) == ((gone.id,), False)


def test_a_renamed_step_is_made_anew_once(bench: Trial) -> None:
    """The entry under its old key goes by its id."""
    lose(bench, "task")
    new = wanted(
        steps={**{key: row for key, row in STEPS.items() if key != "task"}, "note": STEPS["task"]},
        moved={"task": "note"},
    )
    assert [row.method for row in bench.sync(new, OTHER, allowed=("drift",))] == ["POST"]
    assert set(bench.manager.state.sequences["trial"].steps) == {"one", "two", "note"}


def test_a_renamed_sequence_is_made_anew_once(bench: Trial) -> None:
    """So does the entry of a sequence."""
    sequence = the_sequence(bench)
    bench.account.listed = [row for row in bench.account.listed if row.id != sequence]
    del bench.account.kept[sequence]
    new = wanted("demo", "Trial", steps=STEPS, formerly="trial")
    assert [row.method for row in bench.sync(new, OTHER, allowed=("drift",))] == ["POST"] * 4
    assert set(bench.manager.state.sequences) == {"demo", "other"}


def test_a_sequence_without_a_file_is_let_go(bench: Trial) -> None:
    """And one that is back is not."""
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


def test_a_variant_that_is_gone_is_made_anew_once(bench: Trial) -> None:
    """The other one is not touched."""
    kept = bench.account.step(remote_id(bench, "two")).variants[0]
    bench.account.change(the_sequence(bench), remote_id(bench, "two"), lambda row: replace(row, variants=(kept,)))
    (sent,) = bench.sync(*files(), allowed=("drift",))
    assert sent.path.endswith("/variants")
    assert set(bench.manager.state.sequences["trial"].steps["two"].variants) == {"a", "b"}


# -- adopt ------------------------------------------------------------------------------------------------------------


def found(bench: Trial, content: Content) -> None:
    """Somebody made a step by hand."""
    rows = tuple(
        RemoteVariant(f"found-{letter}", row.payload, row.task_note) for letter, row in content.variants.items()
    )
    step = RemoteStep("found", "email", day=content.day, variants=rows)
    sent = {"variants": [{} for _ in rows]}
    bench.account.kept[the_sequence(bench)].append(full(step, sent))


def test_a_step_made_by_hand_is_adopted(bench: Trial) -> None:
    """No call, and nothing differs afterwards."""
    new = email(8, "By hand", "<p>Somebody made it</p>")
    found(bench, new)
    assert bench.sync(*files(new=new)) == []
    assert bench.manager.state.sequences["trial"].steps["new"].id == "found"
    assert bench.look(*files(new=new)).drift == ()


def test_a_step_made_by_hand_and_changed_since_is_not(bench: Trial) -> None:
    """It does not say any more what the plan was made from: 6."""
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


def test_a_variant_made_by_hand_is_adopted(bench: Trial) -> None:
    """As a step is."""
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
    """6 where nothing was done at all, 10 where another sequence was."""
    new = files(one=email(1, "Reworded", "<p>The first mail of them</p>"))
    plan = bench.look(*new)
    edit(bench, "task", 0, payload={"message": "Theirs"})
    report = bench.carry(plan)
    assert (report.exit_code, len(bench.account.sent)) == (6, 6)
    assert "Theirs" in report.results[0].detail
    more = wanted("other", "Other", steps={"call": call(2, "Ask about other numbers")})
    assert bench.apply(new[0], more).exit_code == 10
    assert len(bench.account.sent) == 7


def test_drift_that_the_plan_showed_is_no_reason(bench: Trial) -> None:
    """The reviewed plan goes on beside it."""
    edit(bench, "task", 0, payload={"message": "Theirs"})
    edit(bench, "two", day=9)
    assert len(bench.sync(*files(one=email(1, "Reworded", "<p>The first mail of them</p>")))) == 1
    assert bench.account.step(remote_id(bench, "task")).variants[0].payload == {"message": "Theirs"}


def test_what_the_plan_wants_is_no_drift(bench: Trial) -> None:
    """Somebody did by hand just what a plan without a look would do: no call is needed, and none refused."""
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


def test_a_variant_whose_edit_was_shown_is_switched_off(bench: Trial) -> None:
    """To switch off overwrites no words."""
    edit(bench, "two", 1, payload={"subject": "Theirs"})
    new = files(two=email(3, "Second", "<p>The second mail of them</p>"))
    (sent,) = bench.sync(*new, allowed=("destructive",))
    assert sent.body == {"status": 0}
    assert bench.account.step(remote_id(bench, "two")).variants[1].payload["subject"] == "Theirs"


def test_a_first_reading_that_lags_is_no_drift(bench: Trial) -> None:
    """What differs is read once more before anybody is accused."""
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


# -- put back ---------------------------------------------------------------------------------------------------------


def test_the_gate_overwrites_just_what_was_planned(bench: Trial) -> None:
    """Words, day and switch go back in the calls that the plan shows."""
    edit(bench, "one", 0, payload={"subject": "Theirs"})
    edit(bench, "two", day=9)
    edit(bench, "task", 0, status=0)
    assert len(bench.sync(*files(), allowed=("drift",))) == 4
    assert bench.look(*files()).known_drift == ()


def test_a_swap_is_put_back(bench: Trial) -> None:
    """Two emails that changed places in the app change back, one of them by way of a free day."""
    edit(bench, "one", day=3)
    edit(bench, "two", day=1)
    sent = bench.sync(*files(), allowed=("drift",))
    assert len(sent) in (4, 5)
    assert bench.look(*files()).known_drift == ()


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_swap_that_is_put_back_survives_a_kill(bench: Trial, at: int) -> None:
    """Killed after any call, before its outcome is written: the next run ends it."""
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
def test_words_put_back_survive_a_kill(bench: Trial, again: str) -> None:
    """The call is made once; the run after the kill finds it made."""
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


def test_a_step_made_anew_survives_a_kill(bench: Trial) -> None:
    """Killed during the create: the next run adopts what was made."""
    lose(bench, "task")
    plan = bench.look(*files(), allowed=("drift",))
    bench.account.kill_at = bench.account.writes + 1
    with pytest.raises(Killed):
        bench.carry(plan)
    assert bench.carry(plan).exit_code == 0
    assert len(bench.account.sent) == 7
    assert len(bench.account.kept[the_sequence(bench)]) == 3
    assert bench.look(*files()).known_drift == ()


# -- what a person must decide ----------------------------------------------------------------------------------------


def test_what_is_in_question_stays_in_question(bench: Trial) -> None:
    """A step that may be one to be created is not written down as somebody else's by the rest of the plan."""
    found(bench, email(8, "By hand", "<p>Somebody made it this way</p>"))
    new = files(
        new=email(8, "By hand", "<p>Somebody made it that way</p>"), one=email(1, "New", "<p>The first mail</p>")
    )
    plan = bench.look(*new)
    assert [(row.action, row.reason) for row in plan.changes][1] == ("blocked", "unclear")
    assert bench.carry(plan).exit_code == 0
    assert bench.manager.state.sequences["trial"].unmanaged == {}
    assert [row.reason for row in bench.look(*new).changes] == ["unclear"]
