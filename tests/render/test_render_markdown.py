"""A plan as a comment: it keeps the limit of each host, tells what it leaves out, and no text leaves its place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st
from support.plans import CASES, EVIL, LONG, create_whole, drifted, email, from_empty, hostile, plan_of, update

from sequence_sync.model.address import Address
from sequence_sync.plan.model import Drift, DriftKind, FieldChange, Gate, Plan, PlannedSequence, summary_line
from sequence_sync.render.markdown import HOSTS, MOST_EVENTS, marker, plan_markdown, timeline_lines
from sequence_sync.render.view import view_of

ENOUGH = 10**9


class Tree(HTMLParser):
    """A rendered page: its tags with their attributes, and the text that stands in code and outside of it."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.inside = self.outside = ""
        self._depth = 0
        html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.append((tag, tuple(attrs)))
        self._depth += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        """Remember it."""
        self.tags.append((f"/{tag}", ()))
        self._depth -= tag == "code"

    def handle_data(self, data: str) -> None:
        """Remember it."""
        if self._depth:
            self.inside += data
        else:
            self.outside += data


OURS = {"h3", "h4", "p", "strong", "pre", "code", "details", "summary"}
MENTIONS = (
    "@octocat",
    "@org/team",
    "#123",
    "!12",
    "owner/repo#1",
    "~label",
    "%milestone",
    "$snippet",
    "&epic",
    ":tada:",
)
REFERENCES = (
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    "https://example.com/x",
    "www.example.com",
    "a@example.com",
    "[a](https://example.com)",
    "![a](https://example.com/i.png)",
    "[a]: https://example.com",
    "[[wiki]]",
    "#1",
    "GH-1",
    "<https://example.com>",
    "@<6f1c2b1e-0000-4000-8000-00000000000a>",
    "/close",
    "/assign @octocat",
    "<!-- x -->",
    "</code></summary></details>",
    "<img src=x onerror=alert(1)>",
    "````",
    "~~~~",
    "`` ` ``",
    "\n```\n",
    "\n~~~\n/close\n",
    "\n\n</details>\n\n# h\n",
    "| a |\n|---|\n| b |",
    "&lt;b&gt;",
    "&#64;octocat",
    "\\`",
    "$`x`$",
    "\r/close\r",
    "- [ ] x",
    "[^1]: note",
    "\x00",
    "\ud800",
    "> [!NOTE]\n> x",
    "<details>",
    "%%{init: {}}%%",
    "end",
    "\u2028/close",
)
HOSTILE = st.lists(
    st.sampled_from(MENTIONS + REFERENCES) | st.text(alphabet="`~\n<>/@#ab \t&;*_[]()!|:-\\$%", max_size=12)
)


def plan_saying(text: str) -> Plan:
    """`text` in every place of a plan where somebody may have written it. The words beside it keep its shape."""
    text = f"x{text}x"
    name = text.replace(".", "_")  # a point would make another address of it
    before, after = email(1, "mild", "<p>mild words</p>"), email(1, text, text, preheader=text)
    fields = tuple(
        FieldChange(field=f"variants.a.payload.{name}", before="mild", after=text, app=app)
        for name, app in (("subject", None), ("content", text + "y"))
    )
    return plan_of(
        *create_whole(name, text, {"first": after}),
        update("t.second.a", before, after, *fields),
        CASES["blocked"]().changes[0].model_copy(update={"advice": text, "address": Address("t", name)}),
        sequences={key: PlannedSequence(key=key, title=text, remote_id=text, active=True) for key in ("t", name)},
        gates=(Gate(name="drift", allowed=False, detail=text), Gate(name="size", allowed=True, detail=text)),
        notes=(text,),
        environment=text,
        refreshed=True,
        drift=(Drift(address=f"t.{name}", kind=DriftKind.CHANGED, remote_id=text, detail=text, fields=fields),),
    )


def shape(markdown: str) -> list[tuple[str, tuple[tuple[str, str | None], ...]]]:
    """The tags of the page, without any text."""
    return Tree(markdown).tags


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", CASES)
def test_a_comment_is_made_of_our_tags_only(name: str, host: str) -> None:
    """Rendered as GitHub does, with raw HTML let through: no link, no image, no tag and no attribute of a user's."""
    tree = Tree(plan_markdown(CASES[name](), host))
    assert {tag.strip("/") for tag, _ in tree.tags} <= OURS
    assert {attributes for _, attributes in tree.tags} <= {(), (("lang", "diff"),), (("lang", "mermaid"),)}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("text", [*MENTIONS, *REFERENCES, EVIL])
