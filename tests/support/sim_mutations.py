"""Ways to break the protocol on purpose, each with a world in which that must be seen.

A mutation patches the engine (or the disk below it) and nothing of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from support.sim_disk import SimBackend, SimLock, SimStore
from support.sim_line import TIMEOUT
from support.sim_world import Profile

from sequence_sync.apply import context, create, executor, in_doubt, preflight, send, update
from sequence_sync.apply.in_doubt import Doubt, Evidence, Observation, Resolution
from sequence_sync.plan import matching as matching
from sequence_sync.plan.matching import Matches
from sequence_sync.provider.base import CERTAINLY_NOT_MADE, AnswerKind
from sequence_sync.provider.requests import request_of
from sequence_sync.state import manager as manager
from sequence_sync.state.journal import CallResult, DamagedRecord, OutcomeRecord

Patch = Callable[[pytest.MonkeyPatch], None]
LOST = Profile(faults=3, fault_kinds=("late", "lost-after", "status-late"), steps=4, kinds=("message",))
CUT = Profile(crashes=3, steps=4, kinds=("message", "noted-call"))
STOPPED = Profile(stops=3, faults=3, fault_kinds=("late",), kinds=("message",), steps=3)
FORGOTTEN = Profile(losses=("journal",) * 4, crashes=4, points=40, bound=10.0, edits=4, kinds=("message",), steps=3)


@dataclass(frozen=True)
class Mutation:
    """One break: how, and where it shows."""

    name: str
    patch: Patch
    profile: Profile


def _table(doubt: Doubt, over: bool, observation: Observation, resolution: Resolution) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        row = {**in_doubt.CREATE_RESOLUTIONS[doubt, over], observation: resolution}
        monkeypatch.setattr(in_doubt, "CREATE_RESOLUTIONS", {**in_doubt.CREATE_RESOLUTIONS, (doubt, over): row})

    return patch


def instead(home: object, name: str, value: object) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(home, name, value)


def _no_fsync(backend: SimBackend, data: bytes) -> None:
    backend.store.pending += data


def out_of_order(*, early: bool, late: bool) -> Callable[..., Any]:
    """`send_once`, with the intent after the call (`late`) or its outcome before it (`early`)."""

    def changed(write: Any) -> Any:
        context, intent = write.session.context, write.intent()
        written: list[int] = []

        def note() -> None:
            written.append(context.manager.append(intent))

        def before() -> None:
            write.session.check_stop()
            write.guard()
            if not late:
                note()
            if early:
                context.manager.append(OutcomeRecord(of=written[0], result=CallResult.REFUSED))

        context.emit("sending", intent.address)
        answer = context.api.write(write.request, before)
        if late:
            note()
        return written[0], answer

    return changed


def _only_fingerprints(read: Any, before: Any, content: Any) -> Evidence:
    new = [step for step in read if step.id not in before and matching.says_the_same(step, content)]
    return (
        Evidence(Observation.MATCH, found=new[0], found_id=new[0].id) if len(new) == 1 else Evidence(Observation.ABSENT)
    )


def _without_comparing(read: Any, before: Any, content: Any) -> Evidence:
    new = [step for step in read if step.id not in before]
    return Evidence(Observation.MATCH, found=new[0], found_id=new[0].id) if new else Evidence(Observation.ABSENT)


def _from_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    real = create.resolve_create

    def earlier(where: Any, doubt: Doubt, since: float, observe: Any) -> Any:
        return real(where, doubt, since - TIMEOUT, observe)

    monkeypatch.setattr(create, "resolve_create", earlier)


def _sends_while_resolving(monkeypatch: pytest.MonkeyPatch) -> None:
    real = update.resolve_interrupted_create

    def resolve_and_send(place: Any, intent: Any, since: float) -> None:
        real(place, intent, since)
        path = f"/sequences/{place.id}/steps" if intent.content else "/sequences"
        place.context.emit("sending", intent.address)
        place.context.api.write(request_of("POST", path, intent.body), lambda: None)

    monkeypatch.setattr(executor, "resolve_interrupted", resolve_and_send)


def _drops_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    real = manager.decode_records

    def lenient(*given: Any) -> list[Any]:
        return [record for record in real(*given) if not isinstance(record, DamagedRecord)]

    monkeypatch.setattr(manager, "decode_records", lenient)


def _resends(kinds: frozenset[AnswerKind]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        real = send.after_refusal

        def refused(place: Any, number: int, answer: Any, sends: int) -> int:
            if answer.kind in kinds:
                send.close_intent(place, number, CallResult.REFUSED)
                return 1
            return int(real(place, number, answer, sends))

        monkeypatch.setattr(send, "CERTAINLY_NOT_MADE", CERTAINLY_NOT_MADE | kinds)
        monkeypatch.setattr(send, "after_refusal", refused)

    return patch


def _no_first_read(place: Any) -> None:
    if not place.is_recorded:
        place.read()
        place.seen_ids = {step.id for step in place.steps}
        place.write_sequence_record()


def _compares_nothing_before_a_create(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the preflight read nor the check directly before the create compares what is there."""
    monkeypatch.setattr(create, "preflight_read", _no_first_read)
    monkeypatch.setattr(create, "adopt_or_ask", lambda session: [])


