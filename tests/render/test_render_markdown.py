"""Plans as comments: they keep each host's limit, say what is not shown, and no text breaks out of its block."""

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
from sequence_sync.render.hosts import HOSTS
from sequence_sync.render.markdown import MOST_EVENTS, marker, plan_markdown, timeline_lines
from sequence_sync.render.view import view_of

ENOUGH = 10**9


class Tree(HTMLParser):
    """A rendered page: its tags with their attributes, and the text inside and outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.inside = self.outside = ""
        self._depth = 0
        html = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        self._depth += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))
        self._depth -= tag == "code"

    def handle_data(self, data: str) -> None:
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
    """Return a plan with `text` in every place that a user can write. The `x` around it keeps its shape."""
    text = f"x{text}x"
    name = text.replace(".", "_")  # a dot would change the address
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
    """Return the tags of the page, without any text."""
    return Tree(markdown).tags


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", CASES)
def test_a_comment_has_only_our_own_tags(name: str, host: str) -> None:
    """Rendered like GitHub with raw HTML allowed: no link, image, tag or attribute of a user."""
    tree = Tree(plan_markdown(CASES[name](), host))
    assert {tag.strip("/") for tag, _ in tree.tags} <= OURS
    assert {attributes for _, attributes in tree.tags} <= {(), (("lang", "diff"),), (("lang", "mermaid"),)}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("text", [*MENTIONS, *REFERENCES, EVIL])
def test_users_text_is_only_in_code(text: str, host: str) -> None:
    """The page has the tags of the same plan with a plain word, and no host finds a mention or a command."""
    made = plan_markdown(plan_saying(text), host)
    assert shape(made) == shape(plan_markdown(plan_saying("word"), host))
    expected = Tree(plan_markdown(plan_saying("word"), host)).outside
    assert Tree(made).outside.split() == expected.split()
    assert not [line for line in re.split("[\r\n]", made) if line.lstrip().startswith("/")]


@given(HOSTILE.map("".join), st.sampled_from([*HOSTS]))
@settings(max_examples=60)
def test_no_text_breaks_out_of_its_block(text: str, host: str) -> None:
    made = plan_markdown(plan_saying(text), host)
    assert shape(made) == shape(plan_markdown(plan_saying("word"), host))
    assert not [line for line in re.split("[\r\n]", made) if line.startswith("/")]


@pytest.mark.long
@given(HOSTILE.map("".join), st.sampled_from([*HOSTS]))
@settings(max_examples=3000)
def test_no_text_breaks_out_of_its_block_in_thousands_of_tries(text: str, host: str) -> None:
    assert shape(plan_markdown(plan_saying(text), host)) == shape(plan_markdown(plan_saying("word"), host))


def test_a_mention_is_broken_on_hosts_that_may_search_code() -> None:
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
def test_the_first_line_identifies_the_comment(host: str, environment: str, line: str) -> None:
    """The next run finds the comment by this line. It is invisible, and no name can end it."""
    made = plan_markdown(plan_of(environment=environment), host)
    assert made.splitlines()[0] == line
    assert Tree(made.splitlines()[0] + "\n").outside.strip() == ""
    assert marker("drift", environment, HOSTS[host]) != marker("plan", environment, HOSTS[host])


def long_plan(count: int, words: str = LONG) -> Plan:
    """Return `count` emails with one changed word in a long body, eight in a sequence; gates, drift and a note."""
    old, new = f"<p>{words}</p>", f"<p>{words.replace('reason 30', 'the best reason')}</p>"
    fields = (FieldChange(field="variants.a.payload.content", before=old, after=new),)
    changes = [
        update(f"s{n // 8}.k{n % 8}.a", email(n % 8 + 1, content=old), email(n % 8 + 1, content=new), *fields)
        for n in range(count)
    ]
    example = drifted()
    return plan_of(
        *changes,
        gates=example.gates,
        drift=example.drift,
        refreshed=True,
        notes=("A note.",),
        sequences={f"s{n}": PlannedSequence(key=f"s{n}", title=f"T{n}", active=n < 2) for n in range(count // 8)},
    )


MOST_IMPORTANT = ("Active sequences", "Shut gates", "active: The plan writes to", "trial.call: missing")


@pytest.mark.parametrize("host", HOSTS)
def test_four_hundred_long_changes_fit_every_host(host: str) -> None:
    plan = long_plan(400)
    made = plan_markdown(plan, host)
    assert HOSTS[host].size(made) <= HOSTS[host].limit
    assert all(text in made for text in (summary_line(plan), plan.plan_hash(), *MOST_IMPORTANT))
    assert all(f"s{n // 8}.k{n % 8}.a" in made for n in range(400))
    assert {tag.strip("/") for tag, _ in shape(made)} <= OURS
    assert ("not shown: the comment" in made) is (host in ("github", "bitbucket", "azure"))
    assert "the best reason" in made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("sign", ["a", "ä", "日", "🙂"])
def test_the_limit_is_exact_in_the_unit_of_the_host(host: str, sign: str) -> None:
    plan, size = long_plan(9, LONG.replace("reason 29", sign * 2)), HOSTS[host].size
    whole = plan_markdown(plan, host, ENOUGH)
    assert sign * 2 in whole
    assert plan_markdown(plan, host, size(whole)) == whole == plan_markdown(plan, host, size(whole) + 1)
    less = plan_markdown(plan, host, size(whole) - 1)
    assert size(less) < size(whole)
    assert "not shown: the comment" in less
    assert "not shown" not in whole


def test_each_host_counts_in_its_own_unit() -> None:
    """Code points, bytes, or UTF-16 units."""
    assert {name: host.size("aä日🙂") for name, host in HOSTS.items()} == {
        "github": 4,
        "gitlab": 10,
        "bitbucket": 5,
        "azure": 5,
        "github-summary": 10,
    }


def test_a_shorter_comment_drops_parts_in_a_fixed_order() -> None:
    """First the timeline, then texts, then all but addresses, then addresses; each time the comment says so."""
    plan = long_plan(24)
    whole = len(plan_markdown(plan, "github", ENOUGH))
    marks = ("The timeline is not shown", "The text of", "are listed by address", "changes are not listed")
    seen = []
    for limit in [*range(whole, 1_500, -250), 1_450, 1_400, 1_350]:
        made = plan_markdown(plan, "github", limit)
        assert len(made) <= limit
        assert summary_line(plan) in made
        assert plan.plan_hash() in made
        seen += [index for index, mark in enumerate(marks) if mark in made]
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


def test_a_shorter_comment_counts_what_is_missing() -> None:
    plan = plan_of(*long_plan(16).changes, *from_empty().changes)
    total = len(plan.changes)
    fewer = next(
        made for limit in range(9_000, 3_000, -100) if "text of" in (made := plan_markdown(plan, "github", limit))
    )
    missing = re.search(f"The text of ([0-9]+) of {total} changes is not shown", fewer)
    assert missing
    assert fewer.count("<details>") == total - int(missing[1])
    short = plan_markdown(plan, "github", 1_000)
    missing = re.search(rf"([0-9]+) of {total} changes are not listed \\(([^)]*)\\)".replace("\\\\", "\\"), short)
    assert missing
    assert int(missing[1]) == sum(int(part.split()[0]) for part in missing[2].split(", "))
    assert short.count("\n~ ") + short.count("\n+ ") == total - int(missing[1])


def test_texts_of_creates_are_dropped_before_texts_of_updates() -> None:
    plan = plan_of(*from_empty().changes, *long_plan(3).changes)
    made = next(m for limit in range(12_000, 3_000, -50) if "text of" in (m := plan_markdown(plan, "github", limit)))
    assert made.count("<details><summary><code>~") == 3
    assert made.count("<details><summary><code>+") < len(from_empty().changes)


def test_a_long_list_of_blocked_changes_shows_twenty_and_the_count() -> None:
    blocked = CASES["blocked"]().changes
    text = plan_markdown(plan_of(*blocked * 3))
    assert f"**Blocked: {len(blocked) * 3}**" in text
    assert f"{len(blocked) * 3 - 20} not shown here" in text


def test_a_timeline_has_only_plain_characters() -> None:
    """No part of a name is a keyword of Mermaid."""
    lines = timeline_lines(view_of(hostile()).groups) + timeline_lines(view_of(plan_saying("end; %%{x}%%: #1")).groups)
    assert lines
    assert all(
        re.fullmatch(r"timeline|  section [\w-]+|    Day \d+( : [\w-]+ \([\w-]+, [\w ]+\))+", row) for row in lines
    )


def test_a_timeline_shows_whole_sequences_up_to_its_limit() -> None:
    lines = timeline_lines(view_of(long_plan(400)).groups)
    assert sum(row.startswith("    Day") for row in lines) == MOST_EVENTS // 8 * 8
