"""The saved plan: round trip, rejection, and the difference between two plans."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.plans import BASE, CASES, HI, HOST, LINEAGE, create, create_whole, email, empty, plan_of, state_only, task

from sequence_sync.errors import PlanRejectedError
from sequence_sync.plan.model import Action, Base, Call, Change, Plan, Reason
from sequence_sync.plan.planfile import Facts, Verdict, check, decode, encode, plan_difference, plan_schema
from sequence_sync.render.report import plan_json
from sequence_sync.state.model import Applying

SMALL = plan_of(create("trial.intro", email(), "LGz3m8KNPr"))
SAVED = encode(SMALL, "1.2.3")
SCHEMA = Draft202012Validator(plan_schema())


def refusal(data: bytes) -> PlanRejectedError:
    """What `decode` says to `data`."""
    with pytest.raises(PlanRejectedError) as caught:
        decode(data)
    assert caught.value.exit_code == 7
    return caught.value


def rewritten(**changed: Any) -> bytes:
    """Return `SAVED` with other values and a correct checksum, as a program would edit it."""
    document = {**json.loads(SAVED), **changed}
    names = sorted(set(document) - {"sum"}, key=lambda name: (name != "format_version", name))

    def text(extra: dict[str, str]) -> str:
        rows = []
        for name in sorted([*names, *extra], key=lambda name: (name != "format_version", name)):
            value = {**document, **extra}[name]
            if name == "changes" and value:
                inside = "[\n" + ",\n".join(json.dumps(row, sort_keys=True) for row in value) + "\n]"
            else:
                inside = json.dumps(value, sort_keys=True)
            rows.append(f'"{name}": {inside}')
        return "{\n" + ",\n".join(rows) + "\n}\n"

    return text({"sum": hashlib.sha256(text({}).encode()).hexdigest()}).encode()


@pytest.mark.parametrize("name", CASES)
def test_saved_plan_round_trips(name: str, golden: Any) -> None:
    """The bytes are those in tests/cases."""
    plan = CASES[name]()
    data = encode(plan, "1.2.3")
    assert decode(data) == plan
    golden(f"plan/{name}/saved.json", data.decode("ascii"))


@pytest.mark.parametrize("name", CASES)
def test_saved_plans_match_the_published_schema(name: str) -> None:
    SCHEMA.validate(json.loads(encode(CASES[name](), "1.2.3")))


@pytest.mark.parametrize("name", CASES)
def test_printed_plans_match_the_published_schema(name: str) -> None:
    printed = json.loads(plan_json(CASES[name]()))
    SCHEMA.validate(printed)
    assert not SCHEMA.is_valid({key: value for key, value in printed.items() if key != "summary"})
    assert not SCHEMA.is_valid({**printed, "sum": "0" * 64})


def test_schema_is_valid_and_rejects_near_misses() -> None:
    schema = plan_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"]
    document = json.loads(SAVED)
    for broken in (
        document | {"surprise": 1},
        document | {"format_version": 2},
        document | {"sum": "abc"},
        {name: value for name, value in document.items() if name != "plan_hash"},
        document | {"changes": [document["changes"][0] | {"action": "delete-step"}]},
    ):
        assert not SCHEMA.is_valid(broken)


def test_same_plan_gives_the_same_bytes() -> None:
    again = Plan.model_validate_json(SMALL.model_dump_json())
    turned = (
        email()
        .variants["a"]
        .model_copy(update={"payload": {"content": HI, "subject": email().variants["a"].payload["subject"]}})
    )
    content = email().model_copy(update={"variants": {"a": turned}})
    assert encode(SMALL, "1.2.3") == encode(again, "1.2.3") == SAVED
    assert encode(plan_of(create("trial.intro", content, "LGz3m8KNPr")), "1.2.3") == SAVED


def test_every_flipped_bit_is_rejected() -> None:
    for place in range(len(SAVED)):
        for bit in range(8):
            data = bytearray(SAVED)
            data[place] ^= 1 << bit
            refusal(bytes(data))


def test_every_truncation_and_every_added_byte_is_rejected() -> None:
    for place in range(len(SAVED)):
        assert refusal(SAVED[:place]).kind in ("damaged", "not-a-plan")
        for byte in (b" ", b"\n", b"0"):
            refusal(SAVED[:place] + byte + SAVED[place:])
    refusal(SAVED + b"\n")


def test_truncated_plan_is_reported_as_damaged() -> None:
    error = refusal(SAVED[: len(SAVED) // 2])
    assert error.kind == "damaged"
    assert "seqsync plan -out" in error.hint


@given(st.binary(max_size=200))
def test_any_other_bytes_are_rejected_without_a_traceback(data: bytes) -> None:
    refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"[]",
        b"3",
        b'{"version": 1}',
        b'{"format_version": "1.2", "changes": []}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format_version": true, "changes": []}',
        b"9" * 5000,
        b'{"format_version": 1}',
    ],
)
def test_other_files_are_reported_as_not_a_plan(data: bytes) -> None:
    assert refusal(data).kind == "not-a-plan"


def test_reformatted_plan_is_reported_as_damaged() -> None:
    assert refusal(json.dumps(json.loads(SAVED), indent=2).encode()).kind == "damaged"


def test_number_too_large_for_json_is_reported_as_damaged() -> None:
    assert refusal(SAVED.replace(b'"serial": 3', b'"serial": 1e999')).kind == "damaged"


def test_newer_format_is_rejected_by_its_number() -> None:
    error = refusal(b'{"format_version": 7, "tool_version": "9.1", "all": "different"}')
    assert error.kind == "newer-format"
    assert "7" in error.detail
    assert "9.1" in error.detail


def test_unprintable_version_is_not_repeated() -> None:
    error = refusal(b'{"format_version": 7, "tool_version": "\\u001b[2J"}')
    assert "\x1b" not in str(error)


def test_wrong_plan_hash_is_rejected_although_the_checksum_is_right() -> None:
    assert decode(rewritten()) == SMALL
    changes = json.loads(SAVED)["changes"]
    changes[0]["calls"][0]["body"]["absoluteDays"] = 5
    error = refusal(rewritten(changes=changes))
    assert error.kind == "hash"


def test_unknown_shape_with_a_right_checksum_is_rejected() -> None:
    error = refusal(rewritten(changes=[{"address": "trial"}]))
    assert error.kind == "not-a-plan"
    assert "changes.0" in error.detail


def test_no_two_rejections_share_a_summary() -> None:
    kinds = [SAVED[:50], b"hello", b'{"format_version": 7}', rewritten(plan_hash="0" * 64)]
    errors = [refusal(data) for data in kinds]
    assert len({error.summary for error in errors}) == len({error.kind for error in errors}) == len(kinds)
    assert all(error.detail and "seqsync" in error.hint for error in errors)


def with_call(**changed: Any) -> Plan:
    """`SMALL` with its call changed."""
    change = SMALL.changes[0]
    call = Call(**({"method": change.call.method, "path": change.call.path, "body": change.call.body} | changed))
    return SMALL.model_copy(update={"changes": (change.model_copy(update={"calls": (call,)}),)})


@pytest.mark.parametrize(
    "other",
    [
        with_call(body={}),
        with_call(path="/sequences/other/steps"),
        with_call(method="PATCH"),
        SMALL.model_copy(update={"environment": "staging"}),
        SMALL.model_copy(update={"api_host": "localhost"}),
        SMALL.model_copy(update={"format_version": 2}),
        SMALL.model_copy(update={"changes": ()}),
        SMALL.model_copy(update={"changes": SMALL.changes * 2}),
    ],
)
def test_plan_hash_covers_what_is_done(other: Plan) -> None:
    assert other.plan_hash() != SMALL.plan_hash()


def test_plan_hash_covers_the_order() -> None:
    plan = plan_of(*create_whole("trial", "Trial", {"intro": email(), "call": task("call_demo")}))
    turned = plan.model_copy(update={"changes": plan.changes[::-1]})
    assert turned.plan_hash() != plan.plan_hash()
    assert plan_difference(plan, turned) == ["~ the same changes, in another order"]


@pytest.mark.parametrize(
    "changed",
    [{"base": Base()}, {"notes": ("note",)}, {"sequences": {}}, {"gates": ()}, {"allowed": ("size",)}],
)
def test_plan_hash_covers_nothing_else(changed: dict[str, Any]) -> None:
    assert SMALL.model_copy(update=changed).plan_hash() == SMALL.plan_hash()


def facts(**changed: Any) -> Facts:
    """What is so now: by default just what `SMALL` was made from."""
    now = {
        "environment": "production",
        "api_host": HOST,
        "lineage": BASE.lineage,
        "serial": BASE.serial,
        "state_digest": BASE.state_digest,
        "files_digest": BASE.files_digest,
    }
    return Facts(**(now | changed))


MINE = Applying(plan=SMALL.plan_hash())
DONE = Applying(plan=SMALL.plan_hash(), done=True)
FIRST = SMALL.model_copy(update={"base": Base(files_digest=BASE.files_digest)})
MOVED_ON = {"serial": 4, "state_digest": "6" * 64}


@pytest.mark.parametrize(
    ("plan", "now", "verdict"),
    [
        (SMALL, facts(), Verdict.FRESH),
        (SMALL, facts(serial=4), Verdict.FRESH),
        (SMALL, facts(applying=Applying(plan="0" * 64)), Verdict.FRESH),
        (SMALL, facts(applying=MINE), Verdict.RESUME),
        (SMALL, facts(applying=MINE, **MOVED_ON), Verdict.RESUME),
        (SMALL, facts(applying=DONE, **MOVED_ON), Verdict.DONE),
        (SMALL, facts(applying=DONE, files_digest="0" * 64, **MOVED_ON), Verdict.DONE),
        (SMALL, facts(applying=DONE), Verdict.FRESH),
        (FIRST, facts(lineage=None, serial=0, state_digest=""), Verdict.FRESH),
        (FIRST, facts(applying=MINE), Verdict.RESUME),
        (FIRST, facts(applying=DONE), Verdict.DONE),
    ],
    ids=[
        "unmoved",
        "only-the-serial",
        "another-plans-run",
        "own-run-unmoved",
        "own-run",
        "done",
        "done-files-edited",
        "made-after-done",
        "no-state-yet",
        "own-first-run",
        "own-first-run-done",
    ],
)
def test_fitting_plan_is_fresh_resumed_or_done(plan: Plan, now: Facts, verdict: Verdict) -> None:
    assert check(plan, now) is verdict


@pytest.mark.parametrize(
    ("plan", "now", "kind", "words"),
    [
        (SMALL, facts(environment="staging"), "environment", ["production", "staging", "-env"]),
        (SMALL, facts(api_host="localhost"), "api-host", [HOST, "localhost", "SEQSYNC_API_URL"]),
        (SMALL, facts(lineage="other"), "lineage", ["another state", LINEAGE, "other"]),
        (SMALL, facts(lineage=None), "lineage", ["There is no state"]),
        (SMALL, facts(lineage="other", applying=MINE), "lineage", ["another state"]),
        (FIRST, facts(), "lineage", ["made without a state"]),
        (FIRST, facts(applying=Applying(plan="0" * 64)), "lineage", ["made without a state"]),
        (SMALL, facts(**MOVED_ON), "state", ["serial 3", "serial 4"]),
        (SMALL, facts(applying=Applying(plan="0" * 64, done=True), **MOVED_ON), "state", ["serial 3"]),
        (SMALL, facts(files_digest="0" * 64), "files", ["files have changed", "commit"]),
        (SMALL, facts(files_digest="0" * 64, applying=MINE, **MOVED_ON), "files", ["files have changed"]),
    ],
)
def test_plan_that_does_not_fit_is_rejected_with_its_kind_and_advice(
    plan: Plan, now: Facts, kind: str, words: list[str]
) -> None:
    with pytest.raises(PlanRejectedError) as caught:
        check(plan, now)
    assert caught.value.kind == kind
    assert all(word in str(caught.value) for word in words)
    assert "seqsync" in caught.value.hint or "-env" in caught.value.hint


def test_plans_with_the_same_hash_have_no_difference() -> None:
    assert plan_difference(SMALL, SMALL.model_copy(update={"base": Base(), "notes": ("x",)})) == []


def test_plan_difference_lists_removed_added_and_changed_changes() -> None:
    old = plan_of(create("trial.intro", email()), create("trial.nudge", email(3)), create("trial.same", email(5)))
    forget = Change(address="trial.x", action=Action.FORGET, reason=Reason.REMOVED, remote_id="s1")
    new = plan_of(create("trial.nudge", email(4)), create("trial.same", email(5)), forget, environment="staging")
    assert plan_difference(old, new) == [
        "~ environment: production -> staging",
        "- create step trial.intro",
        "~ create step trial.nudge",
        "+ forget trial.x",
    ]


def test_plan_difference_names_the_action_that_is_now_blocked() -> None:
    blocked = Change(address="trial.intro", action=Action.BLOCKED, reason=Reason.DAY_HELD, wanted=Action.CREATE_STEP)
    assert plan_difference(SMALL, plan_of(blocked)) == [
        "- create step trial.intro",
        "+ blocked (create step) trial.intro",
    ]


def test_plan_difference_counts_the_two_moves_of_a_parked_step() -> None:
    assert plan_difference(plan_of(*SMALL.changes * 2), SMALL) == ["- create step trial.intro"]


def test_empty_plan_differs_from_a_full_one_by_every_change() -> None:
    assert len(plan_difference(empty(), state_only())) == len(state_only().changes)
