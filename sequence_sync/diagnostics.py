"""Diagnostic: one message about one position in a file. Pure.

Must not know YAML, models or terminals: `source` creates diagnostics and `render` prints them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How serious a diagnostic is. Only an error makes a command fail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message. `line` and `column` count from 1, in characters; both are 0 if the message has no position.

    `rule` is a stable id (`unknown-key`), `summary` says what is wrong, `hint` says what to do.
    `source_line` is the text of the line. The caret underlines `length` characters of it.
    """

    path: str
    line: int
    column: int
    rule: str
    summary: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    source_line: str = ""
    length: int = 1

    @property
    def where(self) -> str:
        """`path:line:column`, or only the path if there is no position."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort by path and position; drop duplicates."""
    unique = dict.fromkeys(diagnostics)
    return sorted(unique, key=lambda d: (d.path, d.line, d.column, d.rule, d.summary))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most similar to `word`, or None if none is similar enough."""
    lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean "subject"?`, or an empty text if no known word is similar."""
    found = nearest(word, known)
    return f'Did you mean "{found}"?' if found else ""
