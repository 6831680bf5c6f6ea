"""Nouns in messages. Pure. Must not know what the messages are about."""

from __future__ import annotations


def plural(number: int, noun: str) -> str:
    """Return the form of `noun` for `number` things: `step` for 1, else `steps`."""
    return noun if number == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 step`, `2 steps`."""
    return f"{number} {plural(number, noun)}"
