"""Builds data and places from what a YAML parser reports, and collects what is to be told about the YAML. Pure.

`document` feeds it; it knows no YAML library. What YAML would silently drop from a text (a comment, an anchor, a tag,
a merge tag read as a mapping) is told here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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

from sequence_sync.source.problems import INVALID, Data, Invalid, LineIndex, LocatedProblem, Position, Spot

QUOTE_IT = "Put the text in double quotes, or in a block (a | at the end of the line, the text indented below it)."

_ENTRY = re.compile(
    r"(?P<lead>\s*(?:-\s+)*)(?P<key>(?:\"[^\"]*\"|'[^']*'|[^\s\"'#:{\[][^:#]*?)\s*:\s+)?(?P<value>\S.*?)\s*$"
)
_AFTER_BRACKET = re.compile(r"\[[^\]]*\]\s*[^\s#,\]}]|\{[^}]*\}+\s*[^\s#,\]}]")
_AFTER_QUOTE = re.compile(r"\"(?:[^\"\\]|\\.)*\"\s*[^\s#,\]}:]|'(?:[^']|'')*'\s*[^\s#,\]}:]")
_BLOCK_HEAD = re.compile(r"[|>][+-]?[1-9]?[+-]?(?:\s+#.*)?$")


def explain(lines: LineIndex, problem: str, at: int, context: str, context_at: int | None) -> LocatedProblem:
    """The break at index `at`, for which a parser gave `problem` (and `context`, where it began)."""
    place = lines.place(at)
    begun = lines.place(context_at) if context_at is not None else place
    tab = _tab(lines.text(place.line), place)
    if tab:
        return tab
    if "follow up line" in context:
        hint = "Delete the spaces in the empty line above it."
        return LocatedProblem(
            place, "indentation", "This block begins with a line that holds nothing but spaces.", hint
        )
    for line in dict.fromkeys((place.line, begun.line, place.line - 1)):
        found = _unquoted(lines.text(line), line)
        if found:
            return found
    return _unclosed(problem, context, begun) or _indented(lines, problem, place) or _by_reason(lines, problem, place)


def _tab(line: str, place: Position) -> LocatedProblem | None:
    lead = line[: len(line) - len(line.lstrip())]
    column = lead.find("\t") + 1 or (place.column if line[place.column - 1 : place.column] == "\t" else 0)
    if not column:
        return None
    return LocatedProblem(
        Position(place.line, column), "tab", "A tab stands where YAML wants spaces.", "Replace it by spaces."
    )


def _unquoted(line: str, number: int) -> LocatedProblem | None:
    """The text on this line that YAML takes for something else, if there is one."""
    entry = _ENTRY.match(line)
    if entry is None or (not entry["key"] and "-" not in entry["lead"]):
        return None
    value = entry["value"]
    place = Position(number, entry.start("value") + 1, len(value))
    if value[0] in "\"'":
        if not _AFTER_QUOTE.match(value):
            return None
        other = "single quotes" if value[0] == '"' else "double quotes"
        hint = f"Put the whole text in {other}, or in a block (a | at the end of the line, the text indented below it)."
        return LocatedProblem(place, "quote-it", "There is more text after the closing quote.", hint)
    reason = _reason(value)
    return LocatedProblem(place, "quote-it", reason, QUOTE_IT) if reason else None


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


def _unclosed(problem: str, context: str, begun: Position) -> LocatedProblem | None:
    if "quoted scalar" in context and ("end of stream" in problem or "separator" in problem):
        return LocatedProblem(begun, "unclosed", "This quote is never closed.", "Close it at the end of the text.")
    if "flow sequence" in context or "flow mapping" in context:
        hint = "Close it, put commas between the entries, and put texts in double quotes."
        return LocatedProblem(begun, "unclosed", "YAML cannot read this list or mapping to its closing bracket.", hint)
    return None


def _indented(lines: LineIndex, problem: str, place: Position) -> LocatedProblem | None:
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
    return LocatedProblem(Position(place.line, indent + 1), "indentation", "This line is indented too far.", hint)


def _by_reason(lines: LineIndex, problem: str, place: Position) -> LocatedProblem:
    if "escape" in problem:
        back = 1 if lines.text(place.line)[place.column - 2 : place.column - 1] == "\\" else 0
        place = Position(place.line, place.column - back, 1 + back)
        hint = "In double quotes write two of them, or put the text in single quotes."
        return LocatedProblem(place, "escape", "A backslash in double quotes means something else.", hint)
    if "mapping values" in problem or "expected ':'" in problem:
        hint = "Check the indentation and the line above; a text that holds a colon must be in double quotes."
        return LocatedProblem(place, "yaml", "YAML cannot read this line as a key and a value.", hint)
    if "block" in problem or "document start" in problem:
        hint = "Keys that belong together begin in the same column."
        return LocatedProblem(
            place, "indentation", "This line is indented otherwise than the lines it belongs to.", hint
        )
    hint = "Check the indentation, the quotes and the colons of this line and of the one above it."
    return LocatedProblem(place, "yaml", "YAML cannot read the file from here.", hint)


DEEPEST = 50  # levels of nesting; a sequence needs seven
MOST_NODES = 10_000  # after the aliases are put in (docs/format.md)

NOT_IN_VALUE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
CUT = re.compile(r"[ \t]#(?! )")


@dataclass(slots=True)
class Document:
    """What the judge read. `data` is BROKEN where YAML itself is broken or the file is empty; `findings` are all
    that is to be told about the YAML; `root` is the tree of places."""

    data: Data
    root: Spot
    findings: list[LocatedProblem] = field(default_factory=list)
    empty: bool = False


class YamlStopError(Exception):
    """The rest of the file cannot be read; nothing of it is used."""

    def __init__(self, place: Position, rule: str, summary: str, hint: str) -> None:
        super().__init__(summary)
        self.finding = LocatedProblem(place, rule, summary, hint)


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands before a node and where the node stands: indexes into the text, tag and anchor. `tag` is None
    where there is none, or one that says what the node is anyway."""

    start: int
    end: int
    tag: str | None
    anchor: str | None


