"""Changes of steps that are there, over real HTTP: the minimal calls, and then quiet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from updates_story import Story, begun, email, first, message, variants

from sequence_sync.errors import InvalidFilesError
from sequence_sync.model.report import Status
from sequence_sync.plan.model import Reason
from sequence_sync.sandbox.bodies import Content, Placing, VariantChange
from sequence_sync.sandbox.faults import Days, Switches
from sequence_sync.sandbox.server import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def story(tmp_path: Path, box: Sandbox) -> Story:
    """The first steps, applied."""
    return begun(tmp_path, box)


def edit_in_app(story: Story, step: str, **payload: str) -> None:
    """Change the first variant of a step in Saleshandy."""
    known, row = story.state(), story.variants_of(step)[0]
    change = VariantChange(None, None, Content({**row.payload, **payload}), Placing())
    story.box.store.change_variant(known.id, known.steps[step].id, row.id, change)


def test_rewording_is_one_patch_with_the_whole_payload(story: Story) -> None:
    """Only the variant that changed is sent, and what is taken out is sent empty."""
    steps = first()
    steps["two"] = email(3, "quite another matter now")
    story.write(steps)
    payload = {
        "subject": "About quite another matter now",
        "content": "<p>Some words: quite another matter now</p>",
        "preheader": "",
    }
    assert story.applied() == [("PATCH", {"payload": payload})]


def test_notes_and_priorities_are_sent_only_when_they_change(story: Story) -> None:
    """A note is a change of the variant, a priority one of the step; both carry the payload."""
    steps = first()
    steps["task"] = message(4, "A message on the side")
    story.write(steps)
    said = {"payload": {"message": "A message on the side"}}
    assert story.applied() == [("PATCH", {**said, "priority": 3}), ("PATCH", {**said, "taskNote": ""})]


def test_markup_alone_is_sent(story: Story) -> None:
    """Making a word bold is a change of the file, although the words stay the same."""
    steps = first()
    steps["one"]["content"] = "<p>Some <b>words</b>: the first thing</p>"
    story.write(steps)
    ((method, body),) = story.applied()
    assert (method, body["payload"]["content"]) == ("PATCH", steps["one"]["content"])


def test_a_step_goes_to_a_free_day(story: Story) -> None:
    """One PATCH for each variant, the first one first."""
    steps = first()
    steps["three"]["day"] = 9
    story.write(steps)
    made = story.applied()
    assert [body["absoluteDays"] for _, body in made] == [9, 9]
    assert [body["payload"]["subject"] for _, body in made] == ["About a third topic", "About its other form"]


def test_two_emails_change_places(story: Story) -> None:
    """One of them waits on a free day; three PATCHes and no create."""
    steps = first()
    steps["one"]["day"], steps["two"]["day"] = 3, 1
    story.write(steps)
    assert [(method, body["absoluteDays"]) for method, body in story.applied()] == [
        ("PATCH", 8),
        ("PATCH", 1),
        ("PATCH", 3),
    ]
    assert [day for day, words in story.days() if "first thing" in words] == [3]


def test_three_emails_rotate_and_all_shift(story: Story) -> None:
    """A rotation waits once; a shift never does, whatever its direction."""
    steps = first()
    steps["one"]["day"], steps["two"]["day"], steps["three"]["day"] = 3, 7, 1
    story.write(steps)
    assert len(story.applied()) == 5
    steps["one"]["day"], steps["two"]["day"], steps["three"]["day"] = 7, 11, 3
    story.write(steps)
    assert [body["absoluteDays"] for _, body in story.applied()] == [11, 7, 3, 3]
    steps["one"]["day"], steps["two"]["day"], steps["three"]["day"] = 3, 7, 1
    story.write(steps)
    assert [body["absoluteDays"] for _, body in story.applied()] == [1, 1, 3, 7]


def test_a_step_in_the_middle_is_one_create(story: Story) -> None:
    """An insert touches no other step; where it takes a day that another leaves, that one goes first."""
    steps = first()
    steps["between"] = email(2, "something in between")
    story.write(steps)
    assert [method for method, _ in story.applied()] == ["POST"]
    steps["one"]["day"] = 12
    steps["new"] = email(1, "a new beginning")
    story.write(steps)
    assert [(method, body["absoluteDays"]) for method, body in story.applied()] == [("PATCH", 12), ("POST", 1)]


def test_variants_are_added_dropped_with_a_gate_and_switched_on_again(story: Story) -> None:
    """Two more, then one off (which needs its gate), then on again."""
    steps = first()
    steps["two"] = variants(3, a="quite another matter", b="a second way", c="a third way")
    steps["two"]["variants"]["a"] = {k: v for k, v in first()["two"].items() if k not in ("day", "type")}
    story.write(steps)
    assert [(method, body["type"]) for method, body in story.applied()] == [("POST", 1), ("POST", 1)]
    dropped = steps["two"]["variants"].pop("b")
    story.write(steps)
    assert "-allow destructive" in story.refused()
    assert story.applied("destructive") == [("PATCH", {"status": 0})]
    assert [row.status for row in story.variants_of("two")] == [1, 0, 1]
    steps["two"]["variants"]["b"] = dropped
    story.write(steps)
    ((_, body),) = story.applied()
    assert body == {"payload": {"subject": "About a second way", "content": "<p>a second way</p>"}, "status": 1}


def test_a_removed_step_is_switched_off_where_the_policy_says_so(story: Story) -> None:
    """Blocked by default; with the policy every variant goes off, and comes back with the step."""
    steps = first()
    three = steps.pop("three")
    story.write(steps)
    assert [change.reason for change in story.plan().changes] == [Reason.STEP_REMOVED]
    story.write(steps, "version: 1\npolicy: {removed_steps: deactivate}\n")
    assert story.applied("destructive") == [("PATCH", {"status": 0})] * 2
    steps["three"] = three
    story.write(steps)
    assert [body["status"] for _, body in story.applied()] == [1, 1]
    del steps["three"]
    story.write(steps, removed=["three"])
    assert story.applied() == []


def test_an_edit_outside_seqsync_is_not_overwritten(story: Story) -> None:
    """The sequence is refused with both texts, nothing is sent; `-allow drift` overwrites."""
    edit_in_app(story, "one", subject="Edited in the app")
    steps = first()
    steps["one"]["subject"] = "Edited in the file"
    story.write(steps)
    message = story.refused()
    assert "Edited in the app" in message
    assert "About the first thing" in message
    assert len(story.applied("drift")) == 1
    assert story.variants_of("one")[0].payload["subject"] == "Edited in the file"


def test_a_text_that_saleshandy_has_already_is_only_recorded(story: Story) -> None:
    """The same edit was made by hand: no call is made."""
    edit_in_app(story, "one", subject="The same edit")
    steps = first()
    steps["one"]["subject"] = "The same edit"
    story.write(steps)
    before = len(story.writes())
    report = story.run()
    assert report is not None
    assert [row.status for row in report.results] == [Status.RECORDED]
    assert (len(story.writes()), story.plan().changes) == (before, ())


@pytest.mark.parametrize(
    "behaviour", [Switches(rewrap_html=True), Switches(bare=True), Switches(task_notes=False)], ids=str
)
def test_servers_that_answer_otherwise_are_no_drift(tmp_path: Path, box: Sandbox, behaviour: Switches) -> None:
    """HTML in another spelling, answers without variants' ids or notes: the next change goes through."""
    story = begun(tmp_path, box, behaviour)
    for words in ("other – words", "yet other words"):
        steps = first()
        steps["one"]["content"] = f"<p>It’s about<br/>{words}</p>"
        steps["task"]["task_note"] = words
        story.write(steps)
        assert [method for method, _ in story.applied()] == ["PATCH", "PATCH"]


