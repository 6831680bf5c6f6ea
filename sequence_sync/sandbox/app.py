"""The web application: endpoints below `/v1`, the page and the OpenAPI document at the root.

Binds `routes` to Starlette: key, rate limit, and the mapping of refusals to answers. No rule of the API stands here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from sequence_sync.sandbox import page
from sequence_sync.sandbox.behaviour import Behaviour, Switches
from sequence_sync.sandbox.calls import Call, Done, Reply, refused, told
from sequence_sync.sandbox.gateway import Gateway
from sequence_sync.sandbox.limits import Limiter
from sequence_sync.sandbox.openapi import document
from sequence_sync.sandbox.refusals import Refusal, Unroutable, bad_key, broken, rate_limited
from sequence_sync.sandbox.routes import ROUTES
from sequence_sync.sandbox.store import Store

HOSTS = ["127.0.0.1", "localhost"]  # no other name, so that no web page elsewhere can read the sandbox by its own
PER_MINUTE, WINDOW = 20, 60.0  # T, strong: told by the vendor's support; with 300 in all
IN_ALL_TIMES = 15
logger = logging.getLogger("seqsync.sandbox")


def create_app(
    store: Store,
    behaviour: Behaviour | Path | Switches | None = None,
    keys: tuple[str, ...] = (),
    *,
    per_minute: int = PER_MINUTE,
    in_all: int | None = None,
    window: float = WINDOW,
) -> Starlette:
    """The application on `store`.

    `behaviour` is one, or a JSON file of one that is read for each request. `keys` are the API keys that are accepted;
    none named: any that is not empty. `per_minute` calls in `window` seconds for each endpoint and `in_all` for a key
    (default: fifteen times as many, as 300 is to 20); 0: no limit.
    """
    switches = behaviour if isinstance(behaviour, Switches) else Switches(behaviour)
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
            Mount("/v1", app=Gateway(api, store, switches, limiter)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
    )


def _endpoint(
    handle: Callable[[Call], Done], template: str, store: Store, keys: tuple[str, ...], limiter: Limiter
) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint: first the key, then the limit, then the call."""

    async def answer(request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            key = request.headers.get("x-api-key", "").strip()
            if not key or (keys and key not in keys):
                raise bad_key()
            standing = limiter.count(key, template)
            headers = standing.headers()
            if standing.wait is not None:
                raise rate_limited()
            if "instead" in request.scope:
                raise request.scope["instead"]
            call = Call(
                store=store,
                behaviour=request.scope["behaviour"],
                path=request.path_params,
                query=dict(request.query_params),
                content_type=request.headers.get("content-type", ""),
                raw=await request.body(),
            )
            return _response(told(handle(call), call.behaviour.bare, headers))
        except Refusal as refusal:
            return _response(refused(refusal, headers))
        except Exception:
            logger.exception("The sandbox failed on %s", template)
            return _response(refused(broken(), headers))

    return answer


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), reply.content_type)


async def _no_route(request: Request, problem: Exception) -> Response:
    """An unknown path, and a known one with another method, are the same to the API's framework."""
    return _response(refused(Unroutable(404, f"Cannot {request.method} {request.url.path}", "Not Found"), {}))
