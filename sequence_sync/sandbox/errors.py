"""How the sandbox says no: the three shapes of error body of docs/api.md 5. Pure.

Knows nothing of HTTP libraries; a refusal carries its status and its JSON.
"""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


class RefusalError(Exception):
    """A call that is not carried out. `status` is the HTTP status, `body` the JSON that says why."""

    def __init__(self, status: int, body: JSON) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


class RefusedError(RefusalError):
    """The application's own shape, `{code, type, message}`."""

    def __init__(self, code: int, message: str, *, status: int = 400, kind: str = "BAD_REQUEST") -> None:
        super().__init__(status, {"code": code, "type": kind, "message": message})


class InvalidError(RefusalError):
    """The validator's shape: a list with a sentence for each mistake, so nothing was done."""

    def __init__(self, *problems: str) -> None:
        super().__init__(400, {"statusCode": 400, "message": list(problems), "error": "Bad Request"})


class UnroutableError(RefusalError):
    """The web framework's shape: no such route, a body that is too large or no JSON."""

    def __init__(self, status: int, message: str, error: str) -> None:
        super().__init__(status, {"statusCode": status, "message": message, "error": error})


class GatewayError(RefusalError):
    """The shape of the gateway in front, which looks at headers only."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(status, {"error": error, "error_code": status, "error_message": message})


def bad_key() -> RefusedError:
    """A missing or wrong key is told with 400 (L), not with 401."""
    return RefusedError(1001, "Invalid token", kind="INVALID_TOKEN")


def no_sequence() -> RefusedError:
    """A sequence that is not there is told with 400 (S), not with 404."""
    return RefusedError(40100, "Sequence not found", kind="SEQUENCE_NOT_FOUND")


def failed(what: str) -> RefusedError:
    """The generic `4000 Failed to ...` that most endpoints have (D)."""
    return RefusedError(4000, f"Failed to {what}", kind="REQUEST_FAILED")


def rate_limited(status: int = 400) -> RefusedError:
    """The rate limit is told with 400 (L); 429 is only for scripted faults."""
    return RefusedError(40000, "Rate Limit exceeded", status=status, kind="RATE_LIMIT_EXCEEDED")


def broken() -> RefusedError:
    """The generic internal error (S)."""
    return RefusedError(5001, "Internal server error", status=500, kind="INTERNAL_SERVER_ERROR")
