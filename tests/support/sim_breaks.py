"""Ways to break the protocol of changes on purpose, each with a world in which that must be seen. See sim_mutations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.sim_mutations import Mutation, instead, send
from support.sim_world import Profile

from sequence_sync.apply import create as variants
from sequence_sync.apply import in_doubt as holding
from sequence_sync.apply import preflight as looking
from sequence_sync.apply import update as updating
from sequence_sync.apply.in_doubt import Evidence, Observation, PatchComparison, UpdateResolution, VariantObservation
from sequence_sync.plan import calls as wire
from sequence_sync.plan import schedule
from sequence_sync.plan.matching import adopted_step
from sequence_sync.plan.schedule import MovePlan

EMAILS = ("email", "email", "email", "message", "noted-call")
LIFE = Profile(life=True, updates=True, edits=9, steps=5, kinds=EMAILS)
UNCLEAR = replace(LIFE, faults=6, fault_kinds=("late", "lost-before", "lost-after", "status-late", "status-before"))
KILLED = replace(LIFE, crashes=4, points=30)
WATCHED = replace(LIFE, people=9, deeds=("edit", "move"))
MARKUP = replace(UNCLEAR, wraps=True)


def _both(*patches: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(monkeypatch)

    return patch


def _forgets_what_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another change of a variant goes out though an earlier one may still arrive."""
    monkeypatch.setattr(updating, "_await_given_up", lambda *given: None)


def _closes_what_was_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run knows nothing of what was given up and sent again."""
    real = updating.SequenceSession.give_up

    def give_up(place: Any, path: str, patch: Any, since: float, number: int) -> None:
        updating.close_intent(place, number, updating.CallResult.NOT_MADE)
        real(place, path, patch, since, number)
        place.given_up[path] = replace(place.given_up[path], numbers=())

    monkeypatch.setattr(updating.SequenceSession, "give_up", give_up)


def _believing(held: VariantObservation) -> Callable[..., PatchComparison]:
    """`hold` that takes what it cannot prove for `held`."""
    real = holding.compare_patch

    def hold(*given: Any) -> PatchComparison:
        found = real(*given)
        return (
            PatchComparison(held)
            if found.held is VariantObservation.OURS and held is VariantObservation.WANTED and _same_text(*given)
            else found
        )

    return hold


def _same_text(entry: Any, letter: str, patch: Any, step: Any) -> bool:
    sent, row = patch.values(), next(each for each in step.variants if each.id == entry.variants[letter].id)
    words = holding.same_payload(entry.type, sent.get("payload", {}), row.payload, "", None)
    return bool(words) and set(sent) <= {"payload"}


def _never_foreign(*given: Any) -> PatchComparison:
    found = REAL_HOLD(*given)
    return PatchComparison(VariantObservation.OURS) if found.held is VariantObservation.OTHER else found


REAL_HOLD = holding.compare_patch


def _only_equal_variants(step: Any, before: Any, kind: str, wanted: Any) -> Evidence:
    new = [row for row in step.variants if row.id not in before and variants._says(kind, row, wanted)] if step else []
    return Evidence(Observation.EQUAL, found_id=new[0].id) if len(new) == 1 else Evidence(Observation.NOTHING)


def _days_along(entry: Any, step: Any) -> Any:
    """A read of the ids of variants brings the day and the switches along."""
    found, same = adopted_step(step, entry.content, sent_by_us=True)
    return found if same else None


def _unordered(*given: Any, **more: Any) -> MovePlan:
    way = REAL_ROUTE(*given, **more)
    return replace(way, moves=way.moves[::-1])


REAL_ROUTE = schedule.plan_moves

BREAKS = (
    Mutation(
        "another change does not wait",
        _both(_forgets_what_was_given_up, _closes_what_was_repeated),
        replace(UNCLEAR, fault_kinds=("late",)),
    ),
    Mutation(
        "what was repeated is forgotten with the run",
        _closes_what_was_repeated,
        replace(UNCLEAR, fault_kinds=("late",), faults=9),
    ),
    Mutation("edits in the app are not looked for", instead(updating, "compare_patch", _never_foreign), WATCHED),
    Mutation(
        "markup is taken for read",
        instead(updating, "compare_patch", _believing(VariantObservation.WANTED)),
        MARKUP,
    ),
    Mutation(
        "an unclear change counts as made",
        instead(
            updating,
            "resolve_update",
            lambda *given: (UpdateResolution.UPDATED, PatchComparison(VariantObservation.WANTED)),
        ),
        UNCLEAR,
    ),
    Mutation(
        "a change made in part is forgotten",
        instead(wire, "marked", lambda step, *given: step),
        replace(KILLED, edits=20, steps=3, kinds=("email", "email", "message")),
    ),
    Mutation(
        "what no read tells counts as not made",
        instead(updating, "_marks", lambda *given: ()),
        replace(UNCLEAR, crashes=3, tells_rest=False, tells_days=False),
    ),
    Mutation("a change without an intent", instead(updating, "send_once", send(early=False, late=True)), KILLED),
    Mutation("a move is not seen before the next", instead(updating, "_confirm_day", lambda *given: None), LIFE),
    Mutation("days in another order", instead(schedule, "plan_moves", _unordered), LIFE),
    Mutation(
        "no fingerprint is no variant",
        instead(variants, "observe_variants", _only_equal_variants),
        replace(UNCLEAR, rewrites=0.6),
    ),
    Mutation(
        "ids of variants bring the day along",
        instead(looking, "with_variant_ids", _days_along),
        replace(WATCHED, tells_variants=False, life=False, crashes=3),
    ),
    Mutation(
        "a doubtful no is believed at once",
        instead(
            updating,
            "UPDATE_RESOLUTIONS",
            {
                **holding.UPDATE_RESOLUTIONS,
                (updating.Doubt.DOUBTFUL, False): dict.fromkeys(VariantObservation, UpdateResolution.REFUSED),
            },
        ),
        replace(UNCLEAR, fault_kinds=("status-late",), faults=9),
    ),
    Mutation(
        "a new variant is sent again unread",
        instead(variants, "_settle", lambda *given: (variants.CreateResolution.SEND, Evidence(Observation.NOTHING))),
        replace(UNCLEAR, fault_kinds=("lost-after",), faults=9),
    ),
)
