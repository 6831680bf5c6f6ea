"""The contract of a state backend, seen through two handles to one store.

It runs on every backend of the registry and on the one in memory, so a new row there is tested without a line here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.states import FakeClock, info

from sequence_sync import registry
from sequence_sync.errors import LockLostError, StateError, StateLockedError
from sequence_sync.registry import backend_for
from sequence_sync.state.backends.base import NotLockedError, StateBackend, StoredState, WriteConflictError
from sequence_sync.state.backends.memory import MemoryBackend, MemoryStore

Handle = Callable[[], StateBackend]


# Returns a factory of handles to one fresh store.
Place = Callable[[Path], Handle]


def _memory(_: Path) -> Handle:
    store = MemoryStore()
    return lambda: MemoryBackend(store)


def _registered(scheme: str) -> Place:
    """The backend that the registry has for `scheme`, with its state below the test's own directory."""

    def place(folder: Path) -> Handle:
        return lambda: backend_for(f"{scheme}://{folder}/state.json", folder, folder / ".seqsync")

    return place


BACKENDS = {scheme: _registered(scheme) for scheme in registry.BACKENDS} | {"memory": _memory}


@pytest.fixture(params=sorted(BACKENDS))
def handle(request: pytest.FixtureRequest, tmp_path: Path) -> Handle:
    """A factory of handles to one fresh store of each backend in turn."""
    return BACKENDS[request.param](tmp_path)


def test_nothing_at_first(handle: Handle) -> None:
    """A fresh place has no state, no journal and no holder, and a name."""
    backend = handle()
    assert backend.read() is None
    assert backend.journal() == b""
    assert backend.holder() is None
    assert backend.describe()


def test_written_is_read(handle: Handle) -> None:
    """What one handle wrote the other reads, with the version that the write told."""
    one, two = handle(), handle()
    version = one.write(b"1", None, "w1")
    assert two.read() == StoredState(b"1", version)
    later = two.write(b"2", version, "w2")
    assert later != version
    assert one.read() == StoredState(b"2", later)


def test_a_big_state(handle: Handle) -> None:
    """A state of some megabytes, with every byte value, comes back whole."""
    data = bytes(range(256)) * 20_000
    handle().write(data, None, "w1")
    stored = handle().read()
    assert stored is not None
    assert stored.data == data


@pytest.mark.parametrize("expected", [None, "no such version"])
def test_write_conflict(handle: Handle, expected: str | None) -> None:
    """A write that expects something else writes nothing."""
    one, two = handle(), handle()
    one.write(b"1", None, "w1")
    with pytest.raises(WriteConflictError):
        two.write(b"2", expected, "w2")
    assert two.read() == one.read()
    stored = one.read()
    assert stored is not None
    assert stored.data == b"1"


def test_write_where_something_was_expected(handle: Handle) -> None:
    """A write that expects a version where nothing stands is a conflict too."""
    with pytest.raises(WriteConflictError):
        handle().write(b"1", "some version", "w1")
    assert handle().read() is None


def test_own_write_is_no_conflict(handle: Handle) -> None:
    """A write that is sent twice, because its answer was lost, finds itself and succeeds."""
    one = handle()
    version = one.write(b"1", None, "w1")
    assert one.write(b"1", None, "w1") == version
    newer = one.write(b"2", version, "w2")
    assert one.write(b"2", version, "w2") == newer


def test_an_old_own_write_does_not_win_later(handle: Handle) -> None:
    """A write that arrives once more after another one is a conflict."""
    one, two = handle(), handle()
    version = one.write(b"1", None, "w1")
    two.write(b"2", version, "w2")
    with pytest.raises(WriteConflictError):
        one.write(b"1", None, "w1")


def test_one_of_many_writers_wins(handle: Handle) -> None:
    """Of several writers with one expectation the first wins and the others are told."""
    handles = [handle() for _ in range(4)]
    version = handles[0].write(b"begin", None, "w")
    results: list[str] = []
    for place, backend in enumerate(handles):
        try:
            backend.write(str(place).encode(), version, f"w{place}")
            results.append("won")
        except WriteConflictError:
            results.append("lost")
    assert results == ["won", "lost", "lost", "lost"]


def test_journal_grows(handle: Handle) -> None:
    """Appended lines stand in their order, for every handle."""
    one, two = handle(), handle()
    for line in (b"a\n", b"b\n", b"c\n"):
        one.append(line)
    assert two.journal() == b"a\nb\nc\n"


def test_journal_is_replaced(handle: Handle) -> None:
    """A replaced journal holds only the new bytes, and growing goes on after them."""
    backend = handle()
    backend.append(b"a\n")
    backend.replace_journal(b"b\n")
    assert handle().journal() == b"b\n"
    backend.append(b"c\n")
    assert handle().journal() == b"b\nc\n"
    backend.replace_journal(b"")
    assert handle().journal() == b""


def test_nothing_after_a_torn_tail(handle: Handle) -> None:
    """A journal that ends in the middle of a line gets nothing more until it is replaced."""
    handle().replace_journal(b"a\nb")
    with pytest.raises(StateError, match="incomplete record"):
        handle().append(b"c\n")
    assert handle().journal() == b"a\nb"
    handle().replace_journal(b"a\n")
    handle().append(b"c\n")
    assert handle().journal() == b"a\nc\n"


def test_journal_and_state_are_apart(handle: Handle) -> None:
    """Neither changes the other."""
    backend = handle()
    version = backend.write(b"1", None, "w1")
    backend.append(b"a\n")
    assert backend.read() == StoredState(b"1", version)
    backend.write(b"2", version, "w2")
    assert backend.journal() == b"a\n"


