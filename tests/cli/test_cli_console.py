"""The screen: colour, terminal codes, secrets, narrow encodings, and how failures are told."""

import json
from collections.abc import Callable
from functools import partial
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from toy_program import ERRORS, KEY, TOY

from sequence_sync.cli.console import Console, color_wanted
from sequence_sync.cli.main import run


@pytest.mark.parametrize(
    ("environ", "terminal", "flag", "wanted"),
    [
        ({}, True, False, True),
        ({}, False, False, False),
        ({}, True, True, False),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"NO_COLOR": "1"}, True, False, False),
        ({"NO_COLOR": ""}, True, False, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, False),
        ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, True, False, False),
        ({"FORCE_COLOR": "1"}, False, False, True),
        ({"FORCE_COLOR": "0"}, False, False, False),
        ({"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, False, False, True),
        ({"CLICOLOR": "0"}, True, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"CI": "true"}, True, False, False),
        ({"CI": "true", "FORCE_COLOR": "1"}, False, False, True),
    ],
)
def test_who_decides_about_colour(environ: dict[str, str], terminal: bool, flag: bool, wanted: bool) -> None:
    """The flag, then NO_COLOR, then what forces, then what switches off, then the terminal."""
    assert color_wanted(environ, is_terminal=terminal, no_color=flag) is wanted


def test_with_colour_only_colours_get_through(capsys: pytest.CaptureFixture[str]) -> None:
    """A coloured text keeps its colours; codes that clear, move or retitle are shown."""
    Console({"FORCE_COLOR": "1"}).result("\x1b[1;31mred\x1b[0m \x1b[2J\x1b]0;x\x07")
    assert capsys.readouterr().out == "\x1b[1;31mred\x1b[0m \\x1b[2J\\x1b]0;x\\x07\n"


def test_a_document_is_printed_byte_for_byte(capsys: pytest.CaptureFixture[str]) -> None:
    """What programs read is not touched."""
    Console({}).document('{"a": "\x7f"}')
    assert capsys.readouterr().out == '{"a": "\x7f"}'


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_an_error_is_told_with_its_code(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Summary, why, what to do, on stderr; never the key, never a terminal code."""
    assert run(["fail", str(code)], TOY) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: It went wrong.\n  the key is [secret]\\x1b[2J\n  Do it again.\n"


def test_a_bug_is_called_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is told in one piece, without a traceback, with how to report it."""
    assert run(["bug"], TOY) == 1
    err = capsys.readouterr().err
    assert err.startswith("Error: This is a bug in seqsync.\n  ValueError: the key is '[secret]'\n")
    assert "-vv" in err
    assert "Traceback" not in err


def test_the_loudest_traceback_holds_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    """With -vv the traceback is there, the key is not, in no spelling."""
    assert run(["-vv", "bug"], TOY) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "toy_program.py" in err
    assert "canary" not in err


@pytest.mark.parametrize("spelled", [KEY, repr(KEY), json.dumps({"key": KEY}), "https://x/?k=canary-key-4711-%C3%A4"])
def test_a_secret_is_known_in_every_spelling(spelled: str) -> None:
    """Plain, as Python and JSON write it, and in a URL."""
    console = Console({})
    console.hide(KEY)
    console.hide("canary-key-4711-ä")
    assert "canary" not in console.redact(spelled)


@pytest.mark.parametrize("spell", [quote, quote_plus, partial(quote, safe=""), escape, str])
def test_an_odd_secret_is_known_in_every_spelling(spell: Callable[[str], str]) -> None:
    """A server may echo the key in a URL or in a page."""
    console = Console({})
    console.hide("canary/key+5f'<1>&\"8=%20")
    assert "canary" not in console.redact(f"<p>{spell('canary/key+5f' + chr(39) + '<1>&' + chr(34) + '8=%20')}</p>")


def test_a_short_secret_does_not_black_out_words() -> None:
    """A key of a few letters, as a practice server may have, hides nothing."""
    console = Console({})
    console.hide("key")
    assert console.redact("the key") == "the key"


def test_what_the_system_refuses_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing permission is told with the file's name."""
    assert run(["refused"], TOY) == 1
    err = capsys.readouterr().err
    assert "x.yaml: Permission denied" in err
    assert "bug" not in err


def test_a_colourful_error_has_one_red_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FORCE_COLOR colours the word Error; -no-color wins over it, also where the line cannot be read."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["plam"], TOY)
    assert capsys.readouterr().err.startswith("\x1b[1;31mError:\x1b[0m There")
    run(["-no-color", "plam"], TOY)
    assert capsys.readouterr().err.startswith("Error: There")