def _looks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    real = matching.match_steps

    def blind(*given: Mapping[str, Any]) -> Matches:
        found = real(*given)
        return replace(found, duplicates=(), unmanaged=(*found.unmanaged, *(step for _, step in found.duplicates)))

    monkeypatch.setattr(preflight, "match_steps", blind)


def _believes_ids(place: Any, request: Any, answer: Any, known: set[str]) -> Any:
    if answer.kind is not AnswerKind.OK:
        return None
    try:
        return place.context.api.dialect.created(request, answer.payload)
    except ValueError:
        return None


class CarelessLock(SimLock):
    """A lock that refuses no owner."""

    def check(self) -> None:
        """Accept."""


def _shared_lock(backend: SimBackend, info: Any, timeout: float, clock: Any) -> SimLock:
    store: SimStore = backend.store
    store.holder = store.holder or info
    return CarelessLock(store, info, False)


def _backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    real = executor.SequenceExecutor

    def reversed_run(where: Any, key: str, changes: list[Any]) -> Any:
        steps = [row for row in changes if row.step is not None]
        return real(where, key, [row for row in changes if row.step is None] + steps[::-1])

    monkeypatch.setattr(executor, "SequenceExecutor", reversed_run)


TWO = Profile(appliers=2, two_states=True, steps=6, people=3, deeds=("add-bare", "add"), limit=4)
MUTATIONS = (
    Mutation("no fsync", instead(SimBackend, "put_down", _no_fsync), CUT),
    Mutation(
        "the intent is written after the call",
        instead(send, "send_once", out_of_order(early=False, late=True)),
        CUT,
    ),
    Mutation(
        "the outcome is written before the answer",
        instead(send, "send_once", out_of_order(early=True, late=False)),
        STOPPED,
    ),
    Mutation(
        "a 5xx means not made",
        _resends(frozenset({AnswerKind.FAILED})),
        replace(LOST, fault_kinds=("status-after", "status-late")),
    ),
    Mutation(
        "any 4xx is sent again",
        _resends(frozenset({AnswerKind.REFUSED, AnswerKind.MISSING})),
        replace(LOST, fault_kinds=("status-after", "status-late")),
    ),
    Mutation(
        "a rewritten text counts as absent",
        instead(create, "observe_steps", _only_fingerprints),
        replace(LOST, rewrites=0.6),
    ),
    Mutation(
        "a new step is adopted without comparing",
        instead(create, "observe_steps", _without_comparing),
        replace(LOST, fault_kinds=("lost-before",), people=12, deeds=("add",)),
    ),
    Mutation("the settle grace begins with the call", _from_the_send, LOST),
    Mutation("one read proves absence", _table(Doubt.NO_ANSWER, False, Observation.ABSENT, Resolution.RESEND), LOST),
    Mutation(
        "an ambiguous step counts as absent",
        _table(Doubt.NO_ANSWER, True, Observation.AMBIGUOUS, Resolution.RESEND),
        replace(LOST, rewrites=0.6),
    ),
    Mutation("resolving sends a call", _sends_while_resolving, replace(CUT, faults=2, fault_kinds=("lost-before",))),
    Mutation("a damaged record is dropped", _drops_damage, replace(STOPPED, losses=("damage", "damage"), crashes=1)),
    Mutation("no comparison before the first write", _compares_nothing_before_a_create, FORGOTTEN),
    Mutation(
        "no wait after an interrupted run",
        instead(executor.Executor, "_wait_for_interrupted", lambda engine, runs: None),
        FORGOTTEN,
    ),
    Mutation(
        "a known id in an answer is accepted",
        instead(create, "created_by", _believes_ids),
        Profile(faults=3, fault_kinds=("known-id",), people=3, deeds=("add",), crashes=2),
    ),
    Mutation(
        "taken titles are not found",
        instead(create, "_ids_with_title", lambda place, title, listed: ()),
        Profile(people=2, deeds=("title",), crashes=1, sequences=2),
    ),
    Mutation("a read is valid without end", instead(context, "READ_VALID_FOR", 1e9), TWO),
    Mutation("duplicates are not reported", _looks_away, replace(LOST, late=True, kinds=("message",))),
    Mutation("two runs hold one lock", instead(SimBackend, "lock", _shared_lock), Profile(appliers=2)),
    Mutation("creates in another order", _backwards, Profile()),
)
