"""Every error that a user can meet, with its exit code. Floor 0: knows nothing of the other rooms.

SeqsyncError                 1  something failed
+- UsageError              3  bad arguments, settings or files
|  +- InvalidFilesError           3  the same, with a diagnostic for each mistake
+- AccountError            4  the key is refused, or this is another account or API host
+- WaitExhaustedError             5  `max_wait` is used up
+- GateClosedError                  6  a gate is shut, nothing was done
+- PlanRejectedError               7  the saved plan is stale, foreign or damaged
+- StateLockedError               8  somebody else holds the lock
+- Undecided                 9  an outcome that cannot be known: a person must decide
+- PartlyAppliedError            10  some of it is done and recorded
+- StateError              1  the state cannot be read, is newer, or cannot be written
   +- LockLostError               1  the lock that this run held is no longer its own
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sequence_sync.diagnostics import Diagnostic

# The first of these wins where several happened in one run (docs/commands.md).
PRECEDENCE = (130, 143, 9, 4, 5, 10, 1)


class SeqsyncError(Exception):
    """What went wrong (`summary`, constant), why (`detail`), and what to do (`hint`).

    None of the three may hold the API key.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, summary: str, detail: str = "", hint: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.summary, self.detail, self.hint) if part)


class UsageError(SeqsyncError):
    """Bad arguments, settings or files."""

    exit_code = 3


class InvalidFilesError(UsageError):
    """Settings or sequence files with mistakes; each one is a diagnostic."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        super().__init__("The files have mistakes.")
        self.diagnostics = tuple(diagnostics)


class AccountError(SeqsyncError):
    """The API refused the key, or the state belongs to another account or host."""

    exit_code = 4


class WaitExhaustedError(SeqsyncError):
    """The command may not wait longer for the rate limit (`max_wait`)."""

    exit_code = 5


class GateClosedError(SeqsyncError):
    """A gate is shut; the message names the override."""

    exit_code = 6


class PlanRejectedError(SeqsyncError):
    """A saved plan that must not be carried out: stale, foreign, damaged or newer.

    `kind` is a short stable word for scripts and tests; `planning.planfile` lists those it uses.
    """

    exit_code = 7

    def __init__(self, summary: str, detail: str = "", hint: str = "", kind: str = "") -> None:
        super().__init__(summary, detail, hint)
        self.kind = kind


class StateLockedError(SeqsyncError):
    """Another process holds the lock of the state."""

    exit_code = 8


class UndecidedError(SeqsyncError):
    """Something whose outcome cannot be known; a person must decide."""

    exit_code = 9


class PartlyAppliedError(SeqsyncError):
    """Some changes failed; what was done is recorded."""

    exit_code = 10


class StateError(SeqsyncError):
    """The state cannot be read or written."""


class LockLostError(StateError):
    """The lock that this run held is no longer its own; no further call was sent."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of a run in which all of `codes` happened; 0 where none did."""
    seen = set(codes) - {0}
    return next((code for code in PRECEDENCE if code in seen), max(seen, default=0))
