"""The history as a run writes it: lines are gathered while it goes on, and appended when the journal is folded.

A history that cannot be written stops nothing: its lines wait for the next fold of the same run. Knows nothing of the
API or of plans.
"""

from __future__ import annotations

from collections.abc import Iterable

from sequence_sync.backends.base import StateBackend
from sequence_sync.errors import StateProblem
from sequence_sync.state.history import AnyLine, NoteLine, encode_lines, line_of, serial_line, touched, undo
from sequence_sync.state.records import AnyRecord, Author, IntentRecord, OutcomeRecord
from sequence_sync.state.snapshot import State

PUSHED = "another state was put in its place"


class Chronicle:
    """The history of one state. `records` are those of its journal; `folded` is the last that the state contains,
    up to which all has been written. Not thread-safe: the ledger's mutex is held."""

    def __init__(self, backend: StateBackend, records: Iterable[AnyRecord], folded: int) -> None:
        self._backend = backend
        self._waiting: list[AnyLine] = []
        self._intents: dict[int, IntentRecord] = {}
        self.problem = ""
        for record in records:
            self.hear(record, is_new=record.n > folded)

    def hear(self, record: AnyRecord, *, is_new: bool = True) -> None:
        """Take note of a record that is durable in the journal."""
        if isinstance(record, IntentRecord):
            self._intents[record.n] = record
        line = line_of(record, self._intents) if is_new else None
        if isinstance(record, OutcomeRecord):
            self._intents.pop(record.of, None)
        if line is not None:
            self._waiting.append(line)

    def fold(self, before: State, after: State, run: str) -> None:
        """Write down all that was heard, and the way from `after`, which is about to be stored, back to `before`."""
        line = serial_line(before, after, run)
        if line is not None:
            self._waiting.append(line)
        self._write()

    def push(self, before: State, after: State, run: str, by: Author) -> None:
        """The same, where a person puts `after` in the place of `before`."""
        addresses = tuple(touched(undo(before, after)))
        self._waiting.append(
            NoteLine(n=after.journal, lineage=after.lineage, run=run, by=by, text=PUSHED, addresses=addresses)
        )
        self.fold(before, after, run)

    def _write(self) -> None:
        if not self._waiting:
            return
        try:
            self._backend.append_history(encode_lines(self._waiting))
        except StateProblem as problem:
            self.problem = str(problem)
        else:
            self._waiting.clear()
            self.problem = ""
