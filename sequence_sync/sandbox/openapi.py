"""The OpenAPI 3.1 document of the sandbox. Data; must not know the web library.

It describes this sandbox, not the vendor's API, which is known only in part.
"""

from __future__ import annotations

from typing import Any

from sequence_sync.sandbox.bodies import FIELD_KINDS, LARGEST_ACCOUNT_PAGE, LARGEST_PAGE
from sequence_sync.sandbox.model import (
    FIRST_DAY,
    KINDS,
    LAST_DAY,
    LONGEST_NOTE,
    LONGEST_TITLE,
    MOST_VARIANTS,
    PRIORITIES,
    Kind,
)

JSON = dict[str, Any]
TEXT: JSON = {"type": "string"}
ID: JSON = {"type": "string", "pattern": "^[A-Za-z0-9]{4,32}$"}
IDS: JSON = {"type": "array", "items": ID, "uniqueItems": True}
TRUTH: JSON = {"type": "boolean"}
NUMBER: JSON = {"type": "integer"}
NOTE: JSON = {"type": "string", "maxLength": LONGEST_NOTE}
PLACING: JSON = {
    "absoluteDays": {"type": "integer", "minimum": FIRST_DAY, "maximum": LAST_DAY},
    "priority": {"type": "integer", "enum": list(PRIORITIES)},
    "assigneeId": ID,
}
ACTION: JSON = {
    "type": "object",
    "properties": {"name": TEXT, "url": TEXT},
    "required": ["name", "url"],
    "additionalProperties": False,
}


def _object(needed: JSON, optional: JSON | None = None) -> JSON:
    """Return the schema of a request's object: only these properties."""
    return {
        "type": "object",
        "properties": {**needed, **(optional or {})},
        "required": list(needed),
        "additionalProperties": False,
    }


