"""The table of creates in doubt, cell by cell, and the loop that waits."""

from __future__ import annotations

import pytest
from support.build import call, email, message
from support.engine import remote
from support.states import FakeClock

from sequence_sync.apply.context import ApplyContext
from sequence_sync.apply.in_doubt import (
    CREATE_RESOLUTIONS,
    TRIES_UNREAD,
    UPDATE_RESOLUTIONS,
    Doubt,
    Evidence,
    Observation,
    PatchComparison,
    Resolution,
    VariantObservation,
    observe_sequences,
    observe_steps,
    observe_variants,
    poll,
    resolve,
    resolve_create,
)
from sequence_sync.errors import WaitExhaustedError
from sequence_sync.model.report import Event
from sequence_sync.provider.base import Answer, AnswerKind, ReadFailedError, RemoteSequence, RemoteStep

OURS = message(2, "Thanks for connecting, did you see our note")
OTHERS = message(2, "Thanks for connecting, did you see this other thing")
READS: dict[Observation, list[RemoteStep]] = {
    Observation.ABSENT: [remote("old", OURS)],
    Observation.MATCH: [remote("old", OURS), remote("new", OURS), remote("mail", email(9))],
    Observation.AMBIGUOUS: [remote("new", OTHERS)],
    Observation.UNRELATED: [remote("new", email(9, "Nothing alike"))],
}
WAIT, APPLIED, ASK = Resolution.WAIT, Resolution.APPLIED, Resolution.ASK
RESEND, CLOSE, REFUSED = Resolution.RESEND, Resolution.CLOSE, Resolution.REFUSED
# In the order of Observation: absent, match, ambiguous, unrelated, unreadable.
EXPECTED = {
    (Doubt.NO_ANSWER, False): (WAIT, APPLIED, WAIT, WAIT, WAIT),
    (Doubt.AMBIGUOUS_REFUSAL, False): (WAIT, APPLIED, WAIT, WAIT, WAIT),
    (Doubt.INTERRUPTED, False): (WAIT, APPLIED, WAIT, WAIT, WAIT),
    (Doubt.NO_ANSWER, True): (RESEND, APPLIED, ASK, CLOSE, ASK),
    (Doubt.AMBIGUOUS_REFUSAL, True): (REFUSED, APPLIED, ASK, REFUSED, ASK),
    (Doubt.INTERRUPTED, True): (CLOSE, APPLIED, ASK, CLOSE, ASK),
}
CELLS = [(doubt, over, observation) for doubt, over in EXPECTED for observation in Observation]


@pytest.mark.parametrize(("doubt", "over", "observation"), CELLS)
def test_each_cell_of_the_table_resolves_as_documented(doubt: Doubt, over: bool, observation: Observation) -> None:
    if observation in READS:
        assert observe_steps(READS[observation], {"old"}, OURS).observation is observation
    index = list(Observation).index(observation)
    assert CREATE_RESOLUTIONS[doubt, over][observation] is EXPECTED[doubt, over][index]


