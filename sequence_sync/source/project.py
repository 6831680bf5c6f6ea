"""Load all sequence files of a project, and compare them with each other.

A file is parsed only if its bytes, its content files, the settings or the environment have changed. Positions are
looked up only for a problem. An invalid file never causes an error in a valid one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from sequence_sync.diagnostics import Diagnostic, in_order
from sequence_sync.model.sequence import DesiredSequence, normalized_title
from sequence_sync.source.content import ContentFiles
from sequence_sync.source.files import UnreadableFileError, as_text, digest, find_files, printable, read_bytes, select
from sequence_sync.source.problems import LineIndex, Path, Problem, diagnostic, locate_problems
from sequence_sync.source.sequence import BuildContext, BuildResult, build, source_digest, step_ids_of
from sequence_sync.source.settings import LoadedSettings
from sequence_sync.source.yaml import parse, parse_fast


@dataclass(frozen=True)
class KnownFile:
    """What an earlier run read from a sequence file.

    `files` are its YAML file and its content files. `is_current` says whether a source digest is that of the earlier
    run.
    """

    key: str
    title: str
    remote_id: str | None
    files: tuple[str, ...]
    is_current: Callable[[str], bool]


NO_KNOWN_FILES: Mapping[str, KnownFile] = {}


@dataclass(frozen=True)
class LoadedFile:
    """One sequence file.

    Key, title and ID are set as far as they can be read. `sequence` is None if the file has diagnostics, or if it is
    unchanged and was not parsed. Only an unchanged file has `files` and `source_digest` here. `result` is for the
    rules that compare files; it is None for a file that was not parsed.
    """

    path: str
    key: str | None = None
    title: str | None = None
    remote_id: str | None = None
    sequence: DesiredSequence | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    files: tuple[str, ...] = ()
    source_digest: str = ""
    result: BuildResult | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Project:
    """The desired sequences of a project.

    `sequences` and `unchanged` are by key, ascending. `diagnostics` are in order. `files_digest` covers the settings
    and every file.
    """

    sequences: dict[str, DesiredSequence]
    unchanged: dict[str, LoadedFile]
    diagnostics: list[Diagnostic]
    files_digest: str


@dataclass(slots=True)
class _Progress:
    """What has been loaded so far. `diagnostics` has those of all files."""

    root: FilePath
    context: BuildContext
    base: str
    files: list[LoadedFile] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)


def load_project(
    root: FilePath,
    loaded: LoadedSettings,
    environment: str,
    known: Mapping[str, KnownFile] = NO_KNOWN_FILES,
    paths: Sequence[str] = (),
) -> Project:
    """Load every sequence file below `root` for one environment. Problems in files become diagnostics.

    Args:
        root: the folder of the project.
        loaded: its settings.
        environment: the name of the environment.
        known: results of an earlier run, by the path of the YAML file.
        paths: files or folders to which the result is limited. The rules that compare files still read all of them.

    Raises UsageError for one of `paths` that does not exist or contains no sequence file.
    """
    settings = loaded.settings
    found = find_files(root, settings.include)
    selected = select(root, paths, [*found.paths, *(path for path, _ in found.errors)])
    progress = _Progress(root, _build_context(root, loaded, environment), f"{loaded.digest}\0{environment}")
    for path, error in found.errors:
        progress.diagnostics.append(_unreadable(path, error))
        progress.digests[path] = error.rule
    for path in found.paths:
        _load_file(progress, path, known.get(path))
    progress.diagnostics += _compare_files(progress, settings.removed)
    if not found.paths and not found.errors:
        hint = f"Add one, or correct `include` in seqsync.yaml. Searched for: {', '.join(settings.include)}."
        progress.diagnostics.append(Diagnostic("", 0, 0, "no-files", "No sequence file found.", hint))
    return _project(progress, loaded.digest, selected)


def read_files(root: FilePath, loaded: LoadedSettings, environment: str) -> list[LoadedFile]:
    """Read every sequence file, also the invalid ones, with the diagnostics of each."""
    found = find_files(root, loaded.settings.include)
    progress = _Progress(root, _build_context(root, loaded, environment), f"{loaded.digest}\0{environment}")
    progress.diagnostics += [_unreadable(path, error) for path, error in found.errors]
    for path in found.paths:
        _load_file(progress, path, None)
    progress.diagnostics += _compare_files(progress, loaded.settings.removed)
    by_path: dict[str, list[Diagnostic]] = {}
    for each in progress.diagnostics:
        by_path.setdefault(each.path, []).append(each)
    files = [_with_diagnostics(file, by_path.pop(printable(file.path), [])) for file in progress.files]
    return files + [LoadedFile(path, diagnostics=tuple(in_order(rest))) for path, rest in by_path.items()]


def _with_diagnostics(file: LoadedFile, diagnostics: list[Diagnostic]) -> LoadedFile:
    sequence = None if diagnostics else file.sequence
    return replace(file, sequence=sequence, diagnostics=tuple(in_order(diagnostics)))


def read_text(
    root: FilePath,
    loaded: LoadedSettings,
    environment: str,
    path: str,
    text: str,
    content_files: Mapping[str, bytes],
) -> tuple[DesiredSequence | None, list[Diagnostic]]:
    """Read `text` as the file `path` before it is written. `content_files` are the content files to be written."""
    context = _build_context(root, loaded, environment, content_files)
    progress = _Progress(root, context, f"{loaded.digest}\0{environment}")
    progress.digests[path] = digest(text.encode("utf-8"))
    result, diagnostics = _read(progress, path, text)
    return (None if diagnostics else result.sequence), diagnostics


def _build_context(
    root: FilePath, loaded: LoadedSettings, name: str, pending: Mapping[str, bytes] | None = None
) -> BuildContext:
    environment = loaded.settings.environments[name]
    return BuildContext(
        environment=environment,
        one_environment=len(loaded.settings.environments) == 1,
        variables={**loaded.settings.variables, **environment.variables},
        files=ContentFiles(root, pending),
        step_ids=step_ids_of(environment.ids),
    )


def _project(progress: _Progress, settings_digest: str, selected: frozenset[str] | None) -> Project:
    """The project, limited to the `selected` paths; None selects all."""

    def is_selected(path: str) -> bool:
        return selected is None or path in selected

    files = [file for file in progress.files if is_selected(file.path)]
    sequences = {file.key: file.sequence for file in files if file.key and file.sequence}
    unchanged = {file.key: file for file in files if file.key and file.source_digest}
    text = "\0".join((settings_digest, *(f"{path}\0{each}" for path, each in sorted(progress.digests.items()))))
    return Project(
        sequences=dict(sorted(sequences.items())),
        unchanged=dict(sorted(unchanged.items())),
        diagnostics=in_order(each for each in progress.diagnostics if is_selected(each.path) or not each.path),
        files_digest=hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
    )


def _unreadable(path: str, error: UnreadableFileError) -> Diagnostic:
    return Diagnostic(printable(path), error.line, error.column, error.rule, error.summary, error.hint)


def _load_file(progress: _Progress, path: str, known: KnownFile | None) -> None:
    """Load one file and its content files into `progress`."""
    try:
        data = read_bytes(progress.root, path)
    except UnreadableFileError as error:
        progress.diagnostics.append(_unreadable(path, error))
        progress.digests[path] = error.rule
        return
    progress.digests[path] = digest(data)
    if known is not None and _is_unchanged(progress, path, known):
        return
    try:
        text = as_text(data)
    except UnreadableFileError as error:
        progress.diagnostics.append(_unreadable(path, error))
        return
    result, diagnostics = _read(progress, path, text)
    progress.digests.update(result.content_files)
    progress.diagnostics += diagnostics
    sequence = None if diagnostics else result.sequence
    progress.files.append(
        LoadedFile(path, result.key, result.title, result.remote_id, sequence, tuple(diagnostics), result=result)
    )


def _is_unchanged(progress: _Progress, path: str, known: KnownFile) -> bool:
    """Whether the file and its content files are those of the earlier run; if so, add it to `progress`."""
    files = [(path, progress.digests[path])]
    try:
        files += [(file, digest(progress.context.files.data(file))) for file in known.files[1:]]
    except UnreadableFileError:
        return False
    current = source_digest(progress.base, files)
    if known.files[0] != path or not known.is_current(current):
        return False
    progress.digests.update(files)
    progress.files.append(
        LoadedFile(path, known.key, known.title, known.remote_id, files=known.files, source_digest=current)
    )
    return True


def _read(progress: _Progress, path: str, text: str) -> tuple[BuildResult, list[Diagnostic]]:
    """Read one file with the fast parser; with the full parser if that one cannot, or if there is a problem."""
    file_digest = progress.digests[path]
    data = parse_fast(text)
    if data is not None:
        result = build(data, path, file_digest, progress.context, progress.base)
        if result.sequence is not None:
            return result, []
    document, lines = parse(text), LineIndex(text)
    diagnostics = [diagnostic(path, lines, problem) for problem in document.problems]
    if document.empty:
        hint = "Write `sequence:` and `steps:`, or delete the file."
        diagnostics.append(Diagnostic(path, 1, 1, "empty", "The file is empty.", hint, source_line=lines.text(1)))
    result = build(document.data, path, file_digest, progress.context, progress.base)
    return result, diagnostics + locate_problems(path, lines, document.root, result.problems)


def _compare_files(progress: _Progress, removed: Iterable[str]) -> list[Diagnostic]:
    """Check what must be unique in a project: keys, titles and IDs. Also check `removed` and `formerly`.

    Valid files with the same value are all reported; an invalid file with the value of a valid one is reported alone.
    """
    files = progress.files
    problems: dict[str, list[Problem]] = {}
    _check_unique(files, problems, lambda file: file.key, "same-key", "key", lambda result: ("sequence",))
    _check_unique(files, problems, _folded_title, "same-title", "title", lambda result: result.title_path)
    _check_unique(files, problems, lambda file: file.remote_id, "same-id", "ID", lambda result: result.id_path)
    removed_keys = set(removed)
    keys = {file.key for file in files if not file.diagnostics}
    for file in files:
        if file.key in removed_keys:
            hint = "To keep managing it, remove it there. To stop managing it, delete this file."
            summary = "This sequence is also listed under `removed:` in seqsync.yaml."
            problems.setdefault(file.path, []).append(Problem(("sequence",), "removed-and-there", summary, hint))
        formerly = file.result.formerly if file.result else None
        if formerly in keys and formerly != file.key:
            hint = "Remove this line, or remove that sequence."
            summary = f'There is still a sequence "{formerly}".'
            problems.setdefault(file.path, []).append(Problem(("formerly",), "moved-and-there", summary, hint))
    return [each for path, found in problems.items() for each in _locate_again(progress.root, path, found)]


def _folded_title(file: LoadedFile) -> str | None:
    return normalized_title(file.title) if file.title else None


def _check_unique(
    files: list[LoadedFile],
    problems: dict[str, list[Problem]],
    value_of: Callable[[LoadedFile], str | None],
    rule: str,
    what: str,
    path_of: Callable[[BuildResult], Path],
) -> None:
    """Add a problem to `problems`, by file, where several files have the same value."""
    groups: dict[str, list[LoadedFile]] = {}
    for file in files:
        value = value_of(file)
        if value is not None:
            groups.setdefault(value, []).append(file)
    for group in groups.values():
        valid = [file for file in group if not file.diagnostics]
        reported = group if len(valid) > 1 else [file for file in group if file.diagnostics]
        for file in reported if len(group) > 1 else ():
            others = ", ".join(other.path for other in group if other is not file)
            path = path_of(file.result) if file.result else _PATH_IF_NOT_PARSED[rule]
            summary = f"Duplicate {what}; it is also used in {others}."
            problems.setdefault(file.path, []).append(Problem(path, rule, summary, "Change one of them."))


_PATH_IF_NOT_PARSED: Mapping[str, Path] = {"same-key": ("sequence",), "same-title": ("title",), "same-id": ("id",)}


def _locate_again(root: FilePath, path: str, problems: list[Problem]) -> list[Diagnostic]:
    """Parse a file once more to locate problems found by comparing files.

    A value that is not in the file (a default title, an ID from the settings) is reported at the key of the sequence.
    """
    try:
        text = as_text(read_bytes(root, path))
    except UnreadableFileError:
        return [Diagnostic(path, 0, 0, problem.rule, problem.summary, problem.hint) for problem in problems]
    document = parse(text)
    if not isinstance(document.data, dict):
        return []
    fields = document.data
    present = [problem if problem.path[0] in fields else replace(problem, path=("sequence",)) for problem in problems]
    return locate_problems(path, LineIndex(text), document.root, present)
