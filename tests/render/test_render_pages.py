"""A plan as JSON, Markdown and HTML: whole outputs on disk, and that nothing breaks out."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.plans import CASES, EVIL, LONG, create_whole, email, hostile, long_update, plan_of

from sequence_sync.planning.plan import Plan, PlannedSequence, summary_line
from sequence_sync.registry import FORMATS, Entry, table
from sequence_sync.render.html import plan_html
from sequence_sync.render.json import plan_json
from sequence_sync.render.markdown import COMMENT_LIMIT, plan_markdown
from sequence_sync.render.text import plan_text


@pytest.mark.parametrize("name", CASES)
def test_pages_read_as_on_disk(name: str, golden: Any) -> None:
    """One golden file for each kind of plan and each format."""
    plan = CASES[name]()
    golden(f"plan/{name}/public.json", plan_json(plan))
    golden(f"plan/{name}/comment.md", plan_markdown(plan))
    golden(f"plan/{name}/page.html", plan_html(plan))


def test_the_table_of_formats_calls_each_renderer() -> None:
    """By the names that users write, and with the options of each."""
    plan = long_update()
    made = {name: render(plan) for name, render in FORMATS.items()}
    assert made == {
        "text": plan_text(plan), "json": plan_json(plan), "markdown": plan_markdown(plan), "html": plan_html(plan),
    }  # fmt: skip
    assert FORMATS["text"](plan, color=True) != made["text"]


def test_a_name_used_twice_in_a_table_is_an_error() -> None:
    """The second would hide the first."""
    with pytest.raises(ValueError, match="twice"):
        table(Entry("text", "a", "b"), Entry("text", "c", "d"))


def test_public_json_holds_what_pipelines_need_and_no_more() -> None:
    """Counts, hash and changes; neither what the plan was made from nor anything of this run."""
    plan = long_update()
    told = json.loads(plan_json(plan))
    assert told["plan_hash"] == plan.plan_hash()
    assert told["summary"] == {"create": 0, "update": 2, "deactivate": 1, "record": 0, "blocked": 0}
    assert [row["address"] for row in told["changes"]] == ["trial.call", "trial.nudge.a", "trial.nudge.b"]
    assert told["changes"][0]["calls"][0]["body"] == {"absoluteDays": 5}
    assert not {"base", "sum", "tool_version"} & told.keys()


def test_public_json_does_not_depend_on_what_the_plan_was_made_from() -> None:
    """Two machines with different states and the same changes print the same."""
    plan = long_update()
    assert plan_json(plan) == plan_json(plan.model_copy(update={"base": plan.base.model_copy(update={"serial": 9})}))


def outside_fences(markdown: str) -> str:
    """What a Markdown reader takes as markup: everything but code."""
    tokens = MarkdownIt("commonmark", {"html": True}).parse(markdown)
    return "\n".join(token.content for token in tokens if token.type not in ("fence", "code_block"))


def test_a_hostile_text_cannot_leave_its_fence() -> None:
    """Neither a mention nor a tag nor a heading of a user's stands outside code."""
    outside = outside_fences(plan_markdown(hostile()))
    assert "<script" not in outside
    assert "octocat" not in re.sub("<code>.*?</code>", "", outside)
    assert outside.count("</details>") == outside.count("<details>") == 1
    assert "# heading" not in [line.strip() for line in outside.splitlines()]


@given(st.text(alphabet="`~\n<>/@#ab \t&;", max_size=60))
def test_no_text_leaves_its_fence(text: str) -> None:
    """Whatever run of backticks and tags a text holds, blocks and details stay ours."""
    before = email(content=text)
    plan = plan_of(
        *create_whole("trial", text, {"intro": before}), notes=(text,), environment=text,
        sequences={"trial": PlannedSequence(key="trial", title=text)},
    )  # fmt: skip
    tokens = MarkdownIt("commonmark", {"html": True}).parse(plan_markdown(plan))
    kinds = [token.type for token in tokens if token.type in ("fence", "html_block", "code_block", "heading_open")]
    assert kinds == ["heading_open", "fence", "fence", "html_block", "fence", "html_block"]


def many(sequences: int) -> Plan:
    """So many sequences, each with a long body."""
    return plan_of(
        *(
            row
            for n in range(sequences)
            for row in create_whole(f"s{n}", f"T{n}", {"a": email(content=f"<p>{LONG}</p>")})
        )
    )


@pytest.mark.parametrize("sequences", [1, 150, 300, 2000])
@pytest.mark.parametrize("budget", [4_000, COMMENT_LIMIT])
def test_a_comment_keeps_its_budget(sequences: int, budget: int) -> None:
    """However much there is, the counts and the hash are there and the length holds."""
    plan = many(sequences)
    text = plan_markdown(plan, budget)
    assert len(text.encode()) <= budget
    assert summary_line(plan) in text
    assert plan.plan_hash() in text


def test_a_comment_that_leaves_something_out_says_so() -> None:
    """First the texts go, then whole sequences; both are told."""
    whole, shorter, cut = (plan_markdown(many(n)) for n in (3, 250, 2000))
    assert "too long" not in whole
    assert "texts are left out" in shorter
    assert all(f"<code>s{n} " in shorter for n in range(250))
    assert "of 2000 sequences are not shown here" in cut
    left_out = 2000 - cut.count("<details>")
    assert f"{left_out} of 2000" in cut


def test_many_blocked_changes_are_cut_with_their_count() -> None:
    """Twenty are told, the rest is counted."""
    blocked = CASES["blocked"]().changes
    text = plan_markdown(plan_of(*blocked * 3))
    assert f"**Blocked: {len(blocked) * 3}**" in text
    assert f"{len(blocked) * 3 - 20} not shown here" in text


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember it."""
        self.text += data


OURS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "section", "ul", "li",
    "details", "summary", "article", "pre", "div", "figure", "figcaption", "b", "iframe",
}  # fmt: skip


def test_a_hostile_text_opens_no_tag() -> None:
    """Every tag of the page is one of ours; the text is there to read."""
    page = Page(plan_html(hostile()))
    assert {tag for tag, _ in page.tags} <= OURS
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in page.text


def test_emails_stand_in_frames_that_can_do_nothing() -> None:
    """No script, no form, no navigation, nothing fetched; before and after side by side, whole."""
    page = Page(plan_html(long_update()))
    frames = [attributes for tag, attributes in page.tags if tag == "iframe"]
    assert [frame["title"] for frame in frames] == ["Variant a, before", "Variant a, after"]
    assert all(frame["sandbox"] == "" for frame in frames)
    assert f"<p>{LONG}</p>" in (frames[0]["srcdoc"] or "")
    policies = [row["content"] for tag, row in page.tags if row.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src" not in policies[0]
    assert all(policies[0] in (frame["srcdoc"] or "") for frame in frames)


def test_a_page_fetches_nothing() -> None:
    """No address stands in a tag of ours."""
    page = Page(plan_html(long_update()))
    assert not [row for _, row in page.tags if {"src", "href"} & row.keys()]


@given(st.text(max_size=60))
def test_an_email_is_shown_as_it_is(body: str) -> None:
    """What the frame holds after unescaping is the body, whatever it is; no tag of it reaches the page."""
    page = Page(plan_html(plan_of(*create_whole("t", body, {"s": email(subject=body, content=EVIL + body)}))))
    frame = next(attributes for tag, attributes in page.tags if tag == "iframe")
    assert (frame["srcdoc"] or "").endswith(EVIL + body)
    assert {tag for tag, _ in page.tags} <= OURS