def test_a_text_stands_in_code_and_nowhere_else(text: str, host: str) -> None:
    """In code nobody is notified, and nothing is linked: the page has the tags of the same plan with a plain word."""
    made = plan_markdown(plan_saying(text), host)
    assert shape(made) == shape(plan_markdown(plan_saying("word"), host))
    wanted = Tree(plan_markdown(plan_saying("word"), host)).outside
    assert Tree(made).outside.split() == wanted.split()
    assert not [line for line in re.split("[\r\n]", made) if line.lstrip().startswith("/")]


@given(HOSTILE.map("".join), st.sampled_from([*HOSTS]))
@settings(max_examples=60)
def test_no_text_leaves_its_place(text: str, host: str) -> None:
    """Whatever is put together from what hosts obey."""
    made = plan_markdown(plan_saying(text), host)
    assert shape(made) == shape(plan_markdown(plan_saying("word"), host))
    assert not [line for line in re.split("[\r\n]", made) if line.startswith("/")]


@pytest.mark.long
@given(HOSTILE.map("".join), st.sampled_from([*HOSTS]))
@settings(max_examples=3000)
def test_no_text_leaves_its_place_in_thousands_of_tries(text: str, host: str) -> None:
    """The same, for longer."""
    assert shape(plan_markdown(plan_saying(text), host)) == shape(plan_markdown(plan_saying("word"), host))


def test_a_mention_is_parted_where_code_may_be_searched() -> None:
    """On hosts that do not say that code is left alone an invisible sign stands behind what calls somebody."""
    plan = plan_saying("@<6f1c2b1e> @anna #12 !3")
    for host in ("bitbucket", "azure"):
        assert not re.search("[@#!][<\\w]", plan_markdown(plan, host))
    assert "@anna" in plan_markdown(plan, "github")


@pytest.mark.parametrize(
    ("host", "environment", "line"),
    [
        ("github", "production", "<!-- seqsync:plan:production -->"),
        ("gitlab", "eu.prod-1", "<!-- seqsync:plan:eu.prod-1 -->"),
        ("bitbucket", "production", "[//]: # (seqsync:plan:production)"),
        ("azure", "production", "[//]: # (seqsync:plan:production)"),
        ("github", "x --><b>", "<!-- seqsync:plan:6ffdab2fbe413a7c -->"),
    ],
)
def test_the_first_line_names_the_comment(host: str, environment: str, line: str) -> None:
    """The next run finds the comment by it; it is not seen, and nothing in a name can end it."""
    made = plan_markdown(plan_of(environment=environment), host)
    assert made.splitlines()[0] == line
    assert Tree(made.splitlines()[0] + "\n").outside.strip() == ""
    assert marker("drift", environment, HOSTS[host]) != marker("plan", environment, HOSTS[host])


