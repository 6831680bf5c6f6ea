"""A variant as read, held against what was applied and what is wanted: the table cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.build import applied, email, message

from sequence_sync.apply.in_doubt import UPDATE_TABLE, Held, Next, Stand, hold
from sequence_sync.plan.calls import applied as after_patch
from sequence_sync.plan.drift import payload_digest
from sequence_sync.provider.base import RemoteStep, RemoteVariant

OLD = {"subject": "Old", "content": "<p>Old words</p>"}
NEW = {"subject": "New", "content": "<p>New words</p>"}
BOLD = {"subject": "Old", "content": "<p>Old <b>words</b></p>"}
STEP = applied("intro", email(1, "Old", "<p>Old words</p>"))


def read(payload: Mapping[str, Any], day: int | None = 1, **more: Any) -> RemoteStep:
    """The step as the app shows it."""
    return RemoteStep(STEP.id, 1, day=day, variants=(RemoteVariant("SEQ1-intro-a", payload, **more),))


@pytest.mark.parametrize(
    ("shown", "body", "held"),
    [
        (read(OLD), {"payload": NEW}, Held.OURS),
        (read(NEW), {"payload": NEW}, Held.WANTED),
        (read({**OLD, "subject": "Theirs"}), {"payload": NEW}, Held.OTHER),
        (read({**OLD, "content": "<div>Old&nbsp;words</div><br>"}), {"payload": NEW}, Held.OURS),
        (read(OLD), {"payload": BOLD}, Held.OURS),
        (read(BOLD), {"payload": BOLD}, Held.WANTED),
        (read(OLD), {"payload": {**NEW, "preheader": ""}}, Held.OURS),
        (read({**NEW, "preheader": ""}), {"payload": {**NEW, "preheader": ""}}, Held.WANTED),
        (read(OLD, day=1), {"payload": OLD, "absoluteDays": 5}, Held.OURS),
        (read(OLD, day=5), {"payload": OLD, "absoluteDays": 5}, Held.WANTED),
        (read(OLD, day=9), {"payload": OLD, "absoluteDays": 5}, Held.OTHER),
        (read(OLD, day=None), {"payload": OLD, "absoluteDays": 5}, Held.OURS),
        (read(OLD, status=1), {"status": 0}, Held.OURS),
        (read(OLD, status=0), {"status": 0}, Held.WANTED),
        (read(OLD), {"status": 0}, Held.OURS),
        (read(OLD, attachments=("f",)), {"payload": OLD, "attachmentIds": ["f"]}, Held.WANTED),
        (read(OLD, attachments=("x",)), {"payload": OLD, "attachmentIds": ["f"]}, Held.OTHER),
        (read(OLD), {"payload": OLD, "attachmentIds": ["f"]}, Held.OURS),
        (RemoteStep(STEP.id, 1), {"payload": NEW}, Held.GONE),
        (None, {"payload": NEW}, Held.GONE),
    ],
)
def test_what_a_read_shows(shown: RemoteStep | None, body: dict[str, Any], held: Held) -> None:
    """Ours, as wanted already, somebody else's, or gone; what is not told proves nothing."""
    assert hold(STEP, "a", body, shown).held is held


def test_a_note_that_is_not_told_is_not_believed() -> None:
    """A new note is sent where reading cannot show it."""
    step = applied("note", message(2, "Words"))
    row = RemoteVariant("SEQ1-note-a", {"message": "Words"})
    body = {"payload": {"message": "Words"}, "taskNote": "Look first"}
    assert hold(step, "a", body, RemoteStep(step.id, 3, variants=(row,))).held is Held.OURS
    told = RemoteVariant("SEQ1-note-a", {"message": "Words"}, task_note="Look first")
    assert hold(step, "a", body, RemoteStep(step.id, 3, variants=(told,))).held is Held.WANTED


def test_the_servers_own_spelling_is_ours() -> None:
    """What was given back right after our own write is no edit, however it looks."""
    spelt = {**OLD, "content": "<p>Old words</p><p>Sent with care</p>"}
    known = STEP.variants["a"].model_copy(update={"returned": payload_digest(spelt)})
    step = STEP.model_copy(update={"variants": {"a": known}})
    assert hold(STEP, "a", {"payload": NEW}, read(spelt)).held is Held.OTHER
    assert hold(step, "a", {"payload": NEW}, read(spelt)).held is Held.OURS


def test_every_unclear_patch_is_decided() -> None:
    """The table has every cell; what is shown counts as made, and only an unread one may be asked about at a start."""
    for stand in Stand:
        for over in (False, True):
            row = UPDATE_TABLE[stand, over]
            assert set(row) == set(Held)
            assert row[Held.WANTED] is Next.UPDATED
    assert UPDATE_TABLE[Stand.OPEN, False][Held.OURS] is Next.WAIT
    assert UPDATE_TABLE[Stand.OPEN, True][Held.OTHER] is Next.NOT_MADE
    assert UPDATE_TABLE[Stand.UNKNOWN, False][Held.OURS] is Next.REPEAT
    assert UPDATE_TABLE[Stand.UNKNOWN, True][Held.OTHER] is Next.ASK


def test_a_step_moves_with_its_last_variant() -> None:
    """Day and the like are recorded when the last variant has them; an emptied text is not there."""
    body = {"payload": {**OLD, "preheader": ""}, "absoluteDays": 7}
    assert after_patch(STEP, "a", body, placed=False) == STEP.model_copy(update={"unsettled": {"day": (7,)}})
    assert after_patch(STEP, "a", body).day == 7
