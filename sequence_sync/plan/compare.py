"""Comparison of texts by what a reader sees, and of field values exactly. Pure.

A server may spell our text in another way, so what the API returns is compared in canonical form. Kept: visible words,
link targets, images, line breaks. Dropped: entities, extra whitespace, other tags and attributes, the kind of a line
break, breaks at the end. Merge tags and spintax are plain words here. The canonical form must never be used to compare
a file with the state: there a bold word is a change.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import PAYLOAD_FIELDS, payload_to_json
from sequence_sync.plan.model import FieldChange

HTML_FIELD = "content"

_BREAKING = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    }
)
_UNSEEN = frozenset({"script", "style", "title"})
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SECTION = re.compile(r"<!\[[^>]*>")
_OPEN, _CLOSE, _LINK, _IMAGE = "\x01", "\x02", "a ", "img "
_AFTER_LINK = re.compile(rf"((?:{_OPEN}{_LINK}[^{_CLOSE}]*{_CLOSE})+)(\s+)")
_MARK = re.compile(rf"{_OPEN}[^{_CLOSE}]*{_CLOSE}")
_ENTITY = re.compile(r"&(amp|lt|gt|quot|#39|nbsp);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "#39": "'", "nbsp": "\u00a0"}
_INVISIBLE = re.compile("[\u200b\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


class _Reader(HTMLParser):
    """Collects the visible text, with marks for links and images."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._hidden = True
        if tag in _BREAKING:
            self.parts.append("\n")
        values = dict(reversed(attrs))  # the first one of a repeated attribute counts
        if tag == "a" and values.get("href"):
            self._mark(_LINK, values["href"])
        if tag == "img" and values.get("src"):
            self._mark(_IMAGE, values["src"])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _UNSEEN:
            self._hidden = False

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._hidden = False
        if tag in _BREAKING:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            # A line break in the source is a space like any other; only tags break lines.
            self.parts.append(_SPACES.sub(" ", _CONTROL.sub("", data)))

    def _mark(self, kind: str, target: str | None) -> None:
        self.parts.append(f"{_OPEN}{kind}{_SPACES.sub(' ', _CONTROL.sub('', target or '')).strip()}{_CLOSE}")


def canonical_html(text: str) -> str:
    """Return the visible words of an HTML text: lines separated by `\\n`, links and images as marks."""
    reader = _Reader()
    # The parser fails on an unknown marked section, and comments may contain one.
    # The parser raises an error for a section that never closes. A mail client shows it as text.
    reader.feed(_SECTION.sub("", _COMMENT.sub("", text)).replace("<![", "&lt;!["))
    reader.close()
    visible = _normalized("".join(reader.parts))
    # `Hi <a>you` and `Hi<a> you` look the same: the space is put before the mark.
    return _normalized(_AFTER_LINK.sub(r"\2\1", visible))


def canonical_text(text: str) -> str:
    """Return a plain field with line ends, whitespace and the common entities normalized. Line breaks are kept."""
    decoded = _ENTITY.sub(lambda found: _ENTITIES[found[1]], text)
    return _normalized(_CONTROL.sub("", decoded))


def _normalized(text: str) -> str:
    """Apply NFC; reduce each run of whitespace to a space, or to a line break if it has one; strip the ends."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    return _SPACES.sub(lambda run: "\n" if "\n" in run[0] or "\r" in run[0] else " ", plain).strip()


def canonical_payload(payload: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return each field that is not empty, by its dotted name, in canonical form and ascending order."""
    return tuple(sorted((name, text) for name, text in _fields(payload) if text))


def same_payload(
    kind: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], note_ours: str, note_theirs: str | None
) -> bool:
    """Whether two variants of a step of type `kind` say the same.

    Only the fields of the type, and those that `ours` has, are compared. A note of None was not returned by the API and
    is not compared.
    """
    names = {*PAYLOAD_FIELDS.get(kind, ()), *ours}
    comparable = {name: value for name, value in theirs.items() if name in names}
    if canonical_payload(ours) != canonical_payload(comparable):
        return False
    return note_theirs is None or canonical_text(note_ours) == canonical_text(note_theirs)


def shared_words(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """Return the share of the words of the smaller text that the other has too, 0 to 1. Equal texts: 1."""
    one, other = canonical_payload(ours), canonical_payload(theirs)
    if one == other:
        return 1.0
    words, others = _words(one), _words(other)
    smaller = min(words.total(), others.total())
    return (words & others).total() / smaller if smaller else 0.0


def shared_words_of(one: Content, other: Content) -> float:
    """Return the share of common words, 0 to 1, of the two most similar variants of two steps."""
    ours, theirs = ([row for row in step.variants.values() if _has_text(row)] for step in (one, other))
    return max(
        (
            shared_words(this.payload | {"note": this.task_note}, that.payload | {"note": that.task_note})
            for this in ours
            for that in theirs
        ),
        default=0.0,
    )


def _has_text(variant: Variant) -> bool:
    return has_text(variant.payload, variant.task_note)


def has_text(payload: Mapping[str, Any], note: str | None) -> bool:
    """Whether a variant has any text."""
    return bool(canonical_payload(payload) or canonical_text(note or ""))


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in `value`, with its dotted name."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _fields(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _fields(below, f"{name}.{index}")
    elif value is not None:
        text = value if isinstance(value, str) else str(value)
        yield name, canonical_html(text) if name == HTML_FIELD else canonical_text(text)


def _words(payload: tuple[tuple[str, str], ...]) -> Counter[str]:
    visible = " ".join(_MARK.sub("", text) for _, text in payload)
    return Counter(word.casefold() for word in _WORD.findall(visible))


STEP_FIELDS = ("day", "priority", "assignee")


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {path: leaf for key, row in value.items() for path, leaf in _flat(f"{prefix}.{key}", row).items()}
    return {prefix: value}


def flat_variant(letter: str, variant: Variant) -> dict[str, Any]:
    """Return the fields by dotted path (`variants.a.payload.subject`), without empty ones, as they are sent."""
    prefix = f"variants.{letter}"
    flat = _flat(f"{prefix}.payload", payload_to_json(variant.payload))
    flat |= {f"{prefix}.task_note": variant.task_note, f"{prefix}.attachments": ", ".join(variant.attachments)}
    return {path: value for path, value in flat.items() if value not in ("", None)}


def step_fields(content: Content, managed_assignee: bool) -> dict[str, Any]:
    """Return day, priority and assignee. An absent priority is normal; an absent assignee is not managed."""
    fields: dict[str, Any] = {"day": content.day, "priority": str(content.priority or Priority.NORMAL)}
    if managed_assignee:
        fields["assignee"] = content.assignee
    if content.is_email:
        del fields["priority"]
    return fields


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return the fields in which two flat mappings differ, in the order of `after`, then those that are gone."""
    if before == after:
        return ()
    # Deferred: its import takes 0.15 s.
    from deepdiff import DeepDiff

    changed = set(DeepDiff(dict(before), dict(after)).affected_root_keys)
    order = dict.fromkeys([*after, *before])
    return tuple(
        FieldChange(field=path, before=before.get(path), after=after.get(path)) for path in order if path in changed
    )
