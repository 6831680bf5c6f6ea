"""The web application: endpoints below `/v1`, the page and the OpenAPI document at the root; and its runner.

Connects `routes` to Starlette: API key, rate limit, and errors as answers. Must not know any rule of the API.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from sequence_sync.sandbox import page
from sequence_sync.sandbox.errors import RefusalError, UnroutableError, bad_key, broken, rate_limited
from sequence_sync.sandbox.faults import SwitchBoard, Switches
from sequence_sync.sandbox.http import Call, Gateway, Limiter, Reply, Result, enveloped, error_reply
from sequence_sync.sandbox.openapi import document
from sequence_sync.sandbox.routes import ROUTES
from sequence_sync.sandbox.store import Store

HOSTS = ["127.0.0.1", "localhost"]  # no other name: a web page cannot read the sandbox through its own host name
PER_MINUTE, WINDOW = 20, 60.0  # T, strong: from the vendor's support, with 300 in all
IN_ALL_TIMES = 15
logger = logging.getLogger("seqsync.sandbox")


def create_app(
    store: Store,
    switches: Switches | Path | SwitchBoard | None = None,
    keys: tuple[str, ...] = (),
    *,
    per_minute: int = PER_MINUTE,
    in_all: int | None = None,
    window: float = WINDOW,
) -> Starlette:
    """Return the application on `store`.

    `switches`: switches, or a JSON file of them, read for each request. `keys`: the accepted API keys; without any,
    every non-empty key. A key may make `per_minute` calls to each endpoint in `window` seconds, and `in_all` calls
    together (default: 15 times as many, the ratio of 300 to 20). 0 is no limit.
    """
    board = switches if isinstance(switches, SwitchBoard) else SwitchBoard(switches)
    everything = per_minute * IN_ALL_TIMES if in_all is None else in_all
    limiter = Limiter(per_minute, everything, window, store.clock)
    routes = [
        Route(path, _endpoint(handle, f"{method} {path}", store, keys, limiter), methods=[method])
        for method, path, handle in ROUTES
    ]
    api = Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_route})
    api.router.redirect_slashes = False

    async def show(request: Request) -> Response:
        return HTMLResponse(page.render(store.sequences(), store.account), headers=page.HEADERS)

    async def describe(request: Request) -> Response:
        return Response(json.dumps(document()), media_type="application/json")

    return Starlette(
        routes=[
            Route("/", show),
            Route("/openapi.json", describe),
            Mount("/v1", app=Gateway(api, store, board, limiter)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
    )


def _endpoint(
    handle: Callable[[Call], Result], template: str, store: Store, keys: tuple[str, ...], limiter: Limiter
) -> Callable[[Request], Awaitable[Response]]:
    """Return a Starlette endpoint: first the key, then the limit, then the call."""

    async def answer(request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            key = request.headers.get("x-api-key", "").strip()
            if not key or (keys and key not in keys):
                raise bad_key()
            rate = limiter.count(key, template)
            headers = rate.headers()
            if rate.wait is not None:
                raise rate_limited()
            if "instead" in request.scope:
                raise request.scope["instead"]
            call = Call(
                store=store,
                switches=request.scope["switches"],
                path=request.path_params,
                query=dict(request.query_params),
                content_type=request.headers.get("content-type", ""),
                raw=await request.body(),
            )
            return _response(enveloped(handle(call), call.switches.bare, headers))
        except RefusalError as refusal:
            return _response(error_reply(refusal, headers))
        except Exception:
            logger.exception("The sandbox failed on %s", template)
            return _response(error_reply(broken(), headers))

    return answer


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), reply.content_type)


async def _no_route(request: Request, problem: Exception) -> Response:
    """Answer an unknown path. The API's framework answers a known path with another method in the same way."""
    return _response(error_reply(UnroutableError(404, f"Cannot {request.method} {request.url.path}", "Not Found"), {}))


class Connection(H11Protocol):
    """A connection that the application can close without an answer, through `hang_up` in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give every request of this connection the function that closes it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "hang_up": transport.close}


class Runner(uvicorn.Server):
    """A server that runs until it is stopped. A signal stops it in an orderly way and is not raised again."""

    def __init__(self, app: Starlette, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            log_level="critical",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=0,
        )
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Call `ready` as soon as the server listens."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop the server, and restore their handlers afterwards."""
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
