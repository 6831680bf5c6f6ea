"""Random edits in Saleshandy, imported again and again: nothing is ever left to do."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from import_one_sequence import applied, the_id
from support.import_account import Scenario, email, task

from sequence_sync.model.report import ImportOutcome
from sequence_sync.sandbox import bodies
from sequence_sync.sandbox.errors import RefusalError

WORDS = [
    "plain words",
    "with: colon",
    "and #hash",
    "{{firstName}}, hi",
    'it\'s "quoted"',
    "two\nlines",
    " led by a blank",
    "${product}",
    "- a list\n- of two",
    "é\u00a0\U0001f680",
    "yes",
    "tab\there",
    "trail  \nand more ",
    "[brackets]",
    "x" * 130,
]
COMMENTS = (
    "# Who comes",
    "# the key",
    "# the first one",
    "# asked for",
    "# nothing below",
    "# the second try",
    "# the end",
)


@contextmanager
def started(folder: str) -> Iterator[Scenario]:
    """The applied file."""
    yield from applied(Path(folder))


def edit(scenario: Scenario, chance: random.Random) -> None:
    """Make a random edit in Saleshandy; ignore one that it rejects."""
    sequence = scenario.box.store.sequence(the_id(scenario))
    place = chance.randrange(len(sequence.steps))
    step = sequence.steps[place]
    variant = chance.randrange(len(step.variants))
    text = chance.choice(WORDS)
    try:
        match chance.randrange(8):
            case 0 | 1 | 2:
                old = dict(step.variants[variant].payload)
                name = chance.choice([*old, *(["preheader"] if step.type == 1 else [])] or ["none"])
                if name != "none":
                    said = f"<p>{text}</p>" if name == "content" else text
                    scenario.edit(sequence.id, place, {"payload": {**old, name: said}}, variant)
            case 3:
                scenario.edit(sequence.id, place, {"absoluteDays": chance.randrange(1, 12)})
            case 4:
                if step.type != 1:
                    scenario.edit(sequence.id, place, {"taskNote": text})
            case 5:
                scenario.edit(sequence.id, place, {"status": chance.randrange(2)}, variant)
            case 6:
                made = email(chance.randrange(1, 12), text) if chance.random() < 0.5 else task(3, 3, text, message=text)
                if len(sequence.steps) < 7:
                    scenario.box.store.create_step(sequence.id, bodies.new_step(made))
            case 7:
                body = {"type": step.type, "payload": {"subject": text, "content": f"<p>{text}</p>"}}
                if step.type == 1 and len(step.variants) < 5:
                    scenario.box.store.add_variant(sequence.id, step.id, bodies.new_variant(body))
    except RefusalError:
        pass


def check_story(seed: int) -> None:
    """Ten rounds of edits, each imported."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, started(folder) as scenario:
        for _ in range(10):
            for _ in range(chance.randrange(1, 5)):
                edit(scenario, chance)
            row = scenario.row(the_id(scenario))
            assert row.outcome in (ImportOutcome.MERGED, ImportOutcome.UNCHANGED), (seed, row.problem, row.conflicts)
            scenario.check_no_changes()
            if not any("deactivated" in note for note in row.notes):
                scenario.check_no_drift()
            files = scenario.files()
            assert scenario.row(the_id(scenario)).outcome is ImportOutcome.UNCHANGED, seed
            assert scenario.files() == files
            for comment in COMMENTS:
                assert comment in scenario.text("sequences/trial.yaml"), (seed, comment)


@pytest.mark.parametrize("seed", range(2))
def test_random_remote_edits_are_followed_by_the_file(seed: int) -> None:
    check_story(seed)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_random_remote_edits_are_followed_by_the_file() -> None:
    for seed in range(100, 220):
        check_story(seed)
