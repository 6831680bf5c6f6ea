"""Text to document: the judge's findings with their places, and that the quick reader never differs."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequence_sync.source import yaml as document
from sequence_sync.source.problems import INVALID, Position, locate
from sequence_sync.source.yaml import parse, parse_fast

PIECES = [
    "a",
    "b: ",
    "key: ",
    "x",
    ":",
    " ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "|\n  ",
    "|+\n ",
    "|-\n  ",
    ">\n  ",
    ">2\n  ",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    " #",
    "# ",
    "#",
    "?",
    "? ",
    "é",
    "\u00a0",
    "\\n",
    "\\",
    "---",
    "--- ",
    "...",
    "k2: v\n",
    "k3: |\n   t\n",
    "\n\n",
    "%",
    "@",
    "!x",
    "&a",
    "*a",
    "<<",
    "~",
    "1",
    "=",
    ": ",
    "\\x41",
    "\\/",
    "''",
    "\U0001f600",
    "{{",
    "}}",
    "\\u2028",
    "\\\n",
    "\t",
    "\u2028",
    "\x85",
]


def found(text: str) -> list[tuple[int, int, str]]:
    """Line, column and rule of what the judge tells."""
    return [(problem.position.line, problem.position.column, problem.rule) for problem in parse(text).problems]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("subject: {{firstName}}\n", [(1, 10, "quote-it")]),
        ("subject: {{firstName}} hello\n", [(1, 10, "quote-it")]),
        ("subject: {{First Name|'there'}}\n", [(1, 10, "quote-it")]),
        ("subject: {firstName}\n", [(1, 11, "no-value")]),
        ("subject: You are #1\n", [(1, 18, "quote-it")]),
        ("subject: number #\n", [(1, 17, "quote-it")]),
        ("subject: You are # 1\n", []),
        ('subject: "You" #1\n', []),
        ("color: |\n  a #1\n", []),
        ("subject: &co news\n", [(1, 10, "quote-it")]),
        ("a: &co news\nb: *co\n", []),
        ("subject: *imp\n", [(1, 10, "quote-it")]),
        ("subject: *Imp* news\n", [(1, 10, "quote-it")]),
        ("subject: !x foo\n", [(1, 10, "unknown-tag")]),
        ("subject: !!str foo\n", []),
        ("subject: Re: you\n", [(1, 10, "quote-it")]),
        ("subject: @anna\n", [(1, 10, "quote-it")]),
        ("subject: `x`\n", [(1, 10, "quote-it")]),
        ("subject: %50 off\n", [(1, 10, "quote-it")]),
        ("subject: - 20% off\n", [(1, 10, "quote-it")]),
        ("subject: > 20% off\n", [(1, 10, "quote-it")]),
        ("subject: [Acme] hello\n", [(1, 10, "quote-it")]),
        ("list:\n  - *Important* news\n", [(2, 5, "quote-it")]),
        ('subject: "Hi" there\n', [(1, 10, "quote-it")]),
        ("subject: 'it's'\n", [(1, 10, "quote-it")]),
        ('a: b\nsubject: "Hi\n', [(2, 10, "unclosed")]),
        ("a: b\nlist: [a, b\n", [(2, 7, "unclosed")]),
        ("subject:\tHello\n", [(1, 9, "tab")]),
        ("a:\n\tb: c\n", [(2, 1, "tab")]),
        ("a: b\n  c: d\n", [(2, 3, "indentation")]),
        ("a: |\n \n    x\n", [(3, 5, "indentation")]),
        ('a: "C:\\qx"\n', [(1, 7, "escape")]),
        ("a: b\na: c\n", [(2, 1, "duplicate-key")]),
        ("a: b\n'a': c\n", [(2, 1, "duplicate-key")]),
        ("<<: {a: b}\n", [(1, 1, "merge-key")]),
        ("a: b\n---\nc: d\n", [(2, 1, "several-documents")]),
        ("%YAML 1.2\n---\na: b\n", [(1, 1, "directive")]),
        ("a:\nb: c\n", [(1, 1, "no-value")]),
        (": c\n", [(1, 1, "no-key")]),
        ("? [a]\n: b\n", [(1, 3, "bad-key")]),
        ("a: \x00\n", [(1, 4, "character")]),
        ('a: "\\ud83d\\ude00"\n', [(1, 4, "character")]),
        ('a: "\\0"\n', [(1, 4, "character")]),
        ("a: é\U0001f600 #1\n", [(1, 7, "quote-it")]),
    ],
)
def test_tells_what_yaml_would_eat(text: str, places: list[tuple[int, int, str]]) -> None:
    """Each trap is told once, at the text that is meant, counted in characters."""
    assert found(text) == places


def test_tells_all_but_after_a_break() -> None:
    """Where YAML goes on, everything is told; where it breaks, what came before it and the break."""
    assert found("a:\na: b\nb: !x c\n") == [(1, 1, "no-value"), (2, 1, "duplicate-key"), (3, 4, "unknown-tag")]
    assert found("a:\nb: @c\na: d\n") == [(1, 1, "no-value"), (2, 4, "quote-it")]


@pytest.mark.parametrize("text", ["1.10", "yes", "null", "~", "0o17", "2026-12-01", "12e4567890", "1:30", "true"])
def test_a_scalar_is_its_text(text: str) -> None:
    """No number, date, switch or null is guessed, by neither reader, as a value and as a key."""
    expected = {"a": text, text: "b"}
    assert parse(f"a: {text}\n{text}: b\n").data == expected
    assert parse_fast(f"a: {text}\n{text}: b\n") == expected


def test_knows_the_place_of_keys_values_and_items() -> None:
    """A way through the document leads to the key or the value; a way that ends early to what is nearest."""
    root = parse("a:\n  - x\n  - bcd: 'e f'\n").root
    assert locate(root, ("a", 1, "bcd"), False) == Position(3, 10, 5)
    assert locate(root, ("a", 1, "bcd"), True) == Position(3, 5, 3)
    assert locate(root, ("a", 0), False) == Position(2, 5, 1)
    assert locate(root, ("a", 1, "nothing"), False) == Position(3, 5, 1)
    assert locate(root, ("nothing",), True) == Position(1, 1, 1)


def test_a_bomb_of_aliases_is_quick_and_small() -> None:
    """A few lines that stand for 10^20 values are refused in little memory; a few aliases are fine."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    tracemalloc.start()
    assert [rule for *_, rule in found("\n".join(lines))] == ["alias-bomb"]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert parse("a: &x [b]\nc: [*x, *x]\n").data == {"a": ["b"], "c": [["b"], ["b"]]}


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{" * 5000, "- " * 5000, "a: &a [*a]\n"])
def test_nothing_crashes_it(text: str) -> None:
    """Deep nesting and an alias in its own anchor are findings; the stack is not touched."""
    assert parse(text).data is INVALID
    assert len(parse(text).problems) == 1
    assert parse_fast(text) is None


def test_the_c_parser_is_in_use() -> None:
    """The extension that the project depends on is found; without it loading is ten times slower and nobody told."""
    assert document.FAST_PARSER is not None
    assert parse_fast("a: {b: [c]}\n") == {"a": {"b": ["c"]}}


def test_empty_is_told_apart_from_broken() -> None:
    """A file of comments is empty; one that is broken is not."""
    assert [parse(text).empty for text in ("", "# a\n", "---\n", "a: [", "a: b\n")] == [True, True, True, False, False]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14), st.booleans())
@example(["x\n...\n\n..."], False)
@example(["|+\n \n    x"], True)
@example(["[x:y, ?z]"], True)
@example(["x\\t #1"], True)
def test_where_the_quick_reader_reads_the_judge_agrees(pieces: list[str], after_key: bool) -> None:
    """The quick reader may only save time: what it takes, the judge takes without a word and reads as the same."""
    text = ("key: " if after_key else "") + "".join(pieces)
    quick = parse_fast(text)
    judged = parse(text)
    if quick is not None:
        assert judged.problems == []
        assert judged.data == quick


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_a_document_or_a_finding(text: str) -> None:
    """The judge raises nothing, whatever it is given."""
    judged = parse(text)
    assert judged.problems or judged.empty or judged.data is not INVALID
