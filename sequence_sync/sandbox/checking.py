"""One JSON object or query read as the API's validator reads it: every mistake noted, none raised. Pure.

Knows nothing of sequences; `bodies` says which fields there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sequence_sync.sandbox.refusals import Invalid

# What a hashed id may look like. docs/api.md shows 6 to 10 letters and digits; the length is not to be relied on.
ID = re.compile(r"[A-Za-z0-9]{4,32}")


class Checker:
    """An object with the fields it may have. `problems` is shared with the objects inside it.

    A field that is absent is None; `null` is not absent. The sentences are those of the validator in use there.
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

    def say(self, sentence: str) -> None:
        """Note a mistake in this object."""
        self.problems.append(self.at + sentence)

    def text(self, name: str, *, needed: bool = False, least: int = 0, most: int | None = None) -> str | None:
        """A string of `least` to `most` characters."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        if not isinstance(value, str):
            self.say(f"{name} must be a string")
        elif len(value) < least:
            self.say(f"{name} must be longer than or equal to {least} characters")
        elif most is not None and len(value) > most:
            self.say(f"{name} must be shorter than or equal to {most} characters")
        else:
            return value
        return None

    def whole(self, name: str, low: int, high: int | None, *, needed: bool = False) -> int | None:
        """A whole number from `low` to `high`; 3.0 is one, as in JavaScript."""
        if self._absent(name, needed):
            return None
        value = _whole(self.value.get(name))
        if value is None:
            self.say(f"{name} must be an integer number")
        elif value < low:
            self.say(f"{name} must not be less than {low}")
        elif high is not None and value > high:
            self.say(f"{name} must not be greater than {high}")
        else:
            return value
        return None

    def member(self, name: str, allowed: Collection[Any], *, needed: bool = False) -> Any:
        """One of `allowed`; a number is not its name."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        value = value if isinstance(value, str) else _whole(value)
        if value in allowed:
            return value
        self.say(f"{name} must be a valid enum value")
        return None

    def truth(self, name: str) -> bool | None:
        """True or false."""
        value = self.value.get(name)
        if isinstance(value, bool):
            return value
        if name in self.value:
            self.say(f"{name} must be a boolean value")
        return None

    def id(self, name: str, *, needed: bool = False) -> str | None:
        """A hashed id."""
        value = self.text(name, needed=needed)
        if value is not None and not ID.fullmatch(value):
            self.say(f"{name} must be a valid id")
        return value

    def items(self, name: str, *, needed: bool = False, least: int = 0, most: int | None = None) -> list[Any] | None:
        """A list of `least` to `most` items of any kind."""
        if self._absent(name, needed):
            return None
        value = self.value.get(name)
        if not isinstance(value, list):
            self.say(f"{name} must be an array")
        elif len(value) < least:
            self.say(f"{name} must contain at least {least} elements")
        elif most is not None and len(value) > most:
            self.say(f"{name} must contain no more than {most} elements")
        else:
            return value
        return None

    def ids(self, name: str, *, needed: bool = False, least: int = 0) -> tuple[str, ...] | None:
        """A list of hashed ids, each once."""
        found = self.items(name, needed=needed, least=least)
        if found is None:
            return None
        if not all(isinstance(item, str) and ID.fullmatch(item) for item in found):
            self.say(f"each value in {name} must be a valid id")
        elif len(set(found)) < len(found):
            self.say(f"All {name}'s elements must be unique")
        return tuple(found)

    def _absent(self, name: str, needed: bool) -> bool:
        return name not in self.value and not needed

    def finish(self) -> None:
        """Raise Invalid with every mistake noted."""
        if self.problems:
            raise Invalid(*self.problems)


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
