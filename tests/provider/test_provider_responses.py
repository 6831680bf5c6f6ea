"""Payloads in the live and the documented shapes as remote objects, and the requests that read them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.provider import requests
from sequence_sync.provider import responses as read
from sequence_sync.provider.base import Created, RemoteSequence, RemoteStep, RemoteVariant, Request


@pytest.mark.parametrize(
    ("payload", "made"),
    [
        ({"sequenceId": "LGz3m8KNPr", "title": "T"}, Created("LGz3m8KNPr")),
        ({"id": "x", "sequenceId": "y"}, Created("y")),
        ({"id": 17, "title": "T", "active": True}, Created("17")),
    ],
)
def test_the_id_of_a_new_sequence_is_read_from_both_shapes(payload: Any, made: Created) -> None:
    assert read.parse_created_sequence(payload) == made


@pytest.mark.parametrize(
    ("payload", "made"),
    [
        ({"id": "bwOLEx4l8G", "name": "Step 1", "number": 1, "type": 1, "absoluteDays": 3}, Created("bwOLEx4l8G")),
        ({"id": "s", "sequenceId": "q", "variants": [{"id": "a", "stepId": "s"}, {"id": 2}]}, Created("s", ("a", "2"))),
        ({"id": "s", "variants": [{"id": "a"}, {}]}, Created("s")),
        ({"id": "s", "variants": None}, Created("s")),
    ],
)
def test_the_ids_of_a_new_step_are_read(payload: Any, made: Created) -> None:
    assert read.parse_created_step(payload) == made


@pytest.mark.parametrize("payload", [None, [], "s", 3, {}, {"id": ""}, {"id": None}, {"id": True}, {"id": ["s"]}])
@pytest.mark.parametrize("made", [read.parse_created_step, read.parse_created_sequence, read.parse_created_variant])
def test_an_answer_without_an_id_creates_nothing(payload: Any, made: Callable[[Any], Created]) -> None:
    with pytest.raises(ValueError, match=r"no id|as an object"):
        made(payload)


def test_the_sequence_id_in_a_steps_answer_is_not_the_steps_id() -> None:
    with pytest.raises(ValueError, match="a new step has no id"):
        read.parse_created_step({"sequenceId": "q", "number": 1})


def test_rows_of_the_list_of_sequences_are_read() -> None:
    rows = [
        {"id": "a", "title": "Trial", "active": True, "steps": [{"id": 1, "name": "Step 1"}], "client": None},
        {"id": 2, "active": 0},
    ]
    assert read.parse_sequences(rows) == [RemoteSequence("a", "Trial", True, ("1",)), RemoteSequence("2", "", False)]
    assert read.parse_sequences({"sequences": [{"id": "a"}]}) == [RemoteSequence("a", "", None)]


STEP = {"id": "s", "type": 1, "number": 1}


@pytest.mark.parametrize(
    ("row", "step"),
    [
        (STEP, RemoteStep("s", "email", 1)),
        (STEP | {"absoluteDays": 3}, RemoteStep("s", "email", 1, 3)),
        (STEP | {"relativeDays": 3}, RemoteStep("s", "email", 1, None)),
        (STEP | {"absoluteDays": 0}, RemoteStep("s", "email", 1, None)),
        (STEP | {"absoluteDays": 1000}, RemoteStep("s", "email", 1, None)),
        (STEP | {"absoluteDays": True}, RemoteStep("s", "email", 1, None)),
        (STEP | {"absoluteDays": "3"}, RemoteStep("s", "email", 1, None)),
        (STEP | {"priority": 2, "assigneeId": 9}, RemoteStep("s", "email", 1, None, "high", "9")),
        (STEP | {"priority": None, "assigneeId": None}, RemoteStep("s", "email", 1)),
        ({"id": "s", "type": "11"}, RemoteStep("s", "call_introduction")),
        ({"id": "s", "type": "LinkedInPostInteration"}, RemoteStep("s", "linkedin_post_interaction")),
        (
            {"id": "s", "variants": [{"id": "v", "type": 9}]},
            RemoteStep("s", "custom", variants=(RemoteVariant("v", {}),)),
        ),
        (STEP | {"priority": 7}, RemoteStep("s", "email", 1, None, "unknown:7")),
        ({"id": "s", "type": 7}, RemoteStep("s", "unknown:7")),
    ],
)
def test_a_step_is_read_and_missing_or_invalid_fields_are_none(row: Any, step: RemoteStep) -> None:
    assert read.parse_steps([row]) == read.parse_steps({"steps": [row]}) == [step]


VARIANT = {"id": "v", "payload": {"subject": "Hi"}}


@pytest.mark.parametrize(
    ("row", "variant"),
    [
        (VARIANT, RemoteVariant("v", {"subject": "Hi"})),
        ({"id": 5, "payload": None}, RemoteVariant("5", {})),
        (VARIANT | {"taskNote": "Call", "status": 0}, RemoteVariant("v", {"subject": "Hi"}, "Call", None, 0)),
        (VARIANT | {"taskNote": None}, RemoteVariant("v", {"subject": "Hi"}, "")),
        (VARIANT | {"attachmentIds": ["a", 2]}, RemoteVariant("v", {"subject": "Hi"}, None, ("a", "2"))),
        (VARIANT | {"attachmentIds": None}, RemoteVariant("v", {"subject": "Hi"}, None, ())),
        (
            VARIANT | {"attachments": [{"id": "a", "name": "x.pdf"}]},
            RemoteVariant("v", {"subject": "Hi"}, None, ("a",)),
        ),
    ],
)
def test_a_variant_is_read_with_missing_fields_none_and_null_fields_empty(row: Any, variant: RemoteVariant) -> None:
    assert read.parse_variants([row]) == [variant]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        "x",
        [3],
        [{}],
        [{"type": 1}],
        [{"id": "s"}],
        [{"id": "s", "type": "Fax"}],
        [STEP | {"variants": "x"}],
        [STEP | {"variants": [3]}],
        [STEP | {"variants": [{}]}],
        [STEP | {"variants": [{"id": "v", "payload": "x"}]}],
        [STEP | {"variants": [{"id": "v", "attachmentIds": "x"}]}],
        [STEP | {"variants": [{"id": "v", "attachments": [{}]}]}],
    ],
)
def test_refuses_steps_that_cannot_be_read(payload: Any) -> None:
    """A list that is not wholly understood is not read at all, since what is missing would be made again."""
    with pytest.raises(ValueError):
        read.parse_steps(payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda x: (
        st.lists(x, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "variants", "payload", "attachments", "taskNote", "steps", "title"]), x
        )
    ),
)


@given(JSON)
def test_any_json_is_parsed_or_raises_value_error(payload: Any) -> None:
    for reading in (
        read.parse_steps,
        read.parse_sequences,
        read.parse_variants,
        read.parse_created_step,
        read.parse_created_sequence,
    ):
        with contextlib.suppress(ValueError):
            reading(payload)


def test_every_type_is_read_from_its_code() -> None:
    rows = [{"id": row.name, "type": row.code} for row in STEP_TYPES.values()]
    assert [step.type for step in read.parse_steps(rows)] == list(STEP_TYPES)


def test_lists_are_read_without_a_body_and_with_the_largest_page() -> None:
    assert requests.list_sequences(2) == Request("GET", "/sequences", "/sequences", {"pageSize": "1000", "page": "2"})
    assert requests.list_steps("a b").path == "/sequences/a%20b/steps"
    assert requests.step_variants("q", "é").path == "/sequences/q/steps/%C3%A9"


@pytest.mark.parametrize(
    ("path", "endpoint", "quoted"),
    [
        ("/sequences", "/sequences", "/sequences"),
        ("/sequences/abc/steps", "/sequences/{id}/steps", "/sequences/abc/steps"),
        ("/sequences/a?b/steps", "/sequences/{id}/steps", "/sequences/a%3Fb/steps"),
        ("/sequences/a/steps/b/variants", "/sequences/{id}/steps/{id}/variants", "/sequences/a/steps/b/variants"),
        (
            "/sequences/steps/steps/b/variants/%2e",
            "/sequences/{id}/steps/{id}/variants/{id}",
            "/sequences/steps/steps/b/variants/%252e",
        ),
    ],
)
def test_a_path_has_its_endpoint_and_quoted_ids(path: str, endpoint: str, quoted: str) -> None:
    assert requests.request_of("PATCH", path, {"a": 1}) == Request("PATCH", endpoint, quoted, body={"a": 1})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "sequences",
        "/sequence",
        "/sequences/",
        "/sequences//steps",
        "/sequences/../steps",
        "/sequences/{trial}/steps",
        "/sequences/a/step",
        "/sequences/a/steps/b/variants/c/d",
    ],
)
def test_a_path_that_is_not_of_the_api_or_has_placeholders_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        requests.request_of("POST", path, {})


def test_only_the_name_of_the_api_is_read_as_a_payload_field() -> None:
    """A field that happens to have the name of our own is something else."""
    assert read.payload_from_body({"connectionNote": "Hi", "connection_note": "other", "new": 1}) == {
        "connection_note": "Hi",
        "new": 1,
    }
