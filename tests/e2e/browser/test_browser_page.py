"""The review page in Chromium: light, dark, on a phone, by keyboard, and when it is large."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys
from support.chromium import Chromium
from support.pages import showcase
from support.plans import create, create_whole, email, hostile, plan_of, task

from sequence_sync.plan.model import Plan, PlannedSequence
from sequence_sync.render.html.page import plan_html

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def without_spaces() -> Plan:
    """Return names and texts of the longest length, without a place to break a line."""
    key, word = "k" * 63, "W" * 900
    steps = {key: email(999, word, f"<p>{word}</p>", preheader=word), "task": task("call_demo", 2, word)}
    known = PlannedSequence(key=key, title=word, remote_id=word, active=True)
    return plan_of(*create_whole(key, word, steps), sequences={key: known}, notes=(word,), api_host=f"{word}.example")


PAGES = {"showcase": showcase, "hostile": hostile, "without-spaces": without_spaces}

# Every visible text: its color against the first background behind it that is not see-through (WCAG 2, 1.4.3).
FAINT = """
const parts = color => (color.match(/[\\d.]+/g) || []).map(Number);
const light = color => parts(color).slice(0, 3).map(x => x / 255)
  .map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4)
  .reduce((sum, x, i) => sum + x * [.2126, .7152, .0722][i], 0);
const behind = node => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor, alpha = parts(color)[3];
    if (alpha === undefined || alpha === 1) return color;
  }
  return "rgb(255, 255, 255)";
};
const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
while (walker.nextNode()) {
  const owner = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !owner.getClientRects().length) continue;
  const [a, b] = [light(getComputedStyle(owner).color), light(behind(owner))].sort((x, y) => y - x);
  const contrast = (a + .05) / (b + .05);
  seen++;
  if (contrast < 4.5) faint.push(contrast.toFixed(2) + " " + owner.className + ": " + walker.currentNode.data.trim());
}
return [seen, faint, light(getComputedStyle(document.documentElement).backgroundColor)];
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_enough_contrast_in_light_and_dark_mode(browser: Chromium, dark: bool) -> None:
    browser.open(plan_html(showcase()), dark=dark)
    seen, faint, page = browser.run(FAINT)
    assert seen > 100
    assert faint == []
    assert page < 0.1 if dark else page > 0.8


@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_a_phone(browser: Chromium, name: str) -> None:
    """At 360 pixels, with everything open, it scrolls only vertically."""
    browser.open(plan_html(PAGES[name]()), width=360)
    browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
    wide = "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > 361)"
    assert browser.run(f"return {wide}.map(e => e.tagName + '.' + e.className)") == []
    assert browser.run("return document.documentElement.scrollWidth") == 360


def test_emails_before_and_after_are_side_by_side(browser: Chromium) -> None:
    browser.open(plan_html(showcase()))
    before, after, _ = (text for text in browser.texts_of_frames() if "hiring three SDRs" in text)
    assert "Hi {{firstName}}," in before
    assert "Most teams your size lose a day a week" in before
    assert "lose six hours a week" in after
    assert "Image “Acme team”, not loaded: https://cdn.acme.example/team.png" in after
    boxes = browser.run(
        "return [...document.querySelectorAll('iframe[title*=\"trial.intro.a\"]')]"
        ".map(e => e.getBoundingClientRect()).map(r => [r.left, r.right])"
    )
    assert boxes[0][1] <= boxes[1][0]


def test_the_page_works_by_keyboard(browser: Chromium) -> None:
    """The first Tab skips to the changes, and Enter closes a change."""
    browser.open(plan_html(showcase()))
    browser.press(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    browser.press(Keys.ENTER, Keys.TAB)
    assert browser.run("return [location.hash, !!document.activeElement.closest('#changes')]") == ["#changes", True]
    browser.run("document.querySelector('.change > summary').focus()")
    browser.press(Keys.ENTER)
    assert browser.run("return document.querySelector('.change > summary').parentElement.open") is False


def test_a_large_page_creates_frames_only_for_open_changes(browser: Chromium) -> None:
    steps = [create(f"s{n // 20}.e{n}", email(n % 20 + 1, f"Subject {n}", f"<p>Body {n}</p>")) for n in range(400)]
    browser.open(plan_html(plan_of(*steps)))
    assert browser.run("return document.querySelectorAll('iframe').length") == 0
    browser.run("location.hash = 's7c3'; document.querySelector('#s7c3 > summary').scrollIntoView()")
    browser.run("if (!document.querySelector('#s7c3').open) document.querySelector('#s7c3 > summary').click()")
    assert browser.texts_of_frames() == ["Body 143"]


def test_a_printed_page_shows_folded_text(browser: Chromium) -> None:
    browser.open(plan_html(showcase()))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    folded = "document.querySelector('details:not([open]) li code')"
    assert browser.run(f"return {folded}.getBoundingClientRect().height") > 0
