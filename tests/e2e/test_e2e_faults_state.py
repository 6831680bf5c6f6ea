"""Full disks, restored states, resolved creates and locks, with real processes, end to end."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.faults import (
    CREATES,
    TITLE,
    WANTED,
    apply_until_done,
    assert_exactly_once,
    assert_quiet,
    fault_project,
    spoiled,
)
from support.project import Project
from support.stand_in import Fault, StandIn

STATE = "seqsync.state.json"


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A stand-in server."""
    with StandIn() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: StandIn) -> Project:
    """A project that uses the stand-in server."""
    return fault_project(tmp_path, server.url, settle_grace="0.3")


def commands(text: str) -> list[list[str]]:
    """The seqsync commands in a text."""
    return [found.split() for found in re.findall(r"`seqsync ([^`]+)`", text)]


def test_unwritable_state_goes_to_a_rescue_file_that_push_restores(project: Project, server: StandIn) -> None:
    done = spoiled(project, "EROFS:" + STATE, "before-rename", 2, "apply", "-auto-approve")
    assert done.code != 0
    before = json.loads((project.root / STATE).read_text())
    assert before["sequences"] == {}
    [push] = [words for words in commands(done.err) if words[:2] == ["state", "push"]]
    project.ok(*push)
    assert_exactly_once(server, 0)
    assert_quiet(project)
    assert len(server.creates) == CREATES


def test_journal_suffices_where_the_rescue_file_is_not_restored(project: Project, server: StandIn) -> None:
    spoiled(project, "EROFS:" + STATE, "before-rename", 2, "apply", "-auto-approve")
    assert_quiet(project)
    project.ok("apply", "-auto-approve")
    assert len(server.creates) == CREATES
    assert len(project.ok("state", "list").out.splitlines()) == CREATES


def full_disk(project: Project, server: StandIn, point: str, kind: str, count: int) -> bool:
    """Apply with a disk that is full from `point` on, then with a working one. Return whether the point was reached."""
    done = spoiled(project, kind, point, count, "apply", "-auto-approve")
    if done.code == 0:
        return False
    if '"lineage"' in done.out:  # without a rescue file, the state is printed
        (project.root / "printed.json").write_text(done.out[done.out.index("{") :])
        assert project.run("state", "push", "printed.json").code in (0, 1)
    apply_until_done(project)
    assert_exactly_once(server, 0)
    assert_quiet(project)
    return True


@pytest.mark.parametrize(
    ("point", "kind", "count"),
    [("before-journal-write", "ENOSPC", 1), ("before-journal-write", "ENOSPC", 6), ("before-journal-fsync", "EIO", 5)],
)
def test_full_disk_sends_nothing_twice(project: Project, server: StandIn, point: str, kind: str, count: int) -> None:
    """Without a durable intent there is no call, and the next run reads what was not recorded."""
    assert full_disk(project, server, point, kind, count)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("point", "kind"),
    [
        ("before-journal-write", "ENOSPC"),
        ("before-journal-fsync", "EIO"),
        ("after-journal-fsync", "EIO"),
        ("before-rename", "EROFS"),
        ("before-folder-fsync", "EIO"),
    ],
)
def test_full_disk_at_each_write_of_an_apply(tmp_path: Path, point: str, kind: str) -> None:
    for count in range(1, 100):
        with StandIn() as server:
            if not full_disk(
                fault_project(tmp_path / str(count), server.url, settle_grace="0.2"), server, point, kind, count
            ):
                assert count > 2
                return
    raise AssertionError("an apply has fewer writes than that")


def test_state_push_refuses_another_lineage_and_an_older_serial(project: Project) -> None:
    """A refusal changes nothing."""
    project.ok("apply", "-auto-approve", "-target", "faults.intro")
    old = project.ok("state", "pull").out
    project.write("old.json", old)
    project.ok("apply", "-auto-approve")
    now = (project.root / STATE).read_bytes()
    project.write("foreign.json", json.dumps(json.loads(old) | {"lineage": "another", "serial": 99}))
    for name in ("old.json", "foreign.json"):
        refused = project.run("state", "push", name)
        assert (refused.code, "-force" in refused.err) == (1, True), refused.both
        assert (project.root / STATE).read_bytes() == now
    project.ok("state", "push", "-force", "old.json")
    assert len(project.ok("state", "list").out.splitlines()) == 2


