"""The `state` commands: mv, rm, push, resolve and history.

Each command that writes takes the lock, writes its records and a checkpoint. Plans nothing, and of the API uses only
reads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from sequence_sync.apply.context import day_of
from sequence_sync.apply.create import with_variant
from sequence_sync.errors import StateError, UsageError
from sequence_sync.files import write_atomically
from sequence_sync.model.address import Address, check_pattern, parse_address
from sequence_sync.model.report import Observer
from sequence_sync.model.sequence import Content
from sequence_sync.operations.plan import load_desired
from sequence_sync.operations.session import connected, locked_session
from sequence_sync.operations.workspace import Workspace
from sequence_sync.plan.calls import mark_uncertain
from sequence_sync.plan.matching import adopted_step, match_steps, same_kind
from sequence_sync.plan.model import Action
from sequence_sync.provider.base import STEP_FIELDS, VARIANT_FIELDS, Provider, RemoteStep
from sequence_sync.provider.clock import SystemClock
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.state.history import AnyLine, decode_lines, touches, with_journal
from sequence_sync.state.journal import CallResult, EndRecord, IntentRecord, NoteRecord, OutcomeRecord, decode_records
from sequence_sync.state.manager import StateManager
from sequence_sync.state.model import Delta, SequenceHead, SequenceState, State, StepState
from sequence_sync.state.statefile import RESTORE_HINT, decode, encode

GIVEN_HINT = "Give a file that `seqsync state pull` printed, or a backup from .seqsync/backups. Nothing was changed."


@contextmanager
def _locked_manager(
    workspace: Workspace, operation: str, timeout: float, stop: threading.Event, observer: Observer | None
) -> Iterator[StateManager]:
    with locked_session(workspace, operation, timeout, SystemClock(stop), observer) as (_, manager, _run):
        yield manager


def _address(text: str) -> Address:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise UsageError("Invalid address.", f"{error}.") from None
    if address.variant is not None:
        hint = f"Use the address of the step: {address.parent}."
        raise UsageError("The state has no entries for single variants.", hint)
    return address


def _entry(state: State, address: Address) -> SequenceState:
    entry = state.sequences.get(address.sequence)
    if entry is None or (address.step is not None and address.step not in entry.steps):
        raise unknown_address(str(address))
    return entry


def unknown_address(address: str) -> UsageError:
    """Return the error for an address that the state does not have."""
    return UsageError("The state has no such address.", f'"{address}"', "List its addresses: seqsync state list")


def _note(manager: StateManager, text: str, *deltas: Delta) -> None:
    manager.append(NoteRecord(text=text, deltas=deltas, clears_applying=True))
    manager.append(EndRecord())
    manager.checkpoint()


def move_entry(
    workspace: Workspace,
    source: str,
    target: str,
    timeout: float,
    stop: threading.Event,
    observer: Observer | None = None,
) -> None:
    """Rename an entry. `observer` receives an event before each wait.

    Raises UsageError where it does not exist, or the new key is in use."""
    old, new = _address(source), _address(target)
    if (old.step is None) != (new.step is None) or (old.step is not None and old.sequence != new.sequence):
        raise UsageError(
            "`state mv` changes only the key.",
            f"{source} cannot become {target}.",
            "A step stays in its sequence, and a sequence stays a sequence.",
        )
    with _locked_manager(workspace, "state mv", timeout, stop, observer) as manager:
        entry = _entry(manager.state, old)
        taken = new.step in entry.steps if new.step else new.sequence in manager.state.sequences
        if taken:
            raise UsageError("The new key is already in use.", f"{target} is in the state.", "See: seqsync state list")
        if old.step is None or new.step is None:
            head = entry.head.model_copy(update={"made_from": None})
            moved = Delta(sequence=new.sequence, head=head, steps=dict(entry.steps))
            _note(manager, f"moved {source} to {target}", Delta(sequence=old.sequence, drop=True), moved)
            return
        steps: dict[str, StepState | None] = {old.step: None, new.step: entry.steps[old.step]}
        _note(manager, f"moved {source} to {target}", Delta(sequence=old.sequence, steps=steps))


def remove_entry(
    workspace: Workspace, text: str, timeout: float, stop: threading.Event, observer: Observer | None = None
) -> str:
    """Stop managing an entry. Return the path of a backup of the state before that.

    Raises StateError where the backup cannot be written. The state is then unchanged.
    """
    address = _address(text)
    with _locked_manager(workspace, "state rm", timeout, stop, observer) as manager:
        _entry(manager.state, address)
        backup = workspace.scratch / "backups" / f"before-rm-{manager.state.serial}.json"
        try:
            backup.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(backup, encode(manager.state))
        except OSError as error:
            detail = f"{backup}: {error.strerror}."
            raise StateError("The backup of the state cannot be written.", detail, "Nothing was changed.") from None
        if address.step is None:
            _note(manager, f"removed {text} from the state", Delta(sequence=address.sequence, drop=True))
        else:
            forget_step(manager, address)
    return str(backup.relative_to(workspace.root))


def forget_step(manager: StateManager, address: Address) -> None:
    """Stop managing a step. The state remembers it, and what calls in doubt may have written to it."""
    entry, key = _entry(manager.state, address), address.step_key
    step = entry.steps[key]
    for intent in manager.open_intents:
        if intent.address.parent == address and intent.body and intent.address.letter in step.variants:
            patch = SALESHANDY.patch(intent.body)
            step = mark_uncertain(step, intent.address.letter, patch, VARIANT_FIELDS + STEP_FIELDS)
    delta = Delta(sequence=address.sequence, head=entry.head.with_forgotten(key, step), steps={key: None})
    _note(manager, f"removed {address} from the state", delta)


def push_state(
    workspace: Workspace,
    data: bytes,
    name: str,
    force: bool,
    timeout: float,
    stop: threading.Event,
    observer: Observer | None = None,
) -> int:
    """Replace the state with `data`, the contents of the file `name`. Return the new serial.

    `force` accepts a wrong checksum, another lineage, an older serial and another API host. Raises StateError.
    """
    pushed = _decode_given(data, name, unchecked=force)
    if pushed.api_host != workspace.api_host and not force:
        raise StateError(
            "The state belongs to another API host.",
            f"{name} was created for {pushed.api_host}; this environment uses {workspace.api_host}.",
            "Check the file and the environment. To replace the state anyway, add -force.",
        )
    with locked_session(workspace, "state push", timeout, SystemClock(stop), observer) as (lock, manager, _):
        current = manager.state
        if manager.is_stored and not force:
            _refuse_older(pushed, current, name)
        if pushed == current and manager.is_stored and not manager.open_intents and not manager.damaged:
            return current.serial
        lock.check()
        return manager.push(pushed)


def _decode_given(data: bytes, name: str, *, unchecked: bool) -> State:
    """Decode the state that a person gave. The errors are about that file, not about the current state."""
    try:
        return decode(data, name, unchecked=unchecked)
    except StateError as error:
        if error.hint == RESTORE_HINT:
            facts = f"{error.summary} {error.detail}" if error.summary != f"{name} is not a state." else error.detail
            raise StateError(f"{name} is not a state.", facts, GIVEN_HINT) from None
        error.hint = error.hint.replace(RESTORE_HINT, GIVEN_HINT)
        raise


def _refuse_older(pushed: State, current: State, name: str) -> None:
    if pushed.lineage != current.lineage:
        raise StateError(
            "The file has another lineage than the state.",
            f"{name} is not a copy of the current state.",
            "To replace the state anyway, add -force.",
        )
    if pushed.serial < current.serial:
        raise StateError(
            "The file is older than the state.",
            f"{name} has serial {pushed.serial}; the current state has serial {current.serial}.",
            "To replace the state anyway, add -force.",
        )


@dataclass(frozen=True, slots=True)
class CreateAnswer:
    """What a person says about one create in doubt: the id of what was created, or None: nothing was created."""

    address: str
    adopt: str | None


class Decisions(Protocol):
    """A state and its open intents, and a way to record what a person decides."""

    @property
    def state(self) -> State:
        """The state as it is after what was recorded."""

    @property
    def open_intents(self) -> tuple[IntentRecord, ...]:
        """The intents without an outcome."""

    def append(self, record: NoteRecord | OutcomeRecord) -> int:
        """Record a decision."""


@dataclass
class _Draft:
    """Decisions that are checked one after the other, and written only when all are right."""

    state: State
    open_intents: tuple[IntentRecord, ...]
    records: list[NoteRecord | OutcomeRecord] = field(default_factory=list)

    def append(self, record: NoteRecord | OutcomeRecord) -> int:
        """See Decisions."""
        self.records.append(record)
        for delta in record.deltas:
            self.state = self.state.with_delta(delta)
        return 0


def resolve(
    workspace: Workspace,
    answers: Sequence[CreateAnswer],
    timeout: float,
    stop: threading.Event,
    observer: Observer | None = None,
) -> list[str]:
    """Resolve creates whose outcome is in doubt. Return what was recorded, a sentence for each answer.

    A wrong answer raises UsageError, and then nothing is recorded. The plan of an interrupted apply is not affected:
    that apply can continue afterwards.
    """
    for answer in answers:
        _address(answer.address if Address(answer.address).variant is None else Address(answer.address).parent)
    with (
        _locked_manager(workspace, "state resolve", timeout, stop, observer) as manager,
        connected(workspace, SystemClock(stop), observer=observer) as api,
    ):
        draft = _Draft(manager.state, tuple(manager.open_intents))
        messages = [_resolve_one(workspace, api, draft, answer) for answer in answers]
        for record in draft.records:
            manager.append(record)
        manager.append(EndRecord())
        manager.checkpoint()
    return messages


def _resolve_one(workspace: Workspace, api: Provider, draft: _Draft, answer: CreateAnswer) -> str:
    address = Address(answer.address)
    intent = next((row for row in draft.open_intents if row.address == address), None)
    if address.variant is not None:
        return _resolve_variant(api, draft, address, intent, answer.adopt)
    if address.step is None:
        return _resolve_sequence(api, draft, address, intent, answer.adopt)
    return _resolve_step(workspace, api, draft, address, intent, answer.adopt)


def _nothing_in_doubt(address: Address) -> UsageError:
    return UsageError("Nothing to resolve.", f"No create of {address} is in doubt.", "See: seqsync state history")


def _not_created(manager: Decisions, intent: IntentRecord | None, address: Address, *deltas: Delta) -> str:
    """Record that `address` was not created. Return the sentence that reports it."""
    _close(manager, intent, CallResult.NOT_MADE, f"{address} was not created", *deltas)
    return f"{address} was not created. The next plan creates it."


def _close(manager: Decisions, intent: IntentRecord | None, result: CallResult, text: str, *deltas: Delta) -> None:
    if intent is None:
        manager.append(NoteRecord(text=text, deltas=deltas))
    else:
        manager.append(OutcomeRecord(of=intent.n, result=result, detail="by a person", deltas=deltas))


def _resolve_sequence(
    api: Provider, manager: Decisions, key: str, intent: IntentRecord | None, adopt: str | None
) -> str:
    if intent is None:
        raise _nothing_in_doubt(Address(key))
    if adopt is None:
        return _not_created(manager, intent, Address(key))
    row = next((row for row in api.sequences() if row.id == adopt), None)
    if row is None:
        raise UsageError("Saleshandy has no such sequence.", f"The account has no sequence with id {adopt}.")
    _close(
        manager,
        intent,
        CallResult.ADOPTED,
        f"{key} is {adopt}",
        Delta(sequence=key, head=SequenceHead(id=adopt, title=row.title)),
    )
    return f"{key} is sequence {adopt}."


def _resolve_variant(
    api: Provider, manager: Decisions, variant: Address, intent: IntentRecord | None, adopt: str | None
) -> str:
    if intent is None or intent.action != Action.CREATE_VARIANT or intent.content is None:
        raise _nothing_in_doubt(variant)
    if adopt is None:
        return _not_created(manager, intent, variant)
    key, step_key, letter = variant.sequence, variant.step_key, variant.letter
    entry = _entry(manager.state, variant.parent)
    step = entry.steps[step_key]
    remote = next((row for row in api.steps(entry.id) or () if row.id == step.id), None)
    managed = {row.id for row in step.variants.values()}
    if remote is None or adopt in managed or adopt not in {row.id for row in remote.variants}:
        raise UsageError("This id cannot be adopted.", f"{variant.parent} has no unmanaged variant with id {adopt}.")
    extended = with_variant(step, letter, adopt, intent.content.variants[letter])
    _close(
        manager, intent, CallResult.ADOPTED, f"{variant} is {adopt}", Delta(sequence=key, steps={step_key: extended})
    )
    return f"{variant} is variant {adopt}."


def _resolve_step(
    workspace: Workspace,
    api: Provider,
    manager: Decisions,
    address: Address,
    intent: IntentRecord | None,
    adopt: str | None,
) -> str:
    key, step_key = address.sequence, address.step or ""
    entry = _entry(manager.state, Address(key))
    steps = api.steps(entry.id)
    if steps is None:
        raise UsageError("Saleshandy has no such sequence.", f"The account has no sequence {key} with id {entry.id}.")
    content = _content(workspace, manager.state, address, intent)
    if adopt is None:
        others = _candidates(steps, entry, address, content, intent)
        head = entry.head.with_declared(others)
        message = _not_created(manager, intent, address, Delta(sequence=key, head=head))
        if step_key in entry.steps:
            message = f"{address} is still step {entry.steps[step_key].id}."
        return message + (f" Unmanaged from now on: {', '.join(others)}." if others else "")
    delta, is_same = _adoption(steps, entry, address, adopt, content)
    _close(manager, intent, CallResult.ADOPTED, f"{address} is {adopt}", delta)
    return f"{address} is step {adopt}." + ("" if is_same else " Its text differs from your file: see the next plan.")


def _adoption(
    steps: list[RemoteStep], entry: SequenceState, address: Address, adopt: str, content: Content
) -> tuple[Delta, bool]:
    """Return the delta that adopts the step with id `adopt`, and whether its text is that of `content`.

    Raises UsageError where the sequence has no such step, another entry has its id, or its type differs.
    """
    step_key = address.step or ""
    managed = {row.id for name, row in entry.steps.items() if name != step_key}
    step = next((row for row in steps if row.id == adopt), None)
    if step is None or adopt in managed:
        why = f"Another step in the state has the id {adopt}." if step else f"{address.sequence} has no step {adopt}."
        raise UsageError("This id cannot be adopted.", why, "See: seqsync state list")
    adopted, is_same = adopted_step(step, content)
    if adopted is None:
        raise UsageError("This id cannot be adopted.", f'Step {adopt} has another type than "{address}".')
    old = entry.steps.get(step_key)
    replaced = {old.id: old.day if old.content.is_email else None} if old is not None and old.id != adopt else {}
    head = entry.head.with_declared(replaced)
    return Delta(sequence=address.sequence, head=head, steps={step_key: adopted}), is_same


def _content(workspace: Workspace, state: State, address: Address, intent: IntentRecord | None) -> Content:
    """Return the content that the step should have: from the open create, the state, or its file."""
    if intent is not None and intent.content is not None:
        return intent.content
    entry, step_key = state.sequences[address.sequence], address.step or ""
    if step_key in entry.steps:
        return entry.steps[step_key].content
    desired = load_desired(workspace, None).sequences.get(address.sequence)
    if desired is None or step_key not in desired.steps:
        raise UsageError("Neither your files nor the state have this address.", f'"{address}"', "Check its spelling.")
    return desired.steps[step_key]


def _candidates(
    steps: list[RemoteStep], entry: SequenceState, address: Address, content: Content, intent: IntentRecord | None
) -> dict[str, int | None]:
    """Return the steps that the create in doubt might have created, by id, each with its day as an email.

    They are declared not ours from now on.
    """
    known = {row.id for row in entry.steps.values()} | entry.declared_ids | set(intent.seen if intent else ())
    unmanaged = [step for step in steps if step.id not in known]
    if intent is not None:
        return {step.id: day_of(step) for step in unmanaged if same_kind(step, content)}
    found = match_steps(unmanaged, {address: content}, {}, entry.forgotten)
    near = [*found.adopt.values(), *(step for _, step in found.possible)]
    return {step.id: day_of(step) for step in near}


@dataclass(frozen=True, slots=True)
class History:
    """History lines, oldest first, and the addresses whose call is in doubt."""

    lines: tuple[AnyLine, ...] = ()
    unknown: tuple[str, ...] = ()


def read_history(workspace: Workspace, pattern: str | None = None) -> History:
    """Read the history of the state, the journal included. With `pattern`, only what concerns matching addresses.

    Raises UsageError where the pattern is invalid or matches nothing.
    """
    replayed, backend = workspace.read(), workspace.backend()
    lines = decode_lines(backend.history())
    if replayed is None:
        return _matching(History(tuple(lines)), pattern)
    records = decode_records(backend.journal(), replayed.state.lineage, replayed.base.journal)
    unknown = tuple(intent.address for intent in replayed.open_intents)
    return _matching(History(tuple(with_journal(lines, records)), unknown), pattern)


def _matching(history: History, pattern: str | None) -> History:
    if pattern is None:
        return history
    try:
        check_pattern(pattern)
    except ValueError as error:
        raise UsageError("Invalid address pattern.", f"{pattern}: {error}.") from None
    runs = {line.run for line in history.lines if touches(line, pattern)}
    if not runs:
        raise UsageError(f"{pattern} matches nothing in the history.", hint="Show all of it: seqsync state history")
    of_runs = (line for line in history.lines if line.run in runs)
    matching = (line for line in of_runs if line.kind not in ("call", "note") or line.by or touches(line, pattern))
    return History(tuple(matching))
