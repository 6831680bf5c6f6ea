"""The context that every command receives, and what several commands do first: open the project, read and write files.

Must not load the packages that do a command's work, nor `pathlib`: the program's own help loads this module.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sequence_sync.cli.console import Console, reason_of
from sequence_sync.cli.signals import SignalHandler, confirm, require_terminal
from sequence_sync.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sequence_sync.operations.workspace import Workspace

# Variables that name the root of the checkout on GitHub, GitLab, Azure, Bitbucket and Jenkins.
CHECKOUT_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR", "WORKSPACE")


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What every command receives (`@click.pass_obj`).

    `root` is the working directory, after `-chdir`. `env` is the value of `-env`. `color` is about stdout.
    `interactive`: the command may ask questions. `verbose` is 0, 1 (`-v`) or more.
    """

    root: Path
    env: str | None
    color: bool
    verbose: int
    interactive: bool
    console: Console
    signals: SignalHandler

    def require_terminal(self) -> None:
        """Raise UsageError where the command may not ask questions. Call it before the command does anything."""
        require_terminal(self.interactive)

    def confirm(self, question: str) -> bool:
        """Ask, and return whether the answer is `yes`.

        Raises UsageError where the command may not ask, StoppedBySignalError on a signal.
        """
        return confirm(question, self.signals, self.console.prompt, interactive=self.interactive)

    def open_workspace(self) -> Workspace:
        """Open the project in `root`. The console redacts the API key from then on."""
        # Deferred, like every import of a command's work: help needs none of it.
        from sequence_sync.operations.workspace import open_workspace

        return open_workspace(self.root, self.env, os.environ, self.console.redact_value)

    def folder_in_repository(self) -> str:
        """Return the project's folder in the checkout as `path/`; empty at the root and outside CI."""
        from pathlib import Path

        for name in CHECKOUT_ROOTS:
            root = os.environ.get(name)
            if root and self.root.resolve().is_relative_to(Path(root).resolve()):
                below = self.root.resolve().relative_to(Path(root).resolve()).as_posix()
                return "" if below == "." else f"{below}/"
        return ""


def write_output_file(path: str, data: bytes) -> None:
    """Write a file that the user named: whole or not at all, readable by its owner only.

    A device or a pipe is written to, never replaced; a link stays a link. Raises UsageError.
    """
    from pathlib import Path

    from sequence_sync.files import temporary_name, write_atomically

    target = Path(os.path.realpath(path))
    in_place = target.exists() and not target.is_file()
    try:
        if in_place:
            target.write_bytes(data)
        else:
            write_atomically(target, data, temporary=temporary_name(target))
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {reason_of(error)}.", "", "Choose another path.") from None


def read_input_file(path: str) -> bytes:
    """Return the bytes of a file that the user named. Raises UsageError."""
    from pathlib import Path

    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"Cannot read {path}: {reason_of(error)}.", "", "Check the path, or choose another file."
        ) from None