class Events:
    """An observer that keeps what it receives."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


def context(clock: FakeClock, settle_grace: float = 120.0, events: Events | None = None) -> ApplyContext:
    """Only what the loop needs."""
    return ApplyContext(
        api=None,  # type: ignore[arg-type]
        manager=None,  # type: ignore[arg-type]
        lock=None,  # type: ignore[arg-type]
        clock=clock,
        settle_grace=settle_grace,
        run="r",
        observer=events or Events(),
    )


def test_reads_at_widening_gaps_until_the_settle_grace_is_over() -> None:
    clock = FakeClock()
    since = clock.now()
    absent = Evidence(Observation.ABSENT)
    resolution, _ = resolve_create(context(clock), Doubt.NO_ANSWER, since, lambda: absent)
    assert resolution is RESEND
    assert clock.slept[:3] == [1.0, 2.0, 4.0]
    assert clock.now() - since == 120.0


def test_the_wait_is_announced_once_before_it_begins_with_its_length() -> None:
    clock, events = FakeClock(), Events()
    began: list[float] = []

    def observe() -> Evidence:
        began.append(clock.now())
        return Evidence(Observation.ABSENT)

    resolve_create(context(clock, events=events), Doubt.INTERRUPTED, clock.now(), observe)
    (event,) = events.events
    assert (event.kind, event.seconds) == ("wait", 120.0)
    assert event.text == (
        "The last run was interrupted. Waiting up to 120 s for its last request to arrive, so that nothing is created "
        "twice (setting: settle_grace)."
    )
    assert len(began) > 3


def test_nothing_is_announced_where_nothing_is_awaited() -> None:
    clock, events = FakeClock(), Events()
    assert poll(context(clock, events=events), clock.now(), "Waiting {seconds} s.", lambda over: not over) is True
    assert (clock.slept, events.events) == ([], [])


def test_the_first_match_ends_the_wait() -> None:
    clock = FakeClock()
    reads = iter(
        [Evidence(Observation.ABSENT), Evidence(Observation.AMBIGUOUS), Evidence(Observation.MATCH, found_id="new")]
    )
    resolution, evidence = resolve_create(context(clock), Doubt.INTERRUPTED, clock.now(), lambda: next(reads))
    assert (resolution, evidence.found_id, clock.slept) == (APPLIED, "new", [1.0, 2.0])


def test_reads_that_fail_are_tried_again_before_a_person_is_asked() -> None:
    clock, failed = FakeClock(), []

    def fails() -> Evidence:
        failed.append(clock.now())
        raise ReadFailedError("no", Answer(AnswerKind.FAILED))

    resolution, _ = resolve_create(context(clock, settle_grace=0.0), Doubt.NO_ANSWER, clock.now(), fails)
    assert (resolution, len(failed)) == (ASK, TRIES_UNREAD)


def test_the_first_good_read_after_failed_ones_decides_about_a_patch() -> None:
    clock, events = FakeClock(), Events()
    reads = iter([None, PatchComparison(VariantObservation.UNCHANGED)])

    def observe() -> PatchComparison:
        read = next(reads)
        if read is None:
            raise ReadFailedError("no", Answer(AnswerKind.FAILED))
        return read

    resolution, _ = resolve(
        context(clock, settle_grace=0.0, events=events),
        UPDATE_RESOLUTIONS,
        Doubt.NO_ANSWER,
        clock.now(),
        observe,
        PatchComparison(VariantObservation.UNREADABLE),
    )
    assert (resolution, clock.slept) == (RESEND, [1.0])
    assert [event.text for event in events.events] == ["Saleshandy could not be read. Trying again in 1 s."]


def test_a_variant_whose_step_is_missing_is_not_waited_for_without_end() -> None:
    clock = FakeClock()
    desired = email(1).variants["a"]
    resolution, _ = resolve_create(
        context(clock), Doubt.NO_ANSWER, clock.now(), lambda: observe_variants(None, set(), "email", desired)
    )
    assert resolution is ASK


def test_a_person_is_asked_where_no_time_is_left_to_read() -> None:
    clock = FakeClock()

    def exhausted() -> Evidence:
        raise WaitExhaustedError("no time")

    assert resolve_create(context(clock), Doubt.NO_ANSWER, clock.now(), exhausted)[0] is ASK


def test_rewritten_text_is_no_proof_of_absence() -> None:
    read = [remote("new", message(2, "entirely different words here"))]
    assert observe_steps(read, set(), OURS).observation is Observation.AMBIGUOUS
    moved = [remote("new", message(7, "entirely different words here"))]
    assert observe_steps(moved, set(), OURS).observation is Observation.UNRELATED


def test_two_equal_steps_are_both_candidates() -> None:
    evidence = observe_steps([remote("one", call(1)), remote("two", call(1))], set(), call(1))
    assert (evidence.observation, evidence.candidates) == (Observation.AMBIGUOUS, ("one", "two"))


@pytest.mark.parametrize(
    ("row", "observation"),
    [
        (RemoteSequence("new", " TRIAL ", False), Observation.MATCH),
        (RemoteSequence("new", "Trial", True), Observation.AMBIGUOUS),
        (RemoteSequence("new", "Trial", False, ("s1",)), Observation.AMBIGUOUS),
        (RemoteSequence("new", "Another", False), Observation.ABSENT),
        (RemoteSequence("old", "Trial", False), Observation.ABSENT),
    ],
)
def test_a_sequence_matches_only_if_new_inactive_and_empty(row: RemoteSequence, observation: Observation) -> None:
    assert observe_sequences([row], {"old"}, "Trial").observation is observation
