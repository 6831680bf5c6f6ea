"""A project with one sequence against the sandbox, told as a story of edits: after each, exactly these calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.project import Done, Project

from sequence_sync.sandbox.behaviour import Behaviour
from sequence_sync.sandbox.server import Sandbox

Steps = dict[str, dict[str, Any]]


def email(day: int, words: str, **more: Any) -> dict[str, Any]:
    """An email step as a file has it."""
    return {"day": day, "type": "email", "subject": f"About {words}", "content": f"<p>Some words: {words}</p>", **more}


def variants(day: int, **words: str) -> dict[str, Any]:
    """An email step with several variants."""
    rows = {letter: {"subject": f"About {text}", "content": f"<p>{text}</p>"} for letter, text in words.items()}
    return {"day": day, "type": "email", "variants": rows}


def message(day: int, words: str, **more: Any) -> dict[str, Any]:
    """A LinkedIn message."""
    return {"day": day, "type": "linkedin_message", "message": words, **more}


def first() -> Steps:
    """The steps at the beginning of each story."""
    return {
        "one": email(1, "the first thing"),
        "two": email(3, "quite another matter", preheader="Before it"),
        "three": variants(7, a="a third topic", b="its other form"),
        "task": message(4, "A message on the side", task_note="Look first", priority="high"),
    }


@dataclass
class Story:
    """One project and the account it works on."""

    project: Project
    box: Sandbox

    def write(self, steps: Steps, settings: str = "", **more: Any) -> None:
        """The sequence file as it is now; JSON is YAML too."""
        text = json.dumps({"sequence": "trial", "title": "Trial", "steps": steps, **more}, indent=2)
        self.project.write("sequences/trial.yaml", text + "\n")
        if settings:
            self.project.write("seqsync.yaml", settings)

    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        """Method and body of every call that changed something, in order; none was refused."""
        rows = [row for row in self.box.store.log.entries() if row.method != "GET"]
        assert [row.status for row in rows if row.status >= 400] == []
        return [(row.method, json.loads(row.body)) for row in rows]

    def applied(self, *arguments: str) -> list[tuple[str, dict[str, Any]]]:
        """Apply: the new calls. They are those that the plan shows, and the second plan has none."""
        before = len(self.writes())
        plan = json.loads(self.project.ok("plan", "-format", "json", *arguments).out)
        planned = [(call["method"], call["body"]) for change in plan["changes"] for call in change["calls"]]
        self.project.ok("apply", "-auto-approve", *arguments)
        made = self.writes()[before:]
        assert made == planned
        again = self.project.run("plan", "-detailed-exitcode")
        assert again.code == 0, again.out
        return made

    def refused(self, *arguments: str) -> Done:
        """Apply: it must end with 6, and send nothing."""
        before = len(self.writes())
        done = self.project.run("apply", "-auto-approve", *arguments)
        assert (done.code, len(self.writes())) == (6, before), done.both
        return done

    def days(self) -> list[tuple[int, str]]:
        """Every step there, by its day and the first words of its first variant."""
        (sequence,) = self.box.store.sequences()
        return [(step.day, next(iter(step.variants[0].payload.values()))) for step in sequence.steps]

    def ids(self) -> dict[str, str]:
        """Remote ids by address."""
        return dict(line.split("\t") for line in self.project.ok("state", "list").out.splitlines())

    def variants_of(self, step: str) -> list[Any]:
        """The variants of a step, as the account holds them."""
        (sequence,) = self.box.store.sequences()
        found = sequence.step(self.ids()[f"trial.{step}"])
        assert found is not None
        return list(found.variants)


def begun(root: Path, box: Sandbox, behaviour: Behaviour | None = None) -> Story:
    """The first steps, applied."""
    if behaviour:
        box.switches.set(behaviour)
    story = Story(Project(root, box.url), box)
    story.write(first())
    assert len(story.applied()) == 5
    return story
