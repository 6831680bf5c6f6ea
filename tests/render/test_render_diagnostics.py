"""Diagnostics as text: the caret is below the marked text, and no text in a file reaches the terminal unescaped."""

from __future__ import annotations

import pytest

from sequence_sync.diagnostics import Diagnostic, Severity
from sequence_sync.render.diagnostics import WIDEST, diagnostics_text


def text_of(line: str, column: int, length: int = 1) -> list[str]:
    """Return the lines of a diagnostic on `line`."""
    found = Diagnostic("a.yaml", 3, column, "rule", "Wrong.", "Fix it.", source_line=line, length=length)
    return diagnostics_text([found]).splitlines()


def test_a_diagnostic_has_position_line_caret_and_hint() -> None:
    assert text_of("  day: 0", 8) == ["a.yaml:3:8: error: Wrong.", "      day: 0", "           ^", "    Fix it."]
    assert diagnostics_text([]) == ""


def test_a_diagnostic_without_a_position_has_no_caret() -> None:
    found = [
        Diagnostic("a.yaml", 0, 0, "rule", "Wrong."),
        Diagnostic("", 0, 0, "rule", "Odd.", severity=Severity.WARNING),
    ]
    assert diagnostics_text(found) == "a.yaml: error: Wrong.\n\nwarning: Odd.\n"


@pytest.mark.parametrize(
    ("line", "column", "length", "shown", "caret"),
    [
        ("\tday: x", 7, 1, "    day: x", "         ^"),
        ("名前: abc", 5, 3, "名前: abc", "      ^^^"),
        ("a: 名前", 4, 2, "a: 名前", "   ^^^^"),
        ("e\u0301: b", 5, 1, "e\u0301: b", "   ^"),
        ("a\x1b[31m: b", 8, 1, "a\\x1b[31m: b", "          ^"),
        ("\u202eabc: d", 7, 1, "\\u202eabc: d", "           ^"),
        ("day", 4, 1, "day", "   ^"),
        ("a", 99, 5, "a", " ^"),
    ],
)
def test_the_caret_is_below_the_marked_text(line: str, column: int, length: int, shown: str, caret: str) -> None:
    """Tabs, wide, combining and escaped characters move it as they move the text."""
    assert text_of(line, column, length)[1:3] == [f"    {shown}", f"    {caret}"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    _, line, caret, _ = text_of("x" * 500 + "HERE" + "y" * 500, 501, 4)
    assert len(line) <= WIDEST + 10
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"


def test_no_terminal_code_of_a_file_is_printed() -> None:
    found = Diagnostic("\x1b[2J.yaml", 1, 1, "rule", "A\x07b", "c\x1b]0;d", source_line="\x9b31m")
    assert "\x1b" not in diagnostics_text([found])
    assert not {"\x07", "\x9b"} & set(diagnostics_text([found], color=True))
    assert "\x1b[31m" in diagnostics_text([found], color=True)
