"""Types of fields: text, day, key, priority. Pure.

The value of a field is its text in the file; each type here parses that text strictly. Must not know positions:
`source` adds the position to a ValueError raised here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema

from sequence_sync.model.address import KEY, LETTER

LAST_DAY = 999  # D: vendor page on create step, 1 to 999
LONGEST_NOTE = 3000  # D: vendor page of the variant update
LONGEST_TITLE = 100  # L: the lower of the two limits observed
# L: ids are 10 letters and digits (`LGz3m8KNPr`), or numbers. `_` and `-` are for other ids, such as UUIDs. No
# such character changes a path.
REMOTE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
ID_HINT = "An ID has at most 128 letters, digits, _ and -."
MOST_VARIANTS = 26  # D: "up to 26 for A/B testing on Email"


class Frozen(BaseModel):
    """Base of every model: frozen, without unknown fields, and without the input in its error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Priority(StrEnum):
    """Priority of the task that a step creates."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def code(self) -> int:
        """The number in the Saleshandy API (D: vendor page, 1 Urgent to 4 Low)."""
        return list(Priority).index(self) + 1


def _day(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"[1-9][0-9]{0,2}", value):
            raise ValueError(f"the day must be a whole number from 1 to {LAST_DAY}")
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LAST_DAY:
        return value
    raise ValueError(f"the day must be a whole number from 1 to {LAST_DAY}")


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("invalid key; use a-z, 0-9, _ and -, starting with a letter")
    return value


def _letter(value: str) -> str:
    if not LETTER.fullmatch(value):
        raise ValueError("the key of a variant must be one letter, a to z")
    return value


Day = Annotated[int, BeforeValidator(_day), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LAST_DAY})]
Key = Annotated[str, AfterValidator(_key), WithJsonSchema({"type": "string", "pattern": f"^{KEY.pattern}$"})]
Letter = Annotated[str, AfterValidator(_letter), WithJsonSchema({"type": "string", "pattern": "^[a-z]$"})]
Text = Annotated[str, StringConstraints(min_length=1)]
Note = Annotated[str, StringConstraints(max_length=LONGEST_NOTE)]
