"""`seqsync drift`, `plan -refresh` and `apply -refresh` as commands: what they print, and how they end."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from refresh_story import Tale, tale
from support.project import Done

from sequence_sync.sandbox.faults import Fault, FaultKind, Switches
from sequence_sync.sandbox.server import Sandbox

STEPS = {
    "one": {"day": 1, "type": "email", "subject": "First", "content": "<p>The first mail</p>"},
    "call": {"day": 2, "type": "call_introduction", "task_note": "Ask about it"},
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tale]:
    """Applied once; each test leaves the account as it was."""
    with Sandbox(per_minute=0) as box:
        yield tale(tmp_path_factory.mktemp("refresh"), box, STEPS)


@pytest.fixture
def edited(story: Tale) -> Iterator[Tale]:
    """Change the email's text in Saleshandy, and restore it afterwards."""
    story.edit(1, subject="Theirs")
    yield story
    story.edit(1, subject="First")


def run(story: Tale, *arguments: str) -> Done:
    """A command; it makes no call that changes anything."""
    before = [row for row in story.box.store.log.entries() if row.method != "GET"]
    done = story.project.run(*arguments)
    assert [row for row in story.box.store.log.entries() if row.method != "GET"] == before
    return done


def test_nothing_differs(story: Tale) -> None:
    """0, in both formats, and a refreshed plan that says so."""
    done = run(story, "drift")
    assert (done.code, done.out.splitlines()[-1]) == (0, "No drift. Saleshandy matches the last apply.")
    report = json.loads(run(story, "drift", "-format", "json", "-quick").out)
    assert (report["complete"], report["drift"]) == (True, [])
    assert "no changes outside seqsync" in run(story, "plan", "-refresh", "-detailed-exitcode").out


def test_an_edit(edited: Tale) -> None:
    """Exit code 2 with both texts. The list of sequences alone does not show it, and no other sequence has drift."""
    done = run(edited, "drift")
    assert (done.code, "First" in done.out, "Theirs" in done.out) == (2, True, True)
    done = run(edited, "drift", "-format", "json")
    (row,) = json.loads(done.out)["drift"]
    assert (done.code, row["address"], row["kind"]) == (2, "trial.one.a", "changed")
    assert run(edited, "drift", "-quick").code == 0
    assert run(edited, "drift", "-target", "beside").code == 0
    assert run(edited, "drift", "-target", "trial.one").code in (0, 2)
    assert run(edited, "drift", "-target", "trial.o*.*").code == 2


def test_a_plan_with_drift_alone_has_no_changes(edited: Tale) -> None:
    """0 with -detailed-exitcode; with the gate there are changes."""
    done = run(edited, "plan", "-refresh", "-detailed-exitcode")
    assert (done.code, "trial.one.a: changed" in done.out) == (0, True)
    assert run(edited, "plan", "-refresh", "-detailed-exitcode", "-allow", "drift").code == 2
    done = run(edited, "apply", "-refresh", "-auto-approve")
    assert done.code == 0


def test_what_cannot_be_read_is_never_drift(edited: Tale) -> None:
    """One sequence that is edited, one that cannot be read: the error's code, and the report says it is not whole."""
    beside = next(row for row in edited.box.store.sequences() if row.title != "Trial")
    edited.box.switch(Switches(faults=(Fault(FaultKind.EMPTY_BODY, "GET", f"{beside.id}/steps", 0),)))
    try:
        done = run(edited, "drift", "-format", "json")
        report = json.loads(done.out)
        assert (done.code, report["complete"], len(report["drift"])) == (1, False, 1)
    finally:
        edited.box.switch(None)


def test_a_key_that_is_refused(story: Tale) -> None:
    """4, and nothing is said of drift."""
    story.box.switch(Switches(faults=(Fault(FaultKind.BAD_KEY, nth=0),)))
    try:
        for line in (("drift",), ("plan", "-refresh"), ("apply", "-refresh", "-auto-approve")):
            done = run(story, *line)
            assert (done.code, "No drift" in done.both) == (4, False)
    finally:
        story.box.switch(None)


def test_the_way_back_is_not_refreshed(story: Tale) -> None:
    """3, before anything is read."""
    done = run(story, "plan", "-to-serial", "1", "-refresh")
    assert (done.code, "Use either -to-serial or -refresh" in done.err) == (3, True)


def test_stopped_while_it_waits_for_the_second_reading(story: Tale) -> None:
    """130 at once, and nothing is said of what is gone."""
    account, settle_grace = story.there(), story.project.settle_grace
    story.lose(2)
    story.project.settle_grace = "600"
    try:
        process = story.project.start("drift")
        assert process.stderr is not None
        heard = next(line for line in process.stderr if "Reading it again" in line)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, "gone" in out, "trial" in heard) == (130, False, True)
    finally:
        story.project.settle_grace = settle_grace
        story.box.store.put(account)


def test_no_state_is_not_no_drift(story: Tale) -> None:
    """3: a nightly job that has lost its state must not stay green."""
    state = story.project.root / "seqsync.state.json"
    kept = {path: path.read_bytes() for path in story.project.root.glob("seqsync.state.json*")}
    for path in kept:
        path.unlink()
    try:
        done = run(story, "drift")
        assert (done.code, "No state yet" in done.err) == (3, True)
    finally:
        for path, data in kept.items():
            path.write_bytes(data)
    assert state.exists()
