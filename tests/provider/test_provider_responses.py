"""Payloads into values, in the live shapes and the documented ones; and the requests that ask for them."""

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
def test_reads_a_made_sequence(payload: Any, made: Created) -> None:
    """The id stands in `sequenceId` live and in `id` by the documentation."""
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
def test_reads_a_made_step(payload: Any, made: Created) -> None:
    """The step's id, and its variants' where every one is told."""
    assert read.parse_created_step(payload) == made


@pytest.mark.parametrize("payload", [None, [], "s", 3, {}, {"id": ""}, {"id": None}, {"id": True}, {"id": ["s"]}])
@pytest.mark.parametrize("made", [read.parse_created_step, read.parse_created_sequence, read.parse_created_variant])
def test_takes_nothing_else_for_an_id(payload: Any, made: Callable[[Any], Created]) -> None:
    """An answer without an id tells of nothing made."""
    with pytest.raises(ValueError, match=r"no id|as an object"):
        made(payload)


def test_a_sequence_is_not_its_step() -> None:
    """The sequence's id in a step's answer is not taken for the step's own."""
    with pytest.raises(ValueError, match="a new step has no id"):
        read.parse_created_step({"sequenceId": "q", "number": 1})


def test_reads_sequences() -> None:
    """A row of the list, with all and with next to nothing."""
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
def test_reads_a_step(row: Any, step: RemoteStep) -> None:
    """The day is `absoluteDays` alone; what is not told, or makes no sense, is None."""
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
def test_reads_a_variant(row: Any, variant: RemoteVariant) -> None:
    """What a variant does not tell is None, and what it tells as null is empty."""
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
def test_reading_ends_in_a_value_or_a_reason(payload: Any) -> None:
    """No JSON breaks the reading in any other way."""
    for reading in (
        read.parse_steps,
        read.parse_sequences,
        read.parse_variants,
        read.parse_created_step,
        read.parse_created_sequence,
    ):
        with contextlib.suppress(ValueError):
            reading(payload)


def test_every_type_is_read_by_its_number() -> None:
    """All fifteen codes come through."""
    rows = [{"id": row.name, "type": row.code} for row in STEP_TYPES.values()]
    assert [step.type for step in read.parse_steps(rows)] == list(STEP_TYPES)


def test_asks_for_lists() -> None:
    """Reads carry no body, and the list of sequences asks for the largest page."""
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
def test_finds_the_endpoint_of_a_call(path: str, endpoint: str, quoted: str) -> None:
    """A concrete path gives the template that the limit counts by, its ids quoted."""
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
def test_refuses_other_paths(path: str) -> None:
    """A path that is not the API's, or still waits for an id, is never sent."""
    with pytest.raises(ValueError):
        requests.request_of("POST", path, {})
