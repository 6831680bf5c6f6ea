"""Ways to break the protocol of changes on purpose, each with a world in which that must be seen. See sim_mutations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.sim_mutations import Mutation, instead, out_of_order
from support.sim_world import Profile

from sequence_sync.apply import create, in_doubt, preflight, send, update
from sequence_sync.apply.context import SequenceSession
from sequence_sync.apply.in_doubt import Doubt, Evidence, Observation, PatchComparison, Resolution, VariantObservation
from sequence_sync.plan import calls as wire
from sequence_sync.plan import differ, matching, schedule
from sequence_sync.plan.matching import adopted_step
from sequence_sync.plan.schedule import MovePlan
from sequence_sync.state.model import Delta

EMAILS = ("email", "email", "email", "message", "noted-call")
LIFE = Profile(life=True, updates=True, edits=9, steps=5, kinds=EMAILS)
UNCLEAR = replace(LIFE, faults=6, fault_kinds=("late", "lost-before", "lost-after", "status-late", "status-before"))
KILLED = replace(LIFE, crashes=4, points=30)
WATCHED = replace(LIFE, people=9, deeds=("edit", "move"))
REVERTED = replace(LIFE, reverts=True, edits=20, steps=3)
MERGED = Profile(losses=("merge",) * 3, reverts=True, edits=6, bound=10.0, kinds=("message",), steps=3)
MARKUP = replace(UNCLEAR, wraps=True)


def _both(*patches: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(monkeypatch)

    return patch


def _forgets_what_was_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another change of a variant goes out though an earlier one may still arrive."""
    monkeypatch.setattr(update, "_wait_for_abandoned", lambda *given: None)


def _closes_what_was_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run knows nothing of what was abandoned and sent again."""
    real = SequenceSession.abandon

    def abandon(place: Any, address: str, patch: Any, since: float, number: int) -> None:
        update.close_intent(place, number, update.CallResult.NOT_MADE)
        real(place, address, patch, since, number)
        place.abandoned[address] = replace(place.abandoned[address], numbers=())

    monkeypatch.setattr(SequenceSession, "abandon", abandon)


def _believing_markup(*given: Any) -> PatchComparison:
    """`compare_patch` that takes what looks the same for applied."""
    found = REAL_COMPARE_PATCH(*given)
    believed = found.observation is VariantObservation.UNCHANGED and _same_text(*given)
    return PatchComparison(VariantObservation.APPLIED) if believed else found


def _same_text(entry: Any, letter: str, patch: Any, step: Any) -> bool:
    sent, row = patch.values(), next(each for each in step.variants if each.id == entry.variants[letter].id)
    words = in_doubt.same_payload(entry.type, sent.get("payload", {}), row.payload, "", None)
    return bool(words) and set(sent) <= {"payload"}


def _never_foreign(*given: Any) -> PatchComparison:
    found = REAL_COMPARE_PATCH(*given)
    changed = found.observation is VariantObservation.CHANGED
    return PatchComparison(VariantObservation.UNCHANGED) if changed else found


REAL_COMPARE_PATCH = in_doubt.compare_patch


def _only_equal_variants(step: Any, before: Any, kind: str, desired: Any) -> Evidence:
    new = (
        [row for row in step.variants if row.id not in before and in_doubt.says_the_same_variant(kind, desired, row)]
        if step
        else []
    )
    return Evidence(Observation.MATCH, found_id=new[0].id) if len(new) == 1 else Evidence(Observation.ABSENT)


def _days_along(entry: Any, step: Any) -> Any:
    """A read of the ids of variants brings the day and the switches along."""
    found, same = adopted_step(step, entry.content, sent_by_us=True)
    return found if same else None


def _unordered(*given: Any, **more: Any) -> MovePlan:
    way = REAL_ROUTE(*given, **more)
    return replace(way, moves=way.moves[::-1])


REAL_ROUTE = schedule.plan_moves


def _blind_to_what_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that were forgotten or reported take no part in the comparison before a create."""
    real = SequenceSession.unmanaged_steps

    def unmanaged_steps(place: SequenceSession) -> Any:
        return [step for step in real(place) if step.id not in place.entry().named_ids]

    monkeypatch.setattr(SequenceSession, "unmanaged_steps", unmanaged_steps)
    _never_adopts_again(monkeypatch)


