"""Texts: variables, Markdown, content files; merge tags and spintax go through untouched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_project import load, one, rules, write

from sequence_sync.source.content import fill, html_of, without_ends

TAGS = ["{{firstName}}", "{{First Name|'there'}}", '{{a|"b & <c>"}}', "{spin}A & *b*|<c>{endspin}", "{{_x_ _y_}}"]


def email(*lines: str) -> str:
    """A file with one email whose text is made by `lines`."""
    return "sequence: one\nsteps:\n  a:\n    day: 1\n    type: email\n    subject: Hi\n" + "".join(
        f"    {line}\n" for line in lines
    )


def body(root: Path, *lines: str) -> str:
    """The HTML of that email."""
    content: str = one(root, email(*lines)).steps["a"].variants["a"].payload["content"]
    return content


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("Best,\nAnna", "<p>Best,<br />\nAnna</p>"),
        ("one more **idea**.", "<p>one more <strong>idea</strong>.</p>"),
        ('<b style="x">raw</b> & co', '<p><b style="x">raw</b> &amp; co</p>'),
        ("[x](https://a.example/?e={{Email}}&f=1)", '<p><a href="https://a.example/?e={{Email}}&amp;f=1">x</a></p>'),
        ("[{{Name}}]({{link}} 'for {{Name}}')", '<p><a href="{{link}}" title="for {{Name}}">{{Name}}</a></p>'),
        ("**{{Name}}**!", "<p><strong>{{Name}}</strong>!</p>"),
        (
            "{{First Name|'there'}} *x* {spin}A|*B*{endspin}",
            "<p>{{First Name|'there'}} <em>x</em> {spin}A|*B*{endspin}</p>",
        ),
        ("q0tag0z and {{Name}}", "<p>q0tag0z and {{Name}}</p>"),
        ("- {{a}}\n- {{b}}", "<ul>\n<li>{{a}}</li>\n<li>{{b}}</li>\n</ul>"),
    ],
)
def test_markdown(markdown: str, html: str) -> None:
    """CommonMark with kept line breaks and raw HTML; what is Saleshandy's stays as it is."""
    assert html_of(markdown) == html


@given(st.lists(st.one_of(st.sampled_from(TAGS), st.text(alphabet="ab *_[](){}|`<>&\n#-1", max_size=6)), max_size=8))
def test_a_tag_is_never_damaged(pieces: list[str]) -> None:
    """Every merge tag and spintax group between any Markdown comes out as often as it went in, byte for byte."""
    words = [f" {piece} " if piece in TAGS else piece.replace("{", "").replace("}", "") for piece in pieces]
    html = html_of("".join(words))
    for tag in TAGS:
        assert html.count(tag) >= sum(1 for piece in pieces if piece == tag) or "](" in "".join(words)
    assert "tag0z" not in html


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("${a}${b}", "12"),
        ("$${a}", "${a}"),
        ("$$${a}", "$${a}"),
        ("$a $ {a} ${", "$a $ {a} ${"),
        ("${ a } ${1a}", "${ a } ${1a}"),
        ("${c}", "${a}"),
    ],
)
def test_variables(text: str, made: str) -> None:
    """`${name}` once, `$${` is a plain `${`, every other `$` is itself, and values are not searched again."""
    assert fill(text, {"a": "1", "b": "2", "c": "${a}"}) == (made, [])
    assert fill("${x} ${x} ${y}", {}) == ("  ", ["x", "x", "y"])


def test_a_text_has_no_line_breaks_at_its_end() -> None:
    """Whatever the system wrote as the end of a line."""
    assert without_ends("a\r\nb\rc\r\n\n") == "a\nb\nc"


def test_block_marks_make_no_difference(tmp_path: Path) -> None:
    """`|`, `|-`, `|+` and one line give the same bytes."""
    bodies = {body(tmp_path, f"content: {mark}", "  <p>Hi</p>", "") for mark in ("|", "|-", "|+", ">")}
    assert bodies == {body(tmp_path, "content: <p>Hi</p>")} == {"<p>Hi</p>"}


def test_content_files(tmp_path: Path) -> None:
    """HTML as it is, Markdown rendered, CR LF and a byte order mark gone; the name is relative to the YAML file."""
    write(
        tmp_path,
        {
            "sequences/emails/a.html": b"\xef\xbb\xbf<p>Hi\r\n\xc3\xbc &amp;</p>\r\n\r\n",
            "shared/b.MD": "Hi,\r\n\r\n- you",
        },
    )
    assert body(tmp_path, "content_file: emails/a.html") == "<p>Hi\nü &amp;</p>"
    assert body(tmp_path, "content_file: ../shared/b.MD") == "<p>Hi,</p>\n<ul>\n<li>you</li>\n</ul>"
    sequence = one(tmp_path, email("content_file: ../shared/b.MD"))
    assert sequence.files == ("sequences/one.yaml", "shared/b.MD")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("none.html", "missing"),
        ("/etc/hosts.html", "outside"),
        ("../../secret.html", "outside"),
        ("link.html", "outside"),
        ("linked/secret.html", "outside"),
        ("text.txt", "file-ending"),
        ("folder.html", "folder"),
        ("emails\\\\a.html", "file-name"),
        ("large.html", "too-large"),
        ("latin.html", "encoding"),
        ("nul.html", "character"),
        ("blank.html", "empty"),
        ("self.html", "unreadable"),
    ],
)
def test_bad_content_files(tmp_path: Path, name: str, rule: str) -> None:
    """Each is told at the value of `content_file`."""
    root = tmp_path / "project"
    files = {
        "../secret.html": "<p>secret</p>",
        "sequences/text.txt": "a",
        "sequences/folder.html/a": "",
        "sequences/large.html": b" " * (8 * 1024 * 1024 + 1),
        "sequences/latin.html": b"\xdc",
        "sequences/nul.html": "\0",
        "sequences/blank.html": "\n \n",
    }
    write(root, files)
    (root / "sequences/link.html").symlink_to("../../secret.html")
    (root / "sequences/linked").symlink_to("../..")
    (root / "sequences/self.html").symlink_to("self.html")
    found = rules(root, email(f'content_file: "{name}"'))
    assert [told for told in found if told[0]] == [(7, 19, rule)]


def test_plain_text_where_html_is_meant(tmp_path: Path) -> None:
    """Line breaks without a tag would vanish: told, with the way out; one line, or a tag from a variable, is fine."""
    assert rules(tmp_path, email("content: |", "  Hi,", "  you")) == [(7, 14, "flat-text")]
    assert "markdown" in load(tmp_path).diagnostics[0].hint
    assert body(tmp_path, "content: Hi, you") == "Hi, you"
    assert rules(tmp_path, email("content: |", "  ${hi}", "  you"), "variables: {hi: Hi<br>}\n") == []
    assert rules(tmp_path, email("content: ''")) == [(7, 14, "empty")]
