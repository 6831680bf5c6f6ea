"""What a durable create costs: the engine's way (intent, fsync, lock, call, outcome, fsync) against a bare post.

Run: `python tests/benchmarks/durable_create.py [CREATES] [-profile]`. Both go to one server on loopback, without a rate
limit, in pairs: for each create of the engine one bare `httpx.Client` post of the same body to another sequence, so
that both meet the same machine at the same moment. Measured in the engine: from the start of one create to its
recorded end, that is everything between two steps of one sequence. Prints medians and their ratio.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.stand_in import KEY

from sequence_sync.apply import executor as engine
from sequence_sync.operations.apply import ApplyRequest, apply
from sequence_sync.operations.plan import PlanOptions
from sequence_sync.operations.workspace import open_workspace
from sequence_sync.plan.model import Action

SERVER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from support.stand_in import Shape, StandIn
with StandIn(shape=Shape(generous=True)) as server:
    server.make_sequence({"title": "bare"})
    print(server.url, next(iter(server.sequences)), flush=True)
    sys.stdin.read()
"""
NOTE = "Ask whether the numbers that were sent last week made sense, and who else should see them. " * 6


class Cost(NamedTuple):
    """Seconds: by the clock, which the disk and the neighbours are in, and of this thread's own computing."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Cost:
        """The two clocks."""
        return cls(time.perf_counter(), time.thread_time())

    @classmethod
    def since(cls, began: Cost) -> Cost:
        """What has passed."""
        now = cls.now()
        return cls(now.wall - began.wall, now.cpu - began.cpu)


def summary(what: str, durable: list[float], bare: list[float]) -> str:
    """Three lines about one kind of cost."""
    tenth = max(1, len(durable) // 10)
    lines = [
        f"{what:4} {name:8} median {statistics.median(rows) * 1e3:6.2f} ms, "
        f"mean {statistics.mean(rows) * 1e3:6.2f} ms, "
        f"first tenth {statistics.median(rows[1:tenth]) * 1e3:6.2f} ms, "
        f"last tenth {statistics.median(rows[-tenth:]) * 1e3:6.2f} ms"
        for name, rows in (("durable", durable), ("bare", bare))
    ]
    pairs = statistics.median(one / other for one, other in zip(durable, bare, strict=True))
    ratio = statistics.median(durable) / statistics.median(bare)
    return "\n".join([*lines, f"{what:4} ratio of medians {ratio:.2f}, median of the pairs' ratios {pairs:.2f}"]) + "\n"


def project(root: Path, creates: int) -> None:
    """One sequence with that many steps."""
    steps = "".join(
        f"  step-{n}:\n    day: {n % 900 + 1}\n    type: call_other\n    task_note: {n} {NOTE}\n"
        for n in range(creates)
    )
    (root / "sequences").mkdir()
    (root / "sequences" / "many.yaml").write_text(f"sequence: many\ntitle: Many\nsteps:\n{steps}")


def measure(url: str, bare_id: str, creates: int, profile: bool) -> tuple[list[Cost], list[Cost]]:
    """What it cost for each durable create, and for the bare post that followed it."""
    durable: list[Cost] = []
    bare: list[Cost] = []
    profiler = cProfile.Profile()
    client = httpx.Client(headers={"x-api-key": KEY, "Accept": "application/json"})
    original = engine.HANDLERS[Action.CREATE_STEP]

    def timed(session: Any, change: Any) -> Any:
        if profile:
            profiler.enable()
        began = Cost.now()
        result = original(session, change)
        durable.append(Cost.since(began))
        if profile:
            profiler.disable()
        began = Cost.now()
        client.post(f"{url}/sequences/{bare_id}/steps", json=change.call.body).raise_for_status().json()
        bare.append(Cost.since(began))
        return result

    engine.HANDLERS = {**engine.HANDLERS, Action.CREATE_STEP: timed}  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        project(Path(folder), creates)
        environ = {"SEQSYNC_API_URL": url, "SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": "0"}
        workspace = open_workspace(Path(folder), None, environ, lambda _: None)
        request = ApplyRequest(plan=PlanOptions(allowed=("size",)), parallelism=1)
        applied = apply(workspace, workspace.key(), request, approve=lambda _: True)
    client.close()
    assert applied.report is not None
    assert applied.report.exit_code == 0, applied.report
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
    return durable, bare


def main() -> None:
    """See above."""
    creates = next((int(word) for word in sys.argv[1:] if word.isdigit()), 300)
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, tests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        url, bare_id = server.stdout.readline().split()
        durable, bare = measure(url, bare_id, creates, "-profile" in sys.argv)
        server.communicate("")
    for place, what in enumerate(Cost._fields):
        sys.stdout.write(summary(what, [row[place] for row in durable], [row[place] for row in bare]))


if __name__ == "__main__":
    main()
