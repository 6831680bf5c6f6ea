"""`seqsync.yaml` -> `Settings`, and the environment variables that override it.

Checks the rules that need more than one field. Must not read the API key: a key in the file is an error. No message
may show a value below `environments:`, because it could be a key.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ValidationError

from sequence_sync.diagnostics import Diagnostic, did_you_mean, in_order
from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.address import parse_address
from sequence_sync.model.fields import ID_HINT, REMOTE_ID
from sequence_sync.model.settings import Environment, LintSettings, Policy, Settings
from sequence_sync.source.files import (
    SETTINGS_FILE,
    UnreadableFileError,
    as_text,
    check_glob,
    digest,
    is_inside,
    read_bytes,
)
from sequence_sync.source.problems import (
    Data,
    Invalid,
    LineIndex,
    LocatedProblem,
    Path,
    Problem,
    diagnostic,
    locate_problems,
    problems_of,
    sentence,
)
from sequence_sync.source.yaml import parse, parse_fast

VERSION = 1
_EXPECTED_URL = "expected a URL such as https://open-api.saleshandy.com/v1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LEVELS = ("off", "warning", "error")
_KEY_NAMES = ("api_key", "apikey", "api-key", "x-api-key", "key", "token", "secret")
# Sections whose values are no secrets. Everything else is shown without values, whatever broken YAML makes of it.
_PLAIN_SECTIONS = frozenset(Settings.model_fields) - {"environments"}
_SECTION = re.compile(r"[\"']?([A-Za-z_]+)[\"']?\s*:(?=\s|$)")
_SHOWN_KEY = re.compile(r"[A-Za-z_-]{1,40}[0-9]{0,2}")  # broken YAML can make a key of an API key, which has digits
_KEY_OF_LINE = re.compile(rf"\s*(?:- +)?{_SHOWN_KEY.pattern}:(?=\s|$)")
_MODELS: Mapping[Path, type[BaseModel]] = {(): Settings, ("policy",): Policy, ("lint",): LintSettings}


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, the path of their file (empty if there is none) and a digest of its text."""

    settings: Settings
    path: str
    digest: str


def load_settings(root: FilePath) -> LoadedSettings:
    """Read the settings of the project in `root`; use the defaults if it has no file. Raises InvalidFilesError."""
    _refuse_link_out(root)
    try:
        data = read_bytes(root, SETTINGS_FILE)
    except UnreadableFileError as error:
        if error.rule == "missing" and not (root / SETTINGS_FILE).is_symlink():
            _check_name(root)
            return settings_in(None)
        raise InvalidFilesError([_unreadable(error)]) from None
    return settings_in(data)


def settings_in(data: bytes | None) -> LoadedSettings:
    """Read the settings from the bytes of a file; None gives the defaults. Raises InvalidFilesError."""
    if data is None:
        return LoadedSettings(Settings(), "", hashlib.sha256(b"").hexdigest())
    try:
        return LoadedSettings(_read(as_text(data)), SETTINGS_FILE, digest(data))
    except UnreadableFileError as error:
        raise InvalidFilesError([_unreadable(error)]) from None


def _refuse_link_out(root: FilePath) -> None:
    """Raise InvalidFilesError if the settings are a link to a file outside of the project: errors would quote it."""
    if not is_inside(os.path.realpath(root), os.path.realpath(root / SETTINGS_FILE)):
        summary = f"{SETTINGS_FILE} is a link that leads out of the project."
        raise InvalidFilesError([_unreadable(UnreadableFileError("link", summary, "Replace it with a regular file."))])


def _check_name(root: FilePath) -> None:
    """Raise InvalidFilesError if the settings have a name that seqsync does not read."""
    for name in ("seqsync.yml", ".seqsync.yaml", "seqsync.yaml.txt"):
        if (root / name).is_file():
            summary = f"The settings file must be named {SETTINGS_FILE}."
            raise InvalidFilesError([_unreadable(UnreadableFileError("file-name", summary, "Rename this file."), name)])


def _unreadable(error: UnreadableFileError, path: str = SETTINGS_FILE) -> Diagnostic:
    return Diagnostic(path, error.line, error.column, error.rule, error.summary, error.hint)


def _read(text: str) -> Settings:
    data = parse_fast(text)
    if data is not None:
        settings, problems = _build(data)
        if settings is not None and not problems:
            return settings
    document, lines = parse(text), _MaskedLines(text)
    if document.empty:
        return Settings()
    diagnostics = [diagnostic(SETTINGS_FILE, lines, _unquoted(lines, problem)) for problem in document.problems]
    settings, problems = (None, []) if isinstance(document.data, Invalid) else _build(document.data)
    diagnostics += locate_problems(SETTINGS_FILE, lines, document.root, problems)
    if diagnostics or settings is None:
        raise InvalidFilesError(in_order(diagnostics))
    return settings


