"""Plans as text: golden files, and the rules for every plan."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import CASES, LONG, create, create_whole, email, empty, hostile, long_update, plan_of, task, update

from sequence_sync.plan.model import Action, Change, FieldChange, Plan, Reason, summary_line
from sequence_sync.render.text import Level, plan_text

SGR = re.compile(r"\x1b\[[0-9;]+m")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("name", CASES)
def test_text_matches_the_golden_file(name: str, level: Level, golden: Any) -> None:
    golden(f"plan/{name}/{level}.txt", plan_text(CASES[name](), level))


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("name", CASES)
def test_the_first_line_names_the_environment_and_the_last_line_counts(name: str, level: Level) -> None:
    plan = CASES[name]()
    lines = plan_text(plan, level).splitlines()
    assert "production" in lines[0]
    assert plan.api_host in lines[0]
    assert lines[-1] == summary_line(plan)
    assert f"Plan hash: {plan.plan_hash()}" in lines


@pytest.mark.parametrize("name", CASES)
def test_color_adds_only_color_codes(name: str) -> None:
    plain, colored = plan_text(CASES[name]()), plan_text(CASES[name](), color=True)
    assert SGR.sub("", colored) == plain
    assert "\x1b" not in plain
    assert (plain == colored) is (name == "empty")


def test_no_terminal_code_of_a_user_is_printed() -> None:
    for level in Level:
        text = SGR.sub("", plan_text(hostile(), level, color=True))
        assert not CONTROL.search(text)
        assert "\\x1b[31mred" in text
        assert "\\u202e" in text


@given(st.text(alphabet=st.characters(), max_size=60), st.text(max_size=60))
def test_no_text_of_a_user_moves_the_cursor(one: str, other: str) -> None:
    before, after = email(subject=one, content=other), email(subject=other, content=one)
    fields = (FieldChange(field="variants.a.payload.content", before=other, after=one),)
    plan = plan_of(
        *create_whole("trial", one, {"call": task("call_demo", note=other, title=one)}),
        update("trial.intro.a", before, after, *fields),
        environment=one,
        notes=(other,),
    )
    for level in Level:
        lines = plan_text(plan, level)
        assert not CONTROL.search(lines)
        assert lines.splitlines()[-1] == summary_line(plan)


def test_only_full_detail_shows_a_whole_body() -> None:
    plan = plan_of(create("trial.intro", email(content=f"<p>{LONG}</p>")))
    assert f"<p>{LONG}</p>" in plan_text(plan, Level.FULL)
    folded = plan_text(plan)
    assert LONG not in folded
    assert "body: Sentence 1 tells {{firstName}} about reason 1. Sentence 2 tells {{firstName}} about …" in folded
    assert f"({len(LONG.split())} words)" in folded


def test_a_long_change_shows_only_the_words_around_it() -> None:
    text = plan_text(long_update())
    assert "[-reason 30-]{+the best reason+}" in text
    assert "reason 10" not in text
    assert "reason 10" in plan_text(long_update(), Level.FULL)


def test_a_changed_line_break_is_visible() -> None:
    before, after = "word " * 30 + "end", "word " * 29 + "word\nend"
    fields = (FieldChange(field="variants.a.payload.message", before=before, after=after),)
    text = plan_text(plan_of(update("t.s.a", task("linkedin_message", message=before), email(), *fields)))
    assert "[-word -]{+word⏎+}" in text


def test_summary_has_one_line_for_each_step() -> None:
    """Two changed variants of a step share a line, and a blocked change shows its reason."""
    content = email().model_copy(update={"variants": {"a": email().variants["a"], "b": email().variants["a"]}})
    blocked = Change(address="t.x", action=Action.BLOCKED, reason=Reason.DAY_HELD, wanted=Action.CREATE_STEP)
    plan = plan_of(update("t.s.a", content, content), update("t.s.b", content, content), blocked)
    rows = [line for line in plan_text(plan, Level.SUMMARY).splitlines() if line.startswith("  ")]
    assert len(rows) == 2
    assert "t.s (a, b)" in rows[0]
    assert "another email already has this day" in rows[1]


def test_an_update_without_fields_reactivates_the_variant() -> None:
    assert "reactivate variant t.s.a" in plan_text(plan_of(update("t.s.a", email(), email())))


def test_a_field_of_a_step_with_two_variants_names_the_variant() -> None:
    content = email().model_copy(update={"variants": {"a": email().variants["a"], "b": email().variants["a"]}})
    fields = (FieldChange(field="variants.b.payload.subject", before="x", after="y"),)
    row = Change(
        address="t.s", action=Action.BLOCKED, reason=Reason.CONFLICT, before=content, after=content, fields=fields
    )
    assert "subject of variant b: x -> y" in plan_text(plan_of(row))


def test_a_plan_without_calls_has_no_forecast() -> None:
    assert "Apply makes" not in plan_text(empty())


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 call and takes a few seconds"), (60, "60 calls and takes about 2 minutes 5 seconds")]
)
def test_the_forecast_follows_the_rate_limit(count: int, words: str) -> None:
    """Sixty calls need three times twenty, and the first twenty do not wait."""
    plan = plan_of(*(create(f"t.s{n}", task("call_demo", 1), "id") for n in range(count)))
    assert f"Apply makes {words}." in plan_text(plan)


def big() -> Plan:
    """Return 900 creates in 300 sequences."""
    return plan_of(*(row for n in range(300) for row in create_whole(f"s{n}", f"T{n}", {"a": email(), "b": email(2)})))


def test_a_plan_of_many_sequences_shows_all_of_them() -> None:
    text = plan_text(big(), Level.SUMMARY)
    assert all(f"create step s{n}.b:" in text for n in range(300))
