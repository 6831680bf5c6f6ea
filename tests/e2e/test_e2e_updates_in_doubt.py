"""Answers that are lost, kills, and late arrivals while steps are changed: it converges, and nothing is doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support import killed
from updates_story import Story, begun, email, first, variants

from sequence_sync.model.report import Event, Status
from sequence_sync.sandbox.bodies import Content, Placing, VariantChange
from sequence_sync.sandbox.faults import Fault, FaultKind, Switches
from sequence_sync.sandbox.server import Sandbox

BEFORE = [FaultKind.DROP_BEFORE, FaultKind.ERROR_500_BEFORE, FaultKind.RATE_LIMIT_429_SECONDS]
AFTER = [FaultKind.DROP_AFTER, FaultKind.ERROR_500_AFTER, FaultKind.TRUNCATED_JSON, FaultKind.EMPTY_BODY]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def story(tmp_path: Path, box: Sandbox) -> Story:
    """The first steps, applied."""
    return begun(tmp_path, box)


@dataclass
class RecordingObserver:
    """Does something when an outcome is in doubt."""

    then: Callable[[], object]

    def on_event(self, event: Event) -> None:
        """Take note."""
        if event.kind == "in-doubt":
            self.then()


@dataclass
class Hearing:
    """Collect the kinds of the reported events, in order."""

    kinds: list[str] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Take note."""
        self.kinds.append(event.kind)


def swapped(story: Story) -> None:
    """The file lets two emails change places."""
    steps = first()
    steps["one"]["day"], steps["two"]["day"] = 3, 1
    story.write(steps)


def quiet(story: Story) -> bool:
    """Nothing is left to do."""
    return story.plan().changes == ()


@pytest.mark.parametrize("kind", [*BEFORE, *AFTER])
def test_a_patch_without_an_answer_is_read_back_and_repeated(story: Story, kind: FaultKind) -> None:
    """Sent again only where reading shows that it did not arrive; always with the same body."""
    steps = first()
    steps["one"] = email(1, "words that were changed")
    story.write(steps)
    story.box.switch(Switches(faults=(Fault(kind, "PATCH", seconds=0.1),)))
    before = len(story.box.store.log.entries())
    report = story.run()
    assert report is not None
    assert [row.status for row in report.results] == [Status.DONE]
    sent = [row.body for row in story.box.store.log.entries()[before:] if row.method == "PATCH"]
    assert (len(sent), len(set(sent))) == (1 if kind in AFTER else 2, 1)
    assert quiet(story)


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR_500_AFTER])
def test_a_new_variant_without_an_answer_is_made_once(story: Story, kind: FaultKind) -> None:
    """A lost answer to a new variant never makes a second one."""
    steps = first()
    steps["three"] = variants(7, a="a third topic", b="its other form", c="one more form")
    story.write(steps)
    story.box.switch(Switches(faults=(Fault(kind, "POST", "/variants"),)))
    report = story.run()
    assert report is not None
    assert report.exit_code == 0, report
    assert len(story.variants_of("three")) == 3
    assert quiet(story)


@pytest.mark.parametrize("point", ["before-send", "after-send", "after-record"])
@pytest.mark.parametrize("count", [3, 6])
def test_killed_in_the_middle_of_a_swap(story: Story, point: str, count: int) -> None:
    """SIGKILL while two emails change places: the next run goes on, and every email is there once, on its day."""
    swapped(story)
    done = subprocess.run(
        [sys.executable, killed.__file__, "SIGKILL", point, str(count), "apply", "-auto-approve"],
        cwd=story.project.root,
        env=story.project.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    report = story.run()
    assert report is None or report.exit_code == 0, report
    assert quiet(story)
    emails = [(day, words) for day, words in story.days() if "Some words" in words]
    assert emails == [(1, "<p>Some words: quite another matter</p>"), (3, "<p>Some words: the first thing</p>")]
    assert len(story.days()) == 4
    assert [row.status for row in story.box.store.log.entries() if (row.status or 0) >= 400] == []


def test_an_edit_while_an_answer_is_lost_is_asked_about(story: Story) -> None:
    """Neither what was there nor what was sent: a person looks, and the next run refuses to overwrite."""
    steps = first()
    steps["one"] = email(1, "words that were changed")
    story.write(steps)
    known = story.state()
    (row,) = story.variants_of("one")
    story.box.switch(Switches(faults=(Fault(FaultKind.DROP_BEFORE, "PATCH"),)))
    edited = VariantChange(None, None, Content({**row.payload, "subject": "Edited meanwhile"}), Placing())
    play = RecordingObserver(lambda: story.box.store.change_variant(known.id, known.steps["one"].id, row.id, edited))
    report = story.run(observer=play)
    assert report is not None
    assert report.exit_code == 9, report
    assert "Edited meanwhile" in story.refused()


def test_another_patch_waits_until_the_one_given_up_cannot_arrive(story: Story) -> None:
    """A repeated change of day may arrive late. The new text is sent only after the settle grace."""
    steps = first()
    steps["one"] = email(9, "words that were changed")
    story.write(steps)
    story.box.switch(Switches(faults=(Fault(FaultKind.DROP_BEFORE, "PATCH"),)))
    story.project.settle_grace = "2"
    heard = Hearing()
    report = story.run(observer=heard)
    assert report is not None
    assert report.exit_code == 0, report
    kinds = [kind for kind in heard.kinds if kind in ("sending", "in-doubt", "wait")]
    assert kinds == ["sending", "in-doubt", "wait", "sending", "wait", "sending"]
    assert quiet(story)


@pytest.mark.parametrize("answer", ["-adopt", "-recreate"])
def test_a_new_variant_like_another_needs_a_decision(story: Story, answer: str) -> None:
    """Another variant appeared while the answer was lost: a person decides which one is the new variant."""
    steps = first()
    steps["three"] = variants(7, a="a third topic", b="its other form", c="one more form")
    story.write(steps)
    known = story.state()
    made: list[str] = []
    other = VariantChange(1, None, Content({"subject": "Else", "content": "<p>Something else</p>"}), Placing())
    story.box.switch(Switches(faults=(Fault(FaultKind.DROP_BEFORE, "POST", "/variants"),)))
    play = RecordingObserver(
        lambda: made.append(story.box.store.add_variant(known.id, known.steps["three"].id, other).id)
    )
    report = story.run(observer=play)
    assert report is not None
    assert report.exit_code == 9
    assert f"state resolve trial.three.c -adopt {made[0]}" in report.results[0].hint
    story.project.ok("state", "resolve", "trial.three.c", answer, *(made if answer == "-adopt" else ()))
    again = story.run()
    assert again is None or again.exit_code == 0, again
    assert quiet(story)
    assert len(story.variants_of("three")) == (3 if answer == "-adopt" else 4)


def test_a_saved_plan_goes_on_in_the_middle_of_a_swap(story: Story) -> None:
    """An apply of the reviewed plan continues where its run was interrupted, and finishes it."""
    swapped(story)
    story.project.ok("plan", "-out", "swap.plan")
    done = subprocess.run(
        [sys.executable, killed.__file__, "SIGKILL", "after-send", "5", "apply", "swap.plan"],
        cwd=story.project.root,
        env=story.project.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    story.project.ok("apply", "swap.plan")
    assert "already" in story.project.ok("apply", "swap.plan").out
    assert quiet(story)
