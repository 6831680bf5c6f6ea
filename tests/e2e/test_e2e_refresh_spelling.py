"""No noise: whatever a server makes of the spelling, right after an apply nothing differs, and a real edit is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from refresh_servers import SERVERS, STRIPS, Mangle, Spelling
from support.build import call, desired, email
from support.refresh_bench import Trial, trial
from support.scenario import of_variant, words

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.plan.drift import payload_digest

OTHER = desired("other", "Other", steps={"call": call(2)})
ACUTE, QUOTE = "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{RIGHT SINGLE QUOTATION MARK}"
BODY = f"<p>Caf{ACUTE} &amp; you{QUOTE}re in,<br/>a <b>few</b> words</p>"
BODY += '<p>Here is the one <a href="https://a.example/?x=1&amp;y=2">link</a></p>'
LONG = email(1, "First & second", BODY, b="Another way of it")


def files(
    subject: str = "First & second", note: str = "Look first\nthen ask"
) -> tuple[DesiredSequence, DesiredSequence]:
    """One of each kind of thing that can come back otherwise."""
    first = of_variant("attachments")(words("subject")(LONG, subject), ("f1", "f2"))
    task = Content(
        type="linkedin_message",
        day=4,
        priority=Priority.HIGH,
        assignee="anna",
        variants={"a": Variant(payload={"message": "Hi there\nhow are you?"}, task_note=note)},
    )
    payload = {"title": "Look at it", "action": {"name": "Open", "url": "https://a.example/?x=1&y=2"}}
    custom = Content(type="custom", day=5, variants={"a": Variant(payload=payload)})
    bare = Content(type="custom", day=6, variants={"a": Variant(task_note="Nothing else")})
    return desired(steps={"one": first, "task": task, "custom": custom, "bare": bare, "call": call(7)}), OTHER


def begun(folder: Path, mangle: Mangle, lag: int = 0) -> Trial:
    """Applied, on such a server."""
    return trial(folder, *files(), account=Spelling(mangle=mangle, lag=lag))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_with_its_own_spelling(tmp_path: Path, name: str) -> None:
    """After the first apply, and after a change of words and note, nothing differs; then an edit does."""
    bench = begun(tmp_path, SERVERS[name])
    assert bench.look(*files()).known_drift == ()
    new = files("Something else & more", "Ask first")
    assert len(bench.sync(*new)) == 2
    assert bench.look(*new).known_drift == ()
    assert [note for note in bench.heard.notes if "other words" in note] == []
    edited(bench, subject="Theirs")
    assert [row.address for row in bench.look(*new).drift] == ["trial.one.a"]


def edited(bench: Trial, **payload: str) -> None:
    """Change the text of the first email in Saleshandy."""
    entry = bench.manager.state.sequences["trial"]
    step = bench.account.step(entry.steps["one"].id)
    row = replace(step.variants[0], payload={**step.variants[0].payload, **payload})
    bench.account.change(entry.id, step.id, lambda each: replace(each, variants=(row, *each.variants[1:])))


def test_a_server_that_makes_other_words_of_ours(tmp_path: Path) -> None:
    """It is reported once and recorded, until the text is changed in the file or in Saleshandy."""
    bench = begun(tmp_path, STRIPS)
    notes = [note for note in bench.heard.notes if "changed the words" in note]
    assert len(notes) in (1, 2)
    assert bench.manager.state.sequences["trial"].steps["one"].variants["a"].returned
    assert bench.look(*files()).known_drift == ()
    new = files("Something else & more")
    assert len(bench.sync(*new)) == 1
    assert bench.look(*new).known_drift == ()
    edited(bench, subject="Theirs")
    assert [row.address for row in bench.look(*new).drift] == ["trial.one.a"]


@pytest.mark.parametrize("lag", [1, 2, 3, 4])
@pytest.mark.parametrize("server", ["as it was sent", "wrapped"])
def test_an_old_text_is_never_taken_for_a_spelling(tmp_path: Path, server: str, lag: int) -> None:
    """Reads that lag behind show what was there before: who puts that back later is seen."""
    bench = begun(tmp_path, SERVERS[server], lag)
    bench.clock.sleep(60)
    bench.account.reads += 50
    plan = bench.look(*files("First & second, in other words"))
    assert bench.carry(plan).exit_code == 0
    bench.account.reads += 50
    new = files("First & second, in other words")
    assert bench.look(*new).known_drift == ()
    old = bench.account.step(bench.manager.state.sequences["trial"].steps["one"].id)
    known = bench.manager.state.sequences["trial"].steps["one"].variants["a"]
    before = {**old.variants[0].payload, "subject": "First & second"}
    assert known.returned != payload_digest(before)
    edited(bench, subject="First & second")
    assert [row.address for row in bench.look(*new).drift] == ["trial.one.a"]
