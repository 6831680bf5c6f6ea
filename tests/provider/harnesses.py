"""An account for each provider, in which the contract suite can refuse a write and lose an answer.

A new provider needs one entry in HARNESSES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import toy_provider
from support.states import FakeClock

from sequence_sync.provider.base import AnswerKind, Connection, Driver, Provider
from sequence_sync.registry import PROVIDERS
from sequence_sync.sandbox.faults import Fault, FaultKind, Switches
from sequence_sync.sandbox.server import Sandbox


@dataclass(frozen=True)
class Harness:
    """`refuse` makes the next write fail with an answer of one of the `kinds`. `lose` loses the next write's answer
    after the write is carried out."""

    provider: Provider
    kinds: frozenset[AnswerKind]
    refuse: Callable[[AnswerKind], None]
    lose: Callable[[], None]


SALESHANDY_FAULTS = {
    AnswerKind.RATE_LIMITED: FaultKind.RATE_LIMIT_429_SECONDS,
    AnswerKind.BAD_KEY: FaultKind.BAD_KEY,
    AnswerKind.FORBIDDEN: FaultKind.FORBIDDEN_403,
    AnswerKind.FAILED: FaultKind.ERROR_500_BEFORE,
    AnswerKind.NO_ANSWER: FaultKind.DROP_BEFORE,
}


@contextmanager
def saleshandy() -> Iterator[Harness]:
    """The client over HTTP, and the sandbox as its account."""
    connect = PROVIDERS["saleshandy"]().connect
    with (
        Sandbox(per_minute=0) as box,
        connect(Connection(box.url, "key", {}, timeout=5, max_wait=0), FakeClock(), lambda *_: None) as provider,
    ):

        def fail(kind: FaultKind) -> None:
            box.switch(Switches(faults=tuple(Fault(kind, method) for method in ("POST", "PATCH"))))

        yield Harness(
            provider,
            frozenset(SALESHANDY_FAULTS),
            lambda kind: fail(SALESHANDY_FAULTS[kind]),
            lambda: fail(FaultKind.DROP_AFTER),
        )


@contextmanager
def in_memory(driver: Driver) -> Iterator[Harness]:
    """A provider with a `ToyAccount`."""
    provider: Any
    with driver.connect(Connection("", "key", {}, 5, max_wait=0), FakeClock(), lambda *_: None) as provider:
        faults = provider.account.faults
        kinds = frozenset(set(AnswerKind) - {AnswerKind.OK})
        yield Harness(provider, kinds, faults.append, lambda: faults.append("lost"))


HARNESSES: dict[str, Callable[[], AbstractContextManager[Harness]]] = {
    "saleshandy": saleshandy,
    "toy": lambda: in_memory(toy_provider.driver()),
}
