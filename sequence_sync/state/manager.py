"""The state of a run: read once, changed by durable records, folded back. All that apply remembers goes through here.

Knows backends only by their seam, and nothing of the API or of plans. Thread-safe: workers of several sequences
append side by side. The journal is the truth until it is folded, and is cut only after the state is safe.
"""

from __future__ import annotations

import hashlib
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from sequence_sync.errors import AccountError, StateError
from sequence_sync.files import RescueFolder
from sequence_sync.state.backends.base import Lock, StateBackend, Stored
from sequence_sync.state.backends.high_water import HighWaterMark
from sequence_sync.state.history import HistoryWriter
from sequence_sync.state.journal import (
    AnyRecord,
    Author,
    DamagedRecord,
    IntentRecord,
    OutcomeRecord,
    Replayed,
    apply_record,
    checkpointed,
    decode_records,
    encode_record,
    lineage_of,
    replay,
    retained_records,
)
from sequence_sync.state.model import RemoteIdIndex, State
from sequence_sync.state.statefile import decode, encode, new_state

_READS = 5  # of a reader without the lock, until state and journal belong together
_DUE_AT_LEAST = 256 * 1024  # bytes of journal that are never worth a fold by themselves


@dataclass(frozen=True, slots=True)
class Account:
    """Whose state it must be: the environment's name and the host of its API."""

    environment: str
    api_host: str


class StateNotSavedError(StateError):
    """The state could not be written where it belongs.

    `rescue_file` is where it stands instead. Where that failed too it is None, and `printed` holds the bytes, which
    the command prints to stdout as the last way out.
    """

    def __init__(self, cause: StateError, data: bytes, rescue_file: str | None) -> None:
        if rescue_file is None:
            hint = (
                "It could not be kept in another file either, so it is printed. Save that text in a file and, when the "
                "disk is well, run `seqsync state push FILE`."
            )
        else:
            hint = f"It is kept in {rescue_file}. Put it back with `seqsync state push {shlex.quote(rescue_file)}`."
        super().__init__("The state could not be saved.", str(cause), hint)
        self.rescue_file = rescue_file
        self.printed = data if rescue_file is None else None


def read_only(backend: StateBackend, account: Account, seen: HighWaterMark | None = None) -> Replayed | None:
    """State plus journal for `plan` and other readers, without the lock; None where there is neither.

    With `seen`, a state older than this machine last saw is refused. Raises StateError, and AccountError where
    the state belongs to another API host.
    """
    for _ in range(_READS):
        stored, journal = backend.read(), backend.journal()
        again = backend.read()
        # Otherwise a writer is at work: it folds between the two reads, or its last record is half there.
        if (stored and stored.version) == (again and again.version) and journal[-1:] in (b"", b"\n"):
            break
    if stored is None and lineage_of(journal) is None:
        return None
    return _understood(backend.describe(), stored, journal, account, seen, "")[0]


def _understood(
    where: str, stored: Stored | None, journal: bytes, account: Account, seen: HighWaterMark | None, lineage: str
) -> tuple[Replayed, list[AnyRecord]]:
    """What state and journal say together, and the journal's records. `lineage` is for a state that is to begin.

    A state that is lost while its journal is there is made anew around the journal: with its lineage, empty, and,
    since the numbers of the records do not begin at 1, with a damaged record.
    """
    if stored is not None:
        state = decode(stored.data, where)
    else:
        known = lineage_of(journal)
        state = new_state(known or lineage, account.environment, account.api_host)
        state = state.model_copy(update={"serial": seen.highest(state.lineage) if seen else 0})
    if seen is not None:
        seen.check(state, where)
    records = decode_records(journal, state.lineage, state.journal)
    replayed = replay(state, records)
    if state.api_host != account.api_host:
        replayed = _at_another_host(where, replayed, account)
    return replace(replayed, notes=_notes(where, stored is None and bool(journal), replayed)), records


