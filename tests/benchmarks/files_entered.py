"""The files of the package that one create enters.

Run: `.venv/bin/python tests/benchmarks/files_entered.py [--check]`. It profiles one `create_step` in the executor, with
the reads before its first write. The sequence exists already. The engine, the state manager and the API client are
real. The HTTP transport is a stand-in that answers like Saleshandy, the backend is in memory, and the observer ignores
the events. An apply from the command line enters more files: those of the local backend, the transport and the
progress display. Prints each file with the number of calls into it. With `--check` it exits with 1 if there are more
than `MOST_FILES`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.build import desired, email, entry, message, state
from support.engine import Bench
from support.states import FakeClock

import sequence_sync
from sequence_sync.apply import executor as engine
from sequence_sync.model.report import Event
from sequence_sync.plan.model import Action
from sequence_sync.provider.base import Reply, Request
from sequence_sync.provider.client import SaleshandyClient
from sequence_sync.provider.rate_limit import RateLimiter
from sequence_sync.state.backends.base import StoredState
from sequence_sync.state.backends.memory import MemoryStore
from sequence_sync.state.statefile import encode

MOST_FILES = 15
PACKAGE = Path(sequence_sync.__file__).parent
INTRO = email(1)


class OneSequence:
    """A transport: an account with one sequence of one email, to which steps can be added."""

    def send(self, request: Request) -> Reply:
        """Answer a list or a create."""
        if request.path == "/sequences":
            return _reply({"sequences": [{"id": "SEQ1", "title": "Trial", "active": False}]})
        if request.method == "GET":
            return _reply({"steps": [_step("SEQ1-intro", "SEQ1-intro-a")]})
        return _reply({"id": "NEW", "variants": [{"id": "NEW-a"}]})


class Silent:
    """An observer that does nothing with an event."""

    def on_event(self, event: Event) -> None:
        """See Observer."""


def _step(step_id: str, variant_id: str) -> dict[str, Any]:
    variant = {"id": variant_id, "payload": INTRO.variants["a"].payload}
    return {"id": step_id, "type": 1, "number": 1, "absoluteDays": 1, "variants": [variant]}


def _reply(payload: dict[str, Any]) -> Reply:
    return Reply(200, {}, json.dumps({"payload": payload}).encode())


@contextmanager
def profiled_create(entered: Counter[str]) -> Iterator[None]:
    """Count the calls into each file of the package while a step is created."""
    create_step = engine.HANDLERS[Action.CREATE_STEP]

    def count(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            entered[path.relative_to(PACKAGE).as_posix()] += 1

    def profiled(session: Any, change: Any) -> Any:
        sys.setprofile(count)
        try:
            return create_step(session, change)
        finally:
            sys.setprofile(None)

    handlers = engine.HANDLERS
    engine.HANDLERS = {**handlers, Action.CREATE_STEP: profiled}  # type: ignore[misc]
    try:
        yield
    finally:
        engine.HANDLERS = handlers  # type: ignore[misc]


def files_entered() -> Counter[str]:
    """The files that one create enters, each with the number of calls into it."""
    entered: Counter[str] = Counter()
    clock = FakeClock()
    store = MemoryStore(stored=StoredState(encode(state(trial=entry(intro=INTRO))), "1"))
    client = SaleshandyClient(OneSequence(), RateLimiter(clock), clock)
    with tempfile.TemporaryDirectory() as folder, profiled_create(entered):
        bench = Bench(Path(folder), api=client, store=store, clock=clock)  # type: ignore[arg-type]
        report = bench.apply(desired(steps={"intro": INTRO, "task": message(3)}), observer=Silent())
    assert report.exit_code == 0, report
    return entered


def main() -> int:
    """Print the files. Return 1 if `--check` was given and there are too many."""
    entered = files_entered()
    for path, calls in sorted(entered.items()):
        sys.stdout.write(f"{calls:6} {path}\n")
    sys.stdout.write(f"{len(entered)} files, at most {MOST_FILES}\n")
    return int("--check" in sys.argv and len(entered) > MOST_FILES)


if __name__ == "__main__":
    sys.exit(main())
