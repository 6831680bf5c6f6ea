"""The sandbox as a running server on 127.0.0.1: `Sandbox` for tests, `serve` for the command.

The web libraries are an extra of the package. This module imports them only when a server starts.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType

from sequence_sync.errors import UsageError
from sequence_sync.sandbox.faults import SwitchBoard, Switches
from sequence_sync.sandbox.store import Store

HOST = "127.0.0.1"
THREAD_TIMEOUT = 10  # seconds for the server's thread to start or to end
PACKAGES = ("starlette", "uvicorn", "anyio", "h11")


class Sandbox:
    """A sandbox in a thread of this process, as a context manager.

    `url`: the address of the API (`http://127.0.0.1:PORT/v1`). `root`: the address of the page. `store`: the data and
    the request log; pass your own for another clock or seed, otherwise `data` names its file. `switches`, or a JSON
    file of them, can be changed later with `switch`. `keys`, `per_minute`, `in_all` and `window`: see `create_app`.
    `port` 0 is any free port. Raises UsageError like `serve`.
    """

    def __init__(
        self,
        data: Path | None = None,
        switches: Switches | Path | None = None,
        *,
        store: Store | None = None,
        port: int = 0,
        keys: tuple[str, ...] = (),
        per_minute: int = 20,
        in_all: int | None = None,
        window: float = 60.0,
    ) -> None:
        web = _web()
        self.store = store or Store(data)
        self._board = SwitchBoard(switches)
        app = web.create_app(self.store, self._board, keys, per_minute=per_minute, in_all=in_all, window=window)
        self._listening = threading.Event()
        self._runner = web.Runner(app, self._listening.set)
        self._socket = _bound(port)
        self.root = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self._runner.run, args=([self._socket],), daemon=True)

    def switch(self, switches: Switches | Path | None) -> None:
        """Use other switches from now on, and reset the counts of faults."""
        self._board.set(switches)

    def __enter__(self) -> Sandbox:
        self._thread.start()
        if not self._listening.wait(THREAD_TIMEOUT):
            raise RuntimeError("the sandbox did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.should_exit = True
        self._thread.join(THREAD_TIMEOUT)


def serve(port: int, data: Path | None, per_minute: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then return. For the main thread.

    `per_minute`: calls to each endpoint; 15 times as many are allowed together; 0 is no limit. `ready` is called with
    the address of the API as soon as it answers. Raises UsageError if the extra is missing, the port is in use, or the
    data file is damaged.
    """
    web = _web()
    app = web.create_app(Store(data), per_minute=per_minute)
    listener = _bound(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}/v1"
    web.Runner(app, lambda: ready(url)).run([listener])


def _web() -> ModuleType:
    """Return the module that needs the extra."""
    try:
        from sequence_sync.sandbox import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        raise UsageError(
            "The sandbox needs packages that are not installed.",
            f"Python cannot find {error.name}.",
            'Run: pip install "seqsync[sandbox]"',
        ) from None
    return app


def _reason(error: Exception) -> str:
    """Return the system's message without its number: `Address already in use`."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _bound(port: int) -> socket.socket:
    """Return a listening socket on `port` of 127.0.0.1; 0 is any free port."""
    # The event loop sends small packets without delay only for a socket with a named protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            "The sandbox cannot listen on this port.",
            f"Port {port}: {_reason(error)}.",
            "Choose another port with -port, or stop the program that uses this one.",
        ) from None
    return listener
