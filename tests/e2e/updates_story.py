"""A project with one sequence against the sandbox, as a story of edits. Each apply makes exact calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.project import Project

from sequence_sync.errors import GateShutError
from sequence_sync.model.report import ApplyReport, Observer
from sequence_sync.operations.apply import ApplyRequest, apply
from sequence_sync.operations.plan import PlanOptions, plan_project
from sequence_sync.operations.workspace import Workspace, open_workspace
from sequence_sync.plan.model import Plan
from sequence_sync.sandbox.faults import Switches
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.state.model import SequenceState

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
        assert [row.status for row in rows if (row.status or 0) >= 400] == []
        return [(row.method, json.loads(row.body)) for row in rows]

    def workspace(self) -> Workspace:
        """The project as a command opens it; in this process, as a story has many runs."""
        return open_workspace(self.project.root, None, self.project.environ, lambda _: None)

    def plan(self, *allowed: str) -> Plan:
        """The differences."""
        return plan_project(self.workspace(), PlanOptions(allowed=allowed))

    def run(self, *allowed: str, observer: Observer | None = None) -> ApplyReport | None:
        """Plan and apply; None where there was nothing to do."""
        workspace = self.workspace()
        request = ApplyRequest(plan=PlanOptions(allowed=allowed))
        return apply(workspace, workspace.key(), request, approve=lambda _: True, observer=observer).report

    def applied(self, *allowed: str) -> list[tuple[str, dict[str, Any]]]:
        """Apply: the new calls. They are those that the plan shows, and the second plan has none."""
        before = len(self.writes())
        planned = [(call.method, call.body) for change in self.plan(*allowed).changes for call in change.calls]
        report = self.run(*allowed)
        assert report is None or report.exit_code == 0, report
        made = self.writes()[before:]
        assert made == planned
        assert self.plan().changes == ()
        return made

    def refused(self, *allowed: str) -> str:
        """Apply. It must end with 6 and send nothing. Return the message."""
        before = len(self.writes())
        try:
            report = self.run(*allowed)
        except GateShutError as shut:
            message = f"{shut} {shut.hint}"
        else:
            assert report is not None
            assert report.exit_code == 6, report
            message = " ".join(f"{row.detail} {row.hint}" for row in report.results)
        assert len(self.writes()) == before
        return message

    def days(self) -> list[tuple[int, str]]:
        """Every step there, by its day and the first words of its first variant."""
        (sequence,) = self.box.store.sequences()
        return [(step.day, next(iter(step.variants[0].payload.values()))) for step in sequence.steps]

    def state(self) -> SequenceState:
        """What is remembered of the sequence."""
        replayed = self.workspace().read()
        assert replayed is not None
        return replayed.state.sequences["trial"]

    def variants_of(self, step: str) -> list[Any]:
        """The variants of a step, as the account holds them."""
        (sequence,) = self.box.store.sequences()
        found = sequence.step(self.state().steps[step].id)
        assert found is not None
        return list(found.variants)


def begun(root: Path, box: Sandbox, behaviour: Switches | None = None) -> Story:
    """The first steps, applied."""
    if behaviour:
        box.switch(behaviour)
    story = Story(Project(root, box.url, settle_grace="0.3"), box)
    story.write(first())
    assert len(story.applied()) == 5
    return story
