"""The page: what a person sees, and that nothing which was sent can run."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.sandbox import bodies, page
from sequence_sync.sandbox.store import Store

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    '</iframe><script>alert(1)</script><iframe srcdoc="',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&quot; onload=&quot;alert(1)",
    "</title></style><base href=//evil.example>",
    "javascript:alert(1)",
    "$csp ${content} $$",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
]
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "details",
    "summary",
    "span",
    "small",
    "b",
    "code",
    "ol",
    "li",
    "div",
    "section",
    "iframe",
    "blockquote",
}
ATTRIBUTES = {
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "class",
    "open",
    "sandbox",
    "loading",
    "title",
    "srcdoc",
}


class Seen(HTMLParser):
    """Collects elements and text of a page as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(title: str) -> Seen:
    """The page of one sequence whose every text is the given one."""
    store = Store()
    sequence = store.create_sequence(bodies.NewSequence(title, None, None))
    contents = [
        (1, {"payload": {"subject": title, "content": title, "preheader": title}}),
        (2, {"payload": {"connectionNote": title}, "taskNote": title}),
        (4, {"payload": {"subject": title, "message": title}}),
        (9, {"payload": {"title": title, "action": {"name": title, "url": title}}}),
    ]
    for code, variant in contents:
        store.create_step(sequence.id, bodies.new_step({"type": code, "absoluteDays": code, "variants": [variant]}))
    return Seen(page.render(store.sequences(), store.account))


def assert_harmless(seen: Seen, text: str) -> None:
    """Only our own elements and attributes, frames that may do nothing, and the text shown as text."""
    assert {tag for tag, _ in seen.elements} <= TAGS
    assert {name for _, attributes in seen.elements for name in attributes} <= ATTRIBUTES
    frames = [attributes for tag, attributes in seen.elements if tag == "iframe"]
    assert len(frames) == 1
    assert frames[0]["sandbox"] == ""
    inside = frames[0]["srcdoc"] or ""
    assert inside.index("Content-Security-Policy") < inside.index("<body>")
    assert inside.count(text) >= 1
    assert text in seen.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text):
    """Markup in a title, subject, preheader, note, message, link or body adds no element and no attribute."""
    assert_harmless(shown(text), text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_no_text_breaks_the_page(text):
    """Whatever is sent, the page holds only its own elements."""
    assert_harmless(shown(text), text)


def test_page_is_served_with_a_strict_policy(api):
    """No script, no loads, no framing and no sniffing; the policy also stands in the page and in the frame."""
    api.step(api.sequence("Onboarding"))
    answer = httpx.get(f"{api.box.root}/")
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"script-src|https?:|\*", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", answer.text.replace("srcdoc=", ""))
    assert "Onboarding" in answer.text


def test_page_shows_the_sequence_as_a_timeline(api):
    """Day, wait, channel, subject, versions side by side, who sends, and whether it is active."""
    sequence = api.sequence("Trial")
    variants = [{"payload": {"subject": f"Subject {one}", "content": "<b>Hi</b>"}} for one in "AB"]
    step = api.step(sequence, 1, variants=variants)
    api.step(sequence, 4, kind=2, payload={"connectionNote": "Shall we connect?"})
    api.step(sequence, 4, kind=11)
    path = f"/sequences/{sequence}/steps/{step['id']}/variants/{step['variants'][1]['id']}"
    api.patch(path, {"status": 0})
    api.post("/sequences/status", {"sequenceIds": [sequence], "status": "resume"})
    text = Seen(httpx.get(f"{api.box.root}/").text).text
    words = [
        "Trial",
        "Active",
        "3 steps, 4 days",
        "anna@example.com",
        "Day 1",
        "Subject A",
        "Subject B",
        "Inactive",
        "Day 4",
        "3 days later",
        "LinkedIn",
        "Shall we connect?",
        "the same day",
        "Call",
    ]
    places = [text.index(word) for word in words]
    assert sorted(places[4:11]) == places[4:11]


def test_empty_page_says_what_to_do():
    """A fresh sandbox tells what it is and how to fill it."""
    text = Seen(page.render([], Store().account)).text
    assert "stand-in" in text
    assert "seqsync apply" in text


def test_only_the_newest_sequences_are_unfolded():
    """With many sequences the newest stand first and open, the others folded."""
    store = Store()
    for number in range(8):
        store.create_sequence(bodies.NewSequence(f"Number {number}", None, None))
    seen = Seen(page.render(store.sequences(), store.account))
    assert ["open" in attributes for tag, attributes in seen.elements if tag == "details"] == [True] * 5 + [False] * 3
    assert seen.text.index("Number 7") < seen.text.index("Number 0")


def test_page_suits_dark_and_narrow_screens():
    """The page follows the colour scheme and the width of the screen."""
    text = page.render([], Store().account)
    assert "prefers-color-scheme: dark" in text
    assert "max-width: 40rem" in text
    assert 'name="viewport"' in text
