"""What a journal holds: one record for each thing that must not be forgotten. Pure.

Records are numbered (`n`), carry the lineage of their state, and are the truth until they are folded into it
(docs/exactly-once.md). `state.framing` writes them as checksummed lines; `state.replay` folds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from sequence_sync.model.fields import Frozen
from sequence_sync.model.sequence import Content
from sequence_sync.state.snapshot import Applying, Delta


class Result(StrEnum):
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

    address: str
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
    address: str
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
    result: Result
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
