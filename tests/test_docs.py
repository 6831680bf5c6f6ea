"""The pages agree with the code: every type, setting, command and option is documented, and every link has a target."""

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
FENCED = re.compile(r"```.*?```", re.S)


def command(name: str) -> click.Command:
    """Return the command of that name, loaded."""
    found = PROGRAM.get_command(click.Context(PROGRAM), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", STEP_TYPES)
def test_format_page_documents_each_step_type_with_its_code_and_fields(name: str) -> None:
    row = STEP_TYPES[name]
    assert re.search(rf"^\| `{name}` \| {row.code} \|", FORMAT, re.M)
    assert [field for field in sorted(row.fields - {"variants"}) if f"`{field}`" not in FORMAT] == []


def test_format_page_documents_each_setting() -> None:
    lines = [*Settings.model_fields, *Environment.model_fields, *(f"policy.{name}" for name in Policy.model_fields)]
    missing = [line for line in lines if f"\n| `{line}` |" not in FORMAT]
    assert missing in (["policy", "lint"], [])


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_page_documents_each_command_subcommand_and_option(name: str) -> None:
    assert f"\n## seqsync {name}\n" in COMMAND_PAGE
    found = command(name)
    below = list(found.commands.values()) if isinstance(found, click.Group) else []
    assert [sub.name for sub in below if f"`seqsync {name} {sub.name}" not in COMMAND_PAGE] == []
    options = {
        max(p.opts, key=len) for c in [found, *below] for p in c.params if isinstance(p, click.Option) and not p.hidden
    }
    assert [option for option in sorted(options) if not re.search(rf"[` \[]{option}[` \]]", COMMAND_PAGE)] == []


@pytest.mark.parametrize("name", re.findall(r"^## seqsync ([a-z-]+)$", COMMAND_PAGE, re.M))
def test_commands_page_documents_only_commands_that_exist(name: str) -> None:
    assert name in COMMANDS


def anchors(page: Path) -> set[str]:
    """Return the names by which links reach the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_reach_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", page.read_text(encoding="utf-8")))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        target, _, heading = link.partition("#")
        file = page.parent / target if target else page
        assert file.exists(), link
        assert not heading or heading in anchors(file), link


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_page_begins_with_its_reader(page: Path) -> None:
    """The paragraph after the title says who the page is for."""
    title, paragraph = page.read_text(encoding="utf-8").split("\n\n")[:2]
    assert title.startswith("# ")
    assert paragraph.startswith("For "), paragraph


def source(name: str) -> Path:
    """Return the file that the architecture page calls `name`: from the root, or inside the package."""
    return ROOT / name if (ROOT / name).exists() else ROOT / "sequence_sync" / name


def test_architecture_page_names_files_and_definitions_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:\w+/)*\w+\.py)`", page)
    assert [name for name in files if not source(name).exists()] == []
    definitions = re.findall(r"`([\w.]+)` (?:in|of)\s`((?:\w+/)*\w+\.py)`", page)
    assert len(definitions) > 5
    wrong = [
        (name, file)
        for name, file in definitions
        if not re.search(rf"^\s*(def |class )?{name.split('.')[-1]}\b[(:= ]", source(file).read_text("utf-8"), re.M)
    ]
    assert wrong == []
