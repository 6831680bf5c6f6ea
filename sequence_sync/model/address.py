"""Addresses (`sequence`, `sequence.step`, `sequence.step.variant`) and field paths. Pure.

Only this module joins addresses and takes them apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LETTER = re.compile(r"[a-z]")
KEY_RULE = "use lowercase letters, digits, _ and -; start with a letter; at most 63 characters"
KEY_HINT = "Use lowercase letters, digits, _ and -. Start with a letter. At most 63 characters."


class Address(str):
    """The name of a sequence, a step or a variant. A `str`, so that it can be used in JSON, messages and as a key.

    The constructor does not check its parts; `parse_address` checks a text from a user.
    """

    __slots__ = ()

    def __new__(cls, sequence: str, step: str | None = None, variant: str | None = None) -> Address:
        """Join the parts; a single part may be a whole address."""
        if step is None:
            return super().__new__(cls, sequence)
        return super().__new__(cls, f"{sequence}.{step}" if variant is None else f"{sequence}.{step}.{variant}")

    @property
    def parts(self) -> tuple[str, ...]:
        """One to three parts: sequence, step, variant."""
        return tuple(self.split("."))

    @property
    def sequence(self) -> str:
        """The key of the sequence."""
        return self.partition(".")[0]

    @property
    def step(self) -> str | None:
        """The key of the step; None for a sequence."""
        return self.parts[1] if "." in self else None

    @property
    def variant(self) -> str | None:
        """The letter of the variant; None above that level."""
        parts = self.parts
        return parts[2] if len(parts) == 3 else None

    @property
    def step_key(self) -> str:
        """The key of the step. Raises ValueError if the address has none."""
        return self._part(1, "step")

    @property
    def letter(self) -> str:
        """The letter of the variant. Raises ValueError if the address has none."""
        return self._part(2, "variant")

    @property
    def parent(self) -> Address:
        """The address one level up; a sequence is its own parent."""
        return Address(*self.parts[:-1]) if "." in self else self

    @property
    def step_address(self) -> Address:
        """The address of the step: this one, or that of this variant."""
        return self.parent if self.count(".") == 2 else self

    def child(self, part: str) -> Address:
        """Return the address one level down: of a step of this sequence, or of a variant of this step."""
        return Address(self, part)

    def contains(self, other: str) -> bool:
        """Whether the address `other` is below this one."""
        return other.startswith(f"{self}.")

    def _part(self, index: int, what: str) -> str:
        parts = self.parts
        if len(parts) <= index:
            raise ValueError(f'"{self}" is not the address of a {what}')
        return parts[index]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A JSON string."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class FieldPath(str):
    """The path of a field in a step: `day`, or `variants.a.payload.subject`. A `str`, like an address."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The names along the path."""
        return tuple(self.split("."))

    @classmethod
    def in_variant(cls, letter: str, *names: str) -> FieldPath:
        """Return the path of a field of a variant."""
        return cls(".".join(("variants", letter, *names)))

    @property
    def name(self) -> str:
        """The last name: `subject`."""
        return self.rpartition(".")[2]

    @property
    def letter(self) -> str | None:
        """The letter of the variant that has the field; None for a field of the step."""
        parts = self.parts
        return parts[1] if parts[0] == "variants" and len(parts) > 1 else None

    @property
    def of_variant(self) -> str | None:
        """The name in the variant: `payload`, `task_note`, `attachments` or `status`; None for a field of the step."""
        parts = self.parts
        return parts[2] if parts[0] == "variants" and len(parts) > 2 else None

    @property
    def is_status(self) -> bool:
        """Whether it is the status of a variant: switched on or off."""
        return self.of_variant == "status"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A JSON string."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def parse_address(text: str) -> Address:
    """Parse an address. Raises ValueError, with the reason, if `text` is not one."""
    parts = text.split(".")
    if len(parts) > 3:
        raise ValueError(f'"{text}" has {len(parts)} parts; write sequence, sequence.step or sequence.step.variant')
    for part in parts[:2]:
        if not KEY.fullmatch(part):
            raise ValueError(f'"{part}" in "{text}" is not a valid key: {KEY_RULE}')
    if len(parts) == 3 and not LETTER.fullmatch(parts[2]):
        raise ValueError(f'"{parts[2]}" in "{text}" is not a variant: use one letter, a to z')
    return Address(text)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> tuple[re.Pattern[str], ...]:
    parts = text.split(".")
    if len(parts) > 3:
        raise ValueError(f'"{text}" has {len(parts)} parts; an address has at most three')
    for part in parts:
        if not re.fullmatch(r"[a-z0-9_*-]+", part):
            raise ValueError(f'"{part}" in "{text}" is not a key or a pattern with *')
    return tuple(re.compile(re.escape(part).replace(r"\*", ".*")) for part in parts)


def check_pattern(text: str) -> str:
    """Return `text` if it is an address, possibly with `*` in its parts. Raises ValueError if it is not."""
    _pattern(text)
    return text


def matches(pattern: str, address: Address) -> bool:
    """Whether `address` matches `pattern`, or is below an address that does."""
    rules = _pattern(pattern)
    parts = address.parts
    if len(parts) < len(rules):
        return False
    return all(rule.fullmatch(part) for rule, part in zip(rules, parts, strict=False))
