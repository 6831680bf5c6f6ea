"""A browser for all tests in this folder, and a trap server for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.chromium import Chromium, chromium
from support.traps import Trap, trap


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start one browser for each worker: a start takes two seconds."""
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def a_trap() -> Iterator[Trap]:
    """Start a server that counts its visitors."""
    with trap() as found:
        yield found
