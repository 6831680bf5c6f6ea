"""Disks that refuse, states that are put back, decisions of a person, and locks: by processes, end to end."""

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
    """The stand-in."""
    with StandIn() as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, server: StandIn) -> Project:
    """Its project."""
    return fault_project(tmp_path, server.url, settle_grace="0.3")


def commands(text: str) -> list[list[str]]:
    """The seqsync commands that a text tells to run."""
    return [found.split() for found in re.findall(r"`seqsync ([^`]+)`", text)]


def test_a_state_that_cannot_be_written_is_rescued(project: Project, server: StandIn) -> None:
    """The file is kept elsewhere, its command is told, and that command puts it back."""
    done = spoiled(project, "EROFS:" + STATE, "before-rename", 2, "apply", "-auto-approve")
    assert done.code != 0
    before = json.loads((project.root / STATE).read_text())
    assert before["sequences"] == {}
    [push] = [words for words in commands(done.err) if words[:2] == ["state", "push"]]
    project.ok(*push)
    assert_exactly_once(server, 0)
    assert_quiet(project)
    assert len(server.creates) == CREATES


def test_a_rescue_that_is_not_taken_is_not_needed(project: Project, server: StandIn) -> None:
    """The journal still tells everything."""
    spoiled(project, "EROFS:" + STATE, "before-rename", 2, "apply", "-auto-approve")
    assert_quiet(project)
    project.ok("apply", "-auto-approve")
    assert len(server.creates) == CREATES
    assert len(project.ok("state", "list").out.splitlines()) == CREATES


def full_disk(project: Project, server: StandIn, point: str, kind: str, count: int) -> bool:
    """The disk refuses from then on; whether it did. When it is well again, everything goes on."""
    done = spoiled(project, kind, point, count, "apply", "-auto-approve")
    if done.code == 0:
        return False
    if '"lineage"' in done.out:  # the last way out: it is printed
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
def test_a_full_disk(project: Project, server: StandIn, point: str, kind: str, count: int) -> None:
    """No intent, no call; what could not be recorded is looked up by the next run, and nothing is sent twice."""
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
def test_a_full_disk_at_every_write(tmp_path: Path, point: str, kind: str) -> None:
    """The same at each write of an apply in turn."""
    for count in range(1, 100):
        with StandIn() as server:
            if not full_disk(
                fault_project(tmp_path / str(count), server.url, settle_grace="0.2"), server, point, kind, count
            ):
                assert count > 2
                return
    raise AssertionError("an apply has fewer writes than that")


def test_state_push_refuses_what_is_not_newer(project: Project) -> None:
    """Another lineage and a lower serial need -force; refusing changes nothing."""
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
    """From now on the server gives messages back in words of its own."""
    told = server._variant

    def in_its_words(row: dict[str, object], kind: int) -> dict[str, object]:
        shown = told(row, kind)
        return {**shown, "payload": {"message": words}} if kind == 3 else shown

    server._variant = in_its_words  # type: ignore[method-assign]


@pytest.mark.parametrize("verb", ["-adopt", "-recreate"])
def test_a_person_decides_an_unknown_create(project: Project, server: StandIn, verb: str) -> None:
    """What cannot be known ends with 9 and two commands; either of them, without a terminal, leads on."""
    server.faults = [Fault("drop_after", 5)]
    rewriting(server, "Something else altogether")
    stopped = project.run("apply", "-auto-approve")
    assert stopped.code == 9
    assert len(server.creates) == 5
    assert project.run("apply", "-auto-approve").code == 9  # it does not go away by itself
    [command] = [words for words in commands(stopped.err) if words[:2] == ["state", "resolve"] and verb in words]
    project.ok(*command)
    # The text that was adopted differs from the file's: that is another matter.
    wanted = ("faults.message", "faults.later") if verb == "-recreate" else ("faults.later",)
    project.ok("apply", "-auto-approve", *(word for address in wanted for word in ("-target", address)))
    made = [(step["type"], step["absoluteDays"]) for step in server.steps(TITLE)]
    assert made == (WANTED if verb == "-adopt" else [*WANTED[:4], *WANTED[3:]])
    assert len(server.creates) == CREATES + (verb == "-recreate")


def test_a_second_copy_is_told_and_resolved(project: Project, server: StandIn) -> None:
    """Two equal steps stop everything in their sequence; one is deleted in the app, the other is named."""
    project.ok("apply", "-auto-approve", "-exclude", "faults.later")
    [sequence] = server.sequences.values()
    ours = next(step for step in sequence["steps"] if step["type"] == 3)
    copy = {**ours, "id": "secondCopy", "variants": [{**ours["variants"][0], "id": "secondVariant"}]}
    sequence["steps"].append(copy)
    stopped = project.run("apply", "-auto-approve")
    assert stopped.code == 9
    assert "second copy" in stopped.err
    assert "secondCopy" in stopped.err
    assert ours["id"] in stopped.err
    sequence["steps"].remove(ours)
    project.ok("state", "resolve", "faults.message", "-adopt", "secondCopy")
    project.ok("apply", "-auto-approve")
    assert sorted((step["type"], step["absoluteDays"]) for step in sequence["steps"]) == sorted(WANTED)
    assert_quiet(project)


def test_the_lock(project: Project, server: StandIn) -> None:
    """A second apply names the owner and ends with 8; a stopped owner keeps it; a dead one frees it at once."""
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


def test_a_lock_that_is_waited_for(project: Project, server: StandIn) -> None:
    """With -lock-timeout the second apply waits for the first, and then has nothing to do."""
    server.faults = [Fault("late", 3, 1.5)]
    holder = project.start("apply", "-auto-approve")
    server.wait_for_creates(3)
    second = project.ok("apply", "-auto-approve", "-lock-timeout", "1m")
    assert holder.wait(60) == 0
    holder.communicate()
    assert second.out.startswith("No changes.")
    assert len(server.creates) == CREATES
