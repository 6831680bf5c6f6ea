"""What git knows of a project's folder: which files changed since a branch left another one.

Runs git and only looks: it takes no lock, asks nothing and writes nothing, whatever the environment it is called from.
Knows nothing of sequences. Paths are relative to the folder, with `/`, whatever stands in a name.
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
from sequence_sync.source.files import SETTINGS_FILE, UnreadableFileError, as_text, covers
from sequence_sync.source.project import load_project
from sequence_sync.source.settings import LoadedSettings, settings_in
from sequence_sync.source.yaml import parse, parse_fast

SECONDS = 300  # for one look; a clone without its files may have to fetch some
MOST_LINKS = 40
# What a hook sets for the repository that it runs in; the repository asked about is that of the folder.
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
    """A file in a commit: its mode and the id of its content."""

    mode: str
    blob: str

    @property
    def is_file(self) -> bool:
        """Whether it is an ordinary file: no link, no submodule."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class GitChanges:
    """What changed since `base`, the commit at which the branch left the other one.

    `until` is the commit up to which it is asked; None: the files as they lie there now. `touched` are the paths that
    differ; `then` and `later` are the files in the two commits (`later` is empty where `until` is None).
    """

    root: Path
    base: str
    until: str | None
    touched: frozenset[str]
    then: Mapping[str, TreeEntry]
    later: Mapping[str, TreeEntry]
    environ: Mapping[str, str] = field(repr=False)

    def changed(self, path: str) -> bool:
        """Whether the file at `path`, or a link on the way to it, is not what it was."""
        return any(self._differs(step) for step in _trail(self.root, path))

    def _differs(self, path: str) -> bool:
        ways = [path, *_above(path)]
        if not self.touched.isdisjoint(ways):
            return True
        # What git has not, or ignores, is in no difference. A submodule is known by its folder.
        return self.until is None and not any(way in self.then for way in ways)

    def contents(self, entries: Iterable[TreeEntry]) -> list[bytes]:
        """The contents of files in a commit, in that order. Raises UsageError."""
        asked = [entry.blob for entry in entries]
        if not asked:
            return []
        done = _git(self.root, self.environ, "cat-file", "--batch", asking="".join(f"{blob}\n" for blob in asked))
        if done.returncode != 0:
            raise _failed(done.stderr)
        return list(_batch(done.stdout, len(asked)))


def changes_since(root: Path, since: str, environ: Mapping[str, str]) -> GitChanges:
    """What changed in the folder `root` since the branch left `since`, uncommitted and untracked files included; for
    `FROM..TO` (or `FROM...TO`), between the commit at which TO left FROM, and TO.

    Raises UsageError: no git, no repository, no such commit, or a clone that does not go back far enough.
    """
    shallow = _is_shallow(root, environ)
    found = _RANGE.fullmatch(since)
    name, end = (found["since"], found["until"]) if found else (since, "HEAD")
    start, tip = (_commit(root, environ, text, shallow) for text in (name, end))
    base = _merge_base(root, environ, (start, tip), name, shallow)
    until = tip if found else None
    diff = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"]
    names = _ok(root, environ, *diff, "--relative", base, *([until] if until else []), "--", ".")
    return GitChanges(
        root=root,
        base=base,
        until=until,
        touched=frozenset(_split(names)),
        environ=environ,
        then=_tree(root, environ, base),
        later=_tree(root, environ, until) if until else {},
    )


def _tree(root: Path, environ: Mapping[str, str], commit: str) -> dict[str, TreeEntry]:
    tree: dict[str, TreeEntry] = {}
    for row in _split(_ok(root, environ, "ls-tree", "-r", "-z", commit)):
        about, _, path = row.partition("\t")
        mode, _, blob = about.split(" ")
        tree[path] = TreeEntry(mode, blob)
    return tree


