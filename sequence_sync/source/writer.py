"""Write values as YAML, and edit a YAML text in place. Pure.

An edit keeps everything else byte for byte, with comments and order. Each function takes a text with LF line ends and
returns the changed text. A `Way` is the keys that lead to a value. The caller must read the result again, because
editing text does not prove that YAML reads it as intended. Must not know Saleshandy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from sequence_sync.source.content import is_flat_text, without_ends
from sequence_sync.source.yaml import parse

LONG_LINE = 100  # characters of a text on one line; a longer text is written as a block
LONG_BODY = 1_200  # characters of an email; a longer one is written to its own file
DAY_UNKNOWN = "# Saleshandy did not return the day. Write it here: 1 to 999."

# The order of a step's keys (docs/format.md).
ORDER = (
    "day",
    "type",
    "subject",
    "title",
    "action",
    "preheader",
    "content",
    "markdown",
    "content_file",
    "connection_note",
    "message",
    "attachments",
    "variants",
    "priority",
    "assignee",
    "task_note",
)

Value: TypeAlias = "str | int | Sequence[str] | Mapping[str, Value] | None"

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_RAW = re.compile("[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# Texts that YAML parsers of editors read as another type.
_LOOKS_LIKE_OTHER_TYPE = re.compile(
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
    """A text from Saleshandy as a file can contain it: LF line ends, none at its end, no control characters."""
    text = _CONTROL.sub("", without_ends(text)).replace("\x0b", " ").replace("\x0c", " ")
    return text.rstrip("\n")


def plain(text: str) -> str:
    """Escape `${` in `text`, which a file would read as a variable."""
    return text.replace("${", "$${")


def tidy_html(html: str) -> str:
    """Put each paragraph of one-line HTML on its own line, so that it can be edited.

    Adds line breaks only where HTML does not show spaces. HTML in which they could be visible stays as it is.
    """
    if "\n" in html or len(html) <= LONG_LINE or _VERBATIM.search(html):
        return html
    return _BREAKS_AFTER.sub(r"\1\n", html)


def wants_file(html: str) -> bool:
    """Whether an email belongs in its own file: if it is long, or has line breaks but no tags.

    A sequence file may not contain the latter (`is_flat_text`).
    """
    return len(html) > LONG_BODY or is_flat_text(html)


def scalar(text: str, indent: int = 0) -> str:
    """`text` as the value of a key in a block mapping, with the space after the colon. `indent`: the key's column."""
    for form in _forms(text):
        if _reads_back(form, text):
            pad = " " * indent
            head, *lines = form.split("\n")
            return "\n".join([f" {head}", *(f"{pad}{line}" if line else "" for line in lines)])
    return f" {double_quoted(text)}"


def _forms(text: str) -> list[str]:
    """The ways to write `text`, the best first. Lines after the first are indented by two."""
    block = f"|\n{_indented(text)}"
    double, single = double_quoted(text), "'" + text.replace("'", "''") + "'"
    if not text or _RAW.search(text.replace("\n", "").replace("\t", "")):
        return [double]
    if "\n" in text:
        return [block, block.replace("|", "|2", 1), double]
    quoted = [single, double] if '"' in text or "\\" in text else [double]
    if _LOOKS_LIKE_OTHER_TYPE.fullmatch(text):
        return quoted
    if len(text) > LONG_LINE:
        return [text, block, *quoted] if not text.startswith("<") else [block, text, *quoted]
    return [text, *quoted]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))


def _reads_back(form: str, text: str) -> bool:
    """Whether the parser reads `form` as `text`, without problems and without an effect on the keys around it."""
    document = parse(f"before: x\nkey: {form}\nafter: x\n")
    if document.problems or not isinstance(document.data, dict) or set(document.data) != {"before", "key", "after"}:
        return False
    value = document.data["key"]
    return isinstance(value, str) and without_ends(value) == text


