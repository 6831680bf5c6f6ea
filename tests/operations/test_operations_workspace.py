"""Opening a project: its environment, key and state."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.import_account import Scenario
from support.project import KEY

from sequence_sync.errors import UsageError
from sequence_sync.operations.workspace import list_environments, open_workspace, validate

SETTINGS = """\
version: 1
default_environment: team
environments:
  team: {api_key_command: printf secret-key}
  other: {state: "https://anna:secret@state.example.com/prod?token=secret"}
"""


def test_environments_are_listed_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "seqsync.yaml").write_text(SETTINGS, encoding="utf-8")
    team, other = list_environments(tmp_path, {})
    assert [(row.name, row.default) for row in (team, other)] == [("team", True), ("other", False)]
    assert other.state == "https://state.example.com/prod"


def test_key_is_reported_as_secret_before_it_is_returned(tmp_path: Path) -> None:
    (tmp_path / "seqsync.yaml").write_text(SETTINGS, encoding="utf-8")
    secrets: list[str] = []
    assert open_workspace(tmp_path, "team", {}, secrets.append).key() == "secret-key"
    assert secrets == ["secret-key"]


def test_unknown_environment_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "seqsync.yaml").write_text(SETTINGS, encoding="utf-8")
    with pytest.raises(UsageError):
        open_workspace(tmp_path, "third", {}, lambda _: None)


def test_state_is_read_without_the_lock(scenario: Scenario) -> None:
    workspace = scenario.workspace()
    replayed = workspace.read()
    assert replayed is not None
    assert list(replayed.state.sequences) == ["trial"]
    assert workspace.key() == KEY


def test_validation_reports_the_errors_of_the_files(scenario: Scenario) -> None:
    assert list(validate(scenario.workspace()).diagnostics) == []
    scenario.project.write("sequences/trial.yaml", "sequence: trial\nsteps: []\n")
    assert [row.path for row in validate(scenario.workspace()).diagnostics] == ["sequences/trial.yaml"]
