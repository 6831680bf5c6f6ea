"""The saved plan: whole, or refused with words of its own."""

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
    """`SAVED` with other values and a sum that is right again, as somebody would make it who edits by program."""
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
def test_a_saved_plan_comes_back_as_it_was(name: str, golden: Any) -> None:
    """What is saved is what is read, and the bytes are those on disk in tests/cases."""
    plan = CASES[name]()
    data = encode(plan, "1.2.3")
    assert decode(data) == plan
    golden(f"plan/{name}/saved.json", data.decode("ascii"))


@pytest.mark.parametrize("name", CASES)
def test_every_saved_plan_meets_the_schema(name: str) -> None:
    """The published schema fits what is written."""
    SCHEMA.validate(json.loads(encode(CASES[name](), "1.2.3")))


@pytest.mark.parametrize("name", CASES)
def test_every_printed_plan_meets_the_same_schema(name: str) -> None:
    """What `-format json` prints is a plan too, with the counts in place of what only apply needs."""
    printed = json.loads(plan_json(CASES[name]()))
    SCHEMA.validate(printed)
    assert not SCHEMA.is_valid({key: value for key, value in printed.items() if key != "summary"})
    assert not SCHEMA.is_valid({**printed, "sum": "0" * 64})


def test_the_schema_is_one_and_refuses_what_is_none() -> None:
    """The schema is valid itself, names its dialect, and tells a plan from a near miss."""
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


def test_the_same_plan_gives_the_same_bytes() -> None:
    """Neither the order in which mappings were filled nor a second call changes a byte."""
    again = Plan.model_validate_json(SMALL.model_dump_json())
    turned = (
        email()
        .variants["a"]
        .model_copy(update={"payload": {"content": HI, "subject": email().variants["a"].payload["subject"]}})
    )
    content = email().model_copy(update={"variants": {"a": turned}})
    assert encode(SMALL, "1.2.3") == encode(again, "1.2.3") == SAVED
    assert encode(plan_of(create("trial.intro", content, "LGz3m8KNPr")), "1.2.3") == SAVED


def test_every_flipped_bit_is_noticed() -> None:
    """No bit of a saved plan can change unseen."""
    for place in range(len(SAVED)):
        for bit in range(8):
            data = bytearray(SAVED)
            data[place] ^= 1 << bit
            refusal(bytes(data))


def test_every_truncation_and_every_added_space_is_noticed() -> None:
    """A plan that was cut anywhere, or has a byte more anywhere, is refused."""
    for place in range(len(SAVED)):
        assert refusal(SAVED[:place]).kind in ("damaged", "not-a-plan")
        for byte in (b" ", b"\n", b"0"):
            refusal(SAVED[:place] + byte + SAVED[place:])
    refusal(SAVED + b"\n")


