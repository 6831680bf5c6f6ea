"""The sandbox's data file: JSON, replaced as a whole and durably after each write.

Knows what a file looks like and nothing of the rules. A file that cannot be read is a UsageError and is left as
it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sequence_sync.errors import UsageError
from sequence_sync.files import temporary_name, write_atomically
from sequence_sync.sandbox.model import KINDS, Account, Sequence, plain, restored

VERSION = 1


@dataclass(frozen=True)
class Contents:
    """All that is kept. `seed` and `counter` make the next id, so that none is given twice."""

    version: int
    seed: str
    counter: int
    account: Account
    sequences: tuple[Sequence, ...] = ()


def load(path: Path) -> Contents | None:
    """What the file holds; None where there is none. Raises UsageError where it is damaged or newer."""
    try:
        contents = _checked(restored(Contents, json.loads(path.read_text("utf-8"))))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as problem:
        raise UsageError(
            "The sandbox's data file cannot be read.",
            f"{path}: {problem}",
            "Put a good copy back, or move the file away to start with an empty sandbox. It was not changed.",
        ) from None
    if contents.version != VERSION:
        raise UsageError(
            "The sandbox's data file has another format.",
            f"{path}: version {contents.version}; this seqsync reads version {VERSION}.",
            "Use the seqsync that wrote it, or move the file away to start with an empty sandbox.",
        )
    return contents


def _checked(contents: Contents) -> Contents:
    if not all(step.type in KINDS for sequence in contents.sequences for step in sequence.steps):
        raise ValueError("a step has a type that does not exist")
    if not any(schedule.is_default for schedule in contents.account.schedules):
        raise ValueError("account.schedules: none is the default one")
    return contents


def save(path: Path, seed: str, counter: int, account: Account, sequences: Iterable[Sequence]) -> None:
    """Replace the file atomically and durably. Raises OSError."""
    head = json.dumps({"version": VERSION, "seed": seed, "counter": counter, "account": plain(account)})
    rows = ",\n".join(sequence.stored for sequence in sequences)
    data = f'{head[:-1]}, "sequences": [\n{rows}\n]}}\n'.encode()
    write_atomically(path, data, temporary=temporary_name(path))
