"""Find and read the files of a project.

Whatever can go wrong on disk raises `UnreadableFileError` with a reason: links out of the project, folders and pipes
with a file's name, files that are too large, without read permission, or not UTF-8. Must not know YAML.
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
    """A file that cannot be used. `line` and `column` are 0 if the problem has no position in it."""

    def __init__(self, rule: str, summary: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(summary)
        self.rule = rule
        self.summary = summary
        self.hint = hint
        self.line = line
        self.column = column


@dataclass(slots=True)
class FoundFiles:
    """The paths of the files to read, and the paths that cannot be read, each with its error. Both ascending."""

    paths: list[str] = field(default_factory=list)
    errors: list[tuple[str, UnreadableFileError]] = field(default_factory=list)


def find_files(root: Path, include: Iterable[str]) -> FoundFiles:
    """Find the sequence files below `root`: paths relative to it, with `/`. Skips hidden files and `*.test.yaml`."""
    found: dict[str, UnreadableFileError | None] = {}
    folders: dict[str, list[str]] = {}
    for pattern in include:
        folders.setdefault(folder_of(pattern), []).append(pattern)
    for folder, patterns in folders.items():
        _FolderWalk(root, _matcher(patterns), found).walk(folder, _depth(patterns))
    ascending = sorted(found)
    return FoundFiles(
        [path for path in ascending if found[path] is None],
        [(printable(path), error) for path in ascending if (error := found[path]) is not None],
    )


def printable(path: str) -> str:
    """A path that can be printed: bytes that are not UTF-8 become escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8") if not path.isascii() else path


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    rules = re.compile("|".join(_as_regex(pattern) for pattern in patterns))

    def matches(path: str) -> bool:
        can_match = path != SETTINGS_FILE and not path.endswith(_TEST_FILES)
        return can_match and rules.fullmatch(path) is not None

    return matches


def covers(include: Sequence[str], path: str) -> bool:
    """Whether the patterns include a file at `path`."""
    hidden = any(part.startswith(".") for part in path.split("/"))
    return not hidden and _matcher(include)(path)


def folder_of(pattern: str) -> str:
    """The folder in a pattern before its first wildcard; empty for the project itself."""
    folders = pattern.removeprefix("./").split("/")[:-1]
    fixed = next((at for at, part in enumerate(folders) if _MAGIC.search(part)), len(folders))
    return "/".join(folders[:fixed])


def check_glob(pattern: str) -> None:
    """Raise ValueError, with the reason, for a pattern that cannot match files of a project."""
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/") or "\\" in pattern:
        raise ValueError("the pattern must be relative to the project, with / and without ..")
    try:
        re.compile(_as_regex(pattern))
    except re.error:
        raise ValueError("invalid pattern; * matches any name, ** matches any folders") from None


def _as_regex(pattern: str) -> str:
    """`**` matches any number of folders; `*`, `?` and `[...]` match within one name."""
    parts = pattern.removeprefix("./").split("/")
    folders = ("(?:[^/]+/)*" if part == "**" else f"{_name_regex(part)}/" for part in parts[:-1])
    return f"(?:{''.join(folders)}{'.*' if parts[-1] == '**' else _name_regex(parts[-1])})"


def _name_regex(name: str) -> str:
    regex = []
    for part in _MAGIC_PART.split(name):
        if part in ("*", "**"):
            regex.append("[^/]*")
        elif part == "?":
            regex.append("[^/]")
        elif part.startswith("[") and part.endswith("]"):
            regex.append("(?!/)[" + part[1:-1].replace("!", "^", 1 if part[1] == "!" else 0) + "]")
        else:
            regex.append(re.escape(part))
    return "".join(regex)


def _depth(patterns: Sequence[str]) -> int | None:
    """How many folders deep the patterns can match; None means no limit."""
    return None if any("**" in pattern.split("/") for pattern in patterns) else max(p.count("/") for p in patterns)


