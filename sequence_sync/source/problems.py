"""Where things stand in a file, and the mistakes that are told about them. Pure.

A document is plain data beside a tree of spots. The rules look at the data alone and name a mistake by the way to it
(`("steps", "intro", "day")`); its line and column are looked up here, and only when there is a mistake.
Knows nothing of YAML, of files on disk or of sequences.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from sequence_sync.diagnostics import Diagnostic

Path: TypeAlias = "tuple[str | int, ...]"

LONGEST_LINE = 2_000  # of a source line that is shown; a longer one would bury the message
_KEY_IN_CLEAR = re.compile(r"(?i)(\b(?:x-)?api[_-]?key[\"']?\s*:\s*)\S.*")


class Broken(Enum):
    """A value about which a mistake has been told already: the rules pass it over in silence."""

    TOLD = "told"


BROKEN = Broken.TOLD
Data: TypeAlias = "str | Broken | list[Data] | dict[str, Data]"


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, from 1, in characters; `length` is how many characters the caret underlines."""

    line: int
    column: int
    length: int = 1


@dataclass(slots=True)
class Spot:
    """The place of a value, of its keys (where it is a mapping), and the spots below it."""

    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    below: dict[str | int, Spot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake whose place is known."""

    place: Place
    rule: str
    summary: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake by the way to its value, or with `at_key` to the key of that value.

    `secret`: the rest of the line must not be shown.
    """

    path: Path
    rule: str
    summary: str
    hint: str = ""
    at_key: bool = False
    secret: bool = False


class Lines:
    """Turns an index into a text into line and column. Lines end with LF and with nothing else, as editors count."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        start = text.find("\n")
        while start >= 0:
            self._starts.append(start + 1)
            start = text.find("\n", start + 1)

    def place(self, index: int, end: int | None = None) -> Place:
        """The place of the characters from `index` to `end`; of one character where they are on several lines."""
        line = bisect_right(self._starts, index)
        column = index - self._starts[line - 1] + 1
        one_line = end is not None and end > index and bisect_right(self._starts, end - 1) == line
        return Place(line, column, end - index if one_line and end is not None else 1)

    def text(self, line: int) -> str:
        """The text of a line, without its end; empty where there is no such line."""
        if not 0 < line <= len(self._starts):
            return ""
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self._text)
        return self._text[start:end]


def locate(spot: Spot, path: Path, at_key: bool) -> Place:
    """The place of what `path` leads to, or of the nearest thing above it that stands in the file."""
    for depth, part in enumerate(path, start=1):
        if at_key and depth == len(path) and isinstance(part, str) and part in spot.keys:
            return spot.keys[part]
        child = spot.below.get(part)
        if child is None:
            return spot.keys.get(part, spot.place) if isinstance(part, str) else spot.place
        spot = child
    return spot.place


def diagnostic(path: str, lines: Lines, finding: Finding, secret: bool = False) -> Diagnostic:
    """`finding` with its source line. A line that holds an API key is shown without it."""
    place = finding.place
    shown = lines.text(place.line)
    if secret:
        shown = shown[: place.column - 1 + place.length] if place.column > 1 else ""
        shown = re.sub(r"(:\s*)\S.*$", r"\1***", shown)
    shown = _KEY_IN_CLEAR.sub(r"\1***", shown)
    if len(shown) > LONGEST_LINE:
        shown = shown[:LONGEST_LINE] if place.column + place.length < LONGEST_LINE else ""
    length = max(1, min(place.length, len(shown) - place.column + 1))
    return Diagnostic(
        path, place.line, place.column, finding.rule, finding.summary, finding.hint, source_line=shown, length=length
    )


def placed(path: str, lines: Lines, root: Spot, mistakes: list[Mistake]) -> list[Diagnostic]:
    """Each mistake as a diagnostic of the file `path`."""
    told = []
    for mistake in mistakes:
        place = locate(root, mistake.path, mistake.at_key)
        finding = Finding(place, mistake.rule, mistake.summary, mistake.hint)
        told.append(diagnostic(path, lines, finding, mistake.secret))
    return told
