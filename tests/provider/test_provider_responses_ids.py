"""Ids in answers: whatever cannot be an id makes the answer unreadable, in every place, and is never quoted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sequence_sync.provider.responses import (
    parse_created_sequence,
    parse_created_step,
    parse_created_variant,
    parse_sequences,
    parse_steps,
    parse_variants,
)

NOT_IDS: list[Any] = [
    "..",
    ".",
    "a/../b?x#",
    "{trial}",
    "a b",
    " ",
    "\t",
    "a\n",
    "a\x00b",
    "a\x1b[2J",
    "\ud800x",
    "é",
    "１２３",
    "a%2Fb",
    "a:b",
    "x" * 129,
    "x" * 100_000,
    -1,
    10**200,
]
NO_IDS: list[Any] = ["", None, True, 1.5, [], {}, ["a"]]
IDS: list[Any] = ["LGz3m8KNPr", "a", "x" * 128, "0", "a_b-c", "6f1c2e0e-1111-4222-8333-444455556666", 0, 7, 10**20]


def _step(**fields: Any) -> list[dict[str, Any]]:
    return [{"id": "s1", "type": 1, "variants": [{"id": "v1", "payload": {}}], **fields}]


# Place of the id -> the parser and the payload.
PLACES: dict[str, Callable[[Any], object]] = {
    "created sequence": lambda value: parse_created_sequence({"sequenceId": value}),
    "created sequence, documented": lambda value: parse_created_sequence({"id": value}),
    "created step": lambda value: parse_created_step({"id": value}),
    "created variant": lambda value: parse_created_variant({"id": value}),
    "listed sequence": lambda value: parse_sequences([{"id": "ok"}, {"id": value}]),
    "step of a listed sequence": lambda value: parse_sequences([{"id": "ok", "steps": [{"id": value}]}]),
    "step": lambda value: parse_steps(_step(id=value)),
    "variant of a step": lambda value: parse_steps(_step(variants=[{"id": value, "payload": {}}])),
    "variant": lambda value: parse_variants([{"id": value}]),
    "attachment": lambda value: parse_variants([{"id": "v1", "attachmentIds": [value]}]),
    "attachment as an object": lambda value: parse_variants([{"id": "v1", "attachments": [{"id": value}]}]),
}
OPTIONAL: dict[str, Callable[[Any], object]] = {
    "assignee": lambda value: parse_steps(_step(assigneeId=value)),
    "variant of a created step": lambda value: parse_created_step({"id": "s1", "variants": [{"id": value}]}),
}


@pytest.mark.parametrize("place", {**PLACES, **OPTIONAL})
@pytest.mark.parametrize("value", NOT_IDS, ids=lambda value: ascii(value)[:20])
def test_a_value_that_cannot_be_an_id_makes_the_answer_unreadable(place: str, value: Any) -> None:
    with pytest.raises(ValueError, match="contains something that cannot be an id") as caught:
        {**PLACES, **OPTIONAL}[place](value)
    assert len(str(value)) < 3 or str(value) not in str(caught.value)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_an_answer_without_an_id_is_unreadable(place: str, value: Any) -> None:
    with pytest.raises(ValueError, match="has no id"):
        PLACES[place](value)


@pytest.mark.parametrize("place", OPTIONAL)
@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_an_optional_id_may_be_absent(place: str, value: Any) -> None:
    OPTIONAL[place](value)


@pytest.mark.parametrize("place", {**PLACES, **OPTIONAL})
@pytest.mark.parametrize("value", IDS, ids=lambda value: repr(value)[:20])
def test_an_id_is_a_text_or_a_number(place: str, value: Any) -> None:
    assert f"'{value}'" in repr({**PLACES, **OPTIONAL}[place](value))
