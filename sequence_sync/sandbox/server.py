"""The sandbox as a running server, on 127.0.0.1 only: for a test (`Sandbox`) and for the command (`serve`).

The web libraries are an extra of the package; nothing here loads them before it is known that they are there.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType

from sequence_sync.errors import UsageError
from sequence_sync.sandbox.faults import Behaviour, Switches
from sequence_sync.sandbox.store import Store

HOST = "127.0.0.1"
PATIENCE = 10  # seconds for the server's thread to begin or to end
PACKAGES = ("starlette", "uvicorn", "anyio", "h11")


class Sandbox:
    """A sandbox in a thread of this process, as a context manager.

    `url` is where the API is (`http://127.0.0.1:PORT/v1`), `root` where the page is; `store` holds the data and the
    log of requests. `behaviour`, or a JSON file of one, can be changed later with `switch`. `keys`, `per_minute`,
    `in_all` and `window` are those of `create_app`. `port` 0: any that is free. Give a `store` of your own for another
    clock or seed, else `data` names its file. Raises UsageError like `serve`.
    """

    def __init__(
        self,
        data: Path | None = None,
        behaviour: Behaviour | Path | None = None,
        *,
        store: Store | None = None,
        port: int = 0,
        keys: tuple[str, ...] = (),
        per_minute: int = 20,
        in_all: int | None = None,
        window: float = 60.0,
    ) -> None:
        web, runner = _web()
        self.store = store or Store(data)
        self._switches = Switches(behaviour)
        app = web.create_app(self.store, self._switches, keys, per_minute=per_minute, in_all=in_all, window=window)
        self._listening = threading.Event()
        self._runner = runner.Runner(app, self._listening.set)
        self._socket = _bound(port)
        self.root = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self._runner.run, args=([self._socket],), daemon=True)

    def switch(self, behaviour: Behaviour | Path | None) -> None:
        """From now on behave like this; faults are counted anew."""
        self._switches.set(behaviour)

    def __enter__(self) -> Sandbox:
        self._thread.start()
        if not self._listening.wait(PATIENCE):
            raise RuntimeError("the sandbox did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.should_exit = True
        self._thread.join(PATIENCE)


def serve(port: int, data: Path | None, per_minute: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then return. For the main thread.

    `per_minute` calls for each endpoint, fifteen times as many in all; 0: no limit. `ready` gets the API's address as
    soon as it can be called. Raises UsageError: the extra is missing, the port is in use, the data file is damaged.
    """
    web, runner = _web()
    app = web.create_app(Store(data), per_minute=per_minute)
    listener = _bound(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}/v1"
    runner.Runner(app, lambda: ready(url)).run([listener])


def _web() -> tuple[ModuleType, ModuleType]:
    """The two modules that need the extra."""
    try:
        from sequence_sync.sandbox import app
        from sequence_sync.sandbox import app as runner
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] not in PACKAGES:
            raise
        raise UsageError(
            "The sandbox needs packages that are not installed.",
            f"{problem.name} was not found.",
            'Run: pip install "seqsync[sandbox]"',
        ) from None
    return app, runner


def _bound(port: int) -> socket.socket:
    """A socket on that port of this machine alone; 0: any that is free."""
    # The protocol is named because the event loop sends small packets at once only where it is.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except (OSError, OverflowError) as problem:
        listener.close()
        raise UsageError(
            "The sandbox cannot listen on that port.",
            f"Port {port}: {problem}.",
            "Choose another port with -port, or end what is using this one.",
        ) from None
    return listener
