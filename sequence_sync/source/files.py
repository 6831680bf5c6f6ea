"""Finds and reads the files of a project. The only part of this room that touches the disk.

Every trap of a file system ends as `UnreadableFileError` with a reason: links that leave the project, folders and
pipes with a
file's name, files that are too large, not allowed to be read, or not UTF-8. Knows nothing of YAML.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sequence_sync.errors import UsageError

SETTINGS_FILE = "seqsync.yaml"
MOST_BYTES = 8 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_MAGIC = re.compile(r"[*?\[]")
_MAGIC_PART = re.compile(r"(\*+|\?|\[!?\]?[^\]]*\])")
_TEST_FILES = (".test.yaml", ".test.yml")


class UnreadableFileError(Exception):
    """A file that cannot be used. `line` and `column` are 0 where the mistake has no place in it."""

    def __init__(self, rule: str, summary: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(summary)
        self.rule = rule
        self.summary = summary
        self.hint = hint
        self.line = line
        self.column = column


@dataclass(slots=True)
class Found:
    """The files to read, ascending, and what cannot be read, each with its path."""

    paths: list[str] = field(default_factory=list)
    problems: list[tuple[str, UnreadableFileError]] = field(default_factory=list)


def find_files(root: Path, include: Iterable[str]) -> Found:
    """The sequence files below `root`, as paths relative to it with `/`. Hidden ones and `*.test.yaml` are none."""
    found: dict[str, UnreadableFileError | None] = {}
    tops: dict[str, list[str]] = {}
    for pattern in include:
        tops.setdefault(folder_of(pattern), []).append(pattern)
    for top, patterns in tops.items():
        _Walk(root, _matcher(patterns), found).walk(top, _depth(patterns))
    listed = sorted(found)
    return Found(
        [path for path in listed if found[path] is None],
        [(shown(path), problem) for path in listed if (problem := found[path]) is not None],
    )


def shown(path: str) -> str:
    """A path that can be printed: bytes that are no text are shown as codes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8") if not path.isascii() else path


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    rules = re.compile("|".join(_as_regex(pattern) for pattern in patterns))

    def matches(path: str) -> bool:
        wanted = path != SETTINGS_FILE and not path.endswith(_TEST_FILES)
        return wanted and rules.fullmatch(path) is not None

    return matches


def covers(include: Sequence[str], path: str) -> bool:
    """Whether a file at `path` would be read as a sequence."""
    hidden = any(part.startswith(".") for part in path.split("/"))
    return not hidden and _matcher(include)(path)


def folder_of(pattern: str) -> str:
    """The folder that a pattern names before its first `*`; empty for the project itself."""
    folders = pattern.removeprefix("./").split("/")[:-1]
    fixed = next((at for at, part in enumerate(folders) if _MAGIC.search(part)), len(folders))
    return "/".join(folders[:fixed])


def check_glob(pattern: str) -> None:
    """Raises ValueError, with the reason, for a pattern that cannot name files of a project."""
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/") or "\\" in pattern:
        raise ValueError("a pattern is relative to the project, with / between folders and without ..")
    try:
        re.compile(_as_regex(pattern))
    except re.error:
        raise ValueError("this pattern cannot be read; * stands for any name, ** for any folders") from None


def _as_regex(pattern: str) -> str:
    """`**` is any number of folders; `*`, `?` and `[...]` stay within one name."""
    parts = pattern.removeprefix("./").split("/")
    folders = ("(?:[^/]+/)*" if part == "**" else f"{_name_regex(part)}/" for part in parts[:-1])
    return f"(?:{''.join(folders)}{'.*' if parts[-1] == '**' else _name_regex(parts[-1])})"


def _name_regex(name: str) -> str:
    made = []
    for part in _MAGIC_PART.split(name):
        if part in ("*", "**"):
            made.append("[^/]*")
        elif part == "?":
            made.append("[^/]")
        elif part.startswith("[") and part.endswith("]"):
            made.append("(?!/)[" + part[1:-1].replace("!", "^", 1 if part[1] == "!" else 0) + "]")
        else:
            made.append(re.escape(part))
    return "".join(made)


def _depth(patterns: Sequence[str]) -> int | None:
    """How many folders deep the patterns can reach; None where there is no bound."""
    return None if any("**" in pattern.split("/") for pattern in patterns) else max(p.count("/") for p in patterns)


