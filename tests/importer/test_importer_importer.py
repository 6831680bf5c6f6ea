"""Import of a whole account into an empty folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.import_account import LONG, Desk, email, fill, opened, task

from sequence_sync.importer import generate as fresh
from sequence_sync.model.report import Event, ImportOutcome
from sequence_sync.render.report import row_text, summary_text
from sequence_sync.sandbox.faults import Days, Switches
from sequence_sync.sandbox.model import KINDS, Kind
from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An empty account and an empty project."""
    with Sandbox(per_minute=0) as box:
        yield opened(tmp_path, box)


def test_import_of_forty_sequences_leaves_nothing_to_plan(desk: Desk) -> None:
    """The files validate, the plan is empty, and a second import changes no byte."""
    fill(desk, 40)
    report = desk.imported()
    assert [row for row in report.rows if row.outcome is not ImportOutcome.IMPORTED] == []
    assert report.exit_code == 0
    desk.check_settled()
    desk.check_no_drift()
    before = desk.files()
    again = desk.imported()
    assert {row.outcome for row in again.rows} == {ImportOutcome.UNCHANGED}
    assert desk.files() == before
    assert desk.apply() is None
    assert desk.writes() == []


def test_imported_file_reads_as_if_written_by_hand(desk: Desk) -> None:
    desk.project.write("seqsync.yaml", "version: 1\nenvironments:\n  default: {attachments: {deck: lN5xKp2vJq}}\n")
    desk.project.write(".schema/sequence.schema.json", "{}")
    desk.make(
        "Trial: onboarding",
        email(1, "Quick question, {{First Name|'there'}}", f"<p>Hi,</p><p>{'a few words ' * 12}</p><p>Anna</p>"),
        email(3, "{{firstName}}?", "<p>One</p>", LONG),
        task(4, 2, "Look first\n- twice", connectionNote="Hi {{firstName}}, shall we connect?"),
        task(5, 11, "Ask: how is it?"),
    )
    desk.imported()
    assert desk.text("sequences/trial-onboarding.yaml") == (
        "# yaml-language-server: $schema=../.schema/sequence.schema.json\n"
        "sequence: trial-onboarding\n"
        'title: "Trial: onboarding"\n'
        "\n"
        "steps:\n"
        "  email-1:\n"
        "    day: 1\n"
        "    type: email\n"
        "    subject: Quick question, {{First Name|'there'}}\n"
        "    content: |\n"
        "      <p>Hi,</p>\n"
        f"      <p>{'a few words ' * 12}</p>\n"
        "      <p>Anna</p>\n"
        "\n"
        "  email-2:\n"
        "    day: 3\n"
        "    type: email\n"
        "    variants:\n"
        "      a:\n"
        '        subject: "{{firstName}}?"\n'
        "        content: <p>One</p>\n"
        "      b:\n"
        '        subject: "{{firstName}}?"\n'
        "        content_file: emails/trial-onboarding/email-2-b.html\n"
        "\n"
        "  linkedin-connection-3:\n"
        "    day: 4\n"
        "    type: linkedin_connection_request\n"
        "    connection_note: Hi {{firstName}}, shall we connect?\n"
        "    task_note: |\n"
        "      Look first\n"
        "      - twice\n"
        "\n"
        "  call-4:\n"
        "    day: 5\n"
        "    type: call_introduction\n"
        '    task_note: "Ask: how is it?"\n'
    )
    desk.check_settled()


