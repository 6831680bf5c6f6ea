"""The table of exit codes for `test_cli_main_exit_codes`, and the functions that add a situation to it."""

from __future__ import annotations

from collections.abc import Callable

from exit_project import Scene, Situation
from support.project import Done

CASES: list[tuple[str, int, Situation]] = []
SIGNALS = {"SIGINT": 130, "SIGTERM": 143}


def case(command: str, code: int) -> Callable[[Situation], Situation]:
    """Add the decorated situation to the table."""

    def add(situation: Situation) -> Situation:
        CASES.append((command, code, situation))
        return situation

    return add


def simple(command: str, code: int, *arguments: str, before: tuple[str, ...] = ()) -> None:
    """Add a situation that is one command line, after the methods of the scene that `before` names."""

    def situation(scene: Scene) -> Done:
        for name in before:
            getattr(scene, name)()
        return scene.run(*(arguments or command.split()))

    situation.__name__ = "_".join((*before, *arguments)) or "alone"
    CASES.append((command, code, situation))


def stopped_at(command: str, point: str, *arguments: str, lock: bool = False) -> None:
    """Add a situation for each signal, sent at a named point."""

    def situation(scene: Scene, kind: str) -> Done:
        scene.new()
        if not lock:
            return scene.stopped(kind, point, *arguments)
        with scene.locked():
            return scene.stopped(kind, point, *arguments, "-lock-timeout", "10m", nth=2)

    for kind, code in SIGNALS.items():

        def one(scene: Scene, kind: str = kind) -> Done:
            return situation(scene, kind)

        one.__name__ = f"{kind}_{point}"
        CASES.append((command, code, one))
