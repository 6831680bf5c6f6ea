"""Changes on both sides: agreed ones are recorded, conflicts are reported, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from import_one_sequence import NUDGE, applied, conflict, intro, merged, the_id, write
from support.import_account import Scenario

from sequence_sync.model.report import ImportOutcome
from sequence_sync.sandbox import bodies


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """The file of `import_one_sequence`, applied."""
    yield from applied(tmp_path)


# -- changed on both sides --------------------------------------------------------------------------------------------


def test_same_change_on_both_sides_is_recorded_without_an_edit(scenario: Scenario) -> None:
    write(scenario, '"Quick question"', '"Another"')
    scenario.edit(the_id(scenario), 0, intro(subject="Another"))
    assert scenario.changes() != []
    assert merged(scenario) == ([], [])


def test_different_changes_are_a_conflict_with_all_three_texts(scenario: Scenario) -> None:
    """The file keeps its text, and the state keeps what was last applied."""
    write(scenario, '"Quick question"', '"Ours"')
    scenario.edit(the_id(scenario), 0, intro(subject="Theirs"))
    state = scenario.state("trial")
    (found,) = conflict(scenario).conflicts
    assert (found.address, found.name) == ("trial.intro.a", "subject")
    assert (found.base, found.ours, found.theirs) == ("Quick question", "Ours", "Theirs")
    assert scenario.state("trial") == state
    assert scenario.changes() == [("trial.intro.a", "update-variant")]


def test_conflict_in_one_field_does_not_stop_the_others(scenario: Scenario) -> None:
    write(scenario, '"Quick question"', '"Ours"')
    scenario.edit(the_id(scenario), 0, {**intro(subject="Theirs", preheader="New one"), "absoluteDays": 2})
    report = scenario.imported(the_id(scenario))
    assert report.exit_code == 10
    text = scenario.text("sequences/trial.yaml")
    assert "preheader: New one" in text
    assert "day: 2 " in text
    assert '"Ours"' in text
    assert scenario.changes() == [("trial.intro.a", "update-variant")]


def test_days_changed_on_both_sides_are_a_conflict(scenario: Scenario) -> None:
    write(scenario, "day: 1 ", "day: 5 ")
    scenario.edit(the_id(scenario), 0, {"absoluteDays": 2})
    (found,) = conflict(scenario).conflicts
    assert (found.name, found.base, found.ours, found.theirs) == ("day", "1", "5", "2")


def test_change_in_the_file_alone_stays_in_the_plan(scenario: Scenario) -> None:
    write(scenario, '"Quick question"', '"Ours"')
    scenario.edit(the_id(scenario), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.MERGED
    assert scenario.changes() == [("trial.intro.a", "update-variant")]


def test_remote_edit_of_a_step_removed_from_the_file_is_a_conflict(scenario: Scenario) -> None:
    write(scenario, "    task_note: Look first\n", "")
    text = scenario.text("sequences/trial.yaml")
    at = text.index("  connect:")
    scenario.project.write("sequences/trial.yaml", text[:at] + text[text.index("# the end") :])
    scenario.edit(the_id(scenario), 2, {"payload": {"connectionNote": "Edited"}})
    (found,) = conflict(scenario).conflicts
    assert (found.address, found.theirs) == ("trial.connect", "Edited")


def test_variant_disabled_remotely_and_edited_in_the_file_is_a_conflict(scenario: Scenario) -> None:
    write(scenario, "<p>An idea</p>", "<p>A better idea</p>")
    scenario.edit(the_id(scenario), 1, {"status": 0}, variant=1)
    (found,) = conflict(scenario).conflicts
    assert (found.name, found.theirs) == ("on or off", "off")


def test_disabled_step_stays_in_the_file_with_a_note(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 2, {"status": 0})
    row = scenario.row(the_id(scenario))
    assert row.outcome is ImportOutcome.UNCHANGED
    assert any("deactivated" in note and "removed: [connect]" in note for note in row.notes)
    scenario.check_no_changes()


def test_step_missing_remotely_is_reported_and_kept(scenario: Scenario) -> None:
    scenario.change(the_id(scenario), steps=scenario.box.store.sequence(the_id(scenario)).steps[:2])
    before = scenario.files()
    row = scenario.row(the_id(scenario))
    assert any("connect" in note and "stays in the file and in the state" in note for note in row.notes)
    assert scenario.files() == before


def test_edits_follow_renames_that_are_not_applied_yet(scenario: Scenario) -> None:
    """The state keeps the old keys, and the plan still shows the renames."""
    text = (
        scenario.text("sequences/trial.yaml")
        .replace("sequence: trial ", "sequence: better ")
        .replace("  intro:", "  hello:")
    )
    scenario.project.write("sequences/trial.yaml", text + "formerly: trial\nmoved: [{from: intro, to: hello}]\n")
    scenario.edit(the_id(scenario), 0, intro(subject="Theirs"))
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.MERGED
    assert "Theirs" in scenario.text("sequences/trial.yaml")
    assert scenario.changes() == [("better", "move"), ("better.hello", "move")]


def test_second_variant_of_a_task_is_reported(scenario: Scenario) -> None:
    step = scenario.box.store.sequence(the_id(scenario)).steps[2]
    scenario.edit(the_id(scenario), 2, {"status": 0})
    body = {"type": 2, "payload": {"connectionNote": "Another"}, "taskNote": "x"}
    scenario.box.store.add_variant(the_id(scenario), step.id, bodies.new_variant(body))
    (found,) = conflict(scenario).conflicts
    assert (found.address, found.name, found.theirs) == ("trial.connect.b", "on or off", "on")


def test_replaced_variant_leaves_only_the_new_one_in_the_file(scenario: Scenario) -> None:
    step = scenario.box.store.sequence(the_id(scenario)).steps[0]
    scenario.edit(the_id(scenario), 0, {"status": 0})
    body = {"type": 1, "payload": {"subject": "New", "content": "<p>new</p>"}}
    scenario.box.store.add_variant(the_id(scenario), step.id, bodies.new_variant(body))
    merged(scenario)
    text = scenario.text("sequences/trial.yaml")
    assert "    variants:\n      b:\n        subject: New\n        content: <p>new</p>\n" in text
    assert "words of ours" not in text
