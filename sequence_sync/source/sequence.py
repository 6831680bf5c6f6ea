"""One step of a sequence file: from its keys and values to its content.

The models in `model.steps` are the rules of the fields; here stands what a model cannot see: which form the content
of an email has, where a text comes from, what a name means in this environment. Knows no YAML and no other step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from pydantic import ValidationError

from sequence_sync.diagnostics import did_you_mean, nearest
from sequence_sync.model.address import KEY, KEY_RULE, Address
from sequence_sync.model.fields import LONGEST_TITLE, Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailStep, EmailVariant, Step, TaskAction, TaskStep, type_meant
from sequence_sync.source.content import ContentFiles, TextResolver, body_of_file, html_of, is_flat_text
from sequence_sync.source.files import UnreadableFileError
from sequence_sync.source.problems import INVALID, Data, Path, Problem, known_hint, missing, problems_of
from sequence_sync.source.settings import REMOTE_ID

LITERAL_ID = "id:"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What is the same for every file of a project. `step_ids` are the environment's, by sequence and step."""

    environment: Environment
    one_environment: bool
    variables: Mapping[str, str]
    files: ContentFiles
    step_ids: Mapping[str, Mapping[str, str]]


def step_ids_of(ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`ids:` of an environment, those of steps: sequence key to step key to id."""
    made: dict[str, dict[str, str]] = {}
    for text, remote in ids.items():
        address = Address(text)
        if address.step:
            made.setdefault(address.sequence, {})[address.step] = remote
    return made


@dataclass(slots=True)
class FileReader:
    """One file being read. `content_files` maps each content file that it names to the digest of its text."""

    path: str
    scope: BuildContext
    texts: TextResolver
    mistakes: list[Problem] = field(default_factory=list)
    content_files: dict[str, str] = field(default_factory=dict)

    def tell(self, path: Path, rule: str, summary: str, hint: str = "", at_key: bool = False) -> None:
        """Notes a mistake at the value that `path` leads to, or with `at_key` at its key."""
        self.mistakes.append(Problem(path, rule, summary, hint, at_key))

    def tell_missing(self, path: Path, key: str) -> None:
        """Notes that the mapping at `path` lacks `key`."""
        self.mistakes.append(missing(path, key))

    def expect_mapping(self, value: Data, path: Path, what: str) -> dict[str, Data] | None:
        """`value` if it is a mapping. A value that was told already is passed over in silence."""
        if isinstance(value, dict):
            return value
        if isinstance(value, (str, list)):
            self.tell(path, "wrong-type", f"{what} is keys with values.", "Write `key: value`, one on each line.")
        return None

    def expect_text(self, value: Data, path: Path) -> str | None:
        """`value` if it is a text."""
        if isinstance(value, str):
            return value
        if isinstance(value, (dict, list)):
            hint = "Write one text, in double quotes if need be."
            self.tell(path, "wrong-type", "A text is expected here.", hint)
        return None

    def resolve(self, name: str, names: Mapping[str, str], what: str, path: Path) -> str | None:
        """The app's id of what the file calls `name`: through the environment, or literally after `id:`."""
        if name.startswith(LITERAL_ID):
            remote = name[len(LITERAL_ID) :].strip()
            if REMOTE_ID.fullmatch(remote):
                return remote
            self.tell(path, "wrong-value", "An id of the app is letters and digits.", "Write it as id:z6R8Mw4vBn.")
            return None
        if name not in names:
            hint = did_you_mean(name, names)
            where = f"Names stand under `{what}s:` of the environment in seqsync.yaml; an id is written id:z6R8Mw4vBn."
            self.tell(path, f"unknown-{what}", f'There is no {what} "{name}".', f"{hint} {where}".strip())
        return names.get(name)


NOT_MANAGED = ("senders", "schedule", "settings", "status", "enabled")
DEFAULTABLE = tuple(name for name in TaskStep.model_fields if name not in Step.model_fields)
FIELDS: Mapping[str, frozenset[str]] = {name: row.fields for name, row in STEP_TYPES.items()}
VARIANT_FIELDS = tuple(EmailVariant.model_fields)
_ALL_FIELDS = frozenset().union(*FIELDS.values())
_FIRST = "a"

StepModel = TypeVar("StepModel", bound=Step)


def check_keys(reading: FileReader, path: Path, keys: Collection[str], known: Collection[str]) -> None:
    """Tells every key that nothing reads, with what was probably meant."""
    for key in keys:
        if key in known or key.startswith("x-"):
            continue
        if key in NOT_MANAGED:
            hint = "Take it out; change it in Saleshandy."
            reading.tell((*path, key), "not-managed", f'"{key}" is not managed yet.', hint, at_key=True)
        elif key in _ALL_FIELDS and len(path) == 2:
            _tell_foreign(reading, (*path, key), key)
        else:
            hint = known_hint(key, sorted(known))
            if key == "id":
                hint = "Ids of steps stand under `ids:` of the environment in seqsync.yaml."
            reading.tell((*path, key), "unknown-key", f'Unknown key "{key}".', hint, at_key=True)


def _tell_foreign(reading: FileReader, path: Path, key: str) -> None:
    """A field of another type of step: the types that have it are named."""
    owners = [name for name, fields in FIELDS.items() if key in fields]
    listed = "every type but email" if len(owners) == len(FIELDS) - 1 else ", ".join(owners)
    reading.tell(path, "wrong-field", f'A step of this type has no "{key}".', f"These have it: {listed}.", at_key=True)


def read_step(reading: FileReader, key: str, value: Data, defaults: Mapping[str, Data]) -> Content | None:
    """The content of the step `key`, or None where anything of it is wrong; all that is wrong is told."""
    path: Path = ("steps", key)
    if not KEY.fullmatch(key):
        reading.tell(path, "bad-key", f"This cannot be the key of a step: {KEY_RULE}.", at_key=True)
    raw = reading.expect_mapping(value, path, "A step")
    if raw is None:
        return None
    before = len(reading.mistakes) + len(reading.texts.mistakes)
    kind = _type(reading, path, raw)
    if kind is None:
        check_keys(reading, path, raw, _ALL_FIELDS)
        common = {name: reading.texts.made(raw[name], (*path, name)) for name in ("day",) if name in raw}
        _validated(reading, Step, path, {"type": "", **common})
        return None
    check_keys(reading, path, raw, FIELDS[kind])
    fields = {
        name: inner if name == "type" else reading.texts.made(inner, (*path, name))
        for name, inner in raw.items()
        if name in FIELDS[kind]
    }
    if kind == EMAIL:
        content = _email(reading, path, fields)
    else:
        content = _task(reading, path, kind, fields, defaults)
    whole = len(reading.mistakes) + len(reading.texts.mistakes) == before
    return content if whole else None


def _type(reading: FileReader, path: Path, raw: dict[str, Data]) -> str | None:
    """The step's type; where that is wrong (which is told), the type that was meant, so that the rest is read too."""
    if "type" not in raw:
        reading.tell_missing(path, "type")
    elif raw["type"] is not INVALID:
        kind = reading.expect_text(raw["type"], (*path, "type"))
        if kind in STEP_TYPES:
            return kind
        if kind is not None:
            meant = type_meant(kind) or nearest(kind, STEP_TYPES)
            hint = f'Did you mean "{meant}"?' if meant else f"Known types: {', '.join(STEP_TYPES)}."
            reading.tell((*path, "type"), "unknown-type", f'There is no type "{kind}".', hint)
            return meant
    return None


def _email(reading: FileReader, path: Path, fields: dict[str, Data]) -> Content | None:
    on_step = {name: fields.pop(name) for name in VARIANT_FIELDS if name in fields}
    short = "variants" not in fields
    if short:
        fields["variants"] = {_FIRST: cast(Data, on_step)}
    elif on_step:
        first = next(iter(on_step))
        summary = "The content stands on the step and under `variants:`; it is one or the other."
        reading.tell((*path, first), "two-forms", summary, f"Move `{first}:` into a variant.", at_key=True)
    variants = fields["variants"]
    if isinstance(variants, dict):
        for letter, variant in variants.items():
            place = path if short else (*path, "variants", letter)
            if isinstance(variant, dict):
                _check_variant(reading, place, variant, short)
    step = _validated(reading, EmailStep, path, fields, short)
    if step is None:
        _read_what_can_be(reading, path, variants, short)
        return None
    made = {
        letter: _variant(reading, path if short else (*path, "variants", letter), step.variants[letter])
        for letter in sorted(step.variants)
    }
    return Content(type=EMAIL, day=step.day, variants=made)


def _read_what_can_be(reading: FileReader, path: Path, variants: Data, short: bool) -> None:
    """In an email that is not whole: texts, files and names may have mistakes of their own, which are told too."""
    for letter, raw in variants.items() if isinstance(variants, dict) else ():
        if not isinstance(raw, dict):
            continue
        try:
            variant = EmailVariant.model_validate({"subject": "", **raw})
        except ValidationError:
            continue  # told already
        _variant(reading, path if short else (*path, "variants", letter), variant)


def _check_variant(reading: FileReader, path: Path, variant: dict[str, Data], short: bool) -> None:
    """Exactly one body, and no unknown key (which are taken out, so that the model does not tell them again)."""
    if not short:
        check_keys(reading, path, variant, VARIANT_FIELDS)
        for key in [key for key in variant if key not in VARIANT_FIELDS]:
            del variant[key]
    bodies = [key for key in variant if key in EmailVariant.BODIES]
    if not bodies:
        hint = "Write `content:` (HTML), `markdown:`, or `content_file:` (.html, .md)."
        reading.tell(path, "no-body", "This email has no text.", hint, at_key=True)
    for extra in bodies[1:]:
        summary = f"This email has two texts: `{bodies[0]}:` and `{extra}:`."
        reading.tell((*path, extra), "two-bodies", summary, "Keep one of them.", at_key=True)


def _variant(reading: FileReader, path: Path, email: EmailVariant) -> Variant:
    payload = {"subject": email.subject, "content": _body(reading, path, email)}
    if email.preheader:
        payload["preheader"] = email.preheader
    if not email.attachments:
        return Variant(payload=payload)
    names = reading.scope.environment.attachments
    found = [
        reading.resolve(name, names, "attachment", (*path, "attachments", at))
        for at, name in enumerate(email.attachments)
    ]
    return Variant(payload=payload, attachments=tuple(remote for remote in found if remote is not None))


def _body(reading: FileReader, path: Path, email: EmailVariant) -> str:
    """The HTML of an email."""
    place: Path = (*path, "content")
    if email.content is not None:
        html = email.content
        if is_flat_text(html):
            hint = "For plain text with paragraphs write `markdown:` in place of `content:`, or put in HTML tags."
            reading.tell(place, "flat-text", "This HTML has line breaks and no tag: it would arrive as one line.", hint)
    elif email.markdown is not None:
        place = (*path, "markdown")
        html = html_of(email.markdown)
    elif email.content_file is not None:
        place = (*path, "content_file")
        return _from_file(reading, place, email.content_file)
    else:
        return ""  # told already: it has no body
    if not html.strip():
        reading.tell(place, "empty", "This email is empty.", "Write its text.")
    return html


def _from_file(reading: FileReader, place: Path, name: str) -> str:
    try:
        html, found, digest = body_of_file(reading.scope.files, reading.path, name, reading.texts, place)
    except UnreadableFileError as problem:
        where = f" (line {problem.line}, column {problem.column} of it)" if problem.line else ""
        reading.tell(place, problem.rule, problem.summary, f"{problem.hint}{where}")
        return ""
    reading.content_files[found] = digest
    if not html.strip():
        reading.tell(place, "empty", "This content file is empty.", "Write the text of the email into it.")
    return html


def _task(
    reading: FileReader, path: Path, kind: str, fields: dict[str, Data], defaults: Mapping[str, Data]
) -> Content | None:
    own_assignee = "assignee" in fields
    step = _validated(reading, cast(type[TaskStep], STEP_TYPES[kind].model), path, {**defaults, **fields})
    if step is None:
        name = fields.get("assignee")
        if isinstance(name, str):
            reading.resolve(name, reading.scope.environment.assignees, "assignee", (*path, "assignee"))
        return None
    assignee = step.assignee
    if assignee is not None:
        place: Path = (*path, "assignee") if own_assignee else ("defaults", "assignee")
        assignee = reading.resolve(assignee, reading.scope.environment.assignees, "assignee", place)
    variant = Variant(payload=step.payload(), task_note=step.task_note)
    return Content(type=kind, day=step.day, priority=step.priority, assignee=assignee, variants={_FIRST: variant})


def read_defaults(reading: FileReader, value: Data) -> dict[str, Data]:
    """`defaults:`, without what is wrong in it, which is told once and not at each step."""
    path: Path = ("defaults",)
    raw = reading.expect_mapping(value, path, "The part `defaults:`")
    if raw is None:
        return {}
    check_keys(reading, path, raw, DEFAULTABLE)
    made = {name: reading.texts.made(inner, (*path, name)) for name, inner in raw.items() if name in DEFAULTABLE}
    plain = {name: inner for name, inner in made.items() if inner is not INVALID}
    wrong: set[object] = set()
    try:
        TaskStep.model_validate({"type": "custom", "day": 1, **plain})
    except ValidationError as error:
        mistakes = problems_of(error, plain)
        reading.mistakes += [_below(path, mistake) for mistake in mistakes if mistake.path[0] not in wrong]
        wrong = {mistake.path[0] for mistake in mistakes}
    assignee = plain.get("assignee")
    names = reading.scope.environment.assignees
    if isinstance(assignee, str) and reading.resolve(assignee, names, "assignee", (*path, "assignee")) is None:
        wrong.add("assignee")
    return {name: inner for name, inner in plain.items() if name not in wrong}


def _below(path: Path, mistake: Problem) -> Problem:
    return Problem((*path, *mistake.path), mistake.rule, mistake.summary, mistake.hint, mistake.at_key)


def _validated(
    reading: FileReader, model: type[StepModel], path: Path, fields: dict[str, Data], short: bool = False
) -> StepModel | None:
    """`fields` as a step, or None; what the model refuses is told, but not what was told already."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        mistakes = problems_of(error, fields, lambda below: TaskAction.model_fields if below == ("action",) else ())
    for mistake in mistakes:
        if _is_broken(fields, mistake.path):
            continue
        inner = mistake.path
        if short and inner[:2] == ("variants", _FIRST):
            inner = inner[2:]
        if mistake.path[-1:] == ("priority",) and not mistake.hint:
            mistake = _priority_meant(mistake, fields.get("priority"))
        reading.tell((*path, *inner), mistake.rule, mistake.summary, mistake.hint, mistake.at_key)
    return None


def _priority_meant(mistake: Problem, value: Data | None) -> Problem:
    """The API's own numbers, 1 to 4, get "did you mean" too."""
    meant = next((p for p in Priority if str(p.code) == value), None)
    hint = f'Did you mean "{meant}"?' if meant else ""
    return Problem(mistake.path, mistake.rule, mistake.summary, hint, mistake.at_key)


def _is_broken(data: Data, path: Path) -> bool:
    """Whether `path` leads to, or through, a value that was told already."""
    for part in path:
        if data is INVALID:
            return True
        if isinstance(data, dict):
            data = data.get(cast(str, part), "")
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False
    return data is INVALID


SOURCE_SCHEMA_VERSION = 1  # rises when the same files would give other sequences, so that all are read again
KEYS = ("sequence", "title", "id", "defaults", "steps", "formerly", "moved", "removed")


def source_digest(base: str, files: Iterable[tuple[str, str]]) -> str:
    """What a sequence was made from, as one digest: `base` (settings and environment) and (path, digest) of its files,
    the YAML file first."""
    text = "\0".join((str(SOURCE_SCHEMA_VERSION), base, *(part for file in files for part in file)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(slots=True)
class BuildResult:
    """What a file gave. `sequence` is None where there are mistakes; key, title and id are there as far as they could
    be read, with the ways to them, for the rules over all files."""

    sequence: DesiredSequence | None = None
    mistakes: list[Problem] = field(default_factory=list)
    key: str | None = None
    title: str | None = None
    remote_id: str | None = None
    formerly: str | None = None
    title_path: Path = ("sequence",)
    id_path: Path = ("sequence",)
    content_files: dict[str, str] = field(default_factory=dict)


def build(data: Data, path: str, file_digest: str, scope: BuildContext, base: str) -> BuildResult:
    """The sequence in `data`, which is the whole document of the file `path`."""
    reading = FileReader(path, scope, TextResolver(scope.variables))
    built = BuildResult()
    if data is INVALID:
        return built
    raw = reading.expect_mapping(data, (), "A sequence file")
    if raw is None:
        return BuildResult(mistakes=reading.mistakes)
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
    built.sequence = DesiredSequence(
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


def _step_ids(scope: BuildContext, key: str, steps: Mapping[str, Content]) -> dict[str, str]:
    return {step: remote for step, remote in scope.step_ids.get(key, {}).items() if step in steps}


def _identity(reading: FileReader, raw: dict[str, Data], built: BuildResult) -> None:
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


def _key(reading: FileReader, value: Data, path: Path, what: str) -> str | None:
    text = reading.expect_text(value, path)
    if text is None:
        return None
    if KEY.fullmatch(text):
        return text
    reading.tell(path, "bad-key", f"This cannot be the key of {what}: {KEY_RULE}.")
    return None


def _title(reading: FileReader, value: Data) -> str | None:
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


def _own_id(reading: FileReader, value: Data, built: BuildResult) -> None:
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


def _steps(reading: FileReader, raw: dict[str, Data]) -> dict[str, Content | None]:
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


def _moved(reading: FileReader, raw: dict[str, Data], steps: Mapping[str, object]) -> dict[str, str]:
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
    forget_missing = [key for key in removed if isinstance(key, str)] if isinstance(removed, list) else []
    if isinstance(raw.get("steps"), dict):
        for old, (_, at) in moves.items():
            _check_move(reading, ("moved", at), old, ends[old], steps, forget_missing)
    return ends


def _move(reading: FileReader, path: Path, entry: Data) -> tuple[str, str] | None:
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
    reading: FileReader, path: Path, old: str, end: str, steps: Mapping[str, object], forget_missing: Collection[str]
) -> None:
    if old in steps:
        summary = f'"{old}" stands in `steps:`, so it cannot have been renamed.'
        reading.tell((*path, "from"), "moved-and-there", summary, "Take this rename out, or the old step.")
    elif end not in steps and end not in forget_missing:
        summary = f'There is no step "{end}" that it could have become.'
        hint = "Name the step as it is called now; what is no longer managed stands under `removed:`."
        reading.tell((*path, "to"), "moved-nowhere", summary, hint)


def _removed(reading: FileReader, raw: dict[str, Data], steps: Mapping[str, object]) -> tuple[str, ...]:
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
