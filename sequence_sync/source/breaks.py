"""Why YAML cannot read a file, in words that help somebody who does not know YAML. Pure.

Most breaks in outreach copy have one cause: a text that should be in quotes. So the line is looked at first and the
parser's own reason second. Knows nothing of a YAML library: it gets the reason as text and the place as an index.
"""

from __future__ import annotations

import re

from sequence_sync.source.places import Finding, Lines, Place

QUOTE_IT = "Put the text in double quotes, or in a block (a | at the end of the line, the text indented below it)."

_ENTRY = re.compile(
    r"(?P<lead>\s*(?:-\s+)*)(?P<key>(?:\"[^\"]*\"|'[^']*'|[^\s\"'#:{\[][^:#]*?)\s*:\s+)?(?P<value>\S.*?)\s*$"
)
_AFTER_BRACKET = re.compile(r"\[[^\]]*\]\s*[^\s#,\]}]|\{[^}]*\}+\s*[^\s#,\]}]")
_AFTER_QUOTE = re.compile(r"\"(?:[^\"\\]|\\.)*\"\s*[^\s#,\]}:]|'(?:[^']|'')*'\s*[^\s#,\]}:]")
_BLOCK_HEAD = re.compile(r"[|>][+-]?[1-9]?[+-]?(?:\s+#.*)?$")


def explain(lines: Lines, problem: str, at: int, context: str, context_at: int | None) -> Finding:
    """The break at index `at`, for which a parser gave `problem` (and `context`, where it began)."""
    place = lines.place(at)
    begun = lines.place(context_at) if context_at is not None else place
    tab = _tab(lines.text(place.line), place)
    if tab:
        return tab
    if "follow up line" in context:
        hint = "Delete the spaces in the empty line above it."
        return Finding(place, "indentation", "This block begins with a line that holds nothing but spaces.", hint)
    for line in dict.fromkeys((place.line, begun.line, place.line - 1)):
        found = _unquoted(lines.text(line), line)
        if found:
            return found
    return _unclosed(problem, context, begun) or _indented(lines, problem, place) or _by_reason(lines, problem, place)


def _tab(line: str, place: Place) -> Finding | None:
    lead = line[: len(line) - len(line.lstrip())]
    column = lead.find("\t") + 1 or (place.column if line[place.column - 1 : place.column] == "\t" else 0)
    if not column:
        return None
    return Finding(Place(place.line, column), "tab", "A tab stands where YAML wants spaces.", "Replace it by spaces.")


def _unquoted(line: str, number: int) -> Finding | None:
    """The text on this line that YAML takes for something else, if there is one."""
    entry = _ENTRY.match(line)
    if entry is None or (not entry["key"] and "-" not in entry["lead"]):
        return None
    value = entry["value"]
    place = Place(number, entry.start("value") + 1, len(value))
    if value[0] in "\"'":
        if not _AFTER_QUOTE.match(value):
            return None
        other = "single quotes" if value[0] == '"' else "double quotes"
        hint = f"Put the whole text in {other}, or in a block (a | at the end of the line, the text indented below it)."
        return Finding(place, "quote-it", "There is more text after the closing quote.", hint)
    reason = _reason(value)
    return Finding(place, "quote-it", reason, QUOTE_IT) if reason else None


def _reason(value: str) -> str:
    """Why an unquoted text does not stay a text; empty where it does."""
    first = value[0]
    if value.startswith("{{"):
        return "A text that begins with a merge tag must be in quotes."
    if first in "[{":
        return f"A text that begins with {first} must be in quotes." if _AFTER_BRACKET.match(value) else ""
    if first in "@`%*&!":
        return f"A text that begins with {first} must be in quotes."
    if value[:2] in ("- ", "? ", ": "):
        return f"A text that begins with {first} must be in quotes."
    if first in "|>":
        return "" if _BLOCK_HEAD.match(value) else f"A text that begins with {first} must be in quotes."
    if first != "#" and (": " in value or value.endswith(":")):
        return "A text that holds a colon and a space must be in quotes."
    return ""


def _unclosed(problem: str, context: str, begun: Place) -> Finding | None:
    if "quoted scalar" in context and ("end of stream" in problem or "separator" in problem):
        return Finding(begun, "unclosed", "This quote is never closed.", "Close it at the end of the text.")
    if "flow sequence" in context or "flow mapping" in context:
        hint = "Close it, put commas between the entries, and put texts in double quotes."
        return Finding(begun, "unclosed", "YAML cannot read this list or mapping to its closing bracket.", hint)
    return None


def _indented(lines: Lines, problem: str, place: Place) -> Finding | None:
    """A key that stands further to the right than a line above it that already has its value."""
    if "mapping values" not in problem:
        return None
    line, above = lines.text(place.line), place.line - 1
    while above and not lines.text(above).strip():
        above -= 1
    before = lines.text(above)
    indent = len(line) - len(line.lstrip())
    if not above or indent <= len(before) - len(before.lstrip()) or before.rstrip().endswith((":", "|", ">")):
        return None
    hint = "Keys that belong together begin in the same column."
    return Finding(Place(place.line, indent + 1), "indentation", "This line is indented too far.", hint)


def _by_reason(lines: Lines, problem: str, place: Place) -> Finding:
    if "escape" in problem:
        back = 1 if lines.text(place.line)[place.column - 2 : place.column - 1] == "\\" else 0
        place = Place(place.line, place.column - back, 1 + back)
        hint = "In double quotes write two of them, or put the text in single quotes."
        return Finding(place, "escape", "A backslash in double quotes means something else.", hint)
    if "mapping values" in problem or "expected ':'" in problem:
        hint = "Check the indentation and the line above; a text that holds a colon must be in double quotes."
        return Finding(place, "yaml", "YAML cannot read this line as a key and a value.", hint)
    if "block" in problem or "document start" in problem:
        hint = "Keys that belong together begin in the same column."
        return Finding(place, "indentation", "This line is indented otherwise than the lines it belongs to.", hint)
    hint = "Check the indentation, the quotes and the colons of this line and of the one above it."
    return Finding(place, "yaml", "YAML cannot read the file from here.", hint)
