"""Small states and records, a clock that only `sleep` moves, and a disk that fails on demand."""

from __future__ import annotations

import errno
from pathlib import Path

from sequence_sync.files import Disk
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.state.backends.base import LockInfo
from sequence_sync.state.model import Delta, MadeFrom, SequenceHead, SequenceState, State, StepState, step_state

LINEAGE = "6f1c2b1e-0000-4000-8000-00000000000a"
HOST = "open-api.saleshandy.com"


def an_email(step_id: str = "S1", day: int = 1, subject: str = "Hallo Jörg, {{firstName}}") -> StepState:
    """An applied email with two variants."""
    content = Content(
        type="email",
        day=day,
        variants={
            "a": Variant(payload={"subject": subject, "content": "<p>Hi</p>"}, attachments=("lN5xKp2vJq",)),
            "b": Variant(payload={"subject": f"{subject} \N{SLIGHTLY SMILING FACE}", "content": "<p>Hey\u2028</p>"}),
        },
    )
    return step_state(content, step_id, {"a": f"{step_id}a"})


def a_call(step_id: str = "S2", day: int = 4) -> StepState:
    """An applied call with a note."""
    content = Content(
        type="call_demo",
        day=day,
        priority=Priority.HIGH,
        assignee="z6R8Mw4vBn",
        variants={"a": Variant(task_note="Look first")},
    )
    return step_state(content, step_id, {"a": None})


def a_sequence(sequence_id: str = "L1", **steps: StepState) -> SequenceState:
    """A sequence with `steps`, or with an email and a call."""
    own = {"intro": an_email(f"{sequence_id}S1"), "call": a_call(f"{sequence_id}S2")}
    return SequenceState(id=sequence_id, title="Trial", steps=steps or own)


def a_state(**sequences: SequenceState) -> State:
    """A state with one sequence, or with `sequences`."""
    rows = sequences or {"trial": a_sequence()}
    return State(lineage=LINEAGE, serial=7, environment="production", api_host=HOST, journal=3, sequences=rows)


def made_from(row: SequenceState) -> SequenceState:
    """The sequence with its source files."""
    return row.model_copy(update={"made_from": MadeFrom(files=("sequences/trial.yaml",), digest="d" * 64)})


def new_step(key: str = "nudge", step_id: str = "S9", sequence: str = "trial") -> Delta:
    """The delta of a created step."""
    return Delta(sequence=sequence, steps={key: an_email(step_id, day=9)})


def new_sequence(key: str = "trial", sequence_id: str = "L1") -> Delta:
    """The delta of a created sequence."""
    return Delta(sequence=key, head=SequenceHead(id=sequence_id, title=key.title()))


def info(lock_id: str = "lock-1", created: float = 1000.0) -> LockInfo:
    """The holder of a lock."""
    return LockInfo(lock_id, "anna", "her-laptop", 4711, "apply", created)


class FakeClock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Monotonic seconds."""
        return self.time

    def wall(self) -> float:
        """The same as `now`."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.slept.append(seconds)
        self.time += seconds


class FailingDisk(Disk):
    """Fail every call of the operations in `failing`, after `only_after` successful ones.

    A failing write puts half of its bytes down first, as a full disk does.
    """

    def __init__(self, *failing: str, code: int = errno.ENOSPC, only_after: int = 0) -> None:
        self.failing = set(failing)
        self.code = code
        self.left = only_after

    def _maybe(self, operation: str) -> None:
        if operation in self.failing:
            if self.left <= 0:
                raise OSError(self.code, "No space left on device")
            self.left -= 1

    def create(self, path: Path, mode: int) -> int:
        """May fail."""
        self._maybe("create")
        return super().create(path, mode)

    def open_to_append(self, path: Path) -> int:
        """May fail."""
        self._maybe("open_to_append")
        return super().open_to_append(path)

    def write(self, descriptor: int, data: bytes) -> int:
        """May fail after half of the data."""
        if "write" in self.failing and self.left <= 0:
            super().write(descriptor, data[: len(data) // 2])
        self._maybe("write")
        return super().write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """May fail."""
        self._maybe("fsync")
        super().fsync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """May fail."""
        self._maybe("replace")
        super().replace(source, target)

    def fsync_folder(self, folder: Path) -> None:
        """May fail."""
        self._maybe("fsync_folder")
        super().fsync_folder(folder)