def test_a_cut_plan_is_called_damaged() -> None:
    """Who lost the end of a plan is not told that it never was one."""
    error = refusal(SAVED[: len(SAVED) // 2])
    assert error.kind == "damaged"
    assert "seqsync plan -out" in error.hint


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    """Whatever a file holds, the answer is a refusal and never a traceback."""
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
def test_what_is_no_plan_is_called_so(data: bytes) -> None:
    """Another tool's plan, a state or a text is not "damaged"."""
    assert refusal(data).kind == "not-a-plan"


def test_a_pretty_printed_plan_is_damaged() -> None:
    """The same values in another layout are other bytes."""
    assert refusal(json.dumps(json.loads(SAVED), indent=2).encode()).kind == "damaged"


def test_a_number_too_large_for_json_is_damaged() -> None:
    """A float that overflows cannot be written again, so it was never written by us."""
    assert refusal(SAVED.replace(b'"serial": 3', b'"serial": 1e999')).kind == "damaged"


def test_a_newer_format_is_refused_by_its_number() -> None:
    """Before anything else is looked at, and with the version that made it."""
    error = refusal(b'{"format_version": 7, "tool_version": "9.1", "all": "different"}')
    assert error.kind == "newer-format"
    assert "7" in error.detail
    assert "9.1" in error.detail


def test_a_newer_format_tells_no_strange_version() -> None:
    """A version that is no printable text is not repeated."""
    error = refusal(b'{"format_version": 7, "tool_version": "\\u001b[2J"}')
    assert "\x1b" not in str(error)


def test_a_hash_of_another_plan_is_refused() -> None:
    """A body edited with the sum made right again still betrays itself."""
    assert decode(rewritten()) == SMALL
    changes = json.loads(SAVED)["changes"]
    changes[0]["calls"][0]["body"]["absoluteDays"] = 5
    error = refusal(rewritten(changes=changes))
    assert error.kind == "hash"


def test_a_plan_that_this_version_does_not_understand_is_told() -> None:
    """A right sum over a shape that is none."""
    error = refusal(rewritten(changes=[{"address": "trial"}]))
    assert error.kind == "not-a-plan"
    assert "changes.0" in error.detail


def test_each_refusal_has_its_own_words() -> None:
    """Summary, reason and advice; no two kinds share a summary."""
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
def test_the_hash_covers_what_is_done(other: Plan) -> None:
    """Any body, path, method, environment, host, format or number of changes makes another hash."""
    assert other.plan_hash() != SMALL.plan_hash()


def test_the_hash_covers_the_order() -> None:
    """The same changes in another order are another plan."""
    plan = plan_of(*create_whole("trial", "Trial", {"intro": email(), "call": task("call_demo")}))
    turned = plan.model_copy(update={"changes": plan.changes[::-1]})
    assert turned.plan_hash() != plan.plan_hash()
    assert plan_difference(plan, turned) == ["~ the same changes, in another order"]


@pytest.mark.parametrize(
    "changed",
    [{"base": Base()}, {"notes": ("told",)}, {"sequences": {}}, {"gates": ()}, {"allowed": ("size",)}],
)
def test_the_hash_covers_nothing_else(changed: dict[str, Any]) -> None:
    """What a plan was made from, and what is told with it, may differ from machine to machine."""
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
def test_a_plan_that_fits_goes_on(plan: Plan, now: Facts, verdict: Verdict) -> None:
    """Fresh, cut short, or done: three answers without a refusal."""
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
def test_a_plan_that_does_not_fit_says_why(plan: Plan, now: Facts, kind: str, words: list[str]) -> None:
    """Each refusal has a kind, words of its own, and what to do."""
    with pytest.raises(PlanRejectedError) as caught:
        check(plan, now)
    assert caught.value.kind == kind
    assert all(word in str(caught.value) for word in words)
    assert "seqsync" in caught.value.hint or "-env" in caught.value.hint


def test_plans_with_one_hash_do_not_differ() -> None:
    """What stands outside the hash is no difference."""
    assert plan_difference(SMALL, SMALL.model_copy(update={"base": Base(), "notes": ("x",)})) == []


def test_old_against_new_names_what_went_and_what_came() -> None:
    """A line for each change that is gone, new, or says something else."""
    old = plan_of(create("trial.intro", email()), create("trial.nudge", email(3)), create("trial.same", email(5)))
    forget = Change(address="trial.x", action=Action.FORGET, reason=Reason.REMOVED, remote_id="s1")
    new = plan_of(create("trial.nudge", email(4)), create("trial.same", email(5)), forget, environment="staging")
    assert plan_difference(old, new) == [
        "~ environment: production -> staging",
        "- create step trial.intro",
        "~ create step trial.nudge",
        "+ forget trial.x",
    ]


def test_old_against_new_tells_a_change_that_became_blocked() -> None:
    """What a blocked change wanted to be stands beside it."""
    blocked = Change(address="trial.intro", action=Action.BLOCKED, reason=Reason.DAY_HELD, wanted=Action.CREATE_STEP)
    assert plan_difference(SMALL, plan_of(blocked)) == [
        "- create step trial.intro",
        "+ blocked (create step) trial.intro",
    ]


def test_old_against_new_counts_a_change_that_stands_twice() -> None:
    """A step moved by way of a free day has two changes; losing one of them is told."""
    assert plan_difference(plan_of(*SMALL.changes * 2), SMALL) == ["- create step trial.intro"]


def test_an_empty_plan_and_a_full_one_differ_by_every_change() -> None:
    """Nothing against something."""
    assert len(plan_difference(empty(), state_only())) == len(state_only().changes)
