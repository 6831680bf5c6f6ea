"""The Saleshandy provider, as the registry lists it. Loads the HTTP client only when a command connects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sequence_sync.provider.base import Clock, Connection, Driver, Notify, Provider
from sequence_sync.provider.requests import SALESHANDY


def driver() -> Driver:
    """Return the provider."""
    return Driver(SALESHANDY, connect)


@contextmanager
def connect(connection: Connection, clock: Clock, notify: Notify) -> Iterator[Provider]:
    """Open the client of one command."""
    from sequence_sync.provider.client import SaleshandyClient
    from sequence_sync.provider.rate_limit import RateLimiter
    from sequence_sync.provider.transport import HttpTransport

    transport = HttpTransport(connection.api_url, connection.key, connection.headers, connection.timeout)
    try:
        yield SaleshandyClient(transport, RateLimiter(clock, max_wait=connection.max_wait, notify=notify), clock)
    finally:
        transport.close()
