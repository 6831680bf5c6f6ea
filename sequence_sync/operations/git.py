"""Which sequences changed since a commit, for -changed-since: what git says about the project's folder.

Runs git only to read: it takes no lock, prompts for nothing and writes nothing. Paths are relative to the project's
folder, with `/`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sequence_sync.diagnostics import nearest
from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.operations.workspace import Workspace
from sequence_sync.source.files import SETTINGS_FILE, UnreadableFileError, as_text, covers
from sequence_sync.source.project import load_project
from sequence_sync.source.settings import LoadedSettings, settings_in
from sequence_sync.source.yaml import parse, parse_fast

GIT_SECONDS = 300  # for one command; a partial clone may have to fetch files
MAX_LINKS = 40
# A git hook sets these for its repository. The repository read here is the one of the project's folder.
_HOOK_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
)
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_RANGE = re.compile(r"(?P<since>.*?)\.\.\.?(?P<until>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file in a commit: its mode, and the id of its content."""

    mode: str
    blob: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, not a symbolic link or a submodule."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class GitChanges:
    """What changed since `base`, the commit at which the branch left the other one.

    `until` is the commit up to which changes count. None: up to the files on disk. `paths` are the paths that differ.
    `base_tree` and `until_tree` are the files in the two commits; `until_tree` is empty where `until` is None.
    """

    root: Path
    base: str
    until: str | None
    paths: frozenset[str]
    base_tree: Mapping[str, TreeEntry]
    until_tree: Mapping[str, TreeEntry]
    environ: Mapping[str, str] = field(repr=False)

    def changed(self, path: str) -> bool:
        """Return whether the file at `path` changed, or a symbolic link on the way to it."""
        return any(self._differs(step) for step in _path_and_links(self.root, path))

    def _differs(self, path: str) -> bool:
        candidates = [path, *_parents(path)]
        if not self.paths.isdisjoint(candidates):
            return True
        # Git lists no difference for a file that it does not have or ignores. A submodule is listed by its folder.
        return self.until is None and not any(candidate in self.base_tree for candidate in candidates)

    def contents(self, entries: Iterable[TreeEntry]) -> list[bytes]:
        """Return the contents of files in a commit, in the order of `entries`. Raises UsageError."""
        blobs = [entry.blob for entry in entries]
        if not blobs:
            return []
        result = _git(self.root, self.environ, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs))
        if result.returncode != 0:
            raise _git_failed(result.stderr)
        return list(_parse_batch(result.stdout, len(blobs)))


def changes_since(root: Path, since: str, environ: Mapping[str, str]) -> GitChanges:
    """Return what changed in the folder `root` since the branch left `since`, uncommitted and untracked files included.

    For `FROM..TO` (or `FROM...TO`), return what changed between the commit at which TO left FROM, and TO.
    Raises UsageError: no git, no repository, no such commit, or a shallow clone that lacks the commit.
    """
    shallow = _is_shallow(root, environ)
    match = _RANGE.fullmatch(since)
    name, end = (match["since"], match["until"]) if match else (since, "HEAD")
    start, tip = (_commit(root, environ, text, shallow) for text in (name, end))
    base = _merge_base(root, environ, (start, tip), name, shallow)
    until = tip if match else None
    diff = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"]
    names = _git_output(root, environ, *diff, "--relative", base, *([until] if until else []), "--", ".")
    return GitChanges(
        root=root,
        base=base,
        until=until,
        paths=frozenset(_split(names)),
        environ=environ,
        base_tree=_tree(root, environ, base),
        until_tree=_tree(root, environ, until) if until else {},
    )


def _tree(root: Path, environ: Mapping[str, str], commit: str) -> dict[str, TreeEntry]:
    tree: dict[str, TreeEntry] = {}
    for row in _split(_git_output(root, environ, "ls-tree", "-r", "-z", commit)):
        attributes, _, path = row.partition("\t")
        mode, _, blob = attributes.split(" ")
        tree[path] = TreeEntry(mode, blob)
    return tree


