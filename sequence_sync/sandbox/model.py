"""The sandbox's records: sequences with their steps, and the rest of an account. Pure values.

Everything is frozen: a change creates a new record. So a read may lag behind, and a reader never sees half a change.
Days, codes and ids are those of the API. Times are seconds since the epoch.
"""

from __future__ import annotations

import json
import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Return `value` as JSON data: dataclasses become objects, tuples become lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def restored(shape: type[T], value: Any, at: str = "") -> T:
    """Return JSON data as a `shape`, the reverse of `plain`. Raises ValueError with the position and the problem."""
    return cast(T, _restored(shape, value, at))


def _restored(shape: Any, value: Any, at: str) -> Any:
    origin, inside = get_origin(shape), get_args(shape)
    if shape is Any:
        return value
    if isinstance(shape, types.UnionType):
        return None if value is None else _restored(next(one for one in inside if one is not type(None)), value, at)
    if origin is tuple and isinstance(value, list):
        return tuple(_restored(inside[0], item, f"{at}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: _restored(inside[1], item, f"{at}.{name}") for name, item in value.items()}
    if isinstance(shape, type) and is_dataclass(shape) and isinstance(value, dict):
        return _object(shape, value, at)
    if isinstance(shape, type) and issubclass(shape, Enum):
        try:
            return shape(value)
        except ValueError:
            raise ValueError(f"{at.lstrip('.')}: one of {', '.join(str(one.value) for one in shape)}") from None
    if shape is float and type(value) is int:
        return float(value)
    if type(value) is not shape:
        raise ValueError(f"{at.lstrip('.') or 'the file'}: wrong type of value")
    return value


def _object(shape: type[Any], value: dict[str, Any], at: str) -> Any:
    hints, known = _hints(cast(Hashable, shape)), {field.name: field for field in fields(shape)}
    for name in value:
        if name not in known:
            raise ValueError(f"{at}.{name}".lstrip(".") + ": unknown")
    for name, declared in known.items():
        if name not in value and _is_needed(declared):
            raise ValueError(f"{at}.{name}".lstrip(".") + ": missing")
    return shape(**{name: _restored(hints[name], item, f"{at}.{name}") for name, item in value.items()})


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@lru_cache
def _hints(shape: Hashable) -> dict[str, Any]:
    return get_type_hints(shape)


EMAIL = 1
FIRST_DAY, LAST_DAY = 1, 999  # D
MOST_VARIANTS = 26  # D
LONGEST_NOTE = 3000  # D
LONGEST_TITLE = 100  # L: "titles are capped at 100 characters"
PRIORITIES = (1, 2, 3, 4)  # D: urgent, high, normal, low
NORMAL = 3

# S: all keys that the payload of the create call may have, whatever the type.
TEXT_FIELDS = ("subject", "content", "preheader", "connectionNote", "message", "title")
ACTION_FIELDS = ("name", "url")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of step, with its required (`needed`) and optional payload fields."""

    code: int
    name: str
    channel: str
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def is_email(self) -> bool:
        """Whether the API sends it. Only emails have attachments and A/B variants, and only other types have notes."""
        return self.code == EMAIL


KINDS: Mapping[int, Kind] = {
    kind.code: kind
    for kind in (
        Kind(1, "Email", "Email", ("subject", "content"), ("preheader",)),
        Kind(2, "LinkedIn connection request", "LinkedIn", ("connectionNote",)),
        Kind(3, "LinkedIn message", "LinkedIn", ("message",)),
        Kind(4, "LinkedIn InMail", "LinkedIn", ("subject", "message")),
        Kind(5, "LinkedIn profile view", "LinkedIn"),
        Kind(6, "LinkedIn post interaction", "LinkedIn"),
        Kind(9, "Custom task", "Task", (), ("title", "action")),
        Kind(11, "Call: introduction", "Call"),
        Kind(12, "Call: demo", "Call"),
        Kind(13, "Call: follow-up", "Call"),
        Kind(14, "Call: reminder", "Call"),
        Kind(15, "Call", "Call"),
        Kind(16, "WhatsApp message", "WhatsApp", (), ("message",)),
        Kind(17, "WhatsApp voice message", "WhatsApp"),
        Kind(18, "WhatsApp voice call", "WhatsApp"),
    )
}


# S: settings of a sequence by code; values are always texts.
SETTINGS_AT_FIRST = {
    "1": "",
    "2": "",
    "3": "1",
    "4": "1",
    "5": "1",
    "6": "0",
    "7": "[]",
    "8": "[]",
    "9": "0",
    "10": "0",
    "11": "0",
    "12": "0",
    "13": "0",
}


@dataclass(frozen=True)
class Variant:
    """One version of a step's content. `note`: None if none was sent."""

    id: str
    payload: dict[str, Any]
    note: str | None = None
    attachments: tuple[str, ...] = ()
    status: int = 1


@dataclass(frozen=True)
class Step:
    """One step. `made` rises with each new step and orders the steps of a day."""

    id: str
    type: int
    day: int
    made: int
    variants: tuple[Variant, ...]
    priority: int = NORMAL
    assignee: str | None = None

    @property
    def kind(self) -> Kind:
        """Its row in the table of types."""
        return KINDS[self.type]

    @property
    def status(self) -> int:
        """1 if any variant is active, else 0."""
        return int(any(variant.status for variant in self.variants))

    @cached_property
    def stored(self) -> str:
        """Its JSON in the data file. Cached, because a write changes only one step."""
        return json.dumps(plain(self))


@dataclass(frozen=True)
class Sender:
    """An email account that a sequence sends from."""

    id: str
    account: str
    since: float


@dataclass(frozen=True)
class Sequence:
    """One sequence. `steps` are in the order of their numbers: by day, then by age."""

    id: str
    title: str
    made: int
    since: float
    schedule: str
    senders: tuple[Sender, ...] = ()
    steps: tuple[Step, ...] = ()
    active: bool = False
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS_AT_FIRST))
    distribution: int = 1

    def step(self, step_id: str) -> Step | None:
        """Return the step with this id, or None."""
        return next((step for step in self.steps if step.id == step_id), None)

    @cached_property
    def stored(self) -> str:
        """Its JSON in the data file."""
        rest = {name: plain(value) for name, value in vars(self).items() if name not in ("steps", "stored")}
        return json.dumps(rest)[:-1] + ', "steps": [' + ", ".join(step.stored for step in self.steps) + "]}"


