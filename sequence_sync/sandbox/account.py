"""The rules of the API about senders, settings, schedules, fields, attachments and test emails: functions on a `Store`.

The rules about sequences and steps are in `store`. Must not know the web library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sequence_sync.sandbox.errors import RefusedError, failed
from sequence_sync.sandbox.model import Attachment, MergeField, Schedule, Sender, Sequence
from sequence_sync.sandbox.store import MOST_SENDERS, Store

TEXT_ONLY, TEXT_ONLY_ALWAYS = "9", "2"
OFF_WHEN_TEXT_ONLY = ("4", "5", "12")  # S: with 9 = 2, codes 4, 5 and 12 must be 0


def add_senders(store: Store, sequence_id: str, accounts: tuple[str, ...]) -> Sequence:
    """Attach all accounts or none (S: 40105, 40200, 40201; 413 with 40003 for more than 50)."""
    if len(accounts) > MOST_SENDERS:
        raise RefusedError(40003, "More than 50 email accounts at a time", status=413, kind="TOO_MANY_EMAIL_ACCOUNTS")
    with store.writing():
        sequence = store.sequence(sequence_id)
        known = {one.id: one for one in store.account.senders}
        if not set(accounts) <= set(known):
            raise RefusedError(40200, "Email account not found", kind="EMAIL_ACCOUNT_NOT_FOUND")
        if any(known[one].status != 1 for one in accounts):
            raise RefusedError(40201, "Email account is inactive", kind="EMAIL_ACCOUNT_INACTIVE")
        if {one.account for one in sequence.senders} & set(accounts):
            raise RefusedError(40105, "Email account is already attached", kind="EMAIL_ACCOUNT_ALREADY_ATTACHED")
        links = tuple(Sender(store.new_id(), one, store.clock()) for one in accounts)
        return store.put(replace(sequence, senders=(*sequence.senders, *links)))


def remove_senders(store: Store, sequence_id: str, accounts: tuple[str, ...]) -> Sequence:
    """Detach all accounts or none (S: 40200, also for one that is not attached)."""
    with store.writing():
        sequence = store.sequence(sequence_id)
        if not set(accounts) <= {one.account for one in sequence.senders}:
            raise RefusedError(40200, "Email account not found", kind="EMAIL_ACCOUNT_NOT_FOUND")
        return store.put(replace(sequence, senders=tuple(x for x in sequence.senders if x.account not in accounts)))


def change_settings(store: Store, sequence_id: str, values: Mapping[str, str], schedule: str | None) -> Sequence:
    """Change settings by code, and the schedule if `schedule` is given."""
    with store.writing():
        sequence = store.sequence(sequence_id)
        merged = {**sequence.settings, **values}
        text_only = merged[TEXT_ONLY] == TEXT_ONLY_ALWAYS
        if text_only and any(merged[code] != "0" for code in OFF_WHEN_TEXT_ONLY):
            raise failed("update sequence settings")
        chosen = schedule or sequence.schedule
        if chosen not in [one.id for one in store.account.schedules]:
            raise failed("update sequence settings")
        return store.put(replace(sequence, settings=merged, schedule=chosen))


def set_schedule(store: Store, sequence_id: str, schedule_id: str) -> Schedule:
    """Change the schedule of a sequence."""
    with store.writing():
        sequence = store.sequence(sequence_id)
        found = next((one for one in store.account.schedules if one.id == schedule_id), None)
        if found is None:
            raise failed("update sequence schedule")
        store.put(replace(sequence, schedule=schedule_id))
        return found


def set_distribution(store: Store, sequence_id: str, distribution: int) -> None:
    """Change which prospects come first."""
    with store.writing():
        store.put(replace(store.sequence(sequence_id), distribution=distribution))


def send_trial(store: Store, sequence_id: str, email: Mapping[str, Any]) -> None:
    """Record a test email, and send nothing. Its account must be attached to the sequence (S: 1001)."""
    with store.writing():
        sequence = store.sequence(sequence_id)
        if email["fromEmailAccountId"] not in [one.account for one in sequence.senders]:
            raise RefusedError(
                1001, "Please connect email account with this sequence", kind="EMAIL_ACCOUNT_NOT_CONNECTED"
            )
        store.trial_emails.append({"sequenceId": sequence_id, **email})


def create_schedule(store: Store, name: str, zone: str, slots: tuple[Any, ...], is_default: bool) -> Schedule:
    """Create a schedule. A new default replaces the old default."""
    with store.writing():
        new = Schedule(store.new_id(), name, zone, slots, is_default)
        old = store.account.schedules
        if is_default:
            old = tuple(replace(one, is_default=False) for one in old)
        store.account = replace(store.account, schedules=(*old, new))
        return new


def create_field(store: Store, label: str, kind: str | None, mapping: str | None) -> MergeField:
    """Create a custom field. A label that exists already is refused."""
    with store.writing():
        _free_label(store, label, "create field")
        new = MergeField(store.new_id(), label, kind or "Text", mapping)
        store.account = replace(store.account, fields=(*store.account.fields, new))
        return new


def change_field(store: Store, field_id: str, label: str | None, kind: str | None, mapping: str | None) -> MergeField:
    """Change the parts of a custom field that were sent."""
    with store.writing():
        old = next((one for one in store.account.fields if one.id == field_id and not one.system), None)
        if old is None:
            raise failed("update field")
        if label is not None and label.casefold() != old.label.casefold():
            _free_label(store, label, "update field")
        new = replace(old, label=label or old.label, kind=kind or old.kind, mapping=mapping or old.mapping)
        rows = tuple(new if one is old else one for one in store.account.fields)
        store.account = replace(store.account, fields=rows)
        return new


def _free_label(store: Store, label: str, what: str) -> None:
    if label.casefold() in [one.label.casefold() for one in store.account.fields]:
        raise failed(what)


def add_attachment(store: Store, name: str, size: int) -> Attachment:
    """Record an uploaded file. `size`: in bytes."""
    with store.writing():
        new = Attachment(store.new_id(), name, size)
        store.account = replace(store.account, attachments=(*store.account.attachments, new))
        return new
