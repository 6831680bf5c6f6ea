"""Addresses: `sequence`, `sequence.step`, `sequence.step.variant`. Parsed and printed here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LETTER = re.compile(r"[a-z]")
KEY_RULE = "a key is a small letter, then small letters, digits, _ or -, at most 63 in all"


@dataclass(frozen=True, slots=True)
class Address:
    """What a change is about. `step` and `variant` are None above their level."""

    sequence: str
    step: str | None = None
    variant: str | None = None

    def __str__(self) -> str:
        return ".".join(part for part in (self.sequence, self.step, self.variant) if part is not None)


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
    parts = [part for part in (address.sequence, address.step, address.variant) if part is not None]
    if len(parts) < len(wanted):
        return False
    return all(rule.fullmatch(part) for rule, part in zip(wanted, parts, strict=False))
