"""Read Saleshandy for `plan -refresh`, `apply -refresh` and `drift`, and compare the state with it.

Takes no lock and writes nothing. Uses the API only through the Provider protocol. The plan package decides what drift
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sequence_sync.apply.refresh import ReadRequest, RemoteReader
from sequence_sync.errors import SeqsyncError
from sequence_sync.model.address import Address
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Drift
from sequence_sync.plan.selection import Selection
from sequence_sync.provider.base import Announce, Clock, Provider, RemoteAccount
from sequence_sync.state.model import SequenceState, State


@dataclass(frozen=True, slots=True)
class DriftResult:
    """The drift of `sequences` sequences. `unread` holds the failed reads by key. It is empty after a complete read."""

    rows: tuple[Drift, ...]
    sequences: int
    unread: Mapping[str, SeqsyncError]


def read_remote(
    workspace: Workspace,
    api: Provider,
    clock: Clock,
    state: State | None,
    desired: Mapping[str, DesiredSequence],
    announce: Announce,
) -> RemoteAccount:
    """Read what a plan compares with: managed sequences, and those that a file names by id.

    `announce` is called before each wait. Raises the error of the first failed read.
    """
    entries = dict(state.sequences) if state else {}
    owned = {row.id for row in entries.values()}
    ids = {
        key: row.remote_id
        for key, row in desired.items()
        if row.remote_id and key not in entries and row.remote_id not in owned
    }
    read = RemoteReader(api, clock, workspace.environment.settle_grace, announce).read(
        ReadRequest(entries, ids, api_host=workspace.api_host), owned
    )
    for error in read.unread.values():
        raise error
    return read.remote


def detect_drift(
    workspace: Workspace,
    api: Provider,
    clock: Clock,
    targets: tuple[str, ...],
    quick: bool,
    announce: Announce,
) -> DriftResult:
    """Compare the last applied state with Saleshandy, in the sequences that `targets` name. Reads no project files.

    `quick` reads only the list of sequences: their titles, and which steps they have. `announce` is called
    before each wait. Raises UsageError where there is no state.
    """
    # An error where there is no state: "no drift" would hide from a nightly job that its state is lost.
    state, selection = workspace.read_existing(": nothing to compare with").state, Selection(targets)
    selection.check(_addresses(state), "The state does not have this address.")
    entries = {key: entry for key, entry in state.sequences.items() if _is_selected(key, entry, selection)}
    if not entries:
        return DriftResult((), 0, {})
    reader = RemoteReader(api, clock, workspace.environment.settle_grace, announce)
    read = reader.read(
        ReadRequest(entries, by_list=quick, api_host=workspace.api_host),
        {entry.id for entry in state.sequences.values()},
    )
    rows = (row for key, remote in read.remote.sequences.items() for row in drift_of(key, entries[key], remote))
    return DriftResult(tuple(row for row in rows if selection.takes_address(row.address)), len(entries), read.unread)


def _is_selected(key: str, entry: SequenceState, selection: Selection) -> bool:
    return any(selection.takes_address(address) for address in _addresses_of(key, entry))


def _addresses(state: State) -> list[Address]:
    return [address for key, entry in state.sequences.items() for address in _addresses_of(key, entry)]


def _addresses_of(key: str, entry: SequenceState) -> list[Address]:
    steps = [Address(key, name) for name in entry.steps]
    letters = [Address(key, name, letter) for name, step in entry.steps.items() for letter in step.variants]
    return [Address(key), *steps, *letters]
