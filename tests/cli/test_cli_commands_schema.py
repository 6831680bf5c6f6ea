"""The JSON Schemas that are published in docs/schema are the ones that the program prints."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sequence_sync.cli.commands import SCHEMAS
from sequence_sync.cli.main import run


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_published_schema_is_the_one_that_is_printed(
    name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, so that an editor or a pipeline may take either."""
    assert run(["schema", name]) == 0
    golden(f"../../docs/schema/{name}.schema.json", capsys.readouterr().out)
