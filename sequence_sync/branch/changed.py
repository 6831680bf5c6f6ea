"""Which sequences a branch changed: by their files, by the settings that go into them, by files that are gone.

Reads the files of now and, through git, those of then. Knows nothing of state and plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sequence_sync.branch.git import Entry, Since
from sequence_sync.errors import InvalidFiles
from sequence_sync.model.sequence import WantedSequence
from sequence_sync.source.document import judge, read_quick
from sequence_sync.source.files import SETTINGS_FILE, Unreadable, as_text, covers
from sequence_sync.source.project import load_project
from sequence_sync.source.settings import LoadedSettings, settings_in


@dataclass(frozen=True, slots=True)
class Place:
    """The project as it is now, in one environment."""

    root: Path
    loaded: LoadedSettings
    environment: str


def changed_sequences(place: Place, wanted: Mapping[str, WantedSequence], since: Since) -> frozenset[str] | None:
    """The keys of the sequences that changed: of `wanted`, and of those whose file is gone. None: all of them.

    Changed settings count for a sequence where they make something else of it; for all, where they cannot be read,
    lead to another account or state, or change what a plan may do.
    """
    keys = {key for key, row in wanted.items() if any(since.changed(file) for file in row.files)}
    include = place.loaded.settings.include
    if since.changed(SETTINGS_FILE):
        old = _settings_at(since, since.then)
        new = place.loaded if since.until is None else _settings_at(since, since.later)
        if old is None or new is None or not _same_ground(old, new, place.environment):
            return None
        if old.digest != new.digest:
            keys |= _by_settings(place, wanted if since.until is None else None, old, new)
            include += old.settings.include
    paths = [path for path in sorted(since.touched) if covers(include, path)]
    for tree in (since.then, since.later):
        keys |= _keys_in(since, [tree[path] for path in paths if path in tree])
    return frozenset(keys)


def _keys_in(since: Since, entries: Iterable[Entry]) -> set[str]:
    """The keys that touched files had in a commit: what was renamed or deleted since is still told."""
    contents = since.contents(entry for entry in entries if entry.is_file)
    return {key for data in contents if (key := _key_in(data))}


def _key_in(data: bytes) -> str | None:
    try:
        text = as_text(data)
    except Unreadable:
        return None
    document = read_quick(text)
    if document is None:
        document = judge(text).data
    key = document.get("sequence") if isinstance(document, dict) else None
    return key if isinstance(key, str) else None


# -- settings ---------------------------------------------------------------------------------------------------------


def _settings_at(since: Since, tree: Mapping[str, Entry]) -> LoadedSettings | None:
    """The settings in a commit; None where they cannot be read."""
    entry = tree.get(SETTINGS_FILE)
    if entry is not None and not entry.is_file:
        return None
    try:
        return settings_in(since.contents([entry])[0] if entry else None)
    except InvalidFiles:
        return None


def _same_ground(old: LoadedSettings, new: LoadedSettings, name: str) -> bool:
    """Whether both settings lead to one account and one state, and let a plan do the same."""
    before, after = old.settings, new.settings
    if name not in before.environments or name not in after.environments:
        return False
    return (
        before.environments[name].api_url == after.environments[name].api_url
        and before.state_path(name) == after.state_path(name)
        and before.policy.removed_steps == after.policy.removed_steps
        and before.switched_off(name) == after.switched_off(name)
    )


def _by_settings(
    place: Place, wanted: Mapping[str, WantedSequence] | None, old: LoadedSettings, new: LoadedSettings
) -> set[str]:
    """The keys of which the files of now make something else with the one settings than with the other. `wanted` is
    what the new ones make of them, where that is known."""
    before = load_project(place.root, old, place.environment).sequences
    after = load_project(place.root, new, place.environment).sequences if wanted is None else wanted
    changed = {key for key in {*before, *after} if _meaning(before.get(key)) != _meaning(after.get(key))}
    return changed | (set(old.settings.removed) ^ set(new.settings.removed))


def _meaning(row: WantedSequence | None) -> WantedSequence | None:
    return row.model_copy(update={"source_digest": ""}) if row else None
