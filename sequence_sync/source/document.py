"""Text to document. The only user of ruamel.yaml: two readers that give the same data.

The judge is ruamel.yaml's own parser (YAML 1.2): it decides what is well-formed, and it knows the place of every key
and value. The quick reader sits on the C parser, keeps no places, and hands over (None) wherever the two could differ
or there is something to tell. Every scalar is the text that stands there: nothing is resolved to a number, a date or
a null. Knows nothing of sequences and settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from sequence_sync.source.breaks import explain
from sequence_sync.source.places import BROKEN, Data, Finding, Lines, Place, Spot
from sequence_sync.source.tree import CUT, DEEPEST, NOT_IN_VALUE, Document, Marks, Stop, TreeBuilder

# What YAML allows in a file: the rest is refused with its place before any parser runs.
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What the two parsers read alike: no tab, no line break but a line feed, no byte order mark.
_NOT_QUICK = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# A block that begins with a line of spaces: the judge is stricter there.
_BLANKS_FIRST = re.compile(r"[|>][0-9+-]* *(?:#[^\n]*)?\n(?: *\n)* +\n")
_QUICK_ASCII = bytes([10, *range(0x20, 0x7F)])
_NEEDLESS_TAGS = {
    ScalarEvent: ("!", "tag:yaml.org,2002:str"),
    SequenceStartEvent: ("!", "tag:yaml.org,2002:seq"),
    MappingStartEvent: ("!", "tag:yaml.org,2002:map"),
}


def _c_parser() -> Callable[[str], Any] | None:
    """ruamel.yaml's C parser, where the extension is installed."""
    try:
        from ruamel.yaml.clib._ruamel_yaml import CParser  # type: ignore[import-not-found]
    except ImportError:
        return None
    return cast(Callable[[str], Any], CParser)


QUICK_PARSER = _c_parser()


def read_quick(text: str) -> Data | None:
    """The data of a document that is plain and without fault, or None: then the judge must read it.

    `text` has LF line ends and no byte order mark.
    """
    if QUICK_PARSER is None or not _is_plain(text):
        return None
    try:
        return _build_quick(QUICK_PARSER(text).get_event, _lines_with_cuts(text))
    except (YAMLError, _HandOver):
        return None


class _HandOver(Exception):
    """The quick reader met something that only the judge may read."""


def _is_plain(text: str) -> bool:
    if text.startswith(("%", "...")) or "\n%" in text or "\n..." in text:
        return False
    if " \n" in text and _BLANKS_FIRST.search(text):
        return False
    if text.isascii():
        return not text.encode("ascii").translate(None, _QUICK_ASCII)
    return _NOT_QUICK.search(text) is None


def _lines_with_cuts(text: str) -> frozenset[int]:
    """The numbers (from 0) of lines in which a hash might cut an unquoted text."""
    if " #" not in text:
        return frozenset()
    lines = Lines(text)
    return frozenset(lines.place(found.start()).line - 1 for found in CUT.finditer(text))


def _build_quick(next_event: Callable[[], Any], cuts: frozenset[int]) -> Data:
    """Plain data from the C parser's events. One loop, because a call for each event would cost more than its work."""
    stack: list[tuple[Any, Any]] = []
    current: Any = None
    key: Any = None
    root: Any = None
    while True:
        event = next_event()
        kind = event.__class__
        if kind is ScalarEvent:
            value = event.value
            if event.style == "":
                if not value or (cuts and event.end_mark.line in cuts):
                    raise _HandOver
            elif event.style == '"' and not value.isprintable() and NOT_IN_VALUE.search(value):
                raise _HandOver
            if event.anchor is not None or event.tag is not None:
                raise _HandOver
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            a_key = key is None and current.__class__ is dict
            if a_key or event.anchor is not None or event.tag is not None or len(stack) >= DEEPEST:
                raise _HandOver
            stack.append((current, key))
            current, key = ({} if kind is MappingStartEvent else []), None
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value = current
            current, key = stack.pop()
        elif kind is StreamEndEvent and root is not None:
            return cast(Data, root)
        elif kind is AliasEvent or kind is StreamEndEvent or (kind is DocumentStartEvent and root is not None):
            raise _HandOver
        else:
            continue
        if current is None:
            root = value
        elif current.__class__ is list:
            current.append(value)
        elif key is None:
            if value in current or value == "<<":
                raise _HandOver
            key = value
        else:
            current[key] = value
            key = None


def judge(text: str) -> Document:
    """The document, read by the judge, with all places and everything that is to be told about its YAML.

    `text` has LF line ends and no byte order mark. Raises nothing.
    """
    lines = Lines(text)
    wrong = _NOT_YAML.search(text)
    if wrong:
        summary = f"A code that is no character of a text stands here (U+{ord(wrong.group()):04X})."
        hint = "Delete it, or save the file as UTF-8 text again."
        return _unreadable([Finding(lines.place(wrong.start()), "character", summary, hint)])
    builder = TreeBuilder(text, lines)
    try:
        _feed(builder, YAML(typ="safe", pure=True).parse(text))
    except Stop as stop:
        return _unreadable([*_before(builder, stop.finding), stop.finding])
    except MarkedYAMLError as error:
        broken = _explained(lines, error)
        return _unreadable([*_before(builder, broken), broken])
    except (YAMLError, ValueError):
        return _unreadable(
            [Finding(Place(1, 1), "yaml", "YAML cannot read this file.", "Save it as UTF-8 text again.")]
        )
    return builder.document()


def _before(builder: TreeBuilder, broken: Finding) -> list[Finding]:
    """What was told of the lines above a break; what was told of its own line is the same mistake."""
    return [finding for finding in builder.findings if finding.place.line < broken.place.line]


def _unreadable(findings: list[Finding]) -> Document:
    return Document(BROKEN, Spot(Place(1, 1)), findings)


def _explained(lines: Lines, error: MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark.index if error.context_mark else None
    return explain(lines, error.problem or "", mark.index if mark else 0, error.context or "", begun)


def _feed(builder: TreeBuilder, events: Iterable[Any]) -> None:
    """Gives the parser's events to the builder, up to a second document."""
    for event in events:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, ScalarEvent):
            builder.scalar(event.value, event.style in (None, ""), _marks(event, start, end))
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            builder.open(isinstance(event, MappingStartEvent), bool(event.flow_style), _marks(event, start, end))
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            builder.close()
        elif isinstance(event, AliasEvent):
            builder.alias(event.anchor, start, end)
        elif isinstance(event, DocumentStartEvent) and not builder.begin(start, end, bool(event.version or event.tags)):
            return


def _marks(event: Any, start: int, end: int) -> Marks:
    tag = None if event.tag in _NEEDLESS_TAGS[event.__class__] else event.tag
    return Marks(start, end, tag, event.anchor)
