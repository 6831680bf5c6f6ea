"""`seqsync init`: what it writes, and what it leaves alone."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sequence_sync.cli.actions.init import IGNORED, SEQUENCE_SCHEMA, SETTINGS, SETTINGS_SCHEMA, start_project
from sequence_sync.model.settings import Settings
from sequence_sync.model.steps import STEP_TYPES

STAND_IN = {SEQUENCE_SCHEMA: {"title": "Sequenz ä"}, SETTINGS_SCHEMA: {"title": "Settings"}}
EXAMPLE = ["sequences/welcome.yaml", "sequences/emails/hello.md"]


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    """Settings, schema, one example and .gitignore, and each of them is told."""
    made = start_project(tmp_path, STAND_IN)
    assert made.written == [SETTINGS, *STAND_IN, *EXAMPLE, ".gitignore"]
    assert made.kept == []
    assert sorted(contents(tmp_path)) == sorted(made.written)
    assert "Sequenz ä" in (tmp_path / SEQUENCE_SCHEMA).read_text("utf-8")


def test_the_second_time_changes_nothing(tmp_path: Path) -> None:
    """Running it again keeps every byte and says that all was there."""
    start_project(tmp_path, STAND_IN)
    before = contents(tmp_path)
    made = start_project(tmp_path, {path: {"title": "another"} for path in STAND_IN})
    assert contents(tmp_path) == before
    assert made.written == []
    assert made.kept == [SETTINGS, *STAND_IN, ".gitignore"]


@pytest.mark.parametrize("there", [SETTINGS, "sequences/mine.yml", "sequences/eu/mine.yaml"])
def test_no_example_beside_ones_own_work(tmp_path: Path, there: str) -> None:
    """Where there are settings or sequences the example is left out: the next apply would create it."""
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine")
    start_project(tmp_path, STAND_IN)
    assert (tmp_path / there).read_text() == "mine"
    assert not (tmp_path / EXAMPLE[0]).exists()


def test_a_link_to_nowhere_is_kept(tmp_path: Path) -> None:
    """Nothing is written through a link."""
    (tmp_path / SETTINGS).symlink_to(tmp_path / "elsewhere")
    assert SETTINGS in start_project(tmp_path, STAND_IN).kept
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("before", "lead", "end"),
    [(b"", b"", b"\n"), (b"a\n", b"", b"\n"), (b"a", b"\n", b"\n"), (b"a\r\n", b"", b"\r\n"), (b"\xff\n", b"", b"\n")],
)
def test_gitignore_gets_its_lines_at_the_end(tmp_path: Path, before: bytes, lead: bytes, end: bytes) -> None:
    """What stands in .gitignore stays byte for byte; the lines follow, with the line ends of the file."""
    (tmp_path / ".gitignore").write_bytes(before)
    start_project(tmp_path, STAND_IN)
    added = b"".join(line.encode() + end for line in IGNORED)
    assert (tmp_path / ".gitignore").read_bytes() == before + lead + added


def test_gitignore_gets_only_what_is_missing(tmp_path: Path) -> None:
    """A line that is there already is not written again."""
    (tmp_path / ".gitignore").write_text(f"{IGNORED[1]}\n{IGNORED[0]}\n")
    start_project(tmp_path, STAND_IN)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert sorted(lines) == sorted(IGNORED)


def test_the_settings_are_right_and_begin_with_the_sandbox(tmp_path: Path) -> None:
    """The file is valid, its default environment is on this computer, and no key stands in it."""
    start_project(tmp_path, STAND_IN)
    settings = Settings.model_validate(YAML(typ="safe", pure=True).load(tmp_path / SETTINGS))
    assert settings.default_environment == "sandbox"
    assert set(settings.environments) == {"sandbox", "production"}
    assert settings.environments["sandbox"].api_url == "http://127.0.0.1:8585/v1"
    assert settings.environments["sandbox"].api_key_command == "echo sandbox-key"


def test_the_example_is_right(tmp_path: Path) -> None:
    """Every step of the example has a known type and fields that its type has, and its content file is there."""
    start_project(tmp_path, STAND_IN)
    path = tmp_path / EXAMPLE[0]
    sequence = YAML(typ="safe", pure=True).load(path)
    steps = sequence["steps"].values()
    assert all(set(step) <= STEP_TYPES[step["type"]].fields for step in steps)
    files = [step["content_file"] for step in steps if "content_file" in step]
    assert files
    assert all((path.parent / name).is_file() for name in files)


@pytest.mark.parametrize(("name", "schema"), [(EXAMPLE[0], SEQUENCE_SCHEMA), (SETTINGS, SETTINGS_SCHEMA)])
def test_editors_find_the_schema(tmp_path: Path, name: str, schema: str) -> None:
    """The first line of each file leads to the schema that was written."""
    start_project(tmp_path, STAND_IN)
    first = (tmp_path / name).read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert ((tmp_path / name).parent / first.partition("=")[2]).resolve() == tmp_path / schema