@dataclass(slots=True)
class _Anchor:
    """What an anchor stands for. `nodes` counts what an alias adds; 0 while it is still being read."""

    place: Position
    value: Data = INVALID
    spot: Spot | None = None
    nodes: int = 0
    used: bool = False


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read. `key`: None where a key comes next. `mute`: told already, so that
    nothing in it is told again; `lost`: the value that comes next has no place in the data."""

    value: dict[str, Data] | list[Data]
    spot: Spot
    flow: bool
    mute: bool
    anchor: _Anchor | None = None
    key: str | None = None
    lost: bool = False
    nodes: int = 1

    @property
    def wants_key(self) -> bool:
        """Whether the next node is a key."""
        return isinstance(self.value, dict) and self.key is None and not self.lost


class TreeBuilder:
    """Takes the events of one document in their order."""

    def __init__(self, text: str, lines: LineIndex) -> None:
        self.findings: list[LocatedProblem] = []
        self.has_document = False
        self._text = text
        self._lines = lines
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._all_anchors: list[_Anchor] = []
        self._aliases = False
        self._root: tuple[Data, Spot] | None = None

    def document(self) -> Document:
        """What was read."""
        summary = "YAML takes a word that begins with & for an anchor, and drops it from the text."
        unused = [anchor.place for anchor in self._all_anchors if not anchor.used]
        self.findings += [LocatedProblem(place, "quote-it", summary, QUOTE_IT) for place in unused]
        if self._root is None:
            return Document(INVALID, Spot(Position(1, 1)), self.findings, empty=not self.findings)
        value, spot = self._root
        return Document(value, spot, self.findings, empty=value is INVALID and not self.findings)

    def begin(self, start: int, end: int, directives: bool) -> bool:
        """A document begins. False where it is the second one, which is not read."""
        if directives:
            summary = "A line that begins with % is for YAML itself and is not used here."
            self._tell(Position(1, 1), "directive", summary, "Take the line out.")
        if not self.has_document:
            self.has_document = True
            return True
        summary = "A second document begins here; a file holds one."
        hint = "Put it in a file of its own, or take the line --- out."
        self._tell(self._lines.place(start, end), "several-documents", summary, hint)
        return False

    def scalar(self, text: str, plain: bool, marks: Marks) -> None:
        """A text, or the key of what comes next."""
        place = self._lines.place(marks.start, marks.end)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.wants_key:
            self._key(frame, text, plain, marks, place)
            return
        value: str | Invalid = text
        if text == "" and plain and marks.tag is None:
            self._null(frame, place)
            value = INVALID
        elif self._tag_is_unknown(marks, place) or self._holds_unreadable(text, place):
            value = INVALID
        elif plain:
            self._check_cut(marks.end)
        spot = Spot(place)
        if marks.anchor is not None:
            self._remember(marks.anchor, _Anchor(place, value, spot, 1))
        self._add(value, spot, 1)

    def open(self, is_mapping: bool, flow: bool, marks: Marks) -> None:
        """A mapping or list begins."""
        place = self._lines.place(marks.start, marks.end)
        if len(self._stack) >= DEEPEST:
            hint = "If the brackets belong to a text, put the text in double quotes."
            raise YamlStopError(place, "too-deep", f"This is nested more than {DEEPEST} levels deep.", hint)
        frame = self._stack[-1] if self._stack else None
        mute = frame is not None and frame.mute
        if frame is not None and frame.wants_key:
            self._strange_key(frame, is_mapping, place)
            mute = True
        mute = mute or self._tag_is_unknown(marks, place)
        anchor = self._remember(marks.anchor, _Anchor(place)) if marks.anchor is not None else None
        self._stack.append(_Frame({} if is_mapping else [], Spot(place), flow, mute, anchor))

    def close(self) -> None:
        """The mapping or list ends."""
        frame = self._stack.pop()
        value: Data = INVALID if frame.mute else frame.value
        if frame.anchor is not None:
            frame.anchor.value, frame.anchor.spot, frame.anchor.nodes = value, frame.spot, frame.nodes
        self._add(value, frame.spot, frame.nodes)

    def alias(self, name: str, start: int, end: int) -> None:
        """An alias: the same value again."""
        place = self._lines.place(start, end)
        self._aliases = True
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.wants_key:
            self._strange_key(frame, False, place)
            self._add(INVALID, Spot(place), 1)
            return
        anchor = self._anchors.get(name)
        if anchor is None:
            summary = f"YAML takes *{name} for an alias, and no anchor has that name."
            self._tell(place, "quote-it", summary, QUOTE_IT)
            self._add(INVALID, Spot(place), 1)
            return
        anchor.used = True
        if anchor.spot is None:
            raise YamlStopError(place, "alias-loop", "This alias stands inside its own anchor.", "Take it out.")
        self._add(anchor.value, anchor.spot, anchor.nodes)

    def _tell(self, place: Position, rule: str, summary: str, hint: str = "") -> None:
        if not (self._stack and self._stack[-1].mute):
            self.findings.append(LocatedProblem(place, rule, summary, hint))

    def _key(self, frame: _Frame, key: str, plain: bool, marks: Marks, place: Position) -> None:
        if marks.anchor is not None:
            self._remember(marks.anchor, _Anchor(place, key, Spot(place), 1))
        frame.nodes += 1
        frame.lost = True  # unless the key turns out to be a good one
        if key == "" and plain:
            self._tell(place, "no-key", "A value without a key.", "Write the key before the colon.")
        elif key == "<<" and plain:
            hint = "What the task steps have in common goes under `defaults:`."
            self._tell(place, "merge-key", "The merge key << is not used here.", hint)
        elif key in frame.spot.keys:
            summary = f'The key "{key}" stands here twice; the first is in line {frame.spot.keys[key].line}.'
            self._tell(place, "duplicate-key", summary, "Keep one of them.")
        elif not self._tag_is_unknown(marks, place) and not self._holds_unreadable(key, place):
            frame.lost, frame.key = False, key
            frame.spot.keys[key] = place

    def _strange_key(self, frame: _Frame, is_mapping: bool, place: Position) -> None:
        """A mapping, list or alias where a key should stand: most often an unquoted {{tag}}."""
        if frame.flow and not frame.value and is_mapping:
            self._tell(frame.spot.place, "quote-it", "YAML takes this merge tag for a nested mapping.", QUOTE_IT)
            frame.mute = True
        else:
            self._tell(place, "bad-key", "A key must be a plain text.", "Write a word before the colon.")

    def _null(self, frame: _Frame | None, place: Position) -> None:
        if frame is None:
            return
        hint = "Write its value, or take the line out. A text that begins with # must be in double quotes."
        if frame.flow:
            hint = "If the brackets belong to a text, put the whole text in double quotes."
        if frame.key is not None:
            self._tell(frame.spot.keys[frame.key], "no-value", f'A key without a value: "{frame.key}".', hint)
            frame.mute = frame.mute or frame.flow  # most likely a text, so nothing else is said about it
        elif not frame.lost:
            self._tell(place, "no-value", "An entry of this list has no value.", hint)

    def _tag_is_unknown(self, marks: Marks, place: Position) -> bool:
        if marks.tag is None:
            return False
        summary = "YAML takes a word that begins with ! for a tag, and drops it from the text."
        self._tell(place, "unknown-tag", summary, QUOTE_IT)
        return True

    def _holds_unreadable(self, text: str, place: Position) -> bool:
        wrong = NOT_IN_VALUE.search(text)
        if wrong is None:
            return False
        summary = f"This text holds a code that is no character (U+{ord(wrong.group()):04X})."
        self._tell(place, "character", summary, "Write the character itself, an emoji too, instead of a \\u code.")
        return True

    def _check_cut(self, end: int) -> None:
        """A hash after an unquoted text begins a comment; without a space behind it, it was meant as text."""
        at = end
        while self._text[at : at + 1] in (" ", "\t"):
            at += 1
        # The parser's end of a text may lie before or behind the blanks that follow it.
        cut = CUT.match(self._text, at - 1) if at else None
        if cut is None:
            return
        stop = self._text.find("\n", at)
        place = self._lines.place(at, stop if stop > 0 else len(self._text))
        hint = f"{QUOTE_IT} For a comment, put a space after the #."
        self._tell(place, "quote-it", "YAML drops the text from this # on, as a comment.", hint)

    def _remember(self, name: str, anchor: _Anchor) -> _Anchor:
        self._anchors[name] = anchor
        self._all_anchors.append(anchor)
        return anchor

    def _add(self, value: Data, spot: Spot, nodes: int) -> None:
        if not self._stack:
            self._root = (value, spot)
            return
        frame = self._stack[-1]
        frame.nodes += nodes
        if self._aliases and frame.nodes > MOST_NODES:
            summary = f"The aliases make more than {MOST_NODES:,} values of this file."
            raise YamlStopError(spot.place, "alias-bomb", summary, "Write the values out, or use fewer aliases.")
        if isinstance(frame.value, list):
            frame.spot.below[len(frame.value)] = spot
            frame.value.append(value)
        elif frame.lost:
            frame.lost = False
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.spot.below[frame.key] = spot
            frame.key = None
        else:
            frame.lost = True  # it stood where a key should: the value that comes next is lost too


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


FAST_PARSER = _c_parser()


def parse_fast(text: str) -> Data | None:
    """The data of a document that is plain and without fault, or None: then the judge must read it.

    `text` has LF line ends and no byte order mark.
    """
    if FAST_PARSER is None or not _is_plain(text):
        return None
    try:
        return _build_quick(FAST_PARSER(text).get_event, _lines_with_cuts(text))
    except (YAMLError, _NeedsFullParserError):
        return None


class _NeedsFullParserError(Exception):
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
    lines = LineIndex(text)
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
                    raise _NeedsFullParserError
            elif event.style == '"' and not value.isprintable() and NOT_IN_VALUE.search(value):
                raise _NeedsFullParserError
            if event.anchor is not None or event.tag is not None:
                raise _NeedsFullParserError
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            a_key = key is None and current.__class__ is dict
            if a_key or event.anchor is not None or event.tag is not None or len(stack) >= DEEPEST:
                raise _NeedsFullParserError
            stack.append((current, key))
            current, key = ({} if kind is MappingStartEvent else []), None
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            value = current
            current, key = stack.pop()
        elif kind is StreamEndEvent and root is not None:
            return cast(Data, root)
        elif kind is AliasEvent or kind is StreamEndEvent or (kind is DocumentStartEvent and root is not None):
            raise _NeedsFullParserError
        else:
            continue
        if current is None:
            root = value
        elif current.__class__ is list:
            current.append(value)
        elif key is None:
            if value in current or value == "<<":
                raise _NeedsFullParserError
            key = value
        else:
            current[key] = value
            key = None


def parse(text: str) -> Document:
    """The document, read by the judge, with all places and everything that is to be told about its YAML.

    `text` has LF line ends and no byte order mark. Raises nothing.
    """
    lines = LineIndex(text)
    wrong = _NOT_YAML.search(text)
    if wrong:
        summary = f"A code that is no character of a text stands here (U+{ord(wrong.group()):04X})."
        hint = "Delete it, or save the file as UTF-8 text again."
        return _unreadable([LocatedProblem(lines.place(wrong.start()), "character", summary, hint)])
    builder = TreeBuilder(text, lines)
    try:
        _feed(builder, YAML(typ="safe", pure=True).parse(text))
    except YamlStopError as stop:
        return _unreadable([*_before(builder, stop.finding), stop.finding])
    except MarkedYAMLError as error:
        broken = _explained(lines, error)
        return _unreadable([*_before(builder, broken), broken])
    except (YAMLError, ValueError):
        return _unreadable(
            [LocatedProblem(Position(1, 1), "yaml", "YAML cannot read this file.", "Save it as UTF-8 text again.")]
        )
    return builder.document()


def _before(builder: TreeBuilder, broken: LocatedProblem) -> list[LocatedProblem]:
    """What was told of the lines above a break; what was told of its own line is the same mistake."""
    return [finding for finding in builder.findings if finding.place.line < broken.place.line]


def _unreadable(findings: list[LocatedProblem]) -> Document:
    return Document(INVALID, Spot(Position(1, 1)), findings)


def _explained(lines: LineIndex, error: MarkedYAMLError) -> LocatedProblem:
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
