"""From what was read to the fields of a file: names for ids, keys, content files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_account import LONG, Scenario, email, opened

from sequence_sync.errors import UndecidedError
from sequence_sync.importer.project_files import (
    NewContentFiles,
    NotRepresentableError,
    as_file_html,
    as_file_text,
    free_name,
    new_step_fields,
    slug,
    type_stem,
)
from sequence_sync.model.address import KEY
from sequence_sync.model.fields import Priority
from sequence_sync.model.report import ImportOutcome
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.provider.base import RemoteStep, RemoteVariant
from sequence_sync.sandbox.server import Sandbox

ENVIRONMENT = Environment(assignees={"anna": "z6R8"}, attachments={"deck": "lN5x"})


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    """An empty account and an empty project."""
    with Sandbox(per_minute=0) as box:
        yield opened(tmp_path, box)


def content_files() -> NewContentFiles:
    """Return content files of an empty project."""
    return NewContentFiles("trial", "sequences/trial.yaml", lambda path, data: True)


def row(letter: str, on: bool = True, **payload: str) -> RemoteVariant:
    """Return a variant as read."""
    is_email = "subject" in payload and "content" in payload
    return RemoteVariant(
        letter, payload, None if is_email else "Note", ("lN5x", "other") if is_email else None, int(on)
    )


def test_assignees_and_attachments_are_written_by_name() -> None:
    """By id if the settings have no name. A normal priority is not written."""
    task = RemoteStep(
        "s", "linkedin_message", day=2, priority=Priority.HIGH, assignee="z6R8", variants=(row("a", message="Hi"),)
    )
    assert new_step_fields(task, "x", {"a": task.variants[0]}, ENVIRONMENT, content_files()) == {
        "day": 2,
        "type": "linkedin_message",
        "message": "Hi",
        "priority": "high",
        "assignee": "anna",
        "task_note": "Note",
    }
    plain = RemoteStep("s", "call_demo", day=2, priority=Priority.NORMAL, assignee="who", variants=(row("a"),))
    assert new_step_fields(plain, "x", {"a": plain.variants[0]}, ENVIRONMENT, content_files()) == {
        "day": 2,
        "type": "call_demo",
        "assignee": "id:who",
        "task_note": "Note",
    }
    mail = RemoteStep(
        "s", "email", day=2, priority=None, assignee=None, variants=(row("a", subject="S", content="<p>C</p>"),)
    )
    assert new_step_fields(mail, "x", {"a": mail.variants[0]}, ENVIRONMENT, content_files())["attachments"] == [
        "deck",
        "id:other",
    ]


def test_long_bodies_go_into_content_files() -> None:
    kept = content_files()
    mail = RemoteStep(
        "s",
        "email",
        day=2,
        priority=None,
        assignee=None,
        variants=(row("a", subject="S", content=LONG), row("b", subject="S", content="a\nb")),
    )
    fields = new_step_fields(mail, "x", {"a": mail.variants[0], "b": mail.variants[1]}, ENVIRONMENT, kept)
    assert fields["variants"]["a"]["content_file"] == "emails/trial/x-a.html"  # type: ignore[index,call-overload]
    assert set(kept.files) == {"sequences/emails/trial/x-a.html", "sequences/emails/trial/x-b.html"}
    assert kept.files["sequences/emails/trial/x-b.html"] == b"a\nb\n"


def test_task_with_several_variants_is_not_representable() -> None:
    task = RemoteStep("s", "call_demo", day=2, priority=None, assignee=None, variants=(row("a"), row("b")))
    with pytest.raises(NotRepresentableError):
        new_step_fields(task, "x", dict(zip("ab", task.variants, strict=True)), ENVIRONMENT, content_files())


def test_lone_surrogate_is_not_representable() -> None:
    with pytest.raises(NotRepresentableError):
        as_file_text("\ud83d")


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ("<p>short</p><p>too</p>", "<p>short</p><p>too</p>"),
        (f"<p>{'w ' * 60}</p><p>b<br>c</p>", f"<p>{'w ' * 60}</p>\n<p>b<br>\nc</p>"),
        (f"<div><br></div><div>{'w ' * 60}</div>", f"<div><br></div>\n<div>{'w ' * 60}</div>"),
        (f"<pre>{'w ' * 60}</pre><p>b</p><p>c</p>", f"<pre>{'w ' * 60}</pre><p>b</p><p>c</p>"),
        ("", "<p></p>"),
        (" \n\u00a0", "<p></p>"),
    ],
)
def test_long_html_is_wrapped_only_where_it_is_invisible(html: str, made: str) -> None:
    assert as_file_html(html) == made


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Trial Onboarding", "trial-onboarding"),
        ("Q4 — Renewals (EMEA)", "q4-renewals-emea"),
        ("Größe & Übung", "grosse-ubung"),
        ("2026: the plan", "sequence-2026-the-plan"),
        ("日本", "sequence"),
        ("x" * 90, "x" * 63),
        ("- _ -", "sequence"),
    ],
)
def test_key_is_made_from_the_title(title: str, key: str) -> None:
    assert slug(title) == key
    assert KEY.fullmatch(key)


def test_taken_key_gets_a_number_within_the_allowed_length() -> None:
    assert free_name("trial", {"trial", "trial-2"}) == "trial-3"
    assert len(free_name("x" * 63, {"x" * 63})) == 63


@pytest.mark.parametrize("kind", STEP_TYPES)
def test_every_step_type_has_a_short_name_for_keys(kind: str) -> None:
    assert re.fullmatch("[a-z]+(-[a-z]+)?", type_stem(kind))


def test_unwritable_file_fails_only_its_sequence(scenario: Scenario) -> None:
    scenario.project.write("sequences/emails", "no folder")
    scenario.make("Long", email(1, "One", LONG))
    scenario.make("Short", email(1, "One"))
    report = scenario.imported()
    assert [each.outcome for each in report.rows] == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    scenario.check_no_changes()


def test_damaged_journal_stops_the_import(scenario: Scenario) -> None:
    """Exit code 9: a step of ours might be taken for an unmanaged one."""
    scenario.make("Trial", email(1, "One"))
    scenario.imported()
    journal = scenario.project.root / "seqsync.state.json.journal"
    journal.write_bytes(journal.read_bytes() + b"0123456789abcdef {torn\n")
    before = scenario.text("sequences/trial.yaml")
    with pytest.raises(UndecidedError):
        scenario.imported()
    assert scenario.text("sequences/trial.yaml") == before
