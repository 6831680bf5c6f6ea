"""Random stories of edits: the plan shows just the fewest calls, apply makes just these, and then there is quiet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.story import is_rough, play
from support.story_edits import EditStory

from sequence_sync.plan import differ, schedule

CHUNK, CHUNKS = 25, 6  # 150 stories in the ordinary run
LONG_CHUNK, LONG_CHUNKS = 125, 40  # 5,000 more
FIRST_LONG = CHUNK * CHUNKS
REPLAY = Path(__file__).with_name("replay_story.py")


def wrong(seeds: range) -> list[str]:
    """The stories in which something was wrong, each with what it was and the command that replays it."""
    found = ((seed, play(seed)[0]) for seed in seeds)
    return [f"{wrong[0]}: .venv/bin/python tests/simulation/replay_story.py {seed}" for seed, wrong in found if wrong]


def app_story(seed: int) -> str:
    """What was wrong in a story with changes by hand, with its seed; empty where all was right."""
    wrong = EditStory(seed).play()
    return f"seed {seed}: {wrong[0]}" if wrong else ""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_stories_take_the_fewest_calls(chunk: int) -> None:
    """After each edit the plan is the oracle's, apply makes its calls, and the second plan has none."""
    assert wrong(range(chunk * CHUNK, (chunk + 1) * CHUNK)) == []


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(LONG_CHUNKS))
def test_many_stories_take_the_fewest_calls(chunk: int) -> None:
    """The same for 5,000 further stories, a fifth of them with faults and kills."""
    first = FIRST_LONG + chunk * LONG_CHUNK
    assert wrong(range(first, first + LONG_CHUNK)) == []


def _days_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    real = schedule.plan_moves

    def route(*given: object, **more: object) -> object:
        way = real(*given, **more)  # type: ignore[arg-type]
        return replace(way, moves=way.moves[::-1])

    monkeypatch.setattr(schedule, "plan_moves", route)


def _one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    real = differ._variant_changes

    def changes(*given: object) -> object:
        rows = list(real(*given))  # type: ignore[arg-type]
        return iter(rows + rows[:1])

    monkeypatch.setattr(differ, "_variant_changes", changes)


def _one_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    real = differ._variant_changes
    monkeypatch.setattr(differ, "_variant_changes", lambda *given: list(real(*given))[1:])


@pytest.mark.parametrize("spoil", [_days_backwards, _one_too_many, _one_too_few])
def test_stories_can_see(spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A planner that orders days wrongly, or makes a call too many or too few, is caught."""
    spoil(monkeypatch)
    assert any(play(seed)[0] for seed in range(60) if not is_rough(seed))


def test_a_story_is_one_history() -> None:
    """The same seed gives the same story, also in another process."""
    replayed = subprocess.run([sys.executable, REPLAY, "3"], capture_output=True, text=True, check=False)
    assert "\n".join(play(3, tracing=True)[1]) in replayed.stdout
    assert "all rules hold" in replayed.stdout


@pytest.mark.parametrize("first", [0, 20])
def test_stories_with_edits_in_saleshandy(first: int) -> None:
    """What is changed or deleted by hand is reported, imported, blocked, overwritten or forgotten."""
    assert [wrong for seed in range(first, first + 20) if (wrong := app_story(seed))] == []


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(8))
def test_many_stories_with_edits_in_saleshandy(chunk: int) -> None:
    """The same for 1,000 further stories."""
    seeds = range(100 + chunk * 125, 100 + (chunk + 1) * 125)
    assert [wrong for seed in seeds if (wrong := app_story(seed))] == []
