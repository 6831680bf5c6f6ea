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
import threading
import time
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.stand_in import KEY

from sequence_sync.apply import sequence as engine
from sequence_sync.planning.outcome import Silent
from sequence_sync.planning.plan import Action
from sequence_sync.running import ApplyOptions, Hands, apply
from sequence_sync.workspace import PlanOptions, open_workspace

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


def project(root: Path, creates: int) -> None:
    """One sequence with that many steps."""
    steps = "".join(
        f"  step-{n}:\n    day: {n % 900 + 1}\n    type: call_other\n    task_note: {n} {NOTE}\n"
        for n in range(creates)
    )
    (root / "sequences").mkdir()
    (root / "sequences" / "many.yaml").write_text(f"sequence: many\ntitle: Many\nsteps:\n{steps}")


def measure(url: str, bare_id: str, creates: int, profile: bool) -> tuple[list[float], list[float]]:
    """Seconds for each durable create, and for the bare post that followed it."""
    durable: list[float] = []
    bare: list[float] = []
    profiler = cProfile.Profile()
    client = httpx.Client(headers={"x-api-key": KEY, "Accept": "application/json"})
    original = engine.HANDLERS[Action.CREATE_STEP]

    def timed(site: Any, change: Any) -> Any:
        if profile:
            profiler.enable()
        began = time.perf_counter()
        told = original(site, change)
        durable.append(time.perf_counter() - began)
        if profile:
            profiler.disable()
        began = time.perf_counter()
        client.post(f"{url}/sequences/{bare_id}/steps", json=change.call.body).raise_for_status().json()
        bare.append(time.perf_counter() - began)
        return told

    engine.HANDLERS = {**engine.HANDLERS, Action.CREATE_STEP: timed}  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        project(Path(folder), creates)
        environ = {"SEQSYNC_API_URL": url, "SALESHANDY_API_KEY": KEY, "SEQSYNC_SETTLE_GRACE": "0"}
        workspace = open_workspace(Path(folder), None, environ, lambda _: None)
        hands = Hands(Silent(), lambda _: True, threading.Event())
        applied = apply(workspace, ApplyOptions(plan=PlanOptions(allowed=("size",)), parallelism=1), hands)
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
    tenth = max(1, creates // 10)
    for name, rows in (("durable", durable), ("bare", bare)):
        first, last = statistics.median(rows[1:tenth]), statistics.median(rows[-tenth:])
        sys.stdout.write(
            f"{name:8} median {statistics.median(rows) * 1e3:6.2f} ms, mean {statistics.mean(rows) * 1e3:6.2f} ms, "
            f"first tenth {first * 1e3:6.2f} ms, last tenth {last * 1e3:6.2f} ms\n"
        )
    sys.stdout.write(
        f"ratio of medians {statistics.median(durable) / statistics.median(bare):.2f}, of sums "
        f"{sum(durable) / sum(bare):.2f}, median of the pairs' ratios "
        f"{statistics.median(one / other for one, other in zip(durable, bare, strict=True)):.2f}\n"
    )


if __name__ == "__main__":
    main()
