"""From what stands in a file to the text that is sent: variables, content files, Markdown.

A text is made in this order: read; CR LF to LF and no line breaks at its end; `${name}` put in, once; Markdown to
HTML. Knows the files of the project; knows nothing of steps.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from pathlib import Path as FilePath

from markdown_it import MarkdownIt

from sequence_sync.diagnostics import did_you_mean
from sequence_sync.source.files import UnreadableFileError, as_text, digest, is_inside, read_bytes
from sequence_sync.source.problems import INVALID, Data, Path, Problem

# A whole spintax group is one piece: its bars and its words are Saleshandy's business.
_SET_ASIDE = re.compile(r"\{spin\}.*?\{endspin\}|\{\{[^{}]*\}\}|\{(?:end)?spin\}", re.DOTALL)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"breaks": True, "html": True})


def html_of(markdown: str) -> str:
    """`markdown` as HTML, without a line break at its end."""
    mark = _free_mark(markdown)
    aside: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        aside.append(found.group())
        return f"{mark}{len(aside) - 1}z"

    html: str = _renderer().render(_SET_ASIDE.sub(put_aside, markdown))
    return re.sub(f"{mark}([0-9]+)z", lambda found: aside[int(found.group(1))], html).rstrip("\n")


def _free_mark(text: str) -> str:
    """A word of letters and digits, so that Markdown leaves it alone in texts and links, that `text` does not hold."""
    return next(mark for number in count() if (mark := f"q{number}tag") not in text)


_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")


def without_ends(text: str) -> str:
    """LF line ends, and no line break at the end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip("\n")


def fill(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with `${name}` replaced, each once, and the names that are no variables. `$${` is a plain `${`."""
    if "${" not in text:
        return text, []
    unknown: list[str] = []

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return "${"
        if name not in variables:
            unknown.append(name)
        return variables.get(name, "")

    return _PLACEHOLDER.sub(value, text), unknown


class TextResolver:
    """Makes the texts of one file, and keeps what was told about them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.mistakes: list[Problem] = []

    def made(self, value: Data, path: Path) -> Data:
        """`value` with every text in it made; keys stay as they are. A text with an unknown variable is BROKEN."""
        if isinstance(value, str):
            told = len(self.mistakes)
            text = self.text(value, path)
            return text if len(self.mistakes) == told else INVALID
        if isinstance(value, dict):
            return {key: self.made(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.made(inner, (*path, at)) for at, inner in enumerate(value)]
        return value

    def text(self, text: str, path: Path) -> str:
        """One text; unknown variables are told at `path`."""
        made, unknown = fill(without_ends(text), self._variables)
        for name in dict.fromkeys(unknown):
            hint = did_you_mean(name, self._variables) or "Set it under `variables:` in seqsync.yaml. "
            hint = f"{hint.strip()} A plain ${{ is written $${{."
            self.mistakes.append(Problem(path, "unknown-variable", f'There is no variable "{name}".', hint))
        return made


class ContentFiles:
    """Reads content files of one project; each one once. `given` goes before what is on the disk: files that are
    about to be written, by their path in the project."""

    def __init__(self, root: FilePath, given: Mapping[str, bytes] | None = None) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._read: dict[str, bytes | UnreadableFileError] = dict(given or {})

    def data(self, path: str) -> bytes:
        """The bytes of a file of the project (`path` is relative to it). Raises UnreadableFileError."""
        known = self._read.get(path)
        if known is None:
            known = self._load(path)
            self._read[path] = known
        if isinstance(known, UnreadableFileError):
            raise known
        return known

    def _load(self, path: str) -> bytes | UnreadableFileError:
        real = os.path.realpath(os.path.join(self._root, path))  # noqa: PTH118 (a text is wanted)
        if not is_inside(self._real_root, real):
            return UnreadableFileError("outside", "This file lies outside the project.", "Copy it into the project.")
        try:
            return read_bytes(self._root, path)
        except UnreadableFileError as problem:
            return problem

    def named(self, yaml_path: str, name: str) -> str:
        """The path, relative to the project, of what the YAML file calls `name`. Raises UnreadableFileError."""
        if "\\" in name or "\0" in name:
            raise UnreadableFileError("file-name", "This is no name of a file.", "Write / between folders.")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(yaml_path), name))
        if name.startswith("/") or path == ".." or path.startswith("../"):
            hint = "Copy it into the project, and name it relative to this file."
            raise UnreadableFileError("outside", "This file lies outside the project.", hint)
        if not path.lower().endswith((".html", ".md")):
            raise UnreadableFileError("file-ending", "A content file ends with .html or .md.", "Rename it.")
        return path


def body_of_file(
    files: ContentFiles, yaml_path: str, name: str, texts: TextResolver, path: Path
) -> tuple[str, str, str]:
    """The HTML that a content file gives, its path and the digest of its text. Raises UnreadableFileError."""
    found = files.named(yaml_path, name)
    data = files.data(found)
    text = as_text(data)
    if "\0" in text:
        raise UnreadableFileError(
            "character", "This content file holds a NUL character.", "Save it as UTF-8 text again."
        )
    made = texts.text(text, path)
    return (html_of(made) if found.lower().endswith(".md") else made), found, digest(data)


def is_flat_text(html: str) -> bool:
    """Whether somebody wrote plain text with line breaks where HTML is meant: it would arrive as one line."""
    return "\n" in html and _TAG.search(html) is None
