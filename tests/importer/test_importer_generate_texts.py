"""An imported text says the same in its file, and leaves nothing to plan."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.import_account import email, opened, task

from sequence_sync.model.report import ImportOutcome
from sequence_sync.plan.compare import same_payload
from sequence_sync.provider.responses import payload_from_body
from sequence_sync.sandbox.server import Sandbox

PIECES = st.sampled_from(
    [
        "\r\n",
        "\n",
        "\n\n",
        "\n \n",
        "   ",
        " ",
        "\t",
        ": ",
        " #",
        " #1",
        "#",
        '"',
        "'",
        "\\",
        "${name}",
        "${",
        "{{First Name|'there'}}",
        "{{firstName}}",
        "{spin}A|B{endspin}",
        "$${name}",
        "\U0001f680",
        "\u00a0",
        "\u2028",
        "\u0085",
        "\ufeff",
        "\u200b",
        "\x00",
        "\x07",
        "\x0b",
        "\x0c",
        "\x1f",
        "\x7f",
        "\ufffe",
        "e\u0301",
        "- ",
        "? ",
        "& ",
        "*x",
        "!tag",
        "|",
        ">",
        "%x",
        "@",
        "`",
        "---",
        "...",
        "yes",
        "null",
        "1.10",
        "2026-11-24",
        "<p>",
        "</p>",
        "<br>",
        "<br/>",
        "<b>bold</b>",
        "<!-- c -->",
        "<pre> a\n b</pre>",
        "a < b",
        "<a href='x?a=b&amp;c'>link</a>",
        "&amp;",
        "&lt;p&gt;",
        "word",
        "Two words",
        "\u65e5\u672c\u8a9e",
        "x" * 300,
        "<li>" * 30,
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(st.characters(exclude_categories=("Cs",)), max_size=6)), max_size=9).map(
    "".join
)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """An account without a limit."""
    with Sandbox(per_minute=0) as box:
        yield box


def check_survives(box: Sandbox, steps: list[dict[str, Any]]) -> None:
    """Import a sequence with these steps: each says the same, the plan is empty, and again nothing changes."""
    for old in box.store.sequences():
        box.store._sequences.pop(old.id)
    with tempfile.TemporaryDirectory() as folder:
        scenario = opened(Path(folder), box)
        sequence_id = scenario.make("Trial", *steps)
        row = scenario.row(sequence_id)
        assert row.outcome is ImportOutcome.IMPORTED, (row.problem, row.notes)
        scenario.check_no_changes()
        scenario.check_no_drift()
        entry = scenario.state("trial")
        for there in box.store.sequence(sequence_id).steps:
            step = next(step for step in entry.steps.values() if step.id == there.id)
            for remote, ours in zip(there.variants, step.variants.values(), strict=True):
                said = ours.content
                assert same_payload(
                    step.type, said.payload, payload_from_body(remote.payload), said.task_note, remote.note
                )
        before = scenario.files()
        assert scenario.row(sequence_id).outcome is ImportOutcome.UNCHANGED
        assert scenario.files() == before


@settings(max_examples=12)
@given(subject=TEXTS, bodies=st.lists(TEXTS, min_size=1, max_size=3), preheader=TEXTS)
@example(subject="", bodies=[""], preheader="\n")
@example(subject="yes", bodies=["plain\r\n\r\nwith breaks\r\n"], preheader="1.10")
@example(subject=": #", bodies=["  <p>\n   \n\t x</p>\n\n\n"], preheader="{{x}}")
def test_email_texts_survive_an_import(box: Sandbox, subject: str, bodies: list[str], preheader: str) -> None:
    check_survives(box, [email(1, subject, *bodies, preheader=preheader)])


@settings(max_examples=12)
@given(message=TEXTS, note=TEXTS, title=TEXTS)
@example(message="", note="", title="")
@example(message=" ", note="a\r\nb\n \n", title="- x")
def test_task_texts_survive_an_import(box: Sandbox, message: str, note: str, title: str) -> None:
    check_survives(
        box,
        [
            task(1, 2, note, connectionNote=message),
            task(2, 4, note, subject=title, message=message),
            task(3, 9, note, title=title, action={"name": message, "url": title}),
            task(3, 16, note, message=message),
            task(4, 11, note),
        ],
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=600)
@given(subject=TEXTS, bodies=st.lists(TEXTS, min_size=1, max_size=3), preheader=TEXTS)
def test_many_email_texts_survive_an_import(box: Sandbox, subject: str, bodies: list[str], preheader: str) -> None:
    check_survives(box, [email(1, subject, *bodies, preheader=preheader)])
