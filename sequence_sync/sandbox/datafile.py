"""The sandbox's data file: JSON, replaced atomically and durably after each write.

Knows the format of the file; must not know the rules. A file that cannot be read raises UsageError and stays
unchanged.
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
    """Everything in the file. `seed` and `counter` give the next id, so that no id is used twice."""

    version: int
    seed: str
    counter: int
    account: Account
    sequences: tuple[Sequence, ...] = ()


def load(path: Path) -> Contents | None:
    """Return the contents of the file; None if it does not exist. Raises UsageError if it is damaged or newer."""
    try:
        contents = _checked(restored(Contents, json.loads(path.read_text("utf-8"))))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as problem:
        raise UsageError(
            "Cannot read the sandbox's data file.",
            f"{path}: {problem}",
            "Restore a good copy, or move the file away to start with an empty sandbox. seqsync did not change it.",
        ) from None
    if contents.version != VERSION:
        raise UsageError(
            "Unknown version of the sandbox's data file.",
            f"{path} has version {contents.version}. This seqsync reads version {VERSION}.",
            "Use the version of seqsync that wrote it, or move the file away to start with an empty sandbox.",
        )
    return contents


def _checked(contents: Contents) -> Contents:
    if not all(step.type in KINDS for sequence in contents.sequences for step in sequence.steps):
        raise ValueError("a step has an unknown type")
    if not any(schedule.is_default for schedule in contents.account.schedules):
        raise ValueError("account.schedules: no default schedule")
    return contents


def save(path: Path, seed: str, counter: int, account: Account, sequences: Iterable[Sequence]) -> None:
    """Replace the file atomically and durably. Raises OSError."""
    head = json.dumps({"version": VERSION, "seed": seed, "counter": counter, "account": plain(account)})
    rows = ",\n".join(sequence.stored for sequence in sequences)
    data = f'{head[:-1]}, "sequences": [\n{rows}\n]}}\n'.encode()
    write_atomically(path, data, temporary=temporary_name(path))
