"""Where things stand in a file, and the mistakes that are told about them. Pure.

A document is plain data beside a tree of spots. The rules look at the data alone and name a mistake by the way to it
(`("steps", "intro", "day")`); its line and column are looked up here, and only when there is a mistake.
Knows nothing of YAML, of files on disk or of sequences.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from pydantic import ValidationError

from sequence_sync.diagnostics import Diagnostic, did_you_mean, nearest

Path: TypeAlias = "tuple[str | int, ...]"

LONGEST_LINE = 2_000  # of a source line that is shown; a longer one would bury the message
_KEY_IN_CLEAR = re.compile(r"(?i)(\b(?:x-)?api[_-]?key[\"']?\s*:\s*)\S.*")


class Invalid(Enum):
    """A value about which a mistake has been told already: the rules pass it over in silence."""

    TOLD = "told"


INVALID = Invalid.TOLD
Data: TypeAlias = "str | Invalid | list[Data] | dict[str, Data]"


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column, from 1, in characters; `length` is how many characters the caret underlines."""

    line: int
    column: int
    length: int = 1


@dataclass(slots=True)
class Spot:
    """The place of a value, of its keys (where it is a mapping), and the spots below it."""

    place: Position
    keys: dict[str, Position] = field(default_factory=dict)
    below: dict[str | int, Spot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A mistake whose place is known."""

    place: Position
    rule: str
    summary: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake by the way to its value, or with `at_key` to the key of that value.

    `secret`: the rest of the line must not be shown.
    """

    path: Path
    rule: str
    summary: str
    hint: str = ""
    at_key: bool = False
    secret: bool = False


class LineIndex:
    """Turns an index into a text into line and column. Lines end with LF and with nothing else, as editors count."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        start = text.find("\n")
        while start >= 0:
            self._starts.append(start + 1)
            start = text.find("\n", start + 1)

    def place(self, index: int, end: int | None = None) -> Position:
        """The place of the characters from `index` to `end`; of one character where they are on several lines."""
        line = bisect_right(self._starts, index)
        column = index - self._starts[line - 1] + 1
        one_line = end is not None and end > index and bisect_right(self._starts, end - 1) == line
        return Position(line, column, end - index if one_line and end is not None else 1)

    def text(self, line: int) -> str:
        """The text of a line, without its end; empty where there is no such line."""
        if not 0 < line <= len(self._starts):
            return ""
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self._text)
        return self._text[start:end]


def locate(spot: Spot, path: Path, at_key: bool) -> Position:
    """The place of what `path` leads to, or of the nearest thing above it that stands in the file."""
    for depth, part in enumerate(path, start=1):
        if at_key and depth == len(path) and isinstance(part, str) and part in spot.keys:
            return spot.keys[part]
        child = spot.below.get(part)
        if child is None:
            return spot.keys.get(part, spot.place) if isinstance(part, str) else spot.place
        spot = child
    return spot.place


def diagnostic(path: str, lines: LineIndex, finding: LocatedProblem, secret: bool = False) -> Diagnostic:
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


def locate_problems(path: str, lines: LineIndex, root: Spot, mistakes: list[Problem]) -> list[Diagnostic]:
    """Each mistake as a diagnostic of the file `path`."""
    told = []
    for mistake in mistakes:
        place = locate(root, mistake.path, mistake.at_key)
        finding = LocatedProblem(place, mistake.rule, mistake.summary, mistake.hint)
        told.append(diagnostic(path, lines, finding, mistake.secret))
    return told


_EXPECTED = {
    "string_type": ("wrong-type", "A text is expected here.", "Write one text, in double quotes if need be."),
    "tuple_type": ("wrong-type", "A list is expected here.", "Write it as [one, two], or with one - on each line."),
    "dict_type": ("wrong-type", "Keys with values are expected here.", "Write `key: value`, one on each line."),
    "int_type": ("wrong-type", "A whole number is expected here.", "Write the digits alone."),
    "float_type": ("wrong-type", "A number is expected here.", "Write the digits alone."),
}
_SAME = {"mapping_type": "dict_type", "model_type": "dict_type", "model_attributes_type": "dict_type"}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def known_hint(word: str, known: Iterable[str]) -> str:
    """`Did you mean "x"?`, or the list of what can be written where nothing is near."""
    listed = list(known)
    return did_you_mean(word, listed) or f"Known here: {', '.join(listed)}." if listed else ""


def unknown_key(path: Path, key: str, known: Iterable[str]) -> Problem:
    """A key that nothing reads."""
    return Problem((*path, key), "unknown-key", f'Unknown key "{key}".', known_hint(key, known), at_key=True)


def problems_of(
    error: ValidationError, data: object, known_keys: Callable[[Path], Iterable[str]] = lambda path: ()
) -> list[Problem]:
    """Everything that a model refused. `data` is what it was given; `known_keys` tells the keys of a mapping."""
    told = []
    for item in error.errors(include_input=False, include_url=False):
        at_key = item["loc"][-1:] == ("[key]",)
        path = item["loc"][:-1] if at_key else item["loc"]
        kind = item["type"]
        if kind == "missing":
            told.append(missing(path[:-1], str(path[-1])))
        elif kind == "extra_forbidden":
            told.append(unknown_key(path[:-1], str(path[-1]), known_keys(path[:-1])))
        else:
            rule, summary, hint = _words(kind, item.get("ctx", {}), _at(data, path))
            told.append(Problem(path, rule, summary, hint, at_key))
    return told


def missing(path: Path, key: str) -> Problem:
    """A key that must be there: told at the key of the mapping that lacks it."""
    return Problem(path, "missing-key", f'The key "{key}" is missing here.', f"Write `{key}:` with its value.", True)


def _words(kind: str, context: dict[str, Any], value: object) -> tuple[str, str, str]:
    kind = _SAME.get(kind, kind)
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "value_error":
        text = str(context["error"])
        return "wrong-value", f"{text[:1].upper()}{text[1:]}.", ""
    if kind in ("enum", "literal_error"):
        return _choice(str(context["expected"]), value)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return "out-of-range", f"This number is out of range: {words} {context[name]:g}.", ""
    if kind in ("string_too_long", "string_too_short"):
        return _length(context)
    if kind in ("too_short", "too_long"):
        most = context.get("max_length")
        summary = f"There are more than {most} entries here." if most else "There is no entry here."
        return "count", summary, "Take some out." if most else "Write one."
    return "wrong-value", "This value cannot be used here.", "See the page on the format of the files."


def _choice(expected: str, value: object) -> tuple[str, str, str]:
    words = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    meant = nearest(value, words) if isinstance(value, str) else None
    hint = f'Did you mean "{meant}"?' if meant else ""
    return "wrong-value", f"One of these is expected here: {', '.join(words)}.", hint


def _length(context: dict[str, Any]) -> tuple[str, str, str]:
    if "max_length" in context:
        return "too-long", f"This text is longer than {context['max_length']:,} characters.", "Shorten it."
    return "empty", "This text is empty.", "Write it, or take the key out."


def _at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
