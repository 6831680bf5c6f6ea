"""`seqsync init -ci`: writes the pipeline files and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.project import Project

from sequence_sync.cli.actions.init import PIPELINES, pipeline_text


@pytest.mark.parametrize("host", PIPELINES)
def test_existing_project_gets_a_pipeline(tmp_path: Path, host: str) -> None:
    """Existing files stay byte for byte and are listed as kept."""
    project = Project(tmp_path)
    names = list(PIPELINES[host])
    project.write("sequences/mine.yaml", "mine\n")
    project.write(names[0], "mine\n")
    output = project.ok("init", "-ci", host).out
    assert f"kept   {names[0]} (it exists)" in output
    assert (tmp_path / names[0]).read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "sequences/welcome.yaml").exists()
    for name in names[1:]:
        assert f"wrote  {name}\n" in output
        assert (tmp_path / name).read_text(encoding="utf-8") == pipeline_text(PIPELINES[host][name])


def test_init_without_ci_writes_no_pipeline(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.ok("init")
    assert not (tmp_path / ".github").exists()
    assert project.run("init", "-ci", "sourcehut").code == 3
