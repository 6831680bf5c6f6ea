"""One type for every message about a file: what, where, why, what to do. Floor 0, pure.

Knows nothing of YAML, of models or of terminals; `render` prints it, `source` and `lint` make it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is. Only an error makes a command fail."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message. `line` and `column` count from 1, in characters; 0 where there is no place in the file.

    `rule` is a stable id (`unknown-key`), `summary` says what is wrong, `hint` what to do about it.
    `source_line` is the text of the line, for the caret; `length` is how many characters the caret underlines.
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
        """`path:line:column`, or the path alone where there is no place."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, each one once."""
    unique = dict.fromkeys(diagnostics)
    return sorted(unique, key=lambda d: (d.path, d.line, d.column, d.rule, d.summary))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None."""
    lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean "subject"?`, or an empty string where nothing is near."""
    found = nearest(word, known)
    return f'Did you mean "{found}"?' if found else ""
