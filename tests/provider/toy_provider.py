"""A toy provider: another vendor's API in memory, to prove that seqsync's engine knows no vendor.

It differs from Saleshandy where it can:

- Sequences are campaigns, steps are messages, variants are texts. Types, priorities and fields have other names.
- `after` counts the days since the campaign's start. Day 1 is `after: 0`.
- A variant is removed by DELETE. The account archives it, and returns it as not live.

The module is complete: the recipe test copies it into the package and adds its row to the registry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import EMAIL, STEP_TYPES
from sequence_sync.provider.base import (
    STEP_FIELDS,
    UNKNOWN,
    WHOLE,
    Announce,
    Answer,
    AnswerKind,
    Call,
    Capability,
    Clock,
    Connection,
    Created,
    CreateSequence,
    CreateStep,
    CreateVariant,
    Driver,
    Operation,
    Patch,
    Provider,
    RemoteSequence,
    RemoteStep,
    RemoteVariant,
    Request,
    ReturnedField,
)

Json = dict[str, Any]

_ALL = frozenset(STEP_TYPES)
CAPABILITIES = (
    Capability("create-sequence", WHOLE, _ALL, "toy"),
    Capability("create-step", WHOLE, _ALL, "toy"),
    Capability("create-variant", WHOLE, frozenset({EMAIL}), "toy"),
    *(Capability("update-variant", name, _ALL, "toy") for name in ("payload", "task_note", "attachments", "status")),
    *(Capability("update-step", name, _ALL, "toy") for name in STEP_FIELDS),
    Capability("deactivate-variant", WHOLE, _ALL, "toy"),
)
RETURNED = tuple(ReturnedField(name, "toy") for name in ("payload", "status", "task_note", "attachments", *STEP_FIELDS))

_NAMES = {
    "payload": "fields",
    "task_note": "remark",
    "attachments": "files",
    "status": "live",
    "day": "after",
    "priority": "urgency",
    "assignee": "owner",
}
_PATCH_NAMES = {name: ours for ours, name in _NAMES.items()}
_TEXTS = {
    "subject": "headline",
    "content": "html",
    "preheader": "teaser",
    "message": "text",
    "connection_note": "greeting",
}
_PAYLOAD_NAMES = {name: ours for ours, name in _TEXTS.items()}
_URGENCIES = {"urgent": "now", "high": "soon", "normal": "usual", "low": "someday"}
_PRIORITIES = {name: ours for ours, name in _URGENCIES.items()}


def _kind(type_: str) -> str:
    return "mail" if type_ == EMAIL else type_.replace("_", "-")


def _type(kind: str) -> str:
    name = EMAIL if kind == "mail" else kind.replace("-", "_")
    return name if name in STEP_TYPES else UNKNOWN + kind


def _to_body(name: str, value: Any) -> Any:
    match name:
        case "payload":
            return {_TEXTS.get(each, each): text for each, text in value.items()}
        case "attachments":
            return list(value)
        case "status":
            return value != 0
        case "day":
            return value - 1
        case "priority":
            return _URGENCIES.get(value, value.removeprefix(UNKNOWN))
    return value


def _from_body(name: str, value: Any) -> Any:
    match name:
        case "payload":
            return {_PAYLOAD_NAMES.get(each, each): text for each, text in value.items()}
        case "attachments":
            return tuple(value)
        case "status":
            return int(value)
        case "day":
            return value + 1
        case "priority":
            return _PRIORITIES.get(value, UNKNOWN + value)
    return value


class ToyDialect:
    """Implements `provider.base.Dialect`."""

    capabilities = CAPABILITIES
    returned = RETURNED

    def call(self, operation: Operation) -> Call:
        """See `Dialect`. An update that only deactivates is a DELETE."""
        if isinstance(operation, CreateSequence):
            return Call(method="POST", path="/campaigns", body={"name": operation.title})
        if isinstance(operation, CreateStep):
            return Call(method="POST", path=f"/campaigns/{operation.sequence}/messages", body=_step(operation.content))
        texts = f"/campaigns/{operation.sequence}/messages/{operation.step}/texts"
        if isinstance(operation, CreateVariant):
            return Call(method="POST", path=texts, body=_text(operation.variant))
        method = "DELETE" if operation.patch == Patch(status=0) else "PUT"
        return Call(method=method, path=f"{texts}/{operation.variant}", body=self.body(operation.patch))

    def body(self, patch: Patch) -> Json:
        """See `Dialect`."""
        return {_NAMES[name]: _to_body(name, value) for name, value in patch.values().items()}

    def patch(self, body: Mapping[str, Any]) -> Patch:
        """See `Dialect`."""
        if body.keys() - _PATCH_NAMES.keys():
            raise ValueError("an update has no such field")
        names = {_PATCH_NAMES[name]: value for name, value in body.items()}
        return Patch(**{name: _from_body(name, value) for name, value in names.items()})

    def bind(self, call: Call, ids: Mapping[str, str]) -> Request:
        """See `Dialect`."""
        path = call.path
        for address, remote_id in ids.items():
            path = path.replace("{" + address + "}", remote_id)
        parts = path.split("/")[1:]
        if any(not part.isalnum() for part in parts):
            raise ValueError(f"{path} contains an id that is not known or not valid")
        endpoint = "/".join(part if place % 2 == 0 else "{ref}" for place, part in enumerate(parts))
        return Request(call.method, f"/{endpoint}", path, body=call.body)

    def created(self, request: Request, payload: Any) -> Created:
        """See `Dialect`."""
        if not isinstance(payload, Mapping) or not isinstance(payload.get("ref"), str):
            raise ValueError("the answer contains no ref")
        return Created(payload["ref"], tuple(text["ref"] for text in payload.get("texts", ())))

    def duration(self, calls: Iterable[Call]) -> float:
        """See `Dialect`. There is no rate limit."""
        return 0.1 * len(list(calls))

    def label(self, name: str) -> str:
        """See `Dialect`."""
        return _PATCH_NAMES.get(name, name).replace("_", " ")


TOY = ToyDialect()


def _text(variant: Variant) -> Json:
    return {
        "fields": _to_body("payload", variant.payload),
        "remark": variant.task_note,
        "files": list(variant.attachments),
    }


def _step(content: Content) -> Json:
    step = {"kind": _kind(content.type), "after": content.day - 1}
    step |= {"urgency": _to_body("priority", content.priority)} if content.priority else {}
    step |= {"owner": content.assignee} if content.assignee else {}
    return {**step, "texts": [_text(row) for row in content.variants.values()]}


@dataclass
class ToyAccount:
    """The vendor's side: campaigns as JSON. `faults` are used up, one for each write.

    The fault `lost` carries the write out and loses its answer. A kind of answer refuses the write.
    """

    campaigns: dict[str, Json] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def answer(self, request: Request) -> Answer:
        """Carry out one write."""
        self.requests.append(request)
        fault = self.faults.popleft() if self.faults else ""
        if fault not in ("", "lost"):
            return Answer(AnswerKind(fault), message="refused by the test")
        payload = self._carry_out(request)
        if payload is None:
            return Answer(AnswerKind.MISSING, 404, message="not found")
        return Answer(AnswerKind.NO_ANSWER, message="lost") if fault else Answer(AnswerKind.OK, 200, payload=payload)

    def _carry_out(self, request: Request) -> Json | None:
        refs, body = request.path.split("/")[2::2], dict(request.body or {})
        if request.endpoint == "/campaigns":
            ref = self._ref("c")
            self.campaigns[ref] = {"ref": ref, "name": body["name"], "messages": {}}
            return {"ref": ref}
        campaign = self.campaigns.get(refs[0])
        if campaign is None:
            return None
        if len(refs) == 1:
            return self._add_message(campaign, body)
        message = campaign["messages"].get(refs[1])
        if message is None:
            return None
        return self._add_text(message, body) if request.method == "POST" else self._write(message, refs[2], body)

    def _add_message(self, campaign: Json, body: Json) -> Json:
        message = {"urgency": "usual", "owner": None, **body, "ref": self._ref("m"), "texts": {}}
        refs = [self._add_text(message, text) for text in body["texts"]]
        campaign["messages"][message["ref"]] = message
        return {"ref": message["ref"], "texts": refs}

    def _add_text(self, message: Json, body: Json) -> Json:
        ref = self._ref("t")
        message["texts"][ref] = {**body, "ref": ref, "live": True}
        return {"ref": ref}

    def _write(self, message: Json, ref: str, body: Json) -> Json | None:
        text = message["texts"].get(ref)
        if text is None:
            return None
        of_message = {name: value for name, value in body.items() if name in ("after", "urgency", "owner")}
        message |= of_message
        text |= {name: value for name, value in body.items() if name not in of_message}
        text["fields"] = {name: value for name, value in text["fields"].items() if value != ""}
        return {}

    def _ref(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"


class ToyClient:
    """Implements `provider.base.Provider` on an account."""

    dialect = TOY

    def __init__(self, account: ToyAccount) -> None:
        self.account = account

    def sequences(self) -> list[RemoteSequence]:
        """See `Provider`."""
        return [RemoteSequence(row["ref"], row["name"], False) for row in self.account.campaigns.values()]

    def steps(self, sequence_id: str) -> list[RemoteStep] | None:
        """See `Provider`."""
        campaign = self.account.campaigns.get(sequence_id)
        return None if campaign is None else [_remote_step(row) for row in campaign["messages"].values()]

    def variants(self, sequence_id: str, step_id: str) -> list[RemoteVariant] | None:
        """See `Provider`."""
        step = next((row for row in self.steps(sequence_id) or () if row.id == step_id), None)
        return None if step is None else list(step.variants)

    def write(self, request: Request, before: Callable[[], None]) -> Answer:
        """See `Provider`."""
        before()
        return self.account.answer(request)


def _remote_step(message: Json) -> RemoteStep:
    return RemoteStep(
        id=message["ref"],
        type=_type(message["kind"]),
        day=_from_body("day", message["after"]),
        priority=_from_body("priority", message["urgency"]),
        assignee=message["owner"],
        variants=tuple(_remote_variant(row) for row in message["texts"].values()),
    )


def _remote_variant(text: Json) -> RemoteVariant:
    payload, files = _from_body("payload", text["fields"]), tuple(text["files"])
    return RemoteVariant(text["ref"], payload, text["remark"], files, int(text["live"]))


def driver() -> Driver:
    """Return the provider."""
    return Driver(TOY, connect)


@contextmanager
def connect(connection: Connection, clock: Clock, announce: Announce) -> Iterator[Provider]:
    """Open an empty account."""
    yield ToyClient(ToyAccount())
