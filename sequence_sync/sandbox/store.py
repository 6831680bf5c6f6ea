"""The sandbox's data, and the rules of the API about sequences, steps and variants. Must not know HTTP.

Thread-safe by one lock. With a data file, every write is on disk before it is answered. Where docs/api.md is silent,
the sandbox takes the simple reading, and the docstring says so. Raises RefusedError and InvalidError, like the API.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sequence_sync.sandbox import datafile
from sequence_sync.sandbox.bodies import Content, NewSequence, NewStep, Placing, VariantChange, unfit
from sequence_sync.sandbox.errors import InvalidError, RefusedError, failed, no_sequence
from sequence_sync.sandbox.faults import RequestLog
from sequence_sync.sandbox.model import (
    KINDS,
    MOST_VARIANTS,
    NORMAL,
    Account,
    Sender,
    Sequence,
    Step,
    Variant,
    new_account,
)

LETTERS = string.ascii_letters + string.digits
LONGEST_LAG = 600.0  # seconds for which older versions are kept
MOST_VERSIONS = 500  # of one sequence; with more writes within the lag, a read lags less
MOST_SENDERS = 50  # S


class Store:
    """Sequences, an account, and the request log (`log`).

    `data`: the data file; it is loaded if it exists, with its own seed. `seed`: the same seed and the same calls give
    the same ids; None is a random seed.
    """

    def __init__(
        self, data: Path | None = None, *, seed: str | None = "sandbox", clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self.log = RequestLog()
        self.trial_emails: deque[dict[str, object]] = deque(maxlen=1000)
        self._lock = threading.RLock()
        self._data = data
        kept = datafile.load(data) if data else None
        self._seed = kept.seed if kept else seed if seed is not None else secrets.token_hex(16)
        self._counter = kept.counter if kept else 0
        self.account: Account = kept.account if kept else new_account()
        self._sequences = {sequence.id: sequence for sequence in (kept.sequences if kept else ())}
        self._versions = {name: deque([(float("-inf"), one)], MOST_VERSIONS) for name, one in self._sequences.items()}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run one write alone. At its end the data is on disk, unless the write was refused."""
        with self._lock:
            yield
            if self._data:
                datafile.save(self._data, self._seed, self._counter, self.account, self._sequences.values())

    def new_id(self) -> str:
        """Return a new id of ten letters and digits. Call it inside `writing`."""
        self._counter += 1
        number = int.from_bytes(hashlib.sha256(f"{self._seed}:{self._counter}".encode()).digest())
        return "".join(LETTERS[number // len(LETTERS) ** position % len(LETTERS)] for position in range(10))

    # Reading

    def sequences(self, lag: float = 0) -> list[Sequence]:
        """Return all sequences as they were `lag` seconds ago, oldest first."""
        with self._lock:
            found = (self._as_of(name, lag) for name in self._sequences)
            return [sequence for sequence in found if sequence is not None]

    def sequence(self, sequence_id: str, lag: float = 0) -> Sequence:
        """Return one sequence as it was `lag` seconds ago. Refused (40100) if there was none."""
        with self._lock:
            found = self._as_of(sequence_id, lag)
        if found is None:
            raise no_sequence()
        return found

    def _as_of(self, sequence_id: str, lag: float) -> Sequence | None:
        if not lag:
            return self._sequences.get(sequence_id)
        then = self.clock() - lag
        versions = self._versions.get(sequence_id, deque())
        oldest = versions[0][1] if len(versions) == MOST_VERSIONS else None
        return next((one for since, one in reversed(versions) if since <= then), oldest)

    def put(self, sequence: Sequence) -> Sequence:
        """Store the new version of a sequence. Keep older ones as long as a read may lag."""
        now, versions = self.clock(), self._versions.setdefault(sequence.id, deque(maxlen=MOST_VERSIONS))
        self._sequences[sequence.id] = sequence
        versions.append((now, sequence))
        while len(versions) > 1 and versions[1][0] < now - LONGEST_LAG:
            versions.popleft()
        return sequence

    # Sequences

    def create_sequence(self, new: NewSequence) -> Sequence:
        """Create an inactive sequence without steps. Without accounts it uses the default one. Titles may repeat.

        An unknown or inactive account refuses the call, and so does an unknown schedule.
        """
        with self.writing():
            accounts, schedules = self.account.senders, self.account.schedules
            usable = [one.id for one in accounts if one.status == 1]
            senders = new.senders or tuple(one.id for one in accounts if one.is_default)
            schedule = new.schedule or next(one.id for one in schedules if one.is_default)
            if not set(senders) <= set(usable) or schedule not in [one.id for one in schedules]:
                raise failed("create sequence")
            now, made = self.clock(), self._counter
            links = tuple(Sender(self.new_id(), one, now) for one in senders)
            return self.put(Sequence(self.new_id(), new.title, made, now, schedule, links))

    def set_active(self, sequence_ids: tuple[str, ...], active: bool) -> None:
        """Resume or pause all sequences or none."""
        with self.writing():
            found = [self.sequence(one) for one in sequence_ids]
            if any(one.active == active for one in found):
                code, word = (40102, "active") if active else (40101, "paused")
                raise RefusedError(code, f"Sequence is already {word}", kind=f"SEQUENCE_ALREADY_{word.upper()}")
            usable = {one.id for one in self.account.senders if one.status == 1}
            if active and not all(usable & {sender.account for sender in one.senders} for one in found):
                raise RefusedError(40103, "No active email account attached", kind="NO_ACTIVE_EMAIL_ACCOUNT")
            for one in found:
                self.put(replace(one, active=active))

    # Steps and variants

    def create_step(self, sequence_id: str, new: NewStep) -> tuple[Sequence, Step]:
        """Create a step with its variants. A second email on a day is refused (4000)."""
        with self.writing():
            sequence = self.sequence(sequence_id)
            what = "create sequence step"
            made, step_id = self._counter, self.new_id()
            variants = tuple(self._variant(content) for content in new.variants)
            placing = new.placing
            step = Step(step_id, new.kind.code, new.day, made, variants, placing.priority or NORMAL, placing.assignee)
            return self.put(_with_step(sequence, step, what)), step

    def add_variant(self, sequence_id: str, step_id: str, new: VariantChange) -> Variant:
        """Add a variant: up to 26 for an email; for other types only while no variant is active."""
        what = "create sequence step variant"
        with self.writing():
            sequence = self.sequence(sequence_id)
            step = _found_step(sequence, step_id, what)
            if new.type != step.type:
                raise InvalidError("type must match the type of the step")
            if len(step.variants) >= MOST_VARIANTS or (step.status and not step.kind.is_email):
                raise failed(what)
            variant = self._variant(new.content)
            grown = replace(_placed(step, new.placing), variants=(*step.variants, variant))
            self.put(_with_step(sequence, grown, what))
            return variant

    def change_variant(self, sequence_id: str, step_id: str, variant_id: str, change: VariantChange) -> Step:
        """Change the parts of a variant that were sent. A day moves the step.

        A payload and a list of attachments replace the old ones completely. A step of another type than email has at
        most one active variant.
        """
        what = "update sequence step variant"
        with self.writing():
            sequence = self.sequence(sequence_id)
            step = _found_step(sequence, step_id, what)
            old = next((one for one in step.variants if one.id == variant_id), None)
            if old is None:
                raise failed(what)
            if change.type not in (None, step.type):
                raise InvalidError("type must match the type of the step")
            if problems := unfit(KINDS[step.type], change.content, ""):
                raise InvalidError(*problems)
            new = _changed(old, change)
            variants = tuple(new if one is old else one for one in step.variants)
            if not step.kind.is_email and sum(one.status for one in variants) > 1:
                raise failed(what)
            changed = replace(_placed(step, change.placing), variants=variants)
            self.put(_with_step(sequence, changed, what))
            return changed

    def _variant(self, content: Content) -> Variant:
        return Variant(self.new_id(), dict(content.payload or {}), content.note, content.attachments or ())


def _found_step(sequence: Sequence, step_id: str, what: str) -> Step:
    step = sequence.step(step_id)
    if step is None:
        raise failed(what)
    return step


def _with_step(sequence: Sequence, step: Step, what: str) -> Sequence:
    """Return `sequence` with `step` at its day. Refused if the day has another email (D)."""
    others = tuple(one for one in sequence.steps if one.id != step.id)
    if step.kind.is_email and any(one.kind.is_email and one.day == step.day for one in others):
        raise failed(what)
    return replace(sequence, steps=tuple(sorted((*others, step), key=lambda one: (one.day, one.made))))


def _placed(step: Step, placing: Placing) -> Step:
    return replace(
        step,
        day=placing.day or step.day,
        priority=placing.priority or step.priority,
        assignee=placing.assignee or step.assignee,
    )


def _changed(old: Variant, change: VariantChange) -> Variant:
    content = change.content
    return replace(
        old,
        payload=old.payload if content.payload is None else dict(content.payload),
        note=old.note if content.note is None else content.note,
        attachments=old.attachments if content.attachments is None else content.attachments,
        status=old.status if change.status is None else change.status,
    )
