"""An account with sequences, and a project that imports them: in this process, as a story has many runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.project import Project

from sequence_sync.importer.importer import ImportOptions, import_sequences
from sequence_sync.model.report import ApplyReport, ImportReport, ImportResult, NullObserver, Observer
from sequence_sync.operations.apply import ApplyRequest, apply
from sequence_sync.operations.plan import PlanOptions, plan_project
from sequence_sync.operations.session import connected
from sequence_sync.operations.workspace import Workspace, open_workspace, validate
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Plan
from sequence_sync.provider.base import SequenceSnapshot
from sequence_sync.provider.clock import SystemClock
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.state.model import SequenceState


def email(day: int, subject: str, *contents: str, **payload: str) -> dict[str, Any]:
    """The body of an email step; several contents are several variants."""
    rows = [{"payload": {"subject": subject, "content": each, **payload}} for each in contents or ("<p>Hello</p>",)]
    return {"type": 1, "absoluteDays": day, "variants": rows}


def task(day: int, kind: int, note: str = "", **payload: Any) -> dict[str, Any]:
    """The body of a step that makes a task."""
    return {"type": kind, "absoluteDays": day, "variants": [{"payload": payload, "taskNote": note}]}


@dataclass
class Scenario:
    """One project and the account it works on."""

    project: Project
    box: Sandbox
    stop: threading.Event = field(default_factory=threading.Event)

    def make(self, title: str, *steps: dict[str, Any]) -> str:
        """A sequence in the account, made by hand there; its id."""
        found = self.box.store.create_sequence(bodies.new_sequence({"title": title}))
        for step in steps:
            self.box.store.create_step(found.id, bodies.new_step(step))
        return found.id

    def edit(self, sequence_id: str, place: int, body: dict[str, Any], variant: int = 0) -> None:
        """Edit a step (by its index) in Saleshandy."""
        step = self.box.store.sequence(sequence_id).steps[place]
        change = bodies.variant_change(body)
        self.box.store.change_variant(sequence_id, step.id, step.variants[variant].id, change)

    def change(self, sequence_id: str, **fields: Any) -> None:
        """Anything of a sequence that the API has no call for."""
        self.box.store.put(replace(self.box.store.sequence(sequence_id), **fields))

    def workspace(self) -> Workspace:
        """The project as a command opens it."""
        return open_workspace(self.project.root, None, self.project.environ, lambda _: None)

    def imported(self, *ids: str, observer: Observer | None = None, into: str = "") -> ImportReport:
        """Import these, or all; no call but reads was made."""
        before = len(self.writes())
        workspace = self.workspace()
        options = ImportOptions(ids, not ids, into)
        report = import_sequences(workspace, workspace.key(), options, observer or NullObserver(), self.stop)
        assert len(self.writes()) == before
        return report

    def row(self, *ids: str) -> ImportResult:
        """Import; what became of the one sequence."""
        (row,) = self.imported(*ids).rows
        return row

    def writes(self) -> list[str]:
        """The calls that changed something."""
        return [f"{row.method} {row.path}" for row in self.box.store.log.entries() if row.method != "GET"]

    def plan(self, *allowed: str) -> Plan:
        """The differences between files and state."""
        return plan_project(self.workspace(), PlanOptions(allowed=allowed))

    def changes(self) -> list[tuple[str, str]]:
        """What the plan would do."""
        return [(change.address, str(change.action)) for change in self.plan().changes]

    def check_no_changes(self) -> None:
        """Files without an error, and an empty plan."""
        assert [f"{row.path}:{row.line} {row.summary}" for row in validate(self.workspace()).diagnostics] == []
        assert self.changes() == []

    def check_no_drift(self) -> None:
        """Saleshandy has the texts that the state records."""
        workspace = self.workspace()
        replayed = workspace.read()
        assert replayed is not None
        with connected(workspace, SystemClock(self.stop)) as api:
            rows = {row.id: row for row in api.sequences()}
            for key, entry in replayed.state.sequences.items():
                app = SequenceSnapshot(rows[entry.id], tuple(api.steps(entry.id) or ()))
                assert drift_of(key, entry, app) == ()

    def apply(self, *allowed: str) -> ApplyReport | None:
        """Plan and apply."""
        workspace = self.workspace()
        request = ApplyRequest(plan=PlanOptions(allowed=allowed))
        return apply(workspace, workspace.key(), request, approve=lambda _: True).report

    def state(self, key: str) -> SequenceState:
        """What is remembered of a sequence."""
        replayed = self.workspace().read()
        assert replayed is not None
        return replayed.state.sequences[key]

    def files(self) -> dict[str, bytes]:
        """Every file of the project that belongs into git, the state too."""
        root = self.project.root
        found = [path for path in root.rglob("*") if path.is_file() and ".seqsync" not in path.parts]
        kept = [path for path in found if not path.name.endswith((".lock", ".journal", ".history"))]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(kept)}

    def text(self, name: str) -> str:
        """A file of the project."""
        return (self.project.root / name).read_text(encoding="utf-8")


def opened(root: Path, box: Sandbox) -> Scenario:
    """An empty project."""
    return Scenario(Project(root, box.url, settle_grace="0.1"), box)


LONG = "<p>A paragraph about something that matters to the reader.</p>" * 30


def fill(scenario: Scenario, count: int) -> None:
    """`count` sequences, no two of one shape."""
    kinds = [2, 3, 4, 5, 6, 9, 11, 12, 13, 14, 15, 16, 17, 18]
    payloads = {
        2: {"connectionNote": "Hi {{firstName}}, shall we connect?"},
        3: {"message": "Hi:\n\nhow are you? #1"},
        4: {"subject": "In: mail", "message": "- one\n- two"},
        9: {"title": "Send ${gift}", "action": {"name": "Open", "url": "https://a.example/x?y=z#w"}},
        16: {"message": "{spin}Hi|Hello{endspin}"},
    }
    for at in range(count):
        kind = kinds[at % len(kinds)]
        bodies = [f"<p>Hi {{{{First Name|'there'}}}},</p><p>words {at}</p>", "plain\nwith breaks", LONG][: at % 4] or [
            ""
        ]
        steps = [
            email(1 + at % 3, f"{'# ' * (at % 2)}Question: {at}", *bodies, preheader="pre" * (at % 3)),
            task(4, kind, "Look first\n  then call" * (at % 2), **payloads.get(kind, {})) | {"priority": 1 + at % 4},
            email(9, "Last", f"<p>{at}</p>"),
        ]
        scenario.make(f"Campaign {at}: {'Ünï' if at % 5 else '日本'}", *steps[: 1 + at % 3])
