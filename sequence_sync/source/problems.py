"""Positions in a file and the problems found at them. Pure.

A document is plain data plus a tree of positions. The rules look only at the data and name a problem by its path
(`("steps", "intro", "day")`). Line and column are looked up here, and only for a problem.
Must not know YAML, files on disk, or sequences.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic import ValidationError

from sequence_sync.diagnostics import Diagnostic, did_you_mean, nearest

Path: TypeAlias = "tuple[str | int, ...]"

LONGEST_LINE = 2_000  # characters of a source line that are shown; a longer line would bury the message
_KEY_IN_CLEAR = re.compile(r"(?i)(\b(?:x-)?api[_-]?key[\"']?\s*:\s*)\S.*")


class Invalid:
    """The type of `INVALID`. Not an Enum, because pydantic would accept one as a text."""


INVALID = Invalid()  # a value whose problem is already reported; the rules skip it
Data: TypeAlias = "str | Invalid | list[Data] | dict[str, Data]"


@dataclass(frozen=True, slots=True)
class Position:
    """Line and column, from 1, in characters. The caret underlines `length` characters."""

    line: int
    column: int
    length: int = 1


@dataclass(slots=True)
class PositionTree:
    """The position of a value, the positions of its keys (of a mapping), and the trees of the values in it."""

    position: Position
    keys: dict[str, Position] = field(default_factory=dict)
    children: dict[str | int, PositionTree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A problem with its position."""

    position: Position
    rule: str
    summary: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with the path to its value, or with `at_key` to the key of that value.

    `secret`: the value on that line must not be shown.
    """

    path: Path
    rule: str
    summary: str
    hint: str = ""
    at_key: bool = False
    secret: bool = False


class LineIndex:
    """Converts an index into a text to line and column. Only LF ends a line, as in editors."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        start = text.find("\n")
        while start >= 0:
            self._starts.append(start + 1)
            start = text.find("\n", start + 1)

    def position(self, index: int, end: int | None = None) -> Position:
        """The position of the characters from `index` to `end`; of the first one if they span several lines."""
        line = bisect_right(self._starts, index)
        column = index - self._starts[line - 1] + 1
        one_line = end is not None and end > index and bisect_right(self._starts, end - 1) == line
        return Position(line, column, end - index if one_line and end is not None else 1)

    def text(self, line: int) -> str:
        """The text of a line without its line end; empty if there is no such line."""
        if not 0 < line <= len(self._starts):
            return ""
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self._text)
        return self._text[start:end]


def locate(tree: PositionTree, path: Path, at_key: bool) -> Position:
    """The position of the value (or key) at `path`, or of its nearest ancestor that is in the file."""
    for depth, part in enumerate(path, start=1):
        if at_key and depth == len(path) and isinstance(part, str) and part in tree.keys:
            return tree.keys[part]
        child = tree.children.get(part)
        if child is None:
            return tree.keys.get(part, tree.position) if isinstance(part, str) else tree.position
        tree = child
    return tree.position


def diagnostic(path: str, lines: LineIndex, problem: LocatedProblem, secret: bool = False) -> Diagnostic:
    """Turn `problem` into a diagnostic with its source line. An API key in that line is masked."""
    position = problem.position
    source_line = lines.text(position.line)
    if secret:
        source_line = source_line[: position.column - 1 + position.length] if position.column > 1 else ""
        source_line = re.sub(r"(:\s*)\S.*$", r"\1***", source_line)
    source_line = _KEY_IN_CLEAR.sub(r"\1***", source_line)
    if len(source_line) > LONGEST_LINE:
        source_line = source_line[:LONGEST_LINE] if position.column + position.length < LONGEST_LINE else ""
    return Diagnostic(
        path,
        position.line,
        position.column,
        problem.rule,
        problem.summary,
        problem.hint,
        source_line=source_line,
        length=max(1, min(position.length, len(source_line) - position.column + 1)),
    )


def locate_problems(path: str, lines: LineIndex, root: PositionTree, problems: list[Problem]) -> list[Diagnostic]:
    """Turn each problem of the file `path` into a diagnostic."""
    diagnostics = []
    for problem in problems:
        position = locate(root, problem.path, problem.at_key)
        located = LocatedProblem(position, problem.rule, problem.summary, problem.hint)
        diagnostics.append(diagnostic(path, lines, located, problem.secret))
    return diagnostics


