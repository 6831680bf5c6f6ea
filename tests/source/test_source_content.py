"""Texts: variables, Markdown and content files. Merge tags and spintax stay unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_project import load, load_sequence, problems_in, write

from sequence_sync.source.content import fill, html_of, without_ends

TAGS = ["{{firstName}}", "{{First Name|'there'}}", '{{a|"b & <c>"}}', "{spin}A & *b*|<c>{endspin}", "{{_x_ _y_}}"]


def email(*lines: str) -> str:
    """A file with one email; `lines` are the fields of its body."""
    return "sequence: one\nsteps:\n  a:\n    day: 1\n    type: email\n    subject: Hi\n" + "".join(
        f"    {line}\n" for line in lines
    )


def body(root: Path, *lines: str) -> str:
    """The HTML of that email."""
    content: str = load_sequence(root, email(*lines)).steps["a"].variants["a"].payload["content"]
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
def test_markdown_keeps_line_breaks_raw_html_and_merge_tags(markdown: str, html: str) -> None:
    assert html_of(markdown) == html


@given(st.lists(st.one_of(st.sampled_from(TAGS), st.text(alphabet="ab *_[](){}|`<>&\n#-1", max_size=6)), max_size=8))
def test_markdown_never_changes_merge_tags_and_spintax(pieces: list[str]) -> None:
    words = [f" {piece} " if piece in TAGS else piece.replace("{", "").replace("}", "") for piece in pieces]
    html = html_of("".join(words))
    for tag in TAGS:
        assert html.count(tag) >= sum(1 for piece in pieces if piece == tag) or "](" in "".join(words)
    assert "tag0z" not in html


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${a}${b}", "12"),
        ("$${a}", "${a}"),
        ("$$${a}", "$${a}"),
        ("$a $ {a} ${", "$a $ {a} ${"),
        ("${ a } ${1a}", "${ a } ${1a}"),
        ("${c}", "${a}"),
    ],
)
def test_variables_are_replaced_once(text: str, filled: str) -> None:
    """Every other `$` stays, and `$${` becomes `${`."""
    assert fill(text, {"a": "1", "b": "2", "c": "${a}"}) == (filled, [])
    assert fill("${x} ${x} ${y}", {}) == ("  ", ["x", "x", "y"])


def test_line_ends_become_lf_and_trailing_ones_are_dropped() -> None:
    assert without_ends("a\r\nb\rc\r\n\n") == "a\nb\nc"


def test_all_yaml_block_styles_give_the_same_text(tmp_path: Path) -> None:
    bodies = {body(tmp_path, f"content: {mark}", "  <p>Hi</p>", "") for mark in ("|", "|-", "|+", ">")}
    assert bodies == {body(tmp_path, "content: <p>Hi</p>")} == {"<p>Hi</p>"}


def test_content_files_are_relative_to_the_yaml_file_and_markdown_is_converted(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "sequences/emails/a.html": b"\xef\xbb\xbf<p>Hi\r\n\xc3\xbc &amp;</p>\r\n\r\n",
            "shared/b.MD": "Hi,\r\n\r\n- you",
        },
    )
    assert body(tmp_path, "content_file: emails/a.html") == "<p>Hi\nü &amp;</p>"
    assert body(tmp_path, "content_file: ../shared/b.MD") == "<p>Hi,</p>\n<ul>\n<li>you</li>\n</ul>"
    sequence = load_sequence(tmp_path, email("content_file: ../shared/b.MD"))
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
def test_unusable_content_file_is_reported_at_its_name(tmp_path: Path, name: str, rule: str) -> None:
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
    found = problems_in(root, email(f'content_file: "{name}"'))
    assert [each for each in found if each[0]] == [(7, 19, rule)]


def test_html_with_line_breaks_but_no_tags_is_reported(tmp_path: Path) -> None:
    assert problems_in(tmp_path, email("content: |", "  Hi,", "  you")) == [(7, 14, "flat-text")]
    assert "markdown" in load(tmp_path).diagnostics[0].hint
    assert body(tmp_path, "content: Hi, you") == "Hi, you"
    assert problems_in(tmp_path, email("content: |", "  ${hi}", "  you"), "variables: {hi: Hi<br>}\n") == []
    assert problems_in(tmp_path, email("content: ''")) == [(7, 14, "empty")]
