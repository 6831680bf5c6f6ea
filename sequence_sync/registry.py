"""What can be chosen by name, in literal tables: one page to read, one line to add.

Nothing is imported until it is used, so that a command pays only for what it needs. A name used twice is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sequence_sync.errors import UsageError

if TYPE_CHECKING:
    from sequence_sync.provider.base import Driver
    from sequence_sync.state.backends.base import StateBackend


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A function that is imported when it is called. `name` is what users write."""

    name: str
    module: str
    function: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function. What it takes and gives is told by its table."""
        return getattr(import_module(self.module), self.function)(*args, **kwargs)


def table(*entries: RegistryEntry) -> Mapping[str, RegistryEntry]:
    """The entries by name, in the order given. Raises ValueError where a name is used twice."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) < len(entries):
        raise ValueError("a name is used twice in this table")
    return MappingProxyType(by_name)


# plan -> text. `text` also takes a level and whether to color, `markdown` a host, those of PLACED the project's folder.
FORMATS: Mapping[str, Callable[..., str]] = table(
    RegistryEntry("text", "sequence_sync.render.text", "plan_text"),
    RegistryEntry("json", "sequence_sync.render.report", "plan_json"),
    RegistryEntry("markdown", "sequence_sync.render.markdown", "plan_markdown"),
    RegistryEntry("html", "sequence_sync.render.html.page", "plan_html"),
    RegistryEntry("github", "sequence_sync.render.ci", "plan_github"),
    RegistryEntry("gitlab", "sequence_sync.render.ci", "plan_gitlab"),
    RegistryEntry("gitlab-quality", "sequence_sync.render.ci", "plan_quality"),
    RegistryEntry("junit", "sequence_sync.render.ci", "plan_junit"),
    RegistryEntry("sarif", "sequence_sync.render.ci", "plan_sarif"),
)

# diagnostics -> text; `text` also takes whether to color, those of PLACED_DIAGNOSTICS the project's folder.
DIAGNOSTIC_FORMATS: Mapping[str, Callable[..., str]] = table(
    RegistryEntry("text", "sequence_sync.render.diagnostics", "diagnostics_text"),
    RegistryEntry("json", "sequence_sync.render.report", "diagnostics_json"),
    RegistryEntry("github", "sequence_sync.render.ci", "diagnostics_github"),
    RegistryEntry("gitlab", "sequence_sync.render.ci", "diagnostics_quality"),
    RegistryEntry("junit", "sequence_sync.render.ci", "diagnostics_junit"),
    RegistryEntry("sarif", "sequence_sync.render.ci", "diagnostics_sarif"),
)

# Formats with paths for a code host, which counts them from the root of the repository.
PLACED = frozenset({"github", "gitlab-quality", "sarif"})
PLACED_DIAGNOSTICS = frozenset({"github", "gitlab", "sarif"})


# scheme of a state's address -> (address, project's folder, scratch folder) -> its backend. No scheme: a path.
BACKENDS: Mapping[str, Callable[..., StateBackend]] = table(
    RegistryEntry("file", "sequence_sync.state.backends.local", "local_backend"),
)


# name -> the provider (`provider.base.Driver`).
PROVIDERS: Mapping[str, Callable[[], Driver]] = table(
    RegistryEntry("saleshandy", "sequence_sync.provider.saleshandy", "driver"),
)
PROVIDER = "saleshandy"  # the provider of every project


def provider(name: str = PROVIDER) -> Driver:
    """Return the provider that a project uses."""
    return PROVIDERS[name]()


def backend_for(where: str, root: Path, scratch: Path) -> StateBackend:
    """The backend of the state at `where`. Raises UsageError for a kind of address that none serves."""
    scheme = where.split("://", 1)[0] if "://" in where else "file"
    if scheme not in BACKENDS:
        raise UsageError(
            f"There is no state backend for {scheme}://.",
            f"Known: {', '.join(BACKENDS)}.",
            "Correct `state` in seqsync.yaml.",
        )
    return BACKENDS[scheme](where.removeprefix("file://"), root, scratch)
