"""Reads the remote side for `plan -refresh` and `drift`, and checks that it is the right account. Only reads.

The list of sequences first, then the steps of each. What is missing counts as gone only after a second read, which is
at least the settle grace later: a list may lag behind. What only the second read misses asks for a third. Must not
judge what the differences mean: `plan` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sequence_sync.errors import AccountError
from sequence_sync.provider.base import (
    Announce,
    Answer,
    AnswerKind,
    Clock,
    Provider,
    ReadFailedError,
    RemoteAccount,
    RemoteSequence,
    RemoteStep,
    SequenceSnapshot,
    silent,
)
from sequence_sync.state.model import SequenceState

MORE_READS = 2  # after the first; what only the last of them misses is not gone


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read. `entries` are the state's sequences by key, `ids` by key those that only the files name.
    `by_list`: the list of sequences is enough where it returns the ids of the steps. `api_host` is for messages."""

    entries: Mapping[str, SequenceState]
    ids: Mapping[str, str] = field(default_factory=dict)
    by_list: bool = False
    api_host: str = ""


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What was read, and by key what could not be."""

    remote: RemoteAccount
    unread: Mapping[str, ReadFailedError] = field(default_factory=dict)


def check_account(state_ids: Collection[str], rows: Collection[RemoteSequence], api_host: str) -> None:
    """Raise AccountError where the account at `api_host` has none of the sequences that the state has."""
    if state_ids and not set(state_ids) & {row.id for row in rows}:
        raise AccountError(
            "None of the state's sequences is in this account.",
            f"Sequences in the state: {len(state_ids)}. Of these the API key sees none; it sees {len(rows)} others.",
            f"Check the API key, the environment (-env) and the state. Nothing was changed.{_sandbox_hint(api_host)}",
        )


def _sandbox_hint(api_host: str) -> str:
    if (api_host.rpartition(":")[0] or api_host) not in ("127.0.0.1", "localhost", "[::1]"):
        return ""
    return "\nA sandbox that was restarted has no data. To keep its data: seqsync sandbox -data FILE"


class RemoteReader:
    """Reads an account. `announce` is called before each wait."""

    def __init__(self, api: Provider, clock: Clock, settle_grace: float, announce: Announce = silent) -> None:
        self._api, self._clock, self._grace, self._announce = api, clock, settle_grace, announce

    def read(self, request: ReadRequest, state_ids: Collection[str]) -> RefreshResult:
        """Read everything in `request`. `state_ids` are the ids of all sequences that the state has.

        Raises AccountError, WaitExhaustedError, and ReadFailedError where the list itself cannot be read.
        """
        began = self._clock.now()
        rows = self._api.sequences()
        check_account(state_ids, rows, request.api_host)
        ids = {key: entry.id for key, entry in request.entries.items()}
        found, unread = self._read_all(request, {**ids, **request.ids}, rows)
        missing = _missing(request, found)
        for _ in range(MORE_READS):
            if not missing:
                break
            self._wait(missing, began)
            began, rows = self._clock.now(), self._api.sequences()
            again, failed = self._read_all(request, {key: ids[key] for key in missing}, rows)
            unread |= failed
            still, before = _missing(request, again), {key: row for key, row in missing.items() if key in again}
            missing = {key: row for key, row in still.items() if row - before[key]}
            for key, row in again.items():
                found[key] = SequenceSnapshot(row.row, row.steps, still.get(key, frozenset()))
        unread |= {key: _inconsistent(key) for key in missing}
        read = {key: row for key, row in found.items() if key not in unread}
        return RefreshResult(RemoteAccount(tuple(rows), read), unread)

    def _wait(self, missing: Collection[str], began: float) -> None:
        left = self._grace - (self._clock.now() - began)
        if left > 0:
            names = ", ".join(sorted(missing))
            text = (
                f"Not all of {names} was found in Saleshandy. Reading it again in {left:.0f} s (setting: settle_grace)."
            )
            self._announce(left, text)
            self._clock.sleep(left)

    def _read_all(
        self, request: ReadRequest, ids: Mapping[str, str], rows: Collection[RemoteSequence]
    ) -> tuple[dict[str, SequenceSnapshot], dict[str, ReadFailedError]]:
        """The sequences with these ids, by key, and what could not be read of them."""
        listed = {row.id: row for row in rows}
        found: dict[str, SequenceSnapshot] = {}
        unread: dict[str, ReadFailedError] = {}
        for key, remote_id in ids.items():
            try:
                found[key] = self._read_one(request, key, listed.get(remote_id))
            except ReadFailedError as error:
                unread[key] = error
        return found, unread

    def _read_one(self, request: ReadRequest, key: str, row: RemoteSequence | None) -> SequenceSnapshot:
        if row is None:
            return SequenceSnapshot(None)
        entry = request.entries.get(key)
        if request.by_list and entry and (row.step_ids or not entry.steps):
            return SequenceSnapshot(row)
        steps = self._api.steps(row.id)
        if steps is None:
            raise ReadFailedError(
                f"The list shows {key} (id {row.id}), but its steps are not found.", Answer(AnswerKind.MISSING)
            )
        return SequenceSnapshot(row, tuple(steps))


def _missing(request: ReadRequest, found: Mapping[str, SequenceSnapshot]) -> dict[str, frozenset[str]]:
    """By key, the managed ids that were not found; a sequence that is not there misses its own. Without the keys of
    which nothing is missing."""
    rows = {key: _not_found(request.entries[key], row) for key, row in found.items() if key in request.entries}
    return {key: ids for key, ids in rows.items() if ids}


def _inconsistent(key: str) -> ReadFailedError:
    detail = f"Each read of {key} returned something else. Try again in a few minutes."
    return ReadFailedError(detail, Answer(AnswerKind.UNREADABLE))


def _not_found(entry: SequenceState, read: SequenceSnapshot) -> frozenset[str]:
    if read.row is None:
        return frozenset({entry.id})
    if read.steps is None:
        return frozenset({step.id for step in entry.steps.values()} - set(read.row.step_ids))
    shown: Mapping[str, RemoteStep] = {step.id: step for step in read.steps}
    missing = {step.id for step in entry.steps.values() if step.id not in shown}
    for step in entry.steps.values():
        if step.id in shown:
            variant_ids = {row.id for row in shown[step.id].variants}
            missing |= {row.id for row in step.variants.values() if row.id and row.id not in variant_ids}
    return frozenset(missing)
