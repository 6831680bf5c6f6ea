"""Which texts count as equal after a server rewrote them, and which never do."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
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
def test_text_rewritten_by_a_server_is_equal(rewritten: str) -> None:
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
def test_changed_text_is_different(changed: str) -> None:
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
def test_link_targets_and_images_are_compared(other: str, same: bool) -> None:
    assert (canonical_html(other) == canonical_html(LINK)) is same


def test_plain_text_cannot_imitate_a_link() -> None:
    link = canonical_html('<a href="x">y</a>')
    assert canonical_html(html.escape(link)) != link


def test_text_after_invisible_elements_is_compared() -> None:
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
def test_plain_fields_ignore_entities_and_whitespace_only(one: str, other: str, same: bool) -> None:
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
def test_empty_payload_fields_equal_missing_ones(
    kind: str, ours: dict[str, Any], theirs: dict[str, Any], same: bool
) -> None:
    """Only the fields of the type are compared."""
    assert same_payload(kind, ours, theirs, "", None) is same


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [("Call", "Call ", True), ("Call", "Mail", False), ("Call", "", False), ("Call", None, True)],
)
def test_note_that_the_api_does_not_return_is_not_compared(ours: str, theirs: str | None, same: bool) -> None:
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
def test_shared_words_is_the_share_of_the_smaller_text(
    ours: dict[str, Any], theirs: dict[str, Any], share: float
) -> None:
    assert shared_words(ours, theirs) == shared_words(theirs, ours) == share


def test_has_text_ignores_empty_fields() -> None:
    assert not has_text({}, None)
    assert not has_text({"subject": " ", "content": "<p><br></p>", "action": {"name": None}}, " \n")
    assert has_text({}, "Call")
    assert has_text({"content": '<img src="x.png">'}, None)


def test_canonical_payload_can_be_sorted_and_hashed() -> None:
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
def test_every_html_spelling_has_one_canonical_form(lines: list[list[str]], data: st.DataObject) -> None:
    plain = "\n".join(" ".join(words) for words in lines)
    assert canonical_html(as_html(lines, data)) == canonical_text(html.escape(plain).replace("&#x27;", "&#39;"))


@given(TEXT, st.data())
def test_every_changed_word_or_line_is_different(lines: list[list[str]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines) - 1))
    word = data.draw(WORD)
    assume(word != lines[place][0])
    changed = [*lines[:place], [word, *lines[place][1:]], *lines[place + 1 :]]
    shorter = [*lines[:place], *lines[place + 1 :]]
    assert canonical_html(as_html(changed, data)) != canonical_html(as_html(lines, data))
    assert canonical_html(as_html(shorter, data)) != canonical_html(as_html(lines, data))


@given(st.text(alphabet=st.sampled_from("<>!/[]-&;#ax =\"'?pbr\n\x00\x01\x02"), max_size=60) | st.text(max_size=60))
@example("<![ y")
@example("<![;")
def test_canonical_form_accepts_any_text(text: str) -> None:
    canonical_html(text)
    assert canonical_html(text + "<br>") == canonical_html(text) or "<" in text or "&" in text
    assert has_text({"content": text}, text) in (True, False)
    if "&" not in text:
        assert canonical_text(canonical_text(text)) == canonical_text(text)
