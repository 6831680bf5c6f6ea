"""Workspace: a project in one environment, with its settings, its state backend and its API key.

Reads settings, environment variables and the output of `api_key_command`. Locks nothing, writes nothing, makes no API
call.
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
from sequence_sync.provider.redact import credentials
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
    """A project in one environment. `keep_secret` receives the API key and credentials in `headers:`, so that no output
    contains them."""

    root: Path
    loaded: LoadedSettings
    name: str
    environment: Environment
    environ: Mapping[str, str] = field(repr=False)
    keep_secret: Callable[[str], None] = field(default=lambda _: None, repr=False)

    @property
    def api_host(self) -> str:
        """Host and port of the API, as the state stores them."""
        return urlsplit(self.environment.api_url).netloc.lower()

    @property
    def scratch(self) -> Path:
        """The folder of cache, backups and rescue files, which is not committed."""
        return self.root / SCRATCH

    def backend(self) -> StateBackend:
        """Return the backend of this environment's state."""
        return backend_for(self.loaded.settings.state_path(self.name), self.root, self.scratch)

    @property
    def binding(self) -> StateBinding:
        """The environment and the API host that the state must belong to."""
        if self.environ.get("SEQSYNC_API_URL"):
            return StateBinding(self.name, self.api_host, "SEQSYNC_API_URL (it overrides `api_url`),")
        return StateBinding(self.name, self.api_host)

    def read(self) -> Replayed | None:
        """Read state and journal without the lock. Return None where there is neither."""
        return read_only(self.backend(), self.binding, self.high_water_mark())

    def read_existing(self, consequence: str = "") -> Replayed:
        """Read state and journal without the lock. Raises UsageError where there is neither.

        `consequence` says what the command cannot do then: `: nothing to compare with`.
        """
        replayed = self.read()
        if replayed is None:
            raise UsageError(
                f"No state yet{consequence}.",
                f"{self.backend().describe()} does not exist.",
                "The first `seqsync apply` or `seqsync import` creates it. If you had a state, restore it from git or "
                "from .seqsync/backups.",
            )
        return replayed

    def high_water_mark(self) -> HighWaterMark:
        """Return the high-water marks of this machine."""
        return HighWaterMark(self.scratch / "seen.json")

    def key(self) -> str:
        """Return the API key from its variable, or from the command that prints it. It is never written to disk.

        Raises UsageError where there is no key, or it cannot be one.
        """
        variable = self.environment.api_key_env
        key = self.environ.get(variable, "").strip()
        if not key and self.environment.api_key_command:
            key = _key_from_command(self.environment.api_key_command)
        if not key:
            raise UsageError(
                "No API key.",
                f"The variable {variable} is empty or not set.",
                f"Set it: export {variable}=... (Saleshandy shows a key once, in its settings).",
            )
        if not key.isascii() or any(character.isspace() or ord(character) < 33 for character in key):
            raise UsageError(
                "The API key is invalid.",
                "It contains spaces, line breaks or characters that no key has.",
                f"Copy the key again: export {variable}=...",
            )
        for secret in (key, *sorted(credentials(self.environment.headers))):
            self.keep_secret(secret)
        return key


def open_workspace(
    root: Path, environment: str | None, environ: Mapping[str, str], keep_secret: Callable[[str], None]
) -> Workspace:
    """Open the project in `root`. `keep_secret` receives the secrets before anything can print them.

    Raises UsageError, and InvalidFilesError for errors in the settings.
    """
    loaded = load_settings(root)
    name = choose_environment(loaded.settings, environment, environ)
    return Workspace(root, loaded, name, effective(loaded.settings.environments[name], environ), environ, keep_secret)


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """The public facts of an environment, without its key. `default`: commands use it where none is named."""

    name: str
    host: str
    state: str
    default: bool


def list_environments(root: Path, environ: Mapping[str, str]) -> list[EnvironmentInfo]:
    """List the environments of the project in `root`, in the order of its settings.

    Raises UsageError, and InvalidFilesError for errors in the settings.
    """
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
    """Return the URL of a state without user, password and query."""
    if "://" not in where:
        return where
    parts = urlsplit(where)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _key_from_command(command: str) -> str:
    try:
        words = shlex.split(command)
        result = subprocess.run(words, capture_output=True, timeout=KEY_COMMAND_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _key_command_failed(f"`api_key_command` ran for more than {KEY_COMMAND_SECONDS} s.") from None
    except (OSError, ValueError) as error:
        raise _key_command_failed(f"`api_key_command`: {type(error).__name__}.") from None
    if result.returncode != 0:
        raise _key_command_failed(f"`api_key_command` ended with exit code {result.returncode}.")
    return result.stdout.decode("utf-8", "replace").strip()


def _key_command_failed(detail: str) -> UsageError:
    return UsageError("The command that prints the API key failed.", detail, "Run it yourself to see why.")


def validate(workspace: Workspace, paths: Sequence[str] = ()) -> Project:
    """Load every file. The project's `diagnostics` are all errors and warnings."""
    return load_project(workspace.root, workspace.loaded, workspace.name, paths=paths)


def lost_state_warning(workspace: Workspace) -> str:
    """Return a warning if the state is a local file on a CI machine and not in git, else an empty text."""
    path = workspace.loaded.settings.state_path(workspace.name)
    if not workspace.environ.get("CI") or "://" in path:
        return ""
    try:
        result = subprocess.run(
            ["git", "ls-files", "--error-unmatch", "--", path],
            cwd=workspace.root,
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        result = None
    if result is not None and result.returncode == 0:
        return ""
    return (
        f"The state {path} is a local file on a CI machine and is not in git. It is lost with the machine, and seqsync "
        "then no longer knows what was applied. Let the pipeline commit it, or keep the state in shared storage."
    )
