"""All sequence files of a project: read, compared with each other, and what is unchanged left unread.

A file is parsed only where its bytes, its content files, the settings or the environment are other than they were.
Places are looked up when there is a mistake to tell, and not before. One bad file never accuses a good one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from sequence_sync.diagnostics import Diagnostic, in_order
from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.source.content import ContentFiles
from sequence_sync.source.files import UnreadableFileError, as_text, digest, find_files, read_bytes, select, shown
from sequence_sync.source.problems import LineIndex, Path, Problem, diagnostic, locate_problems
from sequence_sync.source.sequence import BuildContext, BuildResult, build, source_digest, step_ids_of
from sequence_sync.source.settings import LoadedSettings
from sequence_sync.source.yaml import parse, parse_fast

NOTHING_KNOWN: Mapping[str, Known] = {}


@dataclass(frozen=True)
class Known:
    """What an earlier run made of a file: `files` are its YAML file and its content files, `is_current` tells
    whether a source digest is the one they had then."""

    key: str
    title: str
    remote_id: str | None
    files: tuple[str, ...]
    is_current: Callable[[str], bool]


@dataclass(frozen=True)
class Unchanged:
    """A sequence whose files are what they were; it was not parsed."""

    key: str
    title: str
    remote_id: str | None
    files: tuple[str, ...]
    source_digest: str


@dataclass(frozen=True)
class Project:
    """What the files want. `sequences` and `unchanged` go by key, ascending; `diagnostics` are in order;
    `files_digest` is over the settings and every file."""

    sequences: dict[str, DesiredSequence]
    unchanged: dict[str, Unchanged]
    diagnostics: list[Diagnostic]
    files_digest: str


@dataclass(slots=True)
class _Entry:
    """One file, for the rules over all files. `built` is None where it was not parsed."""

    path: str
    key: str | None
    title: str | None
    remote_id: str | None
    whole: bool
    built: BuildResult | None = None


@dataclass(slots=True)
class _Loading:
    """What one load has found so far."""

    root: FilePath
    scope: BuildContext
    base: str
    entries: list[_Entry] = field(default_factory=list)
    unchanged: dict[str, Unchanged] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)


def load_project(
    root: FilePath,
    loaded: LoadedSettings,
    environment: str,
    known: Mapping[str, Known] = NOTHING_KNOWN,
    paths: Sequence[str] = (),
) -> Project:
    """Reads every sequence file below `root` for one environment.

    `known` goes by the path of the YAML file. `paths` (files or folders) bounds what is told and returned. Raises
    UsageError for one that does not exist or holds no sequence file; every other mistake is a diagnostic.
    """
    settings = loaded.settings
    found = find_files(root, settings.include)
    chosen = select(root, paths, [*found.paths, *(path for path, _ in found.problems)])
    loading = _Loading(root, _scope(root, loaded, environment), f"{loaded.digest}\0{environment}")
    for path, problem in found.problems:
        loading.diagnostics.append(_unreadable(path, problem))
        loading.digests[path] = problem.rule
    for path in found.paths:
        _load_file(loading, path, known.get(path))
    loading.diagnostics += _across(loading, settings.removed)
    if not found.paths and not found.problems:
        summary = "No sequence file found."
        hint = f"Looked for: {', '.join(settings.include)}."
        loading.diagnostics.append(Diagnostic("", 0, 0, "no-files", summary, hint))
    return _project(loading, loaded.digest, chosen)


@dataclass(frozen=True)
class FileRow:
    """One file by itself: who it says it is, as far as it can be read, and what is wrong in it. `sequence` is None
    where anything is."""

    path: str
    key: str | None = None
    title: str | None = None
    remote_id: str | None = None
    sequence: DesiredSequence | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def read_files(root: FilePath, loaded: LoadedSettings, environment: str) -> list[FileRow]:
    """Every sequence file, each by itself and then against the others; a broken one does not hide the rest."""
    found = find_files(root, loaded.settings.include)
    loading = _Loading(root, _scope(root, loaded, environment), f"{loaded.digest}\0{environment}")
    loading.diagnostics += [_unreadable(path, problem) for path, problem in found.problems]
    for path in found.paths:
        _load_file(loading, path, None)
    loading.diagnostics += _across(loading, loaded.settings.removed)
    told: dict[str, list[Diagnostic]] = {}
    for each in loading.diagnostics:
        told.setdefault(each.path, []).append(each)
    rows = [_row(entry, in_order(told.pop(shown(entry.path), []))) for entry in loading.entries]
    return rows + [FileRow(path, diagnostics=tuple(in_order(wrong))) for path, wrong in told.items()]


def _row(entry: _Entry, told: list[Diagnostic]) -> FileRow:
    wanted = entry.built.sequence if entry.built and not told else None
    return FileRow(entry.path, entry.key, entry.title, entry.remote_id, wanted, tuple(told))


def read_text(
    root: FilePath,
    loaded: LoadedSettings,
    environment: str,
    path: str,
    text: str,
    content_files: Mapping[str, bytes],
) -> tuple[DesiredSequence | None, list[Diagnostic]]:
    """What the file `path` would say with this text, before it is written; `content_files` are to be written too."""
    loading = _Loading(root, _scope(root, loaded, environment, content_files), f"{loaded.digest}\0{environment}")
    loading.digests[path] = digest(text.encode("utf-8"))
    built, told = _read(loading, path, text)
    return (None if told else built.sequence), told


def _scope(root: FilePath, loaded: LoadedSettings, name: str, given: Mapping[str, bytes] | None = None) -> BuildContext:
    environment = loaded.settings.environments[name]
    return BuildContext(
        environment=environment,
        one_environment=len(loaded.settings.environments) == 1,
        variables={**loaded.settings.variables, **environment.variables},
        files=ContentFiles(root, given),
        step_ids=step_ids_of(environment.ids),
    )


def _project(loading: _Loading, settings_digest: str, chosen: frozenset[str] | None) -> Project:
    def is_chosen(path: str) -> bool:
        return chosen is None or path in chosen

    wanted = {
        entry.key: entry.built.sequence
        for entry in loading.entries
        if entry.key and entry.built and entry.built.sequence and is_chosen(entry.path)
    }
    text = "\0".join((settings_digest, *(f"{path}\0{made}" for path, made in sorted(loading.digests.items()))))
    return Project(
        sequences=dict(sorted(wanted.items())),
        unchanged={key: same for key, same in sorted(loading.unchanged.items()) if is_chosen(same.files[0])},
        diagnostics=in_order(told for told in loading.diagnostics if is_chosen(told.path) or not told.path),
        files_digest=hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
    )


def _unreadable(path: str, problem: UnreadableFileError) -> Diagnostic:
    return Diagnostic(shown(path), problem.line, problem.column, problem.rule, problem.summary, problem.hint)


def _load_file(loading: _Loading, path: str, known: Known | None) -> None:
    try:
        data = read_bytes(loading.root, path)
    except UnreadableFileError as problem:
        loading.diagnostics.append(_unreadable(path, problem))
        loading.digests[path] = problem.rule
        return
    loading.digests[path] = digest(data)
    if known is not None and _is_unchanged(loading, path, known):
        return
    try:
        text = as_text(data)
    except UnreadableFileError as problem:
        loading.diagnostics.append(_unreadable(path, problem))
        return
    built, told = _read(loading, path, text)
    loading.digests.update(built.content_files)
    loading.diagnostics += told
    if told:
        built.sequence = None
    loading.entries.append(_Entry(path, built.key, built.title, built.remote_id, not told, built))


def _is_unchanged(loading: _Loading, path: str, known: Known) -> bool:
    files = [(path, loading.digests[path])]
    try:
        files += [(file, digest(loading.scope.files.data(file))) for file in known.files[1:]]
    except UnreadableFileError:
        return False
    made = source_digest(loading.base, files)
    if known.files[0] != path or not known.is_current(made):
        return False
    loading.digests.update(files)
    loading.unchanged[known.key] = Unchanged(known.key, known.title, known.remote_id, known.files, made)
    loading.entries.append(_Entry(path, known.key, known.title, known.remote_id, True))
    return True


def _read(loading: _Loading, path: str, text: str) -> tuple[BuildResult, list[Diagnostic]]:
    """The sequence by the quick reader; by the judge where that one hands over or something is wrong."""
    made = loading.digests[path]
    quick = parse_fast(text)
    if quick is not None:
        built = build(quick, path, made, loading.scope, loading.base)
        if built.sequence is not None:
            return built, []
    document, lines = parse(text), LineIndex(text)
    told = [diagnostic(path, lines, finding) for finding in document.findings]
    if document.empty:
        hint = "Write `sequence:` and `steps:`, or delete the file."
        told.append(Diagnostic(path, 1, 1, "empty", "This file is empty.", hint, source_line=lines.text(1)))
    built = build(document.data, path, made, loading.scope, loading.base)
    return built, told + locate_problems(path, lines, document.root, built.mistakes)


def _across(loading: _Loading, removed: Iterable[str]) -> list[Diagnostic]:
    """What stands once in a project: keys, titles, ids. Right files accuse each other; a bad one is accused alone."""
    entries = loading.entries
    mistakes: dict[str, list[Problem]] = {}
    _once(entries, mistakes, lambda entry: entry.key, "same-key", "This key", _key_path)
    _once(entries, mistakes, _folded_title, "same-title", "This title", _title_path)
    _once(entries, mistakes, lambda entry: entry.remote_id, "same-id", "This id of the app", _id_path)
    forget_missing = set(removed)
    keys = {entry.key for entry in entries if entry.whole}
    for entry in entries:
        if entry.key in forget_missing:
            hint = "Take it out there to keep it, or delete this file."
            told = Problem(("sequence",), "removed-and-there", "`removed:` of seqsync.yaml lets this one go.", hint)
            mistakes.setdefault(entry.path, []).append(told)
        formerly = entry.built.formerly if entry.built else None
        if formerly in keys and formerly != entry.key:
            told = Problem(
                ("formerly",),
                "moved-and-there",
                f'There is a sequence "{formerly}" still.',
                "Take this line out, or that sequence.",
            )
            mistakes.setdefault(entry.path, []).append(told)
    return [told for path, found in mistakes.items() for told in _place(loading.root, path, found)]


def _key_path(built: BuildResult) -> Path:
    return ("sequence",)


def _title_path(built: BuildResult) -> Path:
    return built.title_path


def _id_path(built: BuildResult) -> Path:
    return built.id_path


def _folded_title(entry: _Entry) -> str | None:
    return entry.title.strip().casefold() if entry.title else None


def _once(
    entries: list[_Entry],
    mistakes: dict[str, list[Problem]],
    value_of: Callable[[_Entry], str | None],
    rule: str,
    what: str,
    path_of: Callable[[BuildResult], Path],
) -> None:
    groups: dict[str, list[_Entry]] = {}
    for entry in entries:
        value = value_of(entry)
        if value is not None:
            groups.setdefault(value, []).append(entry)
    for group in groups.values():
        whole = [entry for entry in group if entry.whole]
        accused = group if len(whole) > 1 else [entry for entry in group if not entry.whole]
        for entry in accused if len(group) > 1 else ():
            others = ", ".join(other.path for other in group if other is not entry)
            way = path_of(entry.built) if entry.built else _NOT_PARSED[rule]
            told = Problem(way, rule, f"{what} stands in another file too: {others}.", "Change one of them.")
            mistakes.setdefault(entry.path, []).append(told)


_NOT_PARSED: Mapping[str, Path] = {"same-key": ("sequence",), "same-title": ("title",), "same-id": ("id",)}


def _place(root: FilePath, path: str, mistakes: list[Problem]) -> list[Diagnostic]:
    """The places of mistakes in a file that was read before, or not parsed at all; where what they speak of does not
    stand in it (a default title, an id from the settings), they are told at its key."""
    try:
        text = as_text(read_bytes(root, path))
    except UnreadableFileError:
        return [Diagnostic(path, 0, 0, told.rule, told.summary, told.hint) for told in mistakes]
    document = parse(text)
    if not isinstance(document.data, dict):
        return []
    known = document.data
    there = [told if told.path[0] in known else replace(told, path=("sequence",)) for told in mistakes]
    return locate_problems(path, LineIndex(text), document.root, there)
