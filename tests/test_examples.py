"""The sequences that come with the project: right, complete as a tour of the format, and safe to start from."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

from sequence_sync.model.sequence import DesiredSequence, Variant
from sequence_sync.model.steps import EMAIL, STEP_TYPES
from sequence_sync.source.project import Project, load_project
from sequence_sync.source.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "sequences").glob("*.yaml"))

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@lru_cache(maxsize=1)
def project() -> Project:
    """The examples, loaded with the settings that a project without `seqsync.yaml` has."""
    return load_project(ROOT, load_settings(ROOT), "default")


def sequence_in(file: Path) -> DesiredSequence:
    """The sequence that a file holds."""
    path = file.relative_to(ROOT).as_posix()
    return next(found for found in project().sequences.values() if found.files[0] == path)


def emails(sequence: DesiredSequence) -> list[Variant]:
    """Every variant of every email, by day."""
    steps = sorted((step for step in sequence.steps.values() if step.is_email), key=lambda step: step.day)
    return [variant for step in steps for variant in step.variants.values()]


def words(variant: Variant) -> list[str]:
    """The visible words of an email's body."""
    return re.sub(r"<[^>]+>", " ", variant.payload["content"]).split()


def test_they_are_right() -> None:
    """Not one of the examples is complained about, and each file is a sequence."""
    assert list(project().diagnostics) == []
    assert len(project().sequences) == len(FILES) >= 6


def test_together_they_show_every_type() -> None:
    """A reader finds an example of each type."""
    used = {step.type for sequence in project().sequences.values() for step in sequence.steps.values()}
    assert used == set(STEP_TYPES)


def test_together_they_show_the_format() -> None:
    """Variants, notes, preheaders, priorities, links of custom tasks and every way to write a body are in use."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in FILES)
    desired = "variants task_note preheader priority defaults title action message connection_note content markdown"
    missing = [
        field for field in desired.split() if not re.search(rf"^\s+{field}:", text, re.M) and f"\n{field}:" not in text
    ]
    assert missing == []
    assert all(re.search(rf"content_file: emails/.*\.{kind}$", text, re.M) for kind in ("html", "md"))
    assert "{spin}" in text
    assert "whatsapp_message" in text


def test_every_content_file_is_used() -> None:
    """Every email in the folder is sent by a sequence."""
    lying = {file.relative_to(ROOT).as_posix() for file in (ROOT / "sequences" / "emails").iterdir()}
    assert lying == {path for sequence in project().sequences.values() for path in sequence.files[1:]}


@each_file
def test_says_who_it_is_for(file: Path) -> None:
    """A file begins with a comment for the person who thinks of using it."""
    assert file.read_text(encoding="utf-8").startswith("# For ")


@each_file
def test_needs_nothing_from_an_account(file: Path) -> None:
    """No example names an assignee, an attachment or an id, so that it can be applied anywhere."""
    sequence = sequence_in(file)
    assert sequence.remote_id is None
    assert all(step.assignee is None for step in sequence.steps.values())
    assert not any(variant.attachments for step in sequence.steps.values() for variant in step.variants.values())


@each_file
def test_mails_are_short_and_leave_a_way_out(file: Path) -> None:
    """An email has 25 to 110 words, a preheader, a name with a fallback, and the first one says how to stop it."""
    mails = emails(sequence_in(file))
    assert [variant.payload["subject"] for variant in mails if not 25 <= len(words(variant)) <= 110] == []
    assert all(variant.payload.get("preheader") for variant in mails)
    assert all("{{First Name|'" in variant.payload["content"] for variant in mails)
    assert re.search(r'reply "(no|stop)"', " ".join(words(mails[0])).replace("&quot;", '"'), re.I)


@each_file
def test_mails_leave_time_to_answer(file: Path) -> None:
    """Two emails of one sequence are at least two days apart."""
    days = sorted(step.day for step in sequence_in(file).steps.values() if step.type == EMAIL)
    assert all(later - earlier >= 2 for earlier, later in pairwise(days))


@each_file
def test_tasks_say_what_to_do(file: Path) -> None:
    """Every task has a note for the person who does it, and an invitation fits into LinkedIn's 300 characters."""
    for step in sequence_in(file).steps.values():
        if step.type != EMAIL:
            variant = step.variants["a"]
            assert len(variant.task_note.split()) >= 8
            assert len(variant.payload.get("connection_note", "")) <= 300
