"""What was, joined: the history of a state with its journal, and the plan back to an earlier one.

Looks only: takes no lock, makes no call.
"""

from __future__ import annotations

from dataclasses import dataclass

from sequence_sync.errors import UsageProblem
from sequence_sync.model.address import check_pattern
from sequence_sync.planning.back import plan_back
from sequence_sync.planning.plan import Plan
from sequence_sync.planning.planner import Inputs
from sequence_sync.planning.select import Selection
from sequence_sync.source.project import load_project
from sequence_sync.state.framing import unframe
from sequence_sync.state.history import AnyLine, decode_lines, state_at, touches, with_journal
from sequence_sync.workspace import PlanOptions, Workspace, known_sources


@dataclass(frozen=True, slots=True)
class History:
    """Lines, oldest first, and the addresses of calls whose outcome nobody knows yet."""

    lines: tuple[AnyLine, ...] = ()
    unknown: tuple[str, ...] = ()


def history_of(workspace: Workspace, pattern: str | None = None) -> History:
    """What was done with the state; with `pattern`, of calls and notes only those that touched what it names.

    Raises UsageProblem where the pattern is none, or matches nothing.
    """
    replayed, backend = workspace.read(), workspace.backend()
    lines = decode_lines(backend.history())
    if replayed is None:
        return _about(History(tuple(lines)), pattern)
    records = unframe(backend.journal(), replayed.state.lineage, replayed.base.journal)
    unknown = tuple(intent.address for intent in replayed.open_intents)
    return _about(History(tuple(with_journal(lines, records)), unknown), pattern)


def _about(history: History, pattern: str | None) -> History:
    if pattern is None:
        return history
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise UsageProblem(f"{pattern}: this is not an address.", f"{error}.") from None
    runs = {line.run for line in history.lines if touches(line, pattern)}
    if not runs:
        raise UsageProblem(f"{pattern} matches nothing in the history.", hint="All of it: seqsync state history")
    of_runs = (line for line in history.lines if line.run in runs)
    kept = (line for line in of_runs if line.kind not in ("call", "note") or line.by or touches(line, pattern))
    return History(tuple(kept))


def plan_to_serial(workspace: Workspace, serial: int, options: PlanOptions) -> Plan:
    """The plan back to what the state said with `serial`. The files need not be right for it.

    Raises UsageProblem where there is no such serial, with those that are there.
    """
    if options.changed_since is not None:
        raise UsageProblem("-to-serial and -changed-since contradict each other.", "The way back asks no file.")
    replayed = workspace.read()
    if replayed is None:
        raise UsageProblem("There is no state yet.", hint="The first `seqsync apply` makes it.")
    state, settings = replayed.state, workspace.loaded.settings
    then = state_at(serial, state, replayed.base, decode_lines(workspace.backend().history()))
    project = load_project(workspace.root, workspace.loaded, workspace.name, known=known_sources(state))
    inputs = Inputs(
        wanted={}, state=state, environment=workspace.name, api_host=workspace.api_host,
        files_digest=project.files_digest, policy=settings.policy, allowed=options.allowed, notes=replayed.notes,
        selection=Selection(options.targets, options.excludes), damaged=bool(replayed.damaged),
        open_addresses=frozenset(intent.address for intent in replayed.open_intents),
        off=settings.switched_off(workspace.name),
    )  # fmt: skip
    return plan_back(then, inputs)
