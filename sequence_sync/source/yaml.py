"""Builds data and places from what a YAML parser reports, and collects what is to be told about the YAML. Pure.

`document` feeds it; it knows no YAML library. What YAML would silently drop from a text (a comment, an anchor, a tag,
a merge tag read as a mapping) is told here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sequence_sync.source.breaks import QUOTE_IT
from sequence_sync.source.places import BROKEN, Broken, Data, Finding, Lines, Place, Spot

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
    findings: list[Finding] = field(default_factory=list)
    empty: bool = False


class Stop(Exception):
    """The rest of the file cannot be read; nothing of it is used."""

    def __init__(self, place: Place, rule: str, summary: str, hint: str) -> None:
        super().__init__(summary)
        self.finding = Finding(place, rule, summary, hint)


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

    place: Place
    value: Data = BROKEN
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

    def __init__(self, text: str, lines: Lines) -> None:
        self.findings: list[Finding] = []
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
        self.findings += [Finding(place, "quote-it", summary, QUOTE_IT) for place in unused]
        if self._root is None:
            return Document(BROKEN, Spot(Place(1, 1)), self.findings, empty=not self.findings)
        value, spot = self._root
        return Document(value, spot, self.findings, empty=value is BROKEN and not self.findings)

    def begin(self, start: int, end: int, directives: bool) -> bool:
        """A document begins. False where it is the second one, which is not read."""
        if directives:
            summary = "A line that begins with % is for YAML itself and is not used here."
            self._tell(Place(1, 1), "directive", summary, "Take the line out.")
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
        value: str | Broken = text
        if text == "" and plain and marks.tag is None:
            self._null(frame, place)
            value = BROKEN
        elif self._tag_is_unknown(marks, place) or self._holds_unreadable(text, place):
            value = BROKEN
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
            raise Stop(place, "too-deep", f"This is nested more than {DEEPEST} levels deep.", hint)
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
        value: Data = BROKEN if frame.mute else frame.value
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
            self._add(BROKEN, Spot(place), 1)
            return
        anchor = self._anchors.get(name)
        if anchor is None:
            summary = f"YAML takes *{name} for an alias, and no anchor has that name."
            self._tell(place, "quote-it", summary, QUOTE_IT)
            self._add(BROKEN, Spot(place), 1)
            return
        anchor.used = True
        if anchor.spot is None:
            raise Stop(place, "alias-loop", "This alias stands inside its own anchor.", "Take it out.")
        self._add(anchor.value, anchor.spot, anchor.nodes)

    def _tell(self, place: Place, rule: str, summary: str, hint: str = "") -> None:
        if not (self._stack and self._stack[-1].mute):
            self.findings.append(Finding(place, rule, summary, hint))

    def _key(self, frame: _Frame, key: str, plain: bool, marks: Marks, place: Place) -> None:
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

    def _strange_key(self, frame: _Frame, is_mapping: bool, place: Place) -> None:
        """A mapping, list or alias where a key should stand: most often an unquoted {{tag}}."""
        if frame.flow and not frame.value and is_mapping:
            self._tell(frame.spot.place, "quote-it", "YAML takes this merge tag for a nested mapping.", QUOTE_IT)
            frame.mute = True
        else:
            self._tell(place, "bad-key", "A key must be a plain text.", "Write a word before the colon.")

    def _null(self, frame: _Frame | None, place: Place) -> None:
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

    def _tag_is_unknown(self, marks: Marks, place: Place) -> bool:
        if marks.tag is None:
            return False
        summary = "YAML takes a word that begins with ! for a tag, and drops it from the text."
        self._tell(place, "unknown-tag", summary, QUOTE_IT)
        return True

    def _holds_unreadable(self, text: str, place: Place) -> bool:
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
            raise Stop(spot.place, "alias-bomb", summary, "Write the values out, or use fewer aliases.")
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
