"""What goes to the API and what comes back, as values. Pure: no httpx, no clock.

Shapes are those of docs/api.md 2; a field that the API may leave out is None where it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sequence_sync.errors import SeqsyncError


class AnswerKind(StrEnum):
    """The class of an answer. One place maps an answer to its class: `api.answers.classify`."""

    OK = "ok"  # 2xx with readable JSON
    RATE_LIMITED = "rate-limited"  # the whole message is the rate limit, whatever the status; or 429
    BAD_KEY = "bad-key"  # 1001 "Invalid token", 401
    FORBIDDEN = "forbidden"  # 4003, 403
    INVALID = "invalid"  # the validator's list: certainly nothing was made
    MISSING = "missing"  # 40100 not found, unknown route
    REFUSED = "refused"  # any other 4xx: on a create no proof that nothing was made
    FAILED = "failed"  # 5xx
    UNREADABLE = "unreadable"  # 2xx that is not the JSON it should be
    NEVER_CONNECTED = "never-connected"  # the request certainly never left
    NO_ANSWER = "no-answer"  # timeout, dropped or cut answer


# Kinds after which nothing can have been made (docs/exactly-once.md).
CERTAINLY_NOT_MADE = frozenset(
    {AnswerKind.RATE_LIMITED, AnswerKind.BAD_KEY, AnswerKind.FORBIDDEN, AnswerKind.INVALID, AnswerKind.NEVER_CONNECTED}
)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `endpoint` is the template that the rate limit counts by, `path` the same with ids filled in."""

    method: str
    endpoint: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A raw HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NeverConnectedError(Exception):
    """The connection could not be made: the request certainly never left."""


class NoAnswerError(Exception):
    """The request may have left, and no whole answer came."""


class Transport(Protocol):
    """Sends one request and gives its raw answer. Retries nothing."""

    def send(self, request: Request) -> Reply:
        """The answer. Raises NeverConnectedError or NoAnswerError."""
        ...


class Clock(Protocol):
    """Time, as a thing that can be simulated."""

    def now(self) -> float:
        """Seconds that only go up."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Raises whatever ends the run when it is told to stop meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A classified answer. `payload` is the unwrapped JSON of an OK; `message` says why it is none.

    `wait` is how many seconds the server asks to wait, where it does.
    """

    kind: AnswerKind
    status: int = 0
    payload: Any = None
    message: str = ""
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteSequence:
    """A row of the list of sequences. `active` is None where the row does not tell."""

    id: str
    title: str
    active: bool | None = None
    step_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteVariant:
    """A variant as read. `task_note` and `attachments` are None where the API does not give them back."""

    id: str
    payload: Mapping[str, Any]
    task_note: str | None = None
    attachments: tuple[str, ...] | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteStep:
    """A step as read. `type` is the API's code; `day` and the rest are None where they are not told."""

    id: str
    type: int
    number: int | None = None
    day: int | None = None
    priority: int | None = None
    assignee: str | None = None
    variants: tuple[RemoteVariant, ...] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """What a create told: the new id and, for a step, its variants' ids in order where they are told."""

    id: str
    variant_ids: tuple[str, ...] = ()


class Provider(Protocol):
    """The API as the engine sees it. Reads wait for the limit and are retried; a write is sent once."""

    def sequences(self, title: str | None = None) -> list[RemoteSequence]:
        """All sequences, or those that a search for `title` finds (a partial match: filter it)."""
        ...

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """The steps with their content; None where the sequence is not there."""
        ...

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """One step's variants with payload, status and note; None where the step is not there."""
        ...

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """Wait for the request's turn, call `before`, send once.

        `before` writes the intent down and checks the lock; where it raises, nothing is sent. Never raises for what
        the server or the line does.
        """
        ...


class StoppedError(Exception):
    """The run was told to stop; nothing new is begun."""


class ReadFailedError(SeqsyncError):
    """A read gave nothing that can be used, however often it was tried. `answer` is the last one."""

    def __init__(self, detail: str, answer: Answer, hint: str = "") -> None:
        super().__init__("The API could not be read.", detail, hint)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class SequenceSnapshot:
    """One sequence as read. `row` is its row in the list of sequences, None where two reads, a grace apart, did not
    show it. `steps` is None where only the list was read. `gone` are ids of our steps and variants that two reads, a
    grace apart, did not show."""

    row: RemoteSequence | None
    steps: tuple[RemoteStep, ...] | None = None
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RemoteAccount:
    """The account as read: the whole list of sequences and, by their keys, those that were looked into."""

    rows: tuple[RemoteSequence, ...] = ()
    sequences: Mapping[str, SequenceSnapshot] = field(default_factory=dict)