MAPPING_HINT = "Write `key: value`, one per line."
TEXT_HINT = "Put the whole text in double quotes."

_EXPECTED = {
    "string_type": ("wrong-type", "Expected text.", TEXT_HINT),
    "tuple_type": ("wrong-type", "Expected a list.", "Write `[one, two]`, or one `- item` per line."),
    "dict_type": ("wrong-type", "Expected a mapping.", MAPPING_HINT),
    "int_type": ("wrong-type", "Expected a whole number.", "Write only digits, for example 30."),
    "float_type": ("wrong-type", "Expected a number.", "Write only digits, for example 120 or 0.5."),
}
_SAME = {"mapping_type": "dict_type", "model_type": "dict_type", "model_attributes_type": "dict_type"}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
}


def known_hint(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest field of `known`; list them all if none is near."""
    listed = list(known)
    return did_you_mean(word, listed) or f"Fields allowed here: {', '.join(listed)}." if listed else ""


def unknown_key(path: Path, key: str, known: Iterable[str]) -> Problem:
    """A key that is not a field of the mapping at `path`."""
    return Problem((*path, key), "unknown-key", f'Unknown field "{key}".', known_hint(key, known), at_key=True)


def problems_of(
    error: ValidationError, data: object, known_keys: Callable[[Path], Iterable[str]] = lambda path: ()
) -> list[Problem]:
    """Turn the errors of a model into problems.

    Args:
        error: what pydantic raised.
        data: the data that was validated.
        known_keys: the allowed keys of the mapping at a path.
    """
    problems = []
    for item in error.errors(include_input=False, include_url=False):
        at_key = item["loc"][-1:] == ("[key]",)
        path = item["loc"][:-1] if at_key else item["loc"]
        kind = item["type"]
        if kind == "missing":
            problems.append(missing(path[:-1], str(path[-1])))
        elif kind == "extra_forbidden":
            problems.append(unknown_key(path[:-1], str(path[-1]), known_keys(path[:-1])))
        else:
            rule, summary, hint = _message(kind, item.get("ctx", {}), _value_at(data, path))
            problems.append(Problem(path, rule, summary, hint, at_key))
    return problems


def missing(path: Path, key: str) -> Problem:
    """A required key that the mapping at `path` lacks; reported at the key of that mapping."""
    return Problem(path, "missing-key", f'Missing field "{key}".', f"Add `{key}:` with a value.", True)


def _message(kind: str, context: dict[str, Any], value: object) -> tuple[str, str, str]:
    """Rule, summary and hint for a pydantic error of type `kind`."""
    kind = _SAME.get(kind, kind)
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "value_error":
        return "wrong-value", sentence(context["error"]), ""
    if kind in ("enum", "literal_error"):
        return _choice(str(context["expected"]), value)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        number = "whole number" if isinstance(context[name], int) else "number"
        return "out-of-range", f"Expected a {number} of {words} {context[name]:g}.", ""
    if kind in ("string_too_long", "string_too_short"):
        return _length(context)
    if kind in ("too_short", "too_long"):
        most = context.get("max_length")
        summary = f"Too many entries: at most {most} are allowed." if most else "Expected at least one entry."
        return "count", summary, "Remove some." if most else "Add one, or remove the field."
    return "wrong-value", "Invalid value.", "See the file format (docs/format.md)."


def sentence(error: object) -> str:
    """The message of an error, which begins in lower case and has no full stop, as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _choice(expected: str, value: object) -> tuple[str, str, str]:
    words = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    meant = nearest(value, words) if isinstance(value, str) else None
    hint = f'Did you mean "{meant}"?' if meant else ""
    return "wrong-value", f"Expected one of: {', '.join(words)}.", hint


def _length(context: dict[str, Any]) -> tuple[str, str, str]:
    if "max_length" in context:
        return "too-long", f"Text too long: at most {context['max_length']:,} characters are allowed.", "Shorten it."
    return "empty", "The text is empty.", "Write the text, or remove the field."


def _value_at(data: object, path: Path) -> object:
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
