"""The rules of the code's structure that a machine can check. docs/architecture.md explains them.

The second half breaks each rule in a small package of its own, so that a rule that finds nothing is noticed.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict

import pytest
from support.codebase import (
    ROOT,
    Module,
    cycle,
    files_of_tests,
    imported_modules,
    impurities,
    is_pure,
    joined_by_dots,
    layer_of,
    misplaced_libraries,
    module_of_test,
    package_modules,
    prints_and_exits,
    too_long,
    upward_imports,
)

# Test folders that belong to no package: they test several of them together.
ACROSS_PACKAGES = {"e2e", "simulation", "kill", "recipes", "benchmarks", "support", "cases"}


def modules() -> list[Module]:
    return list(package_modules().values())


def test_every_module_has_a_layer() -> None:
    assert [module.name for module in modules() if layer_of(module.name) is None] == []


def test_imports_go_to_lower_layers_only() -> None:
    """Also inside functions."""
    assert [found for module in modules() for found in upward_imports(module, package_modules())] == []


def test_no_import_cycles() -> None:
    """Also inside functions."""
    assert cycle(package_modules()) == []


def test_each_outside_library_is_imported_in_one_place() -> None:
    found = {module.name: misplaced_libraries(module) for module in modules()}
    assert {name: libraries for name, libraries in found.items() if libraries} == {}


def test_sandbox_shares_only_errors_and_the_file_writer_with_the_client() -> None:
    """The stand-in server checks the client, so it must not share the client's errors. `files` knows no API."""
    shared = {
        (module.name, name)
        for module in modules()
        if module.top == "sandbox"
        for name in imported_modules(module, package_modules())
        if name.partition(".")[0] not in ("sandbox", "errors", "files")
    }
    assert shared == set()


def test_pure_modules_use_no_files_network_clock_or_environment() -> None:
    found = {module.name: impurities(module) for module in modules() if is_pure(module.name)}
    assert {name: uses for name, uses in found.items() if uses} == {}


def test_only_model_address_joins_addresses_and_takes_them_apart() -> None:
    """`plan.compare` joins the names of a payload's fields. The sandbox must not share code with the client."""
    found = {
        module.name: joined_by_dots(module)
        for module in modules()
        if module.name not in ("model.address", "plan.compare") and module.top != "sandbox"
    }
    assert {name: places for name, places in found.items() if places} == {}


def test_only_the_command_line_prints_or_exits() -> None:
    found = {module.name: prints_and_exits(module) for module in modules() if module.top != "cli"}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_every_module_with_code_has_a_docstring() -> None:
    assert [module.file for module in modules() if module.tree.body and not ast.get_docstring(module.tree)] == []


def test_files_and_functions_are_short() -> None:
    """At most 700 lines a file and 60 a function, in the package and in its tests."""
    assert [found for module in (*modules(), *files_of_tests().values()) for found in too_long(module)] == []


def test_no_module_name_ends_in_ing() -> None:
    """Modules are named by nouns. `matching` is the field's noun for pairing what two sides have."""
    names = [module.name.rpartition(".")[2] for module in modules()]
    assert [name for name in names if name.endswith("ing") and name != "matching"] == []


def test_no_public_class_name_is_defined_twice() -> None:
    """The sandbox may repeat names: it repeats the API's words on purpose."""
    where = defaultdict(list)
    for module in modules():
        if module.top != "sandbox":
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    where[node.name].append(module.name)
    assert {name: places for name, places in where.items() if len(places) > 1} == {}


def test_test_folders_mirror_the_packages() -> None:
    """The tests of `plan/planner.py` are in `tests/plan/test_plan_planner.py`, or in files that begin like it."""
    files = [file for file in files_of_tests() if "/" in file and file.rpartition("/")[2].startswith("test_")]
    inside = [file for file in files if file.partition("/")[0] not in ACROSS_PACKAGES]
    assert [file for file in inside if module_of_test(file) is None] == []


def test_test_file_names_are_unique() -> None:
    """pytest imports them by their base name."""
    names = Counter(file.rpartition("/")[2] for file in files_of_tests())
    assert [name for name, count in names.items() if count > 1 and name.startswith("test_")] == []


def test_nothing_is_marked_as_unfinished() -> None:
    marks = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
    kinds = {".py", ".md", ".yaml", ".sh", ".html", ".toml", ".txt"}
    folders = [ROOT / name for name in ("sequence_sync", "tests", "docs", "sequences", ".ci")]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in kinds] + [ROOT / "Makefile"]
    found = [
        str(file.relative_to(ROOT))
        for file in files
        if file.is_file() and marks.search(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def _package(**sources: str) -> dict[str, Module]:
    """A package of a few modules: `model__a` is `model/a.py`."""
    names = {key.replace("__", "."): text for key, text in sources.items()}
    return {name: Module(name, name.replace(".", "/") + ".py", text) for name, text in names.items()}


def test_an_upward_import_is_found_unless_it_is_for_types_only() -> None:
    inside = "def f():\n    from sequence_sync.cli import entry\n"
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sequence_sync.cli import entry\n"
    known = _package(model__a=inside, model__b=types, cli__entry="")
    assert upward_imports(known["model.a"], known) == ["model.a (layer 1) imports cli.entry (layer 8)"]
    assert upward_imports(known["model.b"], known) == []


def test_an_import_of_another_package_in_the_same_layer_is_found() -> None:
    known = _package(
        provider__a="import sequence_sync.source.b", source__b="from sequence_sync.source import c", source__c=""
    )
    assert upward_imports(known["provider.a"], known) == ["provider.a (layer 2) imports source.b (layer 2)"]
    assert upward_imports(known["source.b"], known) == []


def test_a_cycle_is_found_although_one_half_is_inside_a_function() -> None:
    known = _package(model__a="from . import b", model__b="def f():\n    import sequence_sync.model.a\n")
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
def test_a_library_outside_its_home_is_found(source: str, found: list[str]) -> None:
    assert misplaced_libraries(_package(state__a=source)["state.a"]) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os.path", ["os"]),
        ("def f(datetime):\n    return datetime.now()", ["datetime.now"]),
        ("open('x')", ["open"]),
        ("import re", []),
    ],
)
def test_an_impure_module_is_found(source: str, found: list[str]) -> None:
    assert impurities(_package(model__a=source)["model.a"]) == found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("f'{key}.{step}'", 1),
        ("f'{key}.{step}.{letter}'", 1),
        ("name.startswith(f'{step}.')", 1),
        ("address.split('.')", 1),
        ("f'{error}.'", 0),
        ("f'{path.name}.{pid}.tmp'", 0),
    ],
)
def test_an_address_that_is_joined_by_hand_is_found(source: str, count: int) -> None:
    assert len(joined_by_dots(_package(plan__a=source)["plan.a"])) == count


def test_prints_exits_and_long_functions_are_found() -> None:
    long = "def f():\n" + "    x = 1\n" * 60
    module = _package(model__a="import sys\nprint(1)\nsys.exit(2)\n" + long)["model.a"]
    assert prints_and_exits(module) == ["print in line 2", "sys.exit in line 3"]
    assert too_long(module) == ["model/a.py: f has 61 lines"]
