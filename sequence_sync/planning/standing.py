"""The state's sequences under the names that a plan's moves give them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sequence_sync.planning.plan import Action, Change
from sequence_sync.state.snapshot import SequenceState, StepState

Standing = Mapping[str, SequenceState]


def standing(changes: Iterable[Change], known: Standing) -> Standing:
    """`known` after the moves among `changes`, of sequences first, then of steps."""
    moves = [change for change in changes if change.action is Action.MOVE and change.source]
    rows = dict(known)
    for move in sorted(moves, key=lambda change: change.step is not None):
        old = (move.source or "").split(".")
        if move.step is None:
            if old[0] in rows:
                rows[move.address] = rows.pop(old[0])
        elif move.sequence in rows and old[1] in rows[move.sequence].steps:
            steps = dict(rows[move.sequence].steps)
            steps[move.step] = steps.pop(old[1])
            rows[move.sequence] = rows[move.sequence].model_copy(update={"steps": steps})
    return rows


def step_of(change: Change, rows: Standing) -> StepState | None:
    """The entry of the step that `change` is about."""
    row = rows.get(change.sequence)
    return row.steps.get(change.step) if row and change.step else None
