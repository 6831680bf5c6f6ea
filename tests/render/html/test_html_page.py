"""Plans as HTML pages: golden files, what a reviewer finds on a page, and that no text breaks out of its element."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import showcase
from support.plans import CASES, EVIL, LONG, create, create_whole, email, hostile, long_update, plan_of, task, update

from sequence_sync.plan.model import Action, Change, FieldChange, Plan, PlannedSequence, Reason
from sequence_sync.render.html.mail import LEAST_HEIGHT, MOST_HEIGHT, frame_height, harmless, remote_addresses
from sequence_sync.render.html.page import FRAMES_AT_MOST, OPEN_AT_MOST, plan_html
from sequence_sync.render.html.style import POLICY, SCRIPT
from sequence_sync.render.html.timeline import TimelineStop, timeline

PAGES = CASES | {"showcase": showcase}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_matches_the_golden_file(name: str, golden: Any) -> None:
    golden(f"plan/{name}/page.html", plan_html(PAGES[name]()))


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of every tag with that name."""
        return [attributes for tag, attributes in self.tags if tag == name]


OURS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "main",
    "section",
    "ul",
    "ol",
    "li",
    "details",
    "summary",
    "article",
    "div",
    "span",
    "b",
    "i",
    "small",
    "a",
    "code",
    "dl",
    "dt",
    "dd",
    "del",
    "ins",
    "blockquote",
    "iframe",
    "nav",
    "footer",
}


def test_users_text_opens_no_tag() -> None:
    page = Page(plan_html(hostile()))
    assert {tag for tag, _ in page.tags} <= OURS
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text


