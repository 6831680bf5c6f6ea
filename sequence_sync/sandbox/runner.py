"""The web server around the application. Knows sockets and signals; nothing of sequences.

Imported only by `server`, which tells a missing extra before this is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection that the application can close without an answer: `hang_up` in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give every request of this connection the way to close it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "hang_up": transport.close}


class Runner(uvicorn.Server):
    """Serves until it is told to stop; a signal stops it in order and is not raised again."""

    def __init__(self, app: Starlette, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app, http=Connection, ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
            log_level="critical", proxy_headers=False, server_header=False, timeout_graceful_shutdown=0,
        )  # fmt: skip
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that it listens, as soon as it does."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop the server; afterwards they do again what they did before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {one: signal.signal(one, self._stop) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        self.should_exit = True