class _MaskedLines(LineIndex):
    """The lines of the settings, without the values below `environments:`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._plain: set[int] = set()
        is_plain = False
        for number, line in enumerate(text.split("\n"), start=1):
            section = _SECTION.match(line)
            if line and not line[0].isspace() and not line.startswith("#"):
                is_plain = section is not None and section[1] in _PLAIN_SECTIONS
            is_plain = is_plain and "environments" not in line
            if is_plain:
                self._plain.add(number)

    def is_plain(self, line: int) -> bool:
        """Return whether a line may be shown as it is."""
        return line in self._plain

    def text(self, line: int) -> str:
        """Return the text of a line as it may be shown."""
        text = super().text(line)
        if self.is_plain(line):
            return text
        key = _KEY_OF_LINE.match(text)
        return f"{key[0]} ***" if key and text[key.end() :].strip() else key[0] if key else ""


def _unquoted(lines: _MaskedLines, problem: LocatedProblem) -> LocatedProblem:
    """Return a problem of the YAML without the words of the file that it quotes: broken YAML makes keys of values."""
    if lines.is_plain(problem.position.line):
        return problem
    summary = problem.summary
    if problem.rule == "no-value" and summary.startswith('"'):
        summary = "This key has no value."
    elif problem.rule == "duplicate-key":
        summary = "Duplicate key" + summary[summary.rindex(";") :]
    elif summary.startswith("YAML reads *"):
        summary = "YAML reads a word that begins with * as an alias, and there is no such anchor."
    return replace(problem, summary=summary)


def _build(data: Data) -> tuple[Settings | None, list[Problem]]:
    """Validate the data. The settings are None if a model refuses them."""
    if not isinstance(data, dict):
        return None, [Problem((), "wrong-type", "The settings must be a mapping.", "Begin with `version: 1`.")]
    problems = _version(data)
    if problems:
        return None, problems
    plain, invalid = _without_invalid(data)
    assert isinstance(plain, dict)
    _drop_private(plain)
    problems += _keys_in_clear(plain)
    reported = {problem.path for problem in problems} | invalid
    try:
        settings = Settings.model_validate(plain)
    except ValidationError as error:
        refused = problems_of(error, plain, _known_keys)
        problems += [_without_value(problem) for problem in refused if problem.path not in reported]
        return None, problems
    if not invalid:
        problems += list(_check(settings))
    return settings, problems


def _version(data: dict[str, Data]) -> list[Problem]:
    """Check the version first: in a newer one, every other problem would be misleading."""
    version = data.get("version", str(VERSION))
    if isinstance(version, Invalid) or version == str(VERSION):
        return []
    if isinstance(version, str) and version.isascii() and version.isdigit() and int(version) > VERSION:
        summary = f"Settings version {int(version)} is newer than this seqsync supports ({VERSION})."
        return [Problem(("version",), "version", summary, "Upgrade seqsync.")]
    return [Problem(("version",), "version", "Unknown settings version.", f"Write `version: {VERSION}`.")]


def _without_invalid(data: Data, path: Path = ()) -> tuple[object, set[Path]]:
    """The data without its `INVALID` values and without line breaks at the end of texts; the paths of those values."""
    if isinstance(data, str):
        return data.rstrip("\r\n"), set()
    if isinstance(data, Invalid):
        return None, {path}
    invalid: set[Path] = set()
    items = data.items() if isinstance(data, dict) else enumerate(data)
    kept: dict[str | int, object] = {}
    for key, value in items:
        plain, inner = _without_invalid(value, (*path, key))
        invalid |= inner
        if not isinstance(value, Invalid):
            kept[key] = plain
    if path == () and kept.get("version") == str(VERSION):
        kept["version"] = VERSION
    return (kept if isinstance(data, dict) else list(kept.values())), invalid


def _drop_private(data: dict[str, object]) -> None:
    """Delete the keys that begin with `x-` (notes, owners, anchors), but not those of headers and other free names."""
    environments = data.get("environments")
    inner = environments.values() if isinstance(environments, dict) else ()
    for mapping in (data, *inner):
        if isinstance(mapping, dict):
            for key in [key for key in mapping if key.startswith("x-") and key.lower() not in _KEY_NAMES]:
                del mapping[key]


def _keys_in_clear(data: dict[str, object]) -> list[Problem]:
    """Report an API key in the file, under any of the usual names."""
    problems = []
    environments = data.get("environments")
    named = environments.items() if isinstance(environments, dict) else ()
    mappings: list[tuple[Path, object]] = [((), data)]
    for name, environment in named:
        mappings.append((("environments", name), environment))
        if isinstance(environment, dict):
            mappings.append((("environments", name, "headers"), environment.get("headers")))
    for path, mapping in mappings:
        for key in list(mapping) if isinstance(mapping, dict) else ():
            if key.lower() in _KEY_NAMES and not (path[-1:] == ("headers",) and key.lower() in ("key", "token")):
                hint = (
                    "Remove it, and create a new API key. Put the new key into an environment variable, and name that "
                    "variable in `api_key_env:`."
                )
                summary = "An API key must not be in this file."
                problems.append(Problem((*path, key), "api-key", summary, hint, at_key=True, secret=True))
    return problems


def _without_value(problem: Problem) -> Problem:
    """Return a problem that shows no value that could be an API key, also where broken YAML made a key of it."""
    is_hidden = problem.rule == "unknown-key" and not _SHOWN_KEY.fullmatch(str(problem.path[-1]))
    summary = "Unknown field." if is_hidden else problem.summary
    return replace(problem, summary=summary, secret=problem.path[:1] == ("environments",))


def _known_keys(path: Path) -> Iterable[str]:
    if len(path) == 2 and path[0] == "environments":
        return Environment.model_fields
    model = _MODELS.get(path)
    return model.model_fields if model else ()


def _check(settings: Settings) -> Iterable[Problem]:
    """The rules that need more than one field, and those that a model cannot check."""
    if not settings.include:
        hint = "Add a pattern, or remove the field to use the default."
        yield Problem(("include",), "empty", "`include` has no pattern.", hint)
    for at, pattern in enumerate(settings.include):
        yield from _problem_if_refused(("include", at), "include", "Invalid pattern.", check_glob, pattern)
    if not settings.environments:
        hint = "Add one, or remove the field to use the default."
        yield Problem(("environments",), "empty", "`environments` has no environment.", hint)
    chosen = settings.default_environment
    if chosen is not None and chosen not in settings.environments:
        hint = did_you_mean(chosen, settings.environments) or f"Environments: {', '.join(settings.environments)}."
        yield Problem(("default_environment",), "unknown-environment", "Unknown environment.", hint)
    yield from _variables(("variables",), settings.variables)
    for rule, level in settings.lint.rules.items():
        if not isinstance(level, dict) and level not in _LEVELS:
            hint = did_you_mean(level, _LEVELS) if isinstance(level, str) else ""
            summary = "Expected off, warning, error or a mapping with options."
            yield Problem(("lint", "rules", rule), "wrong-value", summary, hint)
    for name, environment in settings.environments.items():
        yield from _environment(("environments", name), name, environment)
    yield from _one_state_each(settings)
    yield from _ids_once(settings.environments)


def _environment(path: Path, name: str, environment: Environment) -> Iterable[Problem]:
    if not _NAME.fullmatch(name):
        hint = "Use letters, digits, _ and -, starting with a letter or a digit."
        yield Problem(path, "wrong-value", "Invalid environment name.", hint, at_key=True)
    yield from _problem_if_refused(
        (*path, "api_url"), "api-url", "Invalid API URL.", check_api_url, environment.api_url, secret=True
    )
    if not _VARIABLE.fullmatch(environment.api_key_env):
        summary = "Expected the name of an environment variable, not the API key."
        hint = "Write `api_key_env: SALESHANDY_API_KEY`, and put the key into that variable."
        yield Problem((*path, "api_key_env"), "api-key", summary, hint, secret=True)
    for header, value in environment.headers.items():
        if not _HEADER.fullmatch(header) or not value.isprintable() or not value.isascii():
            hint = "Use a name without spaces, and a value of ASCII characters on one line."
            problem = Problem((*path, "headers", header), "header", "Invalid HTTP header.", hint)
            yield replace(problem, at_key=True, secret=True)
    yield from _variables((*path, "variables"), environment.variables)
    for address, remote_id in environment.ids.items():
        yield from _problem_if_refused(
            (*path, "ids", address), "address", "Invalid address.", _check_ids_address, address, at_key=True
        )
        yield from _remote_id((*path, "ids", address), remote_id)
    for table in ("assignees", "attachments"):
        for alias, remote_id in getattr(environment, table).items():
            yield from _remote_id((*path, table, alias), remote_id)


def _check_ids_address(address: str) -> None:
    if parse_address(address).variant is not None:
        raise ValueError("`ids` can contain only sequences and steps, not variants")


def _remote_id(path: Path, remote_id: str) -> Iterable[Problem]:
    if not REMOTE_ID.fullmatch(remote_id):
        hint = f"{ID_HINT} Write it without `id:`."
        yield Problem(path, "wrong-value", "Invalid Saleshandy ID.", hint)


def _variables(path: Path, variables: Mapping[str, str]) -> Iterable[Problem]:
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            hint = "Use letters, digits and _. Do not start with a digit."
            yield Problem((*path, name), "wrong-value", "Invalid variable name.", hint, at_key=True)


def _problem_if_refused(
    path: Path,
    rule: str,
    summary: str,
    check: Callable[[str], object],
    value: str,
    at_key: bool = False,
    secret: bool = False,
) -> Iterable[Problem]:
    """A problem if `check(value)` raises ValueError, with its reason as the hint."""
    try:
        check(value)
    except ValueError as error:
        yield Problem(path, rule, summary, sentence(error), at_key, secret)


def _one_state_each(settings: Settings) -> Iterable[Problem]:
    """Two environments must not share a state."""
    first: dict[str, str] = {}
    for name in settings.environments:
        state = settings.state_path(name)
        location = state.rstrip("/") if "://" in state else posixpath.normpath(state)
        if location in first:
            path = ("environments", name, "state")
            summary = f'Environments "{first[location]}" and "{name}" have the same state.'
            hint = "Give each environment its own `state:`, or remove the field to use the default."
            yield Problem(path, "same-state", summary, hint)
        first.setdefault(location, name)


def _ids_once(environments: Mapping[str, Environment]) -> Iterable[Problem]:
    """An ID of one account must belong to one address of one environment."""
    first: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        for address, remote_id in environment.ids.items():
            account_and_id = (api_host(environment.api_url), remote_id)
            if account_and_id in first:
                summary = f"Duplicate ID; it is also used for {first[account_and_id]}."
                hint = "An ID belongs to one sequence or step, in one environment. Remove one of the two."
                yield Problem(("environments", name, "ids", address), "same-id", summary, hint)
            first.setdefault(account_and_id, f"{address} in environment {name}")


def api_host(url: str) -> str:
    """Host and port of an API URL, in lower case. `ids:` and a state belong to a host."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return url


