"""YAML text -> data, positions and problems. Pure. The only module that parses YAML for reading.

There are two parsers. `parse_fast` reads a plain, correct document about ten times faster and without positions.
`parse` reads everything else: it reports every problem, also text that YAML silently drops (as a comment, an anchor,
a tag) and merge tags that YAML reads as a mapping. Must not know sequences or settings.
"""

from __future__ import annotations

import re
import unicodedata
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

from sequence_sync.source.problems import INVALID, Data, Invalid, LineIndex, LocatedProblem, Position, PositionTree

BLOCK_HINT = "in a block (| at the end of the line, the text indented below it)"
QUOTE_IT = f"Put the text in double quotes, or {BLOCK_HINT}."
INDENT_HINT = "Start keys of the same level in the same column."

_ENTRY = re.compile(
    r"(?P<lead>\s*(?:-\s+)*)(?P<key>(?:\"[^\"]*\"|'[^']*'|[^\s\"'#:{\[][^:#]*?)\s*:\s+)?(?P<value>\S.*?)\s*$"
)
_AFTER_BRACKET = re.compile(r"\[[^\]]*\]\s*[^\s#,\]}]|\{[^}]*\}+\s*[^\s#,\]}]")
_AFTER_QUOTE = re.compile(r"\"(?:[^\"\\]|\\.)*\"\s*[^\s#,\]}:]|'(?:[^']|'')*'\s*[^\s#,\]}:]")
_BLOCK_HEAD = re.compile(r"[|>][+-]?[1-9]?[+-]?(?:\s+#.*)?$")


def explain(lines: LineIndex, reason: str, at: int, context: str, context_at: int | None) -> LocatedProblem:
    """Explain why the YAML parser failed.

    Args:
        lines: the text.
        reason: the parser's message for the error at index `at`.
        at: where the parser failed.
        context: the parser's message for what it was reading.
        context_at: where that began.
    """
    position = lines.position(at)
    begin = lines.position(context_at) if context_at is not None else position
    tab = _tab(lines.text(position.line), position)
    if tab:
        return tab
    if "follow up line" in context:
        hint = "Delete the spaces in the empty line above."
        return LocatedProblem(position, "indentation", "This block begins with a line of spaces.", hint)
    for line in dict.fromkeys((position.line, begin.line, position.line - 1)):
        found = _unquoted(lines.text(line), line)
        if found:
            return found
    return (
        _unclosed(reason, context, begin) or _indented(lines, reason, position) or _by_reason(lines, reason, position)
    )


def _tab(line: str, position: Position) -> LocatedProblem | None:
    lead = line[: len(line) - len(line.lstrip())]
    column = lead.find("\t") + 1 or (position.column if line[position.column - 1 : position.column] == "\t" else 0)
    if not column:
        return None
    summary = "Tab character where YAML expects spaces."
    return LocatedProblem(Position(position.line, column), "tab", summary, "Replace it with spaces.")


def _unquoted(line: str, number: int) -> LocatedProblem | None:
    """The unquoted text on this line that YAML does not read as text, if there is one."""
    entry = _ENTRY.match(line)
    if entry is None or (not entry["key"] and "-" not in entry["lead"]):
        return None
    value = entry["value"]
    position = Position(number, entry.start("value") + 1, len(value))
    if value[0] in "\"'":
        if not _AFTER_QUOTE.match(value):
            return None
        other = "single quotes" if value[0] == '"' else "double quotes"
        hint = f"Put the whole text in {other}, or {BLOCK_HINT}."
        return LocatedProblem(position, "quote-it", "Text after the closing quote.", hint)
    summary = _quote_reason(value)
    return LocatedProblem(position, "quote-it", summary, QUOTE_IT) if summary else None


def _quote_reason(value: str) -> str:
    """Why YAML does not read an unquoted value as text; empty if it does."""
    first = value[0]
    if value.startswith("{{"):
        return "Text that begins with a merge tag must be in quotes."
    if first in "[{":
        needs_quotes = bool(_AFTER_BRACKET.match(value))
    elif first in "|>":
        needs_quotes = not _BLOCK_HEAD.match(value)
    else:
        needs_quotes = first in "@`%*&!" or value[:2] in ("- ", "? ", ": ")
    if needs_quotes:
        return f"Text that begins with {first} must be in quotes."
    if first not in "[{|>#" and (": " in value or value.endswith(":")):
        return "Text that contains a colon and a space must be in quotes."
    return ""


