"""The running server: its address, how it stops, and its errors."""

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
    """Start the command's server in its own process."""
    command = [sys.executable, "-c", SERVE, str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_with_exit_code_0(tmp_path: Path, number: signal.Signals):
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


def test_sigkill_loses_no_answered_write(tmp_path: Path):
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


def test_a_port_in_use_is_a_usage_error():
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


def test_a_port_is_used_and_freed():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for _ in range(2):
        with Sandbox(port=port) as box:
            assert box.url == f"http://127.0.0.1:{port}/v1"
            assert httpx.get(f"{box.root}/").status_code == 200


def test_the_server_listens_on_127_0_0_1_only():
    """Small answers leave without delay."""
    with Sandbox() as box:
        assert box._socket.getsockname()[0] == "127.0.0.1"
        assert box._socket.proto == socket.IPPROTO_TCP


def test_a_damaged_data_file_stops_the_command(tmp_path: Path):
    file = tmp_path / "data.json"
    file.write_text("{")
    with pytest.raises(UsageError, match="Cannot read the sandbox's data file"):
        serve(0, file, 20, lambda url: None)


@pytest.mark.parametrize("package", ["uvicorn", "starlette"])
def test_without_the_extra_the_message_says_what_to_install(package: str):
    code = f"""
import sys
sys.modules[{package!r}] = None
from sequence_sync.errors import UsageError
from sequence_sync.sandbox.server import Sandbox, serve
for attempt in (Sandbox, lambda: serve(0, None, 20, print)):
    try:
        attempt()
    except UsageError as problem:
        print(problem.hint)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.splitlines() == ['Run: pip install "seqsync[sandbox]"'] * 2


def test_importing_the_server_loads_no_web_library():
    code = "import sys, sequence_sync.sandbox.server; print(sorted({'uvicorn', 'starlette'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out == "[]\n"
