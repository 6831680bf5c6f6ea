"""Escaping of text that users wrote, for terminals and logs. Pure; must not know plans.

Copy, titles and names come from files and from Saleshandy. On a terminal they must not move the cursor, change colors
or turn the reading direction. Invisible characters are shown as their codes, so that a reviewer sees them.
"""

from __future__ import annotations

import re
from html import unescape

# Control characters but tab and line feed, line separators, text direction, zero-width and tag characters, halves of
# surrogate pairs. The joiners U+200C and U+200D stay: scripts and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_HIDDEN_MARKUP = re.compile(r"<!--.*?-->|<(style|script)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*|!)[^<>]*>")
# Tags that do not break a word in two: <b>quick</b>ly is one word.
_INLINE = ("a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u")
_SEPARATOR = {prefix + name: "" for name in _INLINE for prefix in ("", "/")}


def _code(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def visible(text: str) -> str:
    """Return `text` with control characters and invisible characters as their codes; line breaks stay."""
    return _UNSAFE.sub(_code, text) if _UNSAFE.search(text) else text


# Pipeline runners obey these commands in a log: `::name::` at the start of a line, `##[name]` and `##vso[name]`
# anywhere.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|##(?=\w*\[)", re.MULTILINE)


def log_lines(text: str) -> str:
    """Return `text` for output that may be a pipeline's log: the runner finds no command in it."""
    if "::" not in text and "##" not in text:
        return text
    return _COMMAND.sub(lambda found: "#\\x23" if found[1] is None else f"{found[1]}\\x3a", text)


def one_line(text: str, width: int = 0) -> str:
    """Return `visible(text)` on one line, cut to `width` characters with "…" at the end; 0 does not cut."""
    line = " ".join(visible(text).split())
    return line if not width or len(line) <= width else f"{line[: width - 1].rstrip()}…"


def words_of_html(markup: str) -> list[str]:
    """Return the words that a reader of `markup` sees; entities such as `&amp;` are not decoded."""
    parts = _TAG.split(_HIDDEN_MARKUP.sub(" ", markup))  # text, tag, text, tag, text
    parts[1::2] = [_SEPARATOR.get(name.lower(), " ") for name in parts[1::2]]
    return "".join(parts).split()


def first_words(text: str, count: int, markup: bool) -> tuple[str, int]:
    """Return the first `count` words, and the number of all words. `markup`: the text is HTML. Not yet safe to show."""
    words = words_of_html(text) if markup else text.split()
    start = " ".join(words[:count])
    return unescape(start) if markup else start, len(words)
