"""Output: color, terminal codes, secrets, narrow encodings, and the layout of errors."""

import json
from collections.abc import Callable
from functools import partial
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from toy_program import ERRORS, KEY, TOY

from sequence_sync.cli.console import Console, use_color
from sequence_sync.cli.main import run


@pytest.mark.parametrize(
    ("environ", "terminal", "flag", "expected"),
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
def test_color_follows_the_first_setting_that_is_given(
    environ: dict[str, str], terminal: bool, flag: bool, expected: bool
) -> None:
    """-no-color, NO_COLOR, the variables that force color, those that switch it off, then the terminal."""
    assert use_color(environ, is_terminal=terminal, no_color=flag) is expected


def test_with_color_only_color_codes_pass(capsys: pytest.CaptureFixture[str]) -> None:
    Console({"FORCE_COLOR": "1"}).result("\x1b[1;31mred\x1b[0m \x1b[2J\x1b]0;x\x07")
    assert capsys.readouterr().out == "\x1b[1;31mred\x1b[0m \\x1b[2J\\x1b]0;x\\x07\n"


def test_document_is_printed_byte_for_byte(capsys: pytest.CaptureFixture[str]) -> None:
    Console({}).document('{"a": "\x7f"}')
    assert capsys.readouterr().out == '{"a": "\x7f"}'


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_error_is_printed_to_stderr_without_secrets_and_returns_its_code(
    code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Summary, detail and hint; never the key, never a terminal code."""
    assert run(["fail", str(code)], TOY) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: It went wrong.\n  the key is [secret]\\x1b[2J\n  Do it again.\n"


def test_unexpected_exception_is_reported_as_a_bug_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bug"], TOY) == 1
    err = capsys.readouterr().err
    assert err.startswith("Error: This is a bug in seqsync.\n  ValueError: the key is '[secret]'\n")
    assert "-vv" in err
    assert "Traceback" not in err


def test_traceback_of_vv_holds_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-vv", "bug"], TOY) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "toy_program.py" in err
    assert "canary" not in err


@pytest.mark.parametrize("spelled", [KEY, repr(KEY), json.dumps({"key": KEY}), "https://x/?k=canary-key-4711-%C3%A4"])
def test_secret_is_redacted_in_python_json_and_url_spelling(spelled: str) -> None:
    console = Console({})
    console.redact_value(KEY)
    console.redact_value("canary-key-4711-ä")
    assert "canary" not in console.redact(spelled)


@pytest.mark.parametrize("spell", [quote, quote_plus, partial(quote, safe=""), escape, str])
def test_secret_with_special_characters_is_redacted_in_every_spelling(spell: Callable[[str], str]) -> None:
    """A server may echo the key in a URL or a page."""
    console = Console({})
    console.redact_value("canary/key+5f'<1>&\"8=%20")
    assert "canary" not in console.redact(f"<p>{spell('canary/key+5f' + chr(39) + '<1>&' + chr(34) + '8=%20')}</p>")


def test_short_secret_is_not_redacted() -> None:
    """The key of a sandbox may be a few letters; redacting it would hide ordinary words."""
    console = Console({})
    console.redact_value("key")
    assert console.redact("the key") == "the key"


def test_system_error_names_the_file_and_is_not_reported_as_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["refused"], TOY) == 1
    err = capsys.readouterr().err
    assert err == "Error: Cannot access x.yaml: permission denied.\n"
    assert "bug" not in err


def test_force_color_colors_the_word_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """-no-color takes precedence, even where the command line cannot be parsed."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["plam"], TOY)
    assert capsys.readouterr().err.startswith("\x1b[1;31mError:\x1b[0m Invalid usage")
    run(["-no-color", "plam"], TOY)
    assert capsys.readouterr().err.startswith("Error: Invalid usage")
