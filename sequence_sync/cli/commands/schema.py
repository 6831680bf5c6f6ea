"""`seqsync schema`: the JSON Schemas, for editors and pipelines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from sequence_sync.cli.options import Door


def _sequence() -> dict[str, Any]:
    from sequence_sync.source.schema import sequence_schema

    return sequence_schema()


def _settings() -> dict[str, Any]:
    from sequence_sync.source.schema import settings_schema

    return settings_schema()


def _plan() -> dict[str, Any]:
    from sequence_sync.planning.planfile import plan_schema

    return plan_schema()


def _report() -> dict[str, Any]:
    from sequence_sync.render.applied import report_schema

    return report_schema()


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "sequence": _sequence,
    "settings": _settings,
    "plan": _plan,
    "report": _report,
}


@click.command()
@click.argument("name", type=click.Choice(tuple(SCHEMAS)), default="sequence")
@click.pass_obj
def schema(door: Door, name: str) -> None:
    """Print a JSON Schema: of a sequence file, of the settings, of a saved plan, or of a report."""
    door.console.document(json.dumps(SCHEMAS[name](), indent=2) + "\n")