class _FolderWalk:
    """A walk through one folder. It follows links that stay in the project and do not form a loop."""

    def __init__(
        self, root: Path, matches: Callable[[str], bool], found: dict[str, UnreadableFileError | None]
    ) -> None:
        self._root = str(root)
        self._real_root = os.path.realpath(root)
        self._matches = matches
        self._found = found

    def walk(self, folder: str, deepest: int | None) -> None:
        """Search `folder` (a path relative to the root) and what is below it."""
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
            self._found[folder] = _os_error(error, "folder")

    def _entry(self, entry: os.DirEntry[str], path: str, deepest: int | None, above: frozenset[str]) -> None:
        matches, is_folder = self._matches(path), _is_folder(entry)
        if entry.is_symlink() and self._is_bad_link(path, matches, is_folder):
            return
        if not is_folder:
            if matches:
                self._found[path] = None if path.isascii() or printable(path) == path else _bad_name()
            return
        if matches and path.endswith((".yaml", ".yml")):
            self._found[path] = UnreadableFileError("folder", "Expected a file, found a folder.", "Rename the folder.")
        if deepest is not None and path.count("/") >= deepest:
            return
        real = os.path.realpath(self._full(path)) if entry.is_symlink() else ""
        if real not in above:
            self._folder(path, deepest, above | {real} if real else above)

    def _is_bad_link(self, path: str, matches: bool, is_folder: bool) -> bool:
        """Whether a link is broken or leads out of the project. Reported only if its target would be read."""
        real = os.path.realpath(self._full(path))
        if not is_inside(self._real_root, real):
            if matches or is_folder:
                hint = "Replace the link with a copy of its target."
                self._found[path] = UnreadableFileError("outside", "The link leads out of the project.", hint)
            return True
        if not os.path.exists(real):  # noqa: PTH110 (already a string)
            if matches:
                self._found[path] = UnreadableFileError("broken-link", "Broken link.", "Fix the link, or delete it.")
            return True
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _bad_name() -> UnreadableFileError:
    return UnreadableFileError("file-name", "The file name is not valid UTF-8.", "Rename the file.")


def is_inside(real_root: str, real: str) -> bool:
    """Whether a resolved path is the resolved root or below it."""
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)


def read_bytes(root: Path, path: str) -> bytes:
    """Read a file of at most 8 MiB. Raises UnreadableFileError; does not load a larger file."""
    try:
        handle = os.open(os.path.join(root, path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # noqa: PTH118
    except (OSError, ValueError) as error:
        raise _os_error(error, "file") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFileError("folder", "Not a regular file.", "Replace it with a regular file, or rename it.")
        data = b"" if status.st_size > MOST_BYTES else _read_all(handle, status.st_size)
    except OSError as error:
        raise _os_error(error, "file") from None
    finally:
        os.close(handle)
    if max(status.st_size, len(data)) > MOST_BYTES:
        summary = f"The file is larger than {MOST_BYTES // (1024 * 1024)} MiB."
        hint = "Project files contain only text. Remove what does not belong in this file."
        raise UnreadableFileError("too-large", summary, hint)
    return data


def _read_all(handle: int, size: int) -> bytes:
    """Read an open file to its end. Stop above the limit, in case the file is growing."""
    data = os.read(handle, size + 1)
    while len(data) <= MOST_BYTES and (more := os.read(handle, 65_536)):
        data += more
    return data


def _os_error(error: Exception, what: str) -> UnreadableFileError:
    """Explain an error of the operating system. `what` is `file` or `folder`."""
    if isinstance(error, FileNotFoundError):
        return UnreadableFileError("missing", f"{what.capitalize()} not found.", "Check the path.")
    if isinstance(error, PermissionError):
        hint = "Give your user permission to read it."
        return UnreadableFileError("not-allowed", f"Cannot read this {what}: permission denied.", hint)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "invalid name"
    return UnreadableFileError("unreadable", f"Cannot read this {what}: {reason}.", f"Check the {what} on disk.")


def plain_bytes(data: bytes) -> bytes:
    """The bytes that a digest covers: text with LF line ends and without a byte order mark."""
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
    """SHA-256 of the text of a file, as hex digits. Line ends make no difference."""
    return hashlib.sha256(plain_bytes(data)).hexdigest()


def as_text(data: bytes) -> str:
    """Decode a file and convert its line ends to LF. UnreadableFileError has the position of the first invalid byte."""
    try:
        return plain_bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFileError("encoding", "The file is UTF-16, not UTF-8.", "Save the file as UTF-8.", 1, 1)
    raise UnreadableFileError("encoding", "Invalid UTF-8 from here on.", "Save the file as UTF-8.", line, column)


def select(root: Path, paths: Sequence[str], files: Iterable[str]) -> frozenset[str] | None:
    """Select the `files` in `paths` (files or folders); None means all, if no path is given.

    Raises UsageError for a path that does not exist or contains no sequence file.
    """
    if not paths:
        return None
    known = list(files)
    chosen: set[str] = set()
    for path in paths:
        full = os.path.abspath(os.path.join(root, path))  # noqa: PTH100, PTH118 (does not resolve links)
        if not os.path.lexists(full):
            raise UsageError("No such file or folder.", printable(path), "Check the path.")
        inside = os.path.relpath(full, os.path.abspath(root)).replace(os.sep, "/")  # noqa: PTH100
        here = [file for file in known if inside == "." or file == inside or file.startswith(f"{inside}/")]
        if not here:
            hint = "Check the path. `include` in seqsync.yaml says which files are sequence files."
            raise UsageError("No sequence file found.", printable(path), hint)
        chosen.update(here)
    return frozenset(chosen)
