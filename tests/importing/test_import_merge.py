"""The app's edits of a sequence that has a file: each cell of the three ways, and nothing else is touched."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from import_account import Desk, email, opened

from sequence_sync.planning.imported import Outcome, Row
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.behaviour import Behaviour
from sequence_sync.sandbox.server import Sandbox

FILE = """\
# Who comes from the trial page.
sequence: trial   # the key
title: Trial

steps:
  # the first one
  intro:   # asked for by sales
    type:   email
    day: 1      # the day after
    subject: "Quick question"   # short!
    preheader: Before it
    content: |
      <p>Hi {{firstName}},</p>

      <p>words of ours</p>
    # nothing below

  nudge:
    day: 3
    type: email
    variants:
      a:
        subject: Still curious?
        content_file: emails/nudge.html
      # the second try
      b: {subject: One more idea, content: <p>An idea</p>}

  connect:
    day: 4
    type: linkedin_connection_request
    connection_note: >-
      Hi, shall we
      connect?
    task_note: Look first
# the end
"""
NUDGE = "<p>Still curious about it?</p>\n"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The file above, applied."""
    with Sandbox(per_minute=0) as box:
        desk = opened(tmp_path, box)
        desk.project.write("sequences/trial.yaml", FILE)
        desk.project.write("sequences/emails/nudge.html", NUDGE)
        report = desk.apply()
        assert report is not None
        assert report.exit_code == 0
        yield desk


def the_id(desk: Desk) -> str:
    """The id of the one sequence."""
    (sequence,) = desk.box.store.sequences()
    return sequence.id


def write(desk: Desk, old: str, new: str) -> str:
    """Change the file by hand; its text."""
    text = desk.text("sequences/trial.yaml")
    assert old in text
    desk.project.write("sequences/trial.yaml", text.replace(old, new))
    return text.replace(old, new)


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    found = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    return [line[2:] for line in found if line[0] == "-"], [line[2:] for line in found if line[0] == "+"]


def merged(desk: Desk) -> tuple[list[str], list[str]]:
    """Import: merged, settled, and again it changes no byte; the lines that went and came."""
    before = desk.text("sequences/trial.yaml")
    row = desk.row(the_id(desk))
    assert row.outcome is Outcome.MERGED, (row.problem, row.notes, row.conflicts)
    after = desk.text("sequences/trial.yaml")
    desk.check_settled()
    files = desk.files()
    assert desk.row(the_id(desk)).outcome is Outcome.UNCHANGED
    assert desk.files() == files
    return lines(before, after)


def intro(**payload: str) -> dict[str, Any]:
    """The body of a PATCH of the first email."""
    whole = {
        "subject": "Quick question", "preheader": "Before it",
        "content": "<p>Hi {{firstName}},</p>\n\n<p>words of ours</p>",
    }  # fmt: skip
    return {"payload": {**whole, **payload}}


# -- the app changed, the file did not --------------------------------------------------------------------------------


def test_nothing_changed_nothing_written(desk: Desk) -> None:
    """Right after apply there is nothing to take, and no byte changes."""
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is Outcome.UNCHANGED
    assert desk.files() == before


def test_a_subject_is_taken(desk: Desk) -> None:
    """One line changes; its comment stays."""
    desk.edit(the_id(desk), 0, intro(subject="Another: question"))
    assert merged(desk) == (
        ['    subject: "Quick question"   # short!'],
        ['    subject: "Another: question"   # short!'],
    )


def test_a_body_is_taken(desk: Desk) -> None:
    """The lines of the block change, and no other."""
    desk.edit(the_id(desk), 0, intro(content="<p>Hi {{firstName}},</p>\n\n<p>words of theirs</p>"))
    assert merged(desk) == (["      <p>words of ours</p>"], ["      <p>words of theirs</p>"])


def test_an_emptied_preheader_goes(desk: Desk) -> None:
    """What is empty in the app is taken out of the file."""
    body = intro()
    del body["payload"]["preheader"]
    desk.edit(the_id(desk), 0, body)
    assert merged(desk) == (["    preheader: Before it"], [])