def _split(names: bytes) -> list[str]:
    return [os.fsdecode(name) for name in names.split(b"\0") if name]


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _path_and_links(root: Path, path: str) -> Iterator[str]:
    """Yield `path`, each symbolic link on the way to it, and the target of each: git lists each by its own path."""
    yield path
    real_root = os.path.realpath(root)
    for _ in range(MAX_LINKS):
        candidates = [*_parents(path), path]
        link = next((one for one in sorted(candidates, key=len) if (root / one).is_symlink()), None)
        if link is None:
            return
        yield link
        folder = os.path.realpath((root / link).parent)
        target = os.path.join(folder, os.readlink(root / link))  # noqa: PTH115, PTH118 (a text is needed)
        path = os.path.relpath(os.path.normpath(target + path[len(link) :]), real_root).replace(os.sep, "/")
        yield path


def _is_shallow(root: Path, environ: Mapping[str, str]) -> bool:
    result = _git(root, environ, "rev-parse", "--is-inside-work-tree", "--is-shallow-repository")
    answers = result.stdout.decode("ascii", "replace").split()
    if result.returncode != 0 or answers[:1] != ["true"]:
        raise _no_repository(root, result.stderr)
    return answers[1:] == ["true"]


def _no_repository(root: Path, stderr: bytes) -> UsageError:
    if b"dubious ownership" in stderr:
        return UsageError(
            "Git does not trust this folder.",
            "The folder belongs to another user, as is common in containers.",
            f"Mark it as safe: git config --global --add safe.directory {root}",
        )
    return UsageError(
        "-changed-since needs a git repository.",
        _message_of(stderr) or f"{root} is not in the working tree of a repository.",
        "Run seqsync in a clone of your repository, or select sequences with -target.",
    )


def _commit(root: Path, environ: Mapping[str, str], name: str, shallow: bool) -> str:
    if not name.strip():
        raise UsageError(
            "-changed-since names no commit.",
            "The value, or one end of its range, is empty.",
            "Name a branch, a tag or a commit: -changed-since=origin/main. In a pipeline, check its variable.",
        )
    result = _git(root, environ, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if result.returncode == 0:
        return result.stdout.decode("ascii").strip()
    output = _git_output(root, environ, "for-each-ref", "--format=%(refname:short)", "--count=2000")
    refs = output.decode("utf-8", "replace").split()
    near = nearest(name, refs) if f"origin/{name}" not in refs else f"origin/{name}"
    clone = "this clone, which is shallow (only the newest commits)" if shallow else "this clone"
    raise UsageError(
        "-changed-since names an unknown commit.",
        f'"{name}" is not in {clone}.',
        " ".join(([f'Did you mean "{near}"?'] if near else []) + [_how_to_fetch(name, shallow)]),
    )


def _how_to_fetch(name: str, shallow: bool) -> str:
    branch = name.removeprefix("refs/remotes/").removeprefix("origin/")
    more = " --unshallow" if shallow else ""
    plain = re.fullmatch(r"[\w./-]+", branch, re.ASCII) and not branch.startswith("-")
    return (
        f"Fetch it: git fetch{more} origin {branch if plain else 'BRANCH'}. "
        "In GitHub Actions, set fetch-depth: 0 for actions/checkout. In GitLab, set GIT_DEPTH: 0."
    )


def _merge_base(root: Path, environ: Mapping[str, str], commits: tuple[str, str], name: str, shallow: bool) -> str:
    result = _git(root, environ, "merge-base", *commits)
    if result.returncode == 0:
        return result.stdout.decode("ascii").split()[0]
    if result.returncode != 1:
        raise _git_failed(result.stderr)
    if shallow:
        raise UsageError(
            "This clone is too shallow for -changed-since.",
            f'It does not contain the commit at which the branch left "{name}".',
            "Fetch more commits: git fetch --deepen=500, or all: git fetch --unshallow. In GitHub Actions, set "
            "fetch-depth: 0 for actions/checkout. In GitLab, set GIT_DEPTH: 0.",
        )
    raise UsageError(
        "-changed-since names a commit of an unrelated history.",
        f'"{name}" and this branch have no commit in common.',
        "Name the branch that this one was created from.",
    )


def _git_output(root: Path, environ: Mapping[str, str], *arguments: str) -> bytes:
    result = _git(root, environ, *arguments)
    if result.returncode != 0:
        raise _git_failed(result.stderr)
    return result.stdout


def _git(
    root: Path, environ: Mapping[str, str], *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in environ.items() if name not in _HOOK_VARIABLES} | _QUIET
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=clean,
            input=stdin.encode("ascii"),
            capture_output=True,
            check=False,
            timeout=GIT_SECONDS,
        )
    except FileNotFoundError:
        raise UsageError(
            "-changed-since needs git, which is not installed.",
            "No folder in PATH contains git.",
            "Install git, or select sequences with -target.",
        ) from None
    except OSError as error:
        raise UsageError("Git cannot be started.", f"{error.strerror}.", "Try: git status") from None
    except subprocess.TimeoutExpired:
        raise UsageError("Git does not answer.", f"git ran for more than {GIT_SECONDS} s.", "Try: git status") from None