def rewriting(server: StandIn, words: str) -> None:
    """Make the server return another text than it received."""
    original = server._variant

    def reworded(row: dict[str, object], kind: int) -> dict[str, object]:
        shown = original(row, kind)
        return {**shown, "payload": {"message": words}} if kind == 3 else shown

    server._variant = reworded  # type: ignore[method-assign]


@pytest.mark.parametrize("verb", ["-adopt", "-recreate"])
def test_create_in_doubt_is_resolved_by_either_command(project: Project, server: StandIn, verb: str) -> None:
    """The apply ends with 9 and names both commands."""
    server.faults = [Fault("drop_after", 5)]
    rewriting(server, "Something else altogether")
    stopped = project.run("apply", "-auto-approve")
    assert stopped.code == 9
    assert len(server.creates) == 5
    assert project.run("apply", "-auto-approve").code == 9  # it stays in doubt
    [command] = [words for words in commands(stopped.err) if words[:2] == ["state", "resolve"] and verb in words]
    project.ok(*command)
    # The adopted text differs from the file, which is not tested here.
    targets = ("faults.message", "faults.later") if verb == "-recreate" else ("faults.later",)
    project.ok("apply", "-auto-approve", *(word for address in targets for word in ("-target", address)))
    created = [(step["type"], step["absoluteDays"]) for step in server.steps(TITLE)]
    assert created == (WANTED if verb == "-adopt" else [*WANTED[:4], *WANTED[3:]])
    assert len(server.creates) == CREATES + (verb == "-recreate")


def test_duplicate_step_stops_its_sequence_until_resolved(project: Project, server: StandIn) -> None:
    project.ok("apply", "-auto-approve", "-exclude", "faults.later")
    [sequence] = server.sequences.values()
    ours = next(step for step in sequence["steps"] if step["type"] == 3)
    copy = {**ours, "id": "secondCopy", "variants": [{**ours["variants"][0], "id": "secondVariant"}]}
    sequence["steps"].append(copy)
    stopped = project.run("apply", "-auto-approve")
    assert stopped.code == 9
    assert "is a duplicate of" in stopped.err
    assert "secondCopy" in stopped.err
    assert ours["id"] in stopped.err
    sequence["steps"].remove(ours)
    project.ok("state", "resolve", "faults.message", "-adopt", "secondCopy")
    project.ok("apply", "-auto-approve")
    assert sorted((step["type"], step["absoluteDays"]) for step in sequence["steps"]) == sorted(WANTED)
    assert_quiet(project)


def test_second_apply_is_refused_while_the_lock_is_held(project: Project, server: StandIn) -> None:
    """A stopped process keeps the lock, and a killed one frees it at once."""
    server.faults = [Fault("late", 3, 60.0)]
    project.write("seqsync.yaml", "version: 1\nenvironments:\n  default:\n    timeout: 120\n")
    holder = project.start("apply", "-auto-approve")
    try:
        server.wait_for_creates(3)
        refused = project.run("apply", "-auto-approve")
        assert (refused.code, str(holder.pid) in refused.err) == (8, True), refused.both
        holder.send_signal(signal.SIGSTOP)
        assert project.run("apply", "-auto-approve", "-lock-timeout", "1s").code == 8
        assert project.run("plan", "-detailed-exitcode").code == 2  # a plan needs no lock
    finally:
        holder.kill()
        holder.communicate()
    project.ok("apply", "-auto-approve")
    assert_exactly_once(server, 0)


def test_lock_timeout_waits_for_the_first_apply(project: Project, server: StandIn) -> None:
    server.faults = [Fault("late", 3, 1.5)]
    holder = project.start("apply", "-auto-approve")
    server.wait_for_creates(3)
    second = project.ok("apply", "-auto-approve", "-lock-timeout", "1m")
    assert holder.wait(60) == 0
    holder.communicate()
    assert second.out.startswith("No changes.")
    assert len(server.creates) == CREATES
