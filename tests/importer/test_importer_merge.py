"""Edits in Saleshandy go into an unchanged file, and touch nothing else in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from import_one_sequence import NUDGE, applied, intro, lines, merged, the_id, write
from support.import_account import Desk, email

from sequence_sync.model.report import ImportOutcome
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.faults import Switches


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The file of `import_one_sequence`, applied."""
    yield from applied(tmp_path)


# -- changed in Saleshandy alone --------------------------------------------------------------------------------------


def test_import_right_after_apply_changes_no_byte(desk: Desk) -> None:
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is ImportOutcome.UNCHANGED
    assert desk.files() == before


def test_changed_subject_edits_one_line_and_keeps_its_comment(desk: Desk) -> None:
    desk.edit(the_id(desk), 0, intro(subject="Another: question"))
    assert merged(desk) == (
        ['    subject: "Quick question"   # short!'],
        ['    subject: "Another: question"   # short!'],
    )


def test_changed_body_edits_only_the_lines_of_the_block(desk: Desk) -> None:
    desk.edit(the_id(desk), 0, intro(content="<p>Hi {{firstName}},</p>\n\n<p>words of theirs</p>"))
    assert merged(desk) == (["      <p>words of ours</p>"], ["      <p>words of theirs</p>"])


def test_emptied_preheader_is_removed_from_the_file(desk: Desk) -> None:
    body = intro()
    del body["payload"]["preheader"]
    desk.edit(the_id(desk), 0, body)
    assert merged(desk) == (["    preheader: Before it"], [])


def test_changed_body_edits_the_content_file_and_not_the_yaml(desk: Desk) -> None:
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now ${really}</p>"}})
    assert merged(desk) == ([], [])
    assert desk.text("sequences/emails/nudge.html") == "<p>Now $${really}</p>\n"


def test_shared_content_file_is_not_edited(desk: Desk) -> None:
    write(
        desk, "b: {subject: One more idea, content: <p>An idea</p>}", "b: {subject: x, content_file: emails/nudge.html}"
    )
    desk.apply("drift")
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now</p>"}})
    merged(desk)
    assert desk.text("sequences/emails/nudge.html") == NUDGE
    assert desk.text("sequences/emails/trial/nudge-a.html") == "<p>Now</p>\n"


def test_mapping_in_brackets_stays_in_brackets(desk: Desk) -> None:
    desk.edit(the_id(desk), 1, {"payload": {"subject": "B: new", "content": "<p>An idea</p>"}}, variant=1)
    assert merged(desk)[1] == ['      b: {subject: "B: new", content: <p>An idea</p>}']


def test_changed_day_goes_into_the_file(desk: Desk) -> None:
    desk.edit(the_id(desk), 0, {"absoluteDays": 2})
    assert merged(desk) == (["    day: 1      # the day after"], ["    day: 2      # the day after"])


def test_changed_task_text_and_note_go_into_the_file(desk: Desk) -> None:
    desk.edit(the_id(desk), 2, {"payload": {"connectionNote": "Shall we?"}, "taskNote": "Look twice\n- and smile"})
    gone, came = merged(desk)
    assert came == ["    connection_note: Shall we?", "    task_note: |", "      Look twice", "      - and smile"]
    assert len(gone) == 4


def test_changed_title_goes_into_the_file(desk: Desk) -> None:
    desk.change(the_id(desk), title="Trial: the second")
    assert merged(desk) == (["title: Trial"], ['title: "Trial: the second"'])


def test_disabled_variant_leaves_the_file_and_stays_in_the_state(desk: Desk) -> None:
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    assert merged(desk) == (["      b: {subject: One more idea, content: <p>An idea</p>}"], [])
    assert desk.state("trial").steps["nudge"].variants["b"].status == 0


def test_reenabled_variant_returns_to_the_file(desk: Desk) -> None:
    desk.edit(the_id(desk), 1, {"status": 0}, variant=1)
    merged(desk)
    desk.edit(the_id(desk), 1, {"status": 1}, variant=1)
    assert merged(desk) == ([], ["      b:", "        subject: One more idea", "        content: <p>An idea</p>"])


def test_second_variant_moves_the_content_into_variant_a(desk: Desk) -> None:
    """The comments move along."""
    store, step = desk.box.store, desk.box.store.sequence(the_id(desk)).steps[0]
    store.add_variant(
        the_id(desk), step.id, bodies.new_variant({"type": 1, "payload": {"subject": "B", "content": "<p>b</p>"}})
    )
    merged(desk)
    text = desk.text("sequences/trial.yaml")
    assert '    variants:\n      a:\n        subject: "Quick question"   # short!\n' in text
    assert "      b:\n        subject: B\n        content: <p>b</p>\n    # nothing below\n" in text


def test_new_step_goes_behind_steps_of_earlier_days(desk: Desk) -> None:
    desk.box.store.create_step(
        the_id(desk),
        bodies.new_step(email(2, "Added", "<p>New</p>")),
    )
    gone, came = merged(desk)
    assert gone == []
    assert came == ["", "  email-2:", "    day: 2", "    type: email", "    subject: Added", "    content: <p>New</p>"]
    assert "    # nothing below\n\n  email-2:" in desk.text("sequences/trial.yaml")


# -- how the file is written ------------------------------------------------------------------------------------------


def test_changed_markdown_becomes_html_with_a_note(desk: Desk) -> None:
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


def test_changed_text_loses_its_variables_with_a_note(desk: Desk) -> None:
    desk.project.write("seqsync.yaml", "version: 1\nvariables: {product: Acme}\n")
    write(desk, '"Quick question"', '"About ${product}"')
    desk.apply("drift")
    desk.edit(the_id(desk), 0, intro(subject="About Acme, again"))
    row = desk.row(the_id(desk))
    assert any("variables" in note for note in row.notes)
    assert "subject:   " not in desk.text("sequences/trial.yaml")
    desk.check_settled()


def test_crlf_line_ends_are_kept(desk: Desk) -> None:
    path = desk.project.root / "sequences/trial.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    desk.edit(the_id(desk), 0, intro(content="<p>one</p>\n<p>two</p>"))
    assert desk.row(the_id(desk)).outcome is ImportOutcome.MERGED
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 20
    desk.check_settled()


def test_edit_that_is_not_possible_writes_nothing_and_says_why(desk: Desk) -> None:
    """The text is defined elsewhere and used by an alias."""
    text = desk.text("sequences/trial.yaml").replace("subject: Still curious?", "subject: &s Still curious?")
    desk.project.write("sequences/trial.yaml", text.replace("subject: One more idea", "subject: *s"))
    desk.apply("drift")
    desk.edit(the_id(desk), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    before = desk.files()
    row = desk.row(the_id(desk))
    assert row.outcome is ImportOutcome.FAILED
    assert desk.files() == before


def test_html_spelled_by_the_server_is_not_a_change(desk: Desk) -> None:
    desk.box.switch(Switches(rewrap_html=True))
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is ImportOutcome.UNCHANGED
    assert desk.files() == before
