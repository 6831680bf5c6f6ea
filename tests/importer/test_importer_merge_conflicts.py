"""Changes on both sides: agreed ones are recorded, conflicts are reported, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from import_one_sequence import NUDGE, applied, conflict, intro, merged, the_id, write
from support.import_account import Desk

from sequence_sync.model.report import ImportOutcome
from sequence_sync.sandbox import bodies


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The file of `import_one_sequence`, applied."""
    yield from applied(tmp_path)


# -- changed on both sides --------------------------------------------------------------------------------------------


def test_same_change_on_both_sides_is_recorded_without_an_edit(desk: Desk) -> None:
    write(desk, '"Quick question"', '"Another"')
    desk.edit(the_id(desk), 0, intro(subject="Another"))
    assert desk.changes() != []
    assert merged(desk) == ([], [])


def test_different_changes_are_a_conflict_with_all_three_texts(desk: Desk) -> None:
    """The file keeps its text, and the state keeps what was last applied."""
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 0, intro(subject="Theirs"))
    state = desk.state("trial")
    (told,) = conflict(desk).conflicts
    assert (told.address, told.name) == ("trial.intro.a", "subject")
    assert (told.base, told.ours, told.theirs) == ("Quick question", "Ours", "Theirs")
    assert desk.state("trial") == state
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_conflict_in_one_field_does_not_stop_the_others(desk: Desk) -> None:
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 0, {**intro(subject="Theirs", preheader="New one"), "absoluteDays": 2})
    report = desk.imported(the_id(desk))
    assert report.exit_code == 10
    text = desk.text("sequences/trial.yaml")
    assert "preheader: New one" in text
    assert "day: 2 " in text
    assert '"Ours"' in text
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_days_changed_on_both_sides_are_a_conflict(desk: Desk) -> None:
    write(desk, "day: 1 ", "day: 5 ")
    desk.edit(the_id(desk), 0, {"absoluteDays": 2})
    (told,) = conflict(desk).conflicts
    assert (told.name, told.base, told.ours, told.theirs) == ("day", "1", "5", "2")


def test_change_in_the_file_alone_stays_in_the_plan(desk: Desk) -> None:
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    assert desk.row(the_id(desk)).outcome is ImportOutcome.MERGED
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_remote_edit_of_a_step_removed_from_the_file_is_a_conflict(desk: Desk) -> None:
    write(desk, "    task_note: Look first\n", "")
    text = desk.text("sequences/trial.yaml")
    at = text.index("  connect:")
    desk.project.write("sequences/trial.yaml", text[:at] + text[text.index("# the end") :])
    desk.edit(the_id(desk), 2, {"payload": {"connectionNote": "Edited"}})
    (told,) = conflict(desk).conflicts
    assert (told.address, told.theirs) == ("trial.connect", "Edited")


def test_variant_disabled_remotely_and_edited_in_the_file_is_a_conflict(desk: Desk) -> None:
    write(desk, "<p>An idea</p>", "<p>A better idea</p>")
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    (told,) = conflict(desk).conflicts
    assert (told.name, told.theirs) == ("on or off", "off")


def test_disabled_step_stays_in_the_file_with_a_note(desk: Desk) -> None:
    desk.edit(the_id(desk), 2, {"status": 0})
    row = desk.row(the_id(desk))
    assert row.outcome is ImportOutcome.UNCHANGED
    assert any("deactivated" in note and "removed: [connect]" in note for note in row.notes)
    desk.check_settled()


def test_step_missing_remotely_is_reported_and_kept(desk: Desk) -> None:
    desk.change(the_id(desk), steps=desk.box.store.sequence(the_id(desk)).steps[:2])
    before = desk.files()
    row = desk.row(the_id(desk))
    assert any("connect" in note and "stays in the file and in the state" in note for note in row.notes)
    assert desk.files() == before


def test_edits_follow_renames_that_are_not_applied_yet(desk: Desk) -> None:
    """The state keeps the old keys, and the plan still shows the renames."""
    text = (
        desk.text("sequences/trial.yaml")
        .replace("sequence: trial ", "sequence: better ")
        .replace("  intro:", "  hello:")
    )
    desk.project.write("sequences/trial.yaml", text + "formerly: trial\nmoved: [{from: intro, to: hello}]\n")
    desk.edit(the_id(desk), 0, intro(subject="Theirs"))
    assert desk.row(the_id(desk)).outcome is ImportOutcome.MERGED
    assert "Theirs" in desk.text("sequences/trial.yaml")
    assert desk.changes() == [("better", "move"), ("better.hello", "move")]


def test_second_variant_of_a_task_is_reported(desk: Desk) -> None:
    step = desk.box.store.sequence(the_id(desk)).steps[2]
    desk.edit(the_id(desk), 2, {"status": 0})
    body = {"type": 2, "payload": {"connectionNote": "Another"}, "taskNote": "x"}
    desk.box.store.add_variant(the_id(desk), step.id, bodies.new_variant(body))
    (told,) = conflict(desk).conflicts
    assert (told.address, told.name, told.theirs) == ("trial.connect.b", "on or off", "on")


def test_replaced_variant_leaves_only_the_new_one_in_the_file(desk: Desk) -> None:
    step = desk.box.store.sequence(the_id(desk)).steps[0]
    desk.edit(the_id(desk), 0, {"status": 0})
    body = {"type": 1, "payload": {"subject": "New", "content": "<p>new</p>"}}
    desk.box.store.add_variant(the_id(desk), step.id, bodies.new_variant(body))
    merged(desk)
    text = desk.text("sequences/trial.yaml")
    assert "    variants:\n      b:\n        subject: New\n        content: <p>new</p>\n" in text
    assert "words of ours" not in text
