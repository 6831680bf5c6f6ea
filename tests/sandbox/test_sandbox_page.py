"""The sandbox page: what a person sees, and that no text of a user can run."""

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


class PageReader(HTMLParser):
    """Collects elements and text of a page, like a browser."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(title: str) -> PageReader:
    """Return the page of one sequence in which every text is `text`."""
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
    return PageReader(page.render(store.sequences(), store.account))


def assert_harmless(seen: PageReader, text: str) -> None:
    """Only our own elements and attributes, sandboxed frames, and the text shown as text."""
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
def test_markup_in_a_text_adds_no_element(text):
    assert_harmless(shown(text), text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_no_text_breaks_out_of_its_element(text):
    assert_harmless(shown(text), text)


def test_the_page_has_a_strict_content_policy(api):
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


def test_the_page_shows_a_sequence_as_a_timeline(api):
    sequence = api.sequence("Trial")
    variants = [{"payload": {"subject": f"Subject {one}", "content": "<b>Hi</b>"}} for one in "AB"]
    step = api.step(sequence, 1, variants=variants)
    api.step(sequence, 4, kind=2, payload={"connectionNote": "Shall we connect?"})
    api.step(sequence, 4, kind=11)
    path = f"/sequences/{sequence}/steps/{step['id']}/variants/{step['variants'][1]['id']}"
    api.patch(path, {"status": 0})
    api.post("/sequences/status", {"sequenceIds": [sequence], "status": "resume"})
    text = PageReader(httpx.get(f"{api.box.root}/").text).text
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


def test_an_empty_page_says_what_to_do():
    text = PageReader(page.render([], Store().account)).text
    assert "stand-in" in text
    assert "seqsync apply" in text


def test_only_the_newest_sequences_are_open():
    store = Store()
    for number in range(8):
        store.create_sequence(bodies.NewSequence(f"Number {number}", None, None))
    seen = PageReader(page.render(store.sequences(), store.account))
    assert ["open" in attributes for tag, attributes in seen.elements if tag == "details"] == [True] * 5 + [False] * 3
    assert seen.text.index("Number 7") < seen.text.index("Number 0")


def test_the_page_has_styles_for_dark_and_narrow_screens():
    text = page.render([], Store().account)
    assert "prefers-color-scheme: dark" in text
    assert "max-width: 40rem" in text
    assert 'name="viewport"' in text
