"""The app's edits of a sequence whose file did not change: each goes to its place, and nothing else is touched."""

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


# -- the app changed, the file did not --------------------------------------------------------------------------------


def test_nothing_changed_nothing_written(desk: Desk) -> None:
    """Right after apply there is nothing to take, and no byte changes."""
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is ImportOutcome.UNCHANGED
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
    assert desk.row(the_id(desk)).outcome is ImportOutcome.MERGED
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
    assert row.outcome is ImportOutcome.FAILED
    assert desk.files() == before


def test_a_rewrapping_server_is_no_edit(desk: Desk) -> None:
    """Other entities and breaks than ours are the server's own affair."""
    desk.box.switch(Switches(rewrap_html=True))
    before = desk.files()
    assert desk.row(the_id(desk)).outcome is ImportOutcome.UNCHANGED
    assert desk.files() == before