def _at_another_host(where: str, replayed: Replayed, account: Account) -> Replayed:
    """A state that knows nothing yet belongs to no host: a first apply that failed must not bind it."""
    if replayed.state.sequences or replayed.open_intents or replayed.damaged:
        raise AccountError(
            "The state belongs to another API host.",
            f"{where} is of {replayed.state.api_host}; the environment {account.environment} uses {account.api_host}.",
            "Correct `api_url` or `state` of this environment in seqsync.yaml. Nothing was sent.",
        )
    update = {"api_host": account.api_host}
    return replace(
        replayed, base=replayed.base.model_copy(update=update), state=replayed.state.model_copy(update=update)
    )


def _notes(where: str, lost: bool, replayed: Replayed) -> tuple[str, ...]:
    lines = []
    if lost:
        lines.append(f"{where} is missing, but its journal is there: what the journal still tells was taken over.")
    if replayed.damaged:
        lines.append(f"The journal of {where} is damaged: until that is settled, something may be unrecorded.")
    return tuple(lines)


class StateManager:
    """The state of one run, under the lock.

    The caller holds `lock` and keeps holding it until after the last call here. `lineage` is a new UUID, used only
    where there is no state yet; it stands in the state file before the first record goes to the journal. `run` is
    the id of this run; `author` tells whose it is, when it first writes. Raises what `read_only` raises; a damaged
    journal is written anew first, with its damage told by a record, so that nothing is ever appended after a torn tail.
    """

    def __init__(
        self,
        backend: StateBackend,
        lock: Lock,
        account: Account,
        rescue: RescueFolder,
        *,
        lineage: str,
        run: str,
        seen: HighWaterMark | None = None,
        author: Callable[[], Author] = Author,
    ) -> None:
        self._author, self._signed = author, False
        self._backend, self._lock, self._rescue, self._seen, self._run = backend, lock, rescue, seen, run
        self._mutex = threading.Lock()
        self._broken = False
        stored, journal = backend.read(), backend.journal()
        self._view, records = _understood(backend.describe(), stored, journal, account, seen, lineage)
        self._version = stored.version if stored else None
        self._chronicle = HistoryWriter(backend, records, self._view.base.journal)
        self._owners = RemoteIdIndex(self._view.state)
        if any(isinstance(record, DamagedRecord) for record in records):
            backend.replace_journal(b"".join(map(encode_record, records)))
        self._uncut = len(records) > len(retained_records(self._view))
        self._grown, self._size = len(journal), len(stored.data) if stored else 0
        if seen is not None and stored is not None:
            seen.note(self._view.base)

    @property
    def view(self) -> Replayed:
        """State plus journal, as of the last durable record. Immutable: it never changes under its reader."""
        return self._view

    @property
    def state(self) -> State:
        """The state with every record applied."""
        return self._view.state

    @property
    def is_stored(self) -> bool:
        """Whether the state stands in its backend, or is only about to begin."""
        return self._version is not None

    @property
    def open_intents(self) -> tuple[IntentRecord, ...]:
        """Writes whose outcome no record tells, oldest first."""
        return self._view.open_intents

    @property
    def damaged(self) -> tuple[int, ...]:
        """Numbers of damaged records that no SettledRecord names."""
        return self._view.damaged

    @property
    def last_run_ended(self) -> bool:
        """Whether the last run is on record with an orderly end; False too where there is no record of one."""
        return self._view.last_run_ended

    @property
    def taken_over(self) -> bool:
        """Whether the lock's last holder died with it."""
        return self._lock.taken_over

    @property
    def history_problem(self) -> str:
        """Why the history could not be written by the last fold; empty where it was."""
        return self._chronicle.problem

    def knows(self, remote_id: str) -> bool:
        """Whether the state has that id, at whatever address."""
        return self._owners.knows(remote_id)

    def append(self, record: AnyRecord) -> int:
        """Number `record`, make it durable, apply it; its number. Lineage, author and, where it has none, run are
        filled in.

        Raises StateError (LockLostError too) where that is not certain: then nothing may be sent, and every later
        append
        refuses. An outcome that could not be recorded goes to a rescue file, which the error names.
        """
        with self._mutex:
            if self._broken:
                raise StateError("The journal cannot be written any more.", "An earlier record could not be saved.")
            head = {"n": self._view.last_n + 1, "lineage": self.state.lineage, "run": record.run or self._run}
            numbered = record.model_copy(update=head if self._signed else {**head, "by": self._author()})
            view = apply_record(self._view, numbered)
            self._owners.move(self.state, view.state, (delta.sequence for delta in numbered.deltas))
            self._broken = True  # until it is certain that it is not: a signal may end this anywhere
            try:
                self._write_durably(encode_record(numbered))
            except StateError as problem:
                self._keep_outcome(numbered, problem)
                raise
            self._view, self._broken, self._signed = view, False, True
            self._chronicle.on_event(numbered)
            return numbered.n

    def _write_durably(self, line: bytes) -> None:
        self._lock.check()
        if self._version is None:
            self._version = self._backend.write(encode(self._view.base), None, f"{self._run}-begin")
        self._backend.append(line)
        self._grown += len(line)
        self._uncut = True

    def _keep_outcome(self, record: AnyRecord, problem: StateError) -> None:
        if not isinstance(record, OutcomeRecord):
            return
        about = next((intent.address for intent in self.open_intents if intent.n == record.of), "it")
        text = record.model_dump_json(indent=2).encode() + b"\n"
        kept = self._rescue.save(f"outcome-{record.run}-{record.n}.json", text)
        told = f"What became of {about} ({record.result}) is kept in {kept}. " if kept else ""
        problem.hint = f"{problem.hint} {told}The next run looks {about} up before it sends anything.".strip()

    def put(self, state: State) -> int:
        """Put another state in this one's place; its serial. For `state push`, and the last use of this ledger.

        The serial is higher than the one that was there, so that nobody takes that for newer. What is open stays so.
        """
        with self._mutex:
            last_n = max(self._view.last_n, state.journal)
            serial = state.serial if not self.is_stored else max(state.serial, self._view.base.serial + 1)
            pushed = state.model_copy(update={"serial": serial, "journal": last_n, "applying": None})
            self._chronicle.push(self._view.base, pushed, self._run, self._author())
            self._save(pushed)
            kept = (row.model_copy(update={"lineage": state.lineage}) for row in retained_records(self._view))
            self._backend.replace_journal(b"".join(map(encode_record, kept)))
            self._broken = True
            if self._seen is not None:
                self._seen.reset(self._view.base)
            return self._view.base.serial

    def checkpoint_if_due(self) -> bool:
        """Fold when the journal has outgrown the state, so that many small steps never rewrite a big state each."""
        if self._grown < max(_DUE_AT_LEAST, self._size):
            return False
        self.checkpoint()
        return True

    def checkpoint(self) -> None:
        """Write the state with the whole journal in it, then cut the journal to what is still needed.

        Raises StateNotSavedError, which carries the rescue file or the bytes; StateError where only the cut failed.
        """
        with self._mutex:
            if self._view.last_n > self._view.base.journal:
                state = checkpointed(self._view)
                # Before the state is written: a run that is cut off here writes both again.
                self._chronicle.checkpoint(self._view.base, state, self._run)
                self._save(state)
            if self._uncut:
                kept = b"".join(map(encode_record, retained_records(self._view)))
                self._backend.replace_journal(kept)
                self._grown, self._uncut = 0, False

    def _save(self, state: State) -> None:
        data = encode(state)
        try:
            self._lock.check()
            self._version = self._backend.write(data, self._version, f"{self._run}-{state.journal}")
        except StateError as cause:
            name = f"state-{state.serial}-{hashlib.sha256(data).hexdigest()[:8]}.json"
            raise StateNotSavedError(cause, data, self._rescue.save(name, data)) from cause
        self._view = replace(self._view, base=state, state=state)
        self._size = len(data)
        if self._seen is not None:
            self._seen.note(state)
