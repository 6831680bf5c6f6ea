"""`apply -report`: the file says how and why an apply ended, and matches its published schema."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.faults import fault_project
from support.project import KEY, OTHER, Project, two_sequences
from support.stand_in import Fault, RefusalError, StandIn

from sequence_sync.cli.main import run
from sequence_sync.model.report import ApplyReport, ChangeResult, Status
from sequence_sync.plan.model import Change
from sequence_sync.provider.clock import SystemClock
from sequence_sync.registry import backend_for
from sequence_sync.render.report import (
    HOST,
    AppliedReport,
    Outcome,
    Why,
    finished_report,
    report_json,
    report_markdown,
    report_schema,
)
from sequence_sync.sandbox.server import Sandbox
from sequence_sync.state.backends.base import LockInfo

Apply = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox without a rate limit."""
    with Sandbox(per_minute=0) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two sequences; the process runs in its folder."""
    made = two_sequences(tmp_path, box.url)
    monkeypatch.chdir(tmp_path)
    for name in ("SEQSYNC_API_URL", "SALESHANDY_API_KEY", "SEQSYNC_SETTLE_GRACE"):
        monkeypatch.setenv(name, made.environ[name])
    return made


@pytest.fixture
def applied(project: Project) -> Apply:
    """Return a function that applies and returns the exit code, the report, and the report in Markdown."""

    def apply(*arguments: str) -> tuple[int, dict[str, Any], str]:
        code = run(["apply", *arguments, "-report", "r.json", "-report=r.md"])
        report = read(project.root / "r.json")
        assert report["exit_code"] == code
        return code, report, (project.root / "r.md").read_text()

    return apply


def read(path: Path) -> dict[str, Any]:
    """Return the report in `path`. Checks its schema, and that it holds no key."""
    text = path.read_text()
    assert KEY not in text
    report: dict[str, Any] = json.loads(text)
    Draft202012Validator(report_schema()).validate(report)
    return report


def test_report_lists_every_change_with_its_id(applied: Apply) -> None:
    code, report, page = applied("-auto-approve")
    assert (code, report["outcome"], report["counts"]["done"]) == (0, "applied", 7)
    assert report["environment"] == "default"
    assert re.fullmatch("[0-9a-f]{64}", report["plan_hash"])
    assert all(row["status"] == "done" and row["remote_id"] for row in report["results"])
    assert page.startswith("<!-- seqsync:report:default -->\n\n### Applied\n")
    assert "done: create step trial.intro (id " in page


def test_report_of_an_apply_without_changes(applied: Apply) -> None:
    assert run(["plan", "-out", "p"]) == 0
    assert applied("p")[0] == 0
    assert applied("p")[1]["outcome"] == "already-applied"
    code, report, page = applied("-auto-approve")
    assert (code, report["outcome"], report["results"]) == (0, "nothing-to-do", [])
    assert "No changes." in page


def test_report_of_a_stale_plan_compares_it_with_the_current_plan(applied: Apply, project: Project) -> None:
    assert run(["plan", "-out", "p"]) == 0
    project.write("sequences/deep/other.yaml", OTHER.replace("  first:", "  fresh:"))
    code, report, page = applied("p")
    assert (code, report["outcome"], report["error"]["kind"]) == (7, "refused", "files")
    assert "- create step other.first" in report["error"]["detail"]
    assert "+ create step other.fresh" in page
    assert len(report["plan_hash"]) == 64


@pytest.mark.parametrize("cause", ["no-key", "bad-files", "bad-plan", "no-terminal", "targets"])
def test_report_of_an_apply_that_is_refused_before_the_first_call(
    cause: str, applied: Apply, project: Project, box: Sandbox
) -> None:
    arguments = ["-auto-approve"]
    if cause == "no-key":
        project.write("seqsync.yaml", "version: 1\nenvironments: {default: {api_key_env: NOTHING_HERE}}\n")
    elif cause == "bad-files":
        project.write("sequences/bad.yaml", "sequence: bad\nsteps: {a: {day: x}}\n")
    elif cause == "bad-plan":
        arguments = [str(project.write("p", "{}"))]
    elif cause == "no-terminal":
        arguments = []
    else:
        arguments = ["p", "-target", "trial"]
    code, report, page = applied(*arguments)
    assert (code, report["outcome"]) == (7 if cause == "bad-plan" else 3, "refused")
    assert report["error"]["summary"] in page
    assert report["results"] == []
    assert not box.store.log.entries()


def test_report_of_a_shut_gate_names_the_override(applied: Apply, project: Project) -> None:
    assert applied("-auto-approve")[0] == 0
    project.write("seqsync.yaml", "version: 1\npolicy: {max_changed_steps: 0}\n")
    project.write("sequences/deep/other.yaml", OTHER.replace("the numbers", "the figures"))
    code, report, _ = applied("-auto-approve")
    assert (code, report["outcome"]) == (6, "refused")
    assert "-allow size" in report["error"]["hint"]


def test_report_of_a_held_lock_names_its_holder(applied: Apply, project: Project) -> None:
    info = LockInfo(id="x", who="anna", host="here", pid=1, operation="apply", created=0.0)
    backend = backend_for("seqsync.state.json", project.root, project.root / ".seqsync")
    lock = backend.lock(info, 0.0, SystemClock(threading.Event()))
    try:
        code, report, _ = applied("-auto-approve")
    finally:
        lock.release()
    assert (code, report["outcome"]) == (8, "refused")
    assert "anna" in report["error"]["summary"]


def test_report_of_a_refused_key_does_not_contain_the_key(
    applied: Apply, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(keys=("another key",)) as strict:
        monkeypatch.setenv("SEQSYNC_API_URL", strict.url)
        code, report, _ = applied("-auto-approve")
    assert (code, report["outcome"]) == (4, "failed")
    assert report["error"]["summary"]


def test_report_that_cannot_be_written_stops_the_apply_before_the_first_call(project: Project, box: Sandbox) -> None:
    """A pipeline that reads the file would not know what was applied."""
    assert run(["apply", "-auto-approve", "-report", "nowhere/r.json"]) == 3
    assert not box.store.log.entries()


def test_report_that_cannot_be_written_at_the_end_exits_with_1(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """The changes are applied and recorded."""
    folder = project.root / "reports"
    folder.mkdir()

    def remove_folder(_: Change) -> None:
        (folder / "r.json").unlink()
        folder.rmdir()

    code = run_with_plan_hook(["apply", "-auto-approve", "-report", "reports/r.json"], remove_folder)
    assert code == 1
    assert "Cannot write reports/r.json: no such file or directory." in capsys.readouterr().err
    assert run(["plan", "-detailed-exitcode"]) == 0


def run_with_plan_hook(arguments: list[str], then: Callable[[Any], None]) -> int:
    """Run a command and call `then` once it has its plan."""
    from sequence_sync.cli.actions import apply as action

    original = action.summary_line
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(action, "summary_line", lambda plan: (then(plan), original(plan))[1])
        return run(arguments)


def test_report_of_a_failure_lists_what_is_applied_failed_and_skipped(tmp_path: Path) -> None:

    def refuse(*_: object) -> None:
        raise RefusalError(400, 4000, "Failed to do it")

    with StandIn(faults=[Fault("drop_before", 3, then=lambda: vars(server).update(make_step=refuse))]) as server:
        project = fault_project(tmp_path, server.url)
        done = project.run("apply", "-auto-approve", "-report", "r.json", "-report", "r.md")
    report = read(tmp_path / "r.json")
    assert (done.code, report["exit_code"], report["outcome"]) == (10, 10, "partly-applied")
    assert [row["status"] for row in report["results"]][:3] == ["done", "done", "failed"]
    assert report["counts"]["skipped"] > 0
    page = (tmp_path / "r.md").read_text()
    assert page.index("failed: create step") < page.index("Not started") < page.index("done: create sequence")


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_report_of_a_stopped_apply_has_the_code_of_the_signal(tmp_path: Path, kind: signal.Signals) -> None:
    with StandIn(faults=[Fault("late", 3, 1.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=60)
        process = project.start("apply", "-auto-approve", "-report", "r.json")
        server.wait_for_creates(3)
        process.send_signal(kind)
        process.communicate(timeout=60)
    report = read(tmp_path / "r.json")
    assert process.returncode == report["exit_code"] == report["stopped_by"] == 128 + kind
    assert report["outcome"] == "stopped"
    assert report["counts"]["done"] == 3


def test_killed_apply_leaves_an_unfinished_report(tmp_path: Path) -> None:
    with StandIn(faults=[Fault("late", 3, 90.0)]) as server:
        project = fault_project(tmp_path, server.url, timeout=300)
        process = project.start("apply", "-auto-approve", "-report", "r.json")
        server.wait_for_creates(3)
        process.kill()
        process.communicate(timeout=60)
    report = read(tmp_path / "r.json")
    assert (report["outcome"], report["exit_code"]) == ("unfinished", None)


def test_report_of_a_bug_lists_what_was_applied_before(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug is in one sequence; the changes of the others are listed."""
    from sequence_sync.apply import executor

    def broken(self: Any, plan: Any) -> None:
        raise RuntimeError("an internal error")

    monkeypatch.setattr(executor.Executor, "_end", broken)
    assert run(["apply", "-auto-approve", "-report", "r.json"]) == 1
    report = read(project.root / "r.json")
    assert (report["outcome"], report["counts"]["done"]) == ("partly-applied", 7)
    assert {row["action"] for row in report["results"]} == {"create-sequence", "create-step"}
    assert "an internal error" in report["error"]["detail"]


