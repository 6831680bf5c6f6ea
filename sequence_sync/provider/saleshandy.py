"""The Saleshandy provider, as the registry lists it. Loads the HTTP client only when a command connects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sequence_sync.provider.base import Announce, Clock, Connection, Driver, Provider
from sequence_sync.provider.requests import SALESHANDY


def driver() -> Driver:
    """Return the provider."""
    return Driver(SALESHANDY, connect)


@contextmanager
def connect(connection: Connection, clock: Clock, announce: Announce) -> Iterator[Provider]:
    """Open the client of one command. `announce` is called before each wait."""
    from sequence_sync.provider.client import SaleshandyClient
    from sequence_sync.provider.rate_limit import RateLimiter
    from sequence_sync.provider.transport import HttpTransport

    def announce_limit(seconds: float, endpoint: str) -> None:
        announce(seconds, f"Waiting {seconds:.0f} s for the API's rate limit on {endpoint} (setting: max_wait).")

    limiter = RateLimiter(clock, max_wait=connection.max_wait, notify=announce_limit)
    transport = HttpTransport(connection.api_url, connection.key, connection.headers, connection.timeout)
    try:
        yield SaleshandyClient(transport, limiter, clock, announce, transport.redactor)
    finally:
        transport.close()
