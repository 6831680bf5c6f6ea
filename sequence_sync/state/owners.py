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

    def knows(self, remote_id: str) -> bool:
        """Whether some address has that id."""
        return remote_id in self._addresses

    def move(self, before: State, after: State, touched: Iterable[str]) -> None:
        """Go from `before` to `after`, which differ in the `touched` sequences only.

        Raises StateProblem, and stays as it was, where an id would stand twice.
        """
        pairs = [(key, before.sequences.get(key), after.sequences.get(key)) for key in sorted(set(touched))]
        leaving = {remote_id for key, old, new in pairs for _, remote_id in _only_in(key, old, new)}
        coming: dict[str, str] = {}
        for key, old, new in pairs:
            for address, remote_id in _only_in(key, new, old):
                owner = coming.get(remote_id) or (None if remote_id in leaving else self._addresses.get(remote_id))
                if owner is not None:
                    raise StateProblem(
                        "A remote id would stand twice in the state.",
                        f"{remote_id} belongs to {owner} already; it was now told for {address}.",
                        "Nothing was recorded. Look at both in Saleshandy, then run the same command again.",
                    )
                coming[remote_id] = address
        for remote_id in leaving:
            del self._addresses[remote_id]
        self._addresses.update(coming)


def _only_in(key: str, one: SequenceState | None, other: SequenceState | None) -> Iterable[tuple[str, str]]:
    """Address and id of what `one` says and `other` does not. Rows that are the same object are not looked into."""
    if one is None:
        return
    if other is None or one.id != other.id:
        yield key, one.id
    rows = other.steps if other else {}
    for step, row in one.steps.items():
        if rows.get(step) is not row:
            yield f"{key}.{step}", row.id
