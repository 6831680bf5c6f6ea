"""Import of a whole account into an empty folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.import_account import LONG, Scenario, email, fill, opened, task

from sequence_sync.importer import generate as fresh
from sequence_sync.model.report import Event, ImportOutcome
from sequence_sync.render.report import row_text, summary_text
from sequence_sync.sandbox.faults import Days, Switches
from sequence_sync.sandbox.model import KINDS, Kind
from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """An empty account and an empty project."""
    with Sandbox(per_minute=0) as box:
        yield opened(tmp_path, box)


def test_import_of_forty_sequences_leaves_nothing_to_plan(scenario: Scenario) -> None:
    """The files validate, the plan is empty, and a second import changes no byte."""
    fill(scenario, 40)
    report = scenario.imported()
    assert [row for row in report.rows if row.outcome is not ImportOutcome.IMPORTED] == []
    assert report.exit_code == 0
    scenario.check_no_changes()
    scenario.check_no_drift()
    before = scenario.files()
    again = scenario.imported()
    assert {row.outcome for row in again.rows} == {ImportOutcome.UNCHANGED}
    assert scenario.files() == before
    assert scenario.apply() is None
    assert scenario.writes() == []


def test_imported_file_reads_as_if_written_by_hand(scenario: Scenario) -> None:
    scenario.project.write("seqsync.yaml", "version: 1\nenvironments:\n  default: {attachments: {deck: lN5xKp2vJq}}\n")
    scenario.project.write(".schema/sequence.schema.json", "{}")
    scenario.make(
        "Trial: onboarding",
        email(1, "Quick question, {{First Name|'there'}}", f"<p>Hi,</p><p>{'a few words ' * 12}</p><p>Anna</p>"),
        email(3, "{{firstName}}?", "<p>One</p>", LONG),
        task(4, 2, "Look first\n- twice", connectionNote="Hi {{firstName}}, shall we connect?"),
        task(5, 11, "Ask: how is it?"),
    )
    scenario.imported()
    assert scenario.text("sequences/trial-onboarding.yaml") == (
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
    scenario.check_no_changes()


def test_interrupted_import_continues_with_the_file_that_it_wrote(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between a file and its record: the next run uses that file and writes no second one."""
    fill(scenario, 6)
    real, calls = fresh.record, []

    def cut(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fresh, "record", cut)
    with pytest.raises(KeyboardInterrupt):
        scenario.imported()
    written = [name for name in scenario.files() if name.endswith(".yaml")]
    assert len(written) == 3
    monkeypatch.undo()
    report = scenario.imported()
    assert [row.outcome for row in report.rows].count(ImportOutcome.UNCHANGED) == 2
    assert report.exit_code == 0
    assert len([name for name in scenario.files() if name.endswith(".yaml")]) == 6
    scenario.check_no_changes()


def test_stop_between_two_sequences_keeps_what_was_imported(scenario: Scenario) -> None:
    fill(scenario, 4)
    scenario.make("Zebra", email(1, "Z"))
    stop_after = 2

    class Stopper:
        """Asks for the stop when two sequences are through."""

        def __init__(self) -> None:
            self.heard = 0

        def on_event(self, event: Event) -> None:
            """Count."""
            self.heard += event.kind == "recorded"
            if self.heard == stop_after:
                scenario.stop.set()

    report = scenario.imported(observer=Stopper())
    assert len(report.rows) == 2
    assert report.skipped == 3
    assert summary_text(report).endswith("Import: 2 imported, 3 not started.")
    assert len(json.loads(scenario.text("seqsync.state.json"))["sequences"]) == 2
    scenario.stop.clear()
    assert scenario.imported().exit_code == 0
    scenario.check_no_changes()


# -- what the API does not return -------------------------------------------------------------------------------------


def test_days_that_the_api_does_not_return_are_left_to_the_user(scenario: Scenario) -> None:
    """The file has the id and no days. Once filled in, the days are assumed."""
    sequence_id = scenario.make("Trial", email(1, "One"), task(4, 11, "Call"))
    scenario.box.switch(Switches(days=Days.NONE))
    row = scenario.row(sequence_id)
    assert row.outcome is ImportOutcome.INCOMPLETE
    text = scenario.text("sequences/trial.yaml")
    assert f"id: {sequence_id}\n" in text
    assert text.count("    day:  # Saleshandy did not return the day. Write it here: 1 to 999.\n") == 2
    again = scenario.row(sequence_id)
    assert again.outcome is ImportOutcome.FAILED
    assert "day" in again.problem
    for day in (2, 7):
        text = text.replace("day:  # Saleshandy did not return the day. Write it here: 1 to 999.", f"day: {day}", 1)
    scenario.project.write("sequences/trial.yaml", text)
    assert scenario.row(sequence_id).outcome is ImportOutcome.IMPORTED
    scenario.check_no_changes()
    steps = scenario.state("trial").steps
    assert {key: (step.day, "day" in step.assumed) for key, step in steps.items()} == {
        "email-1": (2, True),
        "call-2": (7, True),
    }


def test_missing_days_with_several_environments_report_a_line_for_the_settings(scenario: Scenario) -> None:
    settings = f"version: 1\ndefault_environment: b\nenvironments: {{a: {{}}, b: {{api_url: {scenario.box.url}}}}}\n"
    scenario.project.write("seqsync.yaml", settings)
    sequence_id = scenario.make("Trial", email(1, "One"))
    scenario.box.switch(Switches(days=Days.RELATIVE))
    report = scenario.imported()
    assert report.exit_code == 10
    assert f"    trial: {sequence_id}" in summary_text(report)
    assert "id:" not in scenario.text("sequences/trial.yaml").replace("day:", "")


