"""Import beside existing files, and what an import rejects before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_account import Scenario, email, fill, opened, task

from sequence_sync.errors import AccountError, InvalidFilesError, UsageError
from sequence_sync.model.report import ImportOutcome
from sequence_sync.operations.session import locked_session
from sequence_sync.provider.base import Answer, ReadFailedError
from sequence_sync.provider.base import AnswerKind as AnswerKind
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.clock import SystemClock
from sequence_sync.render.report import row_text, summary_text
from sequence_sync.sandbox.faults import Fault, FaultKind, Switches
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.state.journal import IntentRecord


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """An empty account and an empty project."""
    with Sandbox(per_minute=0) as box:
        yield opened(tmp_path, box)


# -- files that are there already -------------------------------------------------------------------------------------

OWN = """\
sequence: my-trial
title: Trial
# ours
steps:
  call:
    day: 4
    type: call_introduction
    task_note: Call
  hello:
    day: 1
    type: email
    subject: One
    content: <p>Hello</p>
"""


@pytest.mark.parametrize("how", ["id", "title"])
def test_existing_file_is_adopted_unchanged(scenario: Scenario, how: str) -> None:
    """By its id or by its title. Its keys stay."""
    sequence_id = scenario.make("Trial", email(1, "One"), task(4, 11, "Call"))
    text = OWN.replace("title: Trial", f"title: Trial\nid: {sequence_id}") if how == "id" else OWN
    scenario.project.write("sequences/own.yaml", text)
    assert scenario.row(sequence_id).outcome is ImportOutcome.IMPORTED
    assert scenario.text("sequences/own.yaml") == text
    assert set(scenario.state("my-trial").steps) == {"call", "hello"}
    scenario.check_no_changes()


def test_step_with_another_text_needs_a_decision(scenario: Scenario) -> None:
    """It is not known whether it is the file's: it is neither paired, nor added, nor recorded."""
    sequence_id = scenario.make("Trial", email(1, "Theirs"), task(4, 11, "Call"), task(5, 3, message="New"))
    scenario.project.write("sequences/own.yaml", OWN)
    (theirs, *_) = scenario.box.store.sequence(sequence_id).steps
    report = scenario.imported(sequence_id)
    (row,) = report.rows
    assert (row.outcome, report.exit_code, row.conflicts) == (ImportOutcome.ASKED, 9, [])
    found = row_text(row)
    assert found.startswith("needs a decision  my-trial")
    assert f"step {theirs.id} (email, day 1) may be my-trial.hello" in found
    assert f"seqsync state resolve my-trial.hello -adopt {theirs.id}" in found
    assert "seqsync state resolve my-trial.hello -recreate" in found
    assert f"ids: {{my-trial.NEW-KEY: {theirs.id}}}" in found
    assert "  linkedin-message-3:\n    day: 5\n" in scenario.text("sequences/own.yaml")
    assert sorted(scenario.state("my-trial").steps) == ["call", "linkedin-message-3"]
    assert "1 to decide" in summary_text(report)


def test_step_with_a_configured_id_and_another_text_is_a_conflict_and_not_recorded(scenario: Scenario) -> None:
    sequence_id = scenario.make("Trial", email(1, "Theirs"), task(4, 11, "Call"))
    scenario.project.write("sequences/own.yaml", OWN)
    theirs = scenario.box.store.sequence(sequence_id).steps[0].id
    ids = f"version: 1\nenvironments: {{default: {{ids: {{my-trial.hello: {theirs}}}}}}}\n"
    scenario.project.write("seqsync.yaml", ids)
    (row,) = scenario.imported(sequence_id).rows
    (found,) = row.conflicts
    assert (found.address, found.name, found.base, found.ours, found.theirs) == (
        "my-trial.hello.a",
        "subject",
        None,
        "One",
        "Theirs",
    )
    assert "last applied: unknown" in row_text(row)
    assert "hello" not in scenario.state("my-trial").steps


def test_unreadable_file_stops_the_import(scenario: Scenario) -> None:
    """It might be the file of this sequence."""
    scenario.make("Trial", email(1, "One"))
    scenario.project.write("sequences/broken.yaml", "sequence: [")
    with pytest.raises(InvalidFilesError):
        scenario.imported()
    assert set(scenario.files()) == {"sequences/broken.yaml"}


def test_taken_path_gets_a_number(scenario: Scenario) -> None:
    scenario.make("Trial", email(1, "One"))
    scenario.project.write("sequences/trial.yaml", "sequence: other\nsteps: {}\n")
    assert scenario.row().outcome is ImportOutcome.IMPORTED
    assert "sequences/trial-2.yaml" in scenario.files()


# -- refused beforehand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("into", ["elsewhere", "../x", "/tmp", "sequences/../other"])
def test_folder_not_covered_by_include_is_rejected_before_any_call(scenario: Scenario, into: str) -> None:
    with pytest.raises(UsageError):
        scenario.imported(into=into)
    assert list(scenario.box.store.log.entries()) == []


def test_into_writes_below_the_given_folder(scenario: Scenario) -> None:
    scenario.make("Trial", email(1, "One", "plain\ntext"))
    scenario.imported(into="sequences/team-a")
    assert {"sequences/team-a/trial.yaml", "sequences/team-a/emails/trial/email-1.html"} <= set(scenario.files())
    scenario.check_no_changes()


def test_account_without_any_known_sequence_is_rejected(scenario: Scenario, tmp_path: Path) -> None:
    scenario.make("Trial", email(1, "One"))
    scenario.imported()
    before = scenario.files()
    scenario.box.store._sequences.clear()
    scenario.make("Foreign", email(1, "One"))
    with pytest.raises(AccountError):
        scenario.imported()
    assert scenario.files() == before


def test_create_in_doubt_blocks_the_import_of_its_sequence(scenario: Scenario) -> None:
    scenario.project.write("sequences/trial.yaml", OWN)
    intent = IntentRecord(address="my-trial", action="create-sequence", title="Trial")
    workspace = scenario.workspace()
    with locked_session(workspace, "test", 0.0, SystemClock(scenario.stop)) as (_, manager, _run):
        manager.append(intent)
    scenario.make("Trial", email(1, "One"))
    row = scenario.row()
    assert row.outcome is ImportOutcome.FAILED
    assert "seqsync apply" in row.problem


def test_failed_read_does_not_affect_other_sequences(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(scenario, 3)
    bad, real = scenario.box.store.sequences()[0].id, SaleshandyClient.steps

    def steps(client: SaleshandyClient, sequence_id: str) -> object:
        if sequence_id == bad:
            raise ReadFailedError("GET steps: it said no.", Answer(AnswerKind.REFUSED))
        return real(client, sequence_id)

    monkeypatch.setattr(SaleshandyClient, "steps", steps)
    report = scenario.imported()
    assert [row.outcome for row in report.rows].count(ImportOutcome.FAILED) == 1
    assert report.exit_code == 10
    scenario.check_no_changes()


def test_rejected_key_keeps_what_was_imported(scenario: Scenario) -> None:
    fill(scenario, 3)
    last = scenario.box.store.sequences()[-1].id
    scenario.box.switch(Switches(faults=(Fault(FaultKind.BAD_KEY, "GET", f"/{last}/", 0),)))
    report = scenario.imported()
    assert report.exit_code == 4
    assert len(report.rows) == 2
    assert "Saleshandy refused the API key" in summary_text(report)
    scenario.check_no_changes()
