"""Journal records, their bytes, and replay: what a state and its journal say together. Pure.

`encode_record` and `decode_records` are the format. `apply_record` applies one record, `replay` a whole journal.
`checkpointed` is the state that contains the journal, and `retained_records` are what the journal keeps after a
checkpoint. Knows nothing of files or of the API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from sequence_sync.errors import StateError
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Frozen
from sequence_sync.model.sequence import Content
from sequence_sync.state.model import Applying, Delta, State
from sequence_sync.state.statefile import with_serial


class CallResult(StrEnum):
    """The outcome of an intent."""

    MADE = "made"  # the API created it and returned its id
    ADOPTED = "adopted"  # a read found it
    REFUSED = "refused"  # the API certainly refused it
    NOT_MADE = "not-made"  # the outcome was in doubt, and reads showed that it was not created
    UPDATED = "updated"  # a PATCH was accepted


class Author(Frozen):
    """Who runs a command, for the history.

    `at` is when it began to write (UTC, ISO 8601). `commit` is the project's commit, and `dirty` is whether the project
    has uncommitted changes. Both are None outside git.
    """

    who: str = ""
    at: str = ""
    operation: str = ""
    commit: str | None = None
    dirty: bool | None = None


class Record(Frozen):
    """The fields of every record.

    `run` is the id of the command that wrote it. The first record of a run has its author in `by`. The state manager
    sets `n` (from 1), `lineage` and `by` when it appends the record. Until then they are empty.
    """

    n: int = 0
    lineage: str = ""
    run: str = ""
    by: Author | None = None
    deltas: tuple[Delta, ...] = ()


class RunRecord(Record):
    """An apply began. `applying` is its plan."""

    kind: Literal["run"] = "run"
    applying: Applying | None = None


class PlannedCall(Frozen):
    """One of the calls that a SequenceRecord announces."""

    address: Address
    action: str
    body: dict[str, Any] | None = None


class SequenceRecord(Record):
    """Written before the first call to a sequence. `seen` are all ids read there, `calls` the coming calls in order."""

    kind: Literal["sequence"] = "sequence"
    sequence: str
    remote_id: str | None = None
    seen: tuple[str, ...] = ()
    calls: tuple[PlannedCall, ...] = ()


class IntentRecord(Record):
    """A write is about to be sent. Open until an OutcomeRecord names its number.

    `seen` holds every remote id read in the sequence before the write. For the create of a sequence it holds the ids of
    sequences with the same title. `content` is the desired content of a step, `title` the title of a sequence.
    `replaced` holds the remote values that a PATCH overwrites, by the API's field names.
    """

    kind: Literal["intent"] = "intent"
    address: Address
    action: str
    remote_id: str | None = None
    body: dict[str, Any] | None = None
    seen: tuple[str, ...] = ()
    content: Content | None = None
    title: str | None = None
    replaced: dict[str, Any] | None = None


class OutcomeRecord(Record):
    """The outcome of intent number `of`."""

    kind: Literal["outcome"] = "outcome"
    of: int
    result: CallResult
    detail: str = ""


class NoteRecord(Record):
    """A change of the state without a call (adopt, move, forget, record), or a mark of the run."""

    kind: Literal["note"] = "note"
    text: str = ""
    applying: Applying | None = None
    clears_applying: bool = False


class DamagedRecord(Record):
    """Stands for a record that could not be read. It may have been an intent of any address."""

    kind: Literal["damaged"] = "damaged"


class DamageResolvedRecord(Record):
    """The damage that record `of` reports is resolved: each sequence was read twice, `settle_grace` apart."""

    kind: Literal["settled"] = "settled"
    of: int


class EndRecord(Record):
    """The apply ended. Only what earlier records left open is still open."""

    kind: Literal["end"] = "end"
    exit_code: int = 0


AnyRecord = Annotated[
    RunRecord
    | SequenceRecord
    | IntentRecord
    | OutcomeRecord
    | NoteRecord
    | DamagedRecord
    | DamageResolvedRecord
    | EndRecord,
    Field(discriminator="kind"),
]
RECORD: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)


_CHECKSUM_LENGTH = 16


def encode_record(record: AnyRecord) -> bytes:
    """Encode a record as one line. Raises StateError where a text is not valid Unicode."""
    try:
        body = RECORD.dump_json(record)
    except PydanticSerializationError as error:
        raise StateError("A journal record cannot be written as text.", str(error)) from error
    return with_checksum(body)


def decode_records(data: bytes, lineage: str, checkpointed: int = 0) -> list[AnyRecord]:
    """Decode the records of a journal, in the order of their numbers. The state contains those up to `checkpointed`.

    One DamagedRecord, with a number of its own, replaces each run of damage. Damage is a line that cannot be read, a
    number that does not rise, missing numbers above `checkpointed`, or a last line without a newline.
    Raises StateError where an intact record belongs to another lineage.
    """
    records: list[AnyRecord] = []
    last, damage, unplaced = 0, False, False
    for record in _parse_lines(data):
        if record is not None and record.lineage != lineage:
            raise _wrong_lineage(record.lineage, lineage)
        if record is None or record.n <= last:
            damage = True
            continue
        expected = max(last, checkpointed) + 1
        # A damaged record above `checkpointed` stands for all numbers up to the next one.
        reported = bool(records) and isinstance(records[-1], DamagedRecord) and last > checkpointed
        if damage or (expected < record.n and not reported):
            free = expected if expected < record.n else last + 1
            if free < record.n:
                records.append(DamagedRecord(n=free, lineage=lineage))
            else:
                unplaced = True
        damage, last = False, record.n
        records.append(record)
    if damage or unplaced:
        records.append(DamagedRecord(n=max(last, checkpointed) + 1, lineage=lineage))
    return records


def lineage_of(data: bytes) -> str | None:
    """Return the lineage in the first intact record of a journal, or None where no record is intact."""
    return next((record.lineage for record in _parse_lines(data) if record is not None), None)


def _parse_lines(data: bytes) -> Iterator[AnyRecord | None]:
    """Yield the record of each line, or None where it cannot be read. A last line without a newline is incomplete."""
    *lines, tail = data.split(b"\n")
    for line in lines:
        yield _parse_line(line)
    if tail:
        yield None


def with_checksum(body: bytes) -> bytes:
    """Return `body`, which must not contain a newline, as a line with its checksum."""
    return _checksum(body) + b" " + body + b"\n"


def strip_checksum(line: bytes) -> bytes | None:
    """Return the body of a line without its newline, or None where the checksum is wrong."""
    body = line[_CHECKSUM_LENGTH + 1 :]
    return body if line[: _CHECKSUM_LENGTH + 1] == _checksum(body) + b" " else None


def _parse_line(line: bytes) -> AnyRecord | None:
    body = strip_checksum(line)
    if body is None:
        return None
    try:
        record = RECORD.validate_json(body)
    except ValidationError:
        return None
    return record if record.n > 0 else None


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_CHECKSUM_LENGTH].encode()


def _wrong_lineage(found: str, lineage: str) -> StateError:
    return StateError(
        "The journal belongs to another state.",
        f"Its records have lineage {found}; the state has lineage {lineage}.",
        "Restore the state that belongs to this journal: `seqsync state push FILE`. Or, if you are sure that you do "
        "not need the journal, move the journal file away.",
    )


@dataclass(frozen=True, slots=True)
class Replayed:
    """A state with its journal applied.

    `base` is the stored state. `state` is `base` with every later record applied; its `journal` is still that of
    `base`. `damaged` holds the numbers of unresolved damaged records. `run` and `end` are the records of the last
    apply's begin and end. `end` is None while an apply runs, and stays None where it was interrupted.
    `sequence_records` are those that resolving a write in doubt may need. `notes` report irregularities to people.
    """

    base: State
    state: State
    open_intents: tuple[IntentRecord, ...] = ()
    damaged: tuple[int, ...] = ()
    last_n: int = 0
    sequence_records: Mapping[str, SequenceRecord] = field(default_factory=dict)
    run: RunRecord | None = None
    end: EndRecord | None = None
    notes: tuple[str, ...] = ()

    @property
    def last_run_ended(self) -> bool:
        """Whether the journal records the end of the last apply. False where it records no apply."""
        return self.end is not None


def replay(state: State, records: Iterable[AnyRecord]) -> Replayed:
    """Apply `records` to `state`, in order. Records that `state` already contains only show what is open.

    Raises StateError where the journal would give one remote id two addresses.
    """
    replayed = Replayed(base=state, state=state, last_n=state.journal)
    for record in records:
        replayed = apply_record(replayed, record)
    try:
        checked = State(**dict(with_serial(state, replayed.state)))
    except ValidationError as error:
        raise StateError(
            "The journal contradicts the state.",
            error.errors(include_url=False, include_input=False)[0]["msg"],
            "Restore the state that belongs to this journal, from .seqsync/backups: `seqsync state push FILE`.",
        ) from error
    return replace(replayed, state=checked)


def apply_record(replayed: Replayed, record: AnyRecord) -> Replayed:
    """Return `replayed` after one more record."""
    if record.n > replayed.base.journal:
        replayed = replace(replayed, state=_state_after(replayed.state, record))
    replayed = replace(replayed, last_n=max(replayed.last_n, record.n))
    match record:
        case RunRecord():
            return replace(replayed, run=record, end=None)
        case SequenceRecord():
            return replace(replayed, sequence_records={**replayed.sequence_records, record.sequence: record})
        case IntentRecord():
            return replace(replayed, open_intents=(*replayed.open_intents, record))
        case OutcomeRecord():
            return replace(replayed, open_intents=tuple(i for i in replayed.open_intents if i.n != record.of))
        case DamagedRecord():
            return replace(replayed, damaged=(*replayed.damaged, record.n))
        case DamageResolvedRecord():
            return replace(replayed, damaged=tuple(n for n in replayed.damaged if n != record.of))
        case EndRecord():
            return _after_end(replace(replayed, end=record))
        case NoteRecord():
            return replayed


def _state_after(state: State, record: AnyRecord) -> State:
    for delta in record.deltas:
        state = state.with_delta(delta)
    if isinstance(record, RunRecord | NoteRecord) and record.applying is not None:
        state = state.model_copy(update={"applying": record.applying})
    if isinstance(record, NoteRecord) and record.clears_applying:
        state = state.model_copy(update={"applying": None})
    return state


def _after_end(replayed: Replayed) -> Replayed:
    """Drop the sequence records that are no longer needed after an end.

    A sequence with an open intent still needs its record. Unresolved damage may concern any sequence.
    """
    if replayed.damaged:
        return replayed
    in_doubt = {intent.address.sequence for intent in replayed.open_intents}
    needed = {key: record for key, record in replayed.sequence_records.items() if key in in_doubt}
    return replace(replayed, sequence_records=needed)


def checkpointed(replayed: Replayed) -> State:
    """Return the state that contains the whole journal, with the serial that belongs to it."""
    state = replayed.state.model_copy(update={"journal": replayed.last_n})
    return with_serial(replayed.base, state)


def retained_records(replayed: Replayed) -> tuple[AnyRecord, ...]:
    """Return the records that the journal keeps after a checkpoint, in order.

    These are open intents, sequence records that may be needed, unresolved damage, and how the last apply began or
    ended. Their deltas are removed, because the state contains them.
    """
    marks: tuple[AnyRecord | None, ...] = (replayed.end or replayed.run,)
    damage = (DamagedRecord(n=n, lineage=replayed.state.lineage) for n in replayed.damaged)
    records = (*marks, *replayed.open_intents, *replayed.sequence_records.values(), *damage)
    retained = (record.model_copy(update={"deltas": ()}) for record in records if record is not None)
    return tuple(sorted(retained, key=lambda record: record.n))