def _shown(**properties: JSON) -> JSON:
    """Return the schema of an answer's object: these properties, and perhaps more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: JSON, **limits: Any) -> JSON:
    return {"type": "array", "items": items, **limits}


def _payload(kind: Kind) -> JSON:
    fields = {name: ACTION if name == "action" else TEXT for name in (*kind.needed, *kind.optional)}
    return _object({name: fields[name] for name in kind.needed}, {name: fields[name] for name in kind.optional})


def _variant(kind: Kind) -> tuple[JSON, JSON]:
    """Return the required and the optional properties of a variant of one type."""
    return {"payload": _payload(kind)}, {"attachmentIds": IDS} if kind.is_email else {"taskNote": NOTE}


def _new_step() -> JSON:
    """Return the schema of the body of create step, one branch for each type."""
    branches = []
    for kind in KINDS.values():
        most = MOST_VARIANTS if kind.is_email else 1
        variants = _list(_object(*_variant(kind)), minItems=1, maxItems=most)
        rest = {name: PLACING[name] for name in ("priority", "assigneeId")}
        branches.append(
            _object({"type": _code(kind), "absoluteDays": PLACING["absoluteDays"], "variants": variants}, rest)
        )
    return {"oneOf": branches}


def _new_variant() -> JSON:
    branches = []
    for kind in KINDS.values():
        needed, optional = _variant(kind)
        branches.append(_object({"type": _code(kind), **needed}, {**optional, **PLACING}))
    return {"oneOf": branches}


def _variant_change() -> JSON:
    """Return the schema of any part of a variant, without the rules of its type."""
    texts = {name: TEXT for kind in KINDS.values() for name in (*kind.needed, *kind.optional)}
    payload = _object({}, {**texts, "action": ACTION})
    status = {"type": "integer", "enum": [0, 1]}
    codes = {"type": "integer", "enum": list(KINDS)}
    rest = {"payload": payload, "status": status, "type": codes, "taskNote": NOTE, "attachmentIds": IDS}
    return _object({}, {**rest, **PLACING})


def _code(kind: Kind) -> JSON:
    return {"type": "integer", "enum": [kind.code], "description": kind.name}


def _query(name: str, schema: JSON, *, needed: bool = False) -> JSON:
    return {"name": name, "in": "query", "schema": schema, "required": needed}


def _paging(*orders: str, needed: bool = False) -> list[JSON]:
    by = {"type": "string", "enum": list(orders)} if orders else TEXT
    return [
        _query("page", {"type": "integer", "minimum": 1, "maximum": 999_999_999}),
        _query("pageSize", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}),
        _query("sort", {"type": "string", "enum": ["ASC", "DESC"]}, needed=needed),
        _query("sortBy", by, needed=needed),
    ]


VARIANT_ID = _shown(id=ID, stepId=ID)
SEQUENCE_ROW = _shown(id=ID, title=TEXT, active=TRUTH, steps=_list(_shown(id=ID, name=TEXT)), user=_shown(id=NUMBER))
STEP_ROW = _shown(id=ID, number=NUMBER, type=NUMBER, status=NUMBER, variants=_list(_shown(id=ID, status=NUMBER)))
VARIANT_ROW = _shown(id=ID, status=NUMBER, stepStatus=NUMBER, type=NUMBER)
MADE_SEQUENCE = _shown(sequenceId=ID, title=TEXT, active=TRUTH)
MADE_STEP = _shown(
    id=ID, name=TEXT, number=NUMBER, type=NUMBER, sequenceId=ID, sequence=_shown(id=ID), variants=_list(VARIANT_ID)
)
SCHEDULE = _shown(id=ID, name=TEXT, timezone=TEXT, isDefault=TRUTH)
SETTINGS = _shown(settings=_list(_shown(code=NUMBER, value=TEXT)), schedule=SCHEDULE)
SENDERS = _list(_shown(id=ID, sequenceId=ID, emailAccount=_list(_shown(id=ID))))
FIELD = _shown(id=ID, label=TEXT, fieldType=TEXT)
MEMBER = _shown(id=ID, firstName=TEXT, lastName=TEXT, email=TEXT)
CODE = {"type": "integer", "minimum": 1, "maximum": 13}
FIELD_BODY: JSON = {"fieldType": {"type": "string", "enum": list(FIELD_KINDS)}, "mappingDefaultField": TEXT}
LABEL: JSON = {"label": {"type": "string", "minLength": 1, "maxLength": 100}}
SOME_IDS = _object({"emailAccountIds": {**IDS, "minItems": 1}})
SEARCH = _object(
    {},
    {
        "search": TEXT,
        "status": {"type": "integer", "enum": [0, 1, 2, 3]},
        "page": {"type": "integer", "minimum": 1},
        "sortByKey": TEXT,
        "sort": {"type": "string", "enum": ["ASC", "DESC"]},
        "pageSize": {"type": "integer", "minimum": 1, "maximum": LARGEST_ACCOUNT_PAGE},
    },
)
TITLE: JSON = {"title": {"type": "string", "minLength": 1, "maxLength": LONGEST_TITLE}}
ZONE: JSON = {"type": "string", "enum": ["UTC", "Europe/London"]}
SCHEDULE_BODY = _object(
    {"name": TITLE["title"], "timezone": ZONE, "timeSlots": _list({}, minItems=7, maxItems=7)}, {"isDefault": TRUTH}
)
SETTINGS_BODY = _object({}, {"settings": _list(_object({"code": CODE, "value": TEXT})), "scheduleId": ID})
STATUS_BODY = _object(
    {"sequenceIds": {**IDS, "minItems": 1}, "status": {"type": "string", "enum": ["resume", "pause"]}}
)
TRIAL = _object(
    {
        "subject": TEXT,
        "content": TEXT,
        "fromEmailAccountId": ID,
        "to": _list({"type": "string", "pattern": "^[a-z]+@[a-z]+[.]com$"}, minItems=1),
    },
    {"preheader": TEXT},
)
DISTRIBUTION = _object({"priorityDistributionId": {"type": "integer", "enum": [1, 2, 3, 4]}})
SEARCH_TITLE = _query("sequenceName", TEXT)
S, ST = "/sequences/{sequence}", "/sequences/{sequence}/steps/{step}"

# method, path, status, payload of the answer (None: none), body, query
OPERATIONS: tuple[tuple[str, str, int, JSON | None, JSON | None, list[JSON]], ...] = (
    (
        "get",
        "/sequences",
        200,
        _list(SEQUENCE_ROW),
        None,
        [SEARCH_TITLE, *_paging("sequence.createdAt", "sequence.title"), _query("clientIds", TEXT)],
    ),
    ("post", "/sequences", 201, MADE_SEQUENCE, _object(TITLE, {"emailAccountIds": IDS, "scheduleId": ID}), []),
    ("post", "/sequences/status", 200, None, STATUS_BODY, []),
    ("get", f"{S}/settings", 200, SETTINGS, None, [_query("code", CODE)]),
    ("patch", f"{S}/settings", 200, SETTINGS, SETTINGS_BODY, []),
    ("patch", f"{S}/schedule", 200, SCHEDULE, _object({"scheduleId": ID}), []),
    ("patch", f"{S}/priority-distribution", 200, None, DISTRIBUTION, []),
    ("post", f"{S}/test-email", 200, None, TRIAL, []),
    ("get", f"{S}/steps", 200, _list(STEP_ROW), None, []),
    ("post", f"{S}/steps", 201, MADE_STEP, _new_step(), []),
    ("get", ST, 200, _list(VARIANT_ROW), None, []),
    ("post", f"{ST}/variants", 201, VARIANT_ID, _new_variant(), []),
    ("patch", f"{ST}/variants/{{variant}}", 200, VARIANT_ID, _variant_change(), []),
    ("get", f"{S}/email-accounts", 200, SENDERS, None, []),
    ("post", f"{S}/email-accounts/add", 200, SENDERS, SOME_IDS, []),
    ("post", f"{S}/email-accounts/remove", 200, SENDERS, SOME_IDS, []),
    ("post", "/email-accounts", 200, _shown(emails=_list(_shown(id=ID, fromEmail=TEXT))), SEARCH, []),
    (
        "get",
        "/fields",
        200,
        _list(FIELD),
        None,
        [_query("systemFields", {"type": "string", "enum": ["true", "false"]})],
    ),
    ("post", "/fields", 201, FIELD, _object(LABEL, FIELD_BODY), []),
    ("patch", "/fields/{field}", 200, FIELD, _object({}, {**LABEL, **FIELD_BODY}), []),
    ("get", "/user/team-member-list", 200, _list(MEMBER), None, []),
    ("get", "/tasks/assignee/list", 200, _list(MEMBER), None, []),
    ("post", "/attachments", 201, _shown(id=ID), None, []),
    ("get", "/schedules", 200, _list(SCHEDULE), None, []),
    ("post", "/schedules", 201, SCHEDULE, SCHEDULE_BODY, []),
    (
        "get",
        "/clients",
        200,
        _list(_shown(id=ID, companyName=TEXT)),
        None,
        [_query("search", TEXT), *_paging(needed=True)],
    ),
)


def document() -> JSON:
    """Return the document as JSON values."""
    paths: dict[str, JSON] = {}
    for method, path, status, payload, body, query in OPERATIONS:
        paths.setdefault(path, {})[method] = _operation(path, status, payload, body, query)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "seqsync sandbox",
            "version": "1",
            "description": "A local stand-in for Saleshandy's API, for trying, teaching and testing. Not the vendor's.",
        },
        "servers": [{"url": "/v1"}],
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}},
        "paths": paths,
    }


def _operation(path: str, status: int, payload: JSON | None, body: JSON | None, query: list[JSON]) -> JSON:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    path_parameters = [{"name": name, "in": "path", "required": True, "schema": ID} for name in names]
    answer = _shown(message=TEXT, payload=payload or {"type": "null"})
    operation: JSON = {
        "parameters": [*path_parameters, *query],
        "responses": {str(status): _answer("Done", answer), "400": _answer("Refused", _refusal()), **_further()},
    }
    if path == "/attachments":
        form = _object({"file": {"type": "string", "format": "binary"}})
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    elif body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _answer(description: str, schema: JSON) -> JSON:
    limits = {name: {"required": True, "schema": TEXT} for name in ("x-ratelimit-limit", "x-ratelimit-reset")}
    return {"description": description, "content": {"application/json": {"schema": schema}}, "headers": limits}


def _refusal() -> JSON:
    """Return the two shapes of an endpoint's refusals."""
    return {"anyOf": [_shown(code=NUMBER, type=TEXT, message=TEXT), _shown(statusCode=NUMBER, error=TEXT)]}


def _further() -> JSON:
    return {
        "404": _answer("No such route", _shown(statusCode=NUMBER, message=TEXT, error=TEXT)),
        "406": _answer("A GET with a Content-Type", _shown(error=TEXT, error_code=NUMBER, error_message=TEXT)),
        "413": _answer("Too large", _refusal()),
    }
