"""The showcase plan: every kind of change that a reviewer may see, with realistic texts."""

from __future__ import annotations

from typing import Any

from support.plans import create, create_whole, email, plan_of, task, update

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.model import (
    Action,
    Call,
    Change,
    Drift,
    DriftKind,
    FieldChange,
    Gate,
    Impact,
    Plan,
    PlannedSequence,
    Reason,
)

SEQUENCE_ID = "LGz3m8KNPr"
INTRO = (
    "<p>Hi {{firstName}},</p><p>I saw that {{companyName}} is hiring three SDRs this quarter. Most teams your size "
    "lose a day a week to list building.</p><p>Would a <b>15 minute</b> call on Thursday be a bad idea?</p>"
    "<p>Best,<br>Anna</p>"
)
BETTER_INTRO = (
    INTRO.replace("a day a week", "six hours a week").replace(
        "on Thursday be a bad idea?", 'next week make sense? <a href="https://acme.example/book">Pick a time</a>.'
    )
    + '<p><img src="https://cdn.acme.example/team.png" alt="Acme team" width=300></p>'
)


def text_change(name: str, before: Any, after: Any, app: Any = None) -> FieldChange:
    """Return a change of a payload field of variant a."""
    return FieldChange(field=f"variants.a.payload.{name}", before=before, after=after, app=app)


def _intro() -> Change:
    before = email(1, "Quick question, {{firstName}}", INTRO, preheader="About your SDR team")
    after = email(1, "{{firstName}}, about {{companyName}}", BETTER_INTRO, preheader="Your SDRs and their Thursdays")
    old, new = before.variants["a"].payload, after.variants["a"].payload
    return update("trial.intro.a", before, after, *(text_change(name, old[name], new[name]) for name in new))


def _connect() -> Change:
    words = ("Hi {{firstName}}, shall we connect?", "Hi {{firstName}}, I liked your post on hiring. Shall we connect?")
    before = task("linkedin_connection_request", 5, connectionNote=words[0])
    after = task("linkedin_connection_request", 5, "Look at the profile first", connectionNote=words[1])
    note = FieldChange(field="variants.a.task_note", before="", after="Look at the profile first")
    return update("trial.connect.a", before, after, text_change("connectionNote", *words), note)


def _later_call() -> Change:
    return Change(
        address="trial.call",
        action=Action.UPDATE_STEP,
        reason=Reason.CHANGED,
        impact=Impact.TIMING,
        before=task("call_demo", 4, "Ask about the budget", Priority.NORMAL),
        after=task("call_demo", 7, "Ask about the budget", Priority.HIGH),
        sequence_id=SEQUENCE_ID,
        fields=(
            FieldChange(field="day", before=4, after=7),
            FieldChange(field="priority", before="normal", after="high"),
        ),
        calls=(Call(method="PATCH", path=f"/sequences/{SEQUENCE_ID}/steps/s2/variants/v2", body={"absoluteDays": 7}),),
    )


def _bump() -> Change:
    first = {"subject": "Still curious, {{firstName}}?", "preheader": "One more idea", "content": INTRO}
    second = {"subject": "One more idea", "content": "<p>Short and sweet.</p>"}
    variants = {"a": Variant(payload=first), "b": Variant(payload=second, attachments=("lN5xKp2vJq",))}
    return create("trial.bump", Content(type="email", day=9, variants=variants), SEQUENCE_ID)


def _deactivated() -> Change:
    kept, removed = (
        Variant(payload={"subject": f"{word} idea", "content": f"<p>{word}.</p>"}) for word in ("New", "Old")
    )
    return Change(
        address="trial.nudge.b",
        action=Action.DEACTIVATE_VARIANT,
        reason=Reason.VARIANT_REMOVED,
        impact=Impact.STRUCTURE,
        remote_id="b1",
        sequence_id=SEQUENCE_ID,
        before=Content(type="email", day=3, variants={"a": kept, "b": removed}),
        after=Content(type="email", day=3, variants={"a": kept}),
        calls=(Call(method="PATCH", path=f"/sequences/{SEQUENCE_ID}/steps/s3/variants/b1", body={"status": 0}),),
    )


def _blocked() -> tuple[Change, Change]:
    words = [f"<p>Hi {{{{firstName}}}}, {word} I close your file?</p>" for word in ("should", "shall", "may")]
    ids = {"sequence_id": SEQUENCE_ID, "action": Action.BLOCKED}
    return (
        Change(
            address="trial.legacy",
            reason=Reason.STEP_REMOVED,
            before=task("call_other", 14),
            remote_id="s9",
            **ids,
            advice="In Saleshandy open Trial onboarding, Steps, day 14, the three dots, Delete. "
            "Then add `removed: [legacy]` to its file.",
        ),
        Change(
            address="trial.break-up.a",
            reason=Reason.CONFLICT,
            wanted=Action.UPDATE_VARIANT,
            remote_id="v7",
            **ids,
            before=email(21, "Closing the loop", words[0]),
            after=email(21, "Closing the loop", words[1]),
            fields=(text_change("content", *words),),
            advice="Take the text of Saleshandy with `seqsync import`, or overwrite it with `-allow drift`.",
        ),
    )


def _drift() -> tuple[Drift, ...]:
    prices = [f"<p>Our plans start at ${price}.</p>" for price in (49, 59)]
    return (
        Drift(
            address="trial.pricing.a",
            kind=DriftKind.CHANGED,
            remote_id="v4",
            fields=(text_change("subject", "Pricing", "Prices"), text_change("content", *prices)),
        ),
        Drift(address="trial", kind=DriftKind.ADDED, remote_id="s21", detail='email, day 30 "Last one"'),
        Drift(address="trial.demo", kind=DriftKind.GONE, remote_id="s22", detail="call demo, day 12"),
    )


def showcase() -> Plan:
    """Return a plan with every kind of change, two sequences, drift, and an open and a shut gate."""
    moved = Change(
        address="trial.hello",
        action=Action.MOVE,
        reason=Reason.MOVED,
        source="trial.hi",
        remote_id="s1",
        sequence_id=SEQUENCE_ID,
    )
    back = {"hello": email(1, "We miss you"), "call": task("call_follow_up", 3, "Ask why", Priority.HIGH)}
    return plan_of(
        moved,
        _later_call(),
        _intro(),
        _connect(),
        _bump(),
        _deactivated(),
        *_blocked(),
        *create_whole("winback", "Win back lost trials", back),
        sequences={
            "trial": PlannedSequence(key="trial", title="Trial onboarding", remote_id=SEQUENCE_ID, active=True),
            "winback": PlannedSequence(key="winback", title="Win back lost trials"),
        },
        gates=(
            Gate(
                name="active",
                allowed=False,
                detail="The plan writes to 1 active sequence: trial. To allow it, plan with `-allow active`.",
            ),
            Gate(
                name="destructive",
                allowed=True,
                detail="The plan deactivates 1 variant: trial.nudge.b. Opened by `-allow destructive`.",
            ),
        ),
        allowed=("destructive",),
        notes=("2 sequences without changes are not shown.",),
        refreshed=True,
        drift=_drift(),
    )
