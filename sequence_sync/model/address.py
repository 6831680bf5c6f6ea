"""Addresses (`sequence`, `sequence.step`, `sequence.step.variant`) and field paths: built and taken apart only here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LETTER = re.compile(r"[a-z]")
KEY_RULE = "a key is a small letter, then small letters, digits, _ or -, at most 63 in all"


class Address(str):
    """Names a sequence, a step or a variant. It is its own text, so that it goes into JSON, messages and keys as it is.

    The constructor trusts its parts; `parse_address` checks a text from outside.
    """

    __slots__ = ()

    def __new__(cls, sequence: str, step: str | None = None, variant: str | None = None) -> Address:
        """Join the parts; a single part may be a whole address."""
        return super().__new__(cls, ".".join(part for part in (sequence, step, variant) if part is not None))

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
        """The key of the step, where the address must have one. Raises ValueError where it has none."""
        return self._part(1, "step")

    @property
    def letter(self) -> str:
        """The letter of the variant, where the address must have one. Raises ValueError where it has none."""
        return self._part(2, "variant")

    @property
    def parent(self) -> Address:
        """The address one level up; a sequence is its own parent."""
        return Address(*self.parts[:-1]) if "." in self else self

    @property
    def step_address(self) -> Address:
        """The address of the step that this is, or belongs to."""
        return Address(*self.parts[:2])

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
    """Names a field of a step: `day`, or `variants.a.payload.subject`. It is its own text, as an address is."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The names along the path."""
        return tuple(self.split("."))

    @property
    def letter(self) -> str | None:
        """The letter of the variant that the field belongs to; None for a field of the step."""
        parts = self.parts
        return parts[1] if parts[0] == "variants" and len(parts) > 1 else None

    @property
    def of_variant(self) -> str | None:
        """The name within the variant: `payload`, `task_note`, `attachments` or `status`; None for the step's own."""
        parts = self.parts
        return parts[2] if parts[0] == "variants" and len(parts) > 2 else None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A JSON string."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def parse_address(text: str) -> Address:
    """The address that `text` spells. Raises ValueError, with the reason, where it is none."""
    parts = text.split(".")
    if len(parts) > 3:
        raise ValueError(
            f'"{text}" has {len(parts)} parts; an address is sequence, sequence.step or sequence.step.variant'
        )
    for part in parts[:2]:
        if not KEY.fullmatch(part):
            raise ValueError(f'"{part}" in "{text}" is not a key: {KEY_RULE}')
    if len(parts) == 3 and not LETTER.fullmatch(parts[2]):
        raise ValueError(f'"{parts[2]}" in "{text}" is not a variant: a variant is one letter, a to z')
    return Address(*parts)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> tuple[re.Pattern[str], ...]:
    parts = text.split(".")
    if len(parts) > 3:
        raise ValueError(f'"{text}" has {len(parts)} parts; an address has three at most')
    for part in parts:
        if not re.fullmatch(r"[a-z0-9_*-]+", part):
            raise ValueError(f'"{part}" in "{text}" is neither a key nor a pattern with *')
    return tuple(re.compile(re.escape(part).replace(r"\*", ".*")) for part in parts)


def check_pattern(text: str) -> str:
    """`text` itself, if it is an address whose parts may hold `*`. Raises ValueError where it is not."""
    _pattern(text)
    return text


def matches(pattern: str, address: Address) -> bool:
    """Whether `address` is what `pattern` names, or lies below it."""
    wanted = _pattern(pattern)
    parts = address.parts
    if len(parts) < len(wanted):
        return False
    return all(rule.fullmatch(part) for rule, part in zip(wanted, parts, strict=False))
