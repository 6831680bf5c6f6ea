"""YAML parsing: data, positions and problems, and that the fast parser never differs from the full one."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sequence_sync.source import yaml as yaml_module
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


def problems_in(text: str) -> list[tuple[int, int, str]]:
    """Line, column and rule of every problem that the full parser reports."""
    return [(problem.position.line, problem.position.column, problem.rule) for problem in parse(text).problems]


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_text_that_yaml_would_change_is_reported_once_at_its_position(
    text: str, expected: list[tuple[int, int, str]]
) -> None:
    assert problems_in(text) == expected


def test_all_problems_are_reported_up_to_the_first_fatal_one() -> None:
    assert problems_in("a:\na: b\nb: !x c\n") == [(1, 1, "no-value"), (2, 1, "duplicate-key"), (3, 4, "unknown-tag")]
    assert problems_in("a:\nb: @c\na: d\n") == [(1, 1, "no-value"), (2, 4, "quote-it")]


@pytest.mark.parametrize("text", ["1.10", "yes", "null", "~", "0o17", "2026-12-01", "12e4567890", "1:30", "true"])
def test_scalars_are_always_read_as_text(text: str) -> None:
    """Neither parser guesses numbers, dates, booleans or null, in values or in keys."""
    expected = {"a": text, text: "b"}
    assert parse(f"a: {text}\n{text}: b\n").data == expected
    assert parse_fast(f"a: {text}\n{text}: b\n") == expected


def test_path_leads_to_its_position_or_to_the_nearest_ancestor() -> None:
    root = parse("a:\n  - x\n  - bcd: 'e f'\n").root
    assert locate(root, ("a", 1, "bcd"), False) == Position(3, 10, 5)
    assert locate(root, ("a", 1, "bcd"), True) == Position(3, 5, 3)
    assert locate(root, ("a", 0), False) == Position(2, 5, 1)
    assert locate(root, ("a", 1, "nothing"), False) == Position(3, 5, 1)
    assert locate(root, ("nothing",), True) == Position(1, 1, 1)


def test_alias_bomb_is_refused_in_little_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    tracemalloc.start()
    assert [rule for *_, rule in problems_in("\n".join(lines))] == ["alias-bomb"]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert parse("a: &x [b]\nc: [*x, *x]\n").data == {"a": ["b"], "c": [["b"], ["b"]]}


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{" * 5000, "- " * 5000, "a: &a [*a]\n"])
def test_deep_nesting_and_alias_loops_are_problems_and_no_crash(text: str) -> None:
    assert parse(text).data is INVALID
    assert len(parse(text).problems) == 1
    assert parse_fast(text) is None


def test_c_parser_is_installed() -> None:
    """Without the extension, loading is ten times slower and nothing else shows it."""
    assert yaml_module.FAST_PARSER is not None
    assert parse_fast("a: {b: [c]}\n") == {"a": {"b": ["c"]}}


def test_empty_document_differs_from_an_invalid_one() -> None:
    assert [parse(text).empty for text in ("", "# a\n", "---\n", "a: [", "a: b\n")] == [True, True, True, False, False]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14), st.booleans())
@example(["x\n...\n\n..."], False)
@example(["|+\n \n    x"], True)
@example(["[x:y, ?z]"], True)
@example(["x\\t #1"], True)
def test_fast_parser_reads_only_what_the_full_parser_reads_without_problems(pieces: list[str], after_key: bool) -> None:
    text = ("key: " if after_key else "") + "".join(pieces)
    data = parse_fast(text)
    document = parse(text)
    if data is not None:
        assert document.problems == []
        assert document.data == data


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_full_parser_never_raises(text: str) -> None:
    document = parse(text)
    assert document.problems or document.empty or document.data is not INVALID
