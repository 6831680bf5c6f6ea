"""What several commands begin with: the workspace, with the key kept out of every output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sequence_sync.cli.options import CommandContext
from sequence_sync.errors import UsageError
from sequence_sync.files import temporary_name, write_atomically

if TYPE_CHECKING:
    from sequence_sync.operations.workspace import Workspace


# The checkout, as GitHub, GitLab, Azure, Bitbucket and Jenkins name it.
ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR", "WORKSPACE")


def opened(door: CommandContext) -> Workspace:
    """The project of the working folder. The key goes to no output, from wherever it comes."""
    # Late, as in every command: its help needs none of it.
    from sequence_sync.operations.workspace import open_workspace

    return open_workspace(door.root, door.env, os.environ, door.console.hide)


def folder_in_repository(door: CommandContext) -> str:
    """Where the project lies below the root of the repository, as `path/`; empty at the root, and outside of CI."""
    for name in ROOTS:
        root = os.environ.get(name)
        if root and door.root.resolve().is_relative_to(Path(root).resolve()):
            below = door.root.resolve().relative_to(Path(root).resolve()).as_posix()
            return "" if below == "." else f"{below}/"
    return ""


def write_result(path: str, data: bytes, what: str) -> None:
    """Write a file that a user asked for, readable by its owner only, whole or not at all. A device or a pipe is
    written to, never replaced."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        _write_into(target, path, data, what)
        return
    try:
        write_atomically(target, data, temporary=temporary_name(target))
    except OSError as error:
        raise UsageError(f"{what} cannot be written.", f"{path}: {error.strerror}.", "Give another path.") from None


def _write_into(target: Path, path: str, data: bytes, what: str) -> None:
    try:
        target.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{what} cannot be written.", f"{path}: {error.strerror}.", "Give another path.") from None


def read_given(path: str, what: str) -> bytes:
    """The bytes of a file that a user named. Raises UsageError where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{what} cannot be read.", f"{path}: {error.strerror}.") from None
