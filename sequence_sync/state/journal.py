"""What a state and its journal say together. Pure; knows nothing of files, of framing or of the API.

`absorb` is one record, `replay` a journal, `folded` the state in which the journal is contained, and `still_needed`
the records that the next run must see even after folding.
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
    """What became of an intent."""

    MADE = "made"  # the API made it and told its id
    ADOPTED = "adopted"  # it was found by reading
    REFUSED = "refused"  # the API said no for certain
    NOT_MADE = "not-made"  # the outcome was open and reading showed that it was not made
    UPDATED = "updated"  # a PATCH was accepted


class Author(Frozen):
    """Who runs a command, for the history. `at` is when it began to write (UTC, ISO 8601). `commit` is that of the
    project, `dirty` whether something in it was not committed; both None outside git."""

    who: str = ""
    at: str = ""
    operation: str = ""
    commit: str | None = None
    dirty: bool | None = None


class Record(Frozen):
    """What every record has. `run` is the id of the command that wrote it; its first record says `by` whom.

    `n` (from 1), `lineage` and `by` are given by the ledger when the record is appended; until then they are empty.
    """

    n: int = 0
    lineage: str = ""
    run: str = ""
    by: Author | None = None
    deltas: tuple[Delta, ...] = ()


class RunRecord(Record):
    """An apply began, and for which plan."""

    kind: Literal["run"] = "run"
    applying: Applying | None = None


class PlannedCall(Frozen):
    """One call of a sequence's record."""

    address: Address
    action: str
    body: dict[str, Any] | None = None


class SequenceRecord(Record):
    """Before the first call to a sequence: ids seen there (ours or not) and the calls to come, in order."""

    kind: Literal["sequence"] = "sequence"
    sequence: str
    remote_id: str | None = None
    seen: tuple[str, ...] = ()
    calls: tuple[PlannedCall, ...] = ()


class IntentRecord(Record):
    """A write is about to be sent. Open until an outcome names its number.

    `seen` holds every remote id seen in the sequence before it (for a sequence's create: ids with its title);
    `content` is what a step will say; `title` that of a sequence. `replaced` is what the app says where a PATCH will
    say something else, in the API's field names.
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
    """What became of intent number `of`."""

    kind: Literal["outcome"] = "outcome"
    of: int
    result: CallResult
    detail: str = ""


class NoteRecord(Record):
    """A change of the state that needed no call (adopt, move, forget, record), or a mark of the run."""

    kind: Literal["note"] = "note"
    text: str = ""
    applying: Applying | None = None
    clears_applying: bool = False


class DamagedRecord(Record):
    """A record that could not be read stood here: an open intent of unknown address."""

    kind: Literal["damaged"] = "damaged"


class SettledRecord(Record):
    """The damage told by record `of` has been looked into: every sequence was read twice, a grace apart."""

    kind: Literal["settled"] = "settled"
    of: int


class EndRecord(Record):
    """The apply ended in order; nothing of it is open but what earlier records say."""

    kind: Literal["end"] = "end"
    exit_code: int = 0


AnyRecord = Annotated[
    RunRecord | SequenceRecord | IntentRecord | OutcomeRecord | NoteRecord | DamagedRecord | SettledRecord | EndRecord,
    Field(discriminator="kind"),
]
RECORD: TypeAdapter[AnyRecord] = TypeAdapter(AnyRecord)


def parse_record(data: Mapping[str, Any]) -> AnyRecord:
    """The record that plain data spell. Raises pydantic's ValidationError where they spell none."""
    return RECORD.validate_python(data)


_SUM_LENGTH = 16


def encode_record(record: AnyRecord) -> bytes:
    """The line of `record`. Raises StateError where a text is no Unicode."""
    try:
        body = RECORD.dump_json(record)
    except PydanticSerializationError as error:
        raise StateError("A journal record cannot be written as text.", str(error)) from error
    return with_checksum(body)


def decode_records(data: bytes, lineage: str, checkpointed: int = 0) -> list[AnyRecord]:
    """The records of a journal, in the order of their numbers.

    Each run of damage (a line that cannot be read, a number that does not rise, numbers above `folded` that are
    missing, a last line without its newline) is one DamagedRecord, with a number that no other record has.
    Raises StateError where an intact record belongs to another lineage.
    """
    records: list[AnyRecord] = []
    last, damage, homeless = 0, False, False
    for record in _lines(data):
        if record is not None and record.lineage != lineage:
            raise _foreign(record.lineage, lineage)
        if record is None or record.n <= last:
            damage = True
            continue
        awaited = max(last, checkpointed) + 1
        # A damaged record above `folded` stands for all numbers up to the next one.
        told = bool(records) and isinstance(records[-1], DamagedRecord) and last > checkpointed
        if damage or (awaited < record.n and not told):
            free = awaited if awaited < record.n else last + 1
            if free < record.n:
                records.append(DamagedRecord(n=free, lineage=lineage))
            else:
                homeless = True
        damage, last = False, record.n
        records.append(record)
    if damage or homeless:
        records.append(DamagedRecord(n=max(last, checkpointed) + 1, lineage=lineage))
    return records


