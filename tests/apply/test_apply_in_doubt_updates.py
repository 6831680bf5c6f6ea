"""A variant as read, held against what was applied and what is wanted: the table cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.build import applied, email, message

from sequence_sync.apply.in_doubt import UPDATE_RESOLUTIONS, Doubt, UpdateResolution, VariantObservation, compare_patch
from sequence_sync.plan.calls import apply_patch
from sequence_sync.plan.drift import payload_digest
from sequence_sync.provider.base import Patch, RemoteStep, RemoteVariant
from sequence_sync.provider.requests import SALESHANDY

OLD = {"subject": "Old", "content": "<p>Old words</p>"}
NEW = {"subject": "New", "content": "<p>New words</p>"}
BOLD = {"subject": "Old", "content": "<p>Old <b>words</b></p>"}
STEP = applied("intro", email(1, "Old", "<p>Old words</p>"))


def read(payload: Mapping[str, Any], day: int | None = 1, **more: Any) -> RemoteStep:
    """The step as the app shows it."""
    return RemoteStep(STEP.id, "email", day=day, variants=(RemoteVariant("SEQ1-intro-a", payload, **more),))


@pytest.mark.parametrize(
    ("shown", "body", "held"),
    [
        (read(OLD), {"payload": NEW}, VariantObservation.OURS),
        (read(NEW), {"payload": NEW}, VariantObservation.WANTED),
        (read({**OLD, "subject": "Theirs"}), {"payload": NEW}, VariantObservation.OTHER),
        (read({**OLD, "content": "<div>Old&nbsp;words</div><br>"}), {"payload": NEW}, VariantObservation.OURS),
        (read(OLD), {"payload": BOLD}, VariantObservation.OURS),
        (read(BOLD), {"payload": BOLD}, VariantObservation.WANTED),
        (read(OLD), {"payload": {**NEW, "preheader": ""}}, VariantObservation.OURS),
        (read({**NEW, "preheader": ""}), {"payload": {**NEW, "preheader": ""}}, VariantObservation.WANTED),
        (read(OLD, day=1), {"payload": OLD, "absoluteDays": 5}, VariantObservation.OURS),
        (read(OLD, day=5), {"payload": OLD, "absoluteDays": 5}, VariantObservation.WANTED),
        (read(OLD, day=9), {"payload": OLD, "absoluteDays": 5}, VariantObservation.OTHER),
        (read(OLD, day=None), {"payload": OLD, "absoluteDays": 5}, VariantObservation.OURS),
        (read(OLD, status=1), {"status": 0}, VariantObservation.OURS),
        (read(OLD, status=0), {"status": 0}, VariantObservation.WANTED),
        (read(OLD), {"status": 0}, VariantObservation.OURS),
        (read(OLD, attachments=("f",)), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.WANTED),
        (read(OLD, attachments=("x",)), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.OTHER),
        (read(OLD), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.OURS),
        (RemoteStep(STEP.id, "email"), {"payload": NEW}, VariantObservation.GONE),
        (None, {"payload": NEW}, VariantObservation.GONE),
    ],
)
def test_what_a_read_shows(shown: RemoteStep | None, body: dict[str, Any], held: VariantObservation) -> None:
    """Ours, as wanted already, somebody else's, or gone; what is not told proves nothing."""
    assert compare_patch(STEP, "a", SALESHANDY.patch(body), shown).held is held


def test_a_note_that_is_not_told_is_not_believed() -> None:
    """A new note is sent where reading cannot show it."""
    step = applied("note", message(2, "Words"))
    row = RemoteVariant("SEQ1-note-a", {"message": "Words"})
    patch = Patch(payload={"message": "Words"}, task_note="Look first")
    told = RemoteVariant("SEQ1-note-a", {"message": "Words"}, task_note="Look first")
    silent, full = (RemoteStep(step.id, "linkedin_message", variants=(each,)) for each in (row, told))
    assert compare_patch(step, "a", patch, silent).held is VariantObservation.OURS
    assert compare_patch(step, "a", patch, full).held is VariantObservation.WANTED


def test_the_servers_own_spelling_is_ours() -> None:
    """What was given back right after our own write is no edit, however it looks."""
    spelt = {**OLD, "content": "<p>Old words</p><p>Sent with care</p>"}
    known = STEP.variants["a"].model_copy(update={"returned": payload_digest(spelt)})
    step = STEP.model_copy(update={"variants": {"a": known}})
    assert compare_patch(STEP, "a", Patch(payload=NEW), read(spelt)).held is VariantObservation.OTHER
    assert compare_patch(step, "a", Patch(payload=NEW), read(spelt)).held is VariantObservation.OURS


def test_every_unclear_patch_is_decided() -> None:
    """The table has every cell; what is shown counts as made, and only an unread one may be asked about at a start."""
    for stand in Doubt:
        for over in (False, True):
            row = UPDATE_RESOLUTIONS[stand, over]
            assert set(row) == set(VariantObservation)
            assert row[VariantObservation.WANTED] is UpdateResolution.UPDATED
    assert UPDATE_RESOLUTIONS[Doubt.OPEN, False][VariantObservation.OURS] is UpdateResolution.WAIT
    assert UPDATE_RESOLUTIONS[Doubt.OPEN, True][VariantObservation.OTHER] is UpdateResolution.NOT_MADE
    assert UPDATE_RESOLUTIONS[Doubt.UNKNOWN, False][VariantObservation.OURS] is UpdateResolution.REPEAT
    assert UPDATE_RESOLUTIONS[Doubt.UNKNOWN, True][VariantObservation.OTHER] is UpdateResolution.ASK


def test_a_step_moves_with_its_last_variant() -> None:
    """Day and the like are recorded when the last variant has them; an emptied text is not there."""
    patch = Patch(payload={**OLD, "preheader": ""}, day=7)
    assert apply_patch(STEP, "a", patch, whole_step=False) == STEP.model_copy(update={"unsettled": {"day": (7,)}})
    assert apply_patch(STEP, "a", patch).day == 7
