"""A variant as read, compared with what was last applied and with a PATCH; and the table of PATCHes in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.build import applied, email, message

from sequence_sync.apply.in_doubt import UPDATE_RESOLUTIONS, Doubt, Resolution, VariantObservation, compare_patch
from sequence_sync.plan.calls import apply_patch
from sequence_sync.plan.drift import payload_digest
from sequence_sync.provider.base import Patch, RemoteStep, RemoteVariant
from sequence_sync.provider.requests import SALESHANDY

OLD = {"subject": "Old", "content": "<p>Old words</p>"}
NEW = {"subject": "New", "content": "<p>New words</p>"}
BOLD = {"subject": "Old", "content": "<p>Old <b>words</b></p>"}
STEP = applied("intro", email(1, "Old", "<p>Old words</p>"))


def read(payload: Mapping[str, Any], day: int | None = 1, **more: Any) -> RemoteStep:
    """The step as a read returns it."""
    return RemoteStep(STEP.id, "email", day=day, variants=(RemoteVariant("SEQ1-intro-a", payload, **more),))


@pytest.mark.parametrize(
    ("shown", "body", "observation"),
    [
        (read(OLD), {"payload": NEW}, VariantObservation.UNCHANGED),
        (read(NEW), {"payload": NEW}, VariantObservation.APPLIED),
        (read({**OLD, "subject": "Theirs"}), {"payload": NEW}, VariantObservation.CHANGED),
        (read({**OLD, "content": "<div>Old&nbsp;words</div><br>"}), {"payload": NEW}, VariantObservation.UNCHANGED),
        (read(OLD), {"payload": BOLD}, VariantObservation.UNCHANGED),
        (read(BOLD), {"payload": BOLD}, VariantObservation.APPLIED),
        (read(OLD), {"payload": {**NEW, "preheader": ""}}, VariantObservation.UNCHANGED),
        (read({**NEW, "preheader": ""}), {"payload": {**NEW, "preheader": ""}}, VariantObservation.APPLIED),
        (read(OLD, day=1), {"payload": OLD, "absoluteDays": 5}, VariantObservation.UNCHANGED),
        (read(OLD, day=5), {"payload": OLD, "absoluteDays": 5}, VariantObservation.APPLIED),
        (read(OLD, day=9), {"payload": OLD, "absoluteDays": 5}, VariantObservation.CHANGED),
        (read(OLD, day=None), {"payload": OLD, "absoluteDays": 5}, VariantObservation.UNCHANGED),
        (read(OLD, status=1), {"status": 0}, VariantObservation.UNCHANGED),
        (read(OLD, status=0), {"status": 0}, VariantObservation.APPLIED),
        (read(OLD), {"status": 0}, VariantObservation.UNCHANGED),
        (read(OLD, attachments=("f",)), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.APPLIED),
        (read(OLD, attachments=("x",)), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.CHANGED),
        (read(OLD), {"payload": OLD, "attachmentIds": ["f"]}, VariantObservation.UNCHANGED),
        (RemoteStep(STEP.id, "email"), {"payload": NEW}, VariantObservation.MISSING),
        (None, {"payload": NEW}, VariantObservation.MISSING),
    ],
)
def test_a_read_shows_a_patch_as_applied_unchanged_changed_or_missing(
    shown: RemoteStep | None, body: dict[str, Any], observation: VariantObservation
) -> None:
    assert compare_patch(STEP, "a", SALESHANDY.patch(body), shown).observation is observation


def test_a_new_note_is_sent_where_a_read_does_not_return_notes() -> None:
    step = applied("note", message(2, "Words"))
    row = RemoteVariant("SEQ1-note-a", {"message": "Words"})
    patch = Patch(payload={"message": "Words"}, task_note="Look first")
    returned = RemoteVariant("SEQ1-note-a", {"message": "Words"}, task_note="Look first")
    silent, full = (RemoteStep(step.id, "linkedin_message", variants=(each,)) for each in (row, returned))
    assert compare_patch(step, "a", patch, silent).observation is VariantObservation.UNCHANGED
    assert compare_patch(step, "a", patch, full).observation is VariantObservation.APPLIED


def test_the_servers_own_spelling_is_no_change() -> None:
    spelt = {**OLD, "content": "<p>Old words</p><p>Sent with care</p>"}
    known = STEP.variants["a"].model_copy(update={"returned": payload_digest(spelt)})
    step = STEP.model_copy(update={"variants": {"a": known}})
    assert compare_patch(STEP, "a", Patch(payload=NEW), read(spelt)).observation is VariantObservation.CHANGED
    assert compare_patch(step, "a", Patch(payload=NEW), read(spelt)).observation is VariantObservation.UNCHANGED


def test_the_table_of_patches_in_doubt_has_every_cell() -> None:
    for doubt in Doubt:
        for over in (False, True):
            row = UPDATE_RESOLUTIONS[doubt, over]
            assert set(row) == set(VariantObservation)
            assert row[VariantObservation.APPLIED] is Resolution.APPLIED
    assert UPDATE_RESOLUTIONS[Doubt.INTERRUPTED, False][VariantObservation.UNCHANGED] is Resolution.WAIT
    assert UPDATE_RESOLUTIONS[Doubt.INTERRUPTED, True][VariantObservation.CHANGED] is Resolution.CLOSE
    assert UPDATE_RESOLUTIONS[Doubt.NO_ANSWER, False][VariantObservation.UNCHANGED] is Resolution.RESEND
    assert UPDATE_RESOLUTIONS[Doubt.NO_ANSWER, True][VariantObservation.CHANGED] is Resolution.ASK


def test_a_step_has_its_new_day_only_after_the_patch_of_its_last_variant() -> None:
    patch = Patch(payload={**OLD, "preheader": ""}, day=7)
    assert apply_patch(STEP, "a", patch, whole_step=False) == STEP.model_copy(update={"unsettled": {"day": (7,)}})
    assert apply_patch(STEP, "a", patch).day == 7
