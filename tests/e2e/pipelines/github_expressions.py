"""The expressions of GitHub workflows, as far as ours use them: an unknown word is an error, never an empty text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<op>==|!=|&&|\|\||!|\(|\)|,)|(?P<name>[A-Za-z_][\w-]*(?:\.(?:[\w-]+|\*))*))"
)
_OPERATORS = {"&&": " and ", "||": " or ", "!": " not ", "==": "==", "!=": "!=", "(": "(", ")": ")", ",": ","}
_LITERALS = {"true": "True", "false": "False", "null": "''"}


def evaluate(expression: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of one expression, without its `${{ }}`."""
    python, position = "", 0
    while position < len(expression.rstrip()):
        found = _TOKEN.match(expression, position)
        assert found, f"not an expression we know: {expression!r} at {position}"
        position = found.end()
        if found["text"]:
            python += repr(found["text"][1:-1].replace("''", "'"))
        elif found["op"]:
            python += _OPERATORS[found["op"]]
        elif found["name"] in _LITERALS:
            python += _LITERALS[found["name"]]
        elif expression[position:].lstrip().startswith("("):
            python += f"functions[{found['name']!r}]"
        else:
            python += f"look({found['name']!r})"
    known = {**_FUNCTIONS, **functions}
    return eval(python, {"__builtins__": {}}, {"look": lambda name: _look(name, contexts), "functions": known})


def fill(text: Any, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """`text` with every `${{ }}` replaced; one that is the whole text keeps its type."""
    if not isinstance(text, str):
        return text
    whole = re.fullmatch(r"\$\{\{((?:(?!\}\}).)*)\}\}", text.strip(), re.S)
    if whole:
        return evaluate(whole[1], contexts, functions)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: shown(evaluate(found[1], contexts, functions)), text, flags=re.S)


def shown(value: Any) -> str:
    """A value as the runner writes it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def calls_status(condition: str) -> bool:
    """Whether a condition names the result of earlier steps. If not, GitHub puts `success()` before it."""
    return re.search(r"\b(always|success|failure|cancelled)\(\)", condition) is not None


def _look(name: str, contexts: Mapping[str, Any]) -> Any:
    first, *rest = name.split(".")
    value: Any = contexts[first]
    for number, part in enumerate(rest):
        if part == "*":
            return [_look(".".join(["row", *rest[number + 1 :]]), {"row": row}) for row in value]
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return "" if value is None else value


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"contains": lambda where, what: what in where, "fromJSON": json.loads}