def _split(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _trail(root: Path, path: str) -> Iterator[str]:
    """`path`, each link on its way, and what that leads to: git knows each of them by its own path."""
    yield path
    real_root = os.path.realpath(root)
    for _ in range(MOST_LINKS):
        ways = [*_above(path), path]
        link = next((way for way in sorted(ways, key=len) if (root / way).is_symlink()), None)
        if link is None:
            return
        yield link
        folder = os.path.realpath((root / link).parent)
        goal = os.path.join(folder, os.readlink(root / link))  # noqa: PTH115, PTH118 (a text is wanted)
        path = os.path.relpath(os.path.normpath(goal + path[len(link) :]), real_root).replace(os.sep, "/")
        yield path


def _is_shallow(root: Path, environ: Mapping[str, str]) -> bool:
    done = _git(root, environ, "rev-parse", "--is-inside-work-tree", "--is-shallow-repository")
    said = done.stdout.decode("ascii", "replace").split()
    if done.returncode != 0 or said[:1] != ["true"]:
        raise _no_repository(root, done.stderr)
    return said[1:] == ["true"]


def _no_repository(root: Path, said: bytes) -> UsageError:
    if b"dubious ownership" in said:
        return UsageError(
            "Git does not trust this folder.",
            "It belongs to another user, as is common in containers.",
            f"Tell git that it is yours: git config --global --add safe.directory {root}",
        )
    return UsageError(
        "-changed-since needs a git repository.",
        _words(said) or f"{root} is not in the working tree of one.",
        "Run it in a clone of your repository, or choose sequences with -target.",
    )


def _commit(root: Path, environ: Mapping[str, str], name: str, shallow: bool) -> str:
    if not name.strip():
        raise UsageError(
            "-changed-since names no commit.",
            "It is empty, or one end of its range is.",
            "Give a branch, a tag or a commit: -changed-since=origin/main. Is a variable of the pipeline not set?",
        )
    done = _git(root, environ, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode == 0:
        return done.stdout.decode("ascii").strip()
    known = _ok(root, environ, "for-each-ref", "--format=%(refname:short)", "--count=2000").decode("utf-8", "replace")
    near = nearest(name, known.split()) if f"origin/{name}" not in known.split() else f"origin/{name}"
    clone = "this clone, which is shallow: it holds only the newest commits" if shallow else "this clone"
    raise UsageError(
        "Git does not know the commit that -changed-since names.",
        f'There is no "{name}" in {clone}.',
        " ".join(([f'Did you mean "{near}"?'] if near else []) + [_how_to_fetch(name, shallow)]),
    )


def _how_to_fetch(name: str, shallow: bool) -> str:
    branch = name.removeprefix("refs/remotes/").removeprefix("origin/")
    more = " --unshallow" if shallow else ""
    plain = re.fullmatch(r"[\w./-]+", branch, re.ASCII) and not branch.startswith("-")
    return (
        f"Fetch it: git fetch{more} origin {branch if plain else 'BRANCH'}. "
        "In GitHub Actions give actions/checkout fetch-depth: 0, in GitLab set GIT_DEPTH: 0."
    )


def _merge_base(root: Path, environ: Mapping[str, str], commits: tuple[str, str], name: str, shallow: bool) -> str:
    done = _git(root, environ, "merge-base", *commits)
    if done.returncode == 0:
        return done.stdout.decode("ascii").split()[0]
    if done.returncode != 1:
        raise _failed(done.stderr)
    if shallow:
        raise UsageError(
            "This clone does not go back far enough for -changed-since.",
            f'It is shallow, and the commit at which the branch left "{name}" is not in it.',
            "Fetch more: git fetch --deepen=500, or all of it: git fetch --unshallow. In GitHub Actions give "
            "actions/checkout fetch-depth: 0, in GitLab set GIT_DEPTH: 0.",
        )
    raise UsageError(
        "The commit that -changed-since names has nothing in common with this branch.",
        f'"{name}" and the branch have no commit in common.',
        "Name the branch that this one was made from.",
    )


def _ok(root: Path, environ: Mapping[str, str], *arguments: str) -> bytes:
    done = _git(root, environ, *arguments)
    if done.returncode != 0:
        raise _failed(done.stderr)
    return done.stdout


def _git(
    root: Path, environ: Mapping[str, str], *arguments: str, asking: str = ""
) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in environ.items() if name not in _HOOK_VARIABLES} | _QUIET
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=clean,
            input=asking.encode("ascii"),
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except FileNotFoundError:
        raise UsageError(
            "-changed-since needs git, and there is none.",
            "No program of this name is in the folders of PATH.",
            "Install git, or choose sequences with -target.",
        ) from None
    except OSError as error:
        raise UsageError("Git cannot be started.", f"{error.strerror}.", "Try it by hand: git status") from None
    except subprocess.TimeoutExpired:
        raise UsageError("Git does not answer.", f"It took more than {SECONDS} s.", "Try: git status") from None


def _failed(said: bytes) -> UsageError:
    return UsageError("Git cannot tell what changed.", _words(said), "Try it by hand: git status")


def _words(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip().removeprefix("fatal: ")[:500]


def _batch(answer: bytes, count: int) -> Iterator[bytes]:
    """The contents in the answer of `git cat-file --batch`: a line with the size, the bytes, a line feed."""
    at = 0
    for _ in range(count):
        end = answer.index(b"\n", at)
        size = int(answer[at:end].rsplit(b" ", 1)[1])
        yield answer[end + 1 : end + 1 + size]
        at = end + size + 2


@dataclass(frozen=True, slots=True)
class ProjectPlace:
    """The project as it is now, in one environment."""

    root: Path
    loaded: LoadedSettings
    environment: str


def changed_sequences(
    place: ProjectPlace, wanted: Mapping[str, DesiredSequence], since: GitChanges
) -> frozenset[str] | None:
    """The keys of the sequences that changed: of `wanted`, and of those whose file is gone. None: all of them.

    Changed settings count for a sequence where they make something else of it; for all, where they cannot be read,
    lead to another account or state, or change what a plan may do.
    """
    keys = {key for key, row in wanted.items() if any(since.changed(file) for file in row.files)}
    include = place.loaded.settings.include
    if since.changed(SETTINGS_FILE):
        old = _settings_at(since, since.then)
        new = place.loaded if since.until is None else _settings_at(since, since.later)
        if old is None or new is None or not _same_ground(old, new, place.environment):
            return None
        if old.digest != new.digest:
            keys |= _by_settings(place, wanted if since.until is None else None, old, new)
            include += old.settings.include
    paths = [path for path in sorted(since.touched) if covers(include, path)]
    for tree in (since.then, since.later):
        keys |= _keys_in(since, [tree[path] for path in paths if path in tree])
    return frozenset(keys)


def _keys_in(since: GitChanges, entries: Iterable[TreeEntry]) -> set[str]:
    """The keys that touched files had in a commit: what was renamed or deleted since is still told."""
    contents = since.contents(entry for entry in entries if entry.is_file)
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


def _settings_at(since: GitChanges, tree: Mapping[str, TreeEntry]) -> LoadedSettings | None:
    """The settings in a commit; None where they cannot be read."""
    entry = tree.get(SETTINGS_FILE)
    if entry is not None and not entry.is_file:
        return None
    try:
        return settings_in(since.contents([entry])[0] if entry else None)
    except InvalidFilesError:
        return None


def _same_ground(old: LoadedSettings, new: LoadedSettings, name: str) -> bool:
    """Whether both settings lead to one account and one state, and let a plan do the same."""
    before, after = old.settings, new.settings
    if name not in before.environments or name not in after.environments:
        return False
    return (
        before.environments[name].api_url == after.environments[name].api_url
        and before.state_path(name) == after.state_path(name)
        and before.policy.removed_steps == after.policy.removed_steps
        and before.switched_off(name) == after.switched_off(name)
    )


def _by_settings(
    place: ProjectPlace, wanted: Mapping[str, DesiredSequence] | None, old: LoadedSettings, new: LoadedSettings
) -> set[str]:
    """The keys of which the files of now make something else with the one settings than with the other. `wanted` is
    what the new ones make of them, where that is known."""
    before = load_project(place.root, old, place.environment).sequences
    after = load_project(place.root, new, place.environment).sequences if wanted is None else wanted
    changed = {key for key in {*before, *after} if _meaning(before.get(key)) != _meaning(after.get(key))}
    return changed | (set(old.settings.removed) ^ set(new.settings.removed))


def _meaning(row: DesiredSequence | None) -> DesiredSequence | None:
    return row.model_copy(update={"source_digest": ""}) if row else None
