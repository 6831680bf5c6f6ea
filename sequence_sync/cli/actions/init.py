"""`seqsync init`: start a project, or add a pipeline to one. Writes the missing files and never overwrites a file.

The sandbox is the default environment, so that the first apply of a new user changes nothing real. Must not know what
the files mean; a test reads them with the packages that do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import click

from sequence_sync.cli.context import CommandContext

SETTINGS = "seqsync.yaml"
SEQUENCE_SCHEMA = ".schema/sequence.schema.json"
SETTINGS_SCHEMA = ".schema/settings.schema.json"
IGNORED = (".seqsync/", "*.plan", "seqsync.sandbox.state.json*", "*.state.json.journal", "*.state.json.lock")

_SETTINGS_TEXT = """\
# yaml-language-server: $schema=.schema/settings.schema.json
#
# The settings of this project. All of them have defaults. These are the ones that most projects change.
version: 1

# The environment of every command without -env. To use another one: seqsync plan -env production
default_environment: sandbox

environments:
  # A local sandbox. Start it with `seqsync sandbox`. It sends no messages.
  sandbox:
    api_url: http://127.0.0.1:8585/v1
    api_key_command: echo sandbox-key         # the sandbox accepts any key

  # Your Saleshandy account. Copy the key from Settings > API Key in Saleshandy into the environment variable that
  # is named here. Never write the key into a file.
  production:
    api_url: https://open-api.saleshandy.com/v1
    api_key_env: SALESHANDY_API_KEY
    # assignees: {anna: z6R8Mw4vBn}           # users who get tasks: a name of your choice, and the id
    # attachments: {deck: lN5xKp2vJq}         # files for emails: a name of your choice, and the id

# The merge fields of your account. In a text, write {{First Name}}, or {{First Name|'there'}} with a fallback.
fields: [First Name, Last Name, Company]

# Values for several texts. In a text, write ${product}.
variables:
  product: Acme
"""

_SEQUENCE_TEXT = """\
# yaml-language-server: $schema=../.schema/sequence.schema.json
#
# One sequence per file. Change the text, then see what apply would change: seqsync plan
sequence: welcome                  # its key for seqsync; you may rename the file
title: Welcome                     # its title in Saleshandy

steps:
  hello:                           # keep the key of a step when you change its text
    day: 1
    type: email
    subject: Your first week with ${product}, {{First Name|'there'}}
    preheader: One thing to try today, and a person to ask
    content_file: emails/hello.md  # a longer text in its own file

  connect:
    day: 2
    type: linkedin_connection_request
    connection_note: Hi {{First Name}}, I look after new teams at ${product}. Happy to be a face to the name.
    task_note: Read the profile first. Skip this task if we are connected already.

  nudge:
    day: 4
    type: email
    variants:                      # an A/B test: half of the prospects get a, half get b
      a:
        subject: Stuck anywhere, {{First Name|'there'}}?
        markdown: |
          Hi {{First Name|'there'}},

          most teams have **one** question by now. What is yours?

          Just reply, I read every answer.
      b:
        subject: Ten minutes for {{Company|'your team'}}?
        markdown: |
          Hi {{First Name|'there'}},

          shall I show you how teams like {{Company|'yours'}} set up ${product}? Ten minutes are enough.

          Reply with a day that suits you.
"""

_EMAIL_TEXT = """\
Hi {{First Name|'there'}},

good to have you with us. One thing is worth doing today:

1. Open ${product}
2. Invite one colleague
3. Try it on something real, together

