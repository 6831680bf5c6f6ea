"""`seqsync init`: the files that it writes, and the files that it keeps."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sequence_sync.cli.actions.init import IGNORED, SEQUENCE_SCHEMA, SETTINGS, SETTINGS_SCHEMA, start_project
from sequence_sync.model.settings import Settings
from sequence_sync.model.steps import STEP_TYPES

SCHEMAS = {SEQUENCE_SCHEMA: {"title": "Sequenz ä"}, SETTINGS_SCHEMA: {"title": "Settings"}}
EXAMPLE = ["sequences/welcome.yaml", "sequences/emails/hello.md"]


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    made = start_project(tmp_path, SCHEMAS)
    assert made.written == [SETTINGS, *SCHEMAS, *EXAMPLE, ".gitignore"]
    assert made.kept == []
    assert sorted(files_of(tmp_path)) == sorted(made.written)
    assert "Sequenz ä" in (tmp_path / SEQUENCE_SCHEMA).read_text("utf-8")


def test_second_init_keeps_every_file(tmp_path: Path) -> None:
    start_project(tmp_path, SCHEMAS)
    before = files_of(tmp_path)
    made = start_project(tmp_path, {path: {"title": "another"} for path in SCHEMAS})
    assert files_of(tmp_path) == before
    assert made.written == []
    assert made.kept == [SETTINGS, *SCHEMAS, ".gitignore"]


@pytest.mark.parametrize("there", [SETTINGS, "sequences/mine.yml", "sequences/eu/mine.yaml"])
def test_no_example_beside_existing_settings_or_sequences(tmp_path: Path, there: str) -> None:
    """The next apply would create it."""
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine")
    start_project(tmp_path, SCHEMAS)
    assert (tmp_path / there).read_text() == "mine"
    assert not (tmp_path / EXAMPLE[0]).exists()


def test_dangling_link_is_kept_and_nothing_is_written_through_it(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).symlink_to(tmp_path / "elsewhere")
    assert SETTINGS in start_project(tmp_path, SCHEMAS).kept
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("before", "lead", "end"),
    [(b"", b"", b"\n"), (b"a\n", b"", b"\n"), (b"a", b"\n", b"\n"), (b"a\r\n", b"", b"\r\n"), (b"\xff\n", b"", b"\n")],
)
def test_gitignore_gets_missing_lines_at_the_end(tmp_path: Path, before: bytes, lead: bytes, end: bytes) -> None:
    """The existing bytes stay, and the new lines get the line ends of the file."""
    (tmp_path / ".gitignore").write_bytes(before)
    start_project(tmp_path, SCHEMAS)
    added = b"".join(line.encode() + end for line in IGNORED)
    assert (tmp_path / ".gitignore").read_bytes() == before + lead + added


def test_gitignore_gets_only_missing_lines(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(f"{IGNORED[1]}\n{IGNORED[0]}\n")
    start_project(tmp_path, SCHEMAS)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert sorted(lines) == sorted(IGNORED)


def test_settings_are_valid_and_default_to_the_sandbox(tmp_path: Path) -> None:
    start_project(tmp_path, SCHEMAS)
    settings = Settings.model_validate(YAML(typ="safe", pure=True).load(tmp_path / SETTINGS))
    assert settings.default_environment == "sandbox"
    assert set(settings.environments) == {"sandbox", "production"}
    assert settings.environments["sandbox"].api_url == "http://127.0.0.1:8585/v1"
    assert settings.environments["sandbox"].api_key_command == "echo sandbox-key"


def test_example_is_valid_and_its_content_files_exist(tmp_path: Path) -> None:
    start_project(tmp_path, SCHEMAS)
    path = tmp_path / EXAMPLE[0]
    sequence = YAML(typ="safe", pure=True).load(path)
    steps = sequence["steps"].values()
    assert all(set(step) <= STEP_TYPES[step["type"]].fields for step in steps)
    files = [step["content_file"] for step in steps if "content_file" in step]
    assert files
    assert all((path.parent / name).is_file() for name in files)


@pytest.mark.parametrize(("name", "schema"), [(EXAMPLE[0], SEQUENCE_SCHEMA), (SETTINGS, SETTINGS_SCHEMA)])
def test_first_line_names_the_schema_for_editors(tmp_path: Path, name: str, schema: str) -> None:
    start_project(tmp_path, SCHEMAS)
    first = (tmp_path / name).read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert ((tmp_path / name).parent / first.partition("=")[2]).resolve() == tmp_path / schema
