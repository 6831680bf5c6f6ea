"""The OpenAPI document: it tells what is served, and made-up requests meet what it says.

Checks left out, because the API that is stood in for differs from what they want: `positive_data_acceptance` (an id
in a body has to exist, a day has to be free), `unsupported_method` and `allow_header_conformance` (404, not 405),
`ignored_auth` (400, not 401); the rest is for deletes and accounts, which there are none of. Spoilt queries are left
out too: the API is known to refuse unknown properties of bodies, so unknown parameters of a query are ignored here.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from sequence_sync.sandbox.openapi import OPERATIONS, document
from sequence_sync.sandbox.routes import ROUTES

load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)
FIXED = settings(
    max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(document())))
NAMES = [f"{method.upper()} {path}" for method, path, *_ in OPERATIONS]
WITH_BODY = [f"{row[0].upper()} {row[1]}" for row in OPERATIONS if row[4] is not None]
NEED_KNOWN_IDS = ("/status", "/schedule", "/test-email", "/add", "/remove")  # in their bodies: made-up ones are refused


def operation(name: str) -> Any:
    """The operation of that name, as the tester sees it."""
    method, path = name.split(" ")
    return SCHEMA[path][method]


def meets_the_document(api, name: str, mode: GenerationMode, ids: dict[str, str] | None) -> None:
    """Send what is made up for an operation and compare the answers with the document."""
    wanted = {key: value for key, value in (ids or {}).items() if f"{{{key}}}" in name}
    codes = set()

    @FIXED
    @given(case=operation(name).as_strategy(mode, path_parameters=wanted or None))
    def run(case: schemathesis.Case) -> None:
        headers = {"x-api-key": "a-key"}
        answer = case.call(base_url=api.box.url, headers=headers)
        codes.add(answer.status_code)
        case.validate_response(answer, checks=CHECKED, headers=headers)

    run()
    assert codes
    if mode is GenerationMode.POSITIVE and ids and not name.endswith(NEED_KNOWN_IDS):
        assert codes & {200, 201}, "no made-up request came through"


def existing(api) -> dict[str, str]:
    """A sequence, a step, a variant and a field that are there."""
    sequence = api.sequence("A fine one")
    step = api.step(sequence, 500)
    field = api.post("/fields", {"label": sequence}).json()["payload"]["id"]
    return {"sequence": sequence, "step": step["id"], "variant": step["variants"][0]["id"], "field": field}


def test_document_is_served_and_names_every_endpoint(api):
    """`/openapi.json` is the document, and its operations are exactly those that are routed."""
    assert httpx.get(f"{api.box.root}/openapi.json").json() == json.loads(json.dumps(document()))
    assert document()["openapi"].startswith("3.1")
    assert set(NAMES) == {f"{method} {path}" for method, path, _ in ROUTES}
    assert len(NAMES) == len(ROUTES)


@pytest.mark.parametrize("name", NAMES)
def test_good_requests_on_what_exists(api, name):
    """Requests that fit the document are answered as it says, and at least one is carried out."""
    meets_the_document(api, name, GenerationMode.POSITIVE, existing(api))


@pytest.mark.parametrize("name", [one for one in NAMES if "{" in one])
def test_good_requests_on_what_does_not_exist(api, name):
    """Requests for made-up ids are refused in a documented shape."""
    meets_the_document(api, name, GenerationMode.POSITIVE, None)


@pytest.mark.parametrize("name", WITH_BODY)
def test_bad_requests_are_refused(api, name):
    """Requests that do not fit the document are refused, also on what exists."""
    meets_the_document(api, name, GenerationMode.NEGATIVE, existing(api))
