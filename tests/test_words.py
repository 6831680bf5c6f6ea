"""The words that seqsync no longer uses, and a search for them in messages, help, docs, docstrings and comments.

Code in backticks or code blocks, quotations, and strings without a blank (names, JSON keys and values) are exempt.
In tests, docstrings, comments and the names of functions and classes are searched. Other strings are data there.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "docs").glob("*.sh"),
    *(ROOT / "sequence_sync" / "cli" / "ci").rglob("*.yml"),
    ROOT / "Makefile",
]
SOURCES = sorted((ROOT / "sequence_sync").rglob("*.py"))
TESTS = sorted(file for file in (ROOT / "tests").rglob("*.py") if file != Path(__file__).resolve())
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# What is written today -> pattern of what it replaced. Patterns ignore case and match whole words.
REPLACED = {
    "desired": r"wanted",
    "remote; Saleshandy": r"(in|from|of|by) the app|the app",
    "last applied": r"what was made",
    "state manager": r"ledgers?",
    "checkpoint": r"fold(s|ed)? (it|the journal)|chronicles?",
    "in doubt": r"unclear|unsettled|undecided",
    "resolve": r"settl(e|es|ed|ing)(?![ _]grace)",
    "settle grace": r"(?<!settle )graces?( apart)?",
    "changed outside seqsync": r"edited in the app|somebody's edits?",
    "unmanaged": r"strangers?|(some|any)body else's",
    "duplicate": r"second cop(y|ies)|twins?|doubles",
    "forget": r"lets? go( of)?|letting go",
    "recreate, restore": r"anew|puts? back words",
    "preflight read, read back": r"(first|second|last) looks?|look(s|ing)? twice|look(s|ing)? again",
    "interrupted": r"cut off",
    "approve": r"say(s|ing)? yes",
    "fix, repair": r"mend(s|ed|ing)?",
    "report, show, print": r"tells?|telling|told",
    "compare with": r"(hold|holds|held|holding)( \w+)? against",
    "overrides": r"goes before",
    "error, problem": r"mistakes?|findings?",
    "position": r"spots?|with (its|their) places?",
    "session, context": r"site|desks?|hands",
    "(who does it)": r"nobody|somebody",
    "is": r"stands?|lies",
}
# The sentences of earlier versions, as whole phrases.
SENTENCES = [
    "Only yes is taken for a yes",
    "What the files say is what was applied",
    "nothing there besides what this plan changes",
    "looking twice before the first write",
    "something differs there",
    "prospects read other words",
    "prospects get more or fewer messages",
    "puts the files' words back",
    "Nobody is there to say yes",
    "The command line is not right",
    "How it goes:",
    "are one too many",
    "nothing to hold the app against",
    "Was there one? Bring it back",
    "The computer refused something",
    "is no character of a text",
    "This is no name of a file",
    "is keys with values",
    "stands in another file too",
    "Known here:",
    "The state is of ",
    "Take the lock from a run that is gone",
    "Tell every mistake",
    "Say what became of a create",
    "Look at the state, and mend it",
    "Take what is in Saleshandy into",
    "Carry out a plan",
    "Wait so long for the lock",
    "The way in",
    "The house",
    "The bound",
    "Read on",
    "Each sentence that can be tested names its tests",
]
# Technical terms that contain a replaced word, and ordinary uses that mean something else.
ALLOWED = re.compile(r"stand-?ins?|stand-?alone|stands? for|websites?|by hand|by mistake", re.I)
OLD_SENTENCES = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in SENTENCES), re.I)
OLD = {new: re.compile(rf"\b(?:{old})\b", re.I) for new, old in REPLACED.items()}


def prose(text: str) -> str:
    """`text` without code and quotations."""
    text = re.sub(r"```.*?```", " ", text, flags=re.S)
    text = re.sub(r"`[^`]*`", " ", text)
    text = re.sub(r"“[^”]*”|\"[^\"\n]{0,80}\"", " ", text)
    return ALLOWED.sub(" ", text)


def texts_of(source: Path) -> Iterator[tuple[int, str]]:
    """Docstrings, comments and strings with a blank in them, each with its line."""
    code = source.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
    yield from comments_of(code)


def comments_of(code: str) -> Iterator[tuple[int, str]]:
    """Comments, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def texts_of_test(code: str) -> Iterator[tuple[int, str]]:
    """Docstrings, comments, and the names of functions and classes as words, each with its line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Module, *DEFINITIONS)):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        if isinstance(node, DEFINITIONS):
            yield node.lineno, node.name.replace("_", " ")
    yield from comments_of(code)


def found_in(text: str) -> list[str]:
    """Each replaced word or sentence in `text`, with what to write."""
    plain = prose(text)
    words = [f"{match[0]!r}: say {new}" for new, old in OLD.items() for match in old.finditer(plain)]
    return words + [match[0] for match in OLD_SENTENCES.finditer(text)]


def test_package_uses_no_replaced_words() -> None:
    found = [
        f"{source.relative_to(ROOT)}:{line}: {word}"
        for source in SOURCES
        for line, text in texts_of(source)
        for word in found_in(text)
    ]
    assert found == []


def test_tests_use_no_replaced_words() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {word}"
        for file in TESTS
        for line, text in texts_of_test(file.read_text(encoding="utf-8"))
        for word in found_in(text)
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_docs_use_no_replaced_words(page: Path) -> None:
    text = re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), page.read_text(encoding="utf-8"), flags=re.S)
    found = [
        f"{page.name}:{number}: {word}" for number, line in enumerate(text.split("\n"), 1) for word in found_in(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Waits a grace apart.", False),
        ("Waits for the settle grace.", True),
        ("Nobody is there to say yes.", False),
        ("The status `unclear` stays.", True),
        ("It lets go of the step.", False),
        ("The sandbox is a stand-in.", True),
    ],
)
def test_replaced_words_are_recognized(text: str, clean: bool) -> None:
    assert (found_in(text) == []) is clean


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("def test_nobody_is_parked(): ...", 1),
        ("class Desk: ...", 1),
        ("class StandIn: ...", 0),
        ('def f():\n    """It tells the day."""', 1),
        ("x = 1  # what the app says", 1),
        ("x = 'what the app says'", 0),
    ],
)
def test_names_docstrings_and_comments_of_tests_are_searched(code: str, count: int) -> None:
    assert len([word for _, text in texts_of_test(code) for word in found_in(text)]) == count
