"""The pages keep up with the code: what is built is written down, and what is linked is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from sequence_sync.cli.main import COMMANDS, PROGRAM
from sequence_sync.model.settings import Environment, Policy, Settings
from sequence_sync.model.steps import STEP_TYPES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
FORMAT = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def command(name: str) -> click.Command:
    """The command of that name, loaded."""
    found = PROGRAM.get_command(click.Context(PROGRAM), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", STEP_TYPES)
def test_every_type_of_step_is_written_down(name: str) -> None:
    """The table of types has a line for each, with the API's code, and each field of it stands on the page."""
    row = STEP_TYPES[name]
    assert re.search(rf"^\| `{name}` \| {row.code} \|", FORMAT, re.M)
    assert [field for field in sorted(row.fields - {"variants"}) if f"`{field}`" not in FORMAT] == []


def test_every_setting_is_written_down() -> None:
    """The page on the format has a line for each setting."""
    lines = [*Settings.model_fields, *Environment.model_fields, *(f"policy.{name}" for name in Policy.model_fields)]
    missing = [line for line in lines if f"\n| `{line}` |" not in FORMAT]
    assert missing in (["policy", "lint"], [])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_written_down(name: str) -> None:
    """Each command has a chapter, and each of its options and subcommands stands on the page."""
    assert f"\n## seqsync {name}\n" in COMMAND_PAGE
    found = command(name)
    below = list(found.commands.values()) if isinstance(found, click.Group) else []
    assert [sub.name for sub in below if f"`seqsync {name} {sub.name}" not in COMMAND_PAGE] == []
    options = {
        max(p.opts, key=len) for c in [found, *below] for p in c.params if isinstance(p, click.Option) and not p.hidden
    }
    assert [option for option in sorted(options) if not re.search(rf"[` \[]{option}[` \]]", COMMAND_PAGE)] == []


@pytest.mark.parametrize("name", re.findall(r"^## seqsync ([a-z-]+)$", COMMAND_PAGE, re.M))
def test_no_command_is_promised_that_is_not_there(name: str) -> None:
    """A chapter about a command is a promise that the command exists."""
    assert name in COMMANDS


def anchors(page: Path) -> set[str]:
    """The names by which links reach the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S), re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_reach_a_file_and_a_heading(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)):
        if "://" in link:
            continue
        target, _, heading = link.partition("#")
        file = page.parent / target if target else page
        assert file.exists(), link
        assert not heading or heading in anchors(file), link
