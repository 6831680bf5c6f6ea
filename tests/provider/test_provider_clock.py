"""The system clock: it advances, and a stop ends every sleep."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from sequence_sync.provider import clock
from sequence_sync.provider.base import StoppedError
from sequence_sync.provider.clock import SystemClock


def test_a_sleep_lasts_at_least_its_time() -> None:
    real = SystemClock(threading.Event())
    before = real.now()
    real.sleep(0.02)
    assert real.now() - before >= 0.02
    assert abs(real.wall() - time.time()) < 60


def test_a_stop_ends_a_sleep() -> None:
    """A sleeper wakes when another thread sets the event."""
    stop = threading.Event()
    real = SystemClock(stop)
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        real.sleep(3600)
    timer.join()


def test_a_signal_ends_the_sleep_of_its_own_thread() -> None:
    """A handler may set the event in the very thread that sleeps."""
    stop = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: stop.set())
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(StoppedError):
            SystemClock(stop).sleep(3600)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 5.0])
def test_every_sleep_ends_at_once_after_a_stop(seconds: float) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        SystemClock(stop).sleep(seconds)


def test_the_time_that_the_machine_sleeps_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = [0.0]
    monkeypatch.setattr(clock, "_up", lambda: time.monotonic() + asleep[0])
    real = SystemClock(threading.Event())
    timer = threading.Timer(0.02, lambda: asleep.__setitem__(0, 3600.0))
    timer.start()
    real.sleep(3000)
    timer.join()
    assert real.now() > 3000
