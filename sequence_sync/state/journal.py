"""What a state and its journal say together. Pure; knows nothing of files, of framing or of the API.

`absorb` is one record, `replay` a journal, `folded` the state in which the journal is contained, and `still_needed`
the records that the next run must see even after folding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from sequence_sync.errors import StateProblem
from sequence_sync.state.codec import with_serial
from sequence_sync.state.records import (
    AnyRecord,
    DamagedRecord,
    EndRecord,
    IntentRecord,
    NoteRecord,
    OutcomeRecord,
    RunRecord,
    SequenceRecord,
    SettledRecord,
)
from sequence_sync.state.snapshot import State


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

    Raises StateProblem where the journal would make a remote id stand twice.
    """
    replayed = Replayed(base=state, state=state, last_n=state.journal)
    for record in records:
        replayed = absorb(replayed, record)
    try:
        checked = State(**dict(with_serial(state, replayed.state)))
    except ValidationError as error:
        raise StateProblem(
            "The journal contradicts the state.",
            error.errors(include_url=False, include_input=False)[0]["msg"],
            "Bring back the state that the journal lies beside: `seqsync state push FILE`, with one from "
            ".seqsync/backups.",
        ) from error
    return replace(replayed, state=checked)


def absorb(replayed: Replayed, record: AnyRecord) -> Replayed:
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
    unsettled = {intent.address.split(".", 1)[0] for intent in replayed.open_intents}
    kept = {key: record for key, record in replayed.sequence_records.items() if key in unsettled}
    return replace(replayed, sequence_records=kept)


def folded(replayed: Replayed) -> State:
    """The state that contains the whole journal, with the serial that belongs to it."""
    state = replayed.state.model_copy(update={"journal": replayed.last_n})
    return with_serial(replayed.base, state)


def still_needed(replayed: Replayed) -> tuple[AnyRecord, ...]:
    """The records that must outlive folding, in order: what is open, and how the last apply began or ended.

    They carry no deltas any more: the state has them.
    """
    marks: tuple[AnyRecord | None, ...] = (replayed.end or replayed.run,)
    damage = (DamagedRecord(n=n, lineage=replayed.state.lineage) for n in replayed.damaged)
    records = (*marks, *replayed.open_intents, *replayed.sequence_records.values(), *damage)
    kept = (record.model_copy(update={"deltas": ()}) for record in records if record is not None)
    return tuple(sorted(kept, key=lambda record: record.n))
