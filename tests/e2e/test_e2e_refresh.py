"""The whole story of living with a sequence, over real HTTP: the fewest calls after each step, and then quiet."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from refresh_story import Tale, tale

from sequence_sync.errors import GateShutError
from sequence_sync.sandbox.server import Sandbox

Steps = dict[str, dict[str, Any]]


def mail(day: int, words: str) -> dict[str, Any]:
    """An email step."""
    return {"day": day, "type": "email", **said(words)}


def said(words: str) -> dict[str, str]:
    """What an email says."""
    return {"subject": f"About {words}", "content": f"<p>Some words: {words}</p>"}


STEPS: Steps = {
    "one": mail(1, "the first thing"),
    "two": mail(3, "quite another matter"),
    "three": mail(7, "a third topic"),
    "task": {"day": 4, "type": "linkedin_message", "message": "A message on the side", "task_note": "Look first"},
}


def days(calls: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int]]:
    """The days that calls set, with the first word of what they move."""
    return [(body["payload"]["subject"].split()[-1], body["absoluteDays"]) for _, body in calls]


def changes(story: Tale, *allowed: str) -> list[tuple[str, str, str]]:
    """The refreshed plan in short."""
    return [(row.address, row.action.value, row.reason.value) for row in story.look(*allowed).changes]


def test_the_whole_story(tmp_path: Path) -> None:
    """Edits in order, each with its expected calls."""
    with Sandbox(per_minute=0) as box:
        story = tale(tmp_path, box, STEPS)
        steps = deepcopy(STEPS)
        _in_the_files(story, steps)
        _edit_in_saleshandy(story, steps)
        _removed_and_put_back(story, steps)
        _into_an_empty_folder(story, tmp_path)


def _in_the_files(story: Tale, steps: Steps) -> None:
    steps["one"] = mail(1, "the first thing again")
    story.write(steps)
    assert story.applied() == [("PATCH", {"payload": said("the first thing again")})]

    steps["task"]["day"] = 9
    story.write(steps)
    assert story.applied() == [("PATCH", {"payload": {"message": "A message on the side"}, "absoluteDays": 9})]

    steps["one"]["day"], steps["two"]["day"] = 3, 1
    story.write(steps)
    assert days(story.applied()) == [("again", 8), ("matter", 1), ("again", 3)]

    steps["one"]["day"], steps["two"]["day"], steps["three"]["day"] = 7, 3, 1
    story.write(steps)
    assert len(story.applied()) == 4

    for name in ("one", "two", "three"):
        steps[name]["day"] += 2
    story.write(steps)
    assert days(story.applied()) == [("matter", 5), ("topic", 3), ("again", 9)]

    steps["between"] = mail(4, "what lies between")
    story.write(steps)
    assert [(method, body["absoluteDays"]) for method, body in story.applied()] == [("POST", 4)]

    steps["middle"] = steps.pop("between")
    story.write(steps, moved=[{"from": "between", "to": "middle"}])
    assert changes(story) == [("trial.middle", "move", "moved")]
    assert story.applied() == []

    steps["two"] = {
        "day": 5,
        "type": "email",
        "variants": {
            "a": said("quite another matter"),
            "b": said("a second way"),
            "c": said("a third way"),
        },
    }
    story.write(steps)
    assert story.applied() == [
        ("POST", {"type": 1, "payload": said("a second way")}),
        ("POST", {"type": 1, "payload": said("a third way")}),
    ]

    del steps["two"]["variants"]["b"]
    story.write(steps)
    with pytest.raises(GateShutError, match="gate is shut"):
        story.run()
    assert story.applied("destructive") == [("PATCH", {"status": 0})]


def _edit_in_saleshandy(story: Tale, steps: Steps) -> None:
    story.edit(9, subject="Theirs altogether")
    assert changes(story) == []
    (row,) = story.drift()
    assert (row.address, [each.after for each in row.fields]) == ("trial.one.a", ["Theirs altogether"])
    assert (story.drift(quick=True), story.plan().changes) == ((), ())
    assert story.run().report is None

    steps["one"] = mail(9, "what we want now")
    story.write(steps)
    assert changes(story) == [("trial.one.a", "blocked", "conflict")]
    before = len(story.calls())
    refused = story.run(refresh=False).report
    assert refused is not None
    assert (refused.exit_code, len(story.calls())) == (6, before)
    assert "Theirs altogether" in refused.results[0].detail
    assert changes(story, "drift") == [("trial.one.a", "update-variant", "conflict")]
    assert story.applied("drift") == [("PATCH", {"payload": said("what we want now")})]
    assert "Theirs altogether" in story.project.ok("state", "history", "-format", "json").out

    story.edit(9, **said("what both want"))
    steps["one"] = mail(9, "what both want")
    story.write(steps)
    assert changes(story) == [("trial.one.a", "record", "same-in-app")]
    assert story.applied() == []

    story.edit(3, subject="Theirs once more")
    assert story.applied("drift") == [("PATCH", {"payload": said("a third topic")})]


def _removed_and_put_back(story: Tale, steps: Steps) -> None:
    gone = steps.pop("middle")
    story.write(steps)
    assert changes(story) == [("trial.middle", "blocked", "step-removed")]
    story.write(steps, removed=["middle"])
    assert story.applied() == []
    steps["middle"] = gone
    story.write(steps)
    assert changes(story) == [("trial.middle", "adopt", "forgotten")]
    story.lose(4)
    assert [(method, body["absoluteDays"]) for method, body in story.applied()] == [("POST", 4)]

    story.lose(9)
    story.lose(5)
    assert [(row.address, row.kind.value) for row in story.drift()] == [
        ("trial.one", "gone"),
        ("trial.task", "gone"),
        ("trial.two", "gone"),
    ]
    assert changes(story) == []
    del steps["two"], steps["task"]
    story.write(steps)
    assert changes(story) == [("trial.task", "forget", "gone"), ("trial.two", "forget", "gone")]
    made = story.applied("drift")
    assert [(method, body["absoluteDays"]) for method, body in made] == [("POST", 9)]

    story.make({"type": 1, "absoluteDays": 12, "variants": [{"payload": said("made by hand")}]})
    assert [(row.address, row.kind.value) for row in story.drift()] == [("trial", "added")]
    steps["hand"] = mail(12, "made by hand")
    story.write(steps)
    assert changes(story) == [("trial.hand", "adopt", "found")]
    assert story.applied() == []


def _into_an_empty_folder(story: Tale, root: Path) -> None:
    elsewhere = root / "elsewhere"
    elsewhere.mkdir()
    account = story.there()
    again = Tale(story.project.__class__(elsewhere, story.box.url, settle_grace="0.2"), story.box)
    before = len(story.calls())
    again.project.ok("import", "-all")
    again.quiet()
    assert (len(story.calls()), story.there()) == (before, account)
