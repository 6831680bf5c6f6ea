"""The JSON Schemas agree with the loader on valid files and on simple problems."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from small_project import EMAIL, load, required_lines, write

from sequence_sync.errors import InvalidFilesError
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.source.schema import sequence_schema, settings_schema
from sequence_sync.source.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = "environments: {default: {assignees: {anna: a1}, attachments: {deck: d1}}}\nvariables: {day: '3', p: high}\n"


def step(*lines: str) -> str:
    """A file with one step."""
    return "sequence: one\nsteps:\n  a:\n" + "".join(f"    {line}\n" for line in lines)


VALID = [
    *(step("day: 1", f"type: {name}", *required_lines(name)) for name in STEP_TYPES),
    "sequence: one\ntitle: 2024\nid: 123\nsteps: {}\n",
    "sequence: one\nx-owner: {a: [b]}\nsteps: {}\nremoved: [a]\nformerly: old\n",
    f"sequence: one\nsteps:\n  a:\n    day: 1\n{EMAIL}moved: [{{from: b, to: a, x-why: c}}]\n",
    step("day: ${day}", "type: call_demo", "priority: ${p}", "assignee: anna", "x-note: 1"),
    step("day: '3'", "type: email", "subject: 1.10", "markdown: yes", "attachments: [deck, id:x]", "preheader: ''"),
    step("day: 1", "type: email", "variants: {a: {subject: A, content: A, x-a: 1}, z: {subject: B, markdown: B}}"),
    step("day: 1", "type: custom", "title: T", "action: {name: N, url: 'https://a.example'}"),
    "sequence: one\ndefaults: {priority: low, assignee: id:x, task_note: N}\nsteps: {}\n",
]
INVALID = [
    "sequence: One\nsteps: {}\n",
    "steps: {}\n",
    "sequence: one\n",
    "sequence: one\nsteps: []\n",
    "sequence: one\nsteps: {}\nsenders: []\n",
    "sequence: one\ntitel: A\nsteps: {}\n",
    "sequence: one\ndefaults: {subject: A}\nsteps: {}\n",
    "sequence: one\nsteps: {}\nmoved: [{from: a}]\n",
    "sequence: one\nsteps: {A: {day: 1, type: call_demo}}\n",
    step("day: 0", "type: call_demo"),
    step("day: 1000", "type: call_demo"),
    step("day: one", "type: call_demo"),
    step("type: call_demo"),
    step("day: 1"),
    step("day: 1", "type: Email", "subject: A", "content: A"),
    step("day: 1", "type: email", "subject: A"),
    step("day: 1", "type: email", "content: A"),
    step("day: 1", "type: email", "subject: A", "content: A", "markdown: A"),
    step("day: 1", "type: email", "subject: A", "content: A", "variants: {a: {subject: A, content: A}}"),
    step("day: 1", "type: email", "subject: A", "content: A", "task_note: A"),
    step("day: 1", "type: email", "variants: {A: {subject: A, content: A}}"),
    step("day: 1", "type: email", "variants: {a: {subject: A}}"),
    step("day: 1", "type: email", "variants: {}"),
    step("day: 1", "type: email", "subject: A", "content_file: a.txt"),
    step("day: 1", "type: call_demo", "variants: {a: {}}"),
    step("day: 1", "type: call_demo", "priority: 2"),
    step("day: 1", "type: linkedin_message"),
    step("day: 1", "type: custom", "action: {name: N}"),
]
VALID_SETTINGS = [
    "version: 1\n",
    NAMES,
    "environments: {a: {timeout: 5, settle_grace: 0.5, max_wait: 0, state: s.json, x-a: 1}}\ndefault_environment: a\n",
    "policy: {max_changed_steps: 3, removed_steps: deactivate}\nlint: {rules: {a: off, b: {level: error}}}\n",
    "fields: [First Name, 2024]\nremoved: [a]\nvariables: {a: 1, b: true}\nx-a: 1\n",
]
INVALID_SETTINGS = [
    "version: 2\n",
    "enviroments: {}\n",
    "environments: {}\n",
    "environments: {a: {api_key: b}}\n",
    "environments: {a: {timeout: 0}}\n",
    "environments: {a: {api_key_env: a-b}}\n",
    "policy: {removed_steps: delete}\n",
    "lint: {rules: {a: loud}}\n",
    "include: []\n",
    "removed: [Old]\n",
]
SEQUENCE = Draft202012Validator(sequence_schema())
SETTINGS = Draft202012Validator(settings_schema())


def read_like_an_editor(text: str) -> object:
    """The document with numbers and booleans, as the YAML server of an editor reads it."""
    return YAML(typ="safe", pure=True).load(text)


def is_loaded(root: Path, text: str) -> bool:
    """Whether the loader accepts a sequence file."""
    return load(write(root, {"sequences/one.yaml": text, "seqsync.yaml": NAMES})).diagnostics == []


def are_settings_loaded(root: Path, text: str) -> bool:
    """Whether the loader accepts the settings."""
    try:
        load_settings(write(root, {"seqsync.yaml": text}))
    except InvalidFilesError:
        return False
    return True


@pytest.mark.parametrize("schema", [sequence_schema(), settings_schema()], ids=["sequence", "settings"])
def test_schemas_are_valid_and_have_an_id(schema: dict[str, object]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"]


@pytest.mark.parametrize("text", VALID)
def test_loader_and_schema_accept_a_valid_file(tmp_path: Path, text: str) -> None:
    assert is_loaded(tmp_path, text)
    assert SEQUENCE.is_valid(read_like_an_editor(text))


@pytest.mark.parametrize("text", INVALID)
def test_loader_and_schema_refuse_an_invalid_file(tmp_path: Path, text: str) -> None:
    assert not is_loaded(tmp_path, text)
    assert not SEQUENCE.is_valid(read_like_an_editor(text))


@pytest.mark.parametrize(
    ("text", "valid"), [(t, True) for t in VALID_SETTINGS] + [(t, False) for t in INVALID_SETTINGS]
)
def test_loader_and_schema_agree_on_settings(tmp_path: Path, text: str, valid: bool) -> None:
    assert are_settings_loaded(tmp_path, text) is valid
    assert SETTINGS.is_valid(read_like_an_editor(text)) is valid


def test_examples_match_the_schema() -> None:
    for file in (ROOT / "sequences").glob("*.yaml"):
        assert [error.message for error in SEQUENCE.iter_errors(read_like_an_editor(file.read_text("utf-8")))] == []
