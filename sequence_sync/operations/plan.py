"""Make the plan of a workspace: from files and state, with Saleshandy read first, or back to an earlier serial.

Takes no lock and writes nothing. The plan package compares and decides; this module gives it what it read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sequence_sync.errors import InvalidFilesError, UsageError
from sequence_sync.model.report import Observer
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.model import Plan
from sequence_sync.plan.planner import PlanInputs, make_plan
from sequence_sync.plan.rollback import rollback_plan
from sequence_sync.plan.selection import Selection
from sequence_sync.registry import provider
from sequence_sync.source.project import KnownFile, Project, load_project
from sequence_sync.state.history import decode_lines, state_at
from sequence_sync.state.model import SequenceState, State
from sequence_sync.state.statefile import garbage_collection_paused

if TYPE_CHECKING:
    from sequence_sync.provider.base import RemoteAccount
    from sequence_sync.state.journal import Replayed


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of `plan`, and of `apply` without a saved plan.

    `changed_since` names a commit. `refresh` reads Saleshandy before planning.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    changed_since: str | None = None
    refresh: bool = False


def _is_current(entry: SequenceState, digest: str) -> bool:
    return entry.made_from is not None and entry.made_from.digest == entry.made_from_digest(digest)


def load_desired(workspace: Workspace, state: State | None) -> Project:
    """Load the desired sequences. A file that is unchanged since the last apply recorded in `state` is not parsed.

    Raises InvalidFilesError where a file has an error.
    """
    with garbage_collection_paused():
        project = load_project(workspace.root, workspace.loaded, workspace.name, known=known_sources(state))
    if project.diagnostics:
        raise InvalidFilesError(project.diagnostics)
    return project


def known_sources(state: State | None) -> dict[str, KnownFile]:
    """Return the sources of each sequence at its last apply, by the path of its YAML file."""
    return {
        entry.made_from.files[0]: KnownFile(
            key=key,
            title=entry.title,
            remote_id=entry.id,
            files=entry.made_from.files,
            is_current=partial(_is_current, entry),
        )
        for key, entry in (state.sequences if state else {}).items()
        if entry.made_from and entry.made_from.files
    }


def plan_project(workspace: Workspace, options: PlanOptions, notes: tuple[str, ...] = ()) -> Plan:
    """Plan from files and state alone, without an API call."""
    replayed = workspace.read()
    project = load_desired(workspace, replayed.state if replayed else None)
    return build_plan(workspace, project, replayed, options, notes)


def build_plan(
    workspace: Workspace,
    project: Project,
    replayed: Replayed | None,
    options: PlanOptions,
    notes: tuple[str, ...] = (),
    remote: RemoteAccount | None = None,
) -> Plan:
    """Build the plan from what was read. `replayed` is None without a state, `remote` unless Saleshandy was read."""
    inputs = _inputs(workspace, project, replayed, options)
    return make_plan(
        replace(
            inputs,
            desired=project.sequences,
            unchanged=frozenset(project.unchanged),
            removed=workspace.loaded.settings.removed,
            selection=selection_of(workspace, project, options),
            notes=notes + inputs.notes,
            remote=remote,
        )
    )


def _inputs(workspace: Workspace, project: Project, replayed: Replayed | None, options: PlanOptions) -> PlanInputs:
    """Return what every plan of the workspace is made from. It has no desired sequences yet."""
    settings = workspace.loaded.settings
    return PlanInputs(
        desired={},
        state=replayed.state if replayed else None,
        environment=workspace.name,
        api_host=workspace.api_host,
        files_digest=project.files_digest,
        policy=settings.policy,
        selection=Selection(options.targets, options.excludes),
        allowed=options.allowed,
        open_addresses=frozenset(intent.address for intent in replayed.open_intents) if replayed else frozenset(),
        damaged=bool(replayed and replayed.damaged),
        notes=replayed.notes if replayed else (),
        off=settings.switched_off(workspace.name),
        dialect=provider().dialect,
    )


def selection_of(workspace: Workspace, project: Project, options: PlanOptions) -> Selection:
    """Return which sequences and steps the plan covers. Runs git only for `changed_since`.

    Raises UsageError where git cannot say what changed.
    """
    if options.changed_since is None:
        return Selection(options.targets, options.excludes)
    # Imported late: few plans need git.
    from sequence_sync.operations.git import changed_sequences, changes_since

    changes = changes_since(workspace.root, options.changed_since, workspace.environ)
    only = changed_sequences(workspace, project.sequences, changes)
    return Selection(options.targets, options.excludes, only, options.changed_since)


def refreshed_plan(
    workspace: Workspace, key: str, options: PlanOptions, observer: Observer, stop: threading.Event
) -> Plan:
    """Read Saleshandy, then plan. `key` is the API key; `stop` ends each wait at once."""
    # Imported late: a plan without -refresh starts faster without the API client.
    from sequence_sync.operations.drift import read_remote
    from sequence_sync.operations.session import announcer, connected
    from sequence_sync.provider.clock import SystemClock

    clock = SystemClock(stop)
    replayed, project = workspace.read(), load_desired(workspace, None)

    with connected(workspace, clock, key, observer) as client:
        state = replayed.state if replayed else None
        remote = read_remote(workspace, client, clock, state, project.sequences, announcer(observer))
    return build_plan(workspace, project, replayed, options, remote=remote)


def plan_to_serial(workspace: Workspace, serial: int, options: PlanOptions) -> Plan:
    """Plan a rollback to the state with `serial`. The files may have errors.

    Raises UsageError where the history does not reach that serial. The message names the serials it reaches.
    """
    if options.changed_since is not None:
        raise UsageError(
            "Use either -to-serial or -changed-since, not both.",
            "-to-serial uses the history, not your files.",
        )
    replayed = workspace.read_existing(": nothing to go back to")
    state = replayed.state
    target = state_at(serial, state, replayed.base, decode_lines(workspace.backend().history()))
    project = load_project(workspace.root, workspace.loaded, workspace.name, known=known_sources(state))
    return rollback_plan(target, _inputs(workspace, project, replayed, options))
