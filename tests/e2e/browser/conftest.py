"""One browser for all tests here, and a trap for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.chromium import Chromium, chromium
from support.traps import Trap, trap


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Starting one takes two seconds, so there is one a worker."""
    with chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def a_trap() -> Iterator[Trap]:
    """A server that counts who comes."""
    with trap() as found:
        yield found