def lineage_of(data: bytes) -> str | None:
    """The lineage that the first intact record of a journal names; None where there is none."""
    return next((record.lineage for record in _lines(data) if record is not None), None)


def _lines(data: bytes) -> Iterator[AnyRecord | None]:
    """Each line's record, None where it cannot be read. What stands after the last newline was torn off."""
    *lines, tail = data.split(b"\n")
    for line in lines:
        yield _read(line)
    if tail:
        yield None


def with_checksum(body: bytes) -> bytes:
    """`body`, which has no line break, as a line with its sum."""
    return _sum(body) + b" " + body + b"\n"


def strip_checksum(line: bytes) -> bytes | None:
    """The body of a line, which comes without its newline; None where the sum is wrong."""
    body = line[_SUM_LENGTH + 1 :]
    return body if line[: _SUM_LENGTH + 1] == _sum(body) + b" " else None


def _read(line: bytes) -> AnyRecord | None:
    body = strip_checksum(line)
    if body is None:
        return None
    try:
        record = RECORD.validate_json(body)
    except ValidationError:
        return None
    return record if record.n > 0 else None


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_SUM_LENGTH].encode()


def _foreign(found: str, lineage: str) -> StateError:
    return StateError(
        "The journal belongs to another state.",
        f"Its records carry the lineage {found}, the state has {lineage}.",
        "Bring back the state that the journal lies beside (`seqsync state push FILE`), or, if you are sure that "
        "nothing in the journal matters, move the journal file away.",
    )


@dataclass(frozen=True, slots=True)
class Replayed:
    """A state after its journal.

    `base` is the state as it is stored, `state` the same with every later record applied (its `journal` is still
    that of `base`). `damaged` holds the numbers of damaged records that nobody has looked into. `run` and `end` are
    the last apply's beginning and its orderly end; `end` is None while it runs, and for ever where it was cut off.
    `sequence_records` are those that a settling may need. `notes` are for people: what was odd about the files.
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
        """Whether there is a record of the last apply and it ended in order. No record at all is False."""
        return self.end is not None


def replay(state: State, records: Iterable[AnyRecord]) -> Replayed:
    """`state` with `records` folded in, in order; those that it contains already only tell what is open.

    Raises StateError where the journal would make a remote id stand twice.
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
            "Bring back the state that the journal lies beside: `seqsync state push FILE`, with one from "
            ".seqsync/backups.",
        ) from error
    return replace(replayed, state=checked)


def apply_record(replayed: Replayed, record: AnyRecord) -> Replayed:
    """`replayed` after one more record."""
    if record.n > replayed.base.journal:
        replayed = replace(replayed, state=_changed(replayed.state, record))
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
        case SettledRecord():
            return replace(replayed, damaged=tuple(n for n in replayed.damaged if n != record.of))
        case EndRecord():
            return _ended(replace(replayed, end=record))
        case NoteRecord():
            return replayed


def _changed(state: State, record: AnyRecord) -> State:
    for delta in record.deltas:
        state = state.with_delta(delta)
    if isinstance(record, RunRecord | NoteRecord) and record.applying is not None:
        state = state.model_copy(update={"applying": record.applying})
    if isinstance(record, NoteRecord) and record.clears_applying:
        state = state.model_copy(update={"applying": None})
    return state


def _ended(replayed: Replayed) -> Replayed:
    """After an orderly end only a sequence with something open still needs its record; damage may be anywhere."""
    if replayed.damaged:
        return replayed
    unsettled = {intent.address.sequence for intent in replayed.open_intents}
    kept = {key: record for key, record in replayed.sequence_records.items() if key in unsettled}
    return replace(replayed, sequence_records=kept)


def checkpointed(replayed: Replayed) -> State:
    """The state that contains the whole journal, with the serial that belongs to it."""
    state = replayed.state.model_copy(update={"journal": replayed.last_n})
    return with_serial(replayed.base, state)


def retained_records(replayed: Replayed) -> tuple[AnyRecord, ...]:
    """The records that must outlive folding, in order: what is open, and how the last apply began or ended.

    They carry no deltas any more: the state has them.
    """
    marks: tuple[AnyRecord | None, ...] = (replayed.end or replayed.run,)
    damage = (DamagedRecord(n=n, lineage=replayed.state.lineage) for n in replayed.damaged)
    records = (*marks, *replayed.open_intents, *replayed.sequence_records.values(), *damage)
    kept = (record.model_copy(update={"deltas": ()}) for record in records if record is not None)
    return tuple(sorted(kept, key=lambda record: record.n))