def test_no_email_is_parked_if_days_cannot_be_read(tmp_path: Path, box: Sandbox) -> None:
    """If reads contain no days, a swap is refused before anything is sent. It is blocked if the settings say so."""
    story = begun(tmp_path, box, Switches(days=Days.RELATIVE))
    steps = first()
    steps["one"]["day"], steps["two"]["day"] = 3, 1
    story.write(steps)
    assert "read-day" in story.refused()
    story.write(steps, "version: 1\ncapabilities: {read-day: false}\n")
    assert [change.reason for change in story.plan().changes] == [Reason.DAY_HELD] * 2
    assert all("swap days" in change.advice for change in story.plan().changes)


def test_a_claim_that_is_switched_off_blocks_with_what_to_click(story: Story) -> None:
    """The setting of an environment overrides that of the project."""
    steps = first()
    steps["one"]["day"] = 12
    story.write(steps, "version: 1\ncapabilities: {update-day: false}\n")
    (change,) = story.plan().changes
    assert "Change it in Saleshandy by hand" in change.advice
    own = "version: 1\ncapabilities: {update-day: false}\nenvironments: {default: {capabilities: {update-day: true}}}\n"
    story.write(steps, own)
    assert len(story.applied()) == 1
    story.write(steps, "version: 1\ncapabilities: {update-dya: false}\n")
    with pytest.raises(InvalidFilesError) as refused:
        story.plan()
    assert "update-day" in refused.value.diagnostics[0].summary
