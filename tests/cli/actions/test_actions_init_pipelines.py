"""`seqsync init -ci`: the pipeline's files beside the others, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.project import Project

from sequence_sync.cli.actions.init import PIPELINES, pipeline_text


@pytest.mark.parametrize("host", PIPELINES)
def test_a_project_that_is_there_gets_a_pipeline(tmp_path: Path, host: str) -> None:
    """What is there stays byte for byte and is told as kept; the rest is written, as the package has it."""
    project = Project(tmp_path)
    names = list(PIPELINES[host])
    project.write("sequences/mine.yaml", "mine\n")
    project.write(names[0], "mine\n")
    told = project.ok("init", "-ci", host).out
    assert f"kept   {names[0]} (it exists)" in told
    assert (tmp_path / names[0]).read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "sequences/welcome.yaml").exists()
    for name in names[1:]:
        assert f"wrote  {name}\n" in told
        assert (tmp_path / name).read_text(encoding="utf-8") == pipeline_text(PIPELINES[host][name])


def test_without_a_host_no_pipeline_is_written(tmp_path: Path) -> None:
    """`init` alone leaves the host's folders alone, and an unknown host is exit code 3."""
    project = Project(tmp_path)
    project.ok("init")
    assert not (tmp_path / ".github").exists()
    assert project.run("init", "-ci", "sourcehut").code == 3
