"""The package as `test_architecture.py` sees it: read with `ast`, never imported.

A new package gets a line in `LAYERS`, a new outside library a line in `HOMES`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "sequence_sync"

# The layer of a module is that of the longest name here that contains it. Imports go to a lower layer only.
LAYERS = {
    **dict.fromkeys(("errors", "diagnostics", "files", "_version"), 0),
    "model": 1,
    **dict.fromkeys(("source", "provider", "sandbox"), 2),
    "state": 3,
    **dict.fromkeys(("plan", "registry"), 4),
    **dict.fromkeys(("render", "apply"), 5),
    "operations": 6,
    "importer": 7,
    "cli": 8,
    **dict.fromkeys(("__main__", ""), 9),
}

# Where an outside library may be imported. A directory ends with a slash.
HOMES = {
    "ruamel": ("source/yaml.py", "source/writer.py"),
    "markdown_it": ("source/content.py",),
    "httpx": ("provider/transport.py",),
    "httpcore": ("provider/transport.py",),
    "deepdiff": ("plan/",),
    "filelock": ("state/backends/local.py",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "starlette": ("sandbox/",),
    "uvicorn": ("sandbox/",),
    "pydantic": ("",),
    "pydantic_core": ("",),
}
NO_PYDANTIC = "sandbox/store.py"

# Only these modules may use files, the network, the clock, randomness or the environment. All others are pure.
EDGES = (
    "files",
    "__main__",
    "cli",
    "operations",
    "importer.importer",
    "importer.merge",
    "importer.generate",
    "importer.project_files",
    "apply",
    "sandbox",
    "registry",
    "state.manager",
    "state.backends",
    "provider.client",
    "provider.transport",
    "provider.rate_limit",
    "provider.clock",
    "source.files",
    "source.content",
    "source.project",
    "source.settings",
)
IMPURE = frozenset(
    {
        "os",
        "pathlib",
        "io",
        "shutil",
        "tempfile",
        "glob",
        "socket",
        "ssl",
        "http",
        "urllib",
        "subprocess",
        "threading",
        "multiprocessing",
        "asyncio",
        "time",
        "random",
        "secrets",
        "uuid",
        "signal",
        "fcntl",
        "getpass",
        "platform",
    }
)
DOT_METHODS = frozenset({"split", "rsplit", "partition", "rpartition"})
CLOCKS = frozenset({"now", "utcnow", "today"})

LONGEST_FILE = 700
LONGEST_FUNCTION = 60


@dataclass(frozen=True)
class Module:
    """One source file. `name` is dotted, without the package's own name. `file` is relative to the package."""

    name: str
    file: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed source."""
        return ast.parse(self.text)

    @property
    def top(self) -> str:
        """The subpackage: the first part of the name."""
        return self.name.split(".")[0]


def _module(file: Path, base: Path) -> Module:
    relative = file.relative_to(base)
    parts = relative.with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, relative.as_posix(), file.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def package_modules() -> dict[str, Module]:
    """Every module of the package, by name."""
    base = ROOT / PACKAGE
    return {m.name: m for m in (_module(file, base) for file in sorted(base.rglob("*.py")))}


@lru_cache(maxsize=1)
def files_of_tests() -> dict[str, Module]:
    """Every Python file of the tests, by path."""
    base = ROOT / "tests"
    return {m.file: m for m in (_module(file, base) for file in sorted(base.rglob("*.py")))}


def layer_of(name: str) -> int | None:
    """The layer of a module, or None for a module that `LAYERS` does not know."""
    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((LAYERS[known] for known in names if known in LAYERS), None)


def is_pure(name: str) -> bool:
    """Whether a module must be pure."""
    return not any(name == edge or name.startswith(f"{edge}.") for edge in EDGES)


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that can run, including those inside functions, except under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if _for_types_only(child):
            continue
        yield child
        yield from running_nodes(child)


def imported_names(module: Module) -> Iterator[str]:
    """Dotted names that a module imports at run time. `from a import b` also yields `a.b`, which may be a module."""
    package = f"{PACKAGE}.{module.name}".rstrip(".").split(".")
    if not module.file.endswith("__init__.py"):
        package = package[:-1]
    for node in running_nodes(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def imported_modules(module: Module, known: dict[str, Module]) -> set[str]:
    """The modules of this package that `module` imports: the module itself, not the packages that contain it."""
    inside = {name.removeprefix(PACKAGE).removeprefix(".") for name in imported_names(module) if _ours(name)}
    found = {name for name in inside if name in known and name != module.name}
    return {name for name in found if not any(other.startswith(f"{name}.") or (not name and other) for other in found)}


def _ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def upward_imports(module: Module, known: dict[str, Module]) -> list[str]:
    """Imports that do not go to a lower layer."""
    own = layer_of(module.name)
    breaks = []
    for name in sorted(imported_modules(module, known)):
        other = layer_of(name)
        if own is None or other is None or other < own:
            continue
        if name.split(".")[0] != module.top or other != own:
            breaks.append(f"{module.name} (layer {own}) imports {name} (layer {other})")
    return breaks


def misplaced_libraries(module: Module) -> list[str]:
    """Outside libraries that a module imports although `HOMES` does not allow it there."""
    tops = {name.split(".")[0] for name in imported_names(module)}
    outside = sorted(top for top in tops if top and top != PACKAGE and top not in sys.stdlib_module_names)
    return [
        top
        for top in outside
        if not module.file.startswith(HOMES.get(top, ("nowhere",)))
        or (top.startswith("pydantic") and module.file == NO_PYDANTIC)
    ]


def impurities(module: Module) -> list[str]:
    """What a module uses of files, network, clock, randomness and environment."""
    found = {name.split(".")[0] for name in imported_names(module)} & IMPURE
    for node in running_nodes(module.tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("open", "input") or (called.split(".")[-1] in CLOCKS and "." in called):
                found.add(called)
    return sorted(found)


def prints_and_exits(module: Module) -> list[str]:
    """Calls that print or end the process."""
    names = {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
    calls = (node for node in running_nodes(module.tree) if isinstance(node, ast.Call))
    return [f"{ast.unparse(node.func)} in line {node.lineno}" for node in calls if ast.unparse(node.func) in names]


def joined_by_dots(module: Module) -> list[str]:
    """F-strings that join two values by a dot, and values that are taken apart at one: work for `model/address`."""
    found = []
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    prefixes = [node.args[0] for node in calls if ast.unparse(node.func).endswith(".startswith")]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            between = {part.value for part in node.values if isinstance(part, ast.Constant)}
            is_prefix = isinstance(node.values[-1], ast.Constant) and node in prefixes
            if between == {"."} and (is_prefix or not isinstance(node.values[-1], ast.Constant)):
                found.append(f"{ast.unparse(node)} in line {node.lineno}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            method, first = node.func.attr, node.args[0]
            if method in DOT_METHODS and isinstance(first, ast.Constant) and first.value == ".":
                found.append(f"{ast.unparse(node)} in line {node.lineno}")
    return found


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods, nested ones too."""
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def too_long(module: Module) -> list[str]:
    """The file and the functions in it that are longer than allowed."""
    lines = len(module.text.splitlines())
    found = [f"{module.file} has {lines} lines"] if lines > LONGEST_FILE else []
    for function in functions(module):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > LONGEST_FUNCTION:
            found.append(f"{module.file}: {function.name} has {length} lines")
    return found


def cycle(known: dict[str, Module]) -> list[str]:
    """The modules of an import cycle, or nothing."""
    try:
        TopologicalSorter({name: imported_modules(module, known) for name, module in known.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_of_test(file: str) -> str | None:
    """The module that a test file is named after, or None.

    `tests/plan/test_plan_planner.py` and `tests/plan/test_plan_planner_partial.py` belong to `plan.planner`.
    """
    folder, _, name = file.rpartition("/")
    prefix = f"test_{folder.rpartition('/')[2]}_"
    if not name.startswith(prefix):
        return None
    topic = name.removeprefix(prefix).removesuffix(".py")
    inside = folder.replace("/", ".")
    words = topic.split("_")
    candidates = ("_".join(words[:count]) for count in range(len(words), 0, -1))
    return next((f"{inside}.{stem}" for stem in candidates if f"{inside}.{stem}" in package_modules()), None)
