"""No test talks to anything but this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any


class NetworkRefusedError(RuntimeError):
    """A test tried to reach another machine. Not an OSError: code that forgives those must not hide it."""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_beyond_loopback(connect: Callable[..., Any]) -> Callable[..., Any]:
    """`connect` of a socket, which raises NetworkRefusedError for any address that is not loopback."""

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(str(address[0])):
            raise NetworkRefusedError(f"a test may not connect to {address[0]}")
        return connect(self, address)

    return guarded