def _unclosed(reason: str, context: str, begin: Position) -> LocatedProblem | None:
    if "quoted scalar" in context and ("end of stream" in reason or "separator" in reason):
        hint = "Add the closing quote at the end of the text."
        return LocatedProblem(begin, "unclosed", "This quote is not closed.", hint)
    if "flow sequence" in context or "flow mapping" in context:
        hint = "Close the bracket, separate entries with commas, and put texts in double quotes."
        return LocatedProblem(begin, "unclosed", "This list or mapping is not closed, or its content is invalid.", hint)
    return None


def _indented(lines: LineIndex, reason: str, position: Position) -> LocatedProblem | None:
    """A key that is indented further than the line above, although that line already has a value."""
    if "mapping values" not in reason:
        return None
    line, above = lines.text(position.line), position.line - 1
    while above and not lines.text(above).strip():
        above -= 1
    before = lines.text(above)
    indent = len(line) - len(line.lstrip())
    if not above or indent <= len(before) - len(before.lstrip()) or before.rstrip().endswith((":", "|", ">")):
        return None
    start = Position(position.line, indent + 1)
    return LocatedProblem(start, "indentation", "This line is indented too far.", INDENT_HINT)


def _by_reason(lines: LineIndex, reason: str, position: Position) -> LocatedProblem:
    if "escape" in reason:
        back = 1 if lines.text(position.line)[position.column - 2 : position.column - 1] == "\\" else 0
        position = Position(position.line, position.column - back, 1 + back)
        hint = "Write \\\\ for one backslash, or put the text in single quotes."
        return LocatedProblem(position, "escape", "Invalid backslash in double quotes.", hint)
    if "mapping values" in reason or "expected ':'" in reason:
        hint = "Check the indentation and the line above. Put text that contains a colon in double quotes."
        return LocatedProblem(position, "yaml", "This line is not a valid `key: value`.", hint)
    if "block" in reason or "document start" in reason:
        return LocatedProblem(position, "indentation", "Inconsistent indentation.", INDENT_HINT)
    hint = "Check the indentation, the quotes and the colons on this line and on the line above."
    return LocatedProblem(position, "yaml", "Invalid YAML from here on.", hint)


DEEPEST = 50  # levels of nesting; a sequence needs seven
MOST_NODES = 10_000  # after the aliases are expanded (docs/format.md)

NOT_IN_VALUE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
COMMENT_IN_TEXT = re.compile(r"[ \t]#(?! )")


@dataclass(slots=True)
class Document:
    """A parsed document.

    `data` is `INVALID` if the YAML cannot be parsed or the file is empty. `problems` are those of the YAML itself.
    `root` has the positions of all values.
    """

    data: Data
    root: PositionTree
    problems: list[LocatedProblem] = field(default_factory=list)
    empty: bool = False


class ParseAbortedError(Exception):
    """Parsing must stop here; no data of the document is used."""

    def __init__(self, position: Position, rule: str, summary: str, hint: str) -> None:
        super().__init__(summary)
        self.problem = LocatedProblem(position, rule, summary, hint)


@dataclass(frozen=True, slots=True)
class NodeMarks:
    """Start and end of a node (indexes into the text), and its tag and anchor.

    `tag` is None if there is none, or if it only repeats what the node is anyway.
    """

    start: int
    end: int
    tag: str | None
    anchor: str | None


