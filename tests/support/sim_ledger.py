"""The simulation's own record of who created what: by our calls, for which step of the files; or by people.

Knows nothing of the package. A step of the files stays the same one whatever becomes of its text, its day or its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol


class Created(Protocol):
    """A step of the account. `origin` is the address for which we created it; None: a person did."""

    id: str
    sequence: str
    origin: str | None


@dataclass
class CreationRecord:
    """Which addresses are one and the same step of the files, which steps a person has given to an address, and which a
    person has declared not ours."""

    first: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)

    def renamed(self, old: str, new: str) -> None:
        """The step at `old` has the address `new` from now on."""
        self.first[new] = self.step(old)

    def step(self, address: str) -> str:
        """The address that a step had at first."""
        return self.first.get(address, address)

    def created_twice(self, there: Iterable[Created]) -> list[list[str]]:
        """Ids of steps, of those that are there, that we created for one and the same step of the files."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for row in there:
            address = self.given.get(row.id, row.origin)
            if address is not None and row.id not in self.declared:
                found[row.sequence, self.step(address)].append(row.id)
        return [ids for ids in found.values() if len(ids) > 1]
