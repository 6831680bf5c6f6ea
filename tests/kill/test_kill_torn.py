"""State, journal and saved plan truncated or with a flipped bit, byte by byte: never accepted, never a duplicate.

The project is a real one whose last apply was killed while it waited for an answer: the state knows three steps, the
journal an open create, and the server has already made it.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.faults import TITLE, WANTED, fault_project, killed_at
from support.project import KEY, Project
from support.stand_in import StandIn

from sequence_sync.errors import PlanRejectedError, SeqsyncError
from sequence_sync.operations.apply import ApplyRequest, apply
from sequence_sync.operations.plan import PlanOptions, plan_project
from sequence_sync.operations.workspace import Workspace, open_workspace
from sequence_sync.plan.planfile import decode

STATE, JOURNAL, PLAN = "seqsync.state.json", "seqsync.state.json.journal", "the.plan"
Damage = Callable[[bytes, int], bytes]


def cut(data: bytes, place: int) -> bytes:
    """Nothing from `place` on."""
    return data[:place]


def flipped(data: bytes, place: int) -> bytes:
    """One bit of the byte at `place` is another."""
    return data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]


DAMAGES: list[Damage] = [cut, flipped]
each_damage = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


@dataclass
class Scene:
    """The project as the kill left it, and what the server held then."""

    project: Project
    server: StandIn
    held: dict[str, object]

    def fresh(self, root: Path) -> Workspace:
        """A copy of the project in `root`, and the server as it was."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.project.root, root)
        self.server.sequences = copy.deepcopy(self.held)  # type: ignore[assignment]
        environ = {"SEQSYNC_API_URL": self.server.url, "SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": "0"}
        return open_workspace(root, None, environ, lambda _: None)

    def made(self) -> list[tuple[int, int]]:
        """Type and day of every step on the server."""
        rows = [row for held in self.server.sequences.values() for row in held["steps"]]
        return [(row["type"], row["absoluteDays"]) for row in rows]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """See the module."""
    with StandIn() as server:
        project = fault_project(tmp_path_factory.mktemp("torn"), server.url, settle_grace="0")
        project.ok("apply", "-auto-approve", "-target", "faults.intro", "-target", "faults.call")
        project.ok("plan", "-out", PLAN)
        assert killed_at(project, "after-send", 3)  # after the reads of the account and of the steps
        assert len(server.steps(TITLE)) == 3
        assert (project.root / JOURNAL).read_bytes().count(b'"kind":"intent"') == 1
        yield Scene(project, server, copy.deepcopy(server.sequences))


def places(data: bytes, stride: int) -> range:
    """Every `stride`-th place in `data`, the last ones in any case."""
    return range(0, len(data), stride)


def believed(workspace: Workspace) -> object:
    """What a reader makes of the state: None where it is refused with an error, "damaged" where damage is reported."""
    try:
        replayed = workspace.read()
    except SeqsyncError:
        return None
    if replayed is None:
        return "nothing"
    return "damaged" if replayed.damaged else replayed.state.sequences


def check_state(scene: Scene, root: Path, damage: Damage, stride: int) -> None:
    """A damaged state is refused by every reader."""
    workspace = scene.fresh(root)
    whole = (root / STATE).read_bytes()
    for place in places(whole, stride):
        (root / STATE).write_bytes(damage(whole, place))
        assert believed(workspace) is None, place


def check_journal(scene: Scene, root: Path, damage: Damage, stride: int) -> None:
    """A damaged journal is reported, or what is left of it says no more than before; a plan never crashes."""
    workspace = scene.fresh(root)
    whole = (root / JOURNAL).read_bytes()
    histories = [whole[:end] for end in range(len(whole) + 1) if end == 0 or whole[end - 1 : end] == b"\n"]
    known = []
    for history in histories:
        (root / JOURNAL).write_bytes(history)
        known.append(believed(workspace))
    for place in places(whole, stride):
        damaged = damage(whole, place)
        (root / JOURNAL).write_bytes(damaged)
        found = believed(workspace)
        assert found in ("damaged", None) or (damaged in histories and found in known), place
        if found is not None:
            plan_project(workspace, PlanOptions())


def check_plan(scene: Scene, damage: Damage, stride: int) -> None:
    """A damaged plan is refused with exit 7."""
    whole = (scene.project.root / PLAN).read_bytes()
    for place in places(whole, stride):
        with pytest.raises(PlanRejectedError):
            decode(damage(whole, place))


def check_apply(scene: Scene, root: Path, name: str, damage: Damage, stride: int) -> None:
    """Whatever is damaged, an apply afterwards creates no duplicate and keeps the order; where it ends well, all is
    there."""
    whole = (scene.project.root / name).read_bytes()
    for place in [*places(whole, stride), len(whole) - 1]:
        workspace = scene.fresh(root)
        (root / name).write_bytes(damage(whole, place))
        try:
            applied = apply(workspace, KEY, ApplyRequest(parallelism=0), approve=lambda _: True)
        except SeqsyncError:
            assert scene.made() == WANTED[: len(scene.made())], place
            continue
        code = applied.report.exit_code if applied.report else 0
        assert code in (0, 9), (place, applied.report)
        assert scene.made() == WANTED[: len(scene.made())], place
        assert code == 9 or scene.made() == WANTED, place


@each_damage
def test_a_damaged_state_is_refused(scene: Scene, tmp_path: Path, damage: Damage) -> None:
    """Any cut and any bit."""
    check_state(scene, tmp_path / "p", damage, 13)


@each_damage
def test_a_damaged_journal_is_reported(scene: Scene, tmp_path: Path, damage: Damage) -> None:
    """Any cut inside a record and any bit."""
    check_journal(scene, tmp_path / "p", damage, 29)


@each_damage
def test_a_damaged_plan_is_refused(scene: Scene, damage: Damage) -> None:
    """Any cut and any bit."""
    check_plan(scene, damage, 13)


@each_damage
@pytest.mark.parametrize("name", [STATE, JOURNAL])
def test_nothing_is_made_twice_after_damage(scene: Scene, tmp_path: Path, name: str, damage: Damage) -> None:
    """Apply, at some places of the damage."""
    check_apply(scene, tmp_path / "p", name, damage, 997)


@each_damage
def test_nothing_is_made_twice_by_processes(scene: Scene, tmp_path: Path, damage: Damage) -> None:
    """The same as a user meets it: no traceback, words that say what to do, and then the way on."""
    for name, place in ((STATE, 100), (JOURNAL, 400)):
        root = tmp_path / name
        scene.fresh(root)
        whole = (root / name).read_bytes()
        (root / name).write_bytes(damage(whole, place))
        project = Project(root, scene.server.url, settle_grace="0")
        done = project.run("apply", "-auto-approve")
        assert done.code in ((1,) if name == STATE else (0, 9)), done.both
        assert done.err
        (root / name).write_bytes(whole if name == STATE else (root / name).read_bytes())
        assert project.run("apply", "-auto-approve").code in (0, 9)
        assert scene.made() == WANTED[: len(scene.made())]


@pytest.mark.long
@pytest.mark.timeout(900)
@each_damage
def test_every_byte(scene: Scene, tmp_path: Path, damage: Damage) -> None:
    """All three files, at every byte; apply at every 41st."""
    check_state(scene, tmp_path / "p", damage, 1)
    check_journal(scene, tmp_path / "p", damage, 1)
    check_plan(scene, damage, 1)
    for name in (STATE, JOURNAL):
        check_apply(scene, tmp_path / "p", name, damage, 41)
