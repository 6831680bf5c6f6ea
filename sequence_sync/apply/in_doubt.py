"""Writes whose outcome is in doubt: what a read shows, the tables that decide, and the one loop that waits.

Compares with file, state and Saleshandy (docs/exactly-once.md). A read proves a text only where the two texts look
different: a change of mere markup is sent again rather than believed. Must not send anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sequence_sync.apply.context import ApplyContext
from sequence_sync.errors import WaitExhaustedError
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.plan.compare import same_payload
from sequence_sync.plan.drift import text_is_ours
from sequence_sync.plan.matching import could_be, same_title, says_the_same, says_the_same_variant
from sequence_sync.provider.base import UNSET, Patch, ReadFailedError, RemoteSequence, RemoteStep, RemoteVariant
from sequence_sync.state.model import StepState

FIRST_GAP = 1.0  # seconds before the second read of a write in doubt; each further gap is twice as long
TRIES_UNREAD = 5  # reads that may fail after the settle grace before the outcome is decided without one


class Doubt(StrEnum):
    """Why the outcome of a write is in doubt."""

    NO_ANSWER = "no-answer"  # this run sent it and got no clear answer
    AMBIGUOUS_REFUSAL = "ambiguous-refusal"  # a 4xx that does not prove that nothing was changed
    INTERRUPTED = "interrupted"  # an earlier run left it open


class Observation(StrEnum):
    """What a read shows of a create, apart from all ids seen before it."""

    ABSENT = "absent"  # nothing new
    MATCH = "match"  # exactly one new thing that may be it, and it says the same
    AMBIGUOUS = "ambiguous"  # something new of its type that is not surely it, or several such things
    UNRELATED = "unrelated"  # something new, and none of it can be it
    UNREADABLE = "unreadable"  # the read failed


class VariantObservation(StrEnum):
    """What a read shows of a variant that a PATCH changes."""

    APPLIED = "applied"  # all that the PATCH says is there already
    UNCHANGED = "unchanged"  # it is what was last applied, or cannot be distinguished from it
    CHANGED = "changed"  # someone else changed it
    MISSING = "missing"  # it is not there
    UNREADABLE = "unreadable"  # the read failed


class Resolution(StrEnum):
    """What to do about a write in doubt."""

    APPLIED = "applied"  # it was carried out: record it
    WAIT = "wait"  # read again
    RESEND = "resend"  # it was not carried out, or may be repeated: send it again
    CLOSE = "close"  # it was not carried out: the plan decides whether it will be
    REFUSED = "refused"  # it was not carried out: report the API's refusal
    ASK = "ask"  # a person must decide


_CREATE_EARLY: Mapping[Observation, Resolution] = {
    Observation.ABSENT: Resolution.WAIT,
    Observation.MATCH: Resolution.APPLIED,
    Observation.AMBIGUOUS: Resolution.WAIT,
    Observation.UNRELATED: Resolution.WAIT,
    Observation.UNREADABLE: Resolution.WAIT,
}

# (why it is in doubt, whether the settle grace is over) -> what the read shows -> what to do
CREATE_RESOLUTIONS: Mapping[tuple[Doubt, bool], Mapping[Observation, Resolution]] = {
    (Doubt.NO_ANSWER, False): _CREATE_EARLY,
    (Doubt.AMBIGUOUS_REFUSAL, False): _CREATE_EARLY,
    (Doubt.INTERRUPTED, False): _CREATE_EARLY,
    (Doubt.NO_ANSWER, True): {
        Observation.ABSENT: Resolution.RESEND,
        Observation.MATCH: Resolution.APPLIED,
        Observation.AMBIGUOUS: Resolution.ASK,
        Observation.UNRELATED: Resolution.CLOSE,
        Observation.UNREADABLE: Resolution.ASK,
    },
    (Doubt.AMBIGUOUS_REFUSAL, True): {
        Observation.ABSENT: Resolution.REFUSED,
        Observation.MATCH: Resolution.APPLIED,
        Observation.AMBIGUOUS: Resolution.ASK,
        Observation.UNRELATED: Resolution.REFUSED,
        Observation.UNREADABLE: Resolution.ASK,
    },
    (Doubt.INTERRUPTED, True): {
        Observation.ABSENT: Resolution.CLOSE,
        Observation.MATCH: Resolution.APPLIED,
        Observation.AMBIGUOUS: Resolution.ASK,
        Observation.UNRELATED: Resolution.CLOSE,
        Observation.UNREADABLE: Resolution.ASK,
    },
}

_UPDATE_EARLY: Mapping[VariantObservation, Resolution] = {
    VariantObservation.APPLIED: Resolution.APPLIED,
    VariantObservation.UNCHANGED: Resolution.WAIT,
    VariantObservation.CHANGED: Resolution.WAIT,
    VariantObservation.MISSING: Resolution.WAIT,
    VariantObservation.UNREADABLE: Resolution.WAIT,
}

# The same for a PATCH, which may be repeated. At the next start a PATCH that shows no effect is closed: the plan
# repeats it, and the three-way comparison finds what was changed meanwhile. An ambiguous refusal may have come before
# the change was carried out (a gateway's 408), and a read may be old: both count only after the settle grace.
UPDATE_RESOLUTIONS: Mapping[tuple[Doubt, bool], Mapping[VariantObservation, Resolution]] = {
    (Doubt.NO_ANSWER, False): {**_UPDATE_EARLY, VariantObservation.UNCHANGED: Resolution.RESEND},
    (Doubt.AMBIGUOUS_REFUSAL, False): _UPDATE_EARLY,
    (Doubt.INTERRUPTED, False): _UPDATE_EARLY,
    (Doubt.NO_ANSWER, True): {
        VariantObservation.APPLIED: Resolution.APPLIED,
        VariantObservation.UNCHANGED: Resolution.RESEND,
        VariantObservation.CHANGED: Resolution.ASK,
        VariantObservation.MISSING: Resolution.ASK,
        VariantObservation.UNREADABLE: Resolution.ASK,
    },
    (Doubt.AMBIGUOUS_REFUSAL, True): {
        VariantObservation.APPLIED: Resolution.APPLIED,
        VariantObservation.UNCHANGED: Resolution.REFUSED,
        VariantObservation.CHANGED: Resolution.REFUSED,
        VariantObservation.MISSING: Resolution.REFUSED,
        VariantObservation.UNREADABLE: Resolution.REFUSED,
    },
    (Doubt.INTERRUPTED, True): {
        VariantObservation.APPLIED: Resolution.APPLIED,
        VariantObservation.UNCHANGED: Resolution.CLOSE,
        VariantObservation.CHANGED: Resolution.CLOSE,
        VariantObservation.MISSING: Resolution.CLOSE,
        VariantObservation.UNREADABLE: Resolution.ASK,
    },
}


# -- the loop that waits and decides -------------------------------------------------------------------------------

T = TypeVar("T")


def poll(context: ApplyContext, since: float, reason: str, decide: Callable[[bool], T | None]) -> T:
    """Call `decide` at widening gaps until it returns something, and return that.

    `decide` receives whether the settle grace that began at `since` is over. From then on it should decide. The wait is
    announced before it begins: `reason` is a sentence for the user, in which `{seconds}` is the longest time.
    """
    gap, announced = FIRST_GAP, False
    while True:
        decided = decide(context.grace_left(since) <= 0)
        if decided is not None:
            return decided
        left = context.grace_left(since)
        pause = min(gap, left) if left > 0 else gap
        if left <= 0:
            context.announce_wait(pause, f"Saleshandy could not be read. Trying again in {pause:.0f} s.")
        elif not announced:
            context.announce_wait(left, reason.format(seconds=f"{left:.0f}"))
            announced = True
        context.clock.sleep(pause)
        gap *= 2


# Why it waits, for the user; `{seconds}` is the longest time.
WAIT_REASONS: Mapping[Doubt, str] = {
    Doubt.NO_ANSWER: (
        "Saleshandy gave no clear answer. Waiting up to {seconds} s for the request to arrive, so that it is not sent "
        "twice (setting: settle_grace)."
    ),
    Doubt.AMBIGUOUS_REFUSAL: (
        "Saleshandy refused a request that it may have carried out. Waiting up to {seconds} s to see its effect "
        "(setting: settle_grace)."
    ),
    Doubt.INTERRUPTED: (
        "The last run was interrupted. Waiting up to {seconds} s for its last request to arrive, so that nothing is "
        "created twice (setting: settle_grace)."
    ),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a read shows of a create, with the step (or the ids) that show it."""

    observation: Observation
    found: RemoteStep | None = None
    found_id: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """One field, or one group of fields, of a PATCH compared with a read. None: the read does not return it.

    `unchanged` says whether it is as last applied, `applied` whether it is as the PATCH says. `remote_text` and
    `last_applied_text` are for the user.
    """

    names: tuple[str, ...]
    unchanged: bool | None
    applied: bool | None
    remote_text: str = ""
    last_applied_text: str = ""


