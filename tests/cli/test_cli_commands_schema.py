"""The JSON Schemas in docs/schema are those that `seqsync schema` prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sequence_sync.cli.main import run
from sequence_sync.registry import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schema_equals_the_printed_one(
    name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", name]) == 0
    golden(f"../../docs/schema/{name}.schema.json", capsys.readouterr().out)
