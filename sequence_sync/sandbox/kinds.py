"""The types of step as the API knows them: code, name, channel, payload fields. Pure data.

Written from docs/api.md 3 and not taken from the client's own table on purpose: a mistake there has to show
when client and sandbox meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """One type. `needed` payload fields have to be there, `optional` ones may be."""

    code: int
    name: str
    channel: str
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def is_email(self) -> bool:
        """Whether it is sent by itself: no task, so no note; attachments and A/B variants are for it alone."""
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
