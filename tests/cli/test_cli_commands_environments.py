"""`seqsync environments`: names, hosts and states, for people and for a matrix of jobs; never a key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.project import KEY, Project

SETTINGS = """\
version: 1
default_environment: production
environments:
  staging:
    api_key_command: sh -c 'echo told > asked; echo secret-of-a-command'
    headers: {X-Gateway: secret-of-a-header}
  production:
    state: https://anna:secret-of-a-state@state.example.com/prod?token=secret-of-a-query#secret-of-a-fragment
  third: {state: "with \\"quotes\\" and $dollars.json"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three environments, and no sequence."""
    project = Project(tmp_path)
    project.write("seqsync.yaml", SETTINGS)
    return project


def test_for_people(project: Project) -> None:
    """A line each, in the order of the settings; a star marks the default."""
    assert project.ok("environments").out.splitlines() == [
        "  staging     127.0.0.1:9  seqsync.staging.state.json",
        "* production  127.0.0.1:9  https://state.example.com/prod",
        '  third       127.0.0.1:9  with "quotes" and $dollars.json',
    ]


def test_for_scripts(project: Project) -> None:
    """The same as JSON."""
    listed = json.loads(project.ok("environments", "-format", "json").out)["environments"]
    assert listed[0] == {
        "name": "staging",
        "host": "127.0.0.1:9",
        "state": "seqsync.staging.state.json",
        "default": False,
    }
    assert [row["default"] for row in listed] == [False, True, False]


def test_for_a_matrix(project: Project) -> None:
    """One line of plain values, as `fromJSON` in a matrix takes it: one job, one group, one state for each."""
    out = project.ok("environments", "-format", "matrix").out
    assert out.count("\n") == 1
    matrix = json.loads(out)
    assert list(matrix) == ["include"]
    assert matrix["include"][0] == {
        "environment": "staging",
        "state": "seqsync.staging.state.json",
        "concurrency": "seqsync-staging",
    }
    for row in matrix["include"]:
        assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", name) for name in row)
        assert all(isinstance(value, str) and value for value in row.values())
    for name in ("environment", "state", "concurrency"):
        assert len({row[name] for row in matrix["include"]}) == 3
    # What a step writes to its outputs is a line `name=value`: nothing in it may end the line.
    assert out.isascii()


@pytest.mark.parametrize("name", ["text", "json", "matrix"])
def test_no_secret(project: Project, name: str) -> None:
    """Neither a key nor what might hold one is told, and the command that prints it is not run."""
    told = project.ok("environments", "-format", name).both
    assert "secret" not in told
    assert KEY not in told
    assert not (project.root / "asked").exists()


def test_without_settings(tmp_path: Path) -> None:
    """There is one environment, `default`, and it is the default."""
    project = Project(tmp_path)
    assert project.ok("environments").out == "* default  127.0.0.1:9  seqsync.state.json\n"
    assert json.loads(project.ok("environments", "-format", "matrix").out)["include"] == [
        {"environment": "default", "state": "seqsync.state.json", "concurrency": "seqsync-default"}
    ]


def test_several_and_none_is_chosen(project: Project) -> None:
    """Where other commands ask for -env, this one lists what there is; what it lists is right for -env."""
    project.write("seqsync.yaml", SETTINGS.replace("default_environment: production\n", ""))
    told = json.loads(project.ok("environments", "-format", "json").out)["environments"]
    assert not any(row["default"] for row in told)
    project.write("sequences/a.yaml", "sequence: a\nsteps:\n  c: {day: 1, type: call_demo}\n")
    assert project.run("plan").code == 3
    assert [project.run("plan", "-env", row["name"]).code for row in told if "://" not in row["state"]] == [0, 0]