def _git_failed(stderr: bytes) -> UsageError:
    return UsageError("Git cannot determine what changed.", _message_of(stderr), "Try: git status")


def _message_of(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")[:500]


def _parse_batch(output: bytes, count: int) -> Iterator[bytes]:
    """Yield the contents in the output of `git cat-file --batch`: a line with the size, the bytes, a newline."""
    offset = 0
    for _ in range(count):
        end = output.index(b"\n", offset)
        size = int(output[offset:end].rsplit(b" ", 1)[1])
        yield output[end + 1 : end + 1 + size]
        offset = end + size + 2


def changed_sequences(
    workspace: Workspace, desired: Mapping[str, DesiredSequence], changes: GitChanges
) -> frozenset[str] | None:
    """Return the keys of the changed sequences, those with a deleted file included. None: all sequences.

    A change of the settings counts for each sequence that it changes. It counts for all where the settings cannot be
    read, use another account or state, or change what a plan may do.
    """
    keys = {key for key, row in desired.items() if any(changes.changed(file) for file in row.files)}
    include = workspace.loaded.settings.include
    if changes.changed(SETTINGS_FILE):
        old = _settings_in(changes, changes.base_tree)
        new = workspace.loaded if changes.until is None else _settings_in(changes, changes.until_tree)
        if old is None or new is None or not _same_scope(old, new, workspace.name):
            return None
        if old.digest != new.digest:
            keys |= _changed_by_settings(workspace, desired if changes.until is None else None, old, new)
            include += old.settings.include
    paths = [path for path in sorted(changes.paths) if covers(include, path)]
    for tree in (changes.base_tree, changes.until_tree):
        keys |= _keys_in(changes, [tree[path] for path in paths if path in tree])
    return frozenset(keys)


def _keys_in(changes: GitChanges, entries: Iterable[TreeEntry]) -> set[str]:
    """Return the sequence keys of files in a commit, so that a renamed or deleted sequence counts too."""
    contents = changes.contents(entry for entry in entries if entry.is_file)
    return {key for data in contents if (key := _key_in(data))}


def _key_in(data: bytes) -> str | None:
    try:
        text = as_text(data)
    except UnreadableFileError:
        return None
    document = parse_fast(text)
    if document is None:
        document = parse(text).data
    key = document.get("sequence") if isinstance(document, dict) else None
    return key if isinstance(key, str) else None


def _settings_in(changes: GitChanges, tree: Mapping[str, TreeEntry]) -> LoadedSettings | None:
    """Return the settings in a commit, or None where they cannot be read."""
    entry = tree.get(SETTINGS_FILE)
    if entry is not None and not entry.is_file:
        return None
    try:
        return settings_in(changes.contents([entry])[0] if entry else None)
    except InvalidFilesError:
        return None


def _same_scope(old: LoadedSettings, new: LoadedSettings, name: str) -> bool:
    """Return whether both settings use one account and one state, and allow a plan the same."""
    before, after = old.settings, new.settings
    if name not in before.environments or name not in after.environments:
        return False
    return (
        before.environments[name].api_url == after.environments[name].api_url
        and before.state_path(name) == after.state_path(name)
        and before.policy.removed_steps == after.policy.removed_steps
        and before.switched_off(name) == after.switched_off(name)
    )


def _changed_by_settings(
    workspace: Workspace, desired: Mapping[str, DesiredSequence] | None, old: LoadedSettings, new: LoadedSettings
) -> set[str]:
    """Return the keys of sequences that the files on disk declare differently under the old and the new settings.

    `desired` is what they declare under the new settings, where that is known.
    """
    before = load_project(workspace.root, old, workspace.name).sequences
    after = load_project(workspace.root, new, workspace.name).sequences if desired is None else desired
    changed = {key for key in {*before, *after} if _meaning(before.get(key)) != _meaning(after.get(key))}
    return changed | (set(old.settings.removed) ^ set(new.settings.removed))


def _meaning(row: DesiredSequence | None) -> DesiredSequence | None:
    return row.model_copy(update={"source_digest": ""}) if row else None
