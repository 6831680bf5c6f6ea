"""`seqsync init`: a starting project. Writes what is missing, overwrites nothing.

The sandbox is the default environment, so that a newcomer's first apply touches nothing real. Knows nothing of what
the files mean; a test reads them with the rooms that do.
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
# The settings of this project. Every line has a default; what stands here is what you will want to change.
version: 1

# Which account a command speaks to, unless it is told another one: seqsync plan -env production
default_environment: sandbox

environments:
  # A practice server on this computer. Start it with `seqsync sandbox`; nothing in it reaches a real person.
  sandbox:
    api_url: http://127.0.0.1:8585/v1
    api_key_command: echo sandbox-key         # the practice server takes any key

  # Your Saleshandy account. The key comes from Settings > API Key there. It never stands in a file: put it into
  # the variable that is named here.
  production:
    api_url: https://open-api.saleshandy.com/v1
    api_key_env: SALESHANDY_API_KEY
    # assignees: {anna: z6R8Mw4vBn}           # people who get the tasks: a name of your own, and their id
    # attachments: {deck: lN5xKp2vJq}         # files that emails may carry: the same

# The merge fields that your account has. In a text: {{First Name}}, or {{First Name|'there'}} where it may be missing.
fields: [First Name, Last Name, Company]

# Words that stand in many texts. In a text: ${product}
variables:
  product: Acme
"""

_SEQUENCE_TEXT = """\
# yaml-language-server: $schema=../.schema/sequence.schema.json
#
# One file, one sequence. Change the words, then look at what would happen: seqsync plan
sequence: welcome                  # its name for seqsync; the file itself may be renamed
title: Welcome                     # its name in Saleshandy

steps:
  hello:                           # a step's name stays, also when you change what the step says
    day: 1
    type: email
    subject: Your first week with ${product}, {{First Name|'there'}}
    preheader: One thing to try today, and a person to ask
    content_file: emails/hello.md  # a longer text in a file of its own

  connect:
    day: 2
    type: linkedin_connection_request
    connection_note: Hi {{First Name}}, I look after new teams at ${product}. Happy to be a face to the name.
    task_note: Look at the profile first, and leave it if we are connected already.

  nudge:
    day: 4
    type: email
    variants:                      # an A/B test: half of the people get a, half get b
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

If anything is unclear, reply to this email. A person reads it.
"""

_EXAMPLE: Mapping[str, str] = {
    "sequences/welcome.yaml": _SEQUENCE_TEXT,
    "sequences/emails/hello.md": _EMAIL_TEXT,
}

# Where the files of a pipeline go in a project, and where they lie below `cli/ci`.
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
Next: read docs/ci.md of seqsync for the secrets and the protected environment that these files expect. They plan and
apply the environment "production", with its state in git."""

_NEXT = """\
Next, with a second terminal for the first one:
  seqsync sandbox    a practice server on this computer
  seqsync plan       what would be made in it
  seqsync apply      make it"""


@dataclass(slots=True)
class CreatedFiles:
    """What `init` did: paths relative to the project, in the order of writing."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def start_project(root: Path, schemas: Mapping[str, Mapping[str, object]]) -> CreatedFiles:
    """Write the starting files below `root`, those that are not there yet. Raises OSError.

    `schemas`: path to JSON Schema, for the editors of people who write the files.

    The example is left out where there are settings or sequences already: the next apply would create it.
    """
    texts = {SETTINGS: _SETTINGS_TEXT}
    texts |= {path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for path, schema in schemas.items()}
    if not (root / SETTINGS).exists() and not any((root / "sequences").glob("**/*.y*ml")):
        texts |= _EXAMPLE
    made = _write_all(root, texts)
    (made.written if _ignore(root / ".gitignore") else made.kept).append(".gitignore")
    return made


def start_pipeline(root: Path, provider: str) -> CreatedFiles:
    """Write the files of `provider` (a key of `PIPELINES`) below `root`, those that are not there. Raises OSError."""
    return _write_all(root, {name: pipeline_text(source) for name, source in PIPELINES[provider].items()})


def pipeline_text(source: str) -> str:
    """One file of a pipeline, by its path below `cli/ci`."""
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
    """Add the lines that git must not take, those that are missing. False where all of them are there."""
    there = path.read_bytes() if path.exists() else b""
    known = {line.strip() for line in there.splitlines()}
    missing = [line for line in IGNORED if line.encode() not in known]
    if missing:
        end = b"\r\n" if b"\r\n" in there else b"\n"
        lead = b"" if not there or there.endswith(b"\n") else end
        with path.open("ab") as file:
            file.write(lead + b"".join(line.encode() + end for line in missing))
    return bool(missing)


@click.command()
@click.option("-ci", "provider", type=click.Choice(tuple(PIPELINES)), help="Write a pipeline for this host as well.")
@click.pass_obj
def init(context: CommandContext, provider: str | None) -> None:
    """Start a project in this folder: settings, one example, schemas for your editor, .gitignore.

    What is there already stays as it is.
    """
    # Late: the schemas load the models.
    from sequence_sync.source.schema import sequence_schema, settings_schema

    made = start_project(context.root, {SEQUENCE_SCHEMA: sequence_schema(), SETTINGS_SCHEMA: settings_schema()})
    if provider:
        pipeline = start_pipeline(context.root, provider)
        made.written += pipeline.written
        made.kept += pipeline.kept
    lines = [f"wrote  {name}" for name in made.written] + [f"kept   {name} (it was there)" for name in made.kept]
    context.console.result("\n".join((*lines, "", _NEXT, *(("", _NEXT_CI) if provider else ()))))
