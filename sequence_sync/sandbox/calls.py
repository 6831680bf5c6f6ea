"""One call as the endpoints see it, and what they answer. Values only; the web library stays in `app` and `gateway`."""

from __future__ import annotations

import email.policy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any

from sequence_sync.sandbox.behaviour import Behaviour
from sequence_sync.sandbox.refusals import Invalid, Refusal, Unroutable
from sequence_sync.sandbox.store import Store


@dataclass(frozen=True)
class Reply:
    """A whole answer. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Done:
    """What an endpoint answers when it went well: the message and payload of the envelope."""

    message: str
    payload: Any = None
    status: int = 200


@dataclass(frozen=True)
class Call:
    """One request to an endpoint. `path` holds the ids of the template."""

    store: Store
    behaviour: Behaviour
    path: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON body. A body that is not told to be JSON counts as empty, as the API's framework has it.

        Raises Unroutable where it is no JSON, or neither an object nor a list.
        """
        if self.content_type.split(";")[0].strip().lower() != "application/json" or not self.raw:
            return {}
        try:
            found = json.loads(self.raw.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict | list):
            raise Unroutable(400, "The body is not valid JSON", "Bad Request")
        return found

    def upload(self) -> tuple[str, int]:
        """Name and size in bytes of the one part `file` of a multipart form. Raises Invalid where it is not there."""
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode("latin-1", "replace")
        form = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.raw)
        for part in form.iter_parts() if form.is_multipart() else ():
            if part.get_param("name", header="content-disposition") == "file":
                content = part.get_payload(decode=True)
                return part.get_filename() or "file", len(content) if isinstance(content, bytes) else 0
        raise Invalid("file should not be empty")


def told(done: Done, bare: bool, headers: Mapping[str, str]) -> Reply:
    """The answer: enveloped as the live API does it (L), or bare as the vendor's pages have it (D)."""
    value = {"message": done.message, "payload": done.payload}
    if bare:
        value = {"message": done.message} if done.payload is None else done.payload
    return Reply(done.status, json.dumps(value).encode(), headers)


def refused(refusal: Refusal, headers: Mapping[str, str]) -> Reply:
    """The answer to a call that was not carried out."""
    return Reply(refusal.status, json.dumps(refusal.body).encode(), headers)


def _no_constant(name: str) -> None:
    raise ValueError(name)
