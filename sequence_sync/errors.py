"""Exceptions that a user can see, with their exit codes. Must not import anything else of the package at run time.

SeqsyncError               1  the command failed
+- UsageError              3  invalid arguments, settings or files
|  +- InvalidFilesError    3  the same, with a diagnostic for each problem
+- AccountError            4  Saleshandy refuses the API key, or the state belongs to another account or API host
+- WaitExhaustedError      5  the wait for the rate limit would exceed `max_wait`
+- GateShutError         6  the plan needs a permission that was not given; nothing was done
+- PlanRejectedError       7  the saved plan is stale, damaged, or made for something else
+- StateLockedError        8  another run holds the state lock
+- UndecidedError          9  the outcome of a call is in doubt; a person must decide
+- StateError              1  the state cannot be read or written
   +- LockLostError        1  another run took the state lock during this run
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sequence_sync.diagnostics import Diagnostic

# If several of these happen in one run, the first in this list is the exit code (docs/commands.md).
PRECEDENCE = (130, 143, 9, 4, 5, 10, 1)


class SeqsyncError(Exception):
    """What is wrong (`summary`, a constant text), the facts (`detail`), and what to do (`hint`).

    None of the three may contain the API key.
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
    """Invalid arguments, settings or files."""

    exit_code = 3


class InvalidFilesError(UsageError):
    """Settings or sequence files with problems; each problem is a diagnostic."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        super().__init__("The settings or sequence files have errors.")
        self.diagnostics = tuple(diagnostics)


class AccountError(SeqsyncError):
    """Saleshandy refuses the API key, or the state belongs to another account or API host."""

    exit_code = 4


class WaitExhaustedError(SeqsyncError):
    """The wait for the rate limit would exceed `max_wait`."""

    exit_code = 5


class GateShutError(SeqsyncError):
    """The plan needs a permission that was not given. The message names the option that gives it."""

    exit_code = 6


class PlanRejectedError(SeqsyncError):
    """A saved plan that must not be applied: it is stale, damaged, too new, or made for something else.

    `kind` is a short stable word for scripts and tests; `plan.planfile` lists its words.
    """

    exit_code = 7

    def __init__(self, summary: str, detail: str = "", hint: str = "", kind: str = "") -> None:
        super().__init__(summary, detail, hint)
        self.kind = kind


class StateLockedError(SeqsyncError):
    """Another run holds the state lock."""

    exit_code = 8


class UndecidedError(SeqsyncError):
    """The outcome of a call is in doubt, and only a person can decide it."""

    exit_code = 9


class StateError(SeqsyncError):
    """The state cannot be read or written."""


class LockLostError(StateError):
    """Another run took the state lock during this run. No further call was sent."""


def worst(codes: Iterable[int]) -> int:
    """The exit code of a run in which all of `codes` happened; 0 if there are none."""
    failures = set(codes) - {0}
    return next((code for code in PRECEDENCE if code in failures), max(failures, default=0))