def _never_adopts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(differ, "_adopted_again", lambda *given: {})


def _stores_a_guess(place: Any, steps: Any, text: str) -> None:
    """Steps that are left alone count as declared not ours."""
    rows = {step.id: None for step in steps}
    if rows:
        head = place.entry().head.with_declared(rows)
        place.note("not ours", Delta(sequence=place.key, head=head))


BREAKS = (
    Mutation("forgotten and reported steps are not compared", _blind_to_what_was_named, REVERTED),
    Mutation("a guess is stored", instead(preflight, "_report", _stores_a_guess), MERGED),
    Mutation(
        "the same type and day is not asked about",
        instead(matching, "_similar", lambda step, contents: ()),
        replace(MERGED, losses=("back",) * 4),
    ),
    Mutation(
        "a PATCH does not wait for an abandoned one",
        _both(_forgets_what_was_abandoned, _closes_what_was_repeated),
        replace(UNCLEAR, fault_kinds=("late",)),
    ),
    Mutation(
        "abandoned PATCHes are closed too early",
        _closes_what_was_repeated,
        replace(UNCLEAR, fault_kinds=("late",), faults=9),
    ),
    Mutation("changes by hand are not found", instead(update, "compare_patch", _never_foreign), WATCHED),
    Mutation(
        "a read proves markup",
        instead(update, "compare_patch", _believing_markup),
        MARKUP,
    ),
    Mutation(
        "a PATCH in doubt counts as applied",
        instead(
            update,
            "resolve_update",
            lambda *given: (Resolution.APPLIED, PatchComparison(VariantObservation.APPLIED)),
        ),
        UNCLEAR,
    ),
    Mutation(
        "a partly applied change is forgotten",
        instead(wire, "mark_uncertain", lambda step, *given: step),
        replace(KILLED, edits=20, steps=3, kinds=("email", "email", "message")),
    ),
    Mutation(
        "what no read returns counts as not applied",
        instead(update, "possibly_applied", lambda *given: ()),
        replace(UNCLEAR, crashes=3, returns_rest=False, returns_days=False),
    ),
    Mutation("a PATCH without an intent", instead(send, "send_once", out_of_order(early=False, late=True)), KILLED),
    Mutation("a new day is not confirmed before the next", instead(update, "_confirm_day", lambda *given: None), LIFE),
    Mutation("days in another order", instead(schedule, "plan_moves", _unordered), LIFE),
    Mutation(
        "a rewritten variant counts as absent",
        instead(create, "observe_variants", _only_equal_variants),
        replace(UNCLEAR, rewrites=0.6),
    ),
    Mutation(
        "reading variant ids takes the day along",
        instead(preflight, "with_variant_ids", _days_along),
        replace(WATCHED, returns_variants=False, life=False, crashes=3),
    ),
    Mutation(
        "an ambiguous refusal counts at once",
        instead(
            update,
            "UPDATE_RESOLUTIONS",
            {
                **in_doubt.UPDATE_RESOLUTIONS,
                (Doubt.AMBIGUOUS_REFUSAL, False): dict.fromkeys(VariantObservation, Resolution.REFUSED),
            },
        ),
        replace(UNCLEAR, fault_kinds=("status-late",), faults=9),
    ),
    Mutation(
        "a variant is sent again without a read",
        instead(create.VariantCreate, "resolve", lambda *given: (Resolution.RESEND, Evidence(Observation.ABSENT))),
        replace(UNCLEAR, fault_kinds=("lost-after",), faults=9),
    ),
)
