"""What goes to the screen: results on stdout, everything else on stderr, errors in one shape.

Colour, closed pipes, narrow encodings, terminal codes in user text, and the key that must never be shown are settled
here once. Knows nothing of commands.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from sequence_sync.errors import InvalidFilesError, SeqsyncError
from sequence_sync.render.escape import log_lines, visible

SHORTEST_SECRET = 8  # a shorter one would black out ordinary words
_COLOR = re.compile("(\x1b\\[[0-9;]*m)")


def _visible_but_for_color(text: str) -> str:
    return "".join(part if _COLOR.fullmatch(part) else visible(part) for part in _COLOR.split(text))


def color_wanted(environ: Mapping[str, str], *, is_terminal: bool, no_color: bool = False) -> bool:
    """Whether to colour. The first that speaks wins: the flag, NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, CLICOLOR=0,
    TERM=dumb, CI; then colour is for terminals."""
    if no_color or environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "").lower() not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb" or environ.get("CI"):
        return False
    return is_terminal


class _Stream:
    """One of the two outputs. A reader that has gone away is no error: the rest is dropped, the work goes on.

    `must_arrive`: a full disk is an error; where it is not set the text is lost and nothing else happens.
    """

    def __init__(self, stream: TextIO | None, *, must_arrive: bool) -> None:
        self.stream = stream
        self.must_arrive = must_arrive
        self.color = False
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")

    def write(self, text: str) -> None:
        if self.stream is None:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            _drop(self.stream)
            if self.must_arrive and not isinstance(error, BrokenPipeError):
                raise

    def is_terminal(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def text(self, text: str) -> None:
        line = log_lines(_visible_but_for_color(text) if self.color else visible(text))
        self.write(line if line.endswith("\n") else f"{line}\n")


def _drop(stream: TextIO) -> None:
    """Point a stream that takes no more at nowhere, so that what it still holds cannot fail at the end either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Console:
    """The two outputs of one run. `color` is stdout's, `error_color` stderr's."""

    def __init__(self, environ: Mapping[str, str], *, no_color: bool = False) -> None:
        self._out = _Stream(sys.stdout, must_arrive=True)
        self._err = _Stream(sys.stderr, must_arrive=False)
        self._secrets: set[str] = set()
        self.set(environ, no_color=no_color, verbose=0)

    def set(self, environ: Mapping[str, str], *, no_color: bool, verbose: int) -> None:
        """What the command line says about the screen."""
        self.verbose = verbose
        self._drawable = self._err.is_terminal() and not environ.get("CI") and environ.get("TERM") != "dumb"
        for stream in (self._out, self._err):
            stream.color = color_wanted(environ, is_terminal=stream.is_terminal(), no_color=no_color)

    @property
    def color(self) -> bool:
        return self._out.color

    @property
    def error_color(self) -> bool:
        return self._err.color

    @property
    def is_terminal(self) -> bool:
        """Whether progress on stderr may be drawn over itself: a real terminal, not CI's."""
        return self._drawable

    def result(self, text: str) -> None:
        """What the command was asked for, for people: to stdout, with a line break at its end."""
        self._out.text(self.redact(text))

    def document(self, text: str) -> None:
        """What the command was asked for, for programs: to stdout, byte for byte."""
        self._out.write(text)

    def note(self, text: str) -> None:
        """Progress, warnings, what to do next: to stderr, with a line break at its end."""
        self._err.text(self.redact(text))

    def ask(self, text: str) -> None:
        """A question: to stderr, the cursor stays behind it."""
        self._err.write(visible(self.redact(text)))

    def hide(self, value: str) -> None:
        """From now on `value` is shown by none of the methods for people, however it is quoted."""
        # Late, as in `failed`: help and version need none of it.
        import json
        from html import escape
        from urllib.parse import quote, quote_plus

        if len(value) >= SHORTEST_SECRET:
            self._secrets |= {value, json.dumps(value)[1:-1], repr(value)[1:-1], escape(value), escape(value, False)}
            self._secrets |= {quote(value, safe=""), quote(value), quote_plus(value, safe="/")}

    def redact(self, text: str) -> str:
        """`text` without the values that are to be kept secret."""
        for value in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(value, "[secret]")
        return text

    def failed(self, error: BaseException) -> int:
        """Tell `error` and give its exit code: in its own words, or as a bug of seqsync."""
        if isinstance(error, InvalidFilesError):
            # Late: the reports load the models.
            from sequence_sync.render.diagnostics import diagnostics_text

            self.note(diagnostics_text(error.diagnostics, self.error_color))
            return error.exit_code
        if isinstance(error, SeqsyncError):
            self._tell(error)
            return error.exit_code
        if isinstance(error, OSError) and error.strerror:
            self._tell(SeqsyncError("The computer refused something that the command needs.", _os_detail(error)))
        else:
            self._tell(_bug(error))
        if self.verbose >= 2:
            import traceback

            self.note("".join(traceback.format_exception(error)))
        return SeqsyncError.exit_code

    def _tell(self, error: SeqsyncError) -> None:
        head = "\x1b[1;31mError:\x1b[0m" if self.error_color else "Error:"
        body = "\n".join(part for part in (error.detail, error.hint) if part)
        indented = "".join(f"\n  {line}" for line in body.splitlines())
        self.note(f"{head} {error.summary}{indented}")


def _os_detail(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)


def _bug(error: BaseException) -> SeqsyncError:
    return SeqsyncError(
        "This is a bug in seqsync.",
        f"{type(error).__name__}: {error}",
        "Your files are not to blame. Please report it: run the same command again with -vv, and send what it prints "
        "together with the output of `seqsync version`.",
    )
