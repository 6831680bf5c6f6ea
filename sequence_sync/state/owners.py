"""Which address has which remote id: the check that an id stands once, kept up to date record by record. Pure.

A whole state checks itself when it is made; a delta is applied without that, since it would cost the whole state
for each step.
"""

from __future__ import annotations

from collections.abc import Iterable

from sequence_sync.errors import StateProblem
from sequence_sync.state.snapshot import SequenceState, State


class Owners:
    """Remote id to address, for one state."""

    def __init__(self, state: State) -> None:
        self._addresses = {remote_id: address for address, remote_id in state.addresses()}

    def move(self, before: State, after: State, touched: Iterable[str]) -> None:
        """Go from `before` to `after`, which differ in the `touched` sequences only.

        Raises StateProblem, and stays as it was, where an id would stand twice.
        """
        keys = sorted(set(touched))
        leaving = {remote_id for key in keys for _, remote_id in _ids(key, before.sequences.get(key))}
        coming: dict[str, str] = {}
        for key in keys:
            for address, remote_id in _ids(key, after.sequences.get(key)):
                owner = coming.get(remote_id) or (None if remote_id in leaving else self._addresses.get(remote_id))
                if owner is not None:
                    raise StateProblem(
                        "A remote id would stand twice in the state.",
                        f"{remote_id} belongs to {owner} already; it was now told for {address}.",
                        "Nothing was recorded. Look at both in Saleshandy, then run `seqsync plan -refresh`.",
                    )
                coming[remote_id] = address
        for remote_id in leaving:
            del self._addresses[remote_id]
        self._addresses.update(coming)


def _ids(key: str, sequence: SequenceState | None) -> Iterable[tuple[str, str]]:
    if sequence is not None:
        yield key, sequence.id
        for step, row in sequence.steps.items():
            yield f"{key}.{step}", row.id
