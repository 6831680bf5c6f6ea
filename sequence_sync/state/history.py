"""History lines: what was done with a state, by whom and when, and the deltas back to its earlier serials. Pure.

A checkpoint writes one checksummed line for each journal record that matters later. The history is only appended to. A
line may occur twice, where a run was interrupted after writing it and before truncating the journal: readers recognize
it by lineage and number. Knows nothing of files, of the API or of plans.
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


class HistoryLine(Frozen):
    """The fields of every line: number, lineage and run of its record. The first line of a run also has its author."""

    n: int
    lineage: str
    run: str = ""
    by: Author | None = None


class RunLine(HistoryLine):
    """An apply began to carry out the plan with the hash `plan`."""

    kind: Literal["run"] = "run"
    plan: str = ""


class CallLine(HistoryLine):
    """The outcome of a call.

    `ids` holds the id of `address`, followed by the ids of its variants for a created step. `replaced` holds the remote
    values that an update overwrote, by the API's field names.
    """

    kind: Literal["call"] = "call"
    address: Address
    action: str
    result: CallResult
    ids: tuple[str, ...] = ()
    detail: str = ""
    replaced: dict[str, Any] | None = None


class NoteLine(HistoryLine):
    """A change of the state without a call. `addresses` are the sequences and steps that it changed.

    Without a text the line only records the author of its run.
    """

    kind: Literal["note"] = "note"
    text: str
    addresses: tuple[Address, ...] = ()


class EndLine(HistoryLine):
    """The command ended, with `exit_code`."""

    kind: Literal["end"] = "end"
    exit_code: int = 0


class SerialLine(HistoryLine):
    """The state went from serial `before` to `serial`.

    `undo` holds the deltas back to `before`. `digest` is the `State.content_digest` at `serial`. `n` is the number of
    the last record in the state.
    """

    kind: Literal["serial"] = "serial"
    before: int
    serial: int
    digest: str
    undo: tuple[Delta, ...] = ()


AnyLine = Annotated[RunLine | CallLine | NoteLine | EndLine | SerialLine, Field(discriminator="kind")]
_LINE: TypeAdapter[AnyLine] = TypeAdapter(AnyLine)


def encode_lines(lines: Iterable[AnyLine]) -> bytes:
    """Encode lines for appending to the history."""
    plain = ({"kind": line.kind, **line.model_dump(mode="json", exclude_defaults=True)} for line in lines)
    return b"".join(with_checksum(to_json(row)) for row in plain)


def decode_lines(data: bytes) -> list[AnyLine]:
    """Decode the lines in `data`, in order. Skip what cannot be read, and lines that occur again."""
    lines: list[AnyLine] = []
    known: set[tuple[object, ...]] = set()
    for text in data.split(b"\n"):
        body = strip_checksum(text.removesuffix(b"\r"))
        if body is None:
            continue
        try:
            line = _LINE.validate_json(body)
        except ValidationError:
            continue
        if _identity(line) not in known:
            known.add(_identity(line))
            lines.append(line)
    return lines


def _identity(line: AnyLine) -> tuple[object, ...]:
    """Return what a line has in common with its repetition, and with no other line."""
    what = (line.serial, line.digest) if isinstance(line, SerialLine) else getattr(line, "text", "")
    return line.kind, line.lineage, line.n, what


def line_of(record: AnyRecord, intents: Mapping[int, IntentRecord]) -> AnyLine | None:
    """Return the history line for a record, or None where it needs none. `intents` are the open ones, by number."""
    head = {"n": record.n, "lineage": record.lineage, "run": record.run, "by": record.by}
    match record:
        case RunRecord():
            return RunLine(plan=record.applying.plan if record.applying else "", **head)
        case OutcomeRecord():
            return _call(record, intents.get(record.of), head)
        case NoteRecord():
            addresses = tuple(touched_addresses(record.deltas))
            text = record.text if addresses else ""  # a record without addresses only marks its run
            return NoteLine(text=text, addresses=addresses, **head) if addresses or record.by else None
        case EndRecord():
            return EndLine(exit_code=record.exit_code, **head)
        case DamagedRecord():
            return NoteLine(text="a record of the journal was damaged", **head)
    return NoteLine(text="", **head) if record.by else None


def with_journal(lines: Iterable[AnyLine], records: Iterable[AnyRecord]) -> list[AnyLine]:
    """Return `lines`, followed by the lines that the next checkpoint would add from the journal's `records`."""
    found = list(lines)
    known = {_identity(line) for line in found}
    intents: dict[int, IntentRecord] = {}
    for record in records:
        if isinstance(record, IntentRecord):
            intents[record.n] = record
        line = line_of(record, intents)
        if line is not None and _identity(line) not in known:
            found.append(line)
    return found


def touches(line: AnyLine, pattern: str) -> bool:
    """Return whether a line concerns the addresses that `pattern` matches.

    A step's line includes its variants, so a pattern that names a variant matches the line of its step.
    """
    if isinstance(line, CallLine):
        addresses: tuple[Address, ...] = (line.address,) if line.address else ()
    else:
        addresses = line.addresses if isinstance(line, NoteLine) else ()
    return any(
        matches(Address(*Address(pattern).parts[: max(2, len(Address(text).parts))]), parse_address(text))
        for text in addresses
    )


