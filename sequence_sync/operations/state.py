"""The commands that mend a state: move, remove, push, resolve. Each takes the lock and writes one record.

Loaded only by those commands. Decides nothing that the planner or the engine decide.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sequence_sync.apply.context import day_of
from sequence_sync.apply.create import with_variant
from sequence_sync.errors import StateError, UsageError
from sequence_sync.files import write_atomically
from sequence_sync.model.address import Address, check_pattern, parse_address
from sequence_sync.model.sequence import Content
from sequence_sync.operations.plan import load_desired
from sequence_sync.operations.session import connected, locked_session
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.matching import adopted_step, match_steps, same_kind
from sequence_sync.plan.model import Action
from sequence_sync.provider.base import Provider, RemoteStep
from sequence_sync.provider.clock import SystemClock
from sequence_sync.state.history import AnyLine, decode_lines, touches, with_journal
from sequence_sync.state.journal import CallResult, EndRecord, IntentRecord, NoteRecord, OutcomeRecord, decode_records
from sequence_sync.state.manager import StateManager
from sequence_sync.state.model import Delta, SequenceHead, SequenceState, State, StepState
from sequence_sync.state.statefile import decode, encode


@contextmanager
def _managed(workspace: Workspace, operation: str, timeout: float, stop: threading.Event) -> Iterator[StateManager]:
    with locked_session(workspace, operation, timeout, SystemClock(stop)) as (_, manager, _run):
        yield manager


def _address(text: str) -> Address:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise UsageError("This is not an address.", f"{error}.") from None
    if address.variant is not None:
        raise UsageError("A variant has no entry of its own.", f"Name its step: {address.sequence}.{address.step}.")
    return address


def _entry(state: State, address: Address) -> SequenceState:
    entry = state.sequences.get(address.sequence)
    if entry is None or (address.step is not None and address.step not in entry.steps):
        raise UsageError("Nothing in the state has this address.", str(address), "See: seqsync state list")
    return entry


def _note(manager: StateManager, text: str, *deltas: Delta) -> None:
    manager.append(NoteRecord(text=text, deltas=deltas, clears_applying=True))
    manager.append(EndRecord())
    manager.checkpoint()


def move_entry(workspace: Workspace, source: str, target: str, timeout: float, stop: threading.Event) -> None:
    """Give an entry another key. Raises UsageError where there is no such entry, or the new key is taken."""
    old, new = _address(source), _address(target)
    if (old.step is None) != (new.step is None) or (old.step is not None and old.sequence != new.sequence):
        raise UsageError(
            "Only the key can change.", f"{source} cannot become {target}.", "A step stays in its sequence."
        )
    with _managed(workspace, "state mv", timeout, stop) as manager:
        entry = _entry(manager.state, old)
        if old.step is None or new.step is None:
            if new.sequence in manager.state.sequences:
                raise UsageError("The new key is taken.", f"{target} is in the state already.")
            head = entry.head.model_copy(update={"made_from": None})
            moved = Delta(sequence=new.sequence, head=head, steps=dict(entry.steps))
            _note(manager, f"{source} is {target} now", Delta(sequence=old.sequence, drop=True), moved)
            return
        if new.step in entry.steps:
            raise UsageError("The new key is taken.", f"{target} is in the state already.")
        steps: dict[str, StepState | None] = {old.step: None, new.step: entry.steps[old.step]}
        _note(manager, f"{source} is {target} now", Delta(sequence=old.sequence, steps=steps))


def remove_entry(workspace: Workspace, text: str, timeout: float, stop: threading.Event) -> str:
    """Forget an entry; the path of a copy of the state as it was before."""
    address = _address(text)
    with _managed(workspace, "state rm", timeout, stop) as manager:
        _entry(manager.state, address)
        backup = workspace.scratch / "backups" / f"before-rm-{manager.state.serial}.json"
        try:
            backup.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(backup, encode(manager.state))
        except OSError as error:
            raise StateError("No copy of the state could be kept.", f"{backup}: {error.strerror}.") from None
        if address.step is None:
            _note(manager, f"{text} is forgotten", Delta(sequence=address.sequence, drop=True))
        else:
            _note(manager, f"{text} is forgotten", Delta(sequence=address.sequence, steps={address.step: None}))
    return str(backup.relative_to(workspace.root))


def push_state(workspace: Workspace, data: bytes, name: str, force: bool, timeout: float, stop: threading.Event) -> int:
    """Put the state `data` in the place of the one that is there; its serial."""
    pushed = decode(data, name, unchecked=force)
    if pushed.api_host != workspace.api_host and not force:
        raise StateError(
            "The state belongs to another API host.",
            f"{name} is of {pushed.api_host}; this environment uses {workspace.api_host}.",
            "Is it the right file, the right environment? If it is: -force.",
        )
    with locked_session(workspace, "state push", timeout, SystemClock(stop)) as (lock, manager, _):
        now = manager.state
        if manager.is_stored and not force:
            _refuse_older(pushed, now, name)
        if pushed == now and manager.is_stored and not manager.open_intents and not manager.damaged:
            return now.serial
        lock.check()
        return manager.push(pushed)


def _refuse_older(pushed: State, now: State, name: str) -> None:
    if pushed.lineage != now.lineage:
        raise StateError(
            "The state is of another lineage.",
            f"{name} is not a copy of the state that is there.",
            "If it is meant: -force.",
        )
    if pushed.serial < now.serial:
        raise StateError(
            "The state is older than the one that is there.",
            f"{name} has serial {pushed.serial}; the one there has {now.serial}.",
            "If it is meant: -force.",
        )


def resolve(workspace: Workspace, text: str, adopt: str | None, timeout: float, stop: threading.Event) -> str:
    """A person says what became of a create: `adopt` is the id that it has; None: it was not made.

    Not part of another plan: an apply that was cut short goes on with its own afterwards.
    """
    is_variant = Address(text).variant is not None
    address = _address(Address(text).parent if is_variant else text)
    with (
        _managed(workspace, "state resolve", timeout, stop) as manager,
        connected(workspace, SystemClock(stop)) as api,
    ):
        intent = next((row for row in manager.open_intents if row.address == text), None)
        if is_variant:
            told = _resolve_variant(api, manager, text, intent, adopt)
        elif address.step is None:
            told = _resolve_sequence(api, manager, text, intent, adopt)
        else:
            told = _resolve_step(workspace, api, manager, address, intent, adopt)
        manager.append(EndRecord())
        manager.checkpoint()
    return told


def _close(manager: StateManager, intent: IntentRecord | None, result: CallResult, text: str, *deltas: Delta) -> None:
    if intent is None:
        manager.append(NoteRecord(text=text, deltas=deltas))
    else:
        manager.append(OutcomeRecord(of=intent.n, result=result, detail="by a person", deltas=deltas))


def _resolve_sequence(
    api: Provider, manager: StateManager, key: str, intent: IntentRecord | None, adopt: str | None
) -> str:
    if intent is None:
        raise UsageError("Nothing is open there.", f"No create of {key} is without an outcome.")
    if adopt is None:
        _close(manager, intent, CallResult.NOT_MADE, f"{key} was not made")
        return f"{key} counts as not made; the next plan creates it."
    row = next((row for row in api.sequences() if row.id == adopt), None)
    if row is None:
        raise UsageError("There is no such sequence.", f"This account has no sequence {adopt}.")
    _close(
        manager,
        intent,
        CallResult.ADOPTED,
        f"{key} is {adopt}",
        Delta(sequence=key, head=SequenceHead(id=adopt, title=row.title)),
    )
    return f"{key} is sequence {adopt}."


def _resolve_variant(
    api: Provider, manager: StateManager, text: str, intent: IntentRecord | None, adopt: str | None
) -> str:
    if intent is None or intent.action != Action.CREATE_VARIANT or intent.content is None:
        raise UsageError("Nothing is open there.", f"No create of {text} is without an outcome.")
    if adopt is None:
        _close(manager, intent, CallResult.NOT_MADE, f"{text} was not made")
        return f"{text} counts as not made; the next plan creates it."
    address = intent.address
    key, step_key, letter = address.sequence, address.step_key, address.letter
    entry = _entry(manager.state, address.parent)
    step = entry.steps[step_key]
    remote = next((row for row in api.steps(entry.id) or () if row.id == step.id), None)
    ours = {row.id for row in step.variants.values()}
    if remote is None or adopt in ours or adopt not in {row.id for row in remote.variants}:
        raise UsageError("It cannot be that variant.", f"{key}.{step_key} has no further variant {adopt}.")
    grown = with_variant(step, letter, adopt, intent.content.variants[letter])
    _close(manager, intent, CallResult.ADOPTED, f"{text} is {adopt}", Delta(sequence=key, steps={step_key: grown}))
    return f"{text} is variant {adopt}."


def _resolve_step(
    workspace: Workspace,
    api: Provider,
    manager: StateManager,
    address: Address,
    intent: IntentRecord | None,
    adopt: str | None,
) -> str:
    key, step_key = address.sequence, address.step or ""
    entry = _entry(manager.state, Address(key))
    steps = api.steps(entry.id)
    if steps is None:
        raise UsageError("There is no such sequence.", f"{key} (id {entry.id}) is not in this account.")
    content = _content(workspace, manager.state, address, intent)
    managed = {row.id for name, row in entry.steps.items() if name != step_key}
    if adopt is None:
        others = _candidates(steps, entry, step_key, content, intent)
        head = entry.head.model_copy(update={"made_from": None, "unmanaged": {**entry.unmanaged, **others}})
        _close(manager, intent, CallResult.NOT_MADE, f"{address} was not made", Delta(sequence=key, head=head))
        left = f" Left alone from now on: {', '.join(others)}." if others else ""
        if step_key in entry.steps:
            return f"{address} stays step {entry.steps[step_key].id}.{left}"
        return f"{address} counts as not made; the next plan creates it.{left}"
    step = next((row for row in steps if row.id == adopt), None)
    if step is None or adopt in managed:
        why = "another entry of the state has it" if step else f"{key} has no step {adopt}"
        raise UsageError("It cannot be that step.", f"{why[0].upper()}{why[1:]}.", "See: seqsync state list")
    adopted, same = adopted_step(step, content)
    if adopted is None:
        raise UsageError("It cannot be that step.", f"Step {adopt} has another type than {address}.")
    old = entry.steps.get(step_key)
    unmanaged = {name: day for name, day in entry.unmanaged.items() if name != adopt}
    if old is not None and old.id != adopt:
        unmanaged[old.id] = old.day if old.content.is_email else None
    head = entry.head.model_copy(update={"made_from": None, "unmanaged": unmanaged})
    _close(
        manager,
        intent,
        CallResult.ADOPTED,
        f"{address} is {adopt}",
        Delta(sequence=key, head=head, steps={step_key: adopted}),
    )
    return f"{address} is step {adopt}." + ("" if same else " Its text differs from the file's: see the next plan.")


def _content(workspace: Workspace, state: State, address: Address, intent: IntentRecord | None) -> Content:
    """What the step is to say: by the open create, by the state, or by its file."""
    if intent is not None and intent.content is not None:
        return intent.content
    entry, step_key = state.sequences[address.sequence], address.step or ""
    if step_key in entry.steps:
        return entry.steps[step_key].content
    wanted = load_desired(workspace, None).sequences.get(address.sequence)
    if wanted is None or step_key not in wanted.steps:
        raise UsageError("Neither the files nor the state have such an address.", str(address))
    return wanted.steps[step_key]


def _candidates(
    steps: list[RemoteStep], entry: SequenceState, step_key: str, content: Content, intent: IntentRecord | None
) -> dict[str, int | None]:
    """The steps that might have been it, and are somebody else's from now on."""
    known = {row.id for row in entry.steps.values()} | set(entry.unmanaged) | set(intent.seen if intent else ())
    unknown = [step for step in steps if step.id not in known]
    if intent is not None:
        return {step.id: day_of(step) for step in unknown if same_kind(step, content)}
    found = match_steps(unknown, {step_key: content}, {})
    near = [*found.adopt.values(), *(step for _, step in found.possible)]
    return {step.id: day_of(step) for step in near}


