"""What was read of the app, as the planner takes it: the third side beside file and state. Pure values.

`apply.refresh` reads it; nothing here knows how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sequence_sync.api.types import RemoteSequence, RemoteStep


@dataclass(frozen=True, slots=True)
class AppSequence:
    """One sequence as read. `row` is its row in the list of sequences, None where two reads, a grace apart, did not
    show it. `steps` is None where only the list was read. `gone` are ids of our steps and variants that two reads, a
    grace apart, did not show."""

    row: RemoteSequence | None
    steps: tuple[RemoteStep, ...] | None = None
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class App:
    """The account as read: the whole list of sequences and, by their keys, those that were looked into."""

    rows: tuple[RemoteSequence, ...] = ()
    sequences: Mapping[str, AppSequence] = field(default_factory=dict)
