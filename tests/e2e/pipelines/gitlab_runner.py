"""Runs the jobs of our GitLab component as a runner would, each script in one bash.

Rules are evaluated, jobs run in the order of the file. What GitLab alone decides (environments, resource groups) is
not played here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_curl import BASE, Host
from ruamel.yaml import YAML

from sequence_sync._version import __version__

HERE = Path(__file__).resolve().parent


@dataclass
class Job:
    """One job, as it went."""

    name: str
    code: int
    log: str
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class GitLab:
    """A project on a host, and machines that run its pipelines."""

    root: Path
    variables: dict[str, str]
    count: int = 0

    def __post_init__(self) -> None:
        self.bare = self.root / "host.git"
        self.programs = self.root / "gitlab-programs"
        self.programs.mkdir()
        installed = f"'-m pip install --quiet --disable-pip-version-check seqsync=={__version__}'"
        texts = {
            "curl": f"exec '{sys.executable}' '{HERE / 'fake_curl.py'}' \"$@\"",
            "python": f'if [ "$*" = {installed} ]; then exit 0; fi\nexec \'{sys.executable}\' "$@"',
            "sleep": "exit 0",
        }
        for name, text in texts.items():
            (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.programs / name).chmod(0o755)

    @property
    def host(self) -> Host:
        """What the host has now; save it to change it."""
        return Host(self.root / "gitlab.json")

    def pipeline(self, sha: str, source: str, **more: str) -> dict[str, Job]:
        """Every job of the component whose rules let it run."""
        shown = subprocess.run(
            ["git", "-C", self.bare, "show", f"{sha}:.gitlab/seqsync.yml"], capture_output=True, text=True, check=True
        ).stdout
        spec, body = list(YAML(typ="safe", pure=True).load_all(shown))
        inputs = {name: row["default"] for name, row in spec["spec"]["inputs"].items()}
        text = shown.split("\n---\n", 1)[1]
        text = re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: inputs[found[1]], text)
        body = YAML(typ="safe", pure=True).load(text)
        variables = {
            "CI_PIPELINE_SOURCE": source,
            "CI_COMMIT_SHA": sha,
            "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_ID": "1",
            "CI_API_V4_URL": BASE,
            "CI_PROJECT_URL": (self.root / "host").as_uri(),
            "CI_JOB_URL": "https://gitlab.test/job",
            **self.variables,
            **more,
        }
        ran: dict[str, Job] = {}
        for name, job in body.items():
            if not name.startswith(".") and any(_holds(rule["if"], variables) for rule in job["rules"]):
                kept = [ran[need["job"]].files for need in job.get("needs", []) if need["job"] in ran]
                ran[name] = self._job(name, {**body[".seqsync"], **job}, variables, kept)
        return ran

    def _job(self, name: str, job: Any, variables: dict[str, str], kept: list[dict[str, bytes]]) -> Job:
        self.count += 1
        work = self.root / f"gitlab-machine-{self.count}"
        work.mkdir()
        git = ["git", "-C", str(work)]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "remote", "add", "origin", self.bare.as_uri()], check=True)
        subprocess.run([*git, "fetch", "-q", "origin", variables["CI_COMMIT_SHA"]], check=True)
        subprocess.run([*git, "checkout", "-q", "--detach", "FETCH_HEAD"], check=True)
        for files in kept:
            for path, data in files.items():
                (work / path).write_bytes(data)
        variables = {**{key: str(value) for key, value in job["variables"].items()}, **variables}
        code, log = self._bash([*job["before_script"], *job["script"]], work, variables)
        if "after_script" in job:
            after, more = self._bash(job["after_script"], work, variables)
            log += f"== after_script\n{more}after_script: {after}\n"
        paths = [path.replace("$STATE", variables["STATE"]) for path in job.get("artifacts", {}).get("paths", [])]
        reports = job.get("artifacts", {}).get("reports", {}).values()
        files = {path: (work / path).read_bytes() for path in (*paths, *reports) if (work / path).exists()}
        return Job(name, code, log, files)

    def _bash(self, lines: list[str], work: Path, variables: dict[str, str]) -> tuple[int, str]:
        here = str(Path(sys.executable).parent)
        environ = {
            "PATH": f"{self.programs}:{here}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.root),
            "CI": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
            "FAKE_GITLAB": str(self.root / "gitlab.json"),
            "LANG": "C.UTF-8",
        }
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            cwd=work,
            env={**environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        return done.returncode, done.stdout


def _holds(rule: str, variables: dict[str, str]) -> bool:
    words = re.sub(r"\$(\w+)", lambda found: repr(variables.get(found[1], "")), rule)
    return bool(eval(words.replace("&&", "and"), {"__builtins__": {}}))
