"""Addresses, field paths and patterns."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from sequence_sync.model.address import Address, FieldPath, check_pattern, matches, parse_address


@pytest.mark.parametrize(
    ("address", "sequence", "step", "variant", "parent", "step_address"),
    [
        (Address("trial"), "trial", None, None, "trial", "trial"),
        (Address("trial", "intro"), "trial", "intro", None, "trial", "trial.intro"),
        (Address("trial", "intro", "b"), "trial", "intro", "b", "trial.intro", "trial.intro"),
        (Address("trial.intro.b"), "trial", "intro", "b", "trial.intro", "trial.intro"),
    ],
)
def test_address_has_parts_and_a_parent(
    address: Address, sequence: str, step: str | None, variant: str | None, parent: str, step_address: str
) -> None:
    assert (address.sequence, address.step, address.variant) == (sequence, step, variant)
    assert (address.parent, address.step_address) == (parent, step_address)


def test_address_without_a_step_or_a_variant_raises_where_one_is_needed() -> None:
    assert (Address("trial.intro.b").step_key, Address("trial.intro.b").letter) == ("intro", "b")
    with pytest.raises(ValueError, match="not the address of a step"):
        _ = Address("trial").step_key
    with pytest.raises(ValueError, match="not the address of a variant"):
        _ = Address("trial.intro").letter


@pytest.mark.parametrize("kind", [Address, FieldPath])
def test_json_keeps_the_type(kind: type) -> None:
    adapter = TypeAdapter(kind)
    value = adapter.validate_json('"day"')
    assert type(value) is kind
    assert adapter.dump_json(value) == b'"day"'


@pytest.mark.parametrize(
    ("path", "letter", "of_variant"),
    [
        ("day", None, None),
        ("variants.b", "b", None),
        ("variants.a.task_note", "a", "task_note"),
        ("variants.a.payload.subject", "a", "payload"),
    ],
)
def test_field_path_names_its_variant_and_the_field_in_it(
    path: str, letter: str | None, of_variant: str | None
) -> None:
    assert (FieldPath(path).letter, FieldPath(path).of_variant) == (letter, of_variant)


@pytest.mark.parametrize("text", ["trial", "trial.intro-2", "trial.intro.z", "a" * 63])
def test_valid_address_is_parsed(text: str) -> None:
    assert parse_address(text) == text


@pytest.mark.parametrize("text", ["", "Trial", "1a", "trial.", "trial..a", "trial.a.ab", "trial.a.b.c", "a" * 64])
def test_invalid_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=f'"{text}"'):
        parse_address(text)


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ("trial", "trial", True),
        ("trial", "trial.intro.b", True),
        ("trial.intro", "trial", False),
        ("trial.*", "trial.intro", True),
        ("*.intro", "other.intro.a", True),
        ("tr*", "trial", True),
        ("tr", "trial", False),
        ("trial.in*.b", "trial.intro.a", False),
    ],
)
def test_pattern_matches_an_address_and_everything_below_it(pattern: str, address: str, expected: bool) -> None:
    assert matches(check_pattern(pattern), Address(address)) is expected


@pytest.mark.parametrize("text", ["", "a.b.c.d", "Trial", "trial.?"])
def test_invalid_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"parts|pattern"):
        check_pattern(text)


def test_address_contains_what_is_below_it_and_not_what_begins_alike() -> None:
    step = Address("trial", "intro")
    assert step.child("b") == "trial.intro.b"
    assert step.contains(step.child("b"))
    assert not step.contains(step)
    assert not step.contains(Address("trial", "intro-2", "b"))


def test_field_path_of_a_variant_says_whether_it_is_the_status() -> None:
    status, subject = FieldPath.in_variant("a", "status"), FieldPath.in_variant("a", "payload", "status")
    assert (status, subject.name) == ("variants.a.status", "status")
    assert (status.is_status, subject.is_status) == (True, False)
