"""Reading the account: what is missing counts as gone after a second read, and inconsistent reads do not count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.build import call, email, entry, message
from support.engine import FakeApi
from support.scenario import remote_step
from support.states import FakeClock

from sequence_sync.apply.refresh import ReadRequest, RefreshResult, RemoteReader, check_account
from sequence_sync.errors import AccountError
from sequence_sync.provider.base import Answer, AnswerKind, ReadFailedError, RemoteSequence, RemoteStep

STATE = {"trial": entry(one=email(), two=message(4)), "other": entry("SEQ2", "Other", call=call(2))}
OWNED = {"SEQ1", "SEQ2"}
Account = dict[str, list[str]]
ALL: Account = {"SEQ1": ["one", "two"], "SEQ2": ["call"]}


class Wavering(FakeApi):
    """An account that is another one at each read of the list; the last one stays."""

    def __init__(self, *readings: Account) -> None:
        super().__init__()
        self.readings, self.lists = list(readings), 0

    def sequences(self, title: str | None = None) -> list[RemoteSequence]:
        """The list, with the ids of the steps."""
        now = self.readings[min(self.lists, len(self.readings) - 1)]
        self.lists += 1
        known = {row.id: row for row in STATE.values()}
        self.kept = {key: [remote_step(known[key].steps[name]) for name in names] for key, names in now.items()}
        return [
            RemoteSequence(key, known[key].title, False, tuple(step.id for step in steps))
            for key, steps in self.kept.items()
        ]


def look(api: FakeApi, by_list: bool = False) -> tuple[RefreshResult, float]:
    """Read once; return the result and how long it waited."""
    clock = FakeClock()
    return RemoteReader(api, clock, 120.0).read(ReadRequest(STATE, by_list=by_list), OWNED), sum(clock.slept)


@pytest.mark.parametrize("by_list", [False, True])
def test_one_read_is_enough_where_nothing_is_missing(by_list: bool) -> None:
    api = Wavering(ALL)
    read, waited = look(api, by_list)
    assert (waited, api.lists, api.reads, set(read.remote.sequences)) == (0, 1, 0 if by_list else 2, {"trial", "other"})


@pytest.mark.parametrize("by_list", [False, True])
def test_a_step_counts_as_gone_after_two_reads_a_settle_grace_apart(by_list: bool) -> None:
    api = Wavering({**ALL, "SEQ1": ["one"]})
    read, waited = look(api, by_list)
    assert (waited, api.lists, api.reads) == (120.0, 2, 0 if by_list else 3)
    assert read.remote.sequences["trial"].gone == {"SEQ1-two"}


def test_what_the_second_read_shows_is_not_gone() -> None:
    read, waited = look(Wavering({**ALL, "SEQ1": []}, ALL))
    assert (waited, read.remote.sequences["trial"].gone, read.unread) == (120.0, frozenset(), {})
    read, _ = look(Wavering({"SEQ2": ["call"]}, ALL))
    assert (read.remote.sequences["trial"].row is not None, read.remote.sequences["trial"].gone) == (True, frozenset())


def test_a_sequence_counts_as_gone_after_two_reads_a_settle_grace_apart() -> None:
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
def test_nothing_counts_as_gone_by_one_read(readings: tuple[Account, ...], gone: set[str] | None) -> None:
    read, _ = look(Wavering(*readings))
    assert set(read.unread) == ({"trial"} if gone is None else set())
    if gone is None:
        assert "trial" not in read.remote.sequences
        assert read.unread["trial"].exit_code == 1
    else:
        assert read.remote.sequences["trial"].gone == gone


def test_an_account_without_any_managed_sequence_is_refused_at_once() -> None:
    with pytest.raises(AccountError):
        look(Wavering({}))


def test_a_failed_read_of_one_sequence_leaves_the_others() -> None:
    api = Wavering(ALL)
    right = api.steps

    def failing(sequence_id: str) -> list[RemoteStep] | None:
        if sequence_id == "SEQ1":
            raise ReadFailedError("It broke.", Answer(AnswerKind.FAILED))
        return right(sequence_id)

    api.steps = failing  # type: ignore[method-assign]
    read, _ = look(api)
    assert (set(read.unread), set(read.remote.sequences)) == ({"trial"}, {"other"})


def test_steps_are_read_where_the_list_lacks_their_ids() -> None:
    api = Wavering(ALL)
    bare: Callable[[], list[RemoteSequence]] = api.sequences
    api.sequences = lambda title=None: [RemoteSequence(row.id, row.title, False) for row in bare()]  # type: ignore[method-assign]
    read, _ = look(api, by_list=True)
    assert (api.reads, read.remote.sequences["trial"].gone) == (2, frozenset())


@pytest.mark.parametrize(("host", "is_local"), [("127.0.0.1:8585", True), ("open-api.saleshandy.com", False)])
def test_error_about_an_empty_account_reminds_of_a_restarted_sandbox(host: str, is_local: bool) -> None:
    with pytest.raises(AccountError) as refused:
        check_account({"L1"}, [], host)
    assert ("seqsync sandbox -data FILE" in refused.value.hint) is is_local