def a_result(number: int, status: Status = Status.DONE, detail: str = "") -> ChangeResult:
    """Return a result."""
    return ChangeResult(
        address=f"s{number}.step", action="create-step", status=status, detail=detail, remote_id=f"id{number}"
    )


@pytest.mark.parametrize("count", [1, 100, 20_000])
def test_report_of_any_length_fits_a_comment(count: int) -> None:
    """Errors come first, and the report counts what it leaves out."""
    rows = (a_result(0, Status.UNKNOWN, "日" * 600), *(a_result(n) for n in range(count)))
    made = ApplyReport(environment="production", api_host="h", plan_hash="0" * 64, results=rows)
    page = report_markdown(finished_report(made, "1", "message"))
    assert HOST.size(page) <= HOST.limit
    assert "needs a decision: create step s0.step" in page
    assert f"Done: {count}" in page
    assert ("more" in page) is (count > 1_000)


def test_hostile_text_stays_text() -> None:
    """What a server answered becomes no fence, no GitLab quick action and no workflow command."""
    evil = "x\n```\n/close\n::add-mask::e\n</details> @octocat ##[add-mask]e"
    report = AppliedReport(
        tool_version="1",
        outcome=Outcome.FAILED,
        exit_code=1,
        message=evil,
        environment=evil,
        api_host=evil,
        results=(a_result(1, Status.FAILED, evil), a_result(2, Status.DONE, evil)),
        notes=(evil,),
        error=Why(summary=evil, detail=evil, hint=evil),
    )
    lines = report_markdown(report).splitlines()
    assert not [line for line in lines if line.lstrip().startswith(("/", "::"))]
    assert sum(line == "</details>" for line in lines) == 1
    assert "##[" not in report_json(report)
    assert json.loads(report_json(report))["message"] == evil
