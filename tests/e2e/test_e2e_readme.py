"""The transcript in README.md is what the commands print. `--update-golden` writes it again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.project import Project

from sequence_sync.sandbox.server import Sandbox

README = Path(__file__).parents[2] / "README.md"
BEGIN, PROMPT = "```\n$ seqsync init\n", "$ seqsync "
HASH = re.compile("[0-9a-f]{64}")


def stable(text: str, host: str) -> str:
    """Return `text` without what differs from run to run: host, hashes, blank lines at the ends."""
    return HASH.sub("HASH", text.replace(host, "127.0.0.1:8585")).strip("\n")


def transcript(page: str) -> str:
    """Return the block of README that begins with `seqsync init`."""
    return page[page.index(BEGIN) :].split("```")[1].lstrip("\n")


def test_transcript_in_readme_is_what_the_commands_print(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = README.read_text(encoding="utf-8")
    expected = transcript(page)
    printed = []
    with Sandbox(per_minute=0) as box:
        project = Project(tmp_path, box.url)
        for line in (line for line in expected.splitlines() if line.startswith(PROMPT)):
            done = project.ok(*line.removeprefix(PROMPT).split())
            output = done.err + done.out if "apply" in line else done.out
            printed.append(line if line.endswith(" init") else f"{line}\n{stable(output, box.url.split('/')[2])}\n")
    actual = "\n".join(printed)
    if request.config.getoption("--update-golden"):
        hashes = iter([*HASH.findall(expected), *["0" * 64] * len(printed)])
        README.write_text(page.replace(expected, re.sub("HASH", lambda _: next(hashes), actual)), encoding="utf-8")
    else:
        assert actual == HASH.sub("HASH", expected)
