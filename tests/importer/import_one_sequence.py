"""One sequence that was applied from a file with comments, and what an import does to that file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.import_account import Scenario, opened

from sequence_sync.model.report import ImportOutcome, ImportResult
from sequence_sync.sandbox.server import Sandbox

FILE = """\
# Who comes from the trial page.
sequence: trial   # the key
title: Trial

steps:
  # the first one
  intro:   # asked for by sales
    type:   email
    day: 1      # the day after
    subject: "Quick question"   # short!
    preheader: Before it
    content: |
      <p>Hi {{firstName}},</p>

      <p>words of ours</p>
    # nothing below

  nudge:
    day: 3
    type: email
    variants:
      a:
        subject: Still curious?
        content_file: emails/nudge.html
      # the second try
      b: {subject: One more idea, content: <p>An idea</p>}

  connect:
    day: 4
    type: linkedin_connection_request
    connection_note: >-
      Hi, shall we
      connect?
    task_note: Look first
# the end
"""
NUDGE = "<p>Still curious about it?</p>\n"


def applied(root: Path) -> Iterator[Scenario]:
    """The file above, applied."""
    with Sandbox(per_minute=0) as box:
        scenario = opened(root, box)
        scenario.project.write("sequences/trial.yaml", FILE)
        scenario.project.write("sequences/emails/nudge.html", NUDGE)
        report = scenario.apply()
        assert report is not None
        assert report.exit_code == 0
        yield scenario


def the_id(scenario: Scenario) -> str:
    """The id of the one sequence."""
    (sequence,) = scenario.box.store.sequences()
    return sequence.id


def write(scenario: Scenario, old: str, new: str) -> str:
    """Change the file by hand; its text."""
    text = scenario.text("sequences/trial.yaml")
    assert old in text
    scenario.project.write("sequences/trial.yaml", text.replace(old, new))
    return text.replace(old, new)


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    found = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    return [line[2:] for line in found if line[0] == "-"], [line[2:] for line in found if line[0] == "+"]


def merged(scenario: Scenario) -> tuple[list[str], list[str]]:
    """Import and merge. No change is left, and a second import changes no byte. Return the removed and added lines."""
    before = scenario.text("sequences/trial.yaml")
    row = scenario.row(the_id(scenario))
    assert row.outcome is ImportOutcome.MERGED, (row.problem, row.notes, row.conflicts)
    after = scenario.text("sequences/trial.yaml")
    scenario.check_no_changes()
    files = scenario.files()
    assert scenario.row(the_id(scenario)).outcome is ImportOutcome.UNCHANGED
    assert scenario.files() == files
    return lines(before, after)


def intro(**payload: str) -> dict[str, Any]:
    """The body of a PATCH of the first email."""
    whole = {
        "subject": "Quick question",
        "preheader": "Before it",
        "content": "<p>Hi {{firstName}},</p>\n\n<p>words of ours</p>",
    }
    return {"payload": {**whole, **payload}}


def conflict(scenario: Scenario) -> ImportResult:
    """Import: a conflict, which changes no byte of the file."""
    before = scenario.text("sequences/trial.yaml")
    report = scenario.imported(the_id(scenario))
    assert report.exit_code in (1, 10)
    (row,) = report.rows
    assert row.outcome is ImportOutcome.CONFLICT
    assert scenario.text("sequences/trial.yaml") == before
    return row
