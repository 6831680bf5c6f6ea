"""Import beside existing files, and what an import rejects before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_account import Desk, email, fill, opened, task

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
def desk(tmp_path: Path) -> Iterator[Desk]:
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
def test_existing_file_is_adopted_unchanged(desk: Desk, how: str) -> None:
    """By its id or by its title. Its keys stay."""
    sequence_id = desk.make("Trial", email(1, "One"), task(4, 11, "Call"))
    text = OWN.replace("title: Trial", f"title: Trial\nid: {sequence_id}") if how == "id" else OWN
    desk.project.write("sequences/own.yaml", text)
    assert desk.row(sequence_id).outcome is ImportOutcome.IMPORTED
    assert desk.text("sequences/own.yaml") == text
    assert set(desk.state("my-trial").steps) == {"call", "hello"}
    desk.check_settled()


def test_step_with_another_text_needs_a_decision(desk: Desk) -> None:
    """It is not known whether it is the file's: it is neither paired, nor added, nor recorded."""
    sequence_id = desk.make("Trial", email(1, "Theirs"), task(4, 11, "Call"), task(5, 3, message="New"))
    desk.project.write("sequences/own.yaml", OWN)
    (theirs, *_) = desk.box.store.sequence(sequence_id).steps
    report = desk.imported(sequence_id)
    (row,) = report.rows
    assert (row.outcome, report.exit_code, row.conflicts) == (ImportOutcome.ASKED, 9, [])
    told = row_text(row)
    assert told.startswith("needs a decision  my-trial")
    assert f"step {theirs.id} (email, day 1) may be my-trial.hello" in told
    assert f"seqsync state resolve my-trial.hello -adopt {theirs.id}" in told
    assert "seqsync state resolve my-trial.hello -recreate" in told
    assert f"ids: {{my-trial.NEW-KEY: {theirs.id}}}" in told
    assert "  linkedin-message-3:\n    day: 5\n" in desk.text("sequences/own.yaml")
    assert sorted(desk.state("my-trial").steps) == ["call", "linkedin-message-3"]
    assert "1 to decide" in summary_text(report)


def test_step_with_a_configured_id_and_another_text_is_a_conflict_and_not_recorded(desk: Desk) -> None:
    sequence_id = desk.make("Trial", email(1, "Theirs"), task(4, 11, "Call"))
    desk.project.write("sequences/own.yaml", OWN)
    theirs = desk.box.store.sequence(sequence_id).steps[0].id
    ids = f"version: 1\nenvironments: {{default: {{ids: {{my-trial.hello: {theirs}}}}}}}\n"
    desk.project.write("seqsync.yaml", ids)
    (row,) = desk.imported(sequence_id).rows
    (told,) = row.conflicts
    assert (told.address, told.name, told.base, told.ours, told.theirs) == (
        "my-trial.hello.a",
        "subject",
        None,
        "One",
        "Theirs",
    )
    assert "last applied: unknown" in row_text(row)
    assert "hello" not in desk.state("my-trial").steps


def test_unreadable_file_stops_the_import(desk: Desk) -> None:
    """It might be the file of this sequence."""
    desk.make("Trial", email(1, "One"))
    desk.project.write("sequences/broken.yaml", "sequence: [")
    with pytest.raises(InvalidFilesError):
        desk.imported()
    assert set(desk.files()) == {"sequences/broken.yaml"}


def test_taken_path_gets_a_number(desk: Desk) -> None:
    desk.make("Trial", email(1, "One"))
    desk.project.write("sequences/trial.yaml", "sequence: other\nsteps: {}\n")
    assert desk.row().outcome is ImportOutcome.IMPORTED
    assert "sequences/trial-2.yaml" in desk.files()


# -- refused beforehand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("into", ["elsewhere", "../x", "/tmp", "sequences/../other"])
def test_folder_not_covered_by_include_is_rejected_before_any_call(desk: Desk, into: str) -> None:
    with pytest.raises(UsageError):
        desk.imported(into=into)
    assert list(desk.box.store.log.entries()) == []


def test_into_writes_below_the_given_folder(desk: Desk) -> None:
    desk.make("Trial", email(1, "One", "plain\ntext"))
    desk.imported(into="sequences/team-a")
    assert {"sequences/team-a/trial.yaml", "sequences/team-a/emails/trial/email-1.html"} <= set(desk.files())
    desk.check_settled()


def test_account_without_any_known_sequence_is_rejected(desk: Desk, tmp_path: Path) -> None:
    desk.make("Trial", email(1, "One"))
    desk.imported()
    before = desk.files()
    desk.box.store._sequences.clear()
    desk.make("Foreign", email(1, "One"))
    with pytest.raises(AccountError):
        desk.imported()
    assert desk.files() == before


def test_create_in_doubt_blocks_the_import_of_its_sequence(desk: Desk) -> None:
    desk.project.write("sequences/trial.yaml", OWN)
    intent = IntentRecord(address="my-trial", action="create-sequence", title="Trial")
    workspace = desk.workspace()
    with locked_session(workspace, "test", 0.0, SystemClock(desk.stop)) as (_, manager, _run):
        manager.append(intent)
    desk.make("Trial", email(1, "One"))
    row = desk.row()
    assert row.outcome is ImportOutcome.FAILED
    assert "seqsync apply" in row.problem


def test_failed_read_does_not_affect_other_sequences(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk, 3)
    bad, real = desk.box.store.sequences()[0].id, SaleshandyClient.steps

    def steps(client: SaleshandyClient, sequence_id: str) -> object:
        if sequence_id == bad:
            raise ReadFailedError("GET steps: it said no.", Answer(AnswerKind.REFUSED))
        return real(client, sequence_id)

    monkeypatch.setattr(SaleshandyClient, "steps", steps)
    report = desk.imported()
    assert [row.outcome for row in report.rows].count(ImportOutcome.FAILED) == 1
    assert report.exit_code == 10
    desk.check_settled()


def test_rejected_key_keeps_what_was_imported(desk: Desk) -> None:
    fill(desk, 3)
    last = desk.box.store.sequences()[-1].id
    desk.box.switch(Switches(faults=(Fault(FaultKind.BAD_KEY, "GET", f"/{last}/", 0),)))
    report = desk.imported()
    assert report.exit_code == 4
    assert len(report.rows) == 2
    assert "Saleshandy refused the API key" in summary_text(report)
    desk.check_settled()
