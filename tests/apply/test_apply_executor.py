"""The executor with small fakes: what is sent, what is recorded, and with which exit code it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.build import call, desired, email, message
from support.engine import Bench, Reaction, lost, made, remote, says

from sequence_sync.errors import AccountError
from sequence_sync.model.report import Status
from sequence_sync.model.sequence import Content
from sequence_sync.provider.base import Answer, AnswerKind, RemoteSequence
from sequence_sync.state.journal import DamagedRecord, IntentRecord

STEPS = {"intro": email(1, "Quick question"), "connect": message(2, "shall we connect some day")}
FILE = desired("trial", steps=STEPS)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty account and an empty state."""
    return Bench(tmp_path)


def test_everything_is_created_once_and_in_the_order_of_the_plan(bench: Bench) -> None:
    assert bench.apply(FILE).exit_code == 0
    assert [request.path for request in bench.api.sent] == ["/sequences", *["/sequences/new1/steps"] * 2]
    assert [(request.body or {}).get("absoluteDays") for request in bench.api.sent] == [None, 1, 2]
    assert not bench.plan(FILE).changes


@pytest.mark.parametrize(
    ("reaction", "code", "status"),
    [
        (says(AnswerKind.INVALID), 10, Status.FAILED),
        (says(AnswerKind.BAD_KEY), 4, Status.FAILED),
        (says(AnswerKind.FORBIDDEN), 4, Status.FAILED),
        (says(AnswerKind.REFUSED), 10, Status.FAILED),
        (lost, 0, Status.DONE),
    ],
)
def test_each_class_of_answer_ends_the_run_with_its_exit_code(
    bench: Bench, reaction: Reaction, code: int, status: Status
) -> None:
    bench.api.reactions = [made, reaction]
    report = bench.apply(FILE)
    assert (report.exit_code, report.results[1].status) == (code, status)
    assert [(r.body or {}).get("absoluteDays") for r in bench.api.sent].count(1) == 1


@pytest.mark.parametrize(
    "kind", [AnswerKind.FAILED, AnswerKind.UNREADABLE, AnswerKind.NO_ANSWER, AnswerKind.RATE_LIMITED]
)
def test_a_create_is_sent_again_once_it_is_proved_absent(bench: Bench, kind: AnswerKind) -> None:
    bench.api.reactions = [made, says(kind)]
    assert bench.apply(FILE).exit_code == 0
    assert len(bench.api.sent) == 4
    assert bench.clock.now() >= 1000.0 + (120.0 if kind is not AnswerKind.RATE_LIMITED else 0.0)


def test_an_answer_with_a_known_id_leaves_the_create_in_doubt(bench: Bench) -> None:

    def stale(api: object, request: object) -> object:
        made(bench.api, bench.api.sent[-1])
        return Answer(AnswerKind.OK, 201, payload={"id": "new2"})

    bench.api.reactions = [made, made, stale]  # type: ignore[list-item]
    assert bench.apply(FILE).exit_code == 0
    assert len(bench.api.kept["new1"]) == 2


@pytest.mark.parametrize(
    ("added", "code", "sent"), [(message(2, "something of her own on this day"), 9, 2), (call(3), 0, 3)]
)
def test_a_step_added_during_the_run_stops_it_only_where_it_may_be_ours(
    bench: Bench, added: Content, code: int, sent: int
) -> None:

    def slow(api: object, request: object) -> object:
        bench.clock.time += 60
        answer = made(bench.api, bench.api.sent[-1])
        bench.api.kept["new1"].append(remote("hers", added))
        return answer

    bench.api.reactions = [made, slow]  # type: ignore[list-item]
    report = bench.apply(FILE)
    assert (report.exit_code, len(bench.api.sent)) == (code, sent)
    if code:
        assert report.results[2].status is Status.UNKNOWN
        assert "hers" in report.results[2].detail
    else:
        assert bench.manager.state.sequences["trial"].reported == {"hers": None}
        assert bench.manager.state.sequences["trial"].unmanaged == {}


def test_a_taken_title_is_neither_adopted_nor_created_again(bench: Bench) -> None:
    bench.api.listed = [RemoteSequence("hers", "TRIAL ", False)]
    report = bench.apply(FILE)
    assert (report.exit_code, bench.api.sent) == (9, [])
    assert "ids: {trial: hers}" in report.results[0].hint


