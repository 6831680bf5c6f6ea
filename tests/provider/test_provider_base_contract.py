"""What seqsync expects of every provider: each test runs on each entry of HARNESSES."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from harnesses import HARNESSES, Harness
from hypothesis import given
from hypothesis import strategies as st
from support.build import call, email, message
from toy_provider import TOY

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import EMAIL, PAYLOAD_FIELDS, STEP_TYPES
from sequence_sync.plan.compare import same_payload
from sequence_sync.provider.base import (
    CERTAINLY_NOT_MADE,
    Answer,
    AnswerKind,
    Created,
    CreateSequence,
    CreateStep,
    CreateVariant,
    Dialect,
    Operation,
    Patch,
    RemoteStep,
    UpdateVariant,
    placeholder,
)
from sequence_sync.provider.requests import SALESHANDY
from sequence_sync.registry import PROVIDERS

DIALECTS: dict[str, Dialect] = {"toy": TOY} | {name: driver().dialect for name, driver in PROVIDERS.items()}
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
WORDS = {"action": {"name": "Open", "url": "https://example.com"}}


@pytest.fixture(params=sorted(HARNESSES))
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    with HARNESSES[request.param]() as harness:
        yield harness


def send(harness: Harness, operation: Operation, before: Callable[[], None] = lambda: None) -> Answer:
    """Send an operation whose ids are all known."""
    dialect = harness.provider.dialect
    return harness.provider.write(dialect.bind(dialect.call(operation), {}), before)


def create(harness: Harness, operation: Operation) -> Created:
    """Carry out a create, and return what its answer says."""
    answer, dialect = send(harness, operation), harness.provider.dialect
    assert answer.kind is AnswerKind.OK, answer
    return dialect.created(dialect.bind(dialect.call(operation), {}), answer.payload)


def steps_of(harness: Harness, sequence: str) -> list[RemoteStep]:
    """The steps of a sequence that exists."""
    steps = harness.provider.steps(sequence)
    assert steps is not None
    return steps


def content_of(type_: str) -> Content:
    """A step of a type, with every payload field that it has."""
    payload = {name: WORDS.get(name, f"The {name}") for name in PAYLOAD_FIELDS[type_]}
    return Content(type=type_, day=3, variants={"a": Variant(payload=payload)})


def test_every_provider_of_the_registry_has_a_harness() -> None:
    assert set(PROVIDERS) <= set(HARNESSES)


def test_a_created_sequence_is_listed_by_its_title(harness: Harness) -> None:
    first, second = (create(harness, CreateSequence(title)) for title in ("One", "Two & more"))
    assert {row.id: row.title for row in harness.provider.sequences()} == {first.id: "One", second.id: "Two & more"}
    assert harness.provider.steps(first.id) == []


@pytest.mark.parametrize("type_", STEP_TYPES)
def test_a_created_step_reads_back_as_it_was_sent(harness: Harness, type_: str) -> None:
    content, sequence = content_of(type_), create(harness, CreateSequence("Trial")).id
    created = create(harness, CreateStep(sequence, content))
    (step,) = steps_of(harness, sequence)
    assert (step.id, step.type, step.day) == (created.id, type_, 3)
    (row,) = step.variants
    assert same_payload(type_, content.variants["a"].payload, row.payload, "", row.task_note)
    assert created.variant_ids in ((), (row.id,))


def test_a_created_variant_is_one_more_of_its_step(harness: Harness) -> None:
    sequence = create(harness, CreateSequence("Trial")).id
    step = create(harness, CreateStep(sequence, email(1, "First"))).id
    variant = Variant(payload={"subject": "Second", "content": "<p>Second</p>"})
    created = create(harness, CreateVariant(sequence, step, EMAIL, variant))
    rows = harness.provider.variants(sequence, step)
    assert rows is not None
    assert [(row.payload["subject"], row.id == created.id) for row in rows] == [("First", False), ("Second", True)]


@pytest.mark.parametrize(
    "patch",
    [
        Patch(payload={"message": "Other words"}),
        Patch(payload={"message": "Words"}, task_note="Look at the profile first"),
        Patch(payload={"message": "Words"}, day=7),
        Patch(payload={"message": "Words"}, priority=Priority.URGENT),
        Patch(status=0),
        Patch(payload={"message": "Words"}, status=1),
    ],
)
def test_an_update_reads_back_as_the_patch_predicts(harness: Harness, patch: Patch) -> None:
    sequence = create(harness, CreateSequence("Trial")).id
    create(harness, CreateStep(sequence, message(1, "Words")))
    (before,) = steps_of(harness, sequence)
    variant = before.variants[0].id
    assert send(harness, UpdateVariant(sequence, before.id, variant, patch)).kind is AnswerKind.OK
    (after,) = steps_of(harness, sequence)
    assert after == patch.applied_to(before, variant)
    restored = replace(patch.replaced_in(before, variant), status=before.variants[0].status)
    assert restored.applied_to(after, variant) == before


def test_what_does_not_exist_reads_as_none(harness: Harness) -> None:
    assert harness.provider.steps("nothing1") is None
    assert harness.provider.variants("nothing1", "nothing2") is None


def test_a_refused_write_has_its_kind_and_creates_nothing(harness: Harness) -> None:
    sequence = create(harness, CreateSequence("Trial")).id
    for kind in sorted(harness.kinds):
        harness.refuse(kind)
        assert send(harness, CreateStep(sequence, call(1))).kind is kind
        assert steps_of(harness, sequence) == []
    assert harness.kinds & CERTAINLY_NOT_MADE


def test_a_create_whose_answer_is_lost_is_found_by_reading(harness: Harness) -> None:
    sequence = create(harness, CreateSequence("Trial")).id
    harness.lose()
    assert send(harness, CreateStep(sequence, message(4, "Words"))).kind is AnswerKind.NO_ANSWER
    assert [(step.type, step.day) for step in steps_of(harness, sequence)] == [("linkedin_message", 4)]


def test_nothing_is_sent_where_the_intent_cannot_be_written(harness: Harness) -> None:
    def fails() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        send(harness, CreateSequence("Trial"), fails)
    assert harness.provider.sequences() == []


@pytest.mark.parametrize("name", DIALECTS)
@given(
    patch=st.builds(
        lambda names, **values: Patch(**{name: values[name] for name in names}),
        st.sets(st.sampled_from(list(Patch().__dataclass_fields__))),
        payload=st.dictionaries(st.sampled_from(sorted({f for row in PAYLOAD_FIELDS.values() for f in row})), TEXT),
        task_note=TEXT,
        attachments=st.lists(TEXT).map(tuple),
        status=st.sampled_from([0, 1]),
        day=st.integers(1, 999),
        priority=st.sampled_from([*map(str, Priority), "unknown:7"]),
        assignee=st.none() | TEXT,
    )
)
def test_a_patch_survives_its_body_as_json(name: str, patch: Patch) -> None:
    dialect = DIALECTS[name]
    body = dialect.call(UpdateVariant("s1", "s2", "v1", patch)).body
    assert body == dialect.body(patch)
    assert dialect.patch(json.loads(json.dumps(body))) == patch


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_a_patch_refuses_a_body_that_no_update_has(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="update"):
        dialect.patch({"colour": "red"})


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_a_call_is_bound_to_the_ids_of_its_addresses(dialect: Dialect) -> None:
    call_ = dialect.call(UpdateVariant(placeholder("trial"), "s2", placeholder("trial.intro.a"), Patch(status=0)))
    request = dialect.bind(call_, {"trial": "s1", "trial.intro.a": "v1"})
    assert (request.method, request.body) == (call_.method, call_.body)
    assert request.path == dialect.bind(dialect.call(UpdateVariant("s1", "s2", "v1", Patch(status=0))), {}).path
    with pytest.raises(ValueError, match="not known"):
        dialect.bind(call_, {"trial": "s1"})
    for bad in ("", ".."):
        with pytest.raises(ValueError, match="id"):
            dialect.bind(call_, {"trial": bad, "trial.intro.a": "v1"})


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
@pytest.mark.parametrize("payload", [None, {}, [], "x", {"id": None}])
def test_an_answer_without_an_id_is_no_answer_to_a_create(dialect: Dialect, payload: object) -> None:
    for operation in (CreateSequence("Trial"), CreateStep("s1", call(1)), CreateVariant("s1", "s2", EMAIL, Variant())):
        with pytest.raises(ValueError, match=r"id|ref|object"):
            dialect.created(dialect.bind(dialect.call(operation), {}), payload)


def test_the_provider_of_every_project_is_saleshandy() -> None:
    assert DIALECTS["saleshandy"] is SALESHANDY