def double_quoted(text: str) -> str:
    """`text` in double quotes, on one line. This form is valid everywhere."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not _RAW.match(character):
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def entry(key: str, value: Value, indent: int) -> str:
    """`key: value` as lines of a block mapping at column `indent`, with a line break at the end.

    None means that the day is not known: a comment asks for it.
    """
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
    """A list in brackets, for a block mapping."""
    return f"[{', '.join(each if _PLAIN_IN_LIST.fullmatch(each) else double_quoted(each) for each in values)}]"


def in_brackets(value: Value) -> str:
    """A value for a mapping in braces."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return double_quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{double_quoted(key)}: {in_brackets(inner)}" for key, inner in value.items()) + "}"
    return "[" + ", ".join(double_quoted(each) for each in value or ()) + "]"


def ordered(fields: Mapping[str, Value]) -> dict[str, Value]:
    """The fields of a step in their usual order (`ORDER`)."""
    index = {name: at for at, name in enumerate(ORDER)}
    return dict(sorted(fields.items(), key=lambda item: index.get(item[0], len(index))))


@dataclass(frozen=True, slots=True)
class Draft:
    """A new sequence file: its steps by key, each with its fields.

    `schema` is the path from the file to the JSON Schema; empty if there is none. `remote_id` is written only if it
    is set: no state and no settings have it.
    """

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


@dataclass(slots=True)
class Node:
    """A value from `start` to `end` (indexes into the text), without comments and blanks after it.

    `flow`: it is written in brackets. `block`: it is a text block, after `|` or `>`. `entries` are the keys and values
    of a mapping, `items` those of a list.
    """

    start: int
    end: int
    flow: bool = False
    block: bool = False
    value: str | None = None
    is_mapping: bool = False
    entries: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def entry(self, key: str) -> tuple[Node, Node] | None:
        """The nodes of a key and its value; None if there is no such key."""
        return next((pair for pair in self.entries if pair[0].value == key), None)


def tree(text: str) -> Node:
    """Parse `text`, which must have LF line ends. Raises ValueError for invalid YAML."""
    events = iter(YAML(typ="safe", pure=True).parse(text))
    try:
        for event in events:
            if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent | AliasEvent):
                return _node(text, event, events)
    except YAMLError:
        raise ValueError("the file is not valid YAML") from None
    raise ValueError("the file is empty")


def _node(text: str, event: Any, events: Iterator[Any]) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, ScalarEvent):
        block = event.style in ("|", ">")
        return Node(start, _end_of_text(text, start, end), block=block, value=event.value)
    if isinstance(event, AliasEvent):
        return Node(start, end)
    node = Node(start, end, bool(event.flow_style), is_mapping=isinstance(event, MappingStartEvent))
    for inner in events:
        if isinstance(inner, MappingEndEvent | SequenceEndEvent):
            # A block ends with its last value. The end that the parser reports is after the comments that follow.
            last = node.items[-1] if node.items else node.entries[-1][1] if node.entries else None
            node.end = inner.end_mark.index if node.flow or last is None else last.end
            return node
        first = _node(text, inner, events)
        if node.is_mapping:
            node.entries.append((first, _node(text, next(events), events)))
        else:
            node.items.append(first)
    raise ValueError("the file ends too early")


def _end_of_text(text: str, start: int, end: int) -> int:
    """The end without the blanks and, after a block, the empty lines that the parser includes."""
    return start + len(text[start:end].rstrip(" \t\n"))  # a no-break space belongs to the text


Way = tuple[str, ...]

_TOP = ("sequence", "title", "id", "defaults", "steps", "formerly", "moved", "removed")
_SHORT_FORM = ("subject", "preheader", "content", "markdown", "content_file", "attachments")


class EditError(Exception):
    """The file is written in a way that cannot be edited in place. The message is the reason."""


def put(text: str, way: Way, value: Value, instead_of: Collection[str] = ()) -> str:
    """Set the value at `way`.

    Replaces the current value, or that of one of the keys `instead_of` beside it. If there is none, adds the key in
    its usual position.
    """
    *above, key = way
    parent = _mapping(text, tuple(above))
    found = next((pair for name in (key, *instead_of) if (pair := parent.entry(name))), None)
    if found is None:
        return _inserted(text, parent, key, value, _index_for(parent, key))
    return _replaced(text, parent, found, key, value)