@dataclass(frozen=True, slots=True)
class PatchComparison:
    """What a read shows of a PATCH.

    `changed` is the first field that someone else changed. `possibly_applied` are the fields of the PATCH that may be
    as it says, by all that was read.
    """

    observation: VariantObservation
    changed: FieldComparison | None = None
    possibly_applied: tuple[str, ...] = ()


Observed = TypeVar("Observed", Evidence, PatchComparison)
Table = Mapping[tuple[Doubt, bool], Mapping[Any, Resolution]]


def resolve(
    context: ApplyContext,
    table: Table,
    doubt: Doubt,
    since: float,
    observe: Callable[[], Observed],
    unreadable: Observed,
) -> tuple[Resolution, Observed]:
    """Read until `table` decides what became of a write; with what the last read shows.

    `observe` reads and compares; where it cannot read, that counts as `unreadable`. `since` is when the last call
    ended. Raises WaitExhaustedError where the rate limit leaves no time to read.
    """
    failed = 0

    def decide(grace_is_over: bool) -> tuple[Resolution, Observed] | None:
        nonlocal failed
        try:
            observed = observe()
        except ReadFailedError:
            observed = unreadable
        resolution = table[doubt, grace_is_over][observed.observation]
        if observed.observation is unreadable.observation and grace_is_over:
            failed += 1
            if failed < TRIES_UNREAD:
                resolution = Resolution.WAIT
        return None if resolution is Resolution.WAIT else (resolution, observed)

    return poll(context, since, WAIT_REASONS[doubt], decide)