@dataclass(slots=True)
class _Anchor:
    """The value of an anchor. `nodes` is how many values an alias adds; 0 while the anchor is still being read."""

    position: Position
    value: Data = INVALID
    positions: PositionTree | None = None
    nodes: int = 0
    used: bool = False


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read.

    `key` is None if a key comes next. `muted`: a problem is already reported, so report no more in it.
    `discard_next`: the value that comes next is not added to the data.
    """

    value: dict[str, Data] | list[Data]
    positions: PositionTree
    flow: bool
    muted: bool
    anchor: _Anchor | None = None
    key: str | None = None
    discard_next: bool = False
    nodes: int = 1

    @property
    def expects_key(self) -> bool:
        """Whether the next node is a key."""
        return isinstance(self.value, dict) and self.key is None and not self.discard_next


class TreeBuilder:
    """Builds a `Document` from the parser's events, which must come in their order."""

    def __init__(self, text: str, lines: LineIndex) -> None:
        self.problems: list[LocatedProblem] = []
        self.has_document = False
        self._text = text
        self._lines = lines
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._all_anchors: list[_Anchor] = []
        self._aliases = False
        self._root: tuple[Data, PositionTree] | None = None

    def document(self) -> Document:
        """The document, after its last event."""
        summary = "YAML reads a word that begins with & as an anchor and drops it."
        unused = [anchor.position for anchor in self._all_anchors if not anchor.used]
        self.problems += [LocatedProblem(position, "quote-it", summary, QUOTE_IT) for position in unused]
        if self._root is None:
            return Document(INVALID, PositionTree(Position(1, 1)), self.problems, empty=not self.problems)
        value, positions = self._root
        return Document(value, positions, self.problems, empty=isinstance(value, Invalid) and not self.problems)

    def begin(self, start: int, end: int, directives: bool) -> bool:
        """Begin a document. Returns False for a second one, which is not read."""
        if directives:
            summary = "YAML directives (lines that begin with %) are not supported."
            self._report(Position(1, 1), "directive", summary, "Remove the line.")
        if not self.has_document:
            self.has_document = True
            return True
        summary = "A second YAML document begins here; a file must contain only one."
        hint = "Move it to its own file, or remove the line `---`."
        self._report(self._lines.position(start, end), "several-documents", summary, hint)
        return False

    def scalar(self, text: str, plain: bool, marks: NodeMarks) -> None:
        """Add a text: a value, or the key of the next value."""
        position = self._lines.position(marks.start, marks.end)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.expects_key:
            self._key(frame, text, plain, marks, position)
            return
        value: str | Invalid = text
        if text == "" and plain and marks.tag is None:
            self._missing_value(frame, position)
            value = INVALID
        elif self._tag_is_unknown(marks, position) or self._has_control_character(text, position):
            value = INVALID
        elif plain:
            self._check_comment(marks.end)
        positions = PositionTree(position)
        if marks.anchor is not None:
            self._remember(marks.anchor, _Anchor(position, value, positions, 1))
        self._add(value, positions, 1)

    def open(self, is_mapping: bool, flow: bool, marks: NodeMarks) -> None:
        """Begin a mapping or list."""
        position = self._lines.position(marks.start, marks.end)
        if len(self._stack) >= DEEPEST:
            hint = "If the brackets belong to a text, put the text in double quotes."
            raise ParseAbortedError(position, "too-deep", f"Nested more than {DEEPEST} levels deep.", hint)
        frame = self._stack[-1] if self._stack else None
        muted = frame is not None and frame.muted
        if frame is not None and frame.expects_key:
            self._invalid_key(frame, is_mapping, position)
            muted = True
        muted = muted or self._tag_is_unknown(marks, position)
        anchor = self._remember(marks.anchor, _Anchor(position)) if marks.anchor is not None else None
        self._stack.append(_Frame({} if is_mapping else [], PositionTree(position), flow, muted, anchor))

    def close(self) -> None:
        """End the current mapping or list."""
        frame = self._stack.pop()
        value: Data = INVALID if frame.muted else frame.value
        if frame.anchor is not None:
            frame.anchor.value, frame.anchor.positions, frame.anchor.nodes = value, frame.positions, frame.nodes
        self._add(value, frame.positions, frame.nodes)

    def alias(self, name: str, start: int, end: int) -> None:
        """Add the value of an anchor again."""
        position = self._lines.position(start, end)
        self._aliases = True
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.expects_key:
            self._invalid_key(frame, False, position)
            self._add(INVALID, PositionTree(position), 1)
            return
        anchor = self._anchors.get(name)
        if anchor is None:
            summary = f"YAML reads *{name} as an alias, but there is no anchor &{name}."
            self._report(position, "quote-it", summary, QUOTE_IT)
            self._add(INVALID, PositionTree(position), 1)
            return
        anchor.used = True
        if anchor.positions is None:
            raise ParseAbortedError(position, "alias-loop", "This alias is inside its own anchor.", "Remove it.")
        self._add(anchor.value, anchor.positions, anchor.nodes)

    def _report(self, position: Position, rule: str, summary: str, hint: str = "") -> None:
        if not (self._stack and self._stack[-1].muted):
            self.problems.append(LocatedProblem(position, rule, summary, hint))

    def _key(self, frame: _Frame, key: str, plain: bool, marks: NodeMarks, position: Position) -> None:
        if marks.anchor is not None:
            self._remember(marks.anchor, _Anchor(position, key, PositionTree(position), 1))
        frame.nodes += 1
        frame.discard_next = True  # unless the key is valid
        if key == "" and plain:
            self._report(position, "no-key", "Value without a key.", "Write the key before the colon.")
        elif key == "<<" and plain:
            hint = "Put fields that task steps have in common under `defaults:`."
            self._report(position, "merge-key", "The YAML merge key << is not supported.", hint)
        elif key in frame.positions.keys:
            summary = f'Duplicate key "{key}"; it is already on line {frame.positions.keys[key].line}.'
            self._report(position, "duplicate-key", summary, "Remove or rename one of them.")
        elif not self._tag_is_unknown(marks, position) and not self._has_control_character(key, position):
            frame.discard_next, frame.key = False, key
            frame.positions.keys[key] = position

    def _invalid_key(self, frame: _Frame, is_mapping: bool, position: Position) -> None:
        """Report a mapping, list or alias in place of a key: most often an unquoted {{tag}}."""
        if frame.flow and not frame.value and is_mapping:
            summary = "YAML reads this merge tag as a nested mapping."
            self._report(frame.positions.position, "quote-it", summary, QUOTE_IT)
            frame.muted = True
        else:
            self._report(position, "bad-key", "A key must be plain text.", "Write a word before the colon.")

    def _missing_value(self, frame: _Frame | None, position: Position) -> None:
        if frame is None:
            return
        hint = "Write a value, or remove the line. Text that begins with # must be in double quotes."
        if frame.flow:
            hint = "If the brackets belong to a text, put the whole text in double quotes."
        if frame.key is not None:
            self._report(frame.positions.keys[frame.key], "no-value", f'"{frame.key}" has no value.', hint)
            frame.muted = frame.muted or frame.flow  # most likely a text: report nothing else in these brackets
        elif not frame.discard_next:
            self._report(position, "no-value", "Empty list entry.", hint)

    def _tag_is_unknown(self, marks: NodeMarks, position: Position) -> bool:
        if marks.tag is None:
            return False
        summary = "YAML reads a word that begins with ! as a tag and drops it."
        self._report(position, "unknown-tag", summary, QUOTE_IT)
        return True

    def _has_control_character(self, text: str, position: Position) -> bool:
        wrong = NOT_IN_VALUE.search(text)
        if wrong is None:
            return False
        hint = "Write the character itself instead of a \\u code. This includes emoji."
        self._report(position, "character", _invalid_character(wrong.group()), hint)
        return True

    def _check_comment(self, end: int) -> None:
        """Report a comment after an unquoted text if no space follows its #: it is probably part of the text."""
        at = end
        while self._text[at : at + 1] in (" ", "\t"):
            at += 1
        # The parser's end of a text may be before or after the blanks that follow the text.
        if not at or COMMENT_IN_TEXT.match(self._text, at - 1) is None:
            return
        stop = self._text.find("\n", at)
        position = self._lines.position(at, stop if stop > 0 else len(self._text))
        hint = f"{QUOTE_IT} For a comment, put a space after the #."
        self._report(position, "quote-it", "YAML drops the text from this # on as a comment.", hint)

    def _remember(self, name: str, anchor: _Anchor) -> _Anchor:
        self._anchors[name] = anchor
        self._all_anchors.append(anchor)
        return anchor

    def _add(self, value: Data, positions: PositionTree, nodes: int) -> None:
        if not self._stack:
            self._root = (value, positions)
            return
        frame = self._stack[-1]
        frame.nodes += nodes
        if self._aliases and frame.nodes > MOST_NODES:
            summary = f"The aliases in this file expand to more than {MOST_NODES:,} values."
            raise ParseAbortedError(
                positions.position, "alias-bomb", summary, "Write the values out, or use fewer aliases."
            )
        if isinstance(frame.value, list):
            frame.positions.children[len(frame.value)] = positions
            frame.value.append(value)
        elif frame.discard_next:
            frame.discard_next = False
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.positions.children[frame.key] = positions
            frame.key = None
        else:
            frame.discard_next = True  # this was in place of a key, so discard its value too


