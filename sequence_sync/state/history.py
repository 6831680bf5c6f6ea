"""What was done with a state, by whom and when, and how to get from today's state to an earlier one. Pure.

The history is made from the journal when that is folded, one checksummed line for each thing that became of it, and is
only ever appended to. A line may stand there twice, where a run was cut off between writing it and cutting the journal:
readers know it by lineage and number. Knows nothing of files, of the API or of plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from sequence_sync.errors import StateError, UsageError
from sequence_sync.model.address import Address, matches, parse_address
from sequence_sync.model.fields import Frozen
from sequence_sync.state.backends.base import StateBackend
from sequence_sync.state.journal import (
    AnyRecord,
    Author,
    CallResult,
    DamagedRecord,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    RunRecord,
    strip_checksum,
    with_checksum,
)
from sequence_sync.state.model import Delta, State


class Line(Frozen):
    """What every line has: the number, lineage and run of its record, and, with a run's first record, `by` whom."""

    n: int
    lineage: str
    run: str = ""
    by: Author | None = None


class RunLine(Line):
    """An apply began to carry out the plan with that hash."""

    kind: Literal["run"] = "run"
    plan: str = ""


class CallLine(Line):
    """What became of a call. `ids` holds the id of `address`, then, of a step that was made, those of its variants.
    `replaced` is what the app said and does not say any more, in the API's field names."""

    kind: Literal["call"] = "call"
    address: Address
    action: str
    result: CallResult
    ids: tuple[str, ...] = ()
    detail: str = ""
    replaced: dict[str, Any] | None = None


class NoteLine(Line):
    """A change of the state without a call; `addresses` are those of sequences and steps that it was about. Without a
    text it only says `by` whom its run was."""

    kind: Literal["note"] = "note"
    text: str
    addresses: tuple[str, ...] = ()


class EndLine(Line):
    """The command ended in order."""

    kind: Literal["end"] = "end"
    exit_code: int = 0


class SerialLine(Line):
    """The state went from serial `before` to `serial`. `undo` are the deltas back; `digest` is what the state said
    (`State.content_digest`) with `serial`. `n` is the last record that went in."""

    kind: Literal["serial"] = "serial"
    before: int
    serial: int
    digest: str
    undo: tuple[Delta, ...] = ()


AnyLine = Annotated[RunLine | CallLine | NoteLine | EndLine | SerialLine, Field(discriminator="kind")]
_LINE: TypeAdapter[AnyLine] = TypeAdapter(AnyLine)


def encode_lines(lines: Iterable[AnyLine]) -> bytes:
    """The bytes to append."""
    plain = ({"kind": line.kind, **line.model_dump(mode="json", exclude_defaults=True)} for line in lines)
    return b"".join(with_checksum(to_json(row)) for row in plain)


def decode_lines(data: bytes) -> list[AnyLine]:
    """The lines in `data`, in their order; what cannot be read, and what stands there again, is left out."""
    found: list[AnyLine] = []
    known: set[tuple[object, ...]] = set()
    for text in data.split(b"\n"):
        body = strip_checksum(text.removesuffix(b"\r"))
        if body is None:
            continue
        try:
            line = _LINE.validate_json(body)
        except ValidationError:
            continue
        if _name(line) not in known:
            known.add(_name(line))
            found.append(line)
    return found


def _name(line: AnyLine) -> tuple[object, ...]:
    """By which a line is known when it stands there again."""
    what = (line.serial, line.digest) if isinstance(line, SerialLine) else getattr(line, "text", "")
    return line.kind, line.lineage, line.n, what


def line_of(record: AnyRecord, intents: Mapping[int, IntentRecord]) -> AnyLine | None:
    """What the history tells of a record; None for one that it need not. `intents`: the open ones, by number."""
    head = {"n": record.n, "lineage": record.lineage, "run": record.run, "by": record.by}
    match record:
        case RunRecord():
            return RunLine(plan=record.applying.plan if record.applying else "", **head)
        case OutcomeRecord():
            return _call(record, intents.get(record.of), head)
        case NoteRecord():
            addresses = tuple(touched(record.deltas))
            text = record.text if addresses else ""  # without them it is a mark of the run
            return NoteLine(text=text, addresses=addresses, **head) if addresses or record.by else None
        case EndRecord():
            return EndLine(exit_code=record.exit_code, **head)
        case DamagedRecord():
            return NoteLine(text="a record of the journal was damaged", **head)
    return NoteLine(text="", **head) if record.by else None


def with_journal(lines: Iterable[AnyLine], records: Iterable[AnyRecord]) -> list[AnyLine]:
    """`lines`, and what the journal tells beyond them."""
    found = list(lines)
    known = {_name(line) for line in found}
    intents: dict[int, IntentRecord] = {}
    for record in records:
        if isinstance(record, IntentRecord):
            intents[record.n] = record
        line = line_of(record, intents)
        if line is not None and _name(line) not in known:
            found.append(line)
    return found


def touches(line: AnyLine, pattern: str) -> bool:
    """Whether a line is about what `pattern` names. A step comes with its variants: who names one of them names the
    step."""
    if isinstance(line, CallLine):
        addresses: tuple[str, ...] = (line.address,) if line.address else ()
    else:
        addresses = line.addresses if isinstance(line, NoteLine) else ()
    return any(
        matches(Address(*Address(pattern).parts[: max(2, len(Address(text).parts))]), parse_address(text))
        for text in addresses
    )


