"""What counts as the same text after a server has had it, and what never does."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sequence_sync.plan.compare import (
    canonical_html,
    canonical_payload,
    canonical_text,
    has_text,
    same_payload,
    shared_words,
)

SEED = (
    "<p>Hi {{firstName}},</p><p>Hope you're doing well — wanted to reach out about {{companyName}}.</p>"
    "<p>Best,<br/>Vatsal</p>"
)


@pytest.mark.parametrize(
    "rewritten",
    [
        SEED + "<br>",
        SEED + "\n<p><br></p>\n<p>&nbsp;</p>",
        SEED.replace("<br/>", "<br>"),
        SEED.replace("<br/>", "<BR CLASS='x' />"),
        SEED.replace("<p>", '<div style="margin: 0">').replace("</p>", "</div>"),
        SEED.replace("'", "&#39;").replace("—", "&mdash;"),
        SEED.replace("'", "&apos;").replace("—", "&#8212;"),
        SEED.replace("</p><p>", "</p>\r\n\r\n  <p>"),
        SEED.replace("</p><p>", "<br><br>"),
        SEED.replace("<p>", "").replace("</p>", "<br>"),
        SEED.replace("doing well", "doing\n      well"),
        SEED.replace("doing well", "doing&nbsp;well"),
        SEED.replace("Vatsal", "<b>Vatsal</b>"),
        SEED.replace("Vatsal", "Vat<span>sal</span>"),
        f"<html><head><title>x</title><style>p {{color: red}}</style></head><body>{SEED}</body></html>",
        f"<html><head><meta charset=utf-8><body>{SEED}",
        f"<!-- saved --><!--[if mso]><p>old</p><![endif]-->{SEED}<![endif]>",
        SEED.replace("Hi", "\ufeffHi\u200b"),
    ],
)
def test_a_rewritten_text_is_the_same(rewritten: str) -> None:
    """Tags, entities, whitespace and ways to break a line may change."""
    assert canonical_html(rewritten) == canonical_html(SEED)


@pytest.mark.parametrize(
    "changed",
    [
        SEED.replace("Hope", "hope"),
        SEED.replace("well", "fine"),
        SEED.replace("you're", "youre"),
        SEED.replace("{{firstName}}", "{{First Name}}"),
        SEED.replace("{{firstName}}", "{{firstName|'there'}}"),
        SEED.replace("<br/>", " "),
        SEED.replace("doing well", "doing<br>well"),
        SEED.replace("doing well", "doingwell"),
        SEED.replace("<p>Best,<br/>Vatsal</p>", ""),
        SEED.replace("Vatsal", '<a href="https://example.com">Vatsal</a>'),
        SEED.replace("Vatsal", 'Vatsal<img src="https://example.com/x.png">'),
        SEED.replace("</p>", " {spin}A|B{endspin}</p>", 1),
    ],
)
def test_a_changed_text_is_another(changed: str) -> None:
    """A word, a break inside, a merge tag, a link or an image more or less is a difference."""
    assert changed != SEED
    assert canonical_html(changed) != canonical_html(SEED)


LINK = 'See <a href="https://example.com/?a=1&b=2">this page</a> <img src="x.png"> now'


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (
            "See <a class=\"z\" HREF='https://example.com/?a=1&amp;b=2' target=_blank>this <i>page</i></a> "
            '<img width=1 src="x.png"/> now',
            True,
        ),
        (LINK.replace(" <a", "<a").replace(">this", "> this"), True),
        (LINK.replace("b=2", "b=3"), False),
        (LINK.replace("x.png", "y.png"), False),
        ('See this page <a href="https://example.com/?a=1&b=2"><img src="x.png"></a> now', False),
        (LINK.replace("See ", "See"), False),
    ],
)
def test_links_and_images_count(other: str, same: bool) -> None:
    """Where a link leads, where it stands and which image is shown count, and nothing else of their tags."""
    assert (canonical_html(other) == canonical_html(LINK)) is same


def test_marks_cannot_be_forged() -> None:
    """No plain text reads like a link."""
    link = canonical_html('<a href="x">y</a>')
    assert canonical_html(html.escape(link)) != link


def test_unseen_text_does_not_hide_the_rest() -> None:
    """What follows a style or a title is seen again."""
    assert canonical_html("<style>p {}</style>a<title>t<title>u</title>b<script>c</script/>") == "ab"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Quick question", "  Quick \t question ", True),
        ("Tom & Ann's <3", "Tom &amp; Ann&#39;s &lt;3", True),
        ("line\r\nline", "line\n\n line", True),
        ("Cafe\u0301", "Café", True),
        ("a\u00a0b", "a&nbsp;b", True),
        ("line\nline", "line line", False),
        ("&eacute;", "é", False),
        ("&amp;lt;", "<", False),
        ("<b>Hi</b>", "Hi", False),
        ("Quick question", "quick question", False),
    ],
)
def test_plain_fields(one: str, other: str, same: bool) -> None:
    """In plain fields the commonest entities and whitespace even out, and tags are words."""
    assert (canonical_text(one) == canonical_text(other)) is same


EMAIL: dict[str, Any] = {"subject": "Hi", "content": "<p>Text</p>"}


@pytest.mark.parametrize(
    ("kind", "ours", "theirs", "same"),
    [
        ("email", EMAIL, EMAIL | {"preheader": ""}, True),
        ("email", EMAIL, EMAIL | {"preheader": None, "message": None, "isHtml": True}, True),
        ("email", EMAIL, EMAIL | {"preheader": "p"}, False),
        ("email", EMAIL, EMAIL | {"content": "<div>Text</div><br>"}, True),
        ("email", EMAIL, {"subject": "Hi"}, False),
        ("email", EMAIL, {}, False),
        ("linkedin_inmail", {"subject": "S", "message": "M"}, {"subject": "S", "message": "M "}, True),
        ("linkedin_inmail", {"subject": "S", "message": "M"}, {"message": "S", "subject": "M"}, False),
        ("custom", {"action": {"name": "a", "url": "u"}}, {"action": {"url": "u", "name": "a"}, "title": ""}, True),
        ("custom", {"title": "t"}, {"title": "t", "action": {"name": "", "url": None}}, True),
        ("custom", {"action": {"name": "a", "url": "u"}}, {"action": {"name": "a", "url": "v"}}, False),
        ("call_demo", {}, {}, True),
        ("call_demo", {}, {"title": "made up by the server"}, True),
        ("linkedin_message", {"message": "<b>"}, {"message": "&lt;b&gt;"}, True),
    ],
)
def test_payloads(kind: str, ours: dict[str, Any], theirs: dict[str, Any], same: bool) -> None:
    """Empty is absent, and only the fields of the type count."""
    assert same_payload(kind, ours, theirs, "", None) is same


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [("Call", "Call ", True), ("Call", "Mail", False), ("Call", "", False), ("Call", None, True)],
)
def test_notes(ours: str, theirs: str | None, same: bool) -> None:
    """A note that the API does not give back is not compared."""
    assert same_payload("call_demo", {}, {}, ours, theirs) is same


@pytest.mark.parametrize(
    ("ours", "theirs", "share"),
    [
        ({"message": "one two three four"}, {"message": "four three two one"}, 1.0),
        ({"message": "one two three four"}, {"message": "one two"}, 1.0),
        ({"message": "one two three four"}, {"message": "One, two! five six"}, 0.5),
        ({"message": "one one one one"}, {"message": "one two three four five"}, 0.25),
        ({"message": "one"}, {"message": "two"}, 0.0),
        ({"message": "one"}, {}, 0.0),
        ({}, {}, 1.0),
        ({"content": "<p>one two</p>"}, {"content": '<a href="https://two.example">one</a> six'}, 0.5),
        ({"note": "one two"}, {"message": "one two"}, 1.0),
    ],
)
def test_shared_words(ours: dict[str, Any], theirs: dict[str, Any], share: float) -> None:
    """The share is of the smaller text's words, wherever they stand, and of visible ones only."""
    assert shared_words(ours, theirs) == shared_words(theirs, ours) == share


