"""The house rules that a machine can judge: floors, cycles, homes of libraries, a pure core, sizes, docstrings.

The second half breaks each rule in a little house of its own, so that a rule that sees nothing is itself seen.
"""

from __future__ import annotations

import ast
import re

import pytest
from house import (
    PACKAGE,
    ROOT,
    Module,
    cycle,
    files_of_tests,
    floor_breaks,
    floor_of,
    functions,
    homeless,
    house,
    is_core,
    loud,
    neighbours,
    one_sentence,
    too_long,
    worldly,
)

each_module = pytest.mark.parametrize("name", sorted(house()), ids=lambda name: name or PACKAGE)
each_file = pytest.mark.parametrize("file", sorted(files_of_tests()))


@each_module
def test_has_a_floor(name: str) -> None:
    """Every module stands on a floor that this file knows."""
    assert floor_of(name) is not None, f"give {name} a line in FLOORS"


@each_module
def test_imports_go_down(name: str) -> None:
    """A module imports lower floors and its own room, never a higher floor, also not inside a function."""
    assert floor_breaks(house()[name], house()) == []


def test_no_cycles() -> None:
    """No module reaches itself through its imports, those inside functions included."""
    assert cycle(house()) == []


@each_module
def test_libraries_stay_at_home(name: str) -> None:
    """Each outside library is imported only where it lives, so that it can be replaced in one place."""
    assert homeless(house()[name]) == []


@pytest.mark.parametrize("name", sorted(n for n in house() if n.split(".")[0] == "sandbox"))
def test_the_sandbox_knows_only_errors(name: str) -> None:
    """The stand-in server shares no code with the client that it is there to judge."""
    assert {n for n in neighbours(house()[name], house()) if n.split(".")[0] != "sandbox"} <= {"errors"}


@pytest.mark.parametrize("name", sorted(n for n in house() if is_core(n)))
def test_the_core_is_pure(name: str) -> None:
    """The core touches no file, network, clock, chance or environment."""
    assert worldly(house()[name]) == []


@pytest.mark.parametrize("name", sorted(n for n in house() if n.split(".")[0] != "cli"), ids=lambda n: n or PACKAGE)
def test_only_the_door_speaks(name: str) -> None:
    """Nothing outside the command line prints or ends the process."""
    assert loud(house()[name]) == []


@each_module
def test_modules_say_what_they_are_for(name: str) -> None:
    """A module that has code begins with a docstring."""
    module = house()[name]
    assert not module.tree.body or ast.get_docstring(module.tree), f"{module.file} has no docstring"


@each_module
def test_modules_are_short(name: str) -> None:
    """No file has more than 700 lines and no function more than 60."""
    assert too_long(house()[name]) == []


@each_file
def test_tests_are_short(file: str) -> None:
    """The tests keep to the same sizes."""
    assert too_long(files_of_tests()[file]) == []


@each_file
def test_tests_say_what_they_prove(file: str) -> None:
    """Every test has a docstring of one sentence."""
    tests = [node for node in functions(files_of_tests()[file]) if node.name.startswith("test_")]
    assert [node.name for node in tests if not one_sentence(ast.get_docstring(node))] == []


def test_nothing_is_left_for_later() -> None:
    """No source, test, page or sequence carries a mark of unfinished work."""
    marks = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
    kinds = {".py", ".md", ".yaml", ".sh", ".html", ".toml", ".txt"}
    folders = [ROOT / name for name in (PACKAGE, "tests", "docs", "sequences", ".ci")]
    files = [f for folder in folders for f in folder.rglob("*") if f.suffix in kinds] + [ROOT / "Makefile"]
    found = [
        str(f.relative_to(ROOT))
        for f in files
        if f.is_file() and marks.search(f.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def _little_house(**sources: str) -> dict[str, Module]:
    """A house of a few modules; `model__a` is `model/a.py`."""
    names = {key.replace("__", "."): text for key, text in sources.items()}
    return {name: Module(name, name.replace(".", "/") + ".py", text) for name, text in names.items()}


def test_sees_an_import_that_goes_up() -> None:
    """An import of a higher floor is found inside a function, and one for types alone is not held against it."""
    inside = "def f():\n    from sequence_sync.cli import entry\n"
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sequence_sync.cli import entry\n"
    known = _little_house(model__a=inside, model__b=types, cli__entry="")
    assert floor_breaks(known["model.a"], known) == ["model.a (floor 1) imports cli.entry (floor 8)"]
    assert floor_breaks(known["model.b"], known) == []


def test_sees_a_neighbour_on_the_same_floor() -> None:
    """Two rooms on one floor do not import each other."""
    known = _little_house(
        provider__a="import sequence_sync.source.b", source__b="from sequence_sync.source import c", source__c=""
    )
    assert floor_breaks(known["provider.a"], known) == ["provider.a (floor 2) imports source.b (floor 2)"]
    assert floor_breaks(known["source.b"], known) == []


def test_sees_a_cycle() -> None:
    """A cycle is found although one half of it hides in a function."""
    known = _little_house(model__a="from . import b", model__b="def f():\n    import sequence_sync.model.a\n")
    assert set(cycle(known)) == {"model.a", "model.b"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import httpx", ["httpx"]),
        ("def f():\n    from ruamel.yaml import YAML", ["ruamel"]),
        ("import numpy", ["numpy"]),
        ("import json, pydantic", []),
    ],
)
def test_sees_a_library_away_from_home(source: str, found: list[str]) -> None:
    """A library outside its home, or one that nobody listed, is named."""
    assert homeless(_little_house(state__a=source)["state.a"]) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os.path", ["os"]),
        ("def f(datetime):\n    return datetime.now()", ["datetime.now"]),
        ("open('x')", ["open"]),
        ("import re", []),
    ],
)
def test_sees_what_is_not_pure(source: str, found: list[str]) -> None:
    """Files, the environment and the clock are noticed in the core."""
    assert worldly(_little_house(model__a=source)["model.a"]) == found


def test_sees_loud_and_long_code() -> None:
    """Printing, leaving, and a function of 61 lines are noticed."""
    long = "def f():\n" + "    x = 1\n" * 60
    module = _little_house(model__a="import sys\nprint(1)\nsys.exit(2)\n" + long)["model.a"]
    assert loud(module) == ["print in line 2", "sys.exit in line 3"]
    assert too_long(module) == ["model/a.py: f has 61 lines"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("One thing.", True), ("One. Two.", False), ("No end", False), (None, False), ("A (b. c) d.", True)],
)
def test_knows_one_sentence(text: str | None, is_one: bool) -> None:
    """A docstring of one sentence is told from none, from two, and from one that does not end."""
    assert one_sentence(text) is is_one
