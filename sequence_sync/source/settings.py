"""Reads `seqsync.yaml`, and what the environment variables say about it.

Knows the settings' rules that need more than one field. The API key is none of its business: a key in the file is a
mistake, and no message shows what stands where one might be.
"""

from __future__ import annotations

import hashlib
import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ValidationError

from sequence_sync.diagnostics import Diagnostic, did_you_mean, in_order
from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.address import parse_address
from sequence_sync.model.settings import Environment, LintSettings, Policy, Settings
from sequence_sync.source.files import SETTINGS_FILE, UnreadableFileError, as_text, check_glob, digest, read_bytes
from sequence_sync.source.problems import (
    INVALID,
    Data,
    LineIndex,
    Path,
    Problem,
    diagnostic,
    locate_problems,
    problems_of,
)
from sequence_sync.source.yaml import parse, parse_fast

VERSION = 1
REMOTE_ID = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LEVELS = ("off", "warning", "error")
_KEY_NAMES = ("api_key", "apikey", "api-key", "x-api-key", "key", "token", "secret")
_MODELS: Mapping[Path, type[BaseModel]] = {(): Settings, ("policy",): Policy, ("lint",): LintSettings}


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, the path they were read from (empty: there is no file) and a digest of their text."""

    settings: Settings
    path: str
    digest: str


def load_settings(root: FilePath) -> LoadedSettings:
    """The settings of the project in `root`; the defaults where it has no file. Raises InvalidFilesError."""
    try:
        data = read_bytes(root, SETTINGS_FILE)
    except UnreadableFileError as problem:
        if problem.rule == "missing" and not (root / SETTINGS_FILE).is_symlink():
            _check_name(root)
            return settings_in(None)
        raise InvalidFilesError([_unreadable(problem)]) from None
    return settings_in(data)


def settings_in(data: bytes | None) -> LoadedSettings:
    """The settings in the bytes of a file; the defaults for None. Raises InvalidFilesError."""
    if data is None:
        return LoadedSettings(Settings(), "", hashlib.sha256(b"").hexdigest())
    try:
        return LoadedSettings(_read(as_text(data)), SETTINGS_FILE, digest(data))
    except UnreadableFileError as problem:
        raise InvalidFilesError([_unreadable(problem)]) from None


def _check_name(root: FilePath) -> None:
    for name in ("seqsync.yml", ".seqsync.yaml", "seqsync.yaml.txt"):
        if (root / name).is_file():
            problem = UnreadableFileError(
                "file-name", f"The settings are read from {SETTINGS_FILE} only.", "Rename this file."
            )
            raise InvalidFilesError([_unreadable(problem, name)])


def _unreadable(problem: UnreadableFileError, path: str = SETTINGS_FILE) -> Diagnostic:
    return Diagnostic(path, problem.line, problem.column, problem.rule, problem.summary, problem.hint)


def _read(text: str) -> Settings:
    quick = parse_fast(text)
    if quick is not None:
        settings, mistakes = _build(quick)
        if settings is not None and not mistakes:
            return settings
    document, lines = parse(text), LineIndex(text)
    if document.empty:
        return Settings()
    told = [diagnostic(SETTINGS_FILE, lines, finding) for finding in document.findings]
    settings, mistakes = (None, []) if document.data is INVALID else _build(document.data)
    told += locate_problems(SETTINGS_FILE, lines, document.root, mistakes)
    if told or settings is None:
        raise InvalidFilesError(in_order(told))
    return settings


def _build(data: Data) -> tuple[Settings | None, list[Problem]]:
    if not isinstance(data, dict):
        return None, [Problem((), "wrong-type", "The settings are keys with values.", "Begin with `version: 1`.")]
    mistakes = _version(data)
    if mistakes:
        return None, mistakes
    plain, broken = _without_broken(data)
    assert isinstance(plain, dict)
    _drop_private(plain)
    mistakes += _keys_in_clear(plain)
    told = {mistake.path for mistake in mistakes} | broken
    try:
        settings = Settings.model_validate(plain)
    except ValidationError as error:
        found = problems_of(error, plain, _known_keys)
        mistakes += [_kept_secret(m) for m in found if m.path not in told]
        return None, mistakes
    if not broken:
        mistakes += list(_whole(settings))
    return settings, mistakes


def _version(data: dict[str, Data]) -> list[Problem]:
    """A newer version is refused by name, before anything in it is called a mistake."""
    version = data.get("version", str(VERSION))
    if version is INVALID or version == str(VERSION):
        return []
    if isinstance(version, str) and version.isascii() and version.isdigit() and int(version) > VERSION:
        hint = "Use a newer seqsync."
        return [
            Problem(
                ("version",),
                "version",
                f"These settings are of version {int(version)}, which is newer than this seqsync knows ({VERSION}).",
                hint,
            )
        ]
    return [
        Problem(("version",), "version", "There is no such version of the settings.", f"Write `version: {VERSION}`.")
    ]


def _without_broken(data: Data, path: Path = ()) -> tuple[object, set[Path]]:
    """The data without the values that have been told already, and the ways to them; texts lose their last breaks."""
    if isinstance(data, str):
        return data.rstrip("\r\n"), set()
    if data is INVALID:
        return None, {path}
    broken: set[Path] = set()
    items = data.items() if isinstance(data, dict) else enumerate(data)
    kept: dict[str | int, object] = {}
    for key, value in items:
        plain, below = _without_broken(value, (*path, key))
        broken |= below
        if value is not INVALID:
            kept[key] = plain
    if path == () and kept.get("version") == str(VERSION):
        kept["version"] = VERSION
    return (kept if isinstance(data, dict) else list(kept.values())), broken


def _drop_private(data: dict[str, object]) -> None:
    """Takes out the keys that begin with `x-`: notes, owners and anchors (not of headers and other free names)."""
    environments = data.get("environments")
    inner = environments.values() if isinstance(environments, dict) else ()
    for mapping in (data, *inner):
        if isinstance(mapping, dict):
            for key in [key for key in mapping if key.startswith("x-") and key.lower() not in _KEY_NAMES]:
                del mapping[key]


def _keys_in_clear(data: dict[str, object]) -> list[Problem]:
    """An API key must not stand in the file, under whatever name."""
    told = []
    environments = data.get("environments")
    named = environments.items() if isinstance(environments, dict) else ()
    places: list[tuple[Path, object]] = [((), data)]
    for name, environment in named:
        places.append((("environments", name), environment))
        if isinstance(environment, dict):
            places.append((("environments", name, "headers"), environment.get("headers")))
    for path, mapping in places:
        for key in list(mapping) if isinstance(mapping, dict) else ():
            if key.lower() in _KEY_NAMES and not (path[-1:] == ("headers",) and key.lower() in ("key", "token")):
                hint = "Name the variable that holds it in `api_key_env:`, take it out here, and make a new key."
                summary = "An API key must not stand in this file."
                told.append(Problem((*path, key), "api-key", summary, hint, at_key=True, secret=True))
    return told


def _kept_secret(mistake: Problem) -> Problem:
    hidden = {"api_key_env", "api_key_command", "headers", "api_url"} & set(mistake.path)
    if not hidden:
        return mistake
    return Problem(mistake.path, mistake.rule, mistake.summary, mistake.hint, mistake.at_key, secret=True)


def _known_keys(path: Path) -> Iterable[str]:
    if len(path) == 2 and path[0] == "environments":
        return Environment.model_fields
    model = _MODELS.get(path)
    return model.model_fields if model else ()


def _whole(settings: Settings) -> Iterable[Problem]:
    if not settings.include:
        yield Problem(("include",), "empty", "No pattern tells where the sequences are.", "Take the key out.")
    for at, pattern in enumerate(settings.include):
        yield from _refuse(("include", at), "include", check_glob, pattern)
    if not settings.environments:
        yield Problem(("environments",), "empty", "There is no environment here.", "Name one, or take the key out.")
    chosen = settings.default_environment
    if chosen is not None and chosen not in settings.environments:
        hint = did_you_mean(chosen, settings.environments) or f"There are: {', '.join(settings.environments)}."
        yield Problem(("default_environment",), "unknown-environment", "There is no environment of this name.", hint)
    yield from _variables(("variables",), settings.variables)
    for rule, level in settings.lint.rules.items():
        if not isinstance(level, dict) and level not in _LEVELS:
            hint = did_you_mean(level, _LEVELS) if isinstance(level, str) else ""
            summary = "One of off, warning, error is expected here, or keys with options."
            yield Problem(("lint", "rules", rule), "wrong-value", summary, hint)
    for name, environment in settings.environments.items():
        yield from _environment(("environments", name), name, environment)
    yield from _one_state_each(settings)
    yield from _ids_once(settings.environments)


def _environment(path: Path, name: str, environment: Environment) -> Iterable[Problem]:
    if not _NAME.fullmatch(name):
        summary = "The name of an environment is letters, digits, _ and -."
        yield Problem(path, "wrong-value", summary, at_key=True)
    yield from _refuse((*path, "api_url"), "api-url", check_api_url, environment.api_url, secret=True)
    if not _VARIABLE.fullmatch(environment.api_key_env):
        summary = "The name of an environment variable is expected here, not the key itself."
        hint = "Write `api_key_env: SALESHANDY_API_KEY`, and put the key into that variable."
        yield Problem((*path, "api_key_env"), "api-key", summary, hint, secret=True)
    for header, value in environment.headers.items():
        if not _HEADER.fullmatch(header) or not value.isprintable() or not value.isascii():
            summary = "A header has a name without blanks and a value on one line, in plain letters."
            yield Problem((*path, "headers", header), "header", summary, at_key=True, secret=True)
    yield from _variables((*path, "variables"), environment.variables)
    for address, remote in environment.ids.items():
        yield from _refuse((*path, "ids", address), "address", _check_ids_address, address, at_key=True)
        yield from _remote_id((*path, "ids", address), remote)
    for table in ("assignees", "attachments"):
        for alias, remote in getattr(environment, table).items():
            yield from _remote_id((*path, table, alias), remote)


def _check_ids_address(address: str) -> None:
    if parse_address(address).variant is not None:
        raise ValueError("ids are of sequences and steps; seqsync finds the variants of a step by itself")


def _remote_id(path: Path, remote: str) -> Iterable[Problem]:
    if not REMOTE_ID.fullmatch(remote):
        yield Problem(path, "wrong-value", "An id of the app is letters and digits.", "Write it without `id:`.")


def _variables(path: Path, variables: Mapping[str, str]) -> Iterable[Problem]:
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            summary = "The name of a variable is letters, digits and _, and begins with no digit."
            yield Problem((*path, name), "wrong-value", summary, at_key=True)


def _refuse(
    path: Path, rule: str, check: Callable[[str], object], value: str, at_key: bool = False, secret: bool = False
) -> Iterable[Problem]:
    try:
        check(value)
    except ValueError as error:
        text = str(error)
        yield Problem(path, rule, f"{text[:1].upper()}{text[1:]}.", at_key=at_key, secret=secret)


def _one_state_each(settings: Settings) -> Iterable[Problem]:
    first: dict[str, str] = {}
    for name in settings.environments:
        state = settings.state_path(name)
        place = state.rstrip("/") if "://" in state else posixpath.normpath(state)
        if place in first:
            path = ("environments", name, "state")
            summary = f'The environments "{first[place]}" and "{name}" have one state between them.'
            yield Problem(path, "same-state", summary, "Give each its own `state:`, or take the key out.")
        first.setdefault(place, name)


def _ids_once(environments: Mapping[str, Environment]) -> Iterable[Problem]:
    """One thing of one account belongs to one address of one environment."""
    first: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        for address, remote in environment.ids.items():
            mark = (api_host(environment.api_url), remote)
            if mark in first:
                summary = f"This id stands here already: {first[mark]}."
                hint = "One thing in the app belongs to one address, in one environment."
                yield Problem(("environments", name, "ids", address), "same-id", summary, hint)
            first.setdefault(mark, f"environments.{name}.ids, {address}")


def api_host(url: str) -> str:
    """Host and port of an API, in small letters; what `ids:` and a state belong to."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return url