def test_says_whether_there_is_text() -> None:
    """A payload of empty fields says nothing, and a note or an image does."""
    assert not has_text({}, None)
    assert not has_text({"subject": " ", "content": "<p><br></p>", "action": {"name": None}}, " \n")
    assert has_text({}, "Call")
    assert has_text({"content": '<img src="x.png">'}, None)


def test_payloads_can_be_sorted_and_hashed() -> None:
    """The canonical form is one of plain texts, so that it can be a key."""
    assert canonical_payload({"action": {"url": "u", "name": "n"}, "title": 3, "list": ["a"], "none": None}) == (
        ("action.name", "n"),
        ("action.url", "u"),
        ("list.0", "a"),
        ("title", "3"),
    )


WORD = st.from_regex(r"[A-Za-zÄé0-9]{1,8}|\{\{[a-z]{1,6}\}\}|&|<|'|\"", fullmatch=True)
LINE = st.lists(WORD, min_size=1, max_size=6)
TEXT = st.lists(LINE, min_size=1, max_size=5)


def as_html(lines: list[list[str]], draw: st.DataObject) -> str:
    """`lines` as HTML, in one of its many spellings."""
    spelled = []
    for words in lines:
        tag = draw.draw(st.sampled_from(["p", "DIV", "h1", "br"]))
        joined = draw.draw(st.sampled_from([" ", "\n  ", "&nbsp;", " \t"])).join(spell(word, draw) for word in words)
        style = draw.draw(st.sampled_from(["", ' style="a"', " class='b'", " data-x=c"]))
        spelled.append(f"{joined}<br{style}/>" if tag == "br" else f"<{tag}{style}>{joined}</{tag.lower()}>")
    between = draw.draw(st.sampled_from(["", "\n", "  \r\n\t", "<br>", "<!-- x -->"]))
    return between.join(spelled) + draw.draw(st.sampled_from(["", "<br>", "<p>&nbsp;</p>", "\n<div><br/></div>"]))


