"""That the tests' own safety net holds."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.golden import compare
from support.network import NetworkRefusedError


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.com", 443), ("2001:db8::1", 80)])
@pytest.mark.parametrize("way", ["connect", "connect_ex"])
def test_no_test_reaches_another_machine(address: tuple[str, int], way: str) -> None:
    """Whichever way a socket connects."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as line, pytest.raises(NetworkRefusedError):
        getattr(line, way)(address)


def test_loopback_is_allowed() -> None:
    """A server of a test's own can be called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_the_environment_of_the_machine_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a key nor a setting nor a proxy of the machine reaches a test."""
    names = [name for name in os.environ if name.startswith("SEQSYNC_") or "PROXY" in name.upper()]
    assert names == []
    assert not {"SALESHANDY_API_KEY", "CI", "NO_COLOR"} & os.environ.keys()


def test_a_golden_file_is_compared_byte_for_byte(tmp_path: Path) -> None:
    """A difference fails with both sides; a missing last line break too; the flag writes."""
    path = tmp_path / "folder" / "text.txt"
    with pytest.raises(pytest.fail.Exception, match="does not exist"):
        compare(path, "a\nb\n", update=False)
    compare(path, "a\nb\n", update=True)
    compare(path, "a\nb\n", update=False)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)-b.*\+c.*--update-golden"):
        compare(path, "a\nc\n", update=False)
    with pytest.raises(pytest.fail.Exception, match="end of the file"):
        compare(path, "a\nb", update=False)