def resolve_create(
    context: ApplyContext, doubt: Doubt, since: float, observe: Callable[[], Evidence]
) -> tuple[Resolution, Evidence]:
    """Read until the table decides what became of a create. Where there is no time left to read, a person decides."""
    unreadable = Evidence(Observation.UNREADABLE)
    try:
        return resolve(context, CREATE_RESOLUTIONS, doubt, since, observe, unreadable)
    except WaitExhaustedError:
        return Resolution.ASK, unreadable


# -- what a read shows of a create ---------------------------------------------------------------------------------


def observe_steps(read: Iterable[RemoteStep], seen_ids: Collection[str], content: Content) -> Evidence:
    """What a read of a sequence's steps shows of a create of `content`; `seen_ids` were seen before it."""
    new = [step for step in read if step.id not in seen_ids]
    near = [step for step in new if could_be(step, content)]
    if len(near) == 1 and says_the_same(near[0], content):
        return Evidence(Observation.MATCH, found=near[0], found_id=near[0].id)
    if near:
        return Evidence(Observation.AMBIGUOUS, candidates=tuple(step.id for step in near))
    return Evidence(Observation.UNRELATED if new else Observation.ABSENT)


def observe_sequences(rows: Iterable[RemoteSequence], seen_ids: Collection[str], title: str) -> Evidence:
    """What the list shows of a create of a sequence. Ours is new, inactive and empty."""
    new = [row for row in rows if row.id not in seen_ids and same_title(row.title, title)]
    if not new:
        return Evidence(Observation.ABSENT)
    if len(new) == 1 and not new[0].active and not new[0].step_ids:
        return Evidence(Observation.MATCH, found_id=new[0].id)
    return Evidence(Observation.AMBIGUOUS, candidates=tuple(row.id for row in new))


def observe_variants(step: RemoteStep | None, seen_ids: Collection[str], step_type: str, desired: Variant) -> Evidence:
    """What a read of a step shows of a create of one of its variants; `seen_ids` were seen before it."""
    if step is None:
        return Evidence(Observation.UNREADABLE)
    new = [row for row in step.variants if row.id not in seen_ids]
    if len(new) == 1 and says_the_same_variant(step_type, desired, new[0]):
        return Evidence(Observation.MATCH, found_id=new[0].id)
    if new:
        return Evidence(Observation.AMBIGUOUS, candidates=tuple(row.id for row in new))
    return Evidence(Observation.ABSENT)