def spell(word: str, draw: st.DataObject) -> str:
    written = draw.draw(st.sampled_from([html.escape(word), re.sub(r"[^\w{}]", lambda m: f"&#{ord(m[0])};", word)]))
    around = draw.draw(st.sampled_from(["{}", "<b>{}</b>", "<SPAN class=x>{}</SPAN>", "{}<i></i>"]))
    return around.replace("{}", written)


@given(TEXT, st.data())
def test_every_spelling_is_one_text(lines: list[list[str]], data: st.DataObject) -> None:
    """However a text is spelled in HTML, its canonical form is its words and breaks."""
    plain = "\n".join(" ".join(words) for words in lines)
    assert canonical_html(as_html(lines, data)) == canonical_text(html.escape(plain).replace("&#x27;", "&#39;"))


@given(TEXT, st.data())
def test_every_change_of_words_shows(lines: list[list[str]], data: st.DataObject) -> None:
    """A word put in another's place, or a line left out, is never taken for the same text."""
    place = data.draw(st.integers(0, len(lines) - 1))
    word = data.draw(WORD)
    assume(word != lines[place][0])
    changed = [*lines[:place], [word, *lines[place][1:]], *lines[place + 1 :]]
    shorter = [*lines[:place], *lines[place + 1 :]]
    assert canonical_html(as_html(changed, data)) != canonical_html(as_html(lines, data))
    assert canonical_html(as_html(shorter, data)) != canonical_html(as_html(lines, data))


@given(st.text(alphabet=st.sampled_from("<>!/[]-&;#ax =\"'?pbr\n\x00\x01\x02"), max_size=60) | st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No text, however broken, stops the reading, and a plain field's form is its own form."""
    canonical_html(text)
    assert canonical_html(text + "<br>") == canonical_html(text) or "<" in text or "&" in text
    assert has_text({"content": text}, text) in (True, False)
    if "&" not in text:
        assert canonical_text(canonical_text(text)) == canonical_text(text)