def test_a_duplicate_is_reported_with_both_ids(bench: Bench) -> None:
    bench.apply(FILE)
    bench.api.kept["new1"].append(remote("copy", STEPS["connect"]))
    report = bench.apply(desired("trial", steps={**STEPS, "more": message(5, "something new entirely")}))
    assert report.exit_code == 9
    assert "Step copy is a duplicate of trial.connect (step new3)." in report.results[0].detail


def test_another_sequence_with_a_managed_title_is_noted(bench: Bench) -> None:
    bench.apply(FILE)
    bench.api.listed.append(RemoteSequence("late", "Trial", False))
    report = bench.apply(desired("trial", steps={**STEPS, "more": message(5, "something new entirely")}))
    assert report.exit_code == 0
    assert "late" in report.notes[0]
    assert "new1" in report.notes[0]


def test_a_sequence_that_became_active_is_refused(bench: Bench) -> None:
    bench.apply(FILE)
    bench.api.listed = [RemoteSequence("new1", "Trial", True)]
    report = bench.apply(desired("trial", steps={**STEPS, "more": message(5, "something new entirely")}))
    assert (report.exit_code, len(bench.api.sent)) == (6, 3)


def test_another_account_is_refused_before_anything_is_resolved(bench: Bench) -> None:
    bench.apply(FILE)
    bench.api.listed = []
    with pytest.raises(AccountError):
        bench.apply(desired("trial", steps={**STEPS, "more": message(5, "something new entirely")}))
    assert len(bench.api.sent) == 3


def test_a_damaged_record_alone_makes_the_run_wait_for_the_settle_grace(bench: Bench) -> None:
    bench.apply(FILE)
    context = bench.context()
    context.manager.append(DamagedRecord())
    context.lock.release()
    began = bench.clock.now()
    assert bench.apply(desired("other", steps={"a": message(1, "words that nobody else says")})).exit_code == 0
    assert bench.clock.now() - began >= 120.0
    assert bench.manager.damaged == ()


def test_a_create_in_a_deleted_sequence_is_resolved_as_not_created(bench: Bench) -> None:
    bench.api.listed = [RemoteSequence("other", "Other", False)]
    bench.api.kept = {"other": []}
    assert bench.apply(desired("other", remote_id="other")).exit_code == 0

    def gone(api: object, request: object) -> object:
        del bench.api.kept["new1"]
        bench.api.listed.pop()
        return says(AnswerKind.NO_ANSWER)(bench.api, bench.api.sent[-1])

    bench.api.reactions = [made, gone]  # type: ignore[list-item]
    both = (FILE, desired("other", remote_id="other"))
    assert bench.apply(*both).exit_code in (1, 10)
    assert bench.manager.open_intents == ()


def test_a_managed_step_that_is_missing_is_not_created_again(bench: Bench) -> None:
    bench.apply(FILE)
    bench.api.kept["new1"].pop()
    assert bench.apply(desired("trial", steps={**STEPS, "more": message(5, "something new entirely")})).exit_code == 0
    assert len(bench.api.sent) == 4


def test_state_only_changes_need_no_call(bench: Bench) -> None:
    bench.apply(FILE)
    moved = desired("trial", steps={"hello": STEPS["intro"]}, moved={"intro": "hello"}, removed=("connect",))
    report = bench.apply(moved)
    assert [row.status for row in report.results] == [Status.RECORDED] * 2
    assert (len(bench.api.sent), sorted(bench.manager.state.sequences["trial"].steps)) == (3, ["hello"])
    trial = bench.manager.state.sequences["trial"]
    assert (trial.unmanaged, trial.forgotten["new3"].key) == ({}, "connect")
    assert trial.forgotten["new3"].content == STEPS["connect"]


def test_an_open_create_in_a_sequence_that_the_state_lost_blocks_nothing(bench: Bench) -> None:
    bench.apply(desired("trial", steps={"intro": STEPS["intro"]}))
    context = bench.context()
    content = STEPS["connect"]
    intent = IntentRecord(address="lost.connect", action="create-step", remote_id="new1", content=content)
    context.manager.append(intent)
    context.lock.release()
    bench.api.kept["new1"] = [remote("s9", message(2, "shall we connect some other day")), *bench.api.kept["new1"]]
    report = bench.apply(desired("trial", steps={"intro": STEPS["intro"]}))
    assert (report.exit_code, bench.manager.open_intents) == (0, ())
