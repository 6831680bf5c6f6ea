"""Journal records as checksummed lines and back. Pure; knows nothing of files or of what the records mean.

A line: 16 hex digits of the SHA-256 of the JSON, a space, the JSON, a newline. What cannot be read becomes a
DamagedRecord, never nothing. A cut exactly between two lines leaves no trace in the bytes: only numbers that do not
go on from the state's own (`folded`) can tell it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from sequence_sync.errors import StateProblem
from sequence_sync.state.records import RECORD, AnyRecord, DamagedRecord

_SUM_LENGTH = 16


def frame(record: AnyRecord) -> bytes:
    """The line of `record`. Raises StateProblem where a text is no Unicode."""
    try:
        body = RECORD.dump_json(record)
    except PydanticSerializationError as error:
        raise StateProblem("A journal record cannot be written as text.", str(error)) from error
    return summed(body)


def unframe(data: bytes, lineage: str, folded: int = 0) -> list[AnyRecord]:
    """The records of a journal, in the order of their numbers.

    Each run of damage (a line that cannot be read, a number that does not rise, numbers above `folded` that are
    missing, a last line without its newline) is one DamagedRecord, with a number that no other record has.
    Raises StateProblem where an intact record belongs to another lineage.
    """
    records: list[AnyRecord] = []
    last, damage, homeless = 0, False, False
    for record in _lines(data):
        if record is not None and record.lineage != lineage:
            raise _foreign(record.lineage, lineage)
        if record is None or record.n <= last:
            damage = True
            continue
        awaited = max(last, folded) + 1
        # A damaged record above `folded` stands for all numbers up to the next one.
        told = bool(records) and isinstance(records[-1], DamagedRecord) and last > folded
        if damage or (awaited < record.n and not told):
            free = awaited if awaited < record.n else last + 1
            if free < record.n:
                records.append(DamagedRecord(n=free, lineage=lineage))
            else:
                homeless = True
        damage, last = False, record.n
        records.append(record)
    if damage or homeless:
        records.append(DamagedRecord(n=max(last, folded) + 1, lineage=lineage))
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


def summed(body: bytes) -> bytes:
    """`body`, which has no line break, as a line with its sum."""
    return _sum(body) + b" " + body + b"\n"


def unsummed(line: bytes) -> bytes | None:
    """The body of a line, which comes without its newline; None where the sum is wrong."""
    body = line[_SUM_LENGTH + 1 :]
    return body if line[: _SUM_LENGTH + 1] == _sum(body) + b" " else None


def _read(line: bytes) -> AnyRecord | None:
    body = unsummed(line)
    if body is None:
        return None
    try:
        record = RECORD.validate_json(body)
    except ValidationError:
        return None
    return record if record.n > 0 else None


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_SUM_LENGTH].encode()


def _foreign(found: str, lineage: str) -> StateProblem:
    return StateProblem(
        "The journal belongs to another state.",
        f"Its records carry the lineage {found}, the state has {lineage}.",
        "Bring back the state that the journal lies beside (`seqsync state push FILE`), or, if you are sure that "
        "nothing in the journal matters, move the journal file away.",
    )
