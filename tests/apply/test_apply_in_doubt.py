"""The settling table, cell by cell, with real evidence; and how long it waits."""

from __future__ import annotations

import pytest
from support.build import call, email, message
from support.engine import remote
from support.states import FakeClock

from sequence_sync.apply.context import TRIES_UNREAD, ApplyContext
from sequence_sync.apply.in_doubt import (
    CREATE_RESOLUTIONS,
    CreateResolution,
    Doubt,
    Evidence,
    Observation,
    observe_sequences,
    observe_steps,
)
from sequence_sync.errors import WaitExhaustedError
from sequence_sync.provider.base import Answer, AnswerKind, ReadFailedError, RemoteSequence, RemoteStep

OURS = message(2, "Thanks for connecting, did you see our note")
OTHERS = message(2, "Thanks for connecting, did you see this other thing")
READS: dict[Observation, list[RemoteStep] | None] = {
    Observation.NOTHING: [remote("old", OURS)],
    Observation.EQUAL: [remote("old", OURS), remote("new", OURS), remote("mail", email(9))],
    Observation.OTHER: [remote("new", OTHERS)],
    Observation.STRANGERS: [remote("new", email(9, "Nothing alike"))],
    Observation.UNREAD: None,
}
WAIT, ADOPT, ASK, SEND, CLOSE, REFUSED = (
    CreateResolution.WAIT,
    CreateResolution.ADOPT,
    CreateResolution.ASK,
    CreateResolution.SEND,
    CreateResolution.CLOSE,
    CreateResolution.REFUSED,
)
# In the order of Seen: nothing, equal, other, strangers, unread.
EXPECTED = {
    (Doubt.UNKNOWN, False): (WAIT, ADOPT, WAIT, WAIT, WAIT),
    (Doubt.DOUBTFUL, False): (WAIT, ADOPT, WAIT, WAIT, WAIT),
    (Doubt.OPEN, False): (WAIT, ADOPT, WAIT, WAIT, WAIT),
    (Doubt.UNKNOWN, True): (SEND, ADOPT, ASK, CLOSE, ASK),
    (Doubt.DOUBTFUL, True): (REFUSED, ADOPT, ASK, REFUSED, ASK),
    (Doubt.OPEN, True): (CLOSE, ADOPT, ASK, CLOSE, ASK),
}
CELLS = [(stand, over, seen) for stand, over in EXPECTED for seen in Observation]


@pytest.mark.parametrize(("stand", "over", "seen"), CELLS)
def test_each_cell_of_the_table(stand: Doubt, over: bool, seen: Observation) -> None:
    """A read that shows this, for a create that stands so, before or after the grace, means that."""
    evidence = observe_steps(READS[seen], {"old"}, OURS)
    assert evidence.seen is seen
    assert CREATE_RESOLUTIONS[stand, over][evidence.seen] is EXPECTED[stand, over][list(Observation).index(seen)]


def context(clock: FakeClock, settle_grace: float = 120.0) -> ApplyContext:
    """Only what settling needs."""
    return ApplyContext(api=None, manager=None, lock=None, clock=clock, settle_grace=settle_grace, run="r")  # type: ignore[arg-type]


def test_waits_at_widening_gaps_until_the_grace_is_over() -> None:
    """Nothing new is looked for again and again, and the last look begins when the grace has passed."""
    clock = FakeClock()
    since = clock.now()
    decision, _ = context(clock).settle(Doubt.UNKNOWN, since, lambda: Evidence(Observation.NOTHING))
    assert decision is SEND
    assert clock.slept[:3] == [1.0, 2.0, 4.0]
    assert clock.now() - since == 120.0


def test_the_first_match_ends_the_wait() -> None:
    """What is found at the third look is adopted at once."""
    clock = FakeClock()
    looks = iter(
        [Evidence(Observation.NOTHING), Evidence(Observation.OTHER), Evidence(Observation.EQUAL, found_id="new")]
    )
    decision, evidence = context(clock).settle(Doubt.OPEN, clock.now(), lambda: next(looks))
    assert (decision, evidence.found_id, clock.slept) == (ADOPT, "new", [1.0, 2.0])


def test_reads_that_fail_are_tried_again_before_a_person_is_asked() -> None:
    """After the grace some looks may still fail; only then it is a person's turn."""
    clock, failed = FakeClock(), []

    def fails() -> Evidence:
        failed.append(clock.now())
        raise ReadFailedError("no", Answer(AnswerKind.FAILED))

    decision, _ = context(clock, settle_grace=0.0).settle(Doubt.UNKNOWN, clock.now(), fails)
    assert (decision, len(failed)) == (ASK, TRIES_UNREAD)


def test_no_time_left_to_read_asks() -> None:
    """A waiting budget that is used up leaves the create open for a person."""

    def exhausted() -> Evidence:
        raise WaitExhaustedError("no time")

    clock = FakeClock()
    assert context(clock).settle(Doubt.UNKNOWN, clock.now(), exhausted)[0] is ASK


def test_rewritten_text_is_no_proof_of_absence() -> None:
    """A new step of the type and day that says something else may be ours, rewritten: never nothing."""
    read = [remote("new", message(2, "entirely different words here"))]
    assert observe_steps(read, set(), OURS).seen is Observation.OTHER
    moved = [remote("new", message(7, "entirely different words here"))]
    assert observe_steps(moved, set(), OURS).seen is Observation.STRANGERS


def test_two_equal_ones_are_not_guessed_between() -> None:
    """Two new steps that could be ours are told with both ids."""
    evidence = observe_steps([remote("one", call(1)), remote("two", call(1))], set(), call(1))
    assert (evidence.seen, evidence.candidates) == (Observation.OTHER, ("one", "two"))


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        (RemoteSequence("new", " TRIAL ", False), Observation.EQUAL),
        (RemoteSequence("new", "Trial", True), Observation.OTHER),
        (RemoteSequence("new", "Trial", False, ("s1",)), Observation.OTHER),
        (RemoteSequence("new", "Another", False), Observation.NOTHING),
        (RemoteSequence("old", "Trial", False), Observation.NOTHING),
    ],
)
def test_a_sequence_is_ours_only_new_inactive_and_empty(row: RemoteSequence, seen: Observation) -> None:
    """A sequence of the title is adopted only if it is new, inactive and empty."""
    assert observe_sequences([row], {"old"}, "Trial").seen is seen
