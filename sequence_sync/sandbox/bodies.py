"""The documented request bodies and queries, parsed into checked values. Pure.

Unknown properties are refused at every level (L), and a type must be a number (L). Must not know the stored data:
rules that need it are in `store`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_sync.sandbox.errors import InvalidError
from sequence_sync.sandbox.model import (
    ACTION_FIELDS,
    FIRST_DAY,
    KINDS,
    LAST_DAY,
    LONGEST_NOTE,
    LONGEST_TITLE,
    MOST_VARIANTS,
    PRIORITIES,
    SETTINGS_AT_FIRST,
    TEXT_FIELDS,
    Kind,
)

# The form of a hashed id. docs/api.md shows 6 to 10 letters and digits; the length may change.
ID = re.compile(r"[A-Za-z0-9]{4,32}")


class Checker:
    """An object with its allowed fields. `problems` is shared with the objects inside it.

    An absent field is None; `null` is not absent. The sentences are those of the vendor's validator.
    """

    def __init__(
        self,
        value: object,
        known: Collection[str],
        problems: list[str] | None = None,
        at: str = "",
        *,
        lax: bool = False,
    ) -> None:
        self.problems: list[str] = [] if problems is None else problems
        self.at = at
        self.value: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        if not isinstance(value, Mapping):
            self.problems.append(f"{at.rstrip('.') or 'body'} must be an object")
        elif not lax:
            self.problems += [f"{at}property {name} should not exist" for name in value if name not in known]

    def problem(self, sentence: str) -> None:
        """Add an error in this object."""
        self.problems.append(self.at + sentence)

    def text(self, name: str, *, needed: bool = False, least: int = 0, most: int | None = None) -> str | None:
        """Return a string of `least` to `most` characters."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        if not isinstance(value, str):
            self.problem(f"{name} must be a string")
        elif len(value) < least:
            self.problem(f"{name} must be longer than or equal to {least} characters")
        elif most is not None and len(value) > most:
            self.problem(f"{name} must be shorter than or equal to {most} characters")
        else:
            return value
        return None

    def whole(self, name: str, low: int, high: int | None, *, needed: bool = False) -> int | None:
        """Return a whole number from `low` to `high`; 3.0 is one, as in JavaScript."""
        if self._absent(name, needed):
            return None
        value = _whole(self.value.get(name))
        if value is None:
            self.problem(f"{name} must be an integer number")
        elif value < low:
            self.problem(f"{name} must not be less than {low}")
        elif high is not None and value > high:
            self.problem(f"{name} must not be greater than {high}")
        else:
            return value
        return None

    def member(self, name: str, allowed: Collection[Any], *, needed: bool = False) -> Any:
        """Return one of `allowed`. A number is different from its text."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        value = value if isinstance(value, str) else _whole(value)
        if value in allowed:
            return value
        self.problem(f"{name} must be a valid enum value")
        return None

    def truth(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.value.get(name)
        if isinstance(value, bool):
            return value
        if name in self.value:
            self.problem(f"{name} must be a boolean value")
        return None

    def id(self, name: str, *, needed: bool = False) -> str | None:
        """Return a hashed id."""
        value = self.text(name, needed=needed)
        if value is not None and not ID.fullmatch(value):
            self.problem(f"{name} must be a valid id")
        return value

    def items(self, name: str, *, needed: bool = False, least: int = 0, most: int | None = None) -> list[Any] | None:
        """Return a list of `least` to `most` items of any type."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        if not isinstance(value, list):
            self.problem(f"{name} must be an array")
        elif len(value) < least:
            self.problem(f"{name} must contain at least {least} elements")
        elif most is not None and len(value) > most:
            self.problem(f"{name} must contain no more than {most} elements")
        else:
            return value
        return None

    def ids(self, name: str, *, needed: bool = False, least: int = 0) -> tuple[str, ...] | None:
        """Return a list of hashed ids, each once."""
        found = self.items(name, needed=needed, least=least)
        if found is None:
            return None
        if not all(isinstance(item, str) and ID.fullmatch(item) for item in found):
            self.problem(f"each value in {name} must be a valid id")
        elif len(set(found)) < len(found):
            self.problem(f"All {name}'s elements must be unique")
        return tuple(found)

    def _absent(self, name: str, needed: bool) -> bool:
        return name not in self.value and not needed

    def finish(self) -> None:
        """Raise InvalidError with every error, if there is any."""
        if self.problems:
            raise InvalidError(*self.problems)


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


VARIANT_FIELDS = ("payload", "attachmentIds", "taskNote")
STEP_FIELDS = ("absoluteDays", "priority", "assigneeId")
FIELD_KINDS = ("Text", "Number", "Long Text", "Date", "Dropdown", "Currency")
LARGEST_PAGE = 1000  # D
LARGEST_ACCOUNT_PAGE = 100  # S


