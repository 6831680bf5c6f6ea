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
    """Add `--update-golden` and `--sample`."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files in tests/cases")
    parser.addoption("--sample", type=int, default=1, metavar="N", help="run every Nth of the long tests only")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every Nth long test. The selection is the same in every run."""
    every = int(config.getoption("--sample"))
    long = [item for item in items if item.get_closest_marker("long")]
    dropped = {id(item) for index, item in enumerate(long) if index % every}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in dropped])
    items[:] = [item for item in items if id(item) not in dropped]


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
