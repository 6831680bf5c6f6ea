"""The contract of state backends, tested with two handles to one store.

It runs on every backend of the registry and on the one in memory. A new row in the registry needs no new test here.
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
    """The backend for `scheme` in the registry, with its state in the directory of the test."""

    def place(folder: Path) -> Handle:
        return lambda: backend_for(f"{scheme}://{folder}/state.json", folder, folder / ".seqsync")

    return place


BACKENDS = {scheme: _registered(scheme) for scheme in registry.BACKENDS} | {"memory": _memory}


@pytest.fixture(params=sorted(BACKENDS))
def handle(request: pytest.FixtureRequest, tmp_path: Path) -> Handle:
    """A factory of handles to one fresh store of each backend in turn."""
    return BACKENDS[request.param](tmp_path)


def test_new_store_has_no_state_journal_or_holder(handle: Handle) -> None:
    backend = handle()
    assert backend.read() is None
    assert backend.journal() == b""
    assert backend.holder() is None
    assert backend.describe()


def test_other_handle_reads_what_was_written(handle: Handle) -> None:
    one, two = handle(), handle()
    version = one.write(b"1", None, "w1")
    assert two.read() == StoredState(b"1", version)
    later = two.write(b"2", version, "w2")
    assert later != version
    assert one.read() == StoredState(b"2", later)


def test_large_state_with_every_byte_value_is_read_back(handle: Handle) -> None:
    data = bytes(range(256)) * 20_000
    handle().write(data, None, "w1")
    stored = handle().read()
    assert stored is not None
    assert stored.data == data


@pytest.mark.parametrize("expected", [None, "no such version"])
def test_write_with_another_expected_version_writes_nothing(handle: Handle, expected: str | None) -> None:
    one, two = handle(), handle()
    one.write(b"1", None, "w1")
    with pytest.raises(WriteConflictError):
        two.write(b"2", expected, "w2")
    assert two.read() == one.read()
    stored = one.read()
    assert stored is not None
    assert stored.data == b"1"


def test_write_with_a_version_where_nothing_is_stored_is_a_conflict(handle: Handle) -> None:
    with pytest.raises(WriteConflictError):
        handle().write(b"1", "some version", "w1")
    assert handle().read() is None


def test_repeated_write_with_the_same_id_succeeds(handle: Handle) -> None:
    """Its first answer may have been lost."""
    one = handle()
    version = one.write(b"1", None, "w1")
    assert one.write(b"1", None, "w1") == version
    newer = one.write(b"2", version, "w2")
    assert one.write(b"2", version, "w2") == newer


def test_repeated_write_after_another_write_is_a_conflict(handle: Handle) -> None:
    one, two = handle(), handle()
    version = one.write(b"1", None, "w1")
    two.write(b"2", version, "w2")
    with pytest.raises(WriteConflictError):
        one.write(b"1", None, "w1")


def test_one_of_several_writers_with_the_same_version_wins(handle: Handle) -> None:
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


def test_journal_lines_are_kept_in_order(handle: Handle) -> None:
    one, two = handle(), handle()
    for line in (b"a\n", b"b\n", b"c\n"):
        one.append(line)
    assert two.journal() == b"a\nb\nc\n"


def test_replaced_journal_holds_only_the_new_bytes(handle: Handle) -> None:
    backend = handle()
    backend.append(b"a\n")
    backend.replace_journal(b"b\n")
    assert handle().journal() == b"b\n"
    backend.append(b"c\n")
    assert handle().journal() == b"b\nc\n"
    backend.replace_journal(b"")
    assert handle().journal() == b""


def test_nothing_is_appended_after_an_incomplete_line(handle: Handle) -> None:
    """Until the journal is replaced."""
    handle().replace_journal(b"a\nb")
    with pytest.raises(StateError, match="incomplete record"):
        handle().append(b"c\n")
    assert handle().journal() == b"a\nb"
    handle().replace_journal(b"a\n")
    handle().append(b"c\n")
    assert handle().journal() == b"a\nc\n"


def test_journal_and_state_do_not_change_each_other(handle: Handle) -> None:
    backend = handle()
    version = backend.write(b"1", None, "w1")
    backend.append(b"a\n")
    assert backend.read() == StoredState(b"1", version)
    backend.write(b"2", version, "w2")
    assert backend.journal() == b"a\n"


def test_history_lines_are_kept_in_order(handle: Handle) -> None:
    one, two = handle(), handle()
    assert one.history() == b""
    one.append_history(b"a\nb\n")
    two.append_history(b"c\n")
    assert one.history() == two.history() == b"a\nb\nc\n"


def test_history_continues_on_a_new_line_after_an_incomplete_one(handle: Handle) -> None:
    handle().append_history(b"a\ntor")
    handle().append_history(b"b\n")
    handle().append_history(b"c\n")
    assert handle().history() == b"a\ntor\nb\nc\n"


def test_history_is_independent_of_state_and_journal(handle: Handle) -> None:
    backend = handle()
    backend.append_history(b"a\n")
    backend.append(b"j\n")
    version = backend.write(b"1", None, "w1")
    backend.replace_journal(b"")
    assert backend.history() == b"a\n"
    backend.append_history(b"b\n")
    assert backend.journal() == b""
    assert backend.read() == StoredState(b"1", version)


def test_second_lock_is_refused_at_once_with_the_holder(handle: Handle) -> None:
    one, two, clock = handle(), handle(), FakeClock()
    one.lock(info("lock-1", created=clock.wall() - 200), 0, clock)
    with pytest.raises(StateLockedError) as refused:
        two.lock(info("lock-2"), 0, clock)
    message = str(refused.value)
    assert refused.value.exit_code == 8
    assert all(word in message for word in ("lock-1", "anna", "her-laptop", "4711", "apply", "3 minutes"))
    assert clock.slept == []
    assert two.holder() == info("lock-1", created=clock.wall() - 200)


def test_one_handle_cannot_lock_twice(handle: Handle) -> None:
    backend = handle()
    backend.lock(info("lock-1"), 0, FakeClock())
    with pytest.raises(StateLockedError):
        backend.lock(info("lock-2"), 0, FakeClock())


def test_released_lock_is_free_and_not_taken_over(handle: Handle) -> None:
    one, two = handle(), handle()
    lock = one.lock(info("lock-1"), 0, FakeClock())
    assert lock.id == "lock-1"
    assert not lock.taken_over
    lock.check()
    lock.release()
    lock.release()
    assert two.holder() is None
    assert not two.lock(info("lock-2"), 0, FakeClock()).taken_over


def test_lock_waits_for_the_timeout(handle: Handle) -> None:
    clock = FakeClock()
    lock = handle().lock(info("lock-1"), 0, clock)
    with pytest.raises(StateLockedError):
        handle().lock(info("lock-2"), 5.0, clock)
    assert sum(clock.slept) == pytest.approx(5.0)
    assert len(clock.slept) > 5
    lock.check()


def test_waiting_lock_succeeds_after_a_release(handle: Handle) -> None:

    class Releasing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            lock.release()

    lock = handle().lock(info("lock-1"), 0, FakeClock())
    clock = Releasing()
    assert handle().lock(info("lock-2"), 60.0, clock).id == "lock-2"
    assert len(clock.slept) == 1


def test_wait_for_the_lock_is_announced_once_before_it_begins(handle: Handle) -> None:
    lock = handle().lock(info("lock-1"), 0, FakeClock())
    clock = FakeClock()
    announced: list[tuple[float, str]] = []

    def announce(seconds: float, text: str) -> None:
        assert not clock.slept
        announced.append((seconds, text))

    with pytest.raises(StateLockedError):
        handle().lock(info("lock-2"), 5.0, clock, announce)
    [(seconds, text)] = announced
    assert seconds == 5.0
    assert text.startswith("The state has been locked by ")
    assert text.endswith("Waiting up to 5 s for it (option: -lock-timeout).")
    lock.release()


def test_lock_that_is_free_announces_nothing(handle: Handle) -> None:
    announced: list[str] = []
    handle().lock(info("lock-1"), 5.0, FakeClock(), lambda _, text: announced.append(text)).release()
    assert not announced


def test_released_lock_fails_its_check(handle: Handle) -> None:
    """And a second release does not release the next holder's lock."""
    old = handle().lock(info("lock-1"), 0, FakeClock())
    old.release()
    new = handle().lock(info("lock-2"), 0, FakeClock())
    with pytest.raises(LockLostError):
        old.check()
    old.release()
    new.check()


def test_threads_under_the_lock_lose_no_update(handle: Handle) -> None:

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


def test_force_unlock_needs_the_id_of_the_lock(handle: Handle) -> None:
    with pytest.raises(NotLockedError, match="The state is not locked"):
        handle().force_unlock("lock-1")
    lock = handle().lock(info("lock-1"), 0, FakeClock())
    with pytest.raises(NotLockedError, match="lock-1"):
        handle().force_unlock("lock-9")
    lock.check()


def test_force_unlock_releases_the_lock_or_names_the_process_to_end(handle: Handle) -> None:
    """A lock of the operating system ends only with its process."""
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