def drop(text: str, way: Way) -> str:
    """Delete the key at `way`, if it exists."""
    *above, key = way
    parent = _mapping(text, tuple(above))
    found = parent.entry(key)
    if found is None:
        return text
    if len(parent.entries) == 1:
        raise EditError(f"`{key}` is the only key there")
    if not parent.flow:
        begin = _line_start(text, found[0].start)
        _refuse_unless_blank(text[begin : found[0].start])
        return text[:begin] + text[_line_end(text, found[1].end) + 1 :]
    at = parent.entries.index(found)
    if at + 1 < len(parent.entries):
        return text[: found[0].start] + text[parent.entries[at + 1][0].start :]
    return text[: parent.entries[at - 1][1].end] + text[found[1].end :]


def add_step(text: str, key: str, fields: dict[str, Value], after: str | None) -> str:
    """Add a step after the step `after`; None adds it at the end."""
    parent = _mapping(text, ("steps",))
    found = parent.entry(after) if after else None
    index = parent.entries.index(found) + 1 if found else len(parent.entries)
    if parent.flow and not parent.entries and parent.start + 2 == parent.end:
        pair = next(pair for pair in tree(text).entries if pair[0].value == "steps")
        return text[: pair[0].end] + ":\n" + entry(key, ordered(fields), 2).rstrip("\n") + text[parent.end :]
    spaced = not parent.flow and _has_empty_lines(text, parent)
    return _inserted(text, parent, key, ordered(fields), index, spaced)


def as_variants(text: str, step: str) -> str:
    """Move the content of a step into variant `a`. Nothing else changes."""
    node = _mapping(text, ("steps", step))
    if node.entry("variants"):
        return text
    if node.flow:
        return _as_variants_in_brackets(text, node)
    pad = " " * _column(text, node.entries[0][0].start)
    begin = _line_start(text, node.entries[0][0].start)
    _refuse_unless_blank(text[begin : node.entries[0][0].start])
    stays: list[str] = []
    moves: list[str] = []
    at = begin
    for name, value in node.entries:
        end = min(_line_end(text, value.end) + 1, len(text))
        chunk = text[at:end] if text[at:end].endswith("\n") else text[at:end] + "\n"
        (moves if name.value in _SHORT_FORM else stays).append(chunk)
        at = end
    indented = "".join(f"    {line}" if line.strip() else line for line in "".join(moves).splitlines(keepends=True))
    return f"{text[:begin]}{''.join(stays)}{pad}variants:\n{pad}  a:\n{indented}{text[at:]}"


def _as_variants_in_brackets(text: str, node: Node) -> str:
    slices = [(name.value, text[name.start : value.end]) for name, value in node.entries]
    between = [text[one[1].end : other[0].start] for one, other in zip(node.entries, node.entries[1:], strict=False)]
    if any("#" in gap for gap in between):
        raise EditError("there is a comment inside its brackets")
    stays = [source for name, source in slices if name not in _SHORT_FORM]
    moves = [source for name, source in slices if name in _SHORT_FORM]
    inner = f'"variants": {{"a": {{{", ".join(moves)}}}}}'
    return f"{text[: node.start]}{{{', '.join([*stays, inner])}}}{text[node.end :]}"


def _mapping(text: str, way: Way) -> Node:
    try:
        node = tree(text)
    except ValueError as error:
        raise EditError(str(error)) from None
    for key in way:
        pair = node.entry(key)
        if pair is None:
            raise EditError(f"`{key}` is missing, or comes from a YAML alias")
        node = pair[1]
    if not node.is_mapping:
        raise EditError(f"`{way[-1]}` is a YAML alias" if way else "the file is not a mapping")
    return node


