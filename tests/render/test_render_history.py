"""The history as text and JSON: one block for each run, newest last, and no terminal codes of users."""

from __future__ import annotations

import json
from collections.abc import Callable

from sequence_sync.render.history import history_json, history_runs, history_text
from sequence_sync.state.history import AnyLine, CallLine, EndLine, NoteLine, RunLine, SerialLine
from sequence_sync.state.journal import Author, CallResult

HOSTILE = "Old \x1b[2J\u202e text, {{firstName}}\nand more"


def lines() -> list[AnyLine]:
    """Return four runs: a successful one, one with every problem, a push, and an interrupted one."""
    one = Author(
        who="anna@her-laptop",
        at="2026-11-24T10:00:00+00:00",
        operation="apply",
        commit="c0ffee" * 6 + "beef",
        dirty=False,
    )
    two = Author(who="Jörg\x1b[0m@ci", at="2026-11-24T11:00:00+00:00", operation="apply", commit="f" * 40, dirty=True)
    push = Author(who="anna@her-laptop", at="2026-11-24T12:00:00+00:00", operation="state push")
    replaced = {"payload": {"subject": HOSTILE, "content": "<p>" + "word " * 60 + "</p>"}, "absoluteDays": 3}
    step = {"lineage": "one", "run": "r2", "address": "trial.intro.a", "action": "update-variant"}
    return [
        RunLine(n=1, lineage="one", run="r1", by=one, plan="0123456789abcdef" * 4),
        CallLine(
            n=3, lineage="one", run="r1", address="trial", action="create-sequence", result=CallResult.MADE, ids=("L1",)
        ),
        CallLine(
            n=5,
            lineage="one",
            run="r1",
            address="trial.nudge",
            action="create-step",
            result=CallResult.MADE,
            ids=("S1", "S1a", "S1b"),
        ),
        EndLine(n=6, lineage="one", run="r1"),
        SerialLine(n=6, lineage="one", run="r1", before=0, serial=1, digest="d"),
        NoteLine(n=7, lineage="one", run="r2", by=two, text="trial.call is no longer managed \x07"),
        RunLine(n=8, lineage="one", run="r2", plan="fedcba9876543210" * 4),
        CallLine(n=9, result=CallResult.UPDATED, replaced=replaced, ids=("S1a",), **step),
        CallLine(n=10, result=CallResult.REFUSED, detail="The API said\nno \x1b", **step),
        CallLine(n=11, result=CallResult.NOT_MADE, **step),
        CallLine(
            n=12,
            lineage="one",
            run="r2",
            address="trial.more",
            action="create-step",
            result=CallResult.ADOPTED,
            ids=("S9",),
        ),
        CallLine(
            n=13,
            lineage="one",
            run="r2",
            address="trial.nudge.b",
            action="deactivate-variant",
            result=CallResult.UPDATED,
            ids=("S1b",),
            replaced={"status": 1},
        ),
        SerialLine(n=13, lineage="one", run="r2", before=1, serial=2, digest="e"),
        EndLine(n=14, lineage="one", run="r2", exit_code=10),
        SerialLine(n=14, lineage="one", run="r2", before=2, serial=3, digest="f"),
        NoteLine(n=14, lineage="one", run="r3", by=push, text="another state was put in its place"),
        SerialLine(n=14, lineage="one", run="r3", before=3, serial=4, digest="g"),
        NoteLine(n=15, lineage="one", run="r4", text="a record of the journal was damaged"),
    ]


def test_text_matches_the_golden_file_and_has_no_codes(golden: Callable[[str, str], None]) -> None:
    text = history_text(history_runs(lines()), ("trial.most",), lambda at: f"<{at}>")
    golden("history/all.txt", text)
    assert not set(text) & set("\x1b\x07\u202e")


def test_json_matches_the_golden_file_and_has_complete_texts(golden: Callable[[str, str], None]) -> None:
    text = history_json(history_runs(lines()), ("trial.most",))
    golden("history/all.json", text)
    assert json.loads(text)["runs"][1]["lines"][1]["replaced"]["payload"]["subject"] == HOSTILE


def test_color_adds_only_color_codes() -> None:
    plain = history_text(history_runs(lines()), (), str)
    painted = history_text(history_runs(lines()), (), str, color=True)
    assert "\x1b[32m+\x1b[0m created" in painted
    for code in ("\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[36m", "\x1b[1m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == plain


def test_an_empty_history_has_its_own_sentence() -> None:
    assert history_text([], (), str) == "The history is empty: no run has changed this state yet.\n"
    assert json.loads(history_json([], ())) == {"format_version": 1, "runs": [], "unknown": []}
