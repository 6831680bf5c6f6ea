"""Changes a YAML text in place: what is not touched stays byte for byte, comments and order too. Pure.

Each function takes a text (LF line ends) and gives the changed one. The way to a value is its keys. Knows where keys
go in a sequence file; knows nothing of the app. Whoever calls reads the result again: cutting text is no proof.
"""

from __future__ import annotations

from collections.abc import Collection

from sequence_sync.source.roundtrip import Node, tree
from sequence_sync.source.writing import ORDER, Value, double_quoted, entry, in_brackets, ordered

Way = tuple[str, ...]

_TOP = ("sequence", "title", "id", "defaults", "steps", "formerly", "moved", "removed")
_SHORT_FORM = ("subject", "preheader", "content", "markdown", "content_file", "attachments")


class CannotEdit(Exception):
    """The text is written in a way that cannot be changed here; the reason."""


def put(text: str, way: Way, value: Value, instead_of: Collection[str] = ()) -> str:
    """`value` at `way`: in place of what stands there, or of one of the keys `instead_of` beside it; else as a new key
    where a person would write it."""
    *above, key = way
    parent = _mapping(text, tuple(above))
    found = next((pair for name in (key, *instead_of) if (pair := parent.entry(name))), None)
    if found is None:
        return _inserted(text, parent, key, value, _place(parent, key))
    return _replaced(text, parent, found, key, value)


def drop(text: str, way: Way) -> str:
    """Without the key at `way`, if it is there."""
    *above, key = way
    parent = _mapping(text, tuple(above))
    found = parent.entry(key)
    if found is None:
        return text
    if len(parent.entries) == 1:
        raise CannotEdit(f"nothing would be left beside `{key}`")
    if not parent.flow:
        begin = _line_start(text, found[0].start)
        _refuse_unless_blank(text[begin : found[0].start])
        return text[:begin] + text[_line_end(text, found[1].end) + 1 :]
    at = parent.entries.index(found)
    if at + 1 < len(parent.entries):
        return text[: found[0].start] + text[parent.entries[at + 1][0].start :]
    return text[: parent.entries[at - 1][1].end] + text[found[1].end :]


def add_step(text: str, key: str, fields: dict[str, Value], after: str | None) -> str:
    """A new step after the step `after` (None: at the end)."""
    parent = _mapping(text, ("steps",))
    found = parent.entry(after) if after else None
    place = parent.entries.index(found) + 1 if found else len(parent.entries)
    if parent.flow and not parent.entries and parent.start + 2 == parent.end:
        pair = next(pair for pair in tree(text).entries if pair[0].value == "steps")
        return text[: pair[0].end] + ":\n" + entry(key, ordered(fields), 2).rstrip("\n") + text[parent.end :]
    spaced = not parent.flow and _has_empty_lines(text, parent)
    return _inserted(text, parent, key, ordered(fields), place, spaced)


def as_variants(text: str, step: str) -> str:
    """The step's content, which stands on the step itself, as variant `a`; nothing else changes."""
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
        raise CannotEdit("a comment stands inside of its brackets")
    stays = [said for name, said in slices if name not in _SHORT_FORM]
    moves = [said for name, said in slices if name in _SHORT_FORM]
    inner = f'"variants": {{"a": {{{", ".join(moves)}}}}}'
    return f"{text[: node.start]}{{{', '.join([*stays, inner])}}}{text[node.end :]}"


def _mapping(text: str, way: Way) -> Node:
    try:
        node = tree(text)
    except ValueError as error:
        raise CannotEdit(str(error)) from None
    for key in way:
        pair = node.entry(key)
        if pair is None:
            raise CannotEdit(f"`{key}` is not there, or stands there by way of an alias")
        node = pair[1]
    if not node.is_mapping:
        raise CannotEdit(f"`{way[-1] if way else ''}` is an alias of something else")
    return node


def _place(parent: Node, key: str) -> int:
    """After which of the keys a new one goes: behind the last of those that a person writes before it."""
    order = ORDER if key in ORDER else _TOP if key in _TOP else ()
    if key not in order:
        return len(parent.entries)
    before = order[: order.index(key)]
    return max((at + 1 for at, (name, _) in enumerate(parent.entries) if name.value in before), default=0)


def _replaced(text: str, parent: Node, pair: tuple[Node, Node], key: str, value: Value) -> str:
    name, old = pair
    said = text[name.start : name.end]
    if name.value != key:
        said = double_quoted(key) if said[0] in "\"'" else key
    if parent.flow:
        between = text[name.end : old.start]
        return f"{text[: name.start]}{said}{between}{in_brackets(value)}{text[old.end :]}"
    new = entry(key, value, _column(text, name.start)).strip("\n").removeprefix(" " * _column(text, name.start))
    head, _, body = new.removeprefix(f"{key}:").partition("\n")
    colon = text.index(":", name.end)
    gap = text[colon + 1 : old.start]
    if "\n" not in gap and not old.block and body == "" and gap:
        head = gap + head.lstrip()
    first_line_end = _line_end(text, old.start) if old.block else _line_end(text, old.end)
    comment = _comment(text[old.start : first_line_end]) if old.block else text[old.end : first_line_end]
    rest = text[old.end :] if old.block else text[first_line_end:]
    lines = f"\n{body}" if body else ""
    return f"{text[: name.start]}{said}:{head}{comment}{lines}{rest}"


def _comment(header: str) -> str:
    """The comment after a block's `|`, with the blanks before it."""
    at = header.find(" #")
    if at < 0:
        return ""
    return header[len(header[:at].rstrip()) :].rstrip()


def _inserted(text: str, parent: Node, key: str, value: Value, place: int, spaced: bool = False) -> str:
    if parent.flow:
        return _inserted_in_brackets(text, parent, key, value, place)
    column = _column(text, parent.entries[0][0].start)
    new = entry(key, value, column)
    if place == 0:
        begin = _line_start(text, parent.entries[0][0].start)
        _refuse_unless_blank(text[begin : parent.entries[0][0].start])
        return f"{text[:begin]}{new}" + ("\n" if spaced else "") + text[begin:]
    end = _below_comments(text, _line_end(text, parent.entries[place - 1][1].end), column)
    return text[:end] + ("\n\n" if spaced else "\n") + new.rstrip("\n") + text[end:]


def _inserted_in_brackets(text: str, parent: Node, key: str, value: Value, place: int) -> str:
    if not parent.entries:
        raise CannotEdit("the brackets are empty")
    first = parent.entries[0][0]
    said = double_quoted(key) if text[first.start] in "\"'" else key
    new = f"{said}: {in_brackets(value)}"
    lined = "\n" in text[parent.start : first.start]
    comma = ",\n" + " " * _column(text, first.start) if lined else ", "
    if place == 0:
        return f"{text[: first.start]}{new}{comma}{text[first.start :]}"
    end = parent.entries[place - 1][1].end
    return f"{text[:end]}{comma}{new}{text[end:]}"


def _below_comments(text: str, end: int, column: int) -> int:
    """The end of the last comment after `end` that belongs to what stands above it: it is indented further."""
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
    """Whether an empty line stands between the keys; alone, it is taken for so."""
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
        raise CannotEdit("it stands on a line with something else")
