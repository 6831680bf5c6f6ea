"""A plan in the formats for programs and code hosts: whole outputs on disk, and the table of formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.plans import CASES, long_update

from sequence_sync.registry import DIAGNOSTIC_FORMATS, PLAN_FORMATS, RegistryEntry, table
from sequence_sync.render.ci import plan_github, plan_gitlab, plan_junit, plan_quality, plan_sarif
from sequence_sync.render.html.page import plan_html
from sequence_sync.render.markdown import plan_markdown
from sequence_sync.render.report import plan_json
from sequence_sync.render.text import plan_text


@pytest.mark.parametrize("name", CASES)
def test_pages_read_as_on_disk(name: str, golden: Any) -> None:
    """One golden file for each kind of plan and each format."""
    plan = CASES[name]()
    golden(f"plan/{name}/public.json", plan_json(plan))
    golden(f"plan/{name}/comment.md", plan_markdown(plan))


def test_the_table_of_formats_calls_each_renderer() -> None:
    """By the names that users write, and with the options of each."""
    plan = long_update()
    made = {name: render(plan) for name, render in PLAN_FORMATS.items()}
    assert (
        made
        | {
            "text": plan_text(plan),
            "json": plan_json(plan),
            "markdown": plan_markdown(plan),
            "html": plan_html(plan),
            "github": plan_github(plan),
            "gitlab": plan_gitlab(plan),
            "gitlab-quality": plan_quality(plan),
            "junit": plan_junit(plan),
            "sarif": plan_sarif(plan),
        }
        == made
    )
    assert PLAN_FORMATS["text"](plan, color=True) != made["text"]


def test_formats_for_code_hosts_count_paths_from_the_root_of_the_repository() -> None:
    plan = CASES["drifted"]()
    placed = [name for name, entry in PLAN_FORMATS.items() if entry.takes_folder]
    assert placed == ["github", "gitlab-quality", "sarif"]
    assert all("outreach/sequences/trial.yaml" in PLAN_FORMATS[name](plan, "outreach/") for name in placed)
    assert [name for name, entry in DIAGNOSTIC_FORMATS.items() if entry.takes_folder] == ["github", "gitlab", "sarif"]


def test_a_name_used_twice_in_a_table_is_an_error() -> None:
    """The second would hide the first."""
    with pytest.raises(ValueError, match="twice"):
        table(RegistryEntry("text", "a", "b"), RegistryEntry("text", "c", "d"))


def test_public_json_holds_what_pipelines_need_and_no_more() -> None:
    """Counts, hash and changes; neither what the plan was made from nor anything of this run."""
    plan = long_update()
    public = json.loads(plan_json(plan))
    assert public["plan_hash"] == plan.plan_hash()
    assert public["summary"] == {"create": 0, "update": 2, "deactivate": 1, "record": 0, "blocked": 0}
    assert [row["address"] for row in public["changes"]] == ["trial.call", "trial.nudge.a", "trial.nudge.b"]
    assert public["changes"][0]["calls"][0]["body"] == {"absoluteDays": 5}
    assert not {"base", "sum", "tool_version"} & public.keys()


def test_public_json_does_not_depend_on_what_the_plan_was_made_from() -> None:
    """Two machines with different states and the same changes print the same."""
    plan = long_update()
    assert plan_json(plan) == plan_json(plan.model_copy(update={"base": plan.base.model_copy(update={"serial": 9})}))


@pytest.mark.parametrize("name", ["drifted", "hostile", "blocked"])
def test_formats_for_hosts_read_as_on_disk(name: str, golden: Any) -> None:
    """One golden file for each format that a code host reads."""
    plan = CASES[name]()
    golden(f"plan/{name}/annotations.txt", plan_github(plan))
    golden(f"plan/{name}/counters.json", plan_gitlab(plan))
    golden(f"plan/{name}/quality.json", plan_quality(plan, "outreach/"))
    golden(f"plan/{name}/junit.xml", plan_junit(plan))
    golden(f"plan/{name}/findings.sarif", plan_sarif(plan, "outreach/"))