@dataclass(frozen=True, slots=True)
class History:
    """Lines, oldest first, and the addresses of calls whose outcome nobody knows yet."""

    lines: tuple[AnyLine, ...] = ()
    unknown: tuple[str, ...] = ()


def read_history(workspace: Workspace, pattern: str | None = None) -> History:
    """What was done with the state; with `pattern`, of calls and notes only those that touched what it names.

    Raises UsageError where the pattern is none, or matches nothing.
    """
    replayed, backend = workspace.read(), workspace.backend()
    lines = decode_lines(backend.history())
    if replayed is None:
        return _about(History(tuple(lines)), pattern)
    records = decode_records(backend.journal(), replayed.state.lineage, replayed.base.journal)
    unknown = tuple(intent.address for intent in replayed.open_intents)
    return _about(History(tuple(with_journal(lines, records)), unknown), pattern)


def _about(history: History, pattern: str | None) -> History:
    if pattern is None:
        return history
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise UsageError(f"{pattern}: this is not an address.", f"{error}.") from None
    runs = {line.run for line in history.lines if touches(line, pattern)}
    if not runs:
        raise UsageError(f"{pattern} matches nothing in the history.", hint="All of it: seqsync state history")
    of_runs = (line for line in history.lines if line.run in runs)
    kept = (line for line in of_runs if line.kind not in ("call", "note") or line.by or touches(line, pattern))
    return History(tuple(kept))