@dataclass(frozen=True)
class Content:
    """The content of a variant. None: not sent."""

    payload: Mapping[str, Any] | None = None
    note: str | None = None
    attachments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Placing:
    """The values of a whole step. None: not sent."""

    day: int | None = None
    priority: int | None = None
    assignee: str | None = None


@dataclass(frozen=True)
class NewStep:
    """A step to create."""

    kind: Kind
    day: int
    placing: Placing
    variants: tuple[Content, ...]


@dataclass(frozen=True)
class VariantChange:
    """A variant to add or to change. `type` and `status`: None if not sent."""

    type: int | None
    status: int | None
    content: Content
    placing: Placing


@dataclass(frozen=True)
class Listing:
    """The requested part of a list, and its order."""

    page: int
    page_size: int
    search: str
    descending: bool
    by: str


def new_step(body: object) -> NewStep:
    """POST /sequences/{id}/steps."""
    given = Checker(body, ("type", "variants", *STEP_FIELDS))
    code, placing = given.member("type", KINDS, needed=True), _placing(given, day_needed=True)
    kind = KINDS.get(code)
    most = MOST_VARIANTS if kind is None or kind.is_email else 1
    contents = []
    for index, item in enumerate(given.items("variants", needed=True, least=1, most=most) or ()):
        inner = Checker(item, VARIANT_FIELDS, given.problems, f"variants.{index}.")
        contents.append(_content(inner, payload_needed=True))
        if kind is not None:
            given.problems += unfit(kind, contents[-1], inner.at)
    given.finish()
    return NewStep(KINDS[code], placing.day or 0, placing, tuple(contents))


def new_variant(body: object) -> VariantChange:
    """POST /sequences/{id}/steps/{id}/variants."""
    given = Checker(body, ("type", *VARIANT_FIELDS, *STEP_FIELDS))
    code = given.member("type", KINDS, needed=True)
    change = VariantChange(code, None, _content(given, payload_needed=True), _placing(given))
    if code is not None:
        given.problems += unfit(KINDS[code], change.content, "")
    given.finish()
    return change


def variant_change(body: object) -> VariantChange:
    """PATCH /sequences/{id}/steps/{id}/variants/{id}. The store checks that the content fits the type."""
    given = Checker(body, ("type", "status", *VARIANT_FIELDS, *STEP_FIELDS))
    change = VariantChange(
        given.member("type", KINDS), given.member("status", (0, 1)), _content(given), _placing(given)
    )
    given.finish()
    return change


def unfit(kind: Kind, content: Content, at: str) -> list[str]:
    """Return the errors of `content` for a step of type `kind`. Each sentence begins with `at`."""
    problems = []
    if content.payload is not None:
        allowed = {*kind.needed, *kind.optional}
        problems += [f"{at}payload.property {name} should not exist" for name in content.payload if name not in allowed]
        problems += [f"{at}payload.{name} must be a string" for name in kind.needed if name not in content.payload]
    if kind.is_email and content.note is not None:
        problems.append(f"{at}taskNote is not allowed for Email steps")
    if not kind.is_email and content.attachments is not None:
        problems.append(f"{at}attachmentIds is allowed for Email steps only")
    return problems


def _placing(given: Checker, *, day_needed: bool = False) -> Placing:
    day = given.whole("absoluteDays", FIRST_DAY, LAST_DAY, needed=day_needed)
    return Placing(day, given.member("priority", PRIORITIES), given.id("assigneeId"))


def _content(given: Checker, *, payload_needed: bool = False) -> Content:
    payload = None
    if payload_needed or "payload" in given.value:
        payload = _payload(
            Checker(given.value.get("payload"), (*TEXT_FIELDS, "action"), given.problems, f"{given.at}payload.")
        )
    return Content(payload, given.text("taskNote", most=LONGEST_NOTE), given.ids("attachmentIds"))


def _payload(given: Checker) -> Mapping[str, Any]:
    for name in TEXT_FIELDS:
        given.text(name)
    if "action" in given.value:
        action = Checker(given.value["action"], ACTION_FIELDS, given.problems, f"{given.at}action.")
        for name in ACTION_FIELDS:
            action.text(name, needed=True)
    return given.value


@dataclass(frozen=True)
class NewSequence:
    """A sequence to create. None: the default."""

    title: str
    senders: tuple[str, ...] | None
    schedule: str | None


def new_sequence(body: object) -> NewSequence:
    """POST /sequences."""
    given = Checker(body, ("title", "emailAccountIds", "scheduleId"))
    title = given.text("title", needed=True, least=1, most=LONGEST_TITLE)
    new = NewSequence(title or "", given.ids("emailAccountIds"), given.id("scheduleId"))
    given.finish()
    return new


def status_change(body: object) -> tuple[tuple[str, ...], bool]:
    """POST /sequences/status: the sequences, and whether to resume them."""
    given = Checker(body, ("sequenceIds", "status"))
    ids = given.ids("sequenceIds", needed=True, least=1)
    status = given.member("status", ("resume", "pause"), needed=True)
    given.finish()
    return ids or (), status == "resume"


