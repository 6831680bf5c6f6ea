"""One sequence file: from its data to the sequence that is wanted, or to everything that is wrong in it.

Each part tells all it can; what needs a whole sequence is looked at over the steps that are right. Works on plain
data: it does not know which reader made it, and names mistakes by the way to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sequence_sync.model.address import KEY, KEY_RULE
from sequence_sync.model.fields import LONGEST_TITLE
from sequence_sync.model.sequence import Content, WantedSequence
from sequence_sync.source.content import Texts
from sequence_sync.source.places import BROKEN, Data, Mistake, Path
from sequence_sync.source.scope import Reading, Scope
from sequence_sync.source.settings import REMOTE_ID
from sequence_sync.source.steps import check_keys, read_defaults, read_step

SOURCE_SCHEMA_VERSION = 1  # rises when the same files would give other sequences, so that all are read again
KEYS = ("sequence", "title", "id", "defaults", "steps", "formerly", "moved", "removed")


def source_digest(base: str, files: Iterable[tuple[str, str]]) -> str:
    """What a sequence was made from, as one digest: `base` (settings and environment) and (path, digest) of its files,
    the YAML file first."""
    text = "\0".join((str(SOURCE_SCHEMA_VERSION), base, *(part for file in files for part in file)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(slots=True)
class Built:
    """What a file gave. `sequence` is None where there are mistakes; key, title and id are there as far as they could
    be read, with the ways to them, for the rules over all files."""

    sequence: WantedSequence | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    key: str | None = None
    title: str | None = None
    remote_id: str | None = None
    formerly: str | None = None
    title_path: Path = ("sequence",)
    id_path: Path = ("sequence",)
    content_files: dict[str, str] = field(default_factory=dict)


def build(data: Data, path: str, file_digest: str, scope: Scope, base: str) -> Built:
    """The sequence in `data`, which is the whole document of the file `path`."""
    reading = Reading(path, scope, Texts(scope.variables))
    built = Built()
    if data is BROKEN:
        return built
    raw = reading.expect_mapping(data, (), "A sequence file")
    if raw is None:
        return Built(mistakes=reading.mistakes)
    check_keys(reading, (), raw, KEYS)
    _identity(reading, raw, built)
    steps = _steps(reading, raw)
    moved = _moved(reading, raw, steps)
    removed = _removed(reading, raw, steps)
    built.mistakes = [*reading.mistakes, *reading.texts.mistakes]
    built.content_files = reading.content_files
    whole = {key: content for key, content in steps.items() if content is not None}
    if built.mistakes or built.key is None or built.title is None or len(whole) < len(steps):
        return built
    others = sorted(reading.content_files.items())
    built.sequence = WantedSequence(
        key=built.key,
        title=built.title,
        remote_id=built.remote_id,
        step_ids=_step_ids(scope, built.key, whole),
        steps=whole,
        formerly=built.formerly,
        moved=moved,
        removed=removed,
        files=(path, *(file for file, _ in others)),
        source_digest=source_digest(base, [(path, file_digest), *others]),
    )
    return built


def _step_ids(scope: Scope, key: str, steps: Mapping[str, Content]) -> dict[str, str]:
    return {step: remote for step, remote in scope.step_ids.get(key, {}).items() if step in steps}


# -- what the sequence is called --------------------------------------------------------------------------------------


def _identity(reading: Reading, raw: dict[str, Data], built: Built) -> None:
    if "sequence" not in raw:
        reading.tell_missing((), "sequence")
    else:
        built.key = _key(reading, raw["sequence"], ("sequence",), "a sequence")
    built.title = built.key
    if "title" in raw:
        built.title_path = ("title",)
        built.title = _title(reading, raw["title"])
    if built.key is not None:
        built.remote_id = reading.scope.environment.ids.get(built.key)
    if "id" in raw:
        _own_id(reading, raw["id"], built)
    if "formerly" in raw:
        built.formerly = _key(reading, raw["formerly"], ("formerly",), "a sequence")
        if built.formerly is not None and built.formerly == built.key:
            reading.tell(("formerly",), "same-key", "This is the key that the sequence has now.", "Take the line out.")


def _key(reading: Reading, value: Data, path: Path, what: str) -> str | None:
    text = reading.expect_text(value, path)
    if text is None:
        return None
    if KEY.fullmatch(text):
        return text
    reading.tell(path, "bad-key", f"This cannot be the key of {what}: {KEY_RULE}.")
    return None


def _title(reading: Reading, value: Data) -> str | None:
    text = reading.expect_text(reading.texts.made(value, ("title",)), ("title",))
    if text is None:
        return None
    if not text.strip():
        reading.tell(("title",), "empty", "The title is empty.", "Write it, or take the key out.")
        return None
    if len(text) > LONGEST_TITLE:
        summary = f"The title has {len(text)} characters; Saleshandy takes {LONGEST_TITLE}."
        reading.tell(("title",), "too-long", summary, "Shorten it.")
        return None
    return text


def _own_id(reading: Reading, value: Data, built: Built) -> None:
    path: Path = ("id",)
    text = reading.expect_text(reading.texts.made(value, path), path)
    if text is None:
        return
    if not reading.scope.one_environment:
        hint = "Write it under `ids:` of its environment in seqsync.yaml."
        reading.tell(path, "id-of-which", "This project has several environments: whose id is this?", hint, at_key=True)
    elif not REMOTE_ID.fullmatch(text):
        reading.tell(path, "wrong-value", "An id of the app is letters and digits.", "Copy it from the app.")
    elif built.remote_id not in (None, text):
        hint = "Keep the one that is right."
        reading.tell(path, "two-ids", "The settings give this sequence another id under `ids:`.", hint)
    else:
        built.remote_id, built.id_path = text, path


# -- its steps --------------------------------------------------------------------------------------------------------


def _steps(reading: Reading, raw: dict[str, Data]) -> dict[str, Content | None]:
    """Every step by its key; None where it is not whole."""
    defaults = read_defaults(reading, raw["defaults"]) if "defaults" in raw else {}
    if "steps" not in raw:
        reading.tell_missing((), "steps")
        return {}
    values = reading.expect_mapping(raw["steps"], ("steps",), "The part `steps:`")
    steps = {key: read_step(reading, key, value, defaults) for key, value in (values or {}).items()}
    first: dict[int, str] = {}
    for key, content in steps.items():
        if content is not None and content.is_email:
            if content.day in first:
                summary = f'Two emails on day {content.day}: "{first[content.day]}" and "{key}".'
                hint = "Saleshandy sends one email a day in a sequence; give one of them another day."
                reading.tell(("steps", key, "day"), "two-emails", summary, hint)
            first.setdefault(content.day, key)
    return steps


def _moved(reading: Reading, raw: dict[str, Data], steps: Mapping[str, object]) -> dict[str, str]:
    """Old key to new key; a chain of renames leads to its end."""
    entries = raw.get("moved", [])
    if isinstance(entries, (str, dict)):
        hint = "Write it as [{from: hello, to: intro}]."
        reading.tell(("moved",), "wrong-type", "A list of renames is expected here.", hint)
    if not isinstance(entries, list):
        return {}
    moves: dict[str, tuple[str, int]] = {}
    for at, entry in enumerate(entries):
        move = _move(reading, ("moved", at), entry)
        if move is None:
            continue
        old, new = move
        if old in moves:
            reading.tell(("moved", at, "from"), "moved-twice", f'"{old}" is renamed twice.', "Keep one of them.")
        elif any(new == other for other, _ in moves.values()):
            reading.tell(
                ("moved", at, "to"), "moved-together", f'Two steps are renamed to "{new}".', "Keep one of them."
            )
        else:
            moves[old] = (new, at)
    ends = {old: _end_of(moves, old) for old in moves}
    removed = raw.get("removed")
    let_go = [key for key in removed if isinstance(key, str)] if isinstance(removed, list) else []
    if isinstance(raw.get("steps"), dict):
        for old, (_, at) in moves.items():
            _check_move(reading, ("moved", at), old, ends[old], steps, let_go)
    return ends


def _move(reading: Reading, path: Path, entry: Data) -> tuple[str, str] | None:
    raw = reading.expect_mapping(entry, path, "A rename")
    if raw is None:
        return None
    check_keys(reading, path, raw, ("from", "to"))
    ends = []
    for name in ("from", "to"):
        if name in raw:
            ends.append(_key(reading, raw[name], (*path, name), "a step"))
        else:
            reading.tell_missing(path, name)
    if len(ends) < 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def _end_of(moves: Mapping[str, tuple[str, int]], old: str) -> str:
    seen = {old}
    new = moves[old][0]
    while new in moves and new not in seen:
        seen.add(new)
        new = moves[new][0]
    return new


def _check_move(
    reading: Reading, path: Path, old: str, end: str, steps: Mapping[str, object], let_go: Collection[str]
) -> None:
    if old in steps:
        summary = f'"{old}" stands in `steps:`, so it cannot have been renamed.'
        reading.tell((*path, "from"), "moved-and-there", summary, "Take this rename out, or the old step.")
    elif end not in steps and end not in let_go:
        summary = f'There is no step "{end}" that it could have become.'
        hint = "Name the step as it is called now; what is no longer managed stands under `removed:`."
        reading.tell((*path, "to"), "moved-nowhere", summary, hint)


def _removed(reading: Reading, raw: dict[str, Data], steps: Mapping[str, object]) -> tuple[str, ...]:
    """The keys that are let go, each once."""
    entries = raw.get("removed", [])
    if isinstance(entries, (str, dict)):
        hint = "Write it as [legacy-call]."
        reading.tell(("removed",), "wrong-type", "A list of the keys of steps is expected here.", hint)
    keys: dict[str, None] = {}
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        key = _key(reading, entry, ("removed", at), "a step")
        if key is None:
            continue
        if key in steps:
            summary = f'"{key}" stands in `steps:` too.'
            hint = "Take it out here to keep it, or there to let it go."
            reading.tell(("removed", at), "removed-and-there", summary, hint)
        keys[key] = None
    return tuple(keys)
