"""From what the app tells to the fields of a file: names for ids, keys, bodies in files of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.import_account import LONG, Desk, email, opened

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
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An empty account and an empty project."""
    with Sandbox(per_minute=0) as box:
        yield opened(tmp_path, box)


def content_files() -> NewContentFiles:
    """A place for content files in which nothing stands."""
    return NewContentFiles("trial", "sequences/trial.yaml", lambda path, data: True)


def row(letter: str, on: bool = True, **payload: str) -> RemoteVariant:
    """A variant as told."""
    is_email = "subject" in payload and "content" in payload
    return RemoteVariant(
        letter, payload, None if is_email else "Note", ("lN5x", "other") if is_email else None, int(on)
    )


def test_people_and_attachments_stand_by_their_names() -> None:
    """By the settings' names, else as ids; a priority only where it is not the normal one."""
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


def test_long_bodies_lie_in_files() -> None:
    """By the step's key, and the letter where there are several; what says the same shares nothing by accident."""
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


def test_several_variants_of_a_task() -> None:
    """A file has no place for them."""
    task = RemoteStep("s", "call_demo", day=2, priority=None, assignee=None, variants=(row("a"), row("b")))
    with pytest.raises(NotRepresentableError):
        new_step_fields(task, "x", dict(zip("ab", task.variants, strict=True)), ENVIRONMENT, content_files())


def test_half_a_character() -> None:
    """A lone surrogate can stand in no file."""
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
def test_html_is_broken_where_it_is_not_seen(html: str, made: str) -> None:
    """A line for each paragraph of a long body; never where spaces count."""
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
def test_keys_read_like_titles(title: str, key: str) -> None:
    """And are keys."""
    assert slug(title) == key
    assert KEY.fullmatch(key)


def test_a_key_that_is_taken_gets_a_number() -> None:
    """Within the length that a key may have."""
    assert free_name("trial", {"trial", "trial-2"}) == "trial-3"
    assert len(free_name("x" * 63, {"x" * 63})) == 63


@pytest.mark.parametrize("kind", STEP_TYPES)
def test_every_type_has_a_stem(kind: str) -> None:
    """Short, and good for a key."""
    assert re.fullmatch("[a-z]+(-[a-z]+)?", type_stem(kind))


def test_a_file_that_cannot_be_written_stops_only_its_sequence(desk: Desk) -> None:
    """Something stands where its content files go; the other sequence is imported."""
    desk.project.write("sequences/emails", "no folder")
    desk.make("Long", email(1, "One", LONG))
    desk.make("Short", email(1, "One"))
    report = desk.imported()
    assert [each.outcome for each in report.rows] == [ImportOutcome.FAILED, ImportOutcome.IMPORTED]
    assert report.exit_code == 10
    desk.check_settled()


def test_a_damaged_journal_is_settled_first(desk: Desk) -> None:
    """Exit code 9, and nothing is written: a step of ours might be taken for somebody else's."""
    desk.make("Trial", email(1, "One"))
    desk.imported()
    journal = desk.project.root / "seqsync.state.json.journal"
    journal.write_bytes(journal.read_bytes() + b"0123456789abcdef {torn\n")
    before = desk.text("sequences/trial.yaml")
    with pytest.raises(UndecidedError):
        desk.imported()
    assert desk.text("sequences/trial.yaml") == before
