"""Joins the rooms: one function for each thing that a user asks for. Wires and delegates; decides nothing itself.

Time, new ids, the environment's variables and processes come in here, so that the rooms below stay pure.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.selection import Selection
from sequence_sync.registry import backend_for
from sequence_sync.source.project import Known, Project, load_project
from sequence_sync.source.settings import LoadedSettings, choose_environment, effective, load_settings
from sequence_sync.state.backends.base import StateBackend
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.manager import Account, read_only
from sequence_sync.state.model import SequenceState, State
from sequence_sync.state.statefile import collector_paused

if TYPE_CHECKING:
    from sequence_sync.model.settings import Environment
    from sequence_sync.provider.base import RemoteAccount
    from sequence_sync.state.journal import Replayed

SCRATCH = ".seqsync"
KEY_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What `plan`, and `apply` without a file, are asked for. `changed_since` names a commit; `refresh`: the app is
    read."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    changed_since: str | None = None
    refresh: bool = False


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
    def account(self) -> Account:
        """Whose state it must be."""
        return Account(self.name, self.api_host)

    def read(self) -> Replayed | None:
        """State plus journal, without the lock; None where there is neither."""
        return read_only(self.backend(), self.account, self.seen())

    def seen(self) -> HighWaterMark:
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
class Listed:
    """One environment, as it may be shown to anybody: nothing of its key. `default`: commands take it by themselves."""

    name: str
    host: str
    state: str
    default: bool


def environments(root: Path, environ: Mapping[str, str]) -> list[Listed]:
    """Every environment of the project in `root`, in the order of its settings. Raises UsageError,
    InvalidFilesError."""
    settings = load_settings(root).settings
    only = next(iter(settings.environments)) if len(settings.environments) == 1 else None
    chosen = settings.default_environment or only
    return [
        Listed(
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


def _is_current(entry: SequenceState, digest: str) -> bool:
    return entry.made_from is not None and entry.made_from.digest == entry.made_from_digest(digest)


def validate(workspace: Workspace, paths: Sequence[str] = ()) -> Project:
    """Every file read; `diagnostics` holds every mistake."""
    return load_project(workspace.root, workspace.loaded, workspace.name, paths=paths)


def load(workspace: Workspace, state: State | None) -> Project:
    """The wanted sequences, without parsing the files of those that are what they were. Raises InvalidFilesError."""
    with collector_paused():
        project = load_project(workspace.root, workspace.loaded, workspace.name, known=known_sources(state))
    if project.diagnostics:
        raise InvalidFilesError(project.diagnostics)
    return project


def known_sources(state: State | None) -> dict[str, Known]:
    """What each sequence was made from, by its YAML file."""

    return {
        entry.made_from.files[0]: Known(
            key=key,
            title=entry.title,
            remote_id=entry.id,
            files=entry.made_from.files,
            is_current=partial(_is_current, entry),
        )
        for key, entry in (state.sequences if state else {}).items()
        if entry.made_from and entry.made_from.files
    }


def plan(workspace: Workspace, options: PlanOptions, notes: tuple[str, ...] = ()) -> Plan:
    """The differences. Reads files and state, takes no lock, makes no call."""
    replayed = workspace.read()
    project = load(workspace, replayed.state if replayed else None)
    return plan_of(workspace, project, replayed, options, notes)


def plan_of(
    workspace: Workspace,
    project: Project,
    replayed: Replayed | None,
    options: PlanOptions,
    notes: tuple[str, ...] = (),
    app: RemoteAccount | None = None,
) -> Plan:
    """The plan of what was read; `replayed` is None where there is no state, `app` where nobody looked there."""
    settings = workspace.loaded.settings
    return make_plan(
        PlanInputs(
            wanted=project.sequences,
            state=replayed.state if replayed else None,
            environment=workspace.name,
            api_host=workspace.api_host,
            files_digest=project.files_digest,
            unchanged=frozenset(project.unchanged),
            removed=settings.removed,
            policy=settings.policy,
            selection=selection_of(workspace, project, options),
            allowed=options.allowed,
            notes=notes + (replayed.notes if replayed else ()),
            open_addresses=frozenset(i.address for i in replayed.open_intents) if replayed else frozenset(),
            damaged=bool(replayed and replayed.damaged),
            off=settings.switched_off(workspace.name),
            app=app,
        )
    )


def selection_of(workspace: Workspace, project: Project, options: PlanOptions) -> Selection:
    """What is asked for; git is asked only for `changed_since`. Raises UsageError where it cannot tell."""
    if options.changed_since is None:
        return Selection(options.targets, options.excludes)
    # Late: few plans need it.
    from sequence_sync.operations.git import ProjectPlace, changed_sequences, look

    since = look(workspace.root, options.changed_since, workspace.environ)
    only = changed_sequences(ProjectPlace(workspace.root, workspace.loaded, workspace.name), project.sequences, since)
    return Selection(options.targets, options.excludes, only, options.changed_since)


def warn_of_lost_state(workspace: Workspace) -> str:
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