def _invalid_character(character: str) -> str:
    kind = "control character" if unicodedata.category(character) == "Cc" else "character"
    return f"Invalid {kind} (U+{ord(character):04X})."


# Characters that YAML does not allow. They are reported before a parser runs, because parsers give no good position.
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The two parsers agree on all other characters: no tabs, no line breaks but LF, no byte order mark.
_NOT_FAST = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# A block that begins with a line of spaces: the full parser is stricter there.
_BLANKS_FIRST = re.compile(r"[|>][0-9+-]* *(?:#[^\n]*)?\n(?: *\n)* +\n")
_FAST_ASCII = bytes([10, *range(0x20, 0x7F)])
_NEEDLESS_TAGS = {
    ScalarEvent: ("!", "tag:yaml.org,2002:str"),
    SequenceStartEvent: ("!", "tag:yaml.org,2002:seq"),
    MappingStartEvent: ("!", "tag:yaml.org,2002:map"),
}


def _c_parser() -> Callable[[str], Any] | None:
    """ruamel.yaml's C parser, if the extension is installed."""
    try:
        from ruamel.yaml.clib._ruamel_yaml import CParser  # type: ignore[import-not-found]
    except ImportError:
        return None
    return cast(Callable[[str], Any], CParser)


FAST_PARSER = _c_parser()