def test_notes_missing_in_the_list_of_steps_are_read_from_the_variants(scenario: Scenario) -> None:
    """Emails have no notes, so their variants are not read."""
    scenario.make("Trial", email(1, "One"), task(2, 11, "Script: this"))
    scenario.box.switch(Switches(task_notes=False))
    scenario.imported()
    assert 'task_note: "Script: this"' in scenario.text("sequences/trial.yaml")
    scenario.check_no_changes()
    reads = [row.path for row in scenario.box.store.log.entries() if "/steps/" in row.path]
    assert len(reads) == 1


def test_html_rewritten_by_the_server_is_not_drift_later(scenario: Scenario) -> None:
    scenario.make("Trial", email(1, "One", "<p>Grüße</p><p>caf\u00e9 <br/> x</p>"))
    scenario.box.switch(Switches(rewrap_html=True))
    assert scenario.row().outcome is ImportOutcome.IMPORTED
    scenario.check_no_changes()
    assert scenario.row().outcome is ImportOutcome.UNCHANGED


# -- what stays out ---------------------------------------------------------------------------------------------------


def test_disabled_variants_are_in_the_state_and_not_in_the_file(scenario: Scenario) -> None:
    sequence_id = scenario.make("Trial", email(1, "One", "<p>off</p>", "<p>on</p>"))
    scenario.edit(sequence_id, 0, {"status": 0})
    assert scenario.row().outcome is ImportOutcome.IMPORTED
    variants = scenario.state("trial").steps["email-1"].variants
    assert [(row.content.payload["content"], row.status) for row in variants.values()] == [
        ("<p>on</p>", 1),
        ("<p>off</p>", 0),
    ]
    assert "off" not in scenario.text("sequences/trial.yaml")
    scenario.check_no_changes()
    assert scenario.row().outcome is ImportOutcome.UNCHANGED


def test_disabled_steps_and_unknown_types_are_reported_once(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence_id = scenario.make("Trial", email(1, "One"), email(2, "Two"), task(3, 11))
    scenario.edit(sequence_id, 1, {"status": 0})
    steps = scenario.box.store.sequence(sequence_id).steps
    scenario.change(sequence_id, steps=(*steps[:2], replace(steps[2], type=7)))
    monkeypatch.setitem(KINDS, 7, Kind(7, "Fax", "Fax"))  # type: ignore[arg-type]
    row = scenario.row()
    assert row.outcome is ImportOutcome.IMPORTED, row.problem
    assert len(row.notes) == 2
    assert scenario.state("trial").reported == {steps[1].id: 2, steps[2].id: None}
    assert scenario.state("trial").unmanaged == {}
    scenario.check_no_changes()


@pytest.mark.parametrize("title", ["x" * 101, "   "])
def test_title_that_a_file_does_not_allow_fails_alone(scenario: Scenario, title: str) -> None:
    scenario.make("Good", email(1, "One"))
    other = scenario.make("Bad", email(1, "One"))
    scenario.change(other, title=title)
    report = scenario.imported()
    assert sorted(row.outcome for row in report.rows) == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    scenario.check_no_changes()


def test_duplicate_titles_are_not_imported_with_all(scenario: Scenario) -> None:
    """By its id one is imported; then the other is reported."""
    first, second = scenario.make("Same", email(1, "One")), scenario.make("same ", email(1, "Two"))
    report = scenario.imported()
    assert {row.outcome for row in report.rows} == {ImportOutcome.FAILED}
    assert report.exit_code == 1
    assert scenario.row(first).outcome is ImportOutcome.IMPORTED
    assert "title" in scenario.row(second).problem
    scenario.check_no_changes()


def test_two_emails_on_one_day_fail_and_write_nothing(scenario: Scenario) -> None:
    sequence_id = scenario.make("Trial", email(1, "One"), email(2, "Two"))
    steps = scenario.box.store.sequence(sequence_id).steps
    scenario.change(sequence_id, steps=(steps[0], replace(steps[1], day=1)))
    row = scenario.row()
    assert row.outcome is ImportOutcome.FAILED
    assert "Two emails on day 1" in row.problem
    assert scenario.files() == {}


def test_unknown_id_is_reported_and_the_others_are_imported(scenario: Scenario) -> None:
    sequence_id = scenario.make("Trial", email(1, "One"))
    report = scenario.imported("nothere", sequence_id)
    assert [row.outcome for row in report.rows] == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    assert "no sequence nothere" in row_text(report.rows[0])


def test_empty_sequence_is_imported_and_empty_account_is_reported(scenario: Scenario) -> None:
    assert summary_text(scenario.imported()) == "Import: nothing to import."
    scenario.make("Trial")
    assert scenario.row().detail.endswith("no steps yet")
    scenario.check_no_changes()


def test_sequence_listed_under_removed_is_not_imported(scenario: Scenario) -> None:
    scenario.make("Trial", email(1, "One"))
    scenario.imported()
    scenario.project.write("seqsync.yaml", "version: 1\nremoved: [trial]\n")
    (scenario.project.root / "sequences/trial.yaml").unlink()
    assert scenario.row().outcome is ImportOutcome.LEFT
    assert "sequences/trial.yaml" not in scenario.files()


def test_missing_file_is_written_again_with_the_same_keys(scenario: Scenario) -> None:
    scenario.make("Trial", email(1, "One"))
    scenario.imported()
    path = scenario.project.root / "sequences/trial.yaml"
    renamed = (
        scenario.text("sequences/trial.yaml").replace("email-1:", "hello:") + "moved: [{from: email-1, to: hello}]\n"
    )
    path.write_text(renamed)
    scenario.apply()
    path.unlink()
    assert scenario.row().outcome is ImportOutcome.IMPORTED
    assert "  hello:\n" in scenario.text("sequences/trial.yaml")
    scenario.check_no_changes()
