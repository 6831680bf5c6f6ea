"""From texts to YAML that reads as if a person had written it, and means exactly these texts. Pure.

A text stands plain where it can, in a block where it has several lines or is long, in quotes where YAML would take it
for something else. Whether it reads back as it was is not hoped but tried. Knows the fields of a sequence file; knows
nothing of the app.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sequence_sync.source.content import is_flat_text, without_ends
from sequence_sync.source.document import judge

LONG_LINE = 100  # characters of a text on one line; a longer one stands in a block
LONG_BODY = 1_200  # characters of an email; a longer one goes into a file of its own
DAY_UNKNOWN = "# Saleshandy does not tell the day: write it here, 1 to 999"

# The order of a step's keys (docs/format.md).
ORDER = (
    "day", "type", "subject", "title", "action", "preheader", "content", "markdown", "content_file", "connection_note",
    "message", "attachments", "variants", "priority", "assignee", "task_note",
)  # fmt: skip

Value: TypeAlias = "str | int | Sequence[str] | Mapping[str, Value] | None"

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_RAW = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# What YAML's readers in editors take for something else than a text.
_LOOKS_OTHERWISE = re.compile(
    r"(?i)(?:true|false|yes|no|on|off|y|n|null|~|[-+]?\.(?:inf|nan)|[-+]?[0-9][0-9_,]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?"
    r"|[-+]?\.[0-9][0-9_]*|0[xob][0-9a-f_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?)"
)
_PLAIN_IN_LIST = re.compile(r"[A-Za-z][A-Za-z0-9_. -]*[A-Za-z0-9]|[A-Za-z]|id:[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_BREAKS_AFTER = re.compile(
    r"(?i)(</(?:p|div|h[1-6]|ul|ol|li|table|tbody|tr|blockquote)>|<br ?/?>(?!</)"
    r"|<(?:ul|ol|table|tbody|tr)(?: [^<>]*)?>)(?=\S)"
)
_VERBATIM = re.compile(r"(?i)<(?:pre|textarea|script|style)\b|white-space")


def writable(text: str) -> str:
    """The text of the app as a file can hold it: LF line ends, none at its end, and no codes that are no characters.
    It says the same."""
    text = _CONTROL.sub("", without_ends(text)).replace("\x0b", " ").replace("\x0c", " ")
    return text.rstrip("\n")


def plain(text: str) -> str:
    """What stands in a file for `text`: `${` would be taken for a variable."""
    return text.replace("${", "$${")


def tidy_html(html: str) -> str:
    """An email's HTML with a line for each paragraph, where it came on one line. Line breaks in HTML are spaces, and
    these stand where spaces are not seen; a text in which they could be is left alone."""
    if "\n" in html or len(html) <= LONG_LINE or _VERBATIM.search(html):
        return html
    return _BREAKS_AFTER.sub(r"\1\n", html)


def wants_file(html: str) -> bool:
    """Whether an email's HTML is better off in a file of its own: a long one, and one with line breaks and no tag, as
    a YAML file may not hold that."""
    return len(html) > LONG_BODY or is_flat_text(html)


# -- texts ------------------------------------------------------------------------------------------------------------


def scalar(text: str, indent: int = 0) -> str:
    """`text` as the value of a key in a block mapping, with the space after the colon. `indent`: the key's column."""
    for made in _forms(text):
        if _reads_back(made, text):
            pad = " " * indent
            head, *lines = made.split("\n")
            return "\n".join([f" {head}", *(f"{pad}{line}" if line else "" for line in lines)])
    return f" {double_quoted(text)}"


def _forms(text: str) -> list[str]:
    """The ways to write it, the best first; lines after the first are indented by two."""
    block = f"|\n{_indented(text)}"
    double, single = double_quoted(text), "'" + text.replace("'", "''") + "'"
    if not text or _RAW.search(text.replace("\n", "").replace("\t", "")):
        return [double]
    if "\n" in text:
        return [block, block.replace("|", "|2", 1), double]
    quoted = [single, double] if '"' in text or "\\" in text else [double]
    if _LOOKS_OTHERWISE.fullmatch(text):
        return quoted
    if len(text) > LONG_LINE:
        return [text, block, *quoted] if not text.startswith("<") else [block, text, *quoted]
    return [text, *quoted]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))


def _reads_back(made: str, text: str) -> bool:
    """Whether the judge reads `text` in it, without a word of complaint, in the middle of other keys."""
    document = judge(f"before: x\nkey: {made}\nafter: x\n")
    if document.findings or not isinstance(document.data, dict) or set(document.data) != {"before", "key", "after"}:
        return False
    read = document.data["key"]
    return isinstance(read, str) and without_ends(read) == text


def double_quoted(text: str) -> str:
    """`text` in double quotes, on one line: can be read anywhere."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not _RAW.match(character):
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


# -- mappings and lists -----------------------------------------------------------------------------------------------


def entry(key: str, value: Value, indent: int) -> str:
    """`key: value` as lines of a block mapping at column `indent`, with a line break at the end. None: a day that
    nobody knows."""
    pad = " " * indent
    if value is None:
        return f"{pad}{key}:  {DAY_UNKNOWN}\n"
    if isinstance(value, int):
        return f"{pad}{key}: {value}\n"
    if isinstance(value, str):
        return f"{pad}{key}:{scalar(value, indent)}\n"
    if isinstance(value, Mapping):
        if not value:
            return f"{pad}{key}: {{}}\n"
        return f"{pad}{key}:\n" + "".join(entry(name, inner, indent + 2) for name, inner in value.items())
    return f"{pad}{key}: {listed(value)}\n"


def listed(values: Sequence[str]) -> str:
    """A list in brackets."""
    return f"[{', '.join(each if _PLAIN_IN_LIST.fullmatch(each) else double_quoted(each) for each in values)}]"


def in_brackets(value: Value) -> str:
    """A value inside of `{...}`."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return double_quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{double_quoted(key)}: {in_brackets(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(double_quoted(each) for each in value or ()) + "]"


def ordered(fields: Mapping[str, Value]) -> dict[str, Value]:
    """A step's fields in the order in which a person writes them."""
    place = {name: at for at, name in enumerate(ORDER)}
    return dict(sorted(fields.items(), key=lambda item: place.get(item[0], len(place))))


# -- a whole file -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draft:
    """A sequence file that is to be: its steps by key, each with its fields. `schema` is the path to the JSON Schema
    as seen from the file, empty where there is none; `remote_id` stands in the file only where nothing else keeps
    it."""

    key: str
    title: str
    steps: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    remote_id: str = ""
    schema: str = ""


def file_text(draft: Draft) -> str:
    """The text of a new file."""
    head = f"# yaml-language-server: $schema={draft.schema}\n" if draft.schema else ""
    head += entry("sequence", draft.key, 0) + entry("title", plain(draft.title), 0)
    if draft.remote_id:
        head += entry("id", draft.remote_id, 0)
    if not draft.steps:
        return f"{head}steps: {{}}\n"
    steps = [entry(key, ordered(fields), 2) for key, fields in draft.steps.items()]
    return f"{head}\nsteps:\n" + "\n".join(steps)
