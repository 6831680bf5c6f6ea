"""The provider interface: seqsync's operations and patches, remote objects, and the protocols of a provider.

Pure, and in seqsync's own words: names no URL, field name or type code of a vendor. A provider has two halves.
`Dialect` is pure and translates operations into the vendor's requests. `Provider` sends them and reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from enum import Enum, StrEnum
from typing import Any, Final, Protocol

from sequence_sync.errors import AccountError, SeqsyncError
from sequence_sync.model.address import Address
from sequence_sync.model.fields import Frozen
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.settings import Claim
from sequence_sync.model.steps import EMAIL


class AnswerKind(StrEnum):
    """The class of an answer. `provider.responses.classify` assigns it."""

    OK = "ok"  # 2xx with readable JSON
    RATE_LIMITED = "rate-limited"  # the whole message is the rate limit, whatever the status; or 429
    BAD_KEY = "bad-key"  # 1001 "Invalid token", 401
    FORBIDDEN = "forbidden"  # 4003, 403
    INVALID = "invalid"  # the validator's list of errors: nothing was created
    MISSING = "missing"  # 40100 not found, unknown route
    REFUSED = "refused"  # any other 4xx: after a create, no proof that nothing was created
    FAILED = "failed"  # 5xx
    UNREADABLE = "unreadable"  # 2xx without the expected JSON
    NEVER_CONNECTED = "never-connected"  # the request was not sent
    NO_ANSWER = "no-answer"  # timeout, or an answer that is lost or incomplete


# Kinds that prove that nothing was created (docs/exactly-once.md).
CERTAINLY_NOT_MADE = frozenset(
    {AnswerKind.RATE_LIMITED, AnswerKind.BAD_KEY, AnswerKind.FORBIDDEN, AnswerKind.INVALID, AnswerKind.NEVER_CONNECTED}
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `endpoint` is the template that the rate limit counts by. `path` is the same with the ids."""

    method: str
    endpoint: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A raw HTTP answer. Header names are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NeverConnectedError(Exception):
    """No connection: the request was not sent."""


class NotSentError(Exception):
    """The request contains a credential, and was not sent."""


class NoAnswerError(Exception):
    """The request may have been sent, and there is no complete answer."""


class Transport(Protocol):
    """Sends one request and returns its raw answer. Never retries."""

    def send(self, request: Request) -> Reply:
        """Return the answer. Raises NeverConnectedError, NotSentError or NoAnswerError."""
        ...


