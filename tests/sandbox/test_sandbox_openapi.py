"""The OpenAPI document: generated requests match it.

Some checks do not apply, because the vendor's API differs from what they expect: `positive_data_acceptance` (an id in
a body must exist, a day must be free), `unsupported_method` and `allow_header_conformance` (404, not 405),
`ignored_auth` (400, not 401). The rest is for deletes and accounts, which the API does not have. Invalid queries are
not generated: the API is known to refuse unknown properties only in bodies.
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
    """Return the operation with this name."""
    method, path = name.split(" ")
    return SCHEMA[path][method]


def meets_the_document(api, name: str, mode: GenerationMode, ids: dict[str, str] | None) -> None:
    """Send generated requests for an operation, and compare the answers with the document."""
    desired = {key: value for key, value in (ids or {}).items() if f"{{{key}}}" in name}
    codes = set()

    @FIXED
    @given(case=operation(name).as_strategy(mode, path_parameters=desired or None))
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
    """Return the ids of a sequence, a step, a variant and a field."""
    sequence = api.sequence("A fine one")
    step = api.step(sequence, 500)
    field = api.post("/fields", {"label": sequence}).json()["payload"]["id"]
    return {"sequence": sequence, "step": step["id"], "variant": step["variants"][0]["id"], "field": field}


def test_the_document_lists_every_endpoint(api):
    assert httpx.get(f"{api.box.root}/openapi.json").json() == json.loads(json.dumps(document()))
    assert document()["openapi"].startswith("3.1")
    assert set(NAMES) == {f"{method} {path}" for method, path, _ in ROUTES}
    assert len(NAMES) == len(ROUTES)


@pytest.mark.parametrize("name", NAMES)
def test_valid_requests_for_existing_ids_match_the_document(api, name):
    meets_the_document(api, name, GenerationMode.POSITIVE, existing(api))


@pytest.mark.parametrize("name", [one for one in NAMES if "{" in one])
def test_valid_requests_for_unknown_ids_are_refused_in_a_documented_shape(api, name):
    meets_the_document(api, name, GenerationMode.POSITIVE, None)


@pytest.mark.parametrize("name", WITH_BODY)
def test_invalid_requests_are_refused(api, name):
    meets_the_document(api, name, GenerationMode.NEGATIVE, existing(api))