def test_a_content_file_is_rewritten(desk: Desk) -> None:
    """The YAML file stays as it is; the text is in the content file."""
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now ${really}</p>"}})
    assert merged(desk) == ([], [])
    assert desk.text("sequences/emails/nudge.html") == "<p>Now $${really}</p>\n"


def test_a_shared_content_file_stays(desk: Desk) -> None:
    """A content file that another text is made from too is not changed under it."""
    write(
        desk, "b: {subject: One more idea, content: <p>An idea</p>}", "b: {subject: x, content_file: emails/nudge.html}"
    )
    desk.apply("drift")
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now</p>"}})
    merged(desk)
    assert desk.text("sequences/emails/nudge.html") == NUDGE
    assert desk.text("sequences/emails/trial/nudge-a.html") == "<p>Now</p>\n"


def test_a_variant_in_brackets_is_changed(desk: Desk) -> None:
    """A mapping in brackets stays one."""
    desk.edit(the_id(desk), 1, {"payload": {"subject": "B: new", "content": "<p>An idea</p>"}}, variant=1)
    assert merged(desk)[1] == ['      b: {subject: "B: new", content: <p>An idea</p>}']


def test_a_day_is_taken(desk: Desk) -> None:
    """Somebody moved the email."""
    desk.edit(the_id(desk), 0, {"absoluteDays": 2})
    assert merged(desk) == (["    day: 1      # the day after"], ["    day: 2      # the day after"])


def test_notes_and_texts_of_tasks_are_taken(desk: Desk) -> None:
    """A folded text is replaced as a whole; the note on its line."""
    desk.edit(the_id(desk), 2, {"payload": {"connectionNote": "Shall we?"}, "taskNote": "Look twice\n- and smile"})
    gone, came = merged(desk)
    assert came == ["    connection_note: Shall we?", "    task_note: |", "      Look twice", "      - and smile"]
    assert len(gone) == 4


def test_the_title_is_taken(desk: Desk) -> None:
    """A sequence that was renamed in the app."""
    desk.change(the_id(desk), title="Trial: the second")
    assert merged(desk) == (["title: Trial"], ['title: "Trial: the second"'])


def test_a_variant_that_was_switched_off_goes(desk: Desk) -> None:
    """It stays in the state as switched off; the comment above it stays in the file."""
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    assert merged(desk) == (["      b: {subject: One more idea, content: <p>An idea</p>}"], [])
    assert desk.state("trial").steps["nudge"].variants["b"].status == 0


def test_a_variant_that_was_switched_on_again_comes_back(desk: Desk) -> None:
    """Off and on again: the file says it once more."""
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    merged(desk)
    desk.edit(the_id(desk), 1, {"status": 1}, variant=1)
    assert merged(desk) == ([], ["      b:", "        subject: One more idea", "        content: <p>An idea</p>"])


def test_a_new_variant_turns_the_content_into_variant_a(desk: Desk) -> None:
    """An email with its content on the step gets `variants:`; comments move along."""
    store, step = desk.box.store, desk.box.store.sequence(the_id(desk)).steps[0]
    store.add_variant(
        the_id(desk), step.id, bodies.new_variant({"type": 1, "payload": {"subject": "B", "content": "<p>b</p>"}})
    )
    merged(desk)
    text = desk.text("sequences/trial.yaml")
    assert '    variants:\n      a:\n        subject: "Quick question"   # short!\n' in text
    assert "      b:\n        subject: B\n        content: <p>b</p>\n    # nothing below\n" in text


def test_a_new_step_comes_after_those_of_earlier_days(desk: Desk) -> None:
    """A step that somebody added; what is written around it stays."""
    desk.box.store.create_step(
        the_id(desk),
        bodies.new_step(email(2, "Added", "<p>New</p>")),
    )
    gone, came = merged(desk)
    assert gone == []
    assert came == ["", "  email-2:", "    day: 2", "    type: email", "    subject: Added", "    content: <p>New</p>"]
    assert "    # nothing below\n\n  email-2:" in desk.text("sequences/trial.yaml")