class Clock(Protocol):
    """Time that a test can simulate."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    def wall(self) -> float:
        """Return the seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Raises StoppedError, or what else ends the run, when the run is stopped meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A classified answer. `payload` is the JSON of an OK, without its envelope. `message` is the reason of any other.

    `wait` is the number of seconds that the server asks to wait.
    """

    kind: AnswerKind
    status: int = 0
    payload: Any = None
    message: str = ""
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class RemoteSequence:
    """A row of the list of sequences. `active` is None where the row does not contain it."""

    id: str
    title: str
    active: bool | None = None
    step_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteVariant:
    """A variant as read. `task_note`, `attachments` and `status` are None where the answer leaves them out."""

    id: str
    payload: Mapping[str, Any]
    task_note: str | None = None
    attachments: tuple[str, ...] | None = None
    status: int | None = None

    @property
    def is_on(self) -> bool:
        """Whether it is switched on, as far as the API says."""
        return self.status != 0


@dataclass(frozen=True, slots=True)
class RemoteStep:
    """A step as read. `type` is seqsync's name of the type, or `unknown:CODE`. `priority` is a `Priority`, or
    `unknown:CODE`. `day`, `priority` and `assignee` are None where the answer leaves them out."""

    id: str
    type: str
    number: int | None = None
    day: int | None = None
    priority: str | None = None
    assignee: str | None = None
    variants: tuple[RemoteVariant, ...] = ()

    @property
    def type_words(self) -> str:
        """Return the type for people: the code alone where seqsync has no name for it."""
        return self.type.removeprefix(UNKNOWN).replace("_", " ")

    @property
    def is_email(self) -> bool:
        """Whether the rule of one email a day counts it."""
        return self.type == EMAIL

    @property
    def is_on(self) -> bool:
        """Whether any variant is switched on."""
        return any(row.is_on for row in self.variants)


@dataclass(frozen=True, slots=True)
class Created:
    """The id of a new sequence, step or variant. A step also has its variants' ids, in order, where the answer
    contains them."""

    id: str
    variant_ids: tuple[str, ...] = ()


UNKNOWN: Final = "unknown:"  # before the code of a type or priority that seqsync has no name for


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
VARIANT_FIELDS: Final = ("payload", "task_note", "attachments", "status")
STEP_FIELDS: Final = ("day", "priority", "assignee")  # the fields of a patch that apply to the whole step


@dataclass(frozen=True, slots=True)
class Patch:
    """What an update of one variant writes. A field that is UNSET is not sent.

    `day`, `priority` and `assignee` apply to the whole step, whichever variant the update names. `priority` is a
    `Priority`, or `unknown:CODE`. An empty text in `payload` deletes that text.
    """

    payload: Mapping[str, Any] | Unset = UNSET
    task_note: str | Unset = UNSET
    attachments: tuple[str, ...] | Unset = UNSET
    status: int | Unset = UNSET
    day: int | Unset = UNSET
    priority: str | Unset = UNSET
    assignee: str | Unset | None = UNSET

    def values(self) -> dict[str, Any]:
        """The fields that are set, by name."""
        named = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in named if value is not UNSET}

    def applied_to(self, step: RemoteStep, variant_id: str | None) -> RemoteStep:
        """Return `step` as a read shows it after this update. A field that the read left out stays out."""
        sent = self.values()
        variants = tuple(
            replace(row, **_known(row, sent, VARIANT_FIELDS)) if row.id == variant_id else row for row in step.variants
        )
        return replace(step, **_known(step, sent, STEP_FIELDS), variants=variants)

    def replaced_in(self, step: RemoteStep | None, variant_id: str) -> Patch:
        """Return the values of `step`, as read, that this update overwrites: a patch that would restore them.

        Compares the payload field by field. Leaves out what the read left out.
        """
        row = next((row for row in step.variants if row.id == variant_id), None) if step else None
        if step is None or row is None:
            return Patch()
        old = {name: getattr(step if name in STEP_FIELDS else row, name) for name in self.values() if name != "payload"}
        changed = {name: value for name, value in old.items() if value not in (None, getattr(self, name))}
        payload = {} if self.payload is UNSET else _overwritten(self.payload, row.payload)
        return Patch(payload=payload or UNSET, **changed)


def _known(remote: RemoteStep | RemoteVariant, sent: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: sent[name] for name in names if name in sent and getattr(remote, name) is not None}


def _overwritten(sent: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """An absent field and an empty one are the same."""
    return {name: value for name, value in read.items() if value not in ("", None) and value != sent.get(name, "")}


@dataclass(frozen=True, slots=True)
class CreateSequence:
    """Create an empty sequence."""

    title: str


@dataclass(frozen=True, slots=True)
class CreateStep:
    """Create a step with all its variants. `sequence` is an id, or the `placeholder` of an address."""

    sequence: str
    content: Content


@dataclass(frozen=True, slots=True)
class CreateVariant:
    """Create one more variant of a step of type `type`."""

    sequence: str
    step: str
    type: str
    variant: Variant


@dataclass(frozen=True, slots=True)
class UpdateVariant:
    """Write `patch` to a variant. `variant` is an id, or the `placeholder` of an address."""

    sequence: str
    step: str
    variant: str
    patch: Patch


Operation = CreateSequence | CreateStep | CreateVariant | UpdateVariant


def placeholder(address: Address) -> str:
    """Return what a call contains instead of the id of `address` while the id is not known."""
    return "{" + address + "}"


class Call(Frozen):
    """The request of a change, as the plan shows and hashes it. `path` contains placeholders for ids not known yet."""

    method: str
    path: str
    body: dict[str, Any]


WHOLE: Final = ""  # the field of a capability that is about the thing as a whole


@dataclass(frozen=True, slots=True)
class Capability:
    """One field that one action can write, for some types of step. `action` is a word of the plan (`update-step`).

    `claim` is the name under which the settings switch it off. None: it is certain.
    """

    action: str
    field: str
    types: frozenset[str]
    source: str
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class ReturnedField:
    """A field of a step that a read returns. `claim` as for a capability."""

    field: str
    source: str
    claim: Claim | None = None


class Dialect(Protocol):
    """The pure half of a provider: translates between seqsync's operations and the vendor's requests.

    `body` and `patch` are inverse to each other: `patch(body(p)) == p`. Saved plans and the journal hold bodies.
    """

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """Return what the API can do. The planner blocks everything else, and says what to click."""
        ...

    @property
    def returned(self) -> tuple[ReturnedField, ...]:
        """Return the fields that a read contains."""
        ...

    def call(self, operation: Operation) -> Call:
        """Return the request that carries out `operation`."""
        ...

    def body(self, patch: Patch) -> dict[str, Any]:
        """Return the body of an update that writes `patch`."""
        ...

    def patch(self, body: Mapping[str, Any]) -> Patch:
        """Return what an update with `body` writes. Raises ValueError for a body that no update has."""
        ...

    def bind(self, call: Call, ids: Mapping[Address, str]) -> Request:
        """Return the request to send for `call`, with the ids of its placeholders filled in by address.

        The body stays exactly as planned. Raises ValueError for an id that is missing or cannot be part of a path.
        """
        ...

    def created(self, request: Request, payload: Any) -> Created:
        """Return what the answer to a create says. Raises ValueError where the payload contains no id."""
        ...

    def duration(self, calls: Iterable[Call]) -> float:
        """Return the seconds that `calls` take at the rate limit, for the plan's forecast."""
        ...

    def label(self, name: str) -> str:
        """Return the words for a field of a body, for people."""
        ...


