"""The look at the account: what is missing is believed after a second reading, and one that wavers is not believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.build import call, email, entry, message
from support.desk import told
from support.engine import FakeApi
from support.states import FakeClock

from sequence_sync.apply.refresh import ReadRequest, RefreshResult, RemoteReader
from sequence_sync.errors import AccountError
from sequence_sync.provider.base import Answer, AnswerKind, ReadFailedError, RemoteSequence, RemoteStep

STATE = {"trial": entry(one=email(), two=message(4)), "other": entry("SEQ2", "Other", call=call(2))}
OWNED = {"SEQ1", "SEQ2"}
Account = dict[str, list[str]]
ALL: Account = {"SEQ1": ["one", "two"], "SEQ2": ["call"]}


class Wavering(FakeApi):
    """An account that is another one at each reading of the list; the last one stays."""

    def __init__(self, *readings: Account) -> None:
        super().__init__()
        self.readings, self.lists = list(readings), 0

    def sequences(self, title: str | None = None) -> list[RemoteSequence]:
        """The list, with the ids of the steps."""
        now = self.readings[min(self.lists, len(self.readings) - 1)]
        self.lists += 1
        known = {row.id: row for row in STATE.values()}
        self.kept = {key: [told(known[key].steps[name]) for name in names] for key, names in now.items()}
        return [
            RemoteSequence(key, known[key].title, False, tuple(step.id for step in steps))
            for key, steps in self.kept.items()
        ]


def look(api: FakeApi, by_list: bool = False) -> tuple[RefreshResult, float]:
    """One look, and how long it waited."""
    clock = FakeClock()
    return RemoteReader(api, clock, 120.0).read(ReadRequest(STATE, by_list=by_list), OWNED), sum(clock.slept)


@pytest.mark.parametrize("by_list", [False, True])
def test_all_is_there(by_list: bool) -> None:
    """One reading is enough; of the list alone where that is asked for."""
    api = Wavering(ALL)
    read, waited = look(api, by_list)
    assert (waited, api.lists, api.reads, set(read.remote.sequences)) == (0, 1, 0 if by_list else 2, {"trial", "other"})


@pytest.mark.parametrize("by_list", [False, True])
def test_a_missing_step_is_gone_after_a_grace(by_list: bool) -> None:
    """Two readings, a grace apart, and only of the sequence that lacks it."""
    api = Wavering({**ALL, "SEQ1": ["one"]})
    read, waited = look(api, by_list)
    assert (waited, api.lists, api.reads) == (120.0, 2, 0 if by_list else 3)
    assert read.remote.sequences["trial"].gone == {"SEQ1-two"}


def test_a_list_that_lags_is_no_loss() -> None:
    """What the second reading shows was never gone."""
    read, waited = look(Wavering({**ALL, "SEQ1": []}, ALL))
    assert (waited, read.remote.sequences["trial"].gone, read.unread) == (120.0, frozenset(), {})
    read, _ = look(Wavering({"SEQ2": ["call"]}, ALL))
    assert (read.remote.sequences["trial"].row is not None, read.remote.sequences["trial"].gone) == (True, frozenset())


def test_a_missing_sequence_is_gone_after_a_grace() -> None:
    """As a step is."""
    read, waited = look(Wavering({"SEQ2": ["call"]}))
    assert (waited, read.remote.sequences["trial"].row, read.remote.sequences["trial"].gone) == (120.0, None, {"SEQ1"})


@pytest.mark.parametrize(
    ("readings", "gone"),
    [
        (({**ALL, "SEQ1": ["one"]}, {"SEQ2": ["call"]}, {"SEQ2": ["call"]}), {"SEQ1"}),
        (({**ALL, "SEQ1": ["one"]}, {"SEQ2": ["call"]}, {**ALL, "SEQ1": ["one"]}), None),
        (({"SEQ2": ["call"]}, {**ALL, "SEQ1": ["one"]}, {**ALL, "SEQ1": ["one"]}), {"SEQ1-two"}),
        (({**ALL, "SEQ1": ["one"]}, {**ALL, "SEQ1": []}, {**ALL, "SEQ1": []}), {"SEQ1-one", "SEQ1-two"}),
        (({**ALL, "SEQ1": ["one"]}, {**ALL, "SEQ1": ["two"]}, ALL), set()),
        (({**ALL, "SEQ1": ["one"]}, {**ALL, "SEQ1": ["two"]}, {**ALL, "SEQ1": ["one"]}), None),
    ],
)
def test_nothing_is_gone_by_one_reading(readings: tuple[Account, ...], gone: set[str] | None) -> None:
    """What only the last reading misses asks for one more; where they waver on, nothing is said of that sequence."""
    read, _ = look(Wavering(*readings))
    assert set(read.unread) == ({"trial"} if gone is None else set())
    if gone is None:
        assert "trial" not in read.remote.sequences
        assert read.unread["trial"].exit_code == 1
    else:
        assert read.remote.sequences["trial"].gone == gone


def test_none_of_ours_is_another_account() -> None:
    """4, before anything is waited for."""
    with pytest.raises(AccountError):
        look(Wavering({}))


def test_steps_that_cannot_be_read_are_named() -> None:
    """The other sequence is read all the same, and the failure is that sequence's."""
    api = Wavering(ALL)
    right = api.steps

    def failing(sequence_id: str) -> list[RemoteStep] | None:
        if sequence_id == "SEQ1":
            raise ReadFailedError("It broke.", Answer(AnswerKind.FAILED))
        return right(sequence_id)

    api.steps = failing  # type: ignore[method-assign]
    read, _ = look(api)
    assert (set(read.unread), set(read.remote.sequences)) == ({"trial"}, {"other"})


def test_a_list_without_the_ids_of_steps_is_not_enough() -> None:
    """Then the steps are read after all."""
    api = Wavering(ALL)
    bare: Callable[[], list[RemoteSequence]] = api.sequences
    api.sequences = lambda title=None: [RemoteSequence(row.id, row.title, False) for row in bare()]  # type: ignore[method-assign]
    read, _ = look(api, by_list=True)
    assert (api.reads, read.remote.sequences["trial"].gone) == (2, frozenset())