def settings_change(body: object) -> tuple[dict[str, str], str | None]:
    """PATCH /sequences/{id}/settings: values by code, and the schedule, or None."""
    given = Checker(body, ("settings", "scheduleId"))
    found: dict[str, str] = {}
    for index, item in enumerate(given.items("settings") or ()):
        row = Checker(item, ("code", "value"), given.problems, f"settings.{index}.")
        code = row.whole("code", 1, len(SETTINGS_AT_FIRST), needed=True)
        value = row.text("value", needed=True)
        if code in (7, 8) and value is not None and not _is_json_list(value):
            row.problem("value must be a JSON array in a string")
        found[str(code)] = value or ""
    schedule = given.id("scheduleId")
    given.finish()
    return found, schedule


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def one_id(body: object, name: str) -> str:
    """Parse a body with one id."""
    given = Checker(body, (name,))
    found = given.id(name, needed=True)
    given.finish()
    return found or ""


def some_ids(body: object, name: str) -> tuple[str, ...]:
    """Parse a body with a list of ids."""
    given = Checker(body, (name,))
    found = given.ids(name, needed=True, least=1)
    given.finish()
    return found or ()


def distribution(body: object) -> int:
    """PATCH /sequences/{id}/priority-distribution."""
    given = Checker(body, ("priorityDistributionId",))
    found = given.member("priorityDistributionId", (1, 2, 3, 4), needed=True)
    given.finish()
    return int(found)


def trial_email(body: object) -> dict[str, Any]:
    """POST /sequences/{id}/test-email: the email as it was sent."""
    given = Checker(body, ("subject", "content", "fromEmailAccountId", "to", "preheader"))
    for name in ("subject", "content"):
        given.text(name, needed=True)
    given.text("preheader")
    given.id("fromEmailAccountId", needed=True)
    to = given.items("to", needed=True, least=1)
    if to is not None and not all(isinstance(one, str) and "@" in one for one in to):
        given.problem("each value in to must be an email")
    given.finish()
    return dict(given.value)


def field(body: object, *, changing: bool = False) -> tuple[str | None, str | None, str | None]:
    """POST /fields and PATCH /fields/{id}: label, type and mapping. None: not sent."""
    given = Checker(body, ("label", "fieldType", "mappingDefaultField"))
    label = given.text("label", needed=not changing, least=1, most=100)
    kind = given.member("fieldType", FIELD_KINDS)
    mapping = given.text("mappingDefaultField")
    given.finish()
    return label, kind, mapping


def schedule(body: object) -> tuple[str, str, tuple[Any, ...], bool]:
    """POST /schedules: name, time zone, seven entries, and whether it is the default."""
    given = Checker(body, ("name", "timezone", "timeSlots", "isDefault"))
    name = given.text("name", needed=True, least=1, most=LONGEST_TITLE)
    zone = given.text("timezone", needed=True)
    if zone is not None and not re.fullmatch(r"UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2}", zone):
        given.problem("timezone must be a valid IANA time-zone")
    slots = given.items("timeSlots", needed=True, least=7, most=7)
    is_default = given.truth("isDefault")
    given.finish()
    return name or "", zone or "", tuple(slots or ()), bool(is_default)


def listing(
    given: Checker, *, search: str, orders: tuple[str, ...], order_needed: bool = False, largest: int = LARGEST_PAGE
) -> Listing:
    """Parse the paging that all lists share. Raises InvalidError with every error in `given`."""
    page, size = given.whole("page", 1, None), given.whole("pageSize", 1, largest)
    sort = given.member("sort", ("ASC", "DESC"), needed=order_needed)
    by = (
        given.text("sortBy", needed=order_needed) if not orders else given.member("sortBy", orders, needed=order_needed)
    )
    text = given.text(search)
    given.finish()
    return Listing(page or 1, size or min(100, largest), text or "", sort == "DESC", by or "")


def account_search(body: object) -> tuple[Listing, int | None]:
    """POST /email-accounts: the requested part of the list, and a status or None."""
    given = Checker(body, ("search", "status", "page", "pageSize", "sortByKey", "sort"))
    status = given.member("status", (0, 1, 2, 3))
    given.text("sortByKey")
    return listing(given, search="search", orders=(), largest=LARGEST_ACCOUNT_PAGE), status


def query(values: Mapping[str, str]) -> Checker:
    """Parse a query string. Unknown parameters are ignored: the API is known to check only bodies."""
    numbers = {
        name: int(text) for name, text in values.items() if name in _NUMBERS and re.fullmatch("[0-9]{1,9}", text)
    }
    return Checker({**values, **numbers}, (), lax=True)


_NUMBERS = frozenset({"page", "pageSize", "code", "status"})
