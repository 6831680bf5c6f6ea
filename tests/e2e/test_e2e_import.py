"""`seqsync import` as its users run it: a process, its outputs, its exit codes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.import_account import email, opened

from sequence_sync.sandbox.server import Sandbox


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nothing to import."),
        (("-all", "abc"), "not both"),
        (("a.b",), "Invalid sequence id."),
        (("-all", "-into", "../x"), "would not read a new file in that folder"),
        (("-all", "-lock-timeout", "soon"), "invalid duration"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 3, before any call."""
    with Sandbox(per_minute=0) as box:
        done = opened(tmp_path, box).project.run("import", *arguments)
        assert done.code == 3
        assert words in done.both
        assert list(box.store.log.entries()) == []


def test_results_and_progress(tmp_path: Path) -> None:
    """A line for each sequence and one that counts on stdout, progress on stderr, and a plan without changes."""
    with Sandbox(per_minute=0) as box:
        scenario = opened(tmp_path, box)
        scenario.make("Trial", email(1, "One"))
        scenario.make("x" * 100, email(1, "One"))
        scenario.make("Trial ", email(1, "Two"))
        done = scenario.project.run("import", "-all")
        assert done.code == 10
        lines = done.out.splitlines()
        assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
            "failed",
            "failed",
            "imported",
            "Import:",
        ]
        assert lines[-1] == "Import: 1 imported, 2 failed."
        assert "[3/3]" in done.err
        assert scenario.project.ok("plan", "-detailed-exitcode").out.endswith("match the last apply.\n")


def test_a_signal_ends_it_in_order(tmp_path: Path) -> None:
    """An import that waits for the rate limit ends with 143, and its finished sequences are in the state."""
    with Sandbox(per_minute=2, window=600) as box:
        scenario = opened(tmp_path, box)
        for at in range(4):
            scenario.make(f"Trial {at}", email(1, "One"))
        process = scenario.project.start("import", "-all")
        assert process.stderr is not None
        for line in process.stderr:
            if "rate limit" in line:
                process.send_signal(signal.SIGTERM)
                break
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 143
        assert "Import: 2 imported, 2 not started." in out
        assert set(scenario.state("trial-0").steps) == {"email-1"}
        scenario.check_no_changes()
