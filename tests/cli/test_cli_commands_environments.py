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
    api_key_command: sh -c 'echo ran > asked; echo secret-of-a-command'
    headers: {X-Gateway: secret-of-a-header}
  production:
    state: https://anna:secret-of-a-state@state.example.com/prod?token=secret-of-a-query#secret-of-a-fragment
  third: {state: "with \\"quotes\\" and $dollars.json"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three environments and no sequence."""
    project = Project(tmp_path)
    project.write("seqsync.yaml", SETTINGS)
    return project


def test_text_lists_one_environment_per_line_and_marks_the_default(project: Project) -> None:
    assert project.ok("environments").out.splitlines() == [
        "  staging     127.0.0.1:9  seqsync.staging.state.json",
        "* production  127.0.0.1:9  https://state.example.com/prod",
        '  third       127.0.0.1:9  with "quotes" and $dollars.json',
    ]


def test_json_lists_the_same_environments(project: Project) -> None:
    listed = json.loads(project.ok("environments", "-format", "json").out)["environments"]
    assert listed[0] == {
        "name": "staging",
        "host": "127.0.0.1:9",
        "state": "seqsync.staging.state.json",
        "default": False,
    }
    assert [row["default"] for row in listed] == [False, True, False]


def test_matrix_is_one_line_of_plain_values(project: Project) -> None:
    """As `fromJSON` in a matrix takes it: one job, one concurrency group, one state per environment."""
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
    # A step writes its outputs as lines `name=value`, so the value must not end the line.
    assert out.isascii()


@pytest.mark.parametrize("name", ["text", "json", "matrix"])
def test_no_secret_is_printed_and_the_key_command_is_not_run(project: Project, name: str) -> None:
    output = project.ok("environments", "-format", name).both
    assert "secret" not in output
    assert KEY not in output
    assert not (project.root / "asked").exists()


def test_project_without_settings_has_one_default_environment(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.ok("environments").out == "* default  127.0.0.1:9  seqsync.state.json\n"
    assert json.loads(project.ok("environments", "-format", "matrix").out)["include"] == [
        {"environment": "default", "state": "seqsync.state.json", "concurrency": "seqsync-default"}
    ]


def test_environments_are_listed_where_none_is_the_default(project: Project) -> None:
    """Other commands ask for -env. The names listed here are valid for it."""
    project.write("seqsync.yaml", SETTINGS.replace("default_environment: production\n", ""))
    listed = json.loads(project.ok("environments", "-format", "json").out)["environments"]
    assert not any(row["default"] for row in listed)
    project.write("sequences/a.yaml", "sequence: a\nsteps:\n  c: {day: 1, type: call_demo}\n")
    assert project.run("plan").code == 3
    assert [project.run("plan", "-env", row["name"]).code for row in listed if "://" not in row["state"]] == [0, 0]
