"""What is read of the app for `plan -refresh`, `apply -refresh` and `drift`. Wires; decides nothing itself.

Takes no lock, writes nothing, and knows the API by its protocol only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sequence_sync.apply.refresh import ReadRequest, RemoteReader
from sequence_sync.errors import SeqsyncError, UsageError
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Drift
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.base import Clock, Provider, RemoteAccount
from sequence_sync.state.model import SequenceState, State

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a look found. `unread` are the failures by key: without one the look was complete."""

    rows: tuple[Drift, ...]
    sequences: int
    unread: Mapping[str, SeqsyncError]


def read_remote(
    workspace: Workspace,
    api: Provider,
    clock: Clock,
    state: State | None,
    wanted: Mapping[str, DesiredSequence],
    tell: Tell,
) -> RemoteAccount:
    """Everything that a plan has to be held against. Raises what the first read raises that fails."""
    entries = dict(state.sequences) if state else {}
    owned = {row.id for row in entries.values()}
    ids = {
        key: row.remote_id
        for key, row in wanted.items()
        if row.remote_id and key not in entries and row.remote_id not in owned
    }
    read = RemoteReader(api, clock, workspace.environment.settle_grace, tell).read(ReadRequest(entries, ids), owned)
    for error in read.unread.values():
        raise error
    return read.app


def detect_drift(
    workspace: Workspace, api: Provider, clock: Clock, targets: tuple[str, ...], quick: bool, tell: Tell
) -> DriftResult:
    """What differs in the app from what was last applied, in the sequences that `targets` name; no files are read.

    `quick` reads only the list of sequences: their titles, and which steps there are. Raises UsageError where there
    is no state.
    """
    replayed = workspace.read()
    if replayed is None:
        # "No drift" would keep a nightly job green that has lost its state.
        raise UsageError(
            "There is no state yet, so there is nothing to hold the app against.",
            f"{workspace.backend().describe()} is not there.",
            "`seqsync apply` or `seqsync import` make it. Was there one? Bring it back.",
        )
    state, selection = replayed.state, Selection(targets)
    selection.check(_addresses(state))
    entries = {key: row for key, row in state.sequences.items() if _is_meant(key, row, selection)}
    if not entries:
        return DriftResult((), 0, {})
    refresh = RemoteReader(api, clock, workspace.environment.settle_grace, tell)
    read = refresh.read(ReadRequest(entries, by_list=quick), {row.id for row in state.sequences.values()})
    rows = (row for key, found in read.app.sequences.items() for row in drift_of(key, entries[key], found))
    return DriftResult(tuple(row for row in rows if selection.takes_address(row.address)), len(entries), read.unread)


def _is_meant(key: str, entry: SequenceState, selection: Selection) -> bool:
    return any(selection.takes_address(address) for address in _of(key, entry))


def _addresses(state: State) -> list[str]:
    return [address for key, entry in state.sequences.items() for address in _of(key, entry)]


def _of(key: str, entry: SequenceState) -> list[str]:
    steps = [f"{key}.{name}" for name in entry.steps]
    letters = [f"{key}.{name}.{letter}" for name, step in entry.steps.items() for letter in step.variants]
    return [key, *steps, *letters]