class Provider(Protocol):
    """A connected provider. Reads wait for the rate limit and are retried. A write is sent once."""

    @property
    def dialect(self) -> Dialect:
        """Return the pure half."""
        ...

    def sequences(self) -> list[RemoteSequence]:
        """Return all sequences of the account."""
        ...

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """Return the steps with their content, or None where the sequence does not exist."""
        ...

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """Return a step's variants with payload, status and note, or None where the step does not exist."""
        ...

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """Wait for the rate limit, call `before`, and send once.

        `before` writes the intent and checks the lock. Where it raises, nothing is sent. Never raises for an answer of
        the server or a fault of the network.
        """
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach an account. `timeout` is of one request, `max_wait` of one wait for the rate limit, in seconds."""

    api_url: str
    key: str
    headers: Mapping[str, str]
    timeout: float
    max_wait: float


Announce = Callable[[float, str], None]  # called before a wait, with its longest time in seconds and a text for users


def silent(seconds: float, text: str) -> None:
    """Announce nothing: for callers without a user."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One provider, as the registry lists it: its pure half, and how to connect the other one."""

    dialect: Dialect
    connect: Callable[[Connection, Clock, Announce], AbstractContextManager[Provider]]


class StoppedError(Exception):
    """The run was stopped: it begins nothing new."""


class ReadFailedError(SeqsyncError):
    """A read failed after all its tries. `answer` is the last one."""

    def __init__(self, detail: str, answer: Answer, hint: str = "") -> None:
        super().__init__("Reading from the API failed.", detail, hint)
        self.answer = answer


def account_error(answer: Answer) -> AccountError:
    """Return the error for an answer that refuses the key, or what it may do. Such an answer ends the whole run."""
    if answer.kind is AnswerKind.BAD_KEY:
        return AccountError(
            "Saleshandy refused the API key.",
            f"Its answer: {answer.message}.",
            "Check that the key is complete, not revoked, and created for this API host. Then run the same command "
            "again.",
        )
    return AccountError(
        "The API key has no permission for this.",
        f"Saleshandy's answer: {answer.message}.",
        "Use the key of a user who can read and edit sequences. Then run the same command again.",
    )


@dataclass(frozen=True, slots=True)
class SequenceSnapshot:
    """One sequence as read.

    `row` is its row in the list of sequences, or None where two reads, a settle grace apart, did not contain it.
    `steps` is None where only the list was read. `gone` are the ids of managed steps and variants that two reads, a
    settle grace apart, did not contain.
    """

    row: RemoteSequence | None
    steps: tuple[RemoteStep, ...] | None = None
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RemoteAccount:
    """The account as read: the whole list of sequences, and by key the sequences whose steps were read."""

    rows: tuple[RemoteSequence, ...] = ()
    sequences: Mapping[str, SequenceSnapshot] = field(default_factory=dict)
