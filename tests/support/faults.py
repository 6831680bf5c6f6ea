"""A small sequence for tests with faults and kills, and the judgement on what a server holds in the end."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

from support.project import Done, Project
from support.stand_in import StandIn

TITLE = "Fault lines"
# Neither in the order of days nor without a step that says nothing.
SEQUENCE = """\
sequence: faults
title: Fault lines
steps:
  later:
    day: 5
    type: email
    variants:
      a:
        subject: Still curious, {{firstName}}?
        content: <p>It's been a while. <a href="https://example.com/a?b=1">Have a look</a></p>
      b:
        subject: One more idea
        markdown: |
          Hi {{firstName}}, one more **idea**. It's short.
  call:
    day: 2
    type: call_introduction
    task_note: Ask about the numbers
  look:
    day: 2
    type: linkedin_view_profile
  message:
    day: 2
    type: linkedin_message
    message: Hi {{firstName}}, did my email arrive?
  intro:
    day: 1
    type: email
    subject: Quick question
    content: <p>Hi {{firstName}},<br>a question. It's quick.</p>
"""
CREATES = 6  # the sequence and five steps
WANTED = [(1, 1), (11, 2), (5, 2), (3, 2), (1, 5)]  # type and day, in the order in which they must be made
SAID = ["Quick question", "Ask about", "{}", "did my email", "Still curious"]


def fault_project(root: Path, url: str, *, timeout: float = 2, settle_grace: str = "1") -> Project:
    """A project with that sequence, whose calls are given up after `timeout` seconds."""
    project = Project(root, url, settle_grace=settle_grace)
    project.write("sequences/faults.yaml", SEQUENCE)
    project.write("seqsync.yaml", f"version: 1\nenvironments:\n  default:\n    timeout: {timeout}\n")
    return project


def more_sequences(project: Project, count: int) -> list[str]:
    """Further sequences with other titles and the same steps; all titles."""
    titles = [TITLE]
    for number in range(1, count):
        titles.append(f"{TITLE} {number}")
        text = SEQUENCE.replace("sequence: faults", f"sequence: faults-{number}").replace(TITLE, titles[-1])
        project.write(f"sequences/faults-{number}.yaml", text)
    return titles


def assert_exactly_once(server: StandIn, faults: int, titles: Sequence[str] = (TITLE,)) -> None:
    """Every step once, in order, as it was meant; no more than one extra create for each fault; nothing disliked."""
    server.come_to_rest()
    assert server.violations == []
    assert sorted(row["title"] for row in server.sequences.values()) == sorted(titles)
    for title in titles:
        assert_steps(server, title)
    assert len(server.creates) <= CREATES * len(titles) + faults


def assert_steps(server: StandIn, title: str) -> None:
    """The steps of one sequence."""
    steps = server.steps(title)
    assert [(step["type"], step["absoluteDays"]) for step in steps] == WANTED
    for step, words in zip(steps, SAID, strict=True):
        assert words in json.dumps(step["variants"][0], ensure_ascii=False)
    assert [len(step["variants"]) for step in steps] == [1, 1, 1, 1, 2]


def assert_quiet(project: Project) -> None:
    """The second plan is empty."""
    second = project.run("plan", "-detailed-exitcode")
    assert second.code == 0, second.both
    assert "No changes." in second.out


def apply_until_done(project: Project, most: int = 4) -> list[Done]:
    """Apply, again and again, until it goes well; every run must end by itself in an orderly way."""
    runs: list[Done] = []
    while not runs or runs[-1].code != 0:
        assert len(runs) < most, "\n---\n".join(run.both for run in runs)
        runs.append(project.run("apply", "-auto-approve"))
    return runs


def spoiled(project: Project, kind: str, point: str, count: int, *arguments: str) -> Done:
    """Run a command with a signal or a refusal of the disk at the nth arrival at `point` (see `killed`)."""
    return project.run_in_fork(*arguments, bomb=(kind, point, str(count)))


def killed_at(project: Project, point: str, count: int) -> bool:
    """Run apply with a bomb at the nth arrival at `point`; whether it went off."""
    done = spoiled(project, "SIGKILL", point, count, "apply", "-auto-approve")
    assert done.code in (-signal.SIGKILL, 0, 1, 10), done.both
    return done.code == -signal.SIGKILL
