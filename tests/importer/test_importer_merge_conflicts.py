"""File and app changed: what agrees is recorded, what does not is told, and nothing is lost."""

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


# -- file and app changed ---------------------------------------------------------------------------------------------


def test_the_same_change_on_both_sides_is_only_recorded(desk: Desk) -> None:
    """File and app say the same: no byte of the file changes, and the plan is empty."""
    write(desk, '"Quick question"', '"Another"')
    desk.edit(the_id(desk), 0, intro(subject="Another"))
    assert desk.changes() != []
    assert merged(desk) == ([], [])


def test_different_changes_are_a_conflict(desk: Desk) -> None:
    """All three texts are told, the file keeps its own, the state keeps what was applied."""
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 0, intro(subject="Theirs"))
    state = desk.state("trial")
    (told,) = conflict(desk).conflicts
    assert (told.address, told.name) == ("trial.intro.a", "subject")
    assert (told.base, told.ours, told.theirs) == ("Quick question", "Ours", "Theirs")
    assert desk.state("trial") == state
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_other_fields_are_merged_beside_a_conflict(desk: Desk) -> None:
    """A conflict in the subject keeps neither the preheader nor the day from being taken."""
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 0, {**intro(subject="Theirs", preheader="New one"), "absoluteDays": 2})
    report = desk.imported(the_id(desk))
    assert report.exit_code == 10
    text = desk.text("sequences/trial.yaml")
    assert "preheader: New one" in text
    assert "day: 2 " in text
    assert '"Ours"' in text
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_a_conflict_of_days(desk: Desk) -> None:
    """Moved here and there."""
    write(desk, "day: 1 ", "day: 5 ")
    desk.edit(the_id(desk), 0, {"absoluteDays": 2})
    (told,) = conflict(desk).conflicts
    assert (told.name, told.base, told.ours, told.theirs) == ("day", "1", "5", "2")


def test_what_only_the_file_changed_stays_planned(desk: Desk) -> None:
    """The file's own edits stay what the plan shows, beside what was taken."""
    write(desk, '"Quick question"', '"Ours"')
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    assert desk.row(the_id(desk)).outcome is ImportOutcome.MERGED
    assert desk.changes() == [("trial.intro.a", "update-variant")]


def test_a_change_of_a_step_that_the_file_took_out_is_a_conflict(desk: Desk) -> None:
    """What somebody wrote in the app is told before the step is let go."""
    write(desk, "    task_note: Look first\n", "")
    text = desk.text("sequences/trial.yaml")
    at = text.index("  connect:")
    desk.project.write("sequences/trial.yaml", text[:at] + text[text.index("# the end") :])
    desk.edit(the_id(desk), 2, {"payload": {"connectionNote": "Edited"}})
    (told,) = conflict(desk).conflicts
    assert (told.address, told.theirs) == ("trial.connect", "Edited")


def test_a_variant_off_there_and_edited_here_is_a_conflict(desk: Desk) -> None:
    """The file's new text of a variant is not thrown away because somebody switched the variant off."""
    write(desk, "<p>An idea</p>", "<p>A better idea</p>")
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    (told,) = conflict(desk).conflicts
    assert (told.name, told.theirs) == ("on or off", "off")


def test_a_step_that_is_off_stays_in_its_file(desk: Desk) -> None:
    """A file cannot say that a step is off: it is told, with what to do."""
    desk.edit(the_id(desk), 2, {"status": 0})
    row = desk.row(the_id(desk))
    assert row.outcome is ImportOutcome.UNCHANGED
    assert any("switched off" in note and "removed: [connect]" in note for note in row.notes)
    desk.check_settled()


def test_a_step_that_is_gone_is_told(desk: Desk) -> None:
    """Nothing is removed here because something is gone there."""
    desk.change(the_id(desk), steps=desk.box.store.sequence(the_id(desk)).steps[:2])
    before = desk.files()
    row = desk.row(the_id(desk))
    assert any("connect" in note and "stays in the file and in the state" in note for note in row.notes)
    assert desk.files() == before


def test_renames_that_are_not_applied_yet(desk: Desk) -> None:
    """The state keeps its old keys, the edit goes to the new ones; the plan shows the renames and nothing else."""
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


def test_a_task_whose_variant_was_replaced(desk: Desk) -> None:
    """A task has one text in a file: the other one that is on in the app is told, and nothing is lost."""
    step = desk.box.store.sequence(the_id(desk)).steps[2]
    desk.edit(the_id(desk), 2, {"status": 0})
    body = {"type": 2, "payload": {"connectionNote": "Another"}, "taskNote": "x"}
    desk.box.store.add_variant(the_id(desk), step.id, bodies.new_variant(body))
    (told,) = conflict(desk).conflicts
    assert (told.address, told.name, told.theirs) == ("trial.connect.b", "on or off", "on")


def test_all_variants_replaced(desk: Desk) -> None:
    """The old one off and a new one on: the file has the new one alone."""
    step = desk.box.store.sequence(the_id(desk)).steps[0]
    desk.edit(the_id(desk), 0, {"status": 0})
    body = {"type": 1, "payload": {"subject": "New", "content": "<p>new</p>"}}
    desk.box.store.add_variant(the_id(desk), step.id, bodies.new_variant(body))
    merged(desk)
    text = desk.text("sequences/trial.yaml")
    assert "    variants:\n      b:\n        subject: New\n        content: <p>new</p>\n" in text
    assert "words of ours" not in text