class _Walk:
    """One walk below one folder. Links are followed as long as they stay in the project and do not turn back."""

    def __init__(
        self, root: Path, matches: Callable[[str], bool], found: dict[str, UnreadableFileError | None]
    ) -> None:
        self._root = str(root)
        self._real_root = os.path.realpath(root)
        self._matches = matches
        self._found = found

    def walk(self, folder: str, deepest: int | None) -> None:
        """Looks at everything below `folder`, a path relative to the root."""
        if not any(part.startswith(".") for part in folder.split("/")):
            self._folder(folder, deepest, frozenset({os.path.realpath(self._full(folder))}))

    def _full(self, path: str) -> str:
        return os.path.join(self._root, path) if path else self._root  # noqa: PTH118 (thousands of paths)

    def _folder(self, folder: str, deepest: int | None, above: frozenset[str]) -> None:
        try:
            with os.scandir(self._full(folder)) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        self._entry(entry, f"{folder}/{entry.name}" if folder else entry.name, deepest, above)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._found[folder] = _refused(error, "folder")

    def _entry(self, entry: os.DirEntry[str], path: str, deepest: int | None, above: frozenset[str]) -> None:
        matches, is_folder = self._matches(path), _is_folder(entry)
        if entry.is_symlink() and self._leads_nowhere(path, matches, is_folder):
            return
        if not is_folder:
            if matches:
                self._found[path] = None if path.isascii() or shown(path) == path else _bad_name()
            return
        if matches and path.endswith((".yaml", ".yml")):
            self._found[path] = UnreadableFileError("folder", "This is a folder with a file's name.", "Rename it.")
        if deepest is not None and path.count("/") >= deepest:
            return
        real = os.path.realpath(self._full(path)) if entry.is_symlink() else ""
        if real not in above:
            self._folder(path, deepest, above | {real} if real else above)

    def _leads_nowhere(self, path: str, matches: bool, is_folder: bool) -> bool:
        """Whether a link ends outside the project or at nothing; told where it would have been read."""
        real = os.path.realpath(self._full(path))
        if not is_inside(self._real_root, real):
            if matches or is_folder:
                hint = "Copy what it leads to into the project."
                self._found[path] = UnreadableFileError("outside", "This link leads out of the project.", hint)
            return True
        if not os.path.exists(real):  # noqa: PTH110 (a text already)
            if matches:
                self._found[path] = UnreadableFileError(
                    "broken-link", "This link leads to nothing.", "Mend it or delete it."
                )
            return True
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _bad_name() -> UnreadableFileError:
    return UnreadableFileError("file-name", "The name of this file is not valid UTF-8.", "Rename it.")


def is_inside(real_root: str, real: str) -> bool:
    """Whether a resolved path is the resolved root or lies below it."""
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)


def read_bytes(root: Path, path: str) -> bytes:
    """The bytes of a file, at most 8 MiB. Raises UnreadableFileError; a larger file is not loaded."""
    try:
        handle = os.open(os.path.join(root, path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # noqa: PTH118
    except (OSError, ValueError) as error:
        raise _refused(error, "file") from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableFileError(
                "folder", "This is not an ordinary file.", "Rename it, or put a file in its place."
            )
        data = b"" if about.st_size > MOST_BYTES else _all(handle, about.st_size)
    except OSError as error:
        raise _refused(error, "file") from None
    finally:
        os.close(handle)
    if max(about.st_size, len(data)) > MOST_BYTES:
        summary = f"This file is larger than {MOST_BYTES // (1024 * 1024)} MiB."
        raise UnreadableFileError(
            "too-large", summary, "A file of this project holds text only; take out what does not belong."
        )
    return data


def _all(handle: int, size: int) -> bytes:
    """All of an open file, and of one that grows meanwhile no more than one byte too much."""
    data = os.read(handle, size + 1)
    while len(data) <= MOST_BYTES and (more := os.read(handle, 65_536)):
        data += more
    return data


def _refused(error: Exception, what: str) -> UnreadableFileError:
    if isinstance(error, FileNotFoundError):
        return UnreadableFileError("missing", f"There is no such {what}.", "Check its name, or take it out.")
    if isinstance(error, PermissionError):
        return UnreadableFileError(
            "not-allowed", f"This {what} may not be read.", "Give yourself the right to read it."
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name cannot be right"
    return UnreadableFileError("unreadable", f"This {what} cannot be read: {reason}.", "Check it on the disk.")


def plain_bytes(data: bytes) -> bytes:
    """What a digest is made over: the text with LF line ends, without a byte order mark."""
    if data.startswith(_BOM):
        data = data[len(_BOM) :]
    if b"\r" in data and _is_text(data):
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def digest(data: bytes) -> str:
    """SHA-256 of the text of a file, as hex digits; the same whatever its line ends are."""
    return hashlib.sha256(plain_bytes(data)).hexdigest()


def as_text(data: bytes) -> str:
    """The text of a file with LF line ends. Raises UnreadableFileError, with the place of the first byte that is no
    UTF-8."""
    try:
        return plain_bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFileError("encoding", "This file is UTF-16, not UTF-8.", "Save it as UTF-8.", 1, 1)
    raise UnreadableFileError("encoding", "This file is not UTF-8 from here on.", "Save it as UTF-8.", line, column)


def select(root: Path, paths: Sequence[str], files: Iterable[str]) -> frozenset[str] | None:
    """Those of `files` that `paths` (files or folders) name; None for all where no path is given.

    Raises UsageError for a path that does not exist or has no sequence file.
    """
    if not paths:
        return None
    known = list(files)
    chosen: set[str] = set()
    for path in paths:
        full = os.path.abspath(os.path.join(root, path))  # noqa: PTH100, PTH118 (links stay as they are)
        if not os.path.lexists(full):
            raise UsageError("There is no such file or folder.", shown(path), "Check the path.")
        inside = os.path.relpath(full, os.path.abspath(root)).replace(os.sep, "/")  # noqa: PTH100
        here = [file for file in known if inside == "." or file == inside or file.startswith(f"{inside}/")]
        if not here:
            hint = "The settings' `include` tells which files are sequences."
            raise UsageError("There is no sequence file here.", shown(path), hint)
        chosen.update(here)
    return frozenset(chosen)