@dataclass(frozen=True)
class Member:
    """A person of the team. `number`: the `user.id` in the list of sequences."""

    id: str
    number: int
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True)
class EmailAccount:
    """An account that sends emails. Status 1 is active."""

    id: str
    email: str
    name: str
    status: int = 1
    is_default: bool = False


@dataclass(frozen=True)
class Schedule:
    """When emails may be sent: seven entries in the shape that was sent, one for each day of the week."""

    id: str
    name: str
    timezone: str
    slots: tuple[Any, ...] = ()
    is_default: bool = False


@dataclass(frozen=True)
class MergeField:
    """A field of a prospect. `system` fields cannot be changed."""

    id: str
    label: str
    kind: str = "Text"
    mapping: str | None = None
    system: bool = False


@dataclass(frozen=True)
class Client:
    """A client of an agency."""

    id: str
    company: str
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True)
class Attachment:
    """An uploaded file: its name and size, not its bytes."""

    id: str
    name: str
    size: int


@dataclass(frozen=True)
class Account:
    """Everything besides sequences."""

    team: tuple[Member, ...] = ()
    senders: tuple[EmailAccount, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    fields: tuple[MergeField, ...] = ()
    clients: tuple[Client, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def new_account() -> Account:
    """Return the account of a new sandbox. Anna and the deck have the ids of the vendor's example."""
    labels = ("First Name", "Last Name", "Email", "Company", "Job Title", "Phone Number", "City", "State", "Country")
    office = tuple({"day": day, "slots": [{"start": "09:00", "end": "17:00"}]} for day in range(1, 8))
    return Account(
        team=(
            Member("z6R8Mw4vBn", 1, "Anna", "Lindqvist", "anna@example.com"),
            Member("Qe3Tn7yKdX", 2, "Ben", "Okafor", "ben@example.com"),
            Member("Hw5Lp9cVzR", 3, "Carla", "Moretti", "carla@example.com"),
        ),
        senders=(
            EmailAccount("m4Xc8TzKqP", "anna@example.com", "Anna Lindqvist", is_default=True),
            EmailAccount("Yt6Wb2RnLs", "ben@example.com", "Ben Okafor"),
            EmailAccount("Kd9Jv3MfGh", "old@example.com", "An account that is no longer connected", status=0),
        ),
        schedules=(
            Schedule("Vb7Nq4ZsWx", "Office hours", "Europe/London", office, is_default=True),
            Schedule("Rf2Gk8TjMd", "New York mornings", "America/New_York", office),
        ),
        fields=tuple(
            MergeField(f"SyField{number:03}", label, mapping=label.title().replace(" ", ""), system=True)
            for number, label in enumerate(labels, start=1)
        ),
        clients=(Client("Cx4Pw7LhBt", "Northwind Ltd", "Nora", "West", "nora@northwind.example"),),
        attachments=(Attachment("lN5xKp2vJq", "deck.pdf", 48_211),),
    )
