"""Texts of a sequence file -> texts that are sent: variables, content files, Markdown.

The order: read the text; convert CR LF to LF and drop line breaks at the end; replace `${name}`, once; convert
Markdown to HTML. Reads content files of the project. Must not know steps.
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

# Merge tags and whole spintax groups belong to Saleshandy: Markdown must not change them.
_SALESHANDY_SYNTAX = re.compile(r"\{spin\}.*?\{endspin\}|\{\{[^{}]*\}\}|\{(?:end)?spin\}", re.DOTALL)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"breaks": True, "html": True})


def html_of(markdown: str) -> str:
    """Convert `markdown` to HTML without a line break at its end. Merge tags and spintax stay as they are."""
    prefix = _unused_prefix(markdown)
    originals: list[str] = []

    def to_placeholder(match: re.Match[str]) -> str:
        originals.append(match.group())
        return f"{prefix}{len(originals) - 1}z"

    html: str = _renderer().render(_SALESHANDY_SYNTAX.sub(to_placeholder, markdown))
    return re.sub(f"{prefix}([0-9]+)z", lambda match: originals[int(match.group(1))], html).rstrip("\n")


def _unused_prefix(text: str) -> str:
    """A prefix for placeholders that `text` does not contain. Markdown never changes letters and digits."""
    return next(prefix for number in count() if (prefix := f"q{number}tag") not in text)


_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")


def without_ends(text: str) -> str:
    """Convert line ends to LF and drop line breaks at the end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip("\n")


def fill(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Replace each `${name}` in `text` once, and each `$${` by `${`. Also return the unknown names."""
    if "${" not in text:
        return text, []
    unknown: list[str] = []

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "${"
        if name not in variables:
            unknown.append(name)
        return variables.get(name, "")

    return _PLACEHOLDER.sub(value, text), unknown


class TextResolver:
    """Fills in the variables of one file's texts, and collects the problems found."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[Problem] = []

    def resolve(self, value: Data, path: Path) -> Data:
        """Resolve every text in `value`, but no keys. A text with an unknown variable becomes `INVALID`."""
        if isinstance(value, str):
            before = len(self.problems)
            text = self.resolve_text(value, path)
            return text if len(self.problems) == before else INVALID
        if isinstance(value, dict):
            return {key: self.resolve(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner, (*path, at)) for at, inner in enumerate(value)]
        return value

    def resolve_text(self, text: str, path: Path) -> str:
        """Resolve one text. Unknown variables are reported at `path`."""
        resolved, unknown = fill(without_ends(text), self._variables)
        for name in dict.fromkeys(unknown):
            hint = did_you_mean(name, self._variables) or "Define it under `variables:` in seqsync.yaml."
            hint = f"{hint} For a literal ${{ write $${{."
            self.problems.append(Problem(path, "unknown-variable", f'Unknown variable "{name}".', hint))
        return resolved


class ContentFiles:
    """Reads content files of one project, each file once.

    `pending` maps paths in the project to files that are about to be written. It overrides the files on disk.
    """

    def __init__(self, root: FilePath, pending: Mapping[str, bytes] | None = None) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._cache: dict[str, bytes | UnreadableFileError] = dict(pending or {})

    def data(self, path: str) -> bytes:
        """The bytes of a file; `path` is relative to the project. Raises UnreadableFileError."""
        cached = self._cache.get(path)
        if cached is None:
            cached = self._load(path)
            self._cache[path] = cached
        if isinstance(cached, UnreadableFileError):
            raise cached
        return cached

    def _load(self, path: str) -> bytes | UnreadableFileError:
        real = os.path.realpath(os.path.join(self._root, path))  # noqa: PTH118 (needs a string)
        if not is_inside(self._real_root, real):
            return UnreadableFileError("outside", "The file is outside the project.", "Copy it into the project.")
        try:
            return read_bytes(self._root, path)
        except UnreadableFileError as error:
            return error

    def path_of(self, yaml_path: str, name: str) -> str:
        """The path, relative to the project, that `name` means in the file `yaml_path`. Raises UnreadableFileError."""
        if "\\" in name or "\0" in name:
            raise UnreadableFileError("file-name", "Invalid file name.", "Use / between folders.")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(yaml_path), name))
        if name.startswith("/") or path == ".." or path.startswith("../"):
            hint = "Copy it into the project, and write its path relative to this file."
            raise UnreadableFileError("outside", "The file is outside the project.", hint)
        if not path.lower().endswith((".html", ".md")):
            hint = "Rename the file. HTML files end in .html, Markdown files in .md."
            raise UnreadableFileError("file-ending", "The name of a content file must end in .html or .md.", hint)
        return path


def body_of_file(
    files: ContentFiles, yaml_path: str, name: str, texts: TextResolver, path: Path
) -> tuple[str, str, str]:
    """Read a content file. Raises UnreadableFileError.

    Args:
        files: the content files of the project.
        yaml_path: the sequence file that names the content file.
        name: the name in that file.
        texts: fills in the variables.
        path: where problems with variables are reported.

    Returns:
        The HTML, the path of the content file in the project, and the digest of its text.
    """
    file_path = files.path_of(yaml_path, name)
    data = files.data(file_path)
    text = as_text(data)
    if "\0" in text:
        hint = "Save the file as UTF-8 text."
        raise UnreadableFileError("character", "The content file contains a NUL character.", hint)
    resolved = texts.resolve_text(text, path)
    return (html_of(resolved) if file_path.lower().endswith(".md") else resolved), file_path, digest(data)


def is_flat_text(html: str) -> bool:
    """Whether `html` is plain text with line breaks. Sent as HTML, it would arrive as one line."""
    return "\n" in html and _TAG.search(html) is None
