"""Broken settings: a diagnostic has the key and its position, and never a value below `environments:`."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest

from sequence_sync.errors import InvalidFilesError
from sequence_sync.source.settings import load_settings

SECRET = "sk-canary-0123456789abcdef"
NAMES = ("SALESHANDY_API_KEY", "api_key_", "password", "apiToken", "headers", "api_url", "api_key_command", "timeout")
# What can be written after a name below an environment, with `S` for the secret.
VALUES = (
    " S",
    "S",
    ":S",
    " S: x",
    " x: S",
    " {X-Gateway: S",
    " {S",
    " {S}",
    " {S: }",
    " {X-Gateway S}",
    " {X-Gateway: S, X-Gateway: S}",
    " {X-Gateway: [S, S]}",
    " [S",
    " [S, ]",
    ' "S',
    " 'S' S",
    ' "S\\q"',
    " !S",
    " !!S x",
    " &S",
    " *S",
    " @S",
    " `S",
    " %S",
    " | S",
    " >S",
    " x #S",
    "\tS",
    " {{S}}",
    ' "a\\u0007S"',
    "\n      S",
    "\n      S: {S: S}",
    "\n      - S",
    "\n      S: 1\n      S: 2",
    '\n      "S\nS"',
    "\nS",
    "\n   S: x",
    "\n  default:\n    timeout: S",
    " ? S",
    "\n      ? [S]\n      : S",
)
SHAPES = {
    "block": "version: 1\nenvironments:\n  default:\n    {line}\npolicy:\n  removed_steps: block\n",
    "list": "environments:\n  - {line}\n",
    "instead of an environment": "environments:\n  {line}\n",
    "instead of all environments": "environments: {line}\n",
    "flow": "version: 1\nenvironments: {{default: {{{line}}}}}\n",
    "all in one": "{{version: 1, environments: {{default: {{{line}}}}}}}\n",
    "anchor": "x-common: &common\n  {line}\nenvironments:\n  default: *common\n",
    "at the top": "{line}\n",
}


def shown(root: Path, text: str) -> str:
    """Everything that the diagnostics of a settings file contain."""
    (root / "seqsync.yaml").write_text(text, encoding="utf-8")
    try:
        load_settings(root)
    except InvalidFilesError as error:
        return "\n".join(repr(asdict(diagnostic)) for diagnostic in error.diagnostics)
    return ""


@pytest.mark.parametrize("shape", SHAPES)
def test_no_diagnostic_shows_a_value_below_environments(tmp_path: Path, shape: str) -> None:
    leaks = [
        (name, value, found)
        for name, value in product(NAMES, VALUES)
        if "canary" in (found := shown(tmp_path, SHAPES[shape].format(line=name + value.replace("S", SECRET))))
    ]
    assert leaks == []


@pytest.mark.parametrize(
    ("line", "position", "summary", "source_line"),
    [
        (f"SALESHANDY_API_KEY: {SECRET}", (3, 5), 'Unknown field "SALESHANDY_API_KEY".', "    SALESHANDY_API_KEY"),
        ("timeout: soon", (3, 14), "Expected a whole number, for example 30.", "    timeout: ***"),
        (f"headers: {{X-Gateway: {SECRET}", (3, 14), "This list or mapping is not closed", "    headers: ***"),
    ],
)
def test_a_diagnostic_below_environments_shows_key_and_position(
    tmp_path: Path, line: str, position: tuple[int, int], summary: str, source_line: str
) -> None:
    (tmp_path / "seqsync.yaml").write_text(f"environments:\n  prod:\n    {line}\n", encoding="utf-8")
    with pytest.raises(InvalidFilesError) as caught:
        load_settings(tmp_path)
    first = caught.value.diagnostics[0]
    assert (first.line, first.column) == position
    assert first.summary.startswith(summary)
    assert first.source_line == source_line


def test_a_line_of_another_section_is_shown(tmp_path: Path) -> None:
    assert "max_changed_steps: many" in shown(tmp_path, "policy:\n  max_changed_steps: many\n")


@pytest.mark.parametrize("chain", [1, 2])
def test_settings_that_are_a_link_out_of_the_project_are_refused(tmp_path: Path, chain: int) -> None:
    outside, project = tmp_path / "passwords", tmp_path / "project"
    project.mkdir()
    outside.write_text(f"root: {SECRET}\n  x: y\n", encoding="utf-8")
    target = outside
    if chain == 2:
        (project / "between").symlink_to(outside)
        target = project / "between"
    (project / "seqsync.yaml").symlink_to(target)
    with pytest.raises(InvalidFilesError) as caught:
        load_settings(project)
    assert [(found.rule, found.source_line) for found in caught.value.diagnostics] == [("link", "")]
    assert caught.value.diagnostics[0].summary == "seqsync.yaml is a link that leads out of the project."


def test_settings_that_are_a_link_within_the_project_are_read(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("version: 1\n", encoding="utf-8")
    (tmp_path / "seqsync.yaml").symlink_to("real.yaml")
    assert load_settings(tmp_path).path == "seqsync.yaml"


def test_settings_of_a_project_that_is_itself_a_link_are_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "seqsync.yaml").write_text("version: 1\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert load_settings(tmp_path / "link").path == "seqsync.yaml"
