"""Output formats, schemas, state backends and providers by name, in literal tables: one line adds one.

Imports nothing but `errors`, so that the command line can name the formats in its help. The module of an entry is
imported when the entry is called. Must not render or store anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sequence_sync.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sequence_sync.provider.base import Driver
    from sequence_sync.state.backends.base import StateBackend


class RegistryEntry:
    """A function that is imported when it is called. Not a dataclass: building one takes a percent of the time of help.

    `name` is what users write. `takes_folder`: the function also takes the project's folder in the repository, as
    `path/`, because code hosts count paths from the root of the repository.
    """

    def __init__(self, name: str, module: str, function: str, *, takes_folder: bool = False) -> None:
        self.name, self.module, self.function, self.takes_folder = name, module, function, takes_folder

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function. The comment above each table says what it takes and returns."""
        return getattr(import_module(self.module), self.function)(*args, **kwargs)


def table(*entries: RegistryEntry) -> Mapping[str, RegistryEntry]:
    """Return the entries by name, in the order given. Raises ValueError for a duplicate name."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) < len(entries):
        raise ValueError("a name is used twice in this table")
    return MappingProxyType(by_name)


# plan -> text. `text` also takes a level and whether to color, `markdown` the code host of the comment.
PLAN_FORMATS = table(
    RegistryEntry("text", "sequence_sync.render.text", "plan_text"),
    RegistryEntry("json", "sequence_sync.render.report", "plan_json"),
    RegistryEntry("markdown", "sequence_sync.render.markdown", "plan_markdown"),
    RegistryEntry("html", "sequence_sync.render.html.page", "plan_html"),
    RegistryEntry("github", "sequence_sync.render.ci", "plan_github", takes_folder=True),
    RegistryEntry("gitlab", "sequence_sync.render.ci", "plan_gitlab"),
    RegistryEntry("gitlab-quality", "sequence_sync.render.ci", "plan_quality", takes_folder=True),
    RegistryEntry("junit", "sequence_sync.render.ci", "plan_junit"),
    RegistryEntry("sarif", "sequence_sync.render.ci", "plan_sarif", takes_folder=True),
)

# diagnostics -> text. `text` also takes whether to color.
DIAGNOSTIC_FORMATS = table(
    RegistryEntry("text", "sequence_sync.render.diagnostics", "diagnostics_text"),
    RegistryEntry("json", "sequence_sync.render.report", "diagnostics_json"),
    RegistryEntry("github", "sequence_sync.render.ci", "diagnostics_github", takes_folder=True),
    RegistryEntry("gitlab", "sequence_sync.render.ci", "diagnostics_quality", takes_folder=True),
    RegistryEntry("junit", "sequence_sync.render.ci", "diagnostics_junit"),
    RegistryEntry("sarif", "sequence_sync.render.ci", "diagnostics_sarif", takes_folder=True),
)

# Name of a schema -> JSON Schema.
SCHEMAS = table(
    RegistryEntry("sequence", "sequence_sync.source.schema", "sequence_schema"),
    RegistryEntry("settings", "sequence_sync.source.schema", "settings_schema"),
    RegistryEntry("plan", "sequence_sync.plan.planfile", "plan_schema"),
    RegistryEntry("report", "sequence_sync.render.report", "report_schema"),
)

# Scheme of a state's address -> (address, project folder, scratch folder) -> backend. An address without one is a path.
BACKENDS = table(
    RegistryEntry("file", "sequence_sync.state.backends.local", "local_backend"),
)


# Name of a provider -> its driver (`provider.base.Driver`). The first row is the provider of every project.
PROVIDERS = table(
    RegistryEntry("saleshandy", "sequence_sync.provider.saleshandy", "driver"),
)


def provider() -> Driver:
    """Return the provider that projects use."""
    driver: Driver = next(iter(PROVIDERS.values()))()
    return driver


def backend_for(where: str, root: Path, scratch: Path) -> StateBackend:
    """Return the backend of the state at `where`. Raises UsageError for an unsupported scheme."""
    scheme = where.split("://", 1)[0] if "://" in where else "file"
    if scheme not in BACKENDS:
        raise UsageError(
            "Unsupported state backend.",
            f"`state` in seqsync.yaml uses {scheme}://. Supported: {', '.join(BACKENDS)}.",
            "Correct `state` in seqsync.yaml.",
        )
    backend: StateBackend = BACKENDS[scheme](where.removeprefix("file://"), root, scratch)
    return backend
