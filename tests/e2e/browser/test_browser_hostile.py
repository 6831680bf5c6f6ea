"""Hostile texts in Chromium: nothing runs, nothing is loaded, nothing navigates."""

from __future__ import annotations

from collections.abc import Sequence
from time import sleep

import pytest
from support.chromium import Chromium
from support.plans import create, create_whole, email, plan_of, task, update
from support.traps import HOSTILE, SCRIPT, Trap

from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.model import (
    Action,
    Change,
    Drift,
    DriftKind,
    FieldChange,
    Gate,
    Plan,
    PlannedSequence,
    Reason,
)
from sequence_sync.render.html.page import OPEN_AT_MOST, plan_html
from sequence_sync.sandbox import bodies, page
from sequence_sync.sandbox.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# For what would come late: a prefetch, a refresh, a dialog.
SETTLE = 0.3
PARTS = [HOSTILE[place::3] for place in range(3)]


def plan_in_every_place(texts: Sequence[str], evil: str) -> Plan:
    """Return a plan with each of `texts` as body, subject and preheader, and `evil` in every other text."""
    news = create_whole(
        "evil", evil, {f"s{n}": email(n + 1, text, text, preheader=text) for n, text in enumerate(texts)}
    )
    before, after = email(1, "mild", "<p>mild</p>"), email(1, evil, evil)
    fields = (
        FieldChange(field="variants.a.payload.content", before="<p>mild</p>", after=evil, app=evil),
        FieldChange(field=f"variants.a.payload.{evil}", before=evil, after=None, app=evil),
    )
    row = Variant(payload={"message": evil}, task_note=evil, attachments=(evil,))
    return plan_of(
        *news,
        update(f"evil.{evil[:60].replace('.', ' ')}.a", before, after, *fields, remote_id=evil),
        create("evil.note", Content(type="linkedin_message", day=2, assignee=evil, variants={"a": row}), evil),
        create("evil.custom", task("custom", 3, evil, title=evil, action={"name": evil, "url": evil})),
        Change(
            address="evil.blocked",
            action=Action.BLOCKED,
            reason=Reason.NEW,
            advice=evil,
            before=before,
            after=after,
            fields=fields,
            source=evil,
            wanted=Action.UPDATE_VARIANT,
        ),
        sequences={"evil": PlannedSequence(key="evil", title=evil, remote_id=evil, files=(evil,), active=True)},
        gates=(Gate(name=evil, allowed=False, detail=evil), Gate(name=evil, allowed=True, detail=evil)),
        notes=(evil,),
        environment=evil,
        api_host=evil,
        refreshed=True,
        drift=(Drift(address=f"evil.{evil}", kind=DriftKind.CHANGED, remote_id=evil, detail=evil, fields=fields),),
    )


def everywhere(a_trap: Trap, texts: Sequence[str]) -> str:
    """Return the page of a plan with hostile text in every place."""
    armed = [a_trap.armed(text) for text in texts]
    return plan_html(plan_in_every_place(armed, "".join(armed[:3]) + a_trap.armed(f'"></iframe></style>{SCRIPT}')))


def assert_nothing_happened(browser: Chromium, address: str, title: str) -> None:
    """No script ran, no dialog or window opened, and the page is still the same."""
    sleep(SETTLE)
    assert not browser.has_dialog()
    assert browser.run("return [typeof window.pwned, document.title]") == ["undefined", title]
    assert browser.driver.current_url.split("#")[0] == address
    assert len(browser.driver.window_handles) == 1
    assert [row for row in browser.console() if "pwned" in row and "Content Security Policy" not in row] == []


@pytest.mark.parametrize("texts", PARTS, ids=["first", "second", "third"])
def test_no_text_of_a_user_runs_or_loads_anything(browser: Chromium, a_trap: Trap, texts: Sequence[str]) -> None:
    """Every change open, every link and button in the emails clicked: no connection is made."""
    text = everywhere(a_trap, texts)
    assert "<script>" not in text
    address = browser.open(text)
    title = browser.run("return document.title")
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert_nothing_happened(browser, address, title)
    assert browser.click_everything_in_frames() > 0
    assert_nothing_happened(browser, address, title)
    assert a_trap.seen == []


def test_the_script_of_a_large_page_allows_no_other_script(browser: Chromium, a_trap: Trap) -> None:
    text = everywhere(a_trap, HOSTILE)
    assert text.count("<script>") == 1
    address = browser.open(text)
    title = browser.run("return document.title")
    assert browser.run("return document.querySelectorAll('iframe').length") == 0
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert_nothing_happened(browser, address, title)
    assert browser.run("return document.querySelectorAll('iframe').length") >= len(HOSTILE) > OPEN_AT_MOST
    assert a_trap.seen == []


def test_without_the_defenses_these_texts_do_harm(browser: Chromium, a_trap: Trap) -> None:
    """Otherwise the tests above would prove nothing."""
    harmful = [a_trap.armed(text).replace("alert('pwned')", "0") for text in (HOSTILE[0], *HOSTILE[28:31])]
    browser.open("<!doctype html><title>bare</title>" + "".join(harmful))
    sleep(SETTLE)
    assert browser.run("return [window.pwned, document.title]") == [1, "pwned"]
    assert any("pwned" in row for row in browser.console())
    asked = {row.split()[1] for row in a_trap.seen if row}
    assert {"/canary", "/css", "/import", "/background"} <= asked


def test_the_sandbox_page_runs_and_loads_nothing(browser: Chromium, a_trap: Trap) -> None:
    """A connection without a request is not checked."""
    store = Store()
    # Of a page in whose frames it refuses other frames Chromium now and then never says that it is loaded.
    texts = [a_trap.armed(text) for text in HOSTILE if "<iframe" not in text and "<object" not in text]
    sequence = store.create_sequence(bodies.NewSequence(texts[0][:100], None, None))
    for day, text in enumerate(texts, start=1):
        mail = {"payload": {"subject": text, "content": text, "preheader": text}}
        store.create_step(sequence.id, bodies.new_step({"type": 1, "absoluteDays": day, "variants": [mail]}))
    address = browser.open(page.render(store.sequences(), store.account))
    assert_nothing_happened(browser, address, "seqsync sandbox")
    assert [row for row in a_trap.seen if row] == []
