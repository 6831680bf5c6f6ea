"""Runs our workflows as a runner would, as far as a machine without one can: each `run:` by bash, in order.

`uses:` of a checkout is a real clone, of our own action the steps of its file; a Python is there already. The host is
a bare repository and `fake_gh`. What GitHub alone decides (permissions, environments, queues) is not played here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_gh import Host
from github_expressions import calls_status, evaluate, fill, shown
from ruamel.yaml import YAML

from sequence_sync._version import __version__

HERE = Path(__file__).resolve().parent
ACTION = "./.github/actions/seqsync"
Spoil = Callable[[subprocess.Popen[bytes]], None]


@dataclass
class Ran:
    """One step, as it went."""

    job: str
    name: str
    outcome: str
    log: str = ""


@dataclass
class Run:
    """One run of a workflow."""

    steps: list[Ran] = field(default_factory=list)
    jobs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def log(self) -> str:
        """All that the steps printed."""
        return "".join(f"== {step.job}: {step.name}: {step.outcome}\n{step.log}" for step in self.steps)

    def step(self, name: str, job: str = "") -> Ran:
        """The last step of that name (in that job)."""
        return next(step for step in reversed(self.steps) if step.name == name and job in step.job)


def read(path: Path) -> Any:
    """A YAML file as plain data."""
    return YAML(typ="safe", pure=True).load(path)


@dataclass
class Runner:
    """A repository on a host, and machines that run its jobs. A step gets the `secrets` that its workflow names."""

    root: Path
    secrets: dict[str, str]
    more: dict[str, str] = field(default_factory=dict)
    spoil: dict[str, Spoil] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.bare = self.root / "host.git"
        self.programs = self.root / "programs"
        self.programs.mkdir(parents=True)
        self._program("gh", f"exec '{sys.executable}' '{HERE / 'fake_gh.py'}' \"$@\"")
        self._program("sleep", "exit 0")
        # What the workflow installs is there already, and the next second better spent.
        installed = f"'-m pip install --quiet --disable-pip-version-check seqsync=={__version__}'"
        self._program("python", f'if [ "$*" = {installed} ]; then exit 0; fi\nexec \'{sys.executable}\' "$@"')

    def _program(self, name: str, text: str) -> None:
        script = self.programs / name
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)

    @property
    def host(self) -> Host:
        """What the host has now; save it to change it."""
        return Host(self.root / "host.json")

    def run(self, file: str, event_name: str, event: Mapping[str, Any], sha: str, ref: str, base: str = "") -> Run:
        """One workflow for one event. `ref` is what a checkout takes that names none."""
        self.count += 1
        run = Run()
        workflow = self._at(sha, f".github/workflows/{file}")
        github = {
            "event": event,
            "event_name": event_name,
            "repository": "acme/outreach",
            "sha": sha,
            "ref": ref,
            "ref_name": ref.removeprefix("refs/heads/"),
            "base_ref": base,
            "run_id": str(self.count),
            "server_url": "https://host.test",
            "token": "the-token",
        }
        contexts = {"github": github, "secrets": self.secrets, "inputs": event.get("inputs") or {}}
        for name, job in workflow["jobs"].items():
            self._job(run, name, job, contexts)
        return run

    def _at(self, sha: str, path: str) -> Any:
        text = subprocess.run(["git", "-C", self.bare, "show", f"{sha}:{path}"], capture_output=True, check=True).stdout
        return YAML(typ="safe", pure=True).load(text)

    def _job(self, run: Run, name: str, job: Any, contexts: dict[str, Any]) -> None:
        declared = job.get("needs", [])
        needs = [declared] if isinstance(declared, str) else declared
        results = [run.jobs[other] for other in needs]
        status = _status(all(result == "success" for result in results), any(r == "failure" for r in results))
        finished = {other: {"result": run.jobs[other], "outputs": run.outputs.get(other, {})} for other in needs}
        contexts = {**contexts, "needs": finished}
        if not _allowed(job.get("if", ""), contexts, status):
            run.jobs[name] = "skipped"
            return
        ends = [self._machine(run, label, job, inside) for label, inside in _rows(name, job, contexts, status)]
        run.jobs[name] = "success" if all(ends) else "failure"
        run.outputs[name] = self._outputs

    def _machine(self, run: Run, label: str, job: Any, contexts: dict[str, Any]) -> bool:
        self.count += 1
        machine = self.root / f"machine-{self.count}"
        for folder in ("temp", "work", "home"):
            (machine / folder).mkdir(parents=True)
        contexts = {**contexts, "runner": {"temp": str(machine / "temp")}, "steps": {}}
        ok = self._steps(run, label, job["steps"], contexts, machine)
        self._outputs = {
            key: shown(fill(value, contexts, _status(ok, not ok))) for key, value in job.get("outputs", {}).items()
        }
        summary = machine / "temp" / "summary"
        run.summary += summary.read_text(encoding="utf-8") if summary.exists() else ""
        return ok

    def _steps(self, run: Run, label: str, steps: Any, contexts: dict[str, Any], machine: Path) -> bool:
        ok = True
        for step in steps:
            name = step.get("name") or step.get("uses") or "run"
            status = _status(ok, not ok)
            if _allowed(step.get("if", ""), contexts, status):
                ran = Ran(label, name, "success")
                outputs = self._step(run, ran, step, contexts, machine, status)
                run.steps.append(ran)
                ok = ok and ran.outcome == "success"
            else:
                ran, outputs = Ran(label, name, "skipped"), {}
            if "id" in step:
                contexts["steps"][step["id"]] = {"outcome": ran.outcome, "outputs": outputs}
        return ok

    def _step(
        self, run: Run, ran: Ran, step: Any, contexts: dict[str, Any], machine: Path, status: Any
    ) -> dict[str, str]:
        given = {key: fill(value, contexts, status) for key, value in step.get("with", {}).items()}
        uses = step.get("uses", "")
        if uses == ACTION:
            return self._action(run, ran, given, contexts, machine)
        if uses.startswith("actions/checkout@"):
            self._checkout(machine / "work", given, contexts["github"])
        elif uses:
            assert uses.startswith("actions/setup-python@"), uses
        else:
            return self._bash(ran, step, contexts, machine, status)
        return {}

    def _checkout(self, work: Path, given: dict[str, Any], github: dict[str, Any]) -> None:
        assert given.get("persist-credentials") is False
        ref = given.get("ref") or (github["ref"] if github["event_name"] == "pull_request" else github["sha"])
        git = ["git", "-C", str(work)]
        url = self.bare.as_uri()
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "remote", "add", "origin", url], check=True)
        depth = [] if given.get("fetch-depth") == 0 else ["--depth=1"]
        heads = ["+refs/heads/*:refs/remotes/origin/*"] if not depth else []
        subprocess.run([*git, "fetch", "-q", *depth, "origin", *heads, f"+{ref}:refs/checkout"], check=True)
        subprocess.run([*git, "checkout", "-q", "--detach", "refs/checkout"], check=True)

    def _action(
        self, run: Run, ran: Ran, given: dict[str, Any], contexts: dict[str, Any], machine: Path
    ) -> dict[str, str]:
        folder = machine / "work" / ACTION
        action = read(folder / "action.yml")
        assert set(given) <= set(action["inputs"]), given
        defaults = {key: fill(row.get("default", ""), contexts, {}) for key, row in action["inputs"].items()}
        github = {**contexts["github"], "action_path": str(folder)}
        inside = {**contexts, "github": github, "inputs": {**defaults, **given}, "steps": {}}
        ok = self._steps(run, f"{ran.job}/{given['task']}", action["runs"]["steps"], inside, machine)
        ran.outcome = "success" if ok else "failure"
        return {key: shown(fill(row["value"], inside, {})) for key, row in action.get("outputs", {}).items()}

    def _bash(self, ran: Ran, step: Any, contexts: dict[str, Any], machine: Path, status: Any) -> dict[str, str]:
        temp, work = machine / "temp", machine / "work"
        script, output = temp / "step.sh", temp / "output"
        script.write_text(step["run"], encoding="utf-8")
        output.write_text("")
        folder = work / shown(fill(step.get("working-directory", "."), contexts, status))
        variables = {key: shown(fill(value, contexts, status)) for key, value in step.get("env", {}).items()}
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=folder,
            env={**self._environ(machine, contexts["github"]), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if ran.name in self.spoil:
            self.spoil[ran.name](process)
        log, _ = process.communicate(timeout=100)
        ran.log = log.decode("utf-8")
        assert all(secret not in ran.log for secret in self.secrets.values())
        ran.outcome = "success" if process.returncode == 0 else "failure"
        ran.log += f"exit code {process.returncode}\n"
        return dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())

    def _environ(self, machine: Path, github: dict[str, Any]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        here = str(Path(sys.executable).parent)
        return {
            **kept,
            **self.more,
            "PATH": f"{self.programs}:{here}:{os.environ['PATH']}",
            "CI": "true",
            "HOME": str(machine / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "FAKE_GH": str(self.root / "host.json"),
            "RUNNER_TEMP": str(machine / "temp"),
            "GITHUB_OUTPUT": str(machine / "temp" / "output"),
            "GITHUB_STEP_SUMMARY": str(machine / "temp" / "summary"),
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_RUN_ID": github["run_id"],
        }


def _status(success: bool, failure: bool) -> Mapping[str, Callable[[], bool]]:
    return {"success": lambda: success, "failure": lambda: failure, "always": lambda: True, "cancelled": lambda: False}


def _allowed(condition: Any, contexts: Mapping[str, Any], status: Mapping[str, Callable[[], bool]]) -> bool:
    text = str(condition).strip().removeprefix("${{").removesuffix("}}")
    if not calls_status(text):
        text = f"success() && ({text})" if text else "success()"
    return bool(evaluate(text, contexts, status))


def _rows(name: str, job: Any, contexts: dict[str, Any], status: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    matrix = job.get("strategy", {}).get("matrix", {})
    if not matrix:
        yield name, contexts
    for key, value in matrix.items():
        rows = fill(value, contexts, status)
        assert rows, "a matrix without values is an error on the host"
        for number, row in enumerate(rows):
            yield f"{name}[{number}]", {**contexts, "matrix": {key: row}}
