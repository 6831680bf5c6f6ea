"""The recipes for a provider and for a step type, carried out in a copy of the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.project_copy import ProjectCopy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEQUENCE = """\
sequence: one
steps:
  hello:
    day: 4
    type: linkedin_message
    message: Hi {{firstName}}
"""


@pytest.fixture
def copy(tmp_path: Path) -> ProjectCopy:
    return ProjectCopy(tmp_path / "project")


def test_a_new_provider_is_one_module_and_one_row(copy: ProjectCopy, tmp_path: Path) -> None:
    """The contract suite and the architecture tests run over it, and a plan shows its requests."""
    copy.write(
        "sequence_sync/provider/postbox.py",
        (copy.root / "tests/provider/toy_provider.py").read_text(encoding="utf-8"),
    )
    copy.add_before(
        "sequence_sync/registry.py",
        '    RegistryEntry("saleshandy", "sequence_sync.provider.saleshandy", "driver"),\n',
        '    RegistryEntry("postbox", "sequence_sync.provider.postbox", "driver"),\n',
    )
    copy.add_after(
        "tests/provider/harnesses.py",
        '    "toy": lambda: in_memory(toy_provider.driver()),\n',
        '    "postbox": lambda: in_memory(PROVIDERS["postbox"]()),\n',
    )
    copy.check_tests("tests/test_architecture.py", "tests/provider/test_provider_base_contract.py")
    project = tmp_path / "user"
    (project / "sequences").mkdir(parents=True)
    (project / "sequences" / "one.yaml").write_text(SEQUENCE, encoding="utf-8")
    made = copy.python("-m", "sequence_sync", "plan", "-format", "json", cwd=project)
    assert made.returncode in (0, 2), made.stderr
    calls = [call for change in json.loads(made.stdout)["changes"] for call in change["calls"]]
    assert [call["path"] for call in calls] == ["/campaigns", "/campaigns/{one}/messages"]
    assert calls[1]["body"] == {
        "kind": "linkedin-message",
        "after": 3,
        "texts": [{"fields": {"text": "Hi {{firstName}}"}, "remark": "", "files": []}],
    }


SMS_CLASS = '''class SmsStep(TaskStep):
    """A text message to a phone."""

    sms_text: Annotated[Text, Field(description="Text of the message")]


'''
SMS_USE = """
  sms:
    day: 19
    type: sms
    sms_text: "Hi, this is Sam from Brightdesk. Shall we talk about your support inbox this week?"
    task_note: Only if they gave you their number themselves, and only once. Otherwise skip this step.
"""
SMS_TEST = '''"""The text of a step type that was added by the recipe."""

from __future__ import annotations

from pathlib import Path

from support.import_account import opened

from sequence_sync.sandbox.server import Sandbox

FILE = """sequence: trial
steps:
  sms:
    day: 2
    type: sms
    sms_text: Shall we talk?
"""


def test_the_text_of_the_new_type_is_sent_imported_and_updated(tmp_path: Path) -> None:
    with Sandbox(per_minute=0) as box:
        author, reader = (opened(tmp_path / name, box) for name in ("author", "reader"))
        reader.project.root.mkdir()
        author.project.write("sequences/trial.yaml", FILE)
        author.apply()
        (remote,) = box.store.sequences()
        assert [dict(row.payload) for step in remote.steps for row in step.variants] == [{"smsText": "Shall we talk?"}]
        author.check_no_changes()
        author.check_no_drift()
        reader.imported()
        assert "sms_text: Shall we talk?" in reader.text("sequences/trial.yaml")
        reader.check_no_changes()
        author.edit(remote.id, 0, {"payload": {"smsText": "Edited"}})
        reader.imported()
        assert "sms_text: Edited" in reader.text("sequences/trial.yaml")
        reader.project.write("sequences/trial.yaml", reader.text("sequences/trial.yaml").replace("Edited", "Last try"))
        (change,) = reader.plan().changes
        assert [str(row.field) for row in change.fields] == ["variants.a.payload.smsText"]
        assert change.calls[0].body == {"payload": {"smsText": "Last try"}}
        reader.apply()
        reader.check_no_changes()
        reader.check_no_drift()
'''


def test_a_new_step_type_is_one_row_and_a_class(copy: ProjectCopy) -> None:
    """A type with a field of its own keeps its text on plan, apply and import. The sandbox gets the type too."""
    steps, kinds = "sequence_sync/model/steps.py", "sequence_sync/sandbox/model.py"
    copy.add_before(steps, "class OptionalMessageStep(TaskStep):\n", SMS_CLASS)
    copy.add_after(
        steps,
        '        StepType("whatsapp_voice_call", 18, "WhatsappVoiceCall", "whatsapp", TaskStep),\n',
        '        StepType("sms", 19, "Sms", "sms", SmsStep),\n',
    )
    copy.add_after(kinds, '"preheader", "connectionNote", "message", "title"', ', "smsText"')
    copy.add_after(
        kinds,
        '        Kind(18, "WhatsApp voice call", "WhatsApp"),\n',
        '        Kind(19, "SMS", "SMS", ("smsText",)),\n',
    )
    copy.add_after("docs/format.md", "| `whatsapp_voice_call` | 18 | none |\n", "| `sms` | 19 | `sms_text` |\n")
    example = "sequences/linkedin-first.yaml"
    copy.write(example, (copy.root / example).read_text(encoding="utf-8") + SMS_USE)
    copy.update_golden("tests/cli/test_cli_commands_schema.py", "tests/source", "tests/plan")
    copy.write("tests/importer/test_importer_importer_sms.py", SMS_TEST)
    copy.check_tests(
        "tests/cli/test_cli_commands_schema.py",
        "tests/source",
        "tests/plan",
        "tests/importer",
        "tests/provider/test_provider_base_contract.py",
        "tests/test_architecture.py",
        "tests/test_docs.py",
        "tests/test_examples.py",
    )
