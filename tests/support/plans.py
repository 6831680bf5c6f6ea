"""Plans to render, save and reject: one of each kind, small enough to read."""

from __future__ import annotations

from typing import Any

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import STEP_TYPES
from sequence_sync.plan.model import (
    Action,
    Base,
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
from sequence_sync.provider.base import CreateSequence, CreateStep, Patch, placeholder
from sequence_sync.provider.requests import SALESHANDY

HOST = "open-api.saleshandy.com"
LINEAGE = "6f1c2b1e-0000-4000-8000-00000000000a"
BASE = Base(lineage=LINEAGE, serial=3, state_digest="5" * 64, files_digest="f" * 64)
HI = "<p>Hi {{firstName}},</p><p>Hope you're doing well &amp; wanted to reach out about <b>{{companyName}}</b>.</p>"


def plan_of(*changes: Change, **others: Any) -> Plan:
    """Return a plan for production, made from `BASE`."""
    return Plan(**({"environment": "production", "api_host": HOST, "base": BASE, "changes": changes} | others))


def email(day: int = 1, subject: str = "Quick question, {{firstName}}", content: str = HI, **payload: str) -> Content:
    """Return an email with one variant."""
    variant = Variant(payload={"subject": subject, "content": content, **payload})
    return Content(type="email", day=day, variants={"a": variant})


def task(kind: str, day: int = 2, note: str = "", priority: Priority | None = None, **payload: Any) -> Content:
    """Return a step of another type."""
    variants = {"a": Variant(payload=payload, task_note=note)}
    return Content(type=kind, day=day, priority=priority, variants=variants)


def create(address: str, content: Content, sequence_id: str | None = None) -> Change:
    """Return a change that creates a step."""
    return Change(
        address=address,
        action=Action.CREATE_STEP,
        reason=Reason.NEW,
        impact=Impact.STRUCTURE,
        after=content,
        sequence_id=sequence_id,
        calls=(SALESHANDY.call(CreateStep(sequence_id or placeholder(address.split(".")[0]), content)),),
    )


def create_whole(key: str, title: str, steps: dict[str, Content]) -> tuple[Change, ...]:
    """Return the changes that create a sequence with its steps."""
    head = Change(
        address=key,
        action=Action.CREATE_SEQUENCE,
        reason=Reason.NEW,
        impact=Impact.STRUCTURE,
        title=title,
        calls=(SALESHANDY.call(CreateSequence(title)),),
    )
    return (head, *(create(f"{key}.{name}", content) for name, content in steps.items()))


def update(address: str, before: Content, after: Content, *fields: FieldChange, **others: Any) -> Change:
    """Return a change of an existing variant, with its call."""
    letter = address.split(".")[2]
    body = SALESHANDY.body(Patch(payload=after.variants[letter].payload))
    call = Call(method="PATCH", path=f"/sequences/LGz3m8KNPr/steps/bwOLEx4l8G/variants/{letter}1", body=body)
    return Change(
        **(
            {
                "address": address,
                "action": Action.UPDATE_VARIANT,
                "reason": Reason.CHANGED,
                "impact": Impact.COPY,
                "remote_id": f"{letter}1",
                "sequence_id": "LGz3m8KNPr",
                "before": before,
                "after": after,
                "fields": fields,
                "calls": (call,),
            }
            | others
        )
    )


PAYLOADS: dict[str, dict[str, Any]] = {
    "linkedin_connection_request": {"connectionNote": "Hi {{firstName}}, shall we connect?"},
    "linkedin_message": {"message": "Thanks for connecting!\nDid you see our note?"},
    "linkedin_inmail": {"subject": "One idea", "message": "Hi {{firstName}}, one idea for {{companyName}}."},
    "custom": {"title": "Look at the profile", "action": {"name": "Open", "url": "https://example.com/?a=1&b=2"}},
    "whatsapp_message": {"message": "Hi, it is Anna."},
}


def from_empty() -> Plan:
    """Return a plan that creates a step of every type from an empty state."""
    steps = {"intro": email(preheader="Quick question about your team")}
    nudge = email(3, "Still curious?").variants["a"]
    deck = Variant(payload={"subject": "One more idea", "content": "<p>Short.</p>"}, attachments=("lN5xKp2vJq",))
    steps["nudge"] = Content(type="email", day=3, variants={"a": nudge, "b": deck})
    for day, kind in enumerate(list(STEP_TYPES)[1:], start=4):
        note = "Look at the profile first" if "call" in kind else ""
        priority = Priority.HIGH if kind == "call_demo" else None
        steps[kind.replace("_", "-")] = task(kind, day, note, priority, **PAYLOADS.get(kind, {}))
    steps["call-demo"] = steps["call-demo"].model_copy(update={"assignee": "z6R8Mw4vBn"})
    changes = create_whole("trial-onboarding", "Trial onboarding", steps)
    known = PlannedSequence(key="trial-onboarding", title="Trial onboarding", complete=True)
    return plan_of(
        *changes,
        base=Base(files_digest="f" * 64),
        sequences={known.key: known},
        notes=("The state is empty, so the plan creates everything.",),
    )


def state_only() -> Plan:
    """Return a plan of changes without calls."""
    known = PlannedSequence(key="trial", title="Trial", remote_id="LGz3m8KNPr", active=False)
    ids = {"sequence_id": "LGz3m8KNPr"}
    return plan_of(
        Change(
            address="trial",
            action=Action.MOVE,
            reason=Reason.MOVED,
            source="old-trial",
            title="Trial",
            remote_id="LGz3m8KNPr",
            **ids,
        ),
        Change(
            address="trial.intro",
            action=Action.ADOPT,
            reason=Reason.CONFIGURED_ID,
            remote_id="bwOLEx4l8G",
            after=email(),
            **ids,
        ),
        Change(
            address="trial.hello", action=Action.MOVE, reason=Reason.MOVED, source="trial.hi", remote_id="s2", **ids
        ),
        Change(
            address="trial.legacy-call",
            action=Action.FORGET,
            reason=Reason.REMOVED,
            remote_id="s3",
            before=task("call_other", 9),
            **ids,
        ),
        Change(address="trial.nudge", action=Action.RECORD, reason=Reason.CHANGED, after=email(3, "Still?"), **ids),
        sequences={"trial": known},
    )


def blocked() -> Plan:
    """Return a plan with a blocked change for every reason."""
    blocked_actions = {
        Reason.NEW: Action.CREATE_STEP,
        Reason.SAME_CONTENT: Action.CREATE_STEP,
        Reason.SIMILAR: Action.CREATE_STEP,
        Reason.DAY_HELD: Action.CREATE_STEP,
        Reason.NOT_SUPPORTED: Action.UPDATE_VARIANT,
        Reason.CONFLICT: Action.UPDATE_VARIANT,
        Reason.BLOCKED_SEQUENCE: Action.CREATE_STEP,
        Reason.ID_CHANGED: Action.ADOPT,
        Reason.VARIANT_REMOVED: Action.DEACTIVATE_VARIANT,
    }
    fields = (FieldChange(field="variants.a.payload.subject", before="Quick question", after="Quick answer"),)
    changes = [
        Change(
            address=f"trial.{reason}" + (".a" if blocked_actions.get(reason) is Action.DEACTIVATE_VARIANT else ""),
            action=Action.BLOCKED,
            reason=reason,
            wanted=blocked_actions.get(reason),
            before=email(7),
            after=email(7, "Quick answer"),
            remote_id="bwOLEx4l8G",
            sequence_id="LGz3m8KNPr",
            fields=fields if blocked_actions.get(reason) is Action.UPDATE_VARIANT else (),
            advice="Click Steps, day 7, the three dots, then Delete.",
        )
        for reason in Reason
    ]
    return plan_of(*changes)


LONG = " ".join(f"Sentence {n} tells {{{{firstName}}}} about reason {n}." for n in range(1, 60))


def _later_call() -> Change:
    return Change(
        address="trial.call",
        action=Action.UPDATE_STEP,
        reason=Reason.CHANGED,
        impact=Impact.TIMING,
        before=task("call_demo", 4),
        after=task("call_demo", 5),
        sequence_id="LGz3m8KNPr",
        fields=(
            FieldChange(field="day", before=4, after=5),
            FieldChange(field="variants.a.task_note", before=None, after="Ask about the budget"),
        ),
        calls=(Call(method="PATCH", path="/sequences/LGz3m8KNPr/steps/s2/variants/v2", body={"absoluteDays": 5}),),
    )


def long_update() -> Plan:
    """Return a plan with a changed long body, a new day and note, a deactivated variant, an open and a shut gate."""
    old = email(3, "Still curious?", f"<p>{LONG}</p>")
    new = email(3, "Still curious, {{firstName}}?", f"<p>{LONG.replace('reason 30', 'the best reason')}</p>")
    ids = {"sequence_id": "LGz3m8KNPr", "before": old, "after": new}
    changes = (
        _later_call(),
        update(
            "trial.nudge.a",
            old,
            new,
            FieldChange(
                field="variants.a.payload.subject",
                before=old.variants["a"].payload["subject"],
                after=new.variants["a"].payload["subject"],
            ),
            FieldChange(
                field="variants.a.payload.content",
                before=old.variants["a"].payload["content"],
                after=new.variants["a"].payload["content"],
            ),
        ),
        Change(
            address="trial.nudge.b",
            action=Action.DEACTIVATE_VARIANT,
            reason=Reason.VARIANT_REMOVED,
            impact=Impact.STRUCTURE,
            remote_id="b1",
            **ids,
            calls=(
                Call(method="PATCH", path="/sequences/LGz3m8KNPr/steps/bwOLEx4l8G/variants/b1", body={"status": 0}),
            ),
        ),
    )
    return plan_of(
        *changes,
        sequences={"trial": PlannedSequence(key="trial", title="Trial", remote_id="LGz3m8KNPr", active=True)},
        gates=(
            Gate(
                name="destructive",
                allowed=True,
                detail="The plan deactivates 1 variant: trial.nudge.b. Opened by `-allow destructive`.",
            ),
            Gate(
                name="active",
                allowed=False,
                detail="The plan writes to 1 active sequence: trial. To allow it, plan with `-allow active`.",
            ),
        ),
        allowed=("destructive",),
    )


def _left_alone(edited: str) -> tuple[Drift, ...]:
    """Return one drift of each kind. `edited`: the body of the changed variant."""
    return (
        Drift(address="trial.call", kind=DriftKind.GONE, remote_id="s9", detail="call demo, day 8"),
        Drift(
            address="trial.bye.b",
            kind=DriftKind.CHANGED,
            remote_id="b7",
            fields=(
                FieldChange(field="variants.b.payload.subject", before="Bye", after="Good bye, {{firstName}}"),
                FieldChange(field="variants.b.payload.content", before=f"<p>{LONG}</p>", after=edited),
            ),
        ),
        Drift(address="trial", kind=DriftKind.ADDED, remote_id="s12", detail='email, day 9 "One more thing"'),
        Drift(address="trial.intro", kind=DriftKind.SECOND_COPY, remote_id="s13", detail="step s13 equals step s1"),
    )


def drifted() -> Plan:
    """Return a refreshed plan with drift, a conflict of three texts, an overwritten edit, and an active sequence."""
    old, new = (
        email(3, "Still curious?", f"<p>{LONG}</p>"),
        email(3, "Still keen?", f"<p>{LONG}</p>".replace("12", "x")),
    )
    edited = f"<p>{LONG.replace('reason 30', 'the finest reason')}</p>"
    texts = [row.variants["a"].payload for row in (old, new)]
    conflict = tuple(
        FieldChange(field=f"variants.a.payload.{name}", before=texts[0][name], after=texts[1][name], app=app)
        for name, app in (("subject", "Are you curious, {{firstName}}?"), ("content", edited))
    )
    formatted = (
        email(5, "Bye", "<p>Bye <b>now</b>, {{firstName}}.</p>"),
        email(5, "Bye", "<p>Bye now, {{firstName}}.</p>"),
    )
    markup = FieldChange(
        field="variants.a.payload.content",
        before=formatted[0].variants["a"].payload["content"],
        after=formatted[1].variants["a"].payload["content"],
    )
    back = FieldChange(field="variants.a.payload.subject", before="Quick questoin", after="Quick question")
    blocked_one = Change(
        address="trial.nudge.a",
        action=Action.BLOCKED,
        reason=Reason.CONFLICT,
        wanted=Action.UPDATE_VARIANT,
        before=old,
        after=new,
        fields=conflict,
        remote_id="a1",
        sequence_id="LGz3m8KNPr",
        advice="Take the text of Saleshandy into the file with `seqsync import`, or overwrite it with `-allow drift`.",
    )
    return plan_of(
        update("trial.intro.a", email(1, "Quick questoin"), email(1), back, reason=Reason.DRIFT),
        update("trial.bye.a", *formatted, markup),
        blocked_one,
        sequences={
            "trial": PlannedSequence(
                key="trial", title="Trial", remote_id="LGz3m8KNPr", files=("sequences/trial.yaml",), active=True
            )
        },
        gates=(
            Gate(
                name="drift",
                allowed=True,
                detail="The plan overwrites changes made in Saleshandy outside seqsync. Opened by `-allow drift`.",
            ),
            Gate(
                name="active",
                allowed=False,
                detail="The plan writes to 1 active sequence: trial. To allow it, plan with `-allow active`.",
            ),
        ),
        allowed=("drift",),
        refreshed=True,
        drift=_left_alone(edited),
    )


EVIL = (
    "\x1b[31mred\x1b]0;owned\x07 @octocat <script>alert(1)</script> </iframe></code></details> ```` \u202etxt.exe "
    "[link](javascript:alert(1)) <!-- --> & \" ' \x9b2J\n```\n# heading\n\n</details>\n\n@everyone #1\n"
    "/close\n::add-mask::e\n##[add-mask]e\n| a | b |\n|---|---|\n[x]: https://example.com\n![i](https://example.com/i)"
)


def hostile() -> Plan:
    """Return a plan with text that tries to break out of every format, in every text of a user."""
    before, after = email(1, "mild", "<p>mild</p>"), email(1, EVIL, EVIL, preheader=EVIL)
    fields = tuple(
        FieldChange(field=f"variants.a.payload.{name}", before=before.variants["a"].payload.get(name), after=EVIL)
        for name in ("subject", "content", "preheader")
    )
    blocked_one = Change(
        address="evil.blocked",
        action=Action.BLOCKED,
        reason=Reason.NOT_SUPPORTED,
        wanted=Action.UPDATE_STEP,
        before=before,
        after=after,
        advice=EVIL,
    )
    third = FieldChange(field="variants.a.payload.subject", before="mild", after=EVIL, app=f"{EVIL}!")
    conflict = Change(
        address="evil.torn.a",
        action=Action.BLOCKED,
        reason=Reason.CONFLICT,
        wanted=Action.UPDATE_VARIANT,
        before=before,
        after=after,
        fields=(third,),
        advice=EVIL,
    )
    moved = Drift(address="evil.first", kind=DriftKind.CHANGED, remote_id=EVIL, detail=EVIL, fields=fields)
    note = create("evil.note", task("linkedin_message", 2, EVIL, message=EVIL), "LGz3m8KNPr")
    return plan_of(
        *create_whole("evil", EVIL, {"first": after}),
        note,
        update("evil.second.a", before, after, *fields),
        blocked_one,
        conflict,
        drift=(moved,),
        refreshed=True,
        sequences={"evil": PlannedSequence(key="evil", title=EVIL, remote_id=EVIL, files=(EVIL,), active=True)},
        gates=(Gate(name="drift", allowed=False, detail=EVIL),),
        notes=(EVIL,),
        environment="production\x1b[2J",
    )


def empty() -> Plan:
    """Return a plan without changes."""
    return plan_of()


CASES = {
    "empty": empty,
    "from-empty": from_empty,
    "state-only": state_only,
    "blocked": blocked,
    "long-update": long_update,
    "drifted": drifted,
    "hostile": hostile,
}
