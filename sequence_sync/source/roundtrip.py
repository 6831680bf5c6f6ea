"""Where each key and value of a YAML document stands, from its first character to its last. For changing a file in
place: beside `document` the only user of ruamel.yaml.

The library's own way of writing a document back would set the whole of it anew: spaces, quotes, line ends. So it is
asked for places only, and `editing` cuts and pastes text. Knows nothing of sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(slots=True)
class Node:
    """A value, from `start` up to `end` (indexes into the text, comments and blanks after it left out).

    `flow`: it is written in brackets. `block`: it is a text in a block, after `|` or `>`. Of a mapping `entries` are
    its keys with their values, of a list `items`.
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
        """The key and value of that name."""
        return next((pair for pair in self.entries if pair[0].value == key), None)


def tree(text: str) -> Node:
    """The document in `text` (LF line ends). Raises ValueError where YAML cannot read it."""
    events = iter(YAML(typ="safe", pure=True).parse(text))
    try:
        for event in events:
            if isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent | AliasEvent):
                return _node(text, event, events)
    except YAMLError:
        raise ValueError("YAML cannot read it") from None
    raise ValueError("it is empty")


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
            # A block ends where its last value does; the parser looks further, over comments.
            last = node.items[-1] if node.items else node.entries[-1][1] if node.entries else None
            node.end = inner.end_mark.index if node.flow or last is None else last.end
            return node
        first = _node(text, inner, events)
        if node.is_mapping:
            node.entries.append((first, _node(text, next(events), events)))
        else:
            node.items.append(first)
    raise ValueError("it ends too early")


def _end_of_text(text: str, start: int, end: int) -> int:
    """Without the blanks, and after a block the empty lines, that the parser counts in."""
    return start + len(text[start:end].rstrip())