# -- file and app changed ---------------------------------------------------------------------------------------------


def test_the_same_change_on_both_sides_is_only_recorded(desk: Desk) -> None:
    """File and app say the same: no byte of the file changes, and the plan is empty."""
    write(desk, '"Quick question"', '"Another"')
    desk.edit(the_id(desk), 0, intro(subject="Another"))
    assert desk.changes() != []
    assert merged(desk) == ([], [])


def conflict(desk: Desk) -> Row:
    """Import: a conflict, which changes no byte of the file."""
    before = desk.text("sequences/trial.yaml")
    report = desk.imported(the_id(desk))
    assert report.exit_code in (1, 10)
    (row,) = report.rows
    assert row.outcome is Outcome.CONFLICT
    assert desk.text("sequences/trial.yaml") == before
    return row


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
    assert desk.row(the_id(desk)).outcome is Outcome.MERGED
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
    assert row.outcome is Outcome.UNCHANGED
    assert any("switched off" in note and "removed: [connect]" in note for note in row.notes)
    desk.check_settled()


def test_a_step_that_is_gone_is_told(desk: Desk) -> None:
    """Nothing is removed here because something is gone there."""
    desk.change(the_id(desk), steps=desk.box.store.sequence(the_id(desk)).steps[:2])
    before = desk.files()
    row = desk.row(the_id(desk))
    assert any("connect" in note and "nothing was removed" in note for note in row.notes)
    assert desk.files() == before


# -- how the file is written ------------------------------------------------------------------------------------------


def test_markdown_becomes_html_and_is_told(desk: Desk) -> None:
    """The app knows no Markdown: its HTML stands there now."""
    write(
        desk,
        "content: |\n      <p>Hi {{firstName}},</p>\n\n      <p>words of ours</p>",
        "markdown: |\n      Hi, **you**",
    )
    desk.apply("drift")
    desk.edit(the_id(desk), 0, intro(content="<p>Hi, <i>you there</i></p>"))
    before = desk.text("sequences/trial.yaml")
    row = desk.row(the_id(desk))
    assert any("Markdown" in note for note in row.notes)
    assert lines(before, desk.text("sequences/trial.yaml"))[1] == ["    content: <p>Hi, <i>you there</i></p>"]
    desk.check_settled()


def test_variables_become_words_and_are_told(desk: Desk) -> None:
    """A text with variables that the app changed loses them, and that is said."""
    desk.project.write("seqsync.yaml", "version: 1\nvariables: {product: Acme}\n")
    write(desk, '"Quick question"', '"About ${product}"')
    desk.apply("drift")
    desk.edit(the_id(desk), 0, intro(subject="About Acme, again"))
    row = desk.row(the_id(desk))
    assert any("variables" in note for note in row.notes)
    assert "subject:   " not in desk.text("sequences/trial.yaml")
    desk.check_settled()


def test_crlf_stays(desk: Desk) -> None:
    """A file with CRLF line ends keeps them."""
    path = desk.project.root / "sequences/trial.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    desk.edit(the_id(desk), 0, intro(content="<p>one</p>\n<p>two</p>"))
    assert desk.row(the_id(desk)).outcome is Outcome.MERGED
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 20
    desk.check_settled()


def test_what_cannot_be_changed_by_machine_is_told(desk: Desk) -> None:
    """A text that stands elsewhere by an alias: nothing is written, and the reason is given."""
    text = desk.text("sequences/trial.yaml").replace("subject: Still curious?", "subject: &s Still curious?")
    desk.project.write("sequences/trial.yaml", text.replace("subject: One more idea", "subject: *s"))
    desk.apply("drift")
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    before = desk.files()
    row = desk.row(the_id(desk))
    assert row.outcome is Outcome.FAILED
    assert desk.files() == before


def test_a_rewrapping_server_is_no_edit(desk: Desk) -> None:
    """Other entities and breaks than ours are the server's own affair."""
    desk.box.switch(Behaviour(rewrap_html=True))
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is Outcome.UNCHANGED
    assert desk.files() == before