def test_interrupted_import_continues_with_the_file_that_it_wrote(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between a file and its record: the next run uses that file and writes no second one."""
    fill(desk, 6)
    real, calls = fresh.record, []

    def cut(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fresh, "record", cut)
    with pytest.raises(KeyboardInterrupt):
        desk.imported()
    written = [name for name in desk.files() if name.endswith(".yaml")]
    assert len(written) == 3
    monkeypatch.undo()
    report = desk.imported()
    assert [row.outcome for row in report.rows].count(ImportOutcome.UNCHANGED) == 2
    assert report.exit_code == 0
    assert len([name for name in desk.files() if name.endswith(".yaml")]) == 6
    desk.check_settled()


def test_stop_between_two_sequences_keeps_what_was_imported(desk: Desk) -> None:
    fill(desk, 4)
    desk.make("Zebra", email(1, "Z"))
    stop_after = 2

    class Stopper:
        """Asks for the stop when two sequences are through."""

        def __init__(self) -> None:
            self.heard = 0

        def on_event(self, event: Event) -> None:
            """Count."""
            self.heard += event.kind == "recorded"
            if self.heard == stop_after:
                desk.stop.set()

    report = desk.imported(observer=Stopper())
    assert len(report.rows) == 2
    assert report.skipped == 3
    assert summary_text(report).endswith("Import: 2 imported, 3 not started.")
    assert len(json.loads(desk.text("seqsync.state.json"))["sequences"]) == 2
    desk.stop.clear()
    assert desk.imported().exit_code == 0
    desk.check_settled()


# -- what the API does not return -------------------------------------------------------------------------------------


def test_days_that_the_api_does_not_return_are_left_to_the_user(desk: Desk) -> None:
    """The file has the id and no days. Once filled in, the days are assumed."""
    sequence_id = desk.make("Trial", email(1, "One"), task(4, 11, "Call"))
    desk.box.switch(Switches(days=Days.NONE))
    row = desk.row(sequence_id)
    assert row.outcome is ImportOutcome.INCOMPLETE
    text = desk.text("sequences/trial.yaml")
    assert f"id: {sequence_id}\n" in text
    assert text.count("    day:  # Saleshandy did not return the day. Write it here: 1 to 999.\n") == 2
    again = desk.row(sequence_id)
    assert again.outcome is ImportOutcome.FAILED
    assert "day" in again.problem
    for day in (2, 7):
        text = text.replace("day:  # Saleshandy did not return the day. Write it here: 1 to 999.", f"day: {day}", 1)
    desk.project.write("sequences/trial.yaml", text)
    assert desk.row(sequence_id).outcome is ImportOutcome.IMPORTED
    desk.check_settled()
    steps = desk.state("trial").steps
    assert {key: (step.day, "day" in step.assumed) for key, step in steps.items()} == {
        "email-1": (2, True),
        "call-2": (7, True),
    }


def test_missing_days_with_several_environments_report_a_line_for_the_settings(desk: Desk) -> None:
    settings = f"version: 1\ndefault_environment: b\nenvironments: {{a: {{}}, b: {{api_url: {desk.box.url}}}}}\n"
    desk.project.write("seqsync.yaml", settings)
    sequence_id = desk.make("Trial", email(1, "One"))
    desk.box.switch(Switches(days=Days.RELATIVE))
    report = desk.imported()
    assert report.exit_code == 10
    assert f"    trial: {sequence_id}" in summary_text(report)
    assert "id:" not in desk.text("sequences/trial.yaml").replace("day:", "")


def test_notes_missing_in_the_list_of_steps_are_read_from_the_variants(desk: Desk) -> None:
    """Emails have no notes, so their variants are not read."""
    desk.make("Trial", email(1, "One"), task(2, 11, "Script: this"))
    desk.box.switch(Switches(task_notes=False))
    desk.imported()
    assert 'task_note: "Script: this"' in desk.text("sequences/trial.yaml")
    desk.check_settled()
    reads = [row.path for row in desk.box.store.log.entries() if "/steps/" in row.path]
    assert len(reads) == 1


def test_html_rewritten_by_the_server_is_not_drift_later(desk: Desk) -> None:
    desk.make("Trial", email(1, "One", "<p>Grüße</p><p>caf\u00e9 <br/> x</p>"))
    desk.box.switch(Switches(rewrap_html=True))
    assert desk.row().outcome is ImportOutcome.IMPORTED
    desk.check_settled()
    assert desk.row().outcome is ImportOutcome.UNCHANGED


# -- what stays out ---------------------------------------------------------------------------------------------------


def test_disabled_variants_are_in_the_state_and_not_in_the_file(desk: Desk) -> None:
    sequence_id = desk.make("Trial", email(1, "One", "<p>off</p>", "<p>on</p>"))
    desk.edit(sequence_id, 0, {"status": 0})
    assert desk.row().outcome is ImportOutcome.IMPORTED
    variants = desk.state("trial").steps["email-1"].variants
    assert [(row.content.payload["content"], row.status) for row in variants.values()] == [
        ("<p>on</p>", 1),
        ("<p>off</p>", 0),
    ]
    assert "off" not in desk.text("sequences/trial.yaml")
    desk.check_settled()
    assert desk.row().outcome is ImportOutcome.UNCHANGED


def test_disabled_steps_and_unknown_types_are_reported_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence_id = desk.make("Trial", email(1, "One"), email(2, "Two"), task(3, 11))
    desk.edit(sequence_id, 1, {"status": 0})
    steps = desk.box.store.sequence(sequence_id).steps
    desk.change(sequence_id, steps=(*steps[:2], replace(steps[2], type=7)))
    monkeypatch.setitem(KINDS, 7, Kind(7, "Fax", "Fax"))  # type: ignore[arg-type]
    row = desk.row()
    assert row.outcome is ImportOutcome.IMPORTED, row.problem
    assert len(row.notes) == 2
    assert desk.state("trial").reported == {steps[1].id: 2, steps[2].id: None}
    assert desk.state("trial").unmanaged == {}
    desk.check_settled()


@pytest.mark.parametrize("title", ["x" * 101, "   "])
def test_title_that_a_file_does_not_allow_fails_alone(desk: Desk, title: str) -> None:
    desk.make("Good", email(1, "One"))
    other = desk.make("Bad", email(1, "One"))
    desk.change(other, title=title)
    report = desk.imported()
    assert sorted(row.outcome for row in report.rows) == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    desk.check_settled()


def test_duplicate_titles_are_not_imported_with_all(desk: Desk) -> None:
    """By its id one is imported; then the other is reported."""
    first, second = desk.make("Same", email(1, "One")), desk.make("same ", email(1, "Two"))
    report = desk.imported()
    assert {row.outcome for row in report.rows} == {ImportOutcome.FAILED}
    assert report.exit_code == 1
    assert desk.row(first).outcome is ImportOutcome.IMPORTED
    assert "title" in desk.row(second).problem
    desk.check_settled()


def test_two_emails_on_one_day_fail_and_write_nothing(desk: Desk) -> None:
    sequence_id = desk.make("Trial", email(1, "One"), email(2, "Two"))
    steps = desk.box.store.sequence(sequence_id).steps
    desk.change(sequence_id, steps=(steps[0], replace(steps[1], day=1)))
    row = desk.row()
    assert row.outcome is ImportOutcome.FAILED
    assert "Two emails on day 1" in row.problem
    assert desk.files() == {}


def test_unknown_id_is_reported_and_the_others_are_imported(desk: Desk) -> None:
    sequence_id = desk.make("Trial", email(1, "One"))
    report = desk.imported("nothere", sequence_id)
    assert [row.outcome for row in report.rows] == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    assert "no sequence nothere" in row_text(report.rows[0])


def test_empty_sequence_is_imported_and_empty_account_is_reported(desk: Desk) -> None:
    assert summary_text(desk.imported()) == "Import: nothing to import."
    desk.make("Trial")
    assert desk.row().detail.endswith("no steps yet")
    desk.check_settled()


def test_sequence_listed_under_removed_is_not_imported(desk: Desk) -> None:
    desk.make("Trial", email(1, "One"))
    desk.imported()
    desk.project.write("seqsync.yaml", "version: 1\nremoved: [trial]\n")
    (desk.project.root / "sequences/trial.yaml").unlink()
    assert desk.row().outcome is ImportOutcome.LEFT
    assert "sequences/trial.yaml" not in desk.files()


def test_missing_file_is_written_again_with_the_same_keys(desk: Desk) -> None:
    desk.make("Trial", email(1, "One"))
    desk.imported()
    path = desk.project.root / "sequences/trial.yaml"
    renamed = desk.text("sequences/trial.yaml").replace("email-1:", "hello:") + "moved: [{from: email-1, to: hello}]\n"
    path.write_text(renamed)
    desk.apply()
    path.unlink()
    assert desk.row().outcome is ImportOutcome.IMPORTED
    assert "  hello:\n" in desk.text("sequences/trial.yaml")
    desk.check_settled()