def test_emails_are_in_sandboxed_frames() -> None:
    """No script, form, navigation or request; before and after side by side, complete."""
    page = Page(plan_html(long_update()))
    frames = page.named("iframe")
    titles = [frame["title"] for frame in frames if "nudge.a" in str(frame["title"])]
    assert titles == [f"{side}: email trial.nudge.a, variant a" for side in ("Before", "After")]
    assert all(frame["sandbox"] == "" for frame in frames)
    assert f"<p>{LONG}</p>" in (frames[0]["srcdoc"] or "")
    policies = [row["content"] for row in page.named("meta") if row.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert "default-src 'none'" in POLICY
    assert "script-src" not in POLICY
    assert all(POLICY in (frame["srcdoc"] or "") for frame in frames)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_links_only_to_itself(name: str) -> None:
    """It loads nothing, and every link leads to an id that exists once."""
    page = Page(plan_html(PAGES[name]()))
    assert not [row for _, row in page.tags if "src" in row]
    ids = [row["id"] for _, row in page.tags if "id" in row]
    assert len(ids) == len(set(ids))
    assert {str(row["href"]) for row in page.named("a")} <= {f"#{name}" for name in ids}


@pytest.mark.parametrize("name", PAGES)
def test_headings_skip_no_level(name: str) -> None:
    """One first heading, and below each only the next level, as screen readers expect it."""
    levels = [int(tag[1]) for tag, _ in Page(plan_html(PAGES[name]())).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []


@given(st.text(max_size=60))
def test_a_frame_has_the_whole_email(body: str) -> None:
    page = Page(plan_html(plan_of(*create_whole("t", body, {"s": email(subject=body, content=EVIL + body)}))))
    assert (page.named("iframe")[0]["srcdoc"] or "").endswith(harmless(EVIL + body))
    assert {tag for tag, _ in page.tags} <= OURS


@pytest.mark.parametrize(
    ("body", "desired"),
    [
        ('<link rel=preconnect href="//x.example">', '<x-link rel=preconnect href="//x.example">'),
        ("<LINK/rel=preconnect\nhref='//x.example", "<x-LINK/rel=preconnect\nhref='//x.example"),
        ('<meta http-equiv="refresh" content="0">', '<x-meta http-equiv="refresh" content="0">'),
        ("<base href=//x.example>a</base>", "<x-base href=//x.example>a</x-base>"),
        ("<iframe src=//x.example></iframe>", "<x-iframe src=//x.example></x-iframe>"),
        ('<a class=b href="//x.example/?href=1">a</a>', '<a class=b href="#" title="//x.example/?href=1">a</a>'),
        ("<svg><A xlink:HREF = //x.example>a</A>", '<svg><A xlink:href="#" title= //x.example>a</A>'),
        ("<abbr data=href>a</abbr>", "<abbr data=href>a</abbr>"),
        ("<li><b>{{firstName}}</b> {spin}A|B{endspin}", "<li><b>{{firstName}}</b> {spin}A|B{endspin}"),
    ],
)
def test_tags_that_act_on_the_document_are_renamed(body: str, desired: str) -> None:
    assert harmless(body) == desired


@pytest.mark.parametrize(
    ("image", "reported"),
    [
        (
            '<img src="https://x.example/a.png?b=1&amp;c=2" alt="Our team">',
            "Image “Our team”, not loaded: https://x.example/a.png?b=1&amp;c=2",
        ),
        ("<IMG alt='' src=//x.example/p.gif width=1>", "Image, not loaded: //x.example/p.gif"),
        ("<img srcset='//x.example/2x.png 2x'>", "Image, not loaded: no address"),
        ('<img src="<script>">', "Image, not loaded: &lt;script&gt;"),
    ],
)
def test_a_remote_image_is_a_box_with_its_address(image: str, reported: str) -> None:
    assert harmless(f"a{image}b") == f'a<span class="seqsync-image">{reported}</span>b'


def test_an_inline_image_is_shown() -> None:
    assert harmless('<img src="data:image/gif;base64,R0lGOD">') == '<img src="data:image/gif;base64,R0lGOD">'


def test_unclosed_quotes_take_no_time() -> None:
    body = "<img '" * 20_000 + '<a "' * 20_001
    assert len(harmless(body)) > 0


def test_remote_addresses_of_an_email_are_listed() -> None:
    """Images, backgrounds and styles, each once; links are not among them."""
    body = (
        '<a href="https://x.example/link"><img src="https://x.example/a.png"><img src=\'https://x.example/a.png\'></a>'
        '<td background=//x.example/b.png style="background:url(https://x.example/c.png?a&amp;b)">'
        '<style>@import "http://x.example/d.css";</style>'
    )
    names = [address.split("example/")[1] for address in remote_addresses(body)]
    assert names == ["a.png", "b.png", "c.png?a&b", "d.css"]
    page = plan_html(plan_of(*create_whole("t", "T", {"s": email(content=body * 2)})))
    assert "4 remote files, not loaded here" in page
    many = "".join(f"<img src=//x.example/{n}>" for n in range(10))
    assert "<li>and 2 more</li>" in plan_html(plan_of(*create_whole("t", "T", {"s": email(content=many)})))


def test_a_frame_is_as_high_as_its_longest_text_within_limits() -> None:
    assert frame_height("<p>Hi</p>") == LEAST_HEIGHT
    assert frame_height() == LEAST_HEIGHT
    assert frame_height("<p>Hi</p>", f"<p>{LONG}</p>") == MOST_HEIGHT
    assert LEAST_HEIGHT < frame_height("<p>One.</p>" * 6) < MOST_HEIGHT


def test_the_most_important_comes_first() -> None:
    plan = showcase()
    page = plan_html(plan)
    order = [
        "Plan: 4 to create, 3 to update, 1 to deactivate, 1 to record, 2 blocked.",
        plan.plan_hash(),
        "1 gate shut: apply does nothing",
        "1 active sequence: prospects receive the changes",
        "2 blocked changes, not part of this apply",
        "3 changes outside seqsync",
        "1 gate open",
        "Notes",
        'id="drift"',
        'aria-label="Sequences"',
        'id="changes"',
        "Timeline",
    ]
    places = [page.index(words) for words in order]
    assert places == sorted(places)


def test_the_top_says_what_to_do_about_a_blocked_change() -> None:
    page = plan_html(showcase())
    found = re.search(r'<a href="#(\w+)">trial\.legacy</a>: ([^<]*)', page)
    assert found is not None
    assert "Steps, day 14, the three dots, Delete" in found[2]
    assert f'id="{found[1]}"' in page


def test_a_conflict_shows_three_texts_in_frames() -> None:
    frames = Page(plan_html(showcase())).named("iframe")
    shown_in = {
        str(frame["title"]).split(":")[0]: str(frame["srcdoc"]) for frame in frames if "break-up" in str(frame["title"])
    }
    assert list(shown_in) == ["Last applied", "In Saleshandy now", "In the file"]
    assert [word for text in shown_in.values() for word in ("should", "may", "shall") if f"{word} I" in text] == [
        "should",
        "may",
        "shall",
    ]


def test_a_plan_without_refresh_says_so_and_counts_no_drift() -> None:
    page = plan_html(long_update())
    assert "Not compared with Saleshandy." in page
    assert "changed outside seqsync" not in page


def body_update(before: str, after: str) -> str:
    """Return the page of one changed body."""
    old, new = email(content=before), email(content=after)
    field = FieldChange(field="variants.a.payload.content", before=before, after=after)
    return plan_html(plan_of(update("t.s.a", old, new, field)))


def test_a_changed_body_shows_words_links_and_images() -> None:
    """If tags differ too, the HTML is in a fold below."""
    words = body_update(f"<p>{LONG} Hello <b>you</b></p>", f"<p>{LONG} Hello <b>there</b></p>")
    assert "<del>you</del><ins>there</ins>" in words
    assert "In the HTML" not in words
    link = body_update(f"<p>{LONG} Buy</p>", f'<p>{LONG} <a href="https://x.example/">Buy</a></p>')
    assert "<ins>&lt;link https://x.example/&gt;</ins>" in link
    assert "In the HTML" in link
    bold = body_update(f"<p>{LONG}</p>", f"<p><b>{LONG}</b></p>")
    assert "<ins>&lt;b&gt;</ins>" in bold


def test_an_unchanged_email_is_shown_once_in_a_fold() -> None:
    before, after = email(1), email(2)
    change = Change(
        address="t.s",
        action=Action.UPDATE_STEP,
        reason=Reason.CHANGED,
        before=before,
        after=after,
        fields=(FieldChange(field="day", before=1, after=2),),
    )
    page = plan_html(plan_of(change))
    assert page.count("<iframe") == 1
    assert "The text does not change" in page
    assert "Before and after: email t.s, variant a" in page


def many(changes: int) -> Plan:
    """Return a plan with `changes` new emails, each in its own sequence."""
    names = [f"s{n}" for n in range(changes)]
    sequences = {name: PlannedSequence(key=name, title=name) for name in names}
    return plan_of(*(create(f"{name}.a", email()) for name in names), sequences=sequences)


def test_a_large_plan_is_folded_and_keeps_its_emails_in_templates() -> None:
    page = plan_html(many(OPEN_AT_MOST + 1))
    assert "<iframe" not in re.sub("<template>.*?</template>", "", page, flags=re.DOTALL)
    assert page.count("<template>") == OPEN_AT_MOST + 1
    assert '<details class="change create" id="s0c0">' in page
    assert re.findall(r"<script>(.*?)</script>", page, re.DOTALL) == [SCRIPT]
    digest = b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert page.count(f"{POLICY}; script-src 'sha256-{digest}'\"") == 1


def test_a_small_plan_is_open_and_has_no_script() -> None:
    page = plan_html(many(OPEN_AT_MOST))
    assert "<script" not in page
    assert "<template" not in page
    assert len(re.findall(r'id="s\d+c\d+" open>', page)) == page.count("<iframe") == OPEN_AT_MOST
    row = email().variants["a"]
    wide = email().model_copy(update={"variants": dict.fromkeys("abcdefghijklmnopqrstuvwxyz", row)})
    assert "<script" in plan_html(plan_of(*(create(f"t.s{n}", wide) for n in range(FRAMES_AT_MOST // 26 + 1))))


def test_the_timeline_places_days_between_the_first_and_the_last() -> None:
    """A moved step has a mark on both days, a removed one on its old day. A single day needs no axis."""
    stops = [
        TimelineStop("new", "email", "create", "c1", None, 1),
        TimelineStop("moved", "email", "update", "c2", 3, 5),
        TimelineStop("gone", "call other", "blocked", "c3", 9, None),
    ]
    axis_html = timeline(stops)
    assert 'class="dot" style="left:0.00%"' in axis_html
    assert 'class="was" style="left:25.00%"></i><i class="way" style="left:25.00%;width:25.00%"' in axis_html
    assert 'class="dot" style="left:50.00%"' in axis_html
    assert "day 3 → 5" in axis_html
    assert 'class="was" style="left:100.00%"></i></span></li>' in axis_html
    assert timeline(stops[:1]) == ""


@pytest.mark.parametrize("last", [2, 7, 8, 30, 365, 999])
def test_the_axis_has_at_most_seven_lines(last: int) -> None:
    axis_html = timeline([TimelineStop("a", "email", "create", "c1", None, last)])
    axis = re.findall(r"%\">(\d+)</i>", axis_html)
    assert axis[0] == "1"
    assert 2 <= len(axis) <= 7


def test_a_task_is_shown_as_quotes_without_a_frame() -> None:
    page = plan_html(plan_of(create("t.s", task("linkedin_message", 1, "Be kind", message="One\nTwo <b>"))))
    assert "<blockquote>One\nTwo &lt;b&gt;</blockquote>" in page
    assert "<blockquote>Be kind</blockquote>" in page
    assert "<iframe" not in page