def long_plan(count: int, words: str = LONG) -> Plan:
    """`count` emails, each with a word changed in a long body, eight to a sequence; gates, drift and a note."""
    old, new = f"<p>{words}</p>", f"<p>{words.replace('reason 30', 'the best reason')}</p>"
    fields = (FieldChange(field="variants.a.payload.content", before=old, after=new),)
    changes = [
        update(f"s{n // 8}.k{n % 8}.a", email(n % 8 + 1, content=old), email(n % 8 + 1, content=new), *fields)
        for n in range(count)
    ]
    tale = drifted()
    return plan_of(
        *changes,
        gates=tale.gates,
        drift=tale.drift,
        refreshed=True,
        notes=("A note.",),
        sequences={f"s{n}": PlannedSequence(key=f"s{n}", title=f"T{n}", active=n < 2) for n in range(count // 8)},
    )


MOST_IMPORTANT = ("Sequences that are sending", "Gates that are shut", "active: The plan writes to", "trial.call: gone")


@pytest.mark.parametrize("host", HOSTS)
def test_four_hundred_long_changes_fit_every_host(host: str) -> None:
    """Valid for each, with counts, hash, gates, drift and a line for every change; what is missing is told."""
    plan = long_plan(400)
    made = plan_markdown(plan, host)
    assert HOSTS[host].size(made) <= HOSTS[host].limit
    assert all(told in made for told in (summary_line(plan), plan.plan_hash(), *MOST_IMPORTANT))
    assert all(f"s{n // 8}.k{n % 8}.a" in made for n in range(400))
    assert {tag.strip("/") for tag, _ in shape(made)} <= OURS
    assert ("left out" in made) is (host in ("github", "bitbucket", "azure"))
    assert "the best reason" in made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("sign", ["a", "ä", "日", "🙂"])
def test_the_limit_is_exact(host: str, sign: str) -> None:
    """At the limit and above all is there; one below, as the host counts, something is left out and that is said."""
    plan, size = long_plan(9, LONG.replace("reason 29", sign * 2)), HOSTS[host].size
    whole = plan_markdown(plan, host, ENOUGH)
    assert sign * 2 in whole
    assert plan_markdown(plan, host, size(whole)) == whole == plan_markdown(plan, host, size(whole) + 1)
    less = plan_markdown(plan, host, size(whole) - 1)
    assert size(less) < size(whole)
    assert "left out" in less
    assert "left out" not in whole


def test_hosts_count_as_they_count() -> None:
    """Code points, bytes, or units of UTF-16."""
    assert {name: host.size("aä日🙂") for name, host in HOSTS.items()} == {
        "github": 4,
        "gitlab": 10,
        "bitbucket": 5,
        "azure": 5,
        "github-summary": 10,
    }


def test_less_is_told_in_a_fixed_order() -> None:
    """First the timeline goes, then words, then all but addresses, then addresses; each time it is said, and the
    length holds at every limit on the way."""
    plan = long_plan(24)
    whole = len(plan_markdown(plan, "github", ENOUGH))
    marks = ("The timeline is left out", "The words of", "are listed by their addresses", "changes are not listed")
    seen = []
    for limit in [*range(whole, 1_500, -250), 1_400, 1_300, 1_250]:
        made = plan_markdown(plan, "github", limit)
        assert len(made) <= limit
        assert summary_line(plan) in made
        assert plan.plan_hash() in made
        seen += [place for place, mark in enumerate(marks) if mark in made]
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


def test_what_is_missing_is_counted() -> None:
    """Of words and of lines."""
    plan = plan_of(*long_plan(16).changes, *from_empty().changes)
    total = len(plan.changes)
    fewer = next(
        made for limit in range(9_000, 3_000, -100) if "words of" in (made := plan_markdown(plan, "github", limit))
    )
    told = re.search(f"The words of ([0-9]+) of {total} changes are left out", fewer)
    assert told
    assert fewer.count("<details>") == total - int(told[1])
    short = plan_markdown(plan, "github", 1_000)
    told = re.search(rf"([0-9]+) of {total} changes are not listed \\(([^)]*)\\)".replace("\\\\", "\\"), short)
    assert told
    assert int(told[1]) == sum(int(part.split()[0]) for part in told[2].split(", "))
    assert short.count("\n~ ") + short.count("\n+ ") == total - int(told[1])


def test_words_of_creates_go_before_words_of_updates() -> None:
    """What changes in front of people matters more than what is new."""
    plan = plan_of(*from_empty().changes, *long_plan(3).changes)
    made = next(m for limit in range(12_000, 3_000, -50) if "words of" in (m := plan_markdown(plan, "github", limit)))
    assert made.count("<details><summary><code>~") == 3
    assert made.count("<details><summary><code>+") < len(from_empty().changes)


def test_many_blocked_changes_are_cut_with_their_count() -> None:
    """Twenty are told at the top, the rest is counted."""
    blocked = CASES["blocked"]().changes
    text = plan_markdown(plan_of(*blocked * 3))
    assert f"**Blocked: {len(blocked) * 3}**" in text
    assert f"{len(blocked) * 3 - 20} not shown here" in text


def test_a_timeline_holds_only_plain_signs() -> None:
    """Nothing of a name can be a word of Mermaid's."""
    lines = timeline_lines(view_of(hostile()).groups) + timeline_lines(view_of(plan_saying("end; %%{x}%%: #1")).groups)
    assert lines
    assert all(
        re.fullmatch(r"timeline|  section [\w-]+|    Day \d+( : [\w-]+ \([\w-]+, [\w ]+\))+", row) for row in lines
    )


def test_a_timeline_has_an_end() -> None:
    """Whole sequences, as many as make a picture."""
    lines = timeline_lines(view_of(long_plan(400)).groups)
    assert sum(row.startswith("    Day") for row in lines) == MOST_EVENTS // 8 * 8
