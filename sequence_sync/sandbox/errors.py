"""The shapes of error answers of docs/api.md 5, as exceptions with status and JSON. Must not know HTTP libraries.

The texts imitate the vendor's.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


class RefusalError(Exception):
    """A call that is not carried out. `status`: the HTTP status. `body`: the JSON with the reason."""

    def __init__(self, status: int, body: JSON) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


class RefusedError(RefusalError):
    """The shape of the application: `{code, type, message}`."""

    def __init__(self, code: int, message: str, *, status: int = 400, kind: str = "BAD_REQUEST") -> None:
        super().__init__(status, {"code": code, "type": kind, "message": message})


class InvalidError(RefusalError):
    """The shape of the validator: a list with a sentence for each error. Nothing was done."""

    def __init__(self, *problems: str) -> None:
        super().__init__(400, {"statusCode": 400, "message": list(problems), "error": "Bad Request"})


class UnroutableError(RefusalError):
    """The shape of the web framework: an unknown route, a body that is too large or not JSON."""

    def __init__(self, status: int, message: str, error: str) -> None:
        super().__init__(status, {"statusCode": status, "message": message, "error": error})


class GatewayError(RefusalError):
    """The shape of the gateway in front, which checks only headers."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(status, {"error": error, "error_code": status, "error_message": message})


def bad_key() -> RefusedError:
    """Return the error for a missing or wrong key: 400 (L), not 401."""
    return RefusedError(1001, "Invalid token", kind="INVALID_TOKEN")


def no_sequence() -> RefusedError:
    """Return the error for an unknown sequence: 400 (S), not 404."""
    return RefusedError(40100, "Sequence not found", kind="SEQUENCE_NOT_FOUND")


def failed(what: str) -> RefusedError:
    """Return the generic `4000 Failed to ...` of most endpoints (D)."""
    return RefusedError(4000, f"Failed to {what}", kind="REQUEST_FAILED")


def rate_limited(status: int = 400) -> RefusedError:
    """Return the error of the rate limit: 400 (L). 429 is only for scripted faults."""
    return RefusedError(40000, "Rate Limit exceeded", status=status, kind="RATE_LIMIT_EXCEEDED")


def broken() -> RefusedError:
    """Return the generic internal error (S)."""
    return RefusedError(5001, "Internal server error", status=500, kind="INTERNAL_SERVER_ERROR")
