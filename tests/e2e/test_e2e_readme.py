"""The transcript in README.md is what the commands print."""

from __future__ import annotations

import re
from pathlib import Path

from support.project import Project

from sequence_sync.sandbox.server import Sandbox

README = Path(__file__).parents[2] / "README.md"


def steady(text: str, host: str) -> str:
    """`text` without what differs from run to run: host, hashes, blank lines."""
    text = re.sub("[0-9a-f]{64}", "HASH", text.replace(host, "127.0.0.1:8585"))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def test_the_transcript_is_real(tmp_path: Path) -> None:
    """Each command of the transcript prints what stands under it."""
    blocks = README.read_text(encoding="utf-8").split("```")[1::2]
    [transcript] = [block for block in blocks if "$ seqsync init" in block]
    with Sandbox(per_minute=0) as box:
        project = Project(tmp_path, box.url)
        host = box.url.split("/")[2]
        for part in transcript.split("$ seqsync ")[1:]:
            command, _, expected = part.partition("\n")
            done = project.ok(*command.split())
            if command == "init":
                continue
            printed = done.err + done.out if command.startswith("apply") else done.out
            assert steady(printed, host) == steady(expected, host)
