"""Edits in Saleshandy go into an unchanged file, and touch nothing else in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from import_one_sequence import NUDGE, applied, intro, lines, merged, the_id, write
from support.import_account import Scenario, email

from sequence_sync.model.report import ImportOutcome
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.faults import Switches


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """The file of `import_one_sequence`, applied."""
    yield from applied(tmp_path)


# -- changed in Saleshandy alone --------------------------------------------------------------------------------------


def test_import_right_after_apply_changes_no_byte(scenario: Scenario) -> None:
    before = scenario.files()
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.UNCHANGED
    assert scenario.files() == before


def test_changed_subject_edits_one_line_and_keeps_its_comment(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 0, intro(subject="Another: question"))
    assert merged(scenario) == (
        ['    subject: "Quick question"   # short!'],
        ['    subject: "Another: question"   # short!'],
    )


def test_changed_body_edits_only_the_lines_of_the_block(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 0, intro(content="<p>Hi {{firstName}},</p>\n\n<p>words of theirs</p>"))
    assert merged(scenario) == (["      <p>words of ours</p>"], ["      <p>words of theirs</p>"])


def test_emptied_preheader_is_removed_from_the_file(scenario: Scenario) -> None:
    body = intro()
    del body["payload"]["preheader"]
    scenario.edit(the_id(scenario), 0, body)
    assert merged(scenario) == (["    preheader: Before it"], [])


def test_changed_body_edits_the_content_file_and_not_the_yaml(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now ${really}</p>"}})
    assert merged(scenario) == ([], [])
    assert scenario.text("sequences/emails/nudge.html") == "<p>Now $${really}</p>\n"


def test_shared_content_file_is_not_edited(scenario: Scenario) -> None:
    write(
        scenario,
        "b: {subject: One more idea, content: <p>An idea</p>}",
        "b: {subject: x, content_file: emails/nudge.html}",
    )
    scenario.apply("drift")
    scenario.edit(the_id(scenario), 1, {"payload": {"subject": "Still curious?", "content": "<p>Now</p>"}})
    merged(scenario)
    assert scenario.text("sequences/emails/nudge.html") == NUDGE
    assert scenario.text("sequences/emails/trial/nudge-a.html") == "<p>Now</p>\n"


def test_mapping_in_brackets_stays_in_brackets(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 1, {"payload": {"subject": "B: new", "content": "<p>An idea</p>"}}, variant=1)
    assert merged(scenario)[1] == ['      b: {subject: "B: new", content: <p>An idea</p>}']


def test_changed_day_goes_into_the_file(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 0, {"absoluteDays": 2})
    assert merged(scenario) == (["    day: 1      # the day after"], ["    day: 2      # the day after"])


def test_changed_task_text_and_note_go_into_the_file(scenario: Scenario) -> None:
    scenario.edit(
        the_id(scenario), 2, {"payload": {"connectionNote": "Shall we?"}, "taskNote": "Look twice\n- and smile"}
    )
    gone, came = merged(scenario)
    assert came == ["    connection_note: Shall we?", "    task_note: |", "      Look twice", "      - and smile"]
    assert len(gone) == 4


def test_changed_title_goes_into_the_file(scenario: Scenario) -> None:
    scenario.change(the_id(scenario), title="Trial: the second")
    assert merged(scenario) == (["title: Trial"], ['title: "Trial: the second"'])


def test_disabled_variant_leaves_the_file_and_stays_in_the_state(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 1, {"status": 0}, variant=1)
    assert merged(scenario) == (["      b: {subject: One more idea, content: <p>An idea</p>}"], [])
    assert scenario.state("trial").steps["nudge"].variants["b"].status == 0


def test_reenabled_variant_returns_to_the_file(scenario: Scenario) -> None:
    scenario.edit(the_id(scenario), 1, {"status": 0}, variant=1)
    merged(scenario)
    scenario.edit(the_id(scenario), 1, {"status": 1}, variant=1)
    assert merged(scenario) == ([], ["      b:", "        subject: One more idea", "        content: <p>An idea</p>"])


def test_second_variant_moves_the_content_into_variant_a(scenario: Scenario) -> None:
    """The comments move along."""
    store, step = scenario.box.store, scenario.box.store.sequence(the_id(scenario)).steps[0]
    store.add_variant(
        the_id(scenario), step.id, bodies.new_variant({"type": 1, "payload": {"subject": "B", "content": "<p>b</p>"}})
    )
    merged(scenario)
    text = scenario.text("sequences/trial.yaml")
    assert '    variants:\n      a:\n        subject: "Quick question"   # short!\n' in text
    assert "      b:\n        subject: B\n        content: <p>b</p>\n    # nothing below\n" in text


def test_new_step_goes_behind_steps_of_earlier_days(scenario: Scenario) -> None:
    scenario.box.store.create_step(
        the_id(scenario),
        bodies.new_step(email(2, "Added", "<p>New</p>")),
    )
    gone, came = merged(scenario)
    assert gone == []
    assert came == ["", "  email-2:", "    day: 2", "    type: email", "    subject: Added", "    content: <p>New</p>"]
    assert "    # nothing below\n\n  email-2:" in scenario.text("sequences/trial.yaml")


# -- how the file is written ------------------------------------------------------------------------------------------


def test_changed_markdown_becomes_html_with_a_note(scenario: Scenario) -> None:
    write(
        scenario,
        "content: |\n      <p>Hi {{firstName}},</p>\n\n      <p>words of ours</p>",
        "markdown: |\n      Hi, **you**",
    )
    scenario.apply("drift")
    scenario.edit(the_id(scenario), 0, intro(content="<p>Hi, <i>you there</i></p>"))
    before = scenario.text("sequences/trial.yaml")
    row = scenario.row(the_id(scenario))
    assert any("Markdown" in note for note in row.notes)
    assert lines(before, scenario.text("sequences/trial.yaml"))[1] == ["    content: <p>Hi, <i>you there</i></p>"]
    scenario.check_no_changes()


def test_changed_text_loses_its_variables_with_a_note(scenario: Scenario) -> None:
    scenario.project.write("seqsync.yaml", "version: 1\nvariables: {product: Acme}\n")
    write(scenario, '"Quick question"', '"About ${product}"')
    scenario.apply("drift")
    scenario.edit(the_id(scenario), 0, intro(subject="About Acme, again"))
    row = scenario.row(the_id(scenario))
    assert any("variables" in note for note in row.notes)
    assert "subject:   " not in scenario.text("sequences/trial.yaml")
    scenario.check_no_changes()


def test_crlf_line_ends_are_kept(scenario: Scenario) -> None:
    path = scenario.project.root / "sequences/trial.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    scenario.edit(the_id(scenario), 0, intro(content="<p>one</p>\n<p>two</p>"))
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.MERGED
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") > 20
    scenario.check_no_changes()


def test_edit_that_is_not_possible_writes_nothing_and_says_why(scenario: Scenario) -> None:
    """The text is defined elsewhere and used by an alias."""
    text = scenario.text("sequences/trial.yaml").replace("subject: Still curious?", "subject: &s Still curious?")
    scenario.project.write("sequences/trial.yaml", text.replace("subject: One more idea", "subject: *s"))
    scenario.apply("drift")
    scenario.edit(the_id(scenario), 1, {"payload": {"subject": "Theirs", "content": NUDGE.strip()}})
    before = scenario.files()
    row = scenario.row(the_id(scenario))
    assert row.outcome is ImportOutcome.FAILED
    assert scenario.files() == before


def test_html_spelled_by_the_server_is_not_a_change(scenario: Scenario) -> None:
    scenario.box.switch(Switches(rewrap_html=True))
    before = scenario.files()
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.UNCHANGED
    assert scenario.files() == before
