"""One project over real HTTP, edited in files and in Saleshandy. Each apply makes exactly the planned calls."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support.project import Project

from sequence_sync.model.report import Event, NullObserver, Observer
from sequence_sync.operations.apply import ApplyRequest, ApplyResult, apply
from sequence_sync.operations.drift import detect_drift
from sequence_sync.operations.plan import PlanOptions, plan_project, refreshed_plan
from sequence_sync.operations.session import connected
from sequence_sync.operations.workspace import Workspace, open_workspace
from sequence_sync.plan.model import Drift, Plan
from sequence_sync.provider.clock import SystemClock
from sequence_sync.sandbox.bodies import new_step, variant_change
from sequence_sync.sandbox.model import Sequence, Step
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.state.model import SequenceState

Call = tuple[str, dict[str, Any]]


class Heard(Observer):
    """Collect the reported events."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_event(self, event: Event) -> None:
        """See Observer."""
        self.texts.append(event.text)


@dataclass
class Tale:
    """A project and its account."""

    project: Project
    box: Sandbox

    def write(self, steps: dict[str, Any], key: str = "trial", **more: Any) -> None:
        """A sequence file as it is now; JSON is YAML too."""
        text = json.dumps({"sequence": key, "title": "Trial", "steps": steps, **more}, indent=2)
        self.project.write("sequences/trial.yaml", text + "\n")

    # -- in Saleshandy ------------------------------------------------------------------------------------------------

    def there(self) -> Sequence:
        """The sequence as the account holds it."""
        return next(row for row in self.box.store.sequences() if row.title == "Trial")

    def at(self, day: int) -> Step:
        """The step of a day."""
        return next(step for step in self.there().steps if step.day == day)

    def edit(self, day: int, variant: int = 0, **payload: str) -> None:
        """Change the text of a step in Saleshandy."""
        row = self.at(day).variants[variant]
        self.change(day, variant, payload={**row.payload, **payload})

    def change(self, day: int, variant: int = 0, **body: Any) -> None:
        """Change a field of a step in Saleshandy."""
        step, key = self.at(day), self.there().id
        self.box.store.change_variant(key, step.id, step.variants[variant].id, variant_change(body))

    def make(self, body: dict[str, Any]) -> None:
        """Create a step in Saleshandy by hand."""
        self.box.store.create_step(self.there().id, new_step(body))

    def lose(self, day: int) -> None:
        """Delete a step in Saleshandy."""
        steps = tuple(step for step in self.there().steps if step.day != day)
        self.box.store.put(replace(self.there(), steps=steps))

    # -- from here ----------------------------------------------------------------------------------------------------

    def workspace(self) -> Workspace:
        """The project as a command opens it."""
        return open_workspace(self.project.root, None, self.project.environ, lambda *_: None)

    def state(self, key: str = "trial") -> SequenceState:
        """What is remembered of the sequence."""
        replayed = self.workspace().read()
        assert replayed is not None
        return replayed.state.sequences[key]

    def plan(self, *allowed: str) -> Plan:
        """The plan without a look."""
        return plan_project(self.workspace(), PlanOptions(allowed=allowed))

    def look(self, *allowed: str) -> Plan:
        """The plan with a look."""
        workspace = self.workspace()
        options = PlanOptions(allowed=allowed, refresh=True)
        return refreshed_plan(workspace, workspace.key(), options, NullObserver(), threading.Event())

    def drift(self, quick: bool = False) -> tuple[Drift, ...]:
        """What `seqsync drift` reports after a complete read."""
        workspace, clock = self.workspace(), SystemClock(threading.Event())
        with connected(workspace, clock, workspace.key()) as api:
            looked = detect_drift(workspace, api, clock, (), quick, lambda *_: None)
        assert not looked.unread
        return looked.rows

    def calls(self) -> list[Call]:
        """Method and body of every call that changed something; none was refused, and no step is there twice."""
        rows = [row for row in self.box.store.log.entries() if row.method != "GET"]
        assert [row.status for row in self.box.store.log.entries() if (row.status or 0) >= 400] == []
        ids = [step.id for row in self.box.store.sequences() for step in row.steps]
        texts = [
            json.dumps([step.type, step.day, *(dict(v.payload) for v in step.variants)])
            for step in (step for row in self.box.store.sequences() for step in row.steps)
        ]
        assert (len(ids), len(texts)) == (len(set(ids)), len(set(texts)))
        return [(row.method, json.loads(row.body)) for row in rows]

    def run(self, *allowed: str, refresh: bool = True, observer: Observer | None = None) -> ApplyResult:
        """Plan and apply."""
        workspace = self.workspace()
        request = ApplyRequest(plan=PlanOptions(allowed=allowed, refresh=refresh), parallelism=1)
        return apply(workspace, workspace.key(), request, approve=lambda _: True, observer=observer)

    def applied(self, *allowed: str, refresh: bool = True) -> list[Call]:
        """Apply and return the calls. They are those of the plan. Afterwards no plan and no drift check has one."""
        before = len(self.calls())
        planned = self.look(*allowed) if refresh else self.plan(*allowed)
        report = self.run(*allowed, refresh=refresh).report
        assert report is None or report.exit_code == 0, report
        made = self.calls()[before:]
        assert made == [(call.method, call.body) for change in planned.changes for call in change.calls]
        self.quiet()
        return made

    def quiet(self) -> None:
        """Nothing to do and no drift, with a look and without."""
        assert (self.plan().changes, self.drift()) == ((), ())
        again = self.look()
        assert (again.changes, again.drift) == ((), ())


def tale(root: Path, box: Sandbox, steps: dict[str, Any]) -> Tale:
    """The first steps, applied; beside them a sequence that stays."""
    story = Tale(Project(root, box.url, settle_grace="0.2"), box)
    story.project.write("sequences/beside.yaml", "sequence: beside\nsteps:\n  call: {day: 1, type: call_demo}\n")
    story.write(steps)
    made = story.applied(refresh=False)
    assert len(made) == len(steps) + 3
    return story


__all__ = ["Heard", "Tale", "tale"]
