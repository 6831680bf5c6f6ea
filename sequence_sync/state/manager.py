"""StateManager: the state of one run under the lock. Appends records, writes checkpoints, replaces the state.

Also reads state and journal without the lock. Uses backends only through their protocol, and knows nothing of the API
or of plans. Thread-safe: the workers of several sequences append at the same time. The journal is authoritative until
a checkpoint, and is truncated only after the state is durable.
"""

from __future__ import annotations

import hashlib
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from sequence_sync.errors import AccountError, StateError
from sequence_sync.files import RescueFolder
from sequence_sync.state.backends.base import Lock, StateBackend, StoredState
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

_MAX_READS = 5  # attempts of a reader without the lock to get a state and a journal that belong together
_MIN_CHECKPOINT_BYTES = 256 * 1024  # a shorter journal never causes a checkpoint by itself


@dataclass(frozen=True, slots=True)
class StateBinding:
    """The environment and the API host that a state belongs to. `host_setting` is what names the host, for messages."""

    environment: str
    api_host: str
    host_setting: str = "`api_url`"


class StateNotSavedError(StateError):
    """The state could not be written to its backend.

    `rescue_file` is the path of the copy that was written instead. It is None where that failed too: `printed` then
    holds the bytes, which the command prints to stdout.
    """

    def __init__(self, cause: StateError, data: bytes, rescue_file: str | None) -> None:
        if rescue_file is None:
            hint = (
                "No rescue file could be written either, so seqsync prints the state. Save the printed text to a file, "
                "fix the disk, then run `seqsync state push FILE`."
            )
        else:
            hint = f"A copy is in {rescue_file}. Restore it with `seqsync state push {shlex.quote(rescue_file)}`."
        super().__init__("The state could not be written.", str(cause), hint)
        self.rescue_file = rescue_file
        self.printed = data if rescue_file is None else None


def read_only(backend: StateBackend, binding: StateBinding, high_water: HighWaterMark | None = None) -> Replayed | None:
    """Read state and journal without the lock. Return None where there is neither.

    With `high_water`, refuse a state that is older than the newest this machine has seen. Raises StateError, and
    AccountError where the state belongs to another API host.
    """
    for _ in range(_MAX_READS):
        stored, journal = backend.read(), backend.journal()
        again = backend.read()
        # Otherwise a writer is active: it wrote a checkpoint between the two reads, or its last record is incomplete.
        if (stored and stored.version) == (again and again.version) and journal[-1:] in (b"", b"\n"):
            break
    if stored is None and lineage_of(journal) is None:
        return None
    return _load(backend.describe(), stored, journal, binding, high_water, "")[0]


def _load(
    where: str,
    stored: StoredState | None,
    journal: bytes,
    binding: StateBinding,
    high_water: HighWaterMark | None,
    lineage: str,
) -> tuple[Replayed, list[AnyRecord]]:
    """Return the state with its journal applied, and the journal's records. A new state gets `lineage`.

    Where the state file is lost but its journal exists, start from an empty state with the journal's lineage. A
    damaged record then stands for the records before the journal, whose numbers do not begin at 1.
    """
    if stored is not None:
        state = decode(stored.data, where)
    else:
        state = new_state(lineage_of(journal) or lineage, binding.environment, binding.api_host)
        state = state.model_copy(update={"serial": high_water.highest(state.lineage) if high_water else 0})
    if high_water is not None:
        high_water.check(state, where)
    records = decode_records(journal, state.lineage, state.journal)
    replayed = replay(state, records)
    if state.api_host != binding.api_host:
        replayed = _rebind(where, replayed, binding)
    return replace(replayed, notes=_notes(where, stored is None and bool(journal), replayed)), records


def _rebind(where: str, replayed: Replayed, binding: StateBinding) -> Replayed:
    """Move an empty state to the API host of `binding`. Raises AccountError where the state is not empty.

    A first apply that failed must not tie the state to its host.
    """
    if replayed.state.sequences or replayed.open_intents or replayed.damaged:
        raise AccountError(
            "The state belongs to another API host.",
            f"{where} was created for {replayed.state.api_host}; environment {binding.environment} uses "
            f"{binding.api_host}.",
            f"Correct {binding.host_setting} or `state` of this environment in seqsync.yaml. Nothing was sent.",
        )
    update = {"api_host": binding.api_host}
    return replace(
        replayed, base=replayed.base.model_copy(update=update), state=replayed.state.model_copy(update=update)
    )


