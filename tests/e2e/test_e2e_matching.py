"""Which step in Saleshandy is which: removals that are reverted, states from git and from backups. Real commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.project import Project

from sequence_sync.sandbox.bodies import new_step
from sequence_sync.sandbox.model import Step
from sequence_sync.sandbox.server import Sandbox

HELLO = {"day": 1, "type": "email", "subject": "Hello", "content": "<p>A first word to you all</p>"}
PING = {"day": 3, "type": "linkedin_message", "message": "Did my mail from Monday reach you in time?"}
SECOND = {"day": 5, "type": "email", "subject": "Again", "content": "<p>One more idea for your whole team</p>"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, box: Sandbox) -> Project:
    """An empty project."""
    return Project(tmp_path / "project", box.url)


def write(project: Project, steps: dict[str, Any], **more: Any) -> None:
    """Write the sequence file; JSON is YAML too."""
    project.write("sequences/trial.yaml", json.dumps({"sequence": "trial", "title": "Trial", **more, "steps": steps}))


def apply(project: Project, code: int = 0) -> str:
    """Apply; the output."""
    done = project.run("apply", "-auto-approve")
    assert done.code == code, done.both
    return done.both


def remote(box: Sandbox) -> list[Step]:
    """The steps in Saleshandy."""
    (row,) = box.store.sequences()
    return list(row.steps)


def state(project: Project) -> dict[str, Any]:
    """The entry of the sequence in the state."""
    found: dict[str, Any] = json.loads((project.root / "seqsync.state.json").read_bytes())["sequences"]["trial"]
    return found


def back_to(project: Project, saved: bytes) -> None:
    """Restore a state on a machine that remembers nothing newer."""
    shutil.rmtree(project.root / ".seqsync", ignore_errors=True)
    for name in ("journal", "history"):
        (project.root / f"seqsync.state.json.{name}").unlink(missing_ok=True)
    (project.root / "seqsync.state.json").write_bytes(saved)


def quiet(project: Project) -> None:
    """Nothing is left to do, without and with a read."""
    assert project.run("plan", "-detailed-exitcode").code == 0
    assert project.run("plan", "-refresh", "-detailed-exitcode").code == 0


def test_removal_that_is_reverted_adopts_the_step_again(project: Project, box: Sandbox) -> None:
    """A1a."""
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    ping = next(step.id for step in remote(box) if step.day == 3)
    write(project, {"hello": HELLO}, removed=["ping"])
    apply(project)
    assert state(project)["forgotten"][ping]["key"] == "ping"
    write(project, {"hello": HELLO, "ping": PING})
    assert "manages it again" in project.run("plan").out
    apply(project)
    assert [step.day for step in remote(box)] == [1, 3]
    assert state(project)["steps"]["ping"]["id"] == ping
    assert "forgotten" not in state(project)
    quiet(project)


def test_removed_email_that_comes_back_on_another_day_is_moved(project: Project, box: Sandbox) -> None:
    """A1b."""
    write(project, {"hello": HELLO, "again": SECOND})
    apply(project)
    write(project, {"hello": HELLO}, removed=["again"])
    apply(project)
    write(project, {"hello": HELLO, "again": SECOND | {"day": 8, "subject": "Once more"}})
    apply(project)
    assert [step.day for step in remote(box)] == [1, 8]
    quiet(project)


def test_removed_step_that_comes_back_under_another_key_is_adopted(project: Project, box: Sandbox) -> None:
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    project.ok("state", "rm", "trial.ping")
    write(project, {"hello": HELLO, "pong": PING | {"day": 4}}, removed=["ping"])
    apply(project)
    assert [step.day for step in remote(box)] == [1, 4]
    quiet(project)


def test_state_that_git_merged_without_a_step_adopts_it(project: Project, box: Sandbox, tmp_path: Path) -> None:
    """A1c: two clones with the state in git, and the merge keeps the one that does not have the step."""
    write(project, {"hello": HELLO})
    apply(project)
    other = Project(tmp_path / "clone", box.url)
    shutil.copytree(project.root, other.root, ignore=shutil.ignore_patterns(".seqsync", "*.journal", "*.history"))
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    write(other, {"hello": HELLO, "again": SECOND})
    apply(other)
    assert state(other)["unmanaged"] == {}
    write(other, {"hello": HELLO, "ping": PING, "again": SECOND})
    apply(other)
    assert [step.day for step in remote(box)] == [1, 3, 5]
    quiet(other)


def test_old_state_and_a_rewritten_step_is_asked_about(project: Project, box: Sandbox) -> None:
    """A1d."""
    write(project, {"hello": HELLO})
    apply(project)
    saved = (project.root / "seqsync.state.json").read_bytes()
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    (ping,) = (step.id for step in remote(box) if step.day == 3)
    back_to(project, saved)
    write(project, {"hello": HELLO, "ping": PING | {"message": "Other words altogether, for somebody else"}})
    output = apply(project, 9)
    assert ping in output
    assert len(remote(box)) == 2
    planned = project.run("plan", "-refresh", "-format", "json")
    assert [row["reason"] for row in json.loads(planned.out)["changes"]] == ["unclear"]
    project.ok("state", "resolve", "trial.ping", "-adopt", ping)
    apply(project)
    assert len(remote(box)) == 2
    quiet(project)


def test_step_that_a_person_declared_not_ours_is_left_alone(project: Project, box: Sandbox) -> None:
    write(project, {"hello": HELLO})
    apply(project)
    saved = (project.root / "seqsync.state.json").read_bytes()
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    (ping,) = (step.id for step in remote(box) if step.day == 3)
    back_to(project, saved)
    project.ok("state", "resolve", "trial.ping", "-recreate")
    assert state(project)["unmanaged"] == {ping: None}
    apply(project)
    assert [step.day for step in remote(box)] == [1, 3, 3]
    quiet(project)


def add_by_hand(box: Sandbox, body: dict[str, Any]) -> str:
    """A person adds a step in Saleshandy; its id."""
    (row,) = box.store.sequences()
    return box.store.create_step(row.id, new_step(body))[1].id


def test_colleagues_message_on_the_day_of_a_new_step_is_not_taken_for_it(project: Project, box: Sandbox) -> None:
    """A2a."""
    write(project, {"hello": HELLO})
    apply(project)
    words = {"payload": {"message": "Hi, this is Berta. Shall we talk?"}}
    theirs = add_by_hand(box, {"type": 3, "absoluteDays": 3, "variants": [words]})
    write(project, {"hello": HELLO, "ping": PING})
    (row,) = box.store.sequences()
    done = project.run("import", row.id)
    assert done.code == 9, done.both
    assert f"seqsync state resolve trial.ping -adopt {theirs}" in done.both
    assert f"ids: {{trial.NEW-KEY: {theirs}}}" in done.both
    assert list(state(project)["steps"]) == ["hello"]
    assert theirs in apply(project, 9)
    project.ok("state", "resolve", "trial.ping", "-recreate")
    apply(project)
    said = [step.variants[0].payload.get("message") for step in remote(box)]
    assert said == [None, words["payload"]["message"], PING["message"]]
    quiet(project)


def test_import_does_not_pair_a_follow_up_by_half_of_its_words(project: Project, box: Sandbox) -> None:
    """A2b."""
    boiler = "<p>All the best from our team in Berlin, and see you soon at the fair</p>"
    old = {"day": 20, "type": "email", "subject": "Follow up", "content": f"<p>Any news?</p>{boiler}"}
    write(project, {"hello": HELLO, "late": old})
    apply(project)
    (row,) = box.store.sequences()
    late = remote(box)[1].id
    (project.root / "seqsync.state.json").unlink()
    for name in ("journal", "history"):
        (project.root / f"seqsync.state.json.{name}").unlink(missing_ok=True)
    shutil.rmtree(project.root / ".seqsync", ignore_errors=True)
    other = {"day": 5, "type": "email", "subject": "Fair", "content": f"<p>Our stand has moved.</p>{boiler}"}
    write(project, {"hello": HELLO, "fair": other}, id=row.id)
    done = project.run("import", row.id)
    assert done.code == 9, done.both
    assert late in done.both
    assert list(state(project)["steps"]) == ["hello"]
    assert late in apply(project, 9)
    assert [step.day for step in remote(box)] == [1, 20]


def test_step_whose_id_is_configured_is_not_recorded_while_it_is_in_conflict(project: Project, box: Sandbox) -> None:
    write(project, {"hello": HELLO})
    apply(project)
    words = {"payload": {"message": "Hi, this is Berta. Shall we talk?"}}
    theirs = add_by_hand(box, {"type": 3, "absoluteDays": 3, "variants": [words]})
    ids = {"trial.ping": theirs}
    project.write("seqsync.yaml", json.dumps({"version": 1, "environments": {"default": {"ids": ids}}}))
    write(project, {"hello": HELLO, "ping": PING})
    (row,) = box.store.sequences()
    done = project.run("import", row.id)
    assert "is not recorded until the file and step" in done.both
    assert list(state(project)["steps"]) == ["hello"]


def test_renamed_and_slightly_changed_step_is_asked_about(project: Project, box: Sandbox) -> None:
    """B8."""
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    steps = {"hello": HELLO, "pong": PING | {"message": PING["message"].replace("mail", "note")}}
    write(project, steps)
    output = apply(project, 9)
    assert "It is almost the same as trial.ping" in output
    assert len(remote(box)) == 2
    write(project, steps, moved=[{"from": "ping", "to": "pong"}])
    apply(project)
    assert len(remote(box)) == 2
    quiet(project)


def test_another_step_with_half_of_the_words_of_a_removed_one_is_created(project: Project, box: Sandbox) -> None:
    """The file says which of the two it is, so that apply does not ask."""
    write(project, {"hello": HELLO, "ping": PING})
    apply(project)
    pong = PING | {"message": PING["message"].replace("mail", "note")}
    write(project, {"hello": HELLO, "pong": pong}, removed=["ping"])
    apply(project)
    assert [step.day for step in remote(box)] == [1, 3, 3]
    quiet(project)


def delete_by_hand(box: Sandbox, day: int) -> None:
    """A person deletes the step of that day."""
    (row,) = box.store.sequences()
    box.store.put(replace(row, steps=tuple(step for step in row.steps if step.day != day)))


def test_day_of_a_step_that_was_deleted_before_its_removal_is_free(project: Project, box: Sandbox) -> None:
    """B1."""
    write(project, {"hello": HELLO, "again": SECOND})
    apply(project)
    delete_by_hand(box, 5)
    write(project, {"hello": HELLO}, removed=["again"])
    apply(project)
    write(project, {"hello": HELLO, "other": SECOND | {"subject": "Other", "content": "<p>Entirely new</p>"}})
    apply(project)
    assert [step.day for step in remote(box)] == [1, 5]
    quiet(project)


def test_day_of_a_step_that_was_deleted_after_its_removal_is_free_once_it_was_read(
    project: Project, box: Sandbox
) -> None:
    write(project, {"hello": HELLO, "again": SECOND})
    apply(project)
    write(project, {"hello": HELLO}, removed=["again"])
    apply(project)
    delete_by_hand(box, 5)
    write(project, {"hello": HELLO, "other": SECOND | {"subject": "Other", "content": "<p>Entirely new</p>"}})
    assert "If you deleted it there: `seqsync plan -refresh`" in project.run("plan").out
    project.ok("apply", "-refresh", "-auto-approve")
    assert [step.day for step in remote(box)] == [1, 5]
    quiet(project)


def lost_calls(project: Project, box: Sandbox, many: int) -> dict[str, Any]:
    """Apply calls without any text, and lose the state. Returns the steps."""
    steps = {f"c{number}": {"day": number, "type": "call_introduction"} for number in range(1, many + 1)}
    write(project, steps)
    apply(project)
    (row,) = box.store.sequences()
    shutil.rmtree(project.root / ".seqsync", ignore_errors=True)
    for path in project.root.glob("seqsync.state.json*"):
        path.unlink()
    write(project, steps, id=row.id)
    return steps


def test_all_steps_without_text_are_asked_about_in_one_run(project: Project, box: Sandbox) -> None:
    """One run asks about all nine, and the command that it prints answers all nine."""
    lost_calls(project, box, 9)
    output = apply(project, 9)
    command = re.search(r"`seqsync (state resolve trial\.c1=[^`]+)`", " ".join(output.split()))
    assert command, output
    project.ok(*command[1].split())
    apply(project)
    assert [step.day for step in remote(box)] == list(range(1, 10))
    assert {row["day"] for row in state(project)["steps"].values()} == set(range(1, 10))
    quiet(project)


def test_one_wrong_answer_of_several_records_nothing(project: Project, box: Sandbox) -> None:
    lost_calls(project, box, 2)
    apply(project, 9)
    one, two = (step.id for step in remote(box))
    before = (project.root / "seqsync.state.json").read_bytes()
    assert project.run("state", "resolve", f"trial.c1={one}", f"trial.c2={one}").code == 3
    assert project.run("state", "resolve", f"trial.c1={one}", "trial.c2").code == 3
    assert json.loads(before)["sequences"] == {"trial": state(project)}
    project.ok("state", "resolve", f"trial.c1={one}", "trial.c2", "-recreate")
    assert state(project)["steps"]["c1"]["id"] == one
    assert list(state(project)["unmanaged"]) == [two]
    apply(project)
    assert [step.day for step in remote(box)] == [1, 2, 2]
    quiet(project)