def test_history_grows(handle: Handle) -> None:
    """A fresh place has no history; what is appended stands behind what was there, for every handle."""
    one, two = handle(), handle()
    assert one.history() == b""
    one.append_history(b"a\nb\n")
    two.append_history(b"c\n")
    assert one.history() == two.history() == b"a\nb\nc\n"


def test_history_goes_on_after_a_torn_line(handle: Handle) -> None:
    """What a cut-off run left of a line stays as it is, and the next line stands on one of its own."""
    handle().append_history(b"a\ntor")
    handle().append_history(b"b\n")
    handle().append_history(b"c\n")
    assert handle().history() == b"a\ntor\nb\nc\n"


def test_history_is_apart(handle: Handle) -> None:
    """Neither state nor journal changes the history, and a cut journal takes nothing from it."""
    backend = handle()
    backend.append_history(b"a\n")
    backend.append(b"j\n")
    version = backend.write(b"1", None, "w1")
    backend.replace_journal(b"")
    assert backend.history() == b"a\n"
    backend.append_history(b"b\n")
    assert backend.journal() == b""
    assert backend.read() == StoredState(b"1", version)


def test_lock_keeps_others_out(handle: Handle) -> None:
    """Who comes second is told who holds the lock, since when and for what, and waits not at all if not asked to."""
    one, two, clock = handle(), handle(), FakeClock()
    one.lock(info("lock-1", created=clock.wall() - 200), 0, clock)
    with pytest.raises(StateLockedError) as refused:
        two.lock(info("lock-2"), 0, clock)
    told = str(refused.value)
    assert refused.value.exit_code == 8
    assert all(word in told for word in ("lock-1", "anna", "her-laptop", "4711", "apply", "3 minutes"))
    assert clock.slept == []
    assert two.holder() == info("lock-1", created=clock.wall() - 200)


def test_lock_is_not_shared_within_a_handle(handle: Handle) -> None:
    """One handle cannot lock twice."""
    backend = handle()
    backend.lock(info("lock-1"), 0, FakeClock())
    with pytest.raises(StateLockedError):
        backend.lock(info("lock-2"), 0, FakeClock())


def test_lock_is_free_after_release(handle: Handle) -> None:
    """A released lock has no holder, the next one gets it at once, and it is no take-over."""
    one, two = handle(), handle()
    lock = one.lock(info("lock-1"), 0, FakeClock())
    assert lock.id == "lock-1"
    assert not lock.taken_over
    lock.check()
    lock.release()
    lock.release()
    assert two.holder() is None
    assert not two.lock(info("lock-2"), 0, FakeClock()).taken_over


def test_lock_waits_as_long_as_told(handle: Handle) -> None:
    """With a timeout the second polls until it is over, and no longer."""
    clock = FakeClock()
    lock = handle().lock(info("lock-1"), 0, clock)
    with pytest.raises(StateLockedError):
        handle().lock(info("lock-2"), 5.0, clock)
    assert sum(clock.slept) == pytest.approx(5.0)
    assert len(clock.slept) > 5
    lock.check()


def test_lock_is_got_while_waiting(handle: Handle) -> None:
    """A lock that is released meanwhile goes to the one who waits."""

    class Releasing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            lock.release()

    lock = handle().lock(info("lock-1"), 0, FakeClock())
    clock = Releasing()
    assert handle().lock(info("lock-2"), 60.0, clock).id == "lock-2"
    assert len(clock.slept) == 1


def test_a_released_lock_is_lost(handle: Handle) -> None:
    """The check of a lock that somebody else has by now refuses, and its release takes nothing away."""
    old = handle().lock(info("lock-1"), 0, FakeClock())
    old.release()
    new = handle().lock(info("lock-2"), 0, FakeClock())
    with pytest.raises(LockLostError):
        old.check()
    old.release()
    new.check()


def test_threads_exclude_each_other(handle: Handle) -> None:
    """Read, add one, write under the lock, from several threads: nothing is lost."""

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            self.time += seconds
            threading.Event().wait(0.001)

    handle().write(b"0", None, "begin")

    def work(name: int) -> None:
        for turn in range(10):
            backend = handle()
            lock = backend.lock(info(f"{name}-{turn}"), 3600, Clock())
            stored = backend.read()
            assert stored is not None
            backend.write(str(int(stored.data) + 1).encode(), stored.version, f"{name}-{turn}")
            lock.release()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = handle().read()
    assert stored is not None
    assert stored.data == b"40"


def test_force_unlock_wants_the_right_id(handle: Handle) -> None:
    """Another id, or no lock at all, is refused, and the holder keeps its lock."""
    with pytest.raises(NotLockedError, match="It is not locked"):
        handle().force_unlock("lock-1")
    lock = handle().lock(info("lock-1"), 0, FakeClock())
    with pytest.raises(NotLockedError, match="lock-1"):
        handle().force_unlock("lock-9")
    lock.check()


def test_force_unlock_takes_the_lock_away_or_names_the_process_to_end(handle: Handle) -> None:
    """A lock of the operating system ends with its owner only, so its backend must refuse and keep the lock."""
    lock = handle().lock(info("lock-1"), 0, FakeClock())
    refusal = ""
    try:
        handle().force_unlock("lock-1")
    except StateError as error:
        refusal = str(error)
    if refusal:
        assert "kill 4711" in refusal
        lock.check()
        return
    with pytest.raises(LockLostError):
        lock.check()
    assert handle().lock(info("lock-2"), 0, FakeClock()).taken_over
