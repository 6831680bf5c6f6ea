"""Repairs of the state: rename, stop managing, history."""

from __future__ import annotations

import pytest
from support.import_account import Scenario

from sequence_sync.errors import UsageError
from sequence_sync.operations.state import move_entry, read_history, remove_entry
from sequence_sync.state.statefile import decode


def test_a_renamed_step_keeps_its_id_and_needs_no_call(scenario: Scenario) -> None:
    known = scenario.state("trial").steps["intro"].id
    move_entry(scenario.workspace(), "trial.intro", "trial.hello", 1, scenario.stop)
    assert scenario.state("trial").steps["hello"].id == known
    text = scenario.text("sequences/trial.yaml").replace("  intro:", "  hello:")
    scenario.project.write("sequences/trial.yaml", text)
    assert scenario.changes() == []


@pytest.mark.parametrize("target", ["trial.nudge", "other.intro", "other", "trial.intro.a"])
def test_a_rename_to_a_used_key_or_another_level_is_refused(scenario: Scenario, target: str) -> None:
    before = scenario.files()
    with pytest.raises(UsageError):
        move_entry(scenario.workspace(), "trial.intro", target, 1, scenario.stop)
    assert scenario.files() == before


def test_a_removed_step_leaves_the_state_and_a_backup_keeps_it(scenario: Scenario) -> None:
    before = scenario.state("trial")
    backup = remove_entry(scenario.workspace(), "trial.intro", 1, scenario.stop)
    assert set(scenario.state("trial").steps) == {"nudge", "connect"}
    saved = decode((scenario.project.root / backup).read_bytes(), backup)
    assert saved.sequences["trial"] == before


def test_history_names_each_operation_in_order(scenario: Scenario) -> None:
    move_entry(scenario.workspace(), "trial.intro", "trial.hello", 1, scenario.stop)
    history = read_history(scenario.workspace())
    assert [line.by.operation for line in history.lines if line.by] == ["apply", "state mv"]
    assert history.unknown == ()
