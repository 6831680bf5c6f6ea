"""The table of exit codes that `test_cli_main_exit_codes` goes through, and how a situation gets into it."""

from __future__ import annotations

from collections.abc import Callable

from exit_project import Scene, Situation
from support.project import Done

CASES: list[tuple[str, int, Situation]] = []
SIGNALS = {"SIGINT": 130, "SIGTERM": 143}


def case(command: str, code: int) -> Callable[[Situation], Situation]:
    """Enters a situation in the table."""

    def enter(situation: Situation) -> Situation:
        CASES.append((command, code, situation))
        return situation

    return enter


def simple(command: str, code: int, *arguments: str, before: tuple[str, ...] = ()) -> None:
    """A situation that is a command line, after some of the scene's doings."""

    def situation(scene: Scene) -> Done:
        for name in before:
            getattr(scene, name)()
        return scene.run(*(arguments or command.split()))

    situation.__name__ = "_".join((*before, *arguments)) or "alone"
    CASES.append((command, code, situation))


def stopped_at(command: str, point: str, *arguments: str, lock: bool = False) -> None:
    """Both signals, at a point."""

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