def parse_fast(text: str) -> Data | None:
    """The data of a plain document without problems. None means: call `parse`.

    `text` must have LF line ends and no byte order mark.
    """
    if FAST_PARSER is None or not _is_plain(text):
        return None
    try:
        return _build_fast(FAST_PARSER(text).get_event, _lines_with_comments(text))
    except (YAMLError, _NeedsFullParserError):
        return None


class _NeedsFullParserError(Exception):
    """The fast parser found something that only `parse` may read."""


def _is_plain(text: str) -> bool:
    """Whether both parsers are known to read every character of `text` alike."""
    if text.startswith(("%", "...")) or "\n%" in text or "\n..." in text:
        return False
    if " \n" in text and _BLANKS_FIRST.search(text):
        return False
    if text.isascii():
        return not text.encode("ascii").translate(None, _FAST_ASCII)
    return _NOT_FAST.search(text) is None


def _lines_with_comments(text: str) -> frozenset[int]:
    """The numbers (from 0) of lines on which a # may end an unquoted text."""
    if " #" not in text:
        return frozenset()
    lines = LineIndex(text)
    return frozenset(lines.position(found.start()).line - 1 for found in COMMENT_IN_TEXT.finditer(text))


def _build_fast(next_event: Callable[[], Any], comment_lines: frozenset[int]) -> Data:
    """Build plain data from the events of the C parser.

    One loop with many branches, on purpose: it runs for every value of every file. Measured on a file of 59 emails,
    the C parser alone takes 0.47 ms, with this loop 0.58 ms, with a method for each kind of event 0.67 ms.
    """
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
                if not value or (comment_lines and event.end_mark.line in comment_lines):
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
    """Parse a document with all its positions and all problems of its YAML. Raises nothing.

    `text` must have LF line ends and no byte order mark.
    """
    lines = LineIndex(text)
    wrong = _NOT_YAML.search(text)
    if wrong:
        summary = _invalid_character(wrong.group())
        hint = "Delete it, or save the file as UTF-8 text."
        return _invalid_document([LocatedProblem(lines.position(wrong.start()), "character", summary, hint)])
    builder = TreeBuilder(text, lines)
    try:
        _feed(builder, YAML(typ="safe", pure=True).parse(text))
    except ParseAbortedError as error:
        return _invalid_document([*_problems_before(builder, error.problem), error.problem])
    except MarkedYAMLError as error:
        problem = _explain_error(lines, error)
        return _invalid_document([*_problems_before(builder, problem), problem])
    except (YAMLError, ValueError):
        hint = "Save the file as UTF-8 text."
        return _invalid_document([LocatedProblem(Position(1, 1), "yaml", "Invalid YAML.", hint)])
    return builder.document()


def _problems_before(builder: TreeBuilder, fatal: LocatedProblem) -> list[LocatedProblem]:
    """The problems on lines above the fatal one. A problem on the same line has the same cause."""
    return [problem for problem in builder.problems if problem.position.line < fatal.position.line]


def _invalid_document(problems: list[LocatedProblem]) -> Document:
    return Document(INVALID, PositionTree(Position(1, 1)), problems)


def _explain_error(lines: LineIndex, error: MarkedYAMLError) -> LocatedProblem:
    mark = error.problem_mark or error.context_mark
    context_at = error.context_mark.index if error.context_mark else None
    return explain(lines, error.problem or "", mark.index if mark else 0, error.context or "", context_at)


def _feed(builder: TreeBuilder, events: Iterable[Any]) -> None:
    """Pass the parser's events to the builder, up to a second document."""
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


def _marks(event: Any, start: int, end: int) -> NodeMarks:
    tag = None if event.tag in _NEEDLESS_TAGS[event.__class__] else event.tag
    return NodeMarks(start, end, tag, event.anchor)
