"""What a model refuses, in words for people. Pure: pydantic's errors in, mistakes by their way in the document out.

Knows the kinds of error, not the fields. Values are never quoted: one of them might be a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from sequence_sync.diagnostics import did_you_mean, nearest
from sequence_sync.source.places import Mistake, Path

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


def unknown_key(path: Path, key: str, known: Iterable[str]) -> Mistake:
    """A key that nothing reads."""
    return Mistake((*path, key), "unknown-key", f'Unknown key "{key}".', known_hint(key, known), at_key=True)


def mistakes_of(
    error: ValidationError, data: object, known_keys: Callable[[Path], Iterable[str]] = lambda path: ()
) -> list[Mistake]:
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
            told.append(Mistake(path, rule, summary, hint, at_key))
    return told


def missing(path: Path, key: str) -> Mistake:
    """A key that must be there: told at the key of the mapping that lacks it."""
    return Mistake(path, "missing-key", f'The key "{key}" is missing here.', f"Write `{key}:` with its value.", True)


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