def _call(outcome: OutcomeRecord, intent: IntentRecord | None, head: Mapping[str, Any]) -> CallLine:
    address = intent.address if intent else ""
    return CallLine(
        address=address,
        action=intent.action if intent else "",
        result=outcome.result,
        detail=outcome.detail,
        ids=tuple(_ids(address, outcome.deltas)),
        replaced=intent.replaced if intent and outcome.result is CallResult.UPDATED else None,
        **head,
    )


def _ids(address: str, deltas: Iterable[Delta]) -> Iterator[str]:
    key, step, letter = (*Address(address).parts, "", "")[:3]
    for delta in deltas:
        entry = delta.steps.get(step) if delta.sequence == key else None
        if delta.sequence == key and not step and delta.head is not None:
            yield delta.head.id
        elif entry is not None and letter:
            yield from (row.id for name, row in entry.variants.items() if name == letter and row.id)
        elif entry is not None:
            yield entry.id
            yield from (row.id for row in entry.variants.values() if row.id)


def touched(deltas: Iterable[Delta]) -> Iterator[str]:
    """What deltas change; what a sequence was made from is bookkeeping."""
    for delta in deltas:
        if delta.steps:
            yield from (f"{delta.sequence}.{step}" for step in delta.steps)
        elif delta.drop or (delta.head is not None and delta.head.made_from is None):
            yield delta.sequence


def undo(before: State, after: State) -> tuple[Delta, ...]:
    """The deltas that make the sequences of `before` out of those of `after`, but for what they were made from."""
    deltas = []
    for key in sorted(before.sequences.keys() | after.sequences.keys()):
        old, new = before.sequences.get(key), after.sequences.get(key)
        if old is new:
            continue
        if old is None:
            deltas.append(Delta(sequence=key, drop=True))
            continue
        head = old.head.model_copy(update={"made_from": None})
        now = new.steps if new else {}
        steps = {name: old.steps.get(name) for name in old.steps | now if old.steps.get(name) != now.get(name)}
        if steps or new is None or head != new.head.model_copy(update={"made_from": None}):
            deltas.append(Delta(sequence=key, head=head, steps=steps))
    return tuple(deltas)


def serial_line(before: State, after: State, run: str) -> SerialLine | None:
    """The line for the way from `before` to `after`, both as stored; None where there is no way back or none to go."""
    if before.serial == after.serial or before.lineage != after.lineage:
        return None
    return SerialLine(
        n=after.journal,
        lineage=after.lineage,
        run=run,
        before=before.serial,
        serial=after.serial,
        digest=after.content_digest(),
        undo=undo(before, after),
    )


def earlier_states(stored: State, lines: Iterable[AnyLine]) -> Iterator[State]:
    """`stored`, then each state before it, as far back as the history leads without a gap.

    A line whose digest is not that of the state in hand belongs to a run that was cut off before it wrote its state,
    or to a state that somebody put away: it is passed over.
    """
    state = stored
    yield state
    for line in reversed(list(lines)):
        if not isinstance(line, SerialLine) or line.lineage != state.lineage or line.serial != state.serial:
            continue
        if line.digest != state.content_digest():
            continue
        for delta in line.undo:
            state = state.with_delta(delta)
        state = state.model_copy(update={"serial": line.before})
        yield state


def state_at(serial: int, now: State, stored: State, lines: Iterable[AnyLine]) -> State:
    """The state as it was with `serial`. `now` is the stored state with its journal.

    Raises UsageError where there was none, or where the history does not reach so far back.
    """
    if serial == now.serial:
        return now
    oldest = stored.serial
    for state in earlier_states(stored, lines):
        if state.serial == serial:
            return state
        oldest = state.serial
    reached = f"from {oldest} to {now.serial}" if oldest < now.serial else f"just {now.serial}"
    raise UsageError(f"There is no serial {serial} to go back to.", f"The serials that are there: {reached}.")


PUSHED = "another state was put in its place"


class HistoryWriter:
    """The history of one state. `records` are those of its journal; `folded` is the last that the state contains,
    up to which all has been written. Not thread-safe: the ledger's mutex is held."""

    def __init__(self, backend: StateBackend, records: Iterable[AnyRecord], folded: int) -> None:
        self._backend = backend
        self._waiting: list[AnyLine] = []
        self._intents: dict[int, IntentRecord] = {}
        self.problem = ""
        for record in records:
            self.on_event(record, is_new=record.n > folded)

    def on_event(self, record: AnyRecord, *, is_new: bool = True) -> None:
        """Take note of a record that is durable in the journal."""
        if isinstance(record, IntentRecord):
            self._intents[record.n] = record
        line = line_of(record, self._intents) if is_new else None
        if isinstance(record, OutcomeRecord):
            self._intents.pop(record.of, None)
        if line is not None:
            self._waiting.append(line)

    def checkpoint(self, before: State, after: State, run: str) -> None:
        """Write down all that was heard, and the way from `after`, which is about to be stored, back to `before`."""
        line = serial_line(before, after, run)
        if line is not None:
            self._waiting.append(line)
        self._write()

    def push(self, before: State, after: State, run: str, by: Author) -> None:
        """The same, where a person puts `after` in the place of `before`."""
        addresses = tuple(touched(undo(before, after)))
        self._waiting.append(
            NoteLine(n=after.journal, lineage=after.lineage, run=run, by=by, text=PUSHED, addresses=addresses)
        )
        self.checkpoint(before, after, run)

    def _write(self) -> None:
        if not self._waiting:
            return
        try:
            self._backend.append_history(encode_lines(self._waiting))
        except StateError as problem:
            self.problem = str(problem)
        else:
            self._waiting.clear()
            self.problem = ""