def _notes(where: str, lost: bool, replayed: Replayed) -> tuple[str, ...]:
    lines = []
    if lost:
        lines.append(f"{where} is missing, but its journal exists: seqsync recovered what the journal records.")
    if replayed.damaged:
        lines.append(f"The journal of {where} is damaged: a change may be unrecorded until the next apply checks it.")
    return tuple(lines)


class StateManager:
    """The state of one run, under the lock.

    The caller holds `lock` until after the last call here. `lineage` is a new UUID for a state that does not exist
    yet. It is in the state file before the first record is in the journal. `run` is the id of this run. `author` is
    called once, before the first write. Raises what `read_only` raises.

    A damaged journal is rewritten first, with a record that reports the damage. So nothing is ever appended after an
    incomplete line.
    """

    def __init__(
        self,
        backend: StateBackend,
        lock: Lock,
        binding: StateBinding,
        rescue: RescueFolder,
        *,
        lineage: str,
        run: str,
        high_water: HighWaterMark | None = None,
        author: Callable[[], Author] = Author,
    ) -> None:
        self._author, self._author_recorded = author, False
        self._backend, self._lock, self._rescue, self._run = backend, lock, rescue, run
        self._high_water = high_water
        self._mutex = threading.Lock()
        self._failed = False
        stored, journal = backend.read(), backend.journal()
        self._view, records = _load(backend.describe(), stored, journal, binding, high_water, lineage)
        self._version = stored.version if stored else None
        self._new_records: list[AnyRecord] = []  # since the last checkpoint, for the history
        self._history = HistoryWriter(backend, records, self._view.base.journal)
        self._ids = RemoteIdIndex(self._view.state)
        if any(isinstance(record, DamagedRecord) for record in records):
            backend.replace_journal(b"".join(map(encode_record, records)))
        self._can_truncate = len(records) > len(retained_records(self._view))
        self._journal_bytes, self._state_bytes = len(journal), len(stored.data) if stored else 0
        if high_water is not None and stored is not None:
            high_water.note(self._view.base)

    @property
    def view(self) -> Replayed:
        """State and journal as of the last durable record. Immutable, so a reader needs no lock."""
        return self._view

    @property
    def state(self) -> State:
        """The state with every record applied."""
        return self._view.state

    @property
    def is_stored(self) -> bool:
        """Whether the backend holds the state already. A new state is written with the first record."""
        return self._version is not None

    @property
    def open_intents(self) -> tuple[IntentRecord, ...]:
        """Writes without a recorded outcome, oldest first."""
        return self._view.open_intents

    @property
    def damaged(self) -> tuple[int, ...]:
        """Numbers of the damaged records that no DamageResolvedRecord names."""
        return self._view.damaged

    @property
    def last_run_ended(self) -> bool:
        """Whether the journal records that the last run ended. False where it records no run."""
        return self._view.last_run_ended

    @property
    def taken_over(self) -> bool:
        """Whether the last holder of the lock ended without releasing it."""
        return self._lock.taken_over

    @property
    def history_error(self) -> str:
        """Why the last checkpoint could not write the history. Empty where it could."""
        return self._history.error

    def knows(self, remote_id: str) -> bool:
        """Return whether any address in the state has this id."""
        return self._ids.knows(remote_id)

    def append(self, record: AnyRecord) -> int:
        """Number `record`, write it durably, apply it. Return its number.

        Fills in lineage and author, and the run where the record names none. Raises StateError (or LockLostError) where
        the write is not certain: nothing may be sent then, and every later append raises too. An outcome that could not
        be recorded goes to a rescue file, which the error names.
        """
        with self._mutex:
            if self._failed:
                raise StateError("The journal can no longer be written.", "An earlier record could not be written.")
            head = {"n": self._view.last_n + 1, "lineage": self.state.lineage, "run": record.run or self._run}
            numbered = record.model_copy(update=head if self._author_recorded else {**head, "by": self._author()})
            view = apply_record(self._view, numbered)
            self._ids.move(self.state, view.state, (delta.sequence for delta in numbered.deltas))
            self._failed = True  # until the write is certain: a signal may end this anywhere
            try:
                self._write_durably(encode_record(numbered))
            except StateError as error:
                self._rescue_outcome(numbered, error)
                raise
            self._view, self._failed, self._author_recorded = view, False, True
            self._new_records.append(numbered)
            return numbered.n

    def _write_durably(self, line: bytes) -> None:
        self._lock.check()
        if self._version is None:
            self._version = self._backend.write(encode(self._view.base), None, f"{self._run}-begin")
        self._backend.append(line)
        self._journal_bytes += len(line)
        self._can_truncate = True

    def _rescue_outcome(self, record: AnyRecord, error: StateError) -> None:
        if not isinstance(record, OutcomeRecord):
            return
        address = next((intent.address for intent in self.open_intents if intent.n == record.of), "it")
        text = record.model_dump_json(indent=2).encode() + b"\n"
        rescued = self._rescue.save(f"outcome-{record.run}-{record.n}.json", text)
        where = f"The outcome of {address} ({record.result}) is in {rescued}. " if rescued else ""
        error.hint = f"{error.hint} {where}The next run reads {address} before it sends anything.".strip()

    def push(self, state: State) -> int:
        """Replace the state with `state`, for `state push`. Return its serial. Nothing may be called after this.

        The serial is higher than that of the replaced state, so that no reader takes the replaced one for newer. Open
        intents stay open.
        """
        with self._mutex:
            last_n = max(self._view.last_n, state.journal)
            serial = state.serial if not self.is_stored else max(state.serial, self._view.base.serial + 1)
            pushed = state.model_copy(update={"serial": serial, "journal": last_n, "applying": None})
            self._add_to_history()
            self._history.push(self._view.base, pushed, self._run, self._author())
            self._save(pushed)
            retained = (row.model_copy(update={"lineage": state.lineage}) for row in retained_records(self._view))
            self._backend.replace_journal(b"".join(map(encode_record, retained)))
            self._failed = True
            if self._high_water is not None:
                self._high_water.reset(self._view.base)
            return self._view.base.serial

    def _add_to_history(self) -> None:
        """Hand over the new records. Only a checkpoint does, so that an append spends no time on the history."""
        for record in self._new_records:
            self._history.add(record)
        self._new_records.clear()

    def checkpoint_if_due(self) -> bool:
        """Write a checkpoint once the journal is larger than the state. Return whether it was due.

        So a large state is not rewritten for each small change.
        """
        if self._journal_bytes < max(_MIN_CHECKPOINT_BYTES, self._state_bytes):
            return False
        self.checkpoint()
        return True

    def checkpoint(self) -> None:
        """Write the state with the whole journal applied, then truncate the journal to the retained records.

        Raises StateNotSavedError, with the rescue file or the bytes. Raises StateError where only truncating failed.
        """
        with self._mutex:
            if self._view.last_n > self._view.base.journal:
                state = checkpointed(self._view)
                # History first: a run that is interrupted here writes both again.
                self._add_to_history()
                self._history.checkpoint(self._view.base, state, self._run)
                self._save(state)
            if self._can_truncate:
                self._backend.replace_journal(b"".join(map(encode_record, retained_records(self._view))))
                self._journal_bytes, self._can_truncate = 0, False

    def _save(self, state: State) -> None:
        data = encode(state)
        try:
            self._lock.check()
            self._version = self._backend.write(data, self._version, f"{self._run}-{state.journal}")
        except StateError as cause:
            name = f"state-{state.serial}-{hashlib.sha256(data).hexdigest()[:8]}.json"
            raise StateNotSavedError(cause, data, self._rescue.save(name, data)) from cause
        self._view = replace(self._view, base=state, state=state)
        self._state_bytes = len(data)
        if self._high_water is not None:
            self._high_water.note(state)
