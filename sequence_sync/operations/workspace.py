"""Joins the rooms: one function for each thing that a user asks for. Wires and delegates; decides nothing itself.

Time, new ids, the environment's variables and processes come in here, so that the rooms below stay pure.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sequence_sync.errors import UsageError
from sequence_sync.registry import backend_for
from sequence_sync.source.project import Project, load_project
from sequence_sync.source.settings import LoadedSettings, choose_environment, effective, load_settings
from sequence_sync.state.backends.base import StateBackend
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.manager import StateBinding, read_only

if TYPE_CHECKING:
    from sequence_sync.model.settings import Environment
    from sequence_sync.state.journal import Replayed

SCRATCH = ".seqsync"
KEY_COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Workspace:
    """One project in one environment."""

    root: Path
    loaded: LoadedSettings
    name: str
    environment: Environment
    environ: Mapping[str, str] = field(repr=False)
    keep_secret: Callable[[str], None] = field(default=lambda _: None, repr=False)

    @property
    def api_host(self) -> str:
        """Host and port of the API, as the state remembers it."""
        return urlsplit(self.environment.api_url).netloc.lower()

    @property
    def scratch(self) -> Path:
        """Cache, backups, rescue files: never committed."""
        return self.root / SCRATCH

    def backend(self) -> StateBackend:
        """Where the state lives."""
        return backend_for(self.loaded.settings.state_path(self.name), self.root, self.scratch)

    @property
    def binding(self) -> StateBinding:
        """Whose state it must be."""
        return StateBinding(self.name, self.api_host)

    def read(self) -> Replayed | None:
        """State plus journal, without the lock; None where there is neither."""
        return read_only(self.backend(), self.binding, self.high_water_mark())

    def high_water_mark(self) -> HighWaterMark:
        """What this machine last saw of each lineage."""
        return HighWaterMark(self.scratch / "seen.json")

    def key(self) -> str:
        """The API key: from its variable, or from the command that prints it. In memory only."""
        key = self.environ.get(self.environment.api_key_env, "").strip()
        if not key and self.environment.api_key_command:
            key = _printed_key(self.environment.api_key_command)
        if not key:
            raise UsageError(
                "There is no API key.",
                f"The variable {self.environment.api_key_env} is empty or not set.",
                f"Set it: export {self.environment.api_key_env}=... (Saleshandy shows a key once, in its settings).",
            )
        if not key.isascii() or any(character.isspace() or ord(character) < 33 for character in key):
            raise UsageError(
                "The API key cannot be right.",
                "It holds blanks, line breaks or letters that no key has.",
                "Copy it again.",
            )
        self.keep_secret(key)
        return key


def open_workspace(
    root: Path, environment: str | None, environ: Mapping[str, str], keep_secret: Callable[[str], None]
) -> Workspace:
    """The project in `root`; `keep_secret` hears the key before anything can print it.

    Raises UsageError and InvalidFilesError for settings with mistakes.
    """
    loaded = load_settings(root)
    name = choose_environment(loaded.settings, environment, environ)
    return Workspace(root, loaded, name, effective(loaded.settings.environments[name], environ), environ, keep_secret)


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """One environment, as it may be shown to anybody: nothing of its key. `default`: commands take it by themselves."""

    name: str
    host: str
    state: str
    default: bool


def list_environments(root: Path, environ: Mapping[str, str]) -> list[EnvironmentInfo]:
    """Every environment of the project in `root`, in the order of its settings. Raises UsageError,
    InvalidFilesError."""
    settings = load_settings(root).settings
    only = next(iter(settings.environments)) if len(settings.environments) == 1 else None
    chosen = settings.default_environment or only
    return [
        EnvironmentInfo(
            name,
            urlsplit(effective(environment, environ).api_url).netloc.lower(),
            _without_secrets(settings.state_path(name)),
            name == chosen,
        )
        for name, environment in settings.environments.items()
    ]


def _without_secrets(where: str) -> str:
    """A state's address without user, password and query."""
    if "://" not in where:
        return where
    parts = urlsplit(where)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _printed_key(command: str) -> str:
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, timeout=KEY_COMMAND_SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            "The command that prints the API key failed.",
            f"api_key_command: {type(error).__name__}.",
            "Run it by hand.",
        ) from None
    if done.returncode != 0:
        raise UsageError(
            "The command that prints the API key failed.",
            f"api_key_command ended with exit code {done.returncode}.",
            "Run it by hand to see why.",
        )
    return done.stdout.decode("utf-8", "replace").strip()


def validate(workspace: Workspace, paths: Sequence[str] = ()) -> Project:
    """Every file read; `diagnostics` holds every mistake."""
    return load_project(workspace.root, workspace.loaded, workspace.name, paths=paths)


def lost_state_warning(workspace: Workspace) -> str:
    """Why a local state on a CI machine is a danger, or nothing where git has it."""
    where = workspace.loaded.settings.state_path(workspace.name)
    if not workspace.environ.get("CI") or "://" in where:
        return ""
    try:
        found = subprocess.run(
            ["git", "ls-files", "--error-unmatch", "--", where],
            cwd=workspace.root,
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        found = None
    if found is not None and found.returncode == 0:
        return ""
    return (
        f"The state {where} is a local file on a CI machine, and git does not have it: when the machine goes, what was "
        "applied is forgotten. Let the pipeline commit it, or keep the state in a shared place."
    )