def _call(outcome: OutcomeRecord, intent: IntentRecord | None, head: Mapping[str, Any]) -> CallLine:
    address = intent.address if intent else None
    return CallLine(
        address=address or "",
        action=intent.action if intent else "",
        result=outcome.result,
        detail=outcome.detail,
        ids=tuple(_ids(address, outcome.deltas)),
        replaced=intent.replaced if intent and outcome.result is CallResult.UPDATED else None,
        **head,
    )


def _ids(address: Address | None, deltas: Iterable[Delta]) -> Iterator[str]:
    key, step, letter = (*(address.parts if address else ("",)), "", "")[:3]
    for delta in deltas:
        entry = delta.steps.get(step) if delta.sequence == key else None
        if delta.sequence == key and not step and delta.head is not None:
            yield delta.head.id
        elif entry is not None and letter:
            yield from (row.id for name, row in entry.variants.items() if name == letter and row.id)
        elif entry is not None:
            yield entry.id
            yield from (row.id for row in entry.variants.values() if row.id)


def touched_addresses(deltas: Iterable[Delta]) -> Iterator[Address]:
    """Yield the addresses that deltas change. `made_from` is bookkeeping and does not count."""
    for delta in deltas:
        if delta.steps:
            yield from (Address(delta.sequence, step) for step in delta.steps)
        elif delta.drop or (delta.head is not None and delta.head.made_from is None):
            yield Address(delta.sequence)


def undo_deltas(before: State, after: State) -> tuple[Delta, ...]:
    """Return the deltas that turn the sequences of `after` into those of `before`, except for bookkeeping."""
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
        if steps or new is None or head.without_bookkeeping() != new.head.without_bookkeeping():
            deltas.append(Delta(sequence=key, head=head, steps=steps))
    return tuple(deltas)


def serial_line(before: State, after: State, run: str) -> SerialLine | None:
    """Return the line for the change from `before` to `after`, both as stored.

    None where serial or lineage allow no rollback: the serial is the same, or the lineage is another.
    """
    if before.serial == after.serial or before.lineage != after.lineage:
        return None
    return SerialLine(
        n=after.journal,
        lineage=after.lineage,
        run=run,
        before=before.serial,
        serial=after.serial,
        digest=after.content_digest(),
        undo=undo_deltas(before, after),
    )


def earlier_states(stored: State, lines: Iterable[AnyLine]) -> Iterator[State]:
    """Yield `stored`, then each state before it, as far back as the history has no gap.

    A line with another digest than the current state is skipped. It comes from a run that was interrupted before it
    wrote its state, or from a state that was replaced.
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
    """Return the state at `serial`. `now` is the stored state with its journal applied.

    Raises UsageError where that serial never existed, or the history does not reach it.
    """
    if serial == now.serial:
        return now
    oldest = stored.serial
    for state in earlier_states(stored, lines):
        if state.serial == serial:
            return state
        oldest = state.serial
    reached = f"from {oldest} to {now.serial}" if oldest < now.serial else f"only {now.serial}"
    raise UsageError(
        f"The history has no serial {serial}.", f"Available serials: {reached}.", "See: seqsync state history"
    )


PUSHED = "replaced by state push"


class HistoryWriter:
    """Writes the history of one state at each checkpoint.

    `records` are the records of its journal. Those up to number `written` are in the history already. Not thread-safe:
    the state manager holds its mutex.
    """

    def __init__(self, backend: StateBackend, records: Iterable[AnyRecord], written: int) -> None:
        self._backend = backend
        self._pending: list[AnyLine] = []
        self._intents: dict[int, IntentRecord] = {}
        self.error = ""
        for record in records:
            self.add(record, is_new=record.n > written)

    def add(self, record: AnyRecord, *, is_new: bool = True) -> None:
        """Remember a record that is durable in the journal, for the next checkpoint."""
        if isinstance(record, IntentRecord):
            self._intents[record.n] = record
        line = line_of(record, self._intents) if is_new else None
        if isinstance(record, OutcomeRecord):
            self._intents.pop(record.of, None)
        if line is not None:
            self._pending.append(line)

    def checkpoint(self, before: State, after: State, run: str) -> None:
        """Write the pending lines, and the deltas back from `after`, which is about to be stored, to `before`.

        A failure is kept in `error`, and the lines stay pending: a state is never lost for its history.
        """
        line = serial_line(before, after, run)
        if line is not None:
            self._pending.append(line)
        if not self._pending:
            return
        try:
            self._backend.append_history(encode_lines(self._pending))
        except StateError as error:
            self.error = str(error)
        else:
            self._pending.clear()
            self.error = ""

    def push(self, before: State, after: State, run: str, by: Author) -> None:
        """Like `checkpoint`, where `by` replaces the state `before` with `after`."""
        addresses = tuple(touched_addresses(undo_deltas(before, after)))
        self._pending.append(
            NoteLine(n=after.journal, lineage=after.lineage, run=run, by=by, text=PUSHED, addresses=addresses)
        )
        self.checkpoint(before, after, run)