If you have a question, reply to this email. A person reads it.
"""

_EXAMPLE: Mapping[str, str] = {
    "sequences/welcome.yaml": _SEQUENCE_TEXT,
    "sequences/emails/hello.md": _EMAIL_TEXT,
}

# Code host -> path in the project -> path below `cli/ci`.
PIPELINES: Mapping[str, Mapping[str, str]] = {
    "github": {
        ".github/actions/seqsync/action.yml": "github/action.yml",
        ".github/workflows/seqsync-validate.yml": "github/seqsync-validate.yml",
        ".github/workflows/seqsync-plan.yml": "github/seqsync-plan.yml",
        ".github/workflows/seqsync-apply.yml": "github/seqsync-apply.yml",
        ".github/workflows/seqsync-drift.yml": "github/seqsync-drift.yml",
    },
    "gitlab": {
        ".gitlab/seqsync.yml": "gitlab/seqsync.yml",
        ".gitlab-ci.yml": "gitlab/gitlab-ci.yml",
    },
}

_NEXT_CI = """\
Next: set up the secrets and the protected environment, as docs/ci.md of seqsync describes. The pipeline plans and
applies the environment "production", and keeps its state in git."""

_NEXT = """\
Next steps:
  seqsync sandbox    run a local sandbox (in a second terminal)
  seqsync plan       show what apply would change
  seqsync apply      apply it"""


@dataclass(slots=True)
class CreatedFiles:
    """The files that `init` wrote and kept: paths relative to the project, in the order of writing."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def start_project(root: Path, schemas: Mapping[str, Mapping[str, object]]) -> CreatedFiles:
    """Write the missing files of a new project below `root`. Raises OSError.

    `schemas`: path -> JSON Schema, for editors. The example is omitted where settings or sequences exist already,
    because the next apply would create it.
    """
    texts = {SETTINGS: _SETTINGS_TEXT}
    texts |= {path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for path, schema in schemas.items()}
    if not (root / SETTINGS).exists() and not any((root / "sequences").glob("**/*.y*ml")):
        texts |= _EXAMPLE
    made = _write_all(root, texts)
    (made.written if _ignore(root / ".gitignore") else made.kept).append(".gitignore")
    return made


def start_pipeline(root: Path, provider: str) -> CreatedFiles:
    """Write the missing pipeline files of `provider`, a key of `PIPELINES`, below `root`. Raises OSError."""
    return _write_all(root, {name: pipeline_text(source) for name, source in PIPELINES[provider].items()})


def pipeline_text(source: str) -> str:
    """Return a pipeline file by its path below `cli/ci`."""
    return (files("sequence_sync.cli") / "ci" / source).read_text(encoding="utf-8")


def _write_all(root: Path, texts: Mapping[str, str]) -> CreatedFiles:
    made = CreatedFiles()
    for name, text in texts.items():
        (made.written if _write_new(root / name, text) else made.kept).append(name)
    return made


def _write_new(path: Path, text: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _ignore(path: Path) -> bool:
    """Add the missing lines to .gitignore. Return False where none is missing."""
    present = path.read_bytes() if path.exists() else b""
    known = {line.strip() for line in present.splitlines()}
    missing = [line for line in IGNORED if line.encode() not in known]
    if missing:
        end = b"\r\n" if b"\r\n" in present else b"\n"
        lead = b"" if not present or present.endswith(b"\n") else end
        with path.open("ab") as file:
            file.write(lead + b"".join(line.encode() + end for line in missing))
    return bool(missing)


@click.command()
@click.option("-ci", "provider", type=click.Choice(tuple(PIPELINES)), help="Also write a pipeline for this code host.")
@click.pass_obj
def init(context: CommandContext, provider: str | None) -> None:
    """Start a project in this directory.

    Writes settings, an example, schemas for editors, and .gitignore. Existing files stay unchanged.
    """
    # Deferred: the schemas import the models.
    from sequence_sync.source.schema import sequence_schema, settings_schema

    made = start_project(context.root, {SEQUENCE_SCHEMA: sequence_schema(), SETTINGS_SCHEMA: settings_schema()})
    if provider:
        pipeline = start_pipeline(context.root, provider)
        made.written += pipeline.written
        made.kept += pipeline.kept
    lines = [f"wrote  {name}" for name in made.written] + [f"kept   {name} (it exists)" for name in made.kept]
    context.console.result("\n".join((*lines, "", _NEXT, *(("", _NEXT_CI) if provider else ()))))
