"""Colors for a terminal, or none. Pure: whether there is a terminal is the caller's to know."""

from __future__ import annotations

from collections.abc import Callable

Ink = Callable[[str, str], str]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}
MARK_COLORS = {"+": "green", "~": "yellow", "-": "red", ">": "cyan", "!": "magenta"}


def _colored(text: str, color: str) -> str:
    return f"\x1b[{_CODES[color]}m{text}\x1b[0m"


def _plain(text: str, color: str) -> str:
    return text


def ink(color: bool) -> Ink:
    """A function `(text, color name) -> text`; without `color` it gives the text back."""
    return _colored if color else _plain
