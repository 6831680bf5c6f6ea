"""The files of the pipelines: valid for the hosts, for zizmor and shellcheck, pinned, and the same everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sequence_sync._version import __version__
from sequence_sync.cli.actions.init import PIPELINES, pipeline_text, start_pipeline

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
OURS = [".github/workflows/test.yml", ".github/actions/seqsync/action.yml"]
SOURCES = [source for files in PIPELINES.values() for source in files.values()]


def plain(text: str) -> Any:
    """The last document of a YAML text."""
    return list(YAML(typ="safe", pure=True).load_all(text))[-1]


def checked(*words: str | Path) -> str:
    """What a checker says; one that finds something fails the test."""
    done = subprocess.run([BIN / words[0], *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A project with everything that `init -ci` writes, and our own workflow."""
    for provider in PIPELINES:
        start_pipeline(tmp_path, provider)
    ours = tmp_path / OURS[0]
    ours.write_text((ROOT / OURS[0]).read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_the_hosts_schemas_accept_them(written: Path) -> None:
    """Workflows, action and the two files for GitLab are what the hosts' published schemas say."""
    component = written / ".gitlab" / "seqsync.yml"
    body = written / "body.yml"
    body.write_text(component.read_text(encoding="utf-8").split("\n---\n", 1)[1], encoding="utf-8")
    schema = ("check-jsonschema", "--builtin-schema")
    checked(*schema, "vendor.github-workflows", *sorted((written / ".github/workflows").glob("*.yml")))
    checked(*schema, "vendor.github-actions", written / OURS[1])
    checked(*schema, "vendor.gitlab-ci", written / ".gitlab-ci.yml", body)


def test_a_workflow_security_linter_finds_nothing(written: Path) -> None:
    """zizmor is content, but for one rule: `$/` for our own action is too new for the servers that companies run."""
    config = written / "zizmor.yml"
    config.write_text("rules: {self-repository: {disable: true}}\n")
    checked("zizmor", "--offline", "--quiet", "--config", config, written)


def scripts() -> Iterator[Any]:
    """Every piece of shell in them, with a name."""
    action = plain(pipeline_text("github/action.yml"))
    for step in action["runs"]["steps"]:
        if "run" in step:
            yield pytest.param(step["run"], id=step["name"])
    component = plain(pipeline_text("gitlab/seqsync.yml"))
    before = "\n".join(component[".seqsync"]["before_script"])
    for name, job in component.items():
        if "script" in job:
            yield pytest.param("\n".join([before, *job["script"]]), id=name)
        if "after_script" in job:
            yield pytest.param("\n".join(job["after_script"]), id=f"{name}-after")
    for number, block in enumerate(re.findall(r"```sh\n(.*?)\n *```", PAGE, re.S)):
        yield pytest.param(block, id=f"page-{number}")


@pytest.mark.parametrize("script", list(scripts()))
def test_shellcheck_finds_nothing(script: str, tmp_path: Path) -> None:
    """Each step is clean, for the shell and the switches that it runs with."""
    file = tmp_path / "step.sh"
    # What `before_script` sets for other jobs, this one need not use; the host sets the variables.
    head = "#!/usr/bin/env bash\n# shellcheck disable=SC2034,SC2154,SC2317,SC2329\nset -eo pipefail\n"
    file.write_text(head + script, encoding="utf-8")
    checked("shellcheck", file)


@pytest.mark.parametrize("source", ["github/action.yml", *(name for name in SOURCES if "github/seqsync" in name)])
def test_actions_are_pinned_and_nothing_of_a_user_is_in_a_script(source: str) -> None:
    """Each action is named by its full hash, with its version in a comment. No expression is part of a script."""
    text = pipeline_text(source)
    foreign = [line for line in re.findall(r"^ +(?:- )?uses: (\S+.*)", text, re.M) if not line.startswith("./")]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in foreign)
    data = plain(text)
    steps = (
        data["runs"]["steps"] if "runs" in data else [step for job in data["jobs"].values() for step in job["steps"]]
    )
    assert all("${{" not in step.get("run", "") for step in steps)
    assert "pull_request_target" not in text


@pytest.mark.parametrize("name", [name for name in SOURCES if "github/seqsync" in name])
def test_workflows_may_do_no_more_than_they_need(name: str) -> None:
    """No rights by default. Each job names its rights, only apply may write files, and no token is saved."""
    data = plain(pipeline_text(name))
    assert data["permissions"] == {}
    for label, job in data["jobs"].items():
        assert ("write" in job["permissions"].get("contents", "")) == (label in ("apply", "by-hand"))
        for step in job["steps"]:
            if "checkout" in step["uses"]:
                assert step["with"]["persist-credentials"] is False
            given = step.get("with", {})
            assert ("api-key" in given) == (given.get("task") in ("apply", "drift"))
            assert "api-key" not in given or "environment" in job


def test_our_own_action_is_the_one_that_init_writes() -> None:
    """Who takes the action from our repository gets what `init -ci github` writes."""
    assert (ROOT / OURS[1]).read_text(encoding="utf-8") == pipeline_text("github/action.yml")


@pytest.mark.parametrize("source", SOURCES)
def test_the_version_is_ours_and_the_page_names_each_file(source: str) -> None:
    """pip installs this version, and the page shows each file that init writes."""
    text = pipeline_text(source)
    assert set(re.findall(r"seqsync==([\w.]+)", text)) <= {__version__}
    assert all(f"`{name}`" in PAGE for files in PIPELINES.values() for name in files)


def test_reference_links_the_source_of_each_file() -> None:
    reference = (ROOT / "docs" / "ci-reference.md").read_text(encoding="utf-8")
    linked = dict(re.findall(r"^\| `(\S+)` \| \[\S+\]\(\.\./sequence_sync/cli/ci/(\S+)\) \|$", reference, re.M))
    assert linked == {name: source for files in PIPELINES.values() for name, source in files.items()}


def test_the_container_file_is_careful() -> None:
    """A base with its full version, an own user, and no shell between the container and seqsync."""
    lines = (ROOT / ".ci" / "Containerfile").read_text(encoding="utf-8").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert "USER 10001" in lines
    assert 'ENTRYPOINT ["seqsync"]' in lines


def test_the_hook_for_pre_commit_runs() -> None:
    """Its command is one that exists, on the whole project."""
    [hook] = plain((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["pass_filenames"] is False
    program, *words = hook["entry"].split()
    checked(program, "-chdir", ROOT, *words)
    assert re.search(hook["files"], "sequences/emails/hello.md")
    assert not re.search(hook["files"], "README.md")