def check_api_url(url: str) -> str:
    """`url` without a slash at its end. Raises ValueError, with a reason that never quotes the URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_EXPECTED_URL) from None
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or re.search(r"[\s\\]", url):
        raise ValueError(_EXPECTED_URL)
    if parts.username is not None or parts.password is not None:
        raise ValueError("the API URL must not contain a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("the API URL must not contain ? or #")
    if parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError("http:// is only for this machine (localhost, 127.0.0.1); use https://")
    return url.rstrip("/")


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_environment(settings: Settings, option: str | None, environ: Mapping[str, str]) -> str:
    """The name of the environment to use: the option, else SEQSYNC_ENV, else the default, else the only one.

    Raises UsageError for an unknown name, or if there are several environments and none is chosen.
    """
    name = option or environ.get("SEQSYNC_ENV") or settings.default_environment
    names = list(settings.environments)
    if name is None:
        if len(names) == 1:
            return names[0]
        raise UsageError(
            "Choose an environment.",
            f"This project has several: {', '.join(names)}.",
            "Use -env NAME, set SEQSYNC_ENV, or set default_environment in seqsync.yaml.",
        )
    if name not in settings.environments:
        source = "-env" if option else "SEQSYNC_ENV"
        hint = did_you_mean(name, names) or f"Environments: {', '.join(names)}."
        raise UsageError("Unknown environment.", f'{source} is "{name}".', hint)
    return name


def effective(environment: Environment, environ: Mapping[str, str]) -> Environment:
    """`environment`, overridden by SEQSYNC_API_URL and SEQSYNC_SETTLE_GRACE. Raises UsageError."""
    changed: dict[str, object] = {"api_url": environment.api_url.rstrip("/")}
    url = environ.get("SEQSYNC_API_URL")
    if url:
        try:
            changed["api_url"] = check_api_url(url)
        except ValueError as error:
            raise UsageError("SEQSYNC_API_URL is invalid.", sentence(error), "Correct or unset it.") from None
    settle_grace = environ.get("SEQSYNC_SETTLE_GRACE")
    if settle_grace:
        try:
            changed["settle_grace"] = Environment.model_validate({"settle_grace": settle_grace}).settle_grace
        except ValidationError:
            detail = "Expected a number of seconds from 0 to 86400."
            raise UsageError("SEQSYNC_SETTLE_GRACE is invalid.", detail, "Correct or unset it.") from None
    return environment.model_copy(update=changed)
