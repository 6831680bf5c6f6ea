"""The running server: where it listens, how it ends, what it refuses."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sequence_sync.errors import UsageError
from sequence_sync.sandbox.server import Sandbox, serve

SERVE = """
import sys
from pathlib import Path
from sequence_sync.sandbox.server import serve
serve(0, Path(sys.argv[1]), 0, lambda url: print(url, flush=True))
print("after", flush=True)
"""


def started(data: Path) -> subprocess.Popen[str]:
    """The command's server in a process of its own."""
    command = [sys.executable, "-c", SERVE, str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_server_in_order(tmp_path: Path, number: signal.Signals):
    """SIGINT and SIGTERM let `serve` return: exit 0, nothing on stderr, and everything is in the file."""
    data = tmp_path / "data.json"
    with started(data) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v1")
        with httpx.Client(headers={"x-api-key": "k"}) as http:
            assert http.post(f"{url}/sequences", json={"title": "Kept"}).status_code == 201
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "after\n", "")
    assert json.loads(data.read_text())["sequences"][0]["title"] == "Kept"


def test_kill_loses_no_answered_write(tmp_path: Path):
    """What was answered is there after SIGKILL, at once and whole."""
    data = tmp_path / "data.json"
    with started(data) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        for number in range(5):
            httpx.post(f"{url}/sequences", json={"title": f"T{number}"}, headers={"x-api-key": "k"})
        process.kill()
        process.communicate(timeout=20)
    with Sandbox(data=data) as box:
        assert [one.title for one in box.store.sequences()] == [f"T{number}" for number in range(5)]


def test_port_in_use_is_told():
    """A port that is taken is a usage problem that names it; so is one that does not exist."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port}"):
            serve(port, None, 20, lambda url: None)
        with pytest.raises(UsageError, match=f"Port {port}"):
            Sandbox(port=port)
    with pytest.raises(UsageError, match="Port 70000"):
        serve(70000, None, 20, lambda url: None)


def test_named_port_is_used_and_freed():
    """A sandbox listens on the port that it is given, and the next one may have it at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for _ in range(2):
        with Sandbox(port=port) as box:
            assert box.url == f"http://127.0.0.1:{port}/v1"
            assert httpx.get(f"{box.root}/").status_code == 200


def test_it_listens_on_this_machine_only():
    """The socket is bound to 127.0.0.1, and small answers leave without waiting for more."""
    with Sandbox() as box:
        assert box._socket.getsockname()[0] == "127.0.0.1"
        assert box._socket.proto == socket.IPPROTO_TCP


def test_damaged_data_is_told_before_listening(tmp_path: Path):
    """A damaged data file stops the command with a usage problem."""
    file = tmp_path / "data.json"
    file.write_text("{")
    with pytest.raises(UsageError, match="data file cannot be read"):
        serve(0, file, 20, lambda url: None)


@pytest.mark.parametrize("package", ["uvicorn", "starlette"])
def test_missing_extra_is_told(package: str):
    """Without the web libraries the message says what to install."""
    code = f"""
import sys
sys.modules[{package!r}] = None
from sequence_sync.errors import UsageProblem
from sequence_sync.sandbox.server import Sandbox, serve
for attempt in (Sandbox, lambda: serve(0, None, 20, print)):
    try:
        attempt()
    except UsageProblem as problem:
        print(problem.hint)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.splitlines() == ['Run: pip install "seqsync[sandbox]"'] * 2


def test_nothing_else_needs_the_extra():
    """Importing the door of the sandbox loads no web library."""
    code = "import sys, sequence_sync.sandbox.server; print(sorted({'uvicorn', 'starlette'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out == "[]\n"
