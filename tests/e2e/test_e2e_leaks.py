"""A server that repeats the secrets in every slot of its answers: no output and no file contains them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.echo_server import BROKEN, SLOTS, EchoServer
from support.faults import SEQUENCE
from support.project import KEY, Project
from support.spellings import SPELLINGS, found_below, found_in

TOKEN = "gw-token-77aa88bb99cc/dd+ee"
SECRETS = (KEY, TOKEN)
SETTINGS = f"""\
version: 1
environments:
  default:
    timeout: 2
    max_wait: 1
    headers:
      X-Gateway: {TOKEN}
"""
ECHO = " ".join(spell(secret) for spell in SPELLINGS.values() for secret in SECRETS)
# A broken line takes one of these, and each is taken.
ONE_LINE = {name: spell for name, spell in SPELLINGS.items() if name not in ("line breaks", "control characters")}


# The other slots take minutes. `test_provider_redact_server` has each slot with each spelling.
SHORT = (
    "an error inside a 200, raw",
    "a refusal, raw",
    "a list of errors",
    "a bad key",
    "a broken status line",
    "a broken header line",
    "a broken redirect",
    "ids",
    "titles",
    "texts",
)
COMMANDS = (
    ("apply", "-auto-approve", "-report=first.json"),
    ("apply", "-auto-approve", "-report=second.html", "-vv"),
    ("apply", "-auto-approve"),
    ("plan", "-refresh", "-out=review.plan", "-vv"),
    ("plan", "-refresh", "-format=json"),
    ("drift", "-vv"),
    ("import", "-all"),
    ("state", "history", "-vv"),
    ("state", "pull"),
)


def traces(project: Project, server: EchoServer) -> list[str]:
    """Run every command that reads or writes Saleshandy, and return the traces of secrets in outputs and files."""
    found = []
    for place, arguments in enumerate(COMMANDS):
        server.left = {"GET": 2 if place > 2 else place % 2, "POST": 2 - place, "PATCH": 2 - place}
        done = project.run(*arguments)
        assert done.code != 3, done.both
        found += [f"{arguments[0]}: {trace}" for trace in found_in(done.both, SECRETS)]
    (project.root / "seqsync.yaml").unlink()  # contains the header on purpose
    return found + found_below(project.root, SECRETS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "slot", [slot if slot in SHORT else pytest.param(slot, marks=pytest.mark.long) for slot in SLOTS]
)
def test_no_file_and_no_output_contains_a_secret(tmp_path: Path, slot: str) -> None:
    spell = list(ONE_LINE.values())[list(SLOTS).index(slot) % len(ONE_LINE)]
    one = " ".join(spell(secret) for secret in SECRETS)
    with EchoServer(slot=slot, echo=one if slot in BROKEN else ECHO) as server:
        project = Project(tmp_path, server.url)
        project.write("sequences/faults.yaml", SEQUENCE)
        project.write("seqsync.yaml", SETTINGS)
        found = traces(project, server)
        assert server.echoed > 3
        assert (tmp_path / "seqsync.state.json.history").exists()
        assert found == []


def test_a_text_with_a_credential_is_not_sent(tmp_path: Path) -> None:
    """It would reach prospects, and a read that withholds it could not compare the email."""
    with EchoServer() as server:
        project = Project(tmp_path, server.url)
        project.write("sequences/faults.yaml", SEQUENCE.replace("Quick question", f"Quick question {TOKEN}"))
        project.write("seqsync.yaml", SETTINGS)
        done = project.run("apply", "-auto-approve")
        assert done.code == 10, done.both
        assert "the text contains the API key or a value of `headers:`, so seqsync did not send it" in done.both
        assert TOKEN not in json.dumps(server.creates)
        assert TOKEN not in done.both


@pytest.mark.parametrize(
    "script",
    [
        "import sys; print('S'); sys.exit('S')",
        "print('two words S')",
        "print('S\\nS')",
        "import sys; sys.stdout.buffer.write(b'S\\xff')",
        "import sys; print('S', file=sys.stderr)",
        "print('S\\x1b[2J')",
        "raise ValueError('S')",
    ],
)
def test_no_output_of_the_key_command_is_shown(tmp_path: Path, script: str) -> None:
    project = Project(tmp_path, more={"SALESHANDY_API_KEY": ""})
    project.write("sequences/faults.yaml", SEQUENCE)
    project.write("print_key.py", script.replace("S", "sk-other-0a1b2c3d4e5f"))
    command = json.dumps(f"{sys.executable} print_key.py")
    project.write("seqsync.yaml", f"environments:\n  default:\n    api_key_command: {command}\n")
    done = project.run("plan", "-refresh", "-vv")
    assert done.code == 3, done.both
    assert found_in(done.both, ("sk-other-0a1b2c3d4e5f",)) == []
