"""The small sequence of `faults` after a day's work on its file, and the judgement on what a server holds then."""

from __future__ import annotations

from pathlib import Path

from support.faults import SEQUENCE, TITLE, fault_project
from support.project import Project
from support.stand_in import StandIn

LAST = "          Hi {{firstName}}, one more **idea**. It's short.\n"
THIRD = "      c:\n        subject: The third way\n        content: <p>A third way</p>\n"
# Another text, another note, one variant more, a message on another day, and two emails that change places.
EDITED = (
    SEQUENCE.replace("One more idea", "Quite another idea")
    .replace("Ask about the numbers", "Ask about the figures")
    .replace("    day: 2\n    type: linkedin_message", "    day: 3\n    type: linkedin_message")
    .replace(LAST, LAST + THIRD)
)
SWAPPED = EDITED.replace("day: 5", "day: 99").replace("day: 1\n", "day: 5\n").replace("day: 99", "day: 1")
PLAIN = 4  # changes of what is there: a text, a note, a day, a new variant
MOVES = 4  # of two emails, of which one has two variants and the other waits on a free day


def changed_project(root: Path, server: StandIn, *, settle_grace: str = "2") -> Project:
    """The sequence as applied first, and its file as it is desired now. Emails move only if reads contain days."""
    project = fault_project(root, server.url, settle_grace=settle_grace)
    project.ok("apply", "-auto-approve")
    assert server.changes == []
    project.write("sequences/faults.yaml", SWAPPED if server.shape.days else EDITED)
    return project


def changes_of(server: StandIn) -> int:
    """How many changes there are to make."""
    return PLAIN + MOVES if server.shape.days else PLAIN


def assert_changed(server: StandIn, faults: int) -> None:
    """Everything is as the file says, each thing once; nothing was disliked or refused."""
    server.come_to_rest()
    assert server.violations == []
    assert server.refused == []
    days = {1: 5, 5: 1} if server.shape.days else {1: 1, 5: 5}
    steps = server.steps(TITLE)
    assert sorted((step["type"], step["absoluteDays"]) for step in steps) == sorted(
        [(1, days[1]), (1, days[5]), (3, 3), (5, 2), (11, 2)]
    )
    (later,) = (step for step in steps if len(step["variants"]) > 1)
    assert later["absoluteDays"] == days[5]
    assert [row["payload"]["subject"] for row in later["variants"]] == [
        "Still curious, {{firstName}}?",
        "Quite another idea",
        "The third way",
    ]
    (call,) = (step for step in steps if step["type"] == 11)
    assert call["variants"][0]["taskNote"] == "Ask about the figures"
    assert changes_of(server) <= len(server.changes) <= changes_of(server) + faults
