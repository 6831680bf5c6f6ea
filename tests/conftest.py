"""What every test gets: no network but loopback, no settings of the machine, and golden files."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from support.golden import compare
from support.network import refuse_beyond_loopback

CASES = Path(__file__).parent / "cases"
# A busy machine is no failure.
settings.register_profile("seqsync", deadline=None)
settings.load_profile("seqsync")

SCRUBBED_PREFIXES = ("SEQSYNC_", "SALESHANDY_", "GITHUB_", "GITLAB_", "CI_")
SCRUBBED = {
    "CI",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "PAGER",
    "NETRC",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden`: write what the code says now into tests/cases, for review in git."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files in tests/cases")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(relative_name, text)`: `text` must be what tests/cases/<relative_name> holds."""
    update = bool(request.config.getoption("--update-golden"))
    return lambda relative_name, text: compare(CASES / relative_name, text, update)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(SCRUBBED_PREFIXES) or name.upper() in SCRUBBED:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse_beyond_loopback(getattr(socket.socket, name)))
