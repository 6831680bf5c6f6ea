"""What the sandbox remembers: sequences with their steps, and what an account has besides. Pure values.

Everything is frozen: a change makes a new record, so that an older one can still be read ("read lag") and a
reader never sees half a change. Days, codes and ids are the API's own. Times are seconds since the epoch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sequence_sync.sandbox.codec import plain
from sequence_sync.sandbox.kinds import KINDS, NORMAL, Kind

# S: settings of a sequence by code; values are always texts.
SETTINGS_AT_FIRST = {
    "1": "", "2": "", "3": "1", "4": "1", "5": "1", "6": "0", "7": "[]", "8": "[]", "9": "0", "10": "0", "11": "0",
    "12": "0", "13": "0",
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One version of a step's content. `note` is None where none was given."""

    id: str
    payload: dict[str, Any]
    note: str | None = None
    attachments: tuple[str, ...] = ()
    status: int = 1


@dataclass(frozen=True)
class Step:
    """One step. `made` rises with each new step and orders those of one day."""

    id: str
    type: int
    day: int
    made: int
    variants: tuple[Variant, ...]
    priority: int = NORMAL
    assignee: str | None = None

    @property
    def kind(self) -> Kind:
        """The table line of its type."""
        return KINDS[self.type]

    @property
    def status(self) -> int:
        """1 while any variant is active."""
        return int(any(variant.status for variant in self.variants))

    @cached_property
    def stored(self) -> str:
        """Its JSON in the data file; kept, because most steps do not change when one does."""
        return json.dumps(plain(self))


@dataclass(frozen=True)
class Sender:
    """An email account that a sequence sends from."""

    id: str
    account: str
    since: float


@dataclass(frozen=True)
class Sequence:
    """One sequence; `steps` stand in the order of their numbers: by day, then by age."""

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
        """The step with that id."""
        return next((step for step in self.steps if step.id == step_id), None)

    @cached_property
    def stored(self) -> str:
        """Its JSON in the data file."""
        rest = {name: plain(value) for name, value in vars(self).items() if name not in ("steps", "stored")}
        return json.dumps(rest)[:-1] + ', "steps": [' + ", ".join(step.stored for step in self.steps) + "]}"


@dataclass(frozen=True)
class Member:
    """A person of the team; `number` is the plain number that the list of sequences shows as `user.id`."""

    id: str
    number: int
    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True)
class EmailAccount:
    """An account to send from; status 1 is active."""

    id: str
    email: str
    name: str
    status: int = 1
    is_default: bool = False


@dataclass(frozen=True)
class Schedule:
    """When emails may leave: seven entries of whatever shape was sent, one a day of the week."""

    id: str
    name: str
    timezone: str
    slots: tuple[Any, ...] = ()
    is_default: bool = False


@dataclass(frozen=True)
class MergeField:
    """A field of a prospect; `system` ones cannot be changed."""

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
    """What is there besides sequences."""

    team: tuple[Member, ...] = ()
    senders: tuple[EmailAccount, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    fields: tuple[MergeField, ...] = ()
    clients: tuple[Client, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def new_account() -> Account:
    """The account of a fresh sandbox. Anna and the deck have the ids of the vendor's own example."""
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
            MergeField(f"SyField{place:03}", label, mapping=label.title().replace(" ", ""), system=True)
            for place, label in enumerate(labels, start=1)
        ),
        clients=(Client("Cx4Pw7LhBt", "Northwind Ltd", "Nora", "West", "nora@northwind.example"),),
        attachments=(Attachment("lN5xKp2vJq", "deck.pdf", 48_211),),
    )
