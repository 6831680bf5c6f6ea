"""A server that answers with values that cannot be ids: in doubt after a create, unreadable in a read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.faults import CREATES, assert_exactly_once, assert_quiet, fault_project
from support.stand_in import StandIn

NOT_IDS = ["..", "{faults}", "a/../b?x#", "x" * 100_000, "\ud800x", " ", ""]


def answers_with(server: StandIn, bad: str, *, kind: str) -> None:
    """The server carries out every create, and answers the first one of `kind` with the id `bad`."""
    original = getattr(server, kind)
    left = [bad]

    def made(*arguments: Any) -> Any:
        answer = original(*arguments)
        return {**answer, "sequenceId": left[0], "id": left.pop()} if left else answer

    setattr(server, kind, made)


@pytest.mark.parametrize("kind", ["make_sequence", "make_step"])
@pytest.mark.parametrize("bad", NOT_IDS, ids=lambda bad: ascii(bad)[:12])
def test_a_create_whose_answer_has_no_possible_id_is_read_back(tmp_path: Path, bad: str, kind: str) -> None:
    with StandIn() as server:
        answers_with(server, bad, kind=kind)
        project = fault_project(tmp_path, server.url)
        project.ok("apply", "-auto-approve")
        assert_exactly_once(server, 0)
        assert len(server.creates) == CREATES
        assert_quiet(project)
    for name in ("seqsync.state.json", "seqsync.state.json.history"):
        assert bad.strip() == "" or ascii(bad)[1:-1] not in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("bad", ["..", "\ud800x"], ids=ascii)
def test_a_read_with_a_value_that_cannot_be_an_id_fails(tmp_path: Path, bad: str) -> None:
    with StandIn() as server:
        project = fault_project(tmp_path, server.url)
        project.ok("apply", "-auto-approve")
        server.steps("Fault lines")[0]["id"] = bad
        done = project.run("plan", "-refresh")
        assert done.code == 1, done.both
        assert "contains something that cannot be an id" in done.err
