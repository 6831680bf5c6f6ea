"""What a command prints: results on stdout, everything else on stderr, every error in one layout.

This module handles color, closed pipes, narrow encodings and terminal codes in user text, and it redacts the API key.
Must not know the commands.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from sequence_sync.errors import InvalidFilesError, SeqsyncError
from sequence_sync.render.escape import log_lines, visible

if TYPE_CHECKING:
    from sequence_sync.provider.redact import Secrets

_COLOR = re.compile("(\x1b\\[[0-9;]*m)")


def _visible_except_color(text: str) -> str:
    return "".join(part if _COLOR.fullmatch(part) else visible(part) for part in _COLOR.split(text))


def use_color(environ: Mapping[str, str], *, is_terminal: bool, no_color: bool = False) -> bool:
    """Return whether to color.

    The first of these that is set decides: -no-color, NO_COLOR, FORCE_COLOR or CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb,
    CI. Where none is set, a terminal gets color.
    """
    if no_color or environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "").lower() not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM") == "dumb" or environ.get("CI"):
        return False
    return is_terminal


class _Stream:
    """One of the two outputs. A closed pipe is not an error: the rest of the text is dropped, the command continues.

    `strict`: any other failure, such as a full disk, is raised; otherwise the text is lost and nothing else happens.
    """

    def __init__(self, stream: TextIO | None, *, strict: bool) -> None:
        self.stream = stream
        self.strict = strict
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
            _redirect_to_null(self.stream)
            if self.strict and not isinstance(error, BrokenPipeError):
                raise

    def is_terminal(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    def write_lines(self, text: str) -> None:
        lines = log_lines(_visible_except_color(text) if self.color else visible(text))
        self.write(lines if lines.endswith("\n") else f"{lines}\n")


def _redirect_to_null(stream: TextIO) -> None:
    """Redirect a stream that failed, so that the flush of its buffer at exit cannot fail too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


class Console:
    """The two outputs of one command. `color` is about stdout, `error_color` about stderr."""

    def __init__(self, environ: Mapping[str, str], *, no_color: bool = False) -> None:
        self._out = _Stream(sys.stdout, strict=True)
        self._err = _Stream(sys.stderr, strict=False)
        self._values: set[str] = set()
        self._secrets: Secrets | None = None
        self.configure(environ, no_color=no_color, verbose=0)

    def configure(self, environ: Mapping[str, str], *, no_color: bool, verbose: int) -> None:
        """Apply the options of the command line."""
        self.verbose = verbose
        self._can_redraw = self._err.is_terminal() and not environ.get("CI") and environ.get("TERM") != "dumb"
        for stream in (self._out, self._err):
            stream.color = use_color(environ, is_terminal=stream.is_terminal(), no_color=no_color)

    @property
    def color(self) -> bool:
        return self._out.color

    @property
    def error_color(self) -> bool:
        return self._err.color

    @property
    def is_terminal(self) -> bool:
        """Whether a progress bar may redraw itself on stderr: on a terminal, outside CI."""
        return self._can_redraw

    def result(self, text: str) -> None:
        """Print a result for people to stdout, ended by a line break."""
        self._out.write_lines(self.redact(text))

    def document(self, text: str) -> None:
        """Print a result for programs to stdout, byte for byte."""
        self._out.write(text)

    def note(self, text: str) -> None:
        """Print progress, a warning or a next step to stderr, ended by a line break."""
        self._err.write_lines(self.redact(text))

    def prompt(self, text: str) -> None:
        """Print a question to stderr, without a line break."""
        self._err.write(visible(self.redact(text)))

    def redact_value(self, value: str) -> None:
        """From now on redact `value` in what people read, in every spelling that `provider.redact` knows."""
        # Deferred: help and version do not need it.
        from sequence_sync.provider.redact import Secrets

        self._values.add(value)
        self._secrets = Secrets(self._values)

    def redact(self, text: str) -> str:
        """Return `text` with every secret replaced: a plain one by `[secret]`, any other spelling with its line."""
        secrets = self._secrets
        if secrets is None or not secrets.are_in(text):
            return text
        return "\n".join(secrets.withheld(line) for line in text.split("\n"))

    def report_error(self, error: BaseException) -> int:
        """Print `error` and return its exit code. An exception that seqsync does not expect is reported as a bug."""
        if isinstance(error, InvalidFilesError):
            # Deferred: it loads the models.
            from sequence_sync.render.diagnostics import diagnostics_text

            self.note(diagnostics_text(error.diagnostics, self.error_color))
            return error.exit_code
        if isinstance(error, SeqsyncError):
            self._print_error(error)
            return error.exit_code
        self._print_error(_system_error(error) if isinstance(error, OSError) and error.strerror else _bug(error))
        if self.verbose >= 2:
            import traceback

            self.note("".join(traceback.format_exception(error)))
        return SeqsyncError.exit_code

    def _print_error(self, error: SeqsyncError) -> None:
        head = "\x1b[1;31mError:\x1b[0m" if self.error_color else "Error:"
        body = "\n".join(part for part in (error.detail, error.hint) if part)
        indented = "".join(f"\n  {line}" for line in body.splitlines())
        self.note(f"{head} {error.summary}{indented}")


def reason_of(error: OSError) -> str:
    """Return the system's message as it reads within a sentence: `read-only file system`."""
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def _system_error(error: OSError) -> SeqsyncError:
    if error.filename:
        return SeqsyncError(f"Cannot access {error.filename}: {reason_of(error)}.")
    return SeqsyncError(f"System error: {reason_of(error)}.")


def _bug(error: BaseException) -> SeqsyncError:
    return SeqsyncError(
        "This is a bug in seqsync.",
        f"{type(error).__name__}: {error}",
        "Your files are not the cause. Please report the bug with the output of `seqsync version` and of this command, "
        "run again with -vv.",
    )