def _index_for(parent: Node, key: str) -> int:
    """The index for a new key: after the last key that usually comes before it."""
    order = ORDER if key in ORDER else _TOP if key in _TOP else ()
    if key not in order:
        return len(parent.entries)
    before = order[: order.index(key)]
    return max((at + 1 for at, (name, _) in enumerate(parent.entries) if name.value in before), default=0)


def _replaced(text: str, parent: Node, pair: tuple[Node, Node], key: str, value: Value) -> str:
    name, old = pair
    key_source = text[name.start : name.end]
    if name.value != key:
        key_source = double_quoted(key) if key_source[0] in "\"'" else key
    if parent.flow:
        between = text[name.end : old.start]
        return f"{text[: name.start]}{key_source}{between}{in_brackets(value)}{text[old.end :]}"
    new = entry(key, value, _column(text, name.start)).strip("\n").removeprefix(" " * _column(text, name.start))
    head, _, body = new.removeprefix(f"{key}:").partition("\n")
    colon = text.index(":", name.end)
    gap = text[colon + 1 : old.start]
    if "\n" not in gap and not old.block and body == "" and gap:
        head = gap + head.lstrip(" ")
    first_line_end = _line_end(text, old.start) if old.block else _line_end(text, old.end)
    comment = _comment(text[old.start : first_line_end]) if old.block else text[old.end : first_line_end]
    rest = text[old.end :] if old.block else text[first_line_end:]
    lines = f"\n{body}" if body else ""
    return f"{text[: name.start]}{key_source}:{head}{comment}{lines}{rest}"


def _comment(header: str) -> str:
    """The comment after the `|` of a block, with the blanks before it."""
    at = header.find(" #")
    if at < 0:
        return ""
    return header[len(header[:at].rstrip()) :].rstrip()


def _inserted(text: str, parent: Node, key: str, value: Value, index: int, spaced: bool = False) -> str:
    if parent.flow:
        return _inserted_in_brackets(text, parent, key, value, index)
    column = _column(text, parent.entries[0][0].start)
    new = entry(key, value, column)
    if index == 0:
        begin = _line_start(text, parent.entries[0][0].start)
        _refuse_unless_blank(text[begin : parent.entries[0][0].start])
        return f"{text[:begin]}{new}" + ("\n" if spaced else "") + text[begin:]
    end = _below_comments(text, _line_end(text, parent.entries[index - 1][1].end), column)
    return text[:end] + ("\n\n" if spaced else "\n") + new.rstrip("\n") + text[end:]


def _inserted_in_brackets(text: str, parent: Node, key: str, value: Value, index: int) -> str:
    if not parent.entries:
        raise EditError("its brackets are empty")
    first = parent.entries[0][0]
    key_source = double_quoted(key) if text[first.start] in "\"'" else key
    new = f"{key_source}: {in_brackets(value)}"
    lined = "\n" in text[parent.start : first.start]
    comma = ",\n" + " " * _column(text, first.start) if lined else ", "
    if index == 0:
        return f"{text[: first.start]}{new}{comma}{text[first.start :]}"
    end = parent.entries[index - 1][1].end
    return f"{text[:end]}{comma}{new}{text[end:]}"


def _below_comments(text: str, end: int, column: int) -> int:
    """The end of the last comment after `end` that belongs to the entry above it: one that is indented further."""
    at = end
    while at < len(text):
        line_end = _line_end(text, at + 1)
        line = text[at + 1 : line_end]
        if line.strip() and not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) > column):
            break
        at = line_end
        if line.strip():
            end = at
    return end


def _has_empty_lines(text: str, parent: Node) -> bool:
    """Whether there are empty lines between all entries. True for a single entry."""
    pairs = zip(parent.entries, parent.entries[1:], strict=False)
    return all("\n\n" in text[one[1].end : other[0].start] for one, other in pairs)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _column(text: str, at: int) -> int:
    return at - _line_start(text, at)


def _refuse_unless_blank(lead: str) -> None:
    if lead.strip():
        raise EditError("it shares a line with something else")