# -- what a read shows of a PATCH ----------------------------------------------------------------------------------


def compare_patch(entry: StepState, letter: str, patch: Patch, step: RemoteStep | None) -> PatchComparison:
    """Compare `step` as read with `entry`, and with `patch` of the variant `letter`."""
    known = entry.variants[letter]
    row = next((row for row in step.variants if row.id == known.id), None) if step else None
    if step is None or row is None:
        return PatchComparison(VariantObservation.MISSING, possibly_applied=tuple(patch.values()))
    fields = [*_compare_step_fields(entry, patch, step), *_compare_variant_fields(entry, letter, patch, row)]
    if patch.values().keys() & {"payload", "task_note"}:  # a PATCH that only switches a variant off overwrites no text
        fields.insert(0, _compare_text(entry, letter, patch, row))
    possibly_applied = tuple(name for field in fields if field.applied is not False for name in field.names)
    if all(field.applied for field in fields):
        return PatchComparison(VariantObservation.APPLIED, possibly_applied=possibly_applied)
    changed = next((field for field in fields if field.unchanged is False and not field.applied), None)
    observation = VariantObservation.CHANGED if changed else VariantObservation.UNCHANGED
    return PatchComparison(observation, changed, possibly_applied)


def _compare_text(entry: StepState, letter: str, patch: Patch, row: RemoteVariant) -> FieldComparison:
    known = entry.variants[letter].content
    payload = _without_empty(known.payload if patch.payload is UNSET else patch.payload)
    note = known.task_note if patch.task_note is UNSET else patch.task_note
    in_doubt = entry.variants[letter].unsettled.keys() & {"payload", "task_note"}
    unchanged = text_is_ours(entry, letter, row)
    applied: bool | None = same_payload(entry.type, payload, row.payload, note, row.task_note)
    if (payload, note) == (_without_empty(known.payload), known.task_note) and not in_doubt:
        applied = unchanged  # the PATCH does not change the text
    elif row.task_note is None and (note != known.task_note or "task_note" in in_doubt):
        applied = applied and None
    elif unchanged and applied and payload != _without_empty(row.payload):
        applied = None
    return FieldComparison(("payload", "task_note"), unchanged, applied, _joined(row.payload), _joined(known.payload))


def _without_empty(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value not in ("", None)}


def _joined(payload: Mapping[str, Any]) -> str:
    return " / ".join(str(value) for value in _without_empty(payload).values())


def _compare_step_fields(entry: StepState, patch: Patch, step: RemoteStep) -> list[FieldComparison]:
    fields, in_doubt = [], entry.unsettled
    if patch.day is not UNSET:
        fields.append(_compare_value("day", step.day, (entry.day, *in_doubt.get("day", ())), patch.day))
    if patch.priority is not UNSET:
        priorities = (entry.priority or step.priority, *in_doubt.get("priority", ()))
        fields.append(_compare_value("priority", step.priority, priorities, patch.priority))
    if patch.assignee is not UNSET:
        before = entry.assignee if entry.assignee is not None else step.assignee
        assignees = (before, *in_doubt.get("assignee", ()))
        fields.append(_compare_value("assignee", step.assignee, assignees, patch.assignee))
    return fields


def _compare_variant_fields(entry: StepState, letter: str, patch: Patch, row: RemoteVariant) -> list[FieldComparison]:
    known = entry.variants[letter]
    fields = []
    if patch.attachments is not UNSET:
        remote = None if row.attachments is None else sorted(row.attachments)
        written = (known.content.attachments, *known.unsettled.get("attachments", ()))
        lists = [sorted(each) for each in written]
        fields.append(_compare_value("attachments", remote, lists, sorted(patch.attachments)))
    if patch.status is not UNSET:
        # Someone else who switched it did what the PATCH asks for; no text can be lost.
        applied = None if row.status is None else row.status == patch.status
        fields.append(FieldComparison(("status",), True, applied))
    return fields


def _compare_value(name: str, remote: Any, written: Sequence[Any], desired: Any) -> FieldComparison:
    """`written`: what was last applied, then what else a call of ours may have written."""
    if remote is None:
        return FieldComparison((name,), None, None)
    return FieldComparison((name,), remote in written, remote == desired, f"{name} {remote}", f"{name} {written[0]}")