def check_api_url(url: str) -> str:
    """`url` without a slash at its end. Raises ValueError, with the reason (which never quotes it)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is no address of an API, as in https://open-api.saleshandy.com/v1") from None
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or re.search(r"[\s\\]", url):
        raise ValueError("this is no address of an API, as in https://open-api.saleshandy.com/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address of an API has no user name and no password in it")
    if parts.query or parts.fragment:
        raise ValueError("an address of an API has no ? and no # in it")
    if parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError("http:// is for this machine alone (localhost, 127.0.0.1); write https://")
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
    """The environment to use: the option, else SEQSYNC_ENV, else the default, else the only one.

    Raises UsageError for an unknown name, and where several are there and none is chosen.
    """
    name = option or environ.get("SEQSYNC_ENV") or settings.default_environment
    names = list(settings.environments)
    if name is None:
        if len(names) == 1:
            return names[0]
        raise UsageError(
            "There are several environments, and none is chosen.",
            f"There are: {', '.join(names)}.",
            "Say which: -env NAME, SEQSYNC_ENV, or default_environment in seqsync.yaml.",
        )
    if name not in settings.environments:
        source = "-env" if option else "SEQSYNC_ENV"
        hint = did_you_mean(name, names) or f"There are: {', '.join(names)}."
        raise UsageError("There is no environment of this name.", f'{source} says "{name}".', hint)
    return name


def effective(environment: Environment, environ: Mapping[str, str]) -> Environment:
    """`environment` with SEQSYNC_API_URL and SEQSYNC_SETTLE_GRACE put in. Raises UsageError."""
    changed: dict[str, object] = {"api_url": environment.api_url.rstrip("/")}
    url = environ.get("SEQSYNC_API_URL")
    if url:
        try:
            changed["api_url"] = check_api_url(url)
        except ValueError as error:
            raise UsageError("SEQSYNC_API_URL cannot be used.", f"{error}.", "Mend or unset it.") from None
    settle_grace = environ.get("SEQSYNC_SETTLE_GRACE")
    if settle_grace:
        try:
            changed["settle_grace"] = Environment.model_validate({"settle_grace": settle_grace}).settle_grace
        except ValidationError:
            raise UsageError(
                "SEQSYNC_SETTLE_GRACE cannot be used.", "It is a number of seconds, 0 to 86400.", "Mend or unset it."
            ) from None
    return environment.model_copy(update=changed)
