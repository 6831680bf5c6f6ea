"""Reads the app for `plan -refresh` and `drift`. Only reads; what it means is `planning`'s.

The list of sequences first, then the steps of each. What is missing is believed after a second reading, a grace after
the first: a list may lag behind. What only the second one misses asks for a third.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from sequence_sync.errors import AccountError
from sequence_sync.provider.base import (
    Answer,
    AnswerKind,
    Clock,
    Provider,
    ReadFailedError,
    RemoteAccount,
    RemoteSequence,
    RemoteStep,
    SequenceSnapshot,
)
from sequence_sync.state.model import SequenceState

MORE_READINGS = 2  # what the last of them alone misses is not gone


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is to be read. `entries` are the state's sequences by key, `ids` by key those that only the files name.
    `by_list`: the list of sequences is enough, where it tells the ids of the steps."""

    entries: Mapping[str, SequenceState]
    ids: Mapping[str, str] = field(default_factory=dict)
    by_list: bool = False


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What was read, and by key what could not be."""

    app: RemoteAccount
    unread: Mapping[str, ReadFailedError] = field(default_factory=dict)


def check_account(known: Collection[str], rows: Collection[RemoteSequence]) -> None:
    """Raises AccountError where the account has none of the sequences that the state knows."""
    if known and not set(known) & {row.id for row in rows}:
        raise AccountError(
            "None of the state's sequences is in this account.",
            f"The state knows {len(known)}, and this key sees none of them.",
            "Is it the right key, the right environment (-env), the right state?",
        )


class RemoteReader:
    """One look at the account. `tell` hears what is going on, as plain words."""

    def __init__(
        self, api: Provider, clock: Clock, settle_grace: float, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._api, self._clock, self._grace, self._tell = api, clock, settle_grace, tell

    def read(self, wanted: ReadRequest, account: Collection[str]) -> RefreshResult:
        """Everything in `wanted`. `account` are the ids of all sequences that the state knows.

        Raises AccountError, WaitExhaustedError, and ReadFailedError where the list itself cannot be read.
        """
        began = self._clock.now()
        rows = self._api.sequences()
        check_account(account, rows)
        ours = {key: entry.id for key, entry in wanted.entries.items()}
        found, unread = self._pass(wanted, {**ours, **wanted.ids}, rows)
        missing = self._missing(wanted, found)
        for _ in range(MORE_READINGS):
            if not missing:
                break
            self._wait(missing, began)
            began, rows = self._clock.now(), self._api.sequences()
            again, failed = self._pass(wanted, {key: ours[key] for key in missing}, rows)
            unread |= failed
            still, believed = self._missing(wanted, again), {key: ids for key, ids in missing.items() if key in again}
            missing = {key: ids for key, ids in still.items() if ids - believed[key]}
            for key, row in again.items():
                found[key] = SequenceSnapshot(row.row, row.steps, still.get(key, frozenset()))
        unread |= {key: _wavers(key) for key in missing}
        return RefreshResult(
            RemoteAccount(tuple(rows), {key: row for key, row in found.items() if key not in unread}), unread
        )

    def _wait(self, missing: Collection[str], began: float) -> None:
        left = self._grace - (self._clock.now() - began)
        if left > 0:
            self._tell(f"{', '.join(sorted(missing))}: something is missing; looking again in {left:.0f} s")
            self._clock.sleep(left)

    def _pass(
        self, wanted: ReadRequest, ids: Mapping[str, str], rows: Collection[RemoteSequence]
    ) -> tuple[dict[str, SequenceSnapshot], dict[str, ReadFailedError]]:
        """The sequences with these ids, by key, and what could not be read of them."""
        listed = {row.id: row for row in rows}
        found: dict[str, SequenceSnapshot] = {}
        unread: dict[str, ReadFailedError] = {}
        for key, remote_id in ids.items():
            try:
                found[key] = self._one(wanted, key, listed.get(remote_id))
            except ReadFailedError as error:
                unread[key] = error
        return found, unread

    def _one(self, wanted: ReadRequest, key: str, row: RemoteSequence | None) -> SequenceSnapshot:
        if row is None:
            return SequenceSnapshot(None)
        entry = wanted.entries.get(key)
        if wanted.by_list and entry and (row.step_ids or not entry.steps):
            return SequenceSnapshot(row)
        steps = self._api.steps(row.id)
        if steps is None:
            raise ReadFailedError(
                f"The list shows {key} (id {row.id}), but its steps are not found.", Answer(AnswerKind.MISSING)
            )
        return SequenceSnapshot(row, tuple(steps))

    def _missing(self, wanted: ReadRequest, found: Mapping[str, SequenceSnapshot]) -> dict[str, frozenset[str]]:
        """By key, the ids of ours that were not shown, where any were not; a sequence that is not there misses its
        own."""
        rows = {key: _not_shown(wanted.entries[key], row) for key, row in found.items() if key in wanted.entries}
        return {key: ids for key, ids in rows.items() if ids}


def _wavers(key: str) -> ReadFailedError:
    told = f"What the account shows of {key} is another thing at each reading. Try again in a few minutes."
    return ReadFailedError(told, Answer(AnswerKind.UNREADABLE))


def _not_shown(entry: SequenceState, read: SequenceSnapshot) -> frozenset[str]:
    if read.row is None:
        return frozenset({entry.id})
    if read.steps is None:
        return frozenset({step.id for step in entry.steps.values()} - set(read.row.step_ids))
    shown: Mapping[str, RemoteStep] = {step.id: step for step in read.steps}
    missing = {step.id for step in entry.steps.values() if step.id not in shown}
    for step in entry.steps.values():
        if step.id in shown:
            there = {row.id for row in shown[step.id].variants}
            missing |= {row.id for row in step.variants.values() if row.id and row.id not in there}
    return frozenset(missing)
