"""Data of one sequence file -> `DesiredSequence`, or problems.

The models in `model.steps` check each field. This module checks what a model cannot see: which form the content of
an email has, where a text comes from, what a name means in this environment, and the rules for all steps of a file.
Must not know YAML or other files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from pydantic import ValidationError

from sequence_sync.diagnostics import did_you_mean, nearest
from sequence_sync.model.address import KEY, KEY_HINT, Address
from sequence_sync.model.fields import ID_HINT, LONGEST_TITLE, REMOTE_ID, Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.settings import Environment
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailStep, EmailVariant, Step, TaskAction, TaskStep, type_meant
from sequence_sync.source.content import ContentFiles, TextResolver, body_of_file, html_of, is_flat_text
from sequence_sync.source.files import UnreadableFileError
from sequence_sync.source.problems import (
    MAPPING_HINT,
    TEXT_HINT,
    Data,
    Invalid,
    Path,
    Problem,
    known_hint,
    missing,
    problems_of,
)

LITERAL_ID = "id:"  # prefix of a Saleshandy ID in place of a name


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What all files of a project share. `step_ids`: sequence key -> step key -> ID in this environment."""

    environment: Environment
    one_environment: bool
    variables: Mapping[str, str]
    files: ContentFiles
    step_ids: Mapping[str, Mapping[str, str]]


def step_ids_of(ids: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The IDs of steps in `ids:` of an environment: sequence key -> step key -> ID."""
    step_ids: dict[str, dict[str, str]] = {}
    for text, remote_id in ids.items():
        address = Address(text)
        if address.step:
            step_ids.setdefault(address.sequence, {})[address.step] = remote_id
    return step_ids


@dataclass(slots=True)
class FileReader:
    """Reads one file and collects its problems. `content_files`: path of each content file -> digest of its text."""

    path: str
    context: BuildContext
    texts: TextResolver
    problems: list[Problem] = field(default_factory=list)
    content_files: dict[str, str] = field(default_factory=dict)

    def report(self, path: Path, rule: str, summary: str, hint: str = "", at_key: bool = False) -> None:
        """Add a problem with the value at `path`, or with its key."""
        self.problems.append(Problem(path, rule, summary, hint, at_key))

    def report_missing(self, path: Path, key: str) -> None:
        """Report that the mapping at `path` lacks `key`."""
        self.problems.append(missing(path, key))

    def expect_mapping(self, value: Data, path: Path, summary: str, hint: str = MAPPING_HINT) -> dict[str, Data] | None:
        """`value` if it is a mapping; else None, with the problem `summary`."""
        if isinstance(value, dict):
            return value
        if not isinstance(value, Invalid):
            self.report(path, "wrong-type", summary, hint)
        return None

    def expect_text(self, value: Data, path: Path) -> str | None:
        """`value` if it is a text; else None, with a problem."""
        if isinstance(value, str):
            return value
        if not isinstance(value, Invalid):
            self.report(path, "wrong-type", "Expected text.", TEXT_HINT)
        return None

    def resolve_name(self, name: str, names: Mapping[str, str], what: str, path: Path) -> str | None:
        """The Saleshandy ID of `name`: from the environment, or literal after `id:`. None, with a problem, if unknown.

        `what` is `assignee` or `attachment`.
        """
        if name.startswith(LITERAL_ID):
            remote_id = name[len(LITERAL_ID) :].strip()
            if REMOTE_ID.fullmatch(remote_id):
                return remote_id
            hint = f"{ID_HINT} Write it as id:z6R8Mw4vBn."
            self.report(path, "wrong-value", "Invalid Saleshandy ID after `id:`.", hint)
            return None
        if name not in names:
            hint = (
                f"{did_you_mean(name, names)} Define names under `{what}s:` of the environment in seqsync.yaml, "
                "or write the ID as id:z6R8Mw4vBn."
            )
            self.report(path, f"unknown-{what}", f'Unknown {what} "{name}".', hint.strip())
        return names.get(name)


NOT_MANAGED = ("senders", "schedule", "settings", "status", "enabled")
DEFAULTABLE = tuple(name for name in TaskStep.model_fields if name not in Step.model_fields)
FIELDS: Mapping[str, frozenset[str]] = {name: row.fields for name, row in STEP_TYPES.items()}
VARIANT_FIELDS = tuple(EmailVariant.model_fields)
_ALL_FIELDS = frozenset().union(*FIELDS.values())
_FIRST = "a"

StepModel = TypeVar("StepModel", bound=Step)


def check_keys(reader: FileReader, path: Path, keys: Collection[str], known: Collection[str]) -> None:
    """Report every key that is not in `known`, with the field that was probably meant."""
    for key in keys:
        if key in known or key.startswith("x-"):
            continue
        if key in NOT_MANAGED:
            hint = "Remove it here, and change it in Saleshandy."
            reader.report((*path, key), "not-managed", f'seqsync does not manage "{key}" yet.', hint, at_key=True)
        elif key in _ALL_FIELDS and len(path) == 2:
            _report_wrong_field(reader, (*path, key), key)
        else:
            hint = known_hint(key, sorted(known))
            if key == "id":
                hint = "Write IDs of steps under `ids:` of the environment in seqsync.yaml."
            reader.report((*path, key), "unknown-key", f'Unknown field "{key}".', hint, at_key=True)


def _report_wrong_field(reader: FileReader, path: Path, key: str) -> None:
    """Report a field of another step type, with the types that have it."""
    types = [name for name, fields in FIELDS.items() if key in fields]
    listed = "all types except email" if len(types) == len(FIELDS) - 1 else ", ".join(types)
    summary = f'This step type has no field "{key}".'
    reader.report(path, "wrong-field", summary, f"Remove it. Step types with this field: {listed}.", at_key=True)


def read_step(reader: FileReader, key: str, value: Data, defaults: Mapping[str, Data]) -> Content | None:
    """The content of the step `key`. None, with all its problems reported, if there are any."""
    path: Path = ("steps", key)
    if not KEY.fullmatch(key):
        reader.report(path, "bad-key", "Invalid step key.", KEY_HINT, at_key=True)
    hint = "Write the fields of the step below its key, indented, as `field: value`."
    raw = reader.expect_mapping(value, path, "A step must be a mapping.", hint)
    if raw is None:
        return None
    before = len(reader.problems) + len(reader.texts.problems)
    kind = _step_type(reader, path, raw)
    first = len(reader.problems)
    if kind is None:
        check_keys(reader, path, raw, _ALL_FIELDS)
        common = {name: reader.texts.resolve(raw[name], (*path, name)) for name in ("day",) if name in raw}
        _validated(reader, Step, path, {"type": "", **common})
        return None
    check_keys(reader, path, raw, FIELDS[kind])
    fields = {
        name: inner if name == "type" else reader.texts.resolve(inner, (*path, name))
        for name, inner in raw.items()
        if name in FIELDS[kind]
    }
    if kind == EMAIL:
        content = _email(reader, path, fields)
    else:
        content = _task(reader, path, kind, fields, defaults)
    if kind != raw["type"]:
        # The type is a guess, so what a step of that type lacks may not be missing.
        reader.problems[first:] = [row for row in reader.problems[first:] if row.rule not in ("missing-key", "no-body")]
    is_valid = len(reader.problems) + len(reader.texts.problems) == before
    return content if is_valid else None


def _step_type(reader: FileReader, path: Path, raw: dict[str, Data]) -> str | None:
    """The type of the step. For an unknown type (which is reported), the one probably meant, to check the rest."""
    if "type" not in raw:
        reader.report_missing(path, "type")
    elif not isinstance(raw["type"], Invalid):
        kind = reader.expect_text(raw["type"], (*path, "type"))
        if kind in STEP_TYPES:
            return kind
        if kind is not None:
            meant = type_meant(kind) or nearest(kind, STEP_TYPES)
            hint = f'Did you mean "{meant}"?' if meant else f"Step types: {', '.join(STEP_TYPES)}."
            reader.report((*path, "type"), "unknown-type", f'Unknown step type "{kind}".', hint)
            return meant
    return None


def _email(reader: FileReader, path: Path, fields: dict[str, Data]) -> Content | None:
    """The content of an email; None, with its problems, if it is invalid."""
    on_step = {name: fields.pop(name) for name in VARIANT_FIELDS if name in fields}
    short = "variants" not in fields
    if short:
        fields["variants"] = {_FIRST: cast(Data, on_step)}
    elif on_step:
        first = next(iter(on_step))
        summary = "Content is both on the step and under `variants:`."
        reader.report((*path, first), "two-forms", summary, f"Move `{first}:` into a variant.", at_key=True)
    variants = fields["variants"]
    if isinstance(variants, dict):
        for letter, variant in variants.items():
            if isinstance(variant, dict):
                _check_variant(reader, path if short else (*path, "variants", letter), variant, short)
    step = _validated(reader, EmailStep, path, fields, short)
    if step is None:
        _check_valid_variants(reader, path, variants, short)
        return None
    read_variants = {
        letter: _variant(reader, path if short else (*path, "variants", letter), step.variants[letter])
        for letter in sorted(step.variants)
    }
    return Content(type=EMAIL, day=step.day, variants=read_variants)


def _check_valid_variants(reader: FileReader, path: Path, variants: Data, short: bool) -> None:
    """Report problems with the texts, files and names of those variants of an invalid email that are valid."""
    for letter, raw in variants.items() if isinstance(variants, dict) else ():
        if not isinstance(raw, dict):
            continue
        try:
            variant = EmailVariant.model_validate({"subject": "", **raw})
        except ValidationError:  # already reported
            _check_attachment_names(reader, path if short else (*path, "variants", letter), raw.get("attachments"))
            continue
        _variant(reader, path if short else (*path, "variants", letter), variant)


def _check_attachment_names(reader: FileReader, path: Path, names: Data | None) -> None:
    """Report unknown attachments beside an invalid entry of the same list."""
    for at, name in enumerate(names) if isinstance(names, list) else ():
        if isinstance(name, str):
            known = reader.context.environment.attachments
            reader.resolve_name(name, known, "attachment", (*path, "attachments", at))


def _check_variant(reader: FileReader, path: Path, variant: dict[str, Data], short: bool) -> None:
    """Check for exactly one body and no unknown keys. Delete those, or the model would report them again."""
    if not short:
        check_keys(reader, path, variant, VARIANT_FIELDS)
        for key in [key for key in variant if key not in VARIANT_FIELDS]:
            del variant[key]
    bodies = [key for key in variant if key in EmailVariant.BODIES]
    if not bodies:
        hint = "Add `content:` (HTML), `markdown:` or `content_file:` (.html or .md)."
        reader.report(path, "no-body", "This email has no body.", hint, at_key=True)
    for extra in bodies[1:]:
        summary = f"This email has two bodies: `{bodies[0]}:` and `{extra}:`."
        reader.report((*path, extra), "two-bodies", summary, "Remove one of them.", at_key=True)


def _variant(reader: FileReader, path: Path, email: EmailVariant) -> Variant:
    """The content of one valid variant of an email."""
    payload = {"subject": email.subject, "content": _body(reader, path, email)}
    if email.preheader:
        payload["preheader"] = email.preheader
    if not email.attachments:
        return Variant(payload=payload)
    names = reader.context.environment.attachments
    resolved = [
        reader.resolve_name(name, names, "attachment", (*path, "attachments", at))
        for at, name in enumerate(email.attachments)
    ]
    return Variant(payload=payload, attachments=tuple(remote_id for remote_id in resolved if remote_id is not None))


def _body(reader: FileReader, path: Path, email: EmailVariant) -> str:
    """The HTML of an email."""
    body_path: Path = (*path, "content")
    if email.content is not None:
        html = email.content
        if is_flat_text(html):
            hint = "For plain text with paragraphs, use `markdown:` instead of `content:`, or add HTML tags."
            summary = "HTML with line breaks but no tags would arrive as one line."
            reader.report(body_path, "flat-text", summary, hint)
    elif email.markdown is not None:
        body_path = (*path, "markdown")
        html = html_of(email.markdown)
    elif email.content_file is not None:
        return _body_from_file(reader, (*path, "content_file"), email.content_file)
    else:
        return ""  # the missing body is already reported
    if not html.strip():
        reader.report(body_path, "empty", "The body of this email is empty.", "Write the text of the email.")
    return html


def _body_from_file(reader: FileReader, path: Path, name: str) -> str:
    try:
        html, file_path, digest = body_of_file(reader.context.files, reader.path, name, reader.texts, path)
    except UnreadableFileError as error:
        where = f" See line {error.line}, column {error.column} of that file." if error.line else ""
        reader.report(path, error.rule, error.summary, f"{error.hint}{where}")
        return ""
    reader.content_files[file_path] = digest
    if not html.strip():
        reader.report(path, "empty", "The content file is empty.", "Write the text of the email in that file.")
    return html


def _task(
    reader: FileReader, path: Path, kind: str, fields: dict[str, Data], defaults: Mapping[str, Data]
) -> Content | None:
    """The content of a task step; None, with its problems, if it is invalid."""
    own_assignee = "assignee" in fields
    step = _validated(reader, cast(type[TaskStep], STEP_TYPES[kind].model), path, {**defaults, **fields})
    if step is None:
        name = fields.get("assignee")
        if isinstance(name, str):
            reader.resolve_name(name, reader.context.environment.assignees, "assignee", (*path, "assignee"))
        return None
    assignee = step.assignee
    if assignee is not None:
        assignee_path: Path = (*path, "assignee") if own_assignee else ("defaults", "assignee")
        assignee = reader.resolve_name(assignee, reader.context.environment.assignees, "assignee", assignee_path)
    variant = Variant(payload=step.payload(), task_note=step.task_note)
    return Content(type=kind, day=step.day, priority=step.priority, assignee=assignee, variants={_FIRST: variant})


def read_defaults(reader: FileReader, value: Data) -> dict[str, Data]:
    """The valid values under `defaults:`. Invalid ones are reported here, once, and not at each step."""
    path: Path = ("defaults",)
    raw = reader.expect_mapping(value, path, "`defaults` must be a mapping.")
    if raw is None:
        return {}
    check_keys(reader, path, raw, DEFAULTABLE)
    resolved = {name: reader.texts.resolve(inner, (*path, name)) for name, inner in raw.items() if name in DEFAULTABLE}
    plain = {name: inner for name, inner in resolved.items() if not isinstance(inner, Invalid)}
    wrong: set[object] = set()
    try:
        TaskStep.model_validate({"type": "custom", "day": 1, **plain})
    except ValidationError as error:
        problems = problems_of(error, plain)
        reader.problems += [_below(path, problem) for problem in problems if problem.path[0] not in wrong]
        wrong = {problem.path[0] for problem in problems}
    assignee = plain.get("assignee")
    names = reader.context.environment.assignees
    if isinstance(assignee, str) and reader.resolve_name(assignee, names, "assignee", (*path, "assignee")) is None:
        wrong.add("assignee")
    return {name: inner for name, inner in plain.items() if name not in wrong}


def _below(path: Path, problem: Problem) -> Problem:
    return Problem((*path, *problem.path), problem.rule, problem.summary, problem.hint, problem.at_key)


def _validated(
    reader: FileReader, model: type[StepModel], path: Path, fields: dict[str, Data], short: bool = False
) -> StepModel | None:
    """Validate `fields` as a step. None, with the problems that are not yet reported, if they are invalid.

    `short`: the content of variant `a` is written on the step itself.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = problems_of(error, fields, lambda below: TaskAction.model_fields if below == ("action",) else ())
    for problem in problems:
        if _is_invalid(fields, problem.path):
            continue
        inner = problem.path
        if short and inner[:2] == ("variants", _FIRST):
            inner = inner[2:]
        if problem.path[-1:] == ("priority",) and not problem.hint:
            problem = _priority_meant(problem, fields.get("priority"))
        reader.report((*path, *inner), problem.rule, problem.summary, problem.hint, problem.at_key)
    return None


def _priority_meant(problem: Problem, value: Data | None) -> Problem:
    """Suggest a priority also for the numbers of the Saleshandy API, 1 to 4."""
    meant = next((p for p in Priority if str(p.code) == value), None)
    hint = f'Did you mean "{meant}"?' if meant else ""
    return Problem(problem.path, problem.rule, problem.summary, hint, problem.at_key)


def _is_invalid(data: Data, path: Path) -> bool:
    """Whether `path` leads to or through an `INVALID` value."""
    for part in path:
        if isinstance(data, Invalid):
            return True
        if isinstance(data, dict):
            data = data.get(cast(str, part), "")
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False
    return isinstance(data, Invalid)


SOURCE_SCHEMA_VERSION = 1  # increment when the same files would give other sequences, so that all are parsed again
KEYS = ("sequence", "title", "id", "defaults", "steps", "formerly", "moved", "removed")


def source_digest(base: str, files: Iterable[tuple[str, str]]) -> str:
    """One digest of everything a sequence depends on.

    Args:
        base: settings and environment.
        files: path and digest of each file, the YAML file first.
    """
    text = "\0".join((str(SOURCE_SCHEMA_VERSION), base, *(part for file in files for part in file)))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(slots=True)
class BuildResult:
    """What was read from one file.

    `sequence` is None if there are problems. Key, title and ID are set as far as they could be read, with the paths
    to them: the rules that compare files need them.
    """

    sequence: DesiredSequence | None = None
    problems: list[Problem] = field(default_factory=list)
    key: str | None = None
    title: str | None = None
    remote_id: str | None = None
    formerly: str | None = None
    title_path: Path = ("sequence",)
    id_path: Path = ("sequence",)
    content_files: dict[str, str] = field(default_factory=dict)


def build(data: Data, path: str, file_digest: str, context: BuildContext, base: str) -> BuildResult:
    """Build the sequence of one file.

    Args:
        data: the whole document.
        path: the file.
        file_digest: the digest of the file.
        context: what all files of the project share.
        base: settings and environment, for the source digest.
    """
    reader = FileReader(path, context, TextResolver(context.variables))
    result = BuildResult()
    if isinstance(data, Invalid):
        return result
    hint = "Begin with `sequence:` and its key, then `steps:`."
    raw = reader.expect_mapping(data, (), "A sequence file must be a mapping.", hint)
    if raw is None:
        return BuildResult(problems=reader.problems)
    check_keys(reader, (), raw, KEYS)
    _identity(reader, raw, result)
    _fill(reader, raw, result, file_digest, base)
    return result


def _fill(reader: FileReader, raw: dict[str, Data], result: BuildResult, file_digest: str, base: str) -> None:
    """Read the steps. Set the sequence of `result` if the file has no problems."""
    steps = _steps(reader, raw)
    moved = _moved(reader, raw, steps)
    removed = _removed(reader, raw, steps)
    result.problems = [*reader.problems, *reader.texts.problems]
    result.content_files = reader.content_files
    valid = {key: content for key, content in steps.items() if content is not None}
    if result.problems or result.key is None or result.title is None or len(valid) < len(steps):
        return
    content_files = sorted(reader.content_files.items())
    result.sequence = DesiredSequence(
        key=result.key,
        title=result.title,
        remote_id=result.remote_id,
        step_ids=_step_ids(reader.context, result.key, valid),
        steps=valid,
        formerly=result.formerly,
        moved=moved,
        removed=removed,
        files=(reader.path, *(file for file, _ in content_files)),
        source_digest=source_digest(base, [(reader.path, file_digest), *content_files]),
    )


def _step_ids(context: BuildContext, key: str, steps: Mapping[str, Content]) -> dict[str, str]:
    return {step: remote_id for step, remote_id in context.step_ids.get(key, {}).items() if step in steps}


def _identity(reader: FileReader, raw: dict[str, Data], result: BuildResult) -> None:
    """Read key, title, ID and former key."""
    if "sequence" not in raw:
        reader.report_missing((), "sequence")
    else:
        result.key = _key(reader, raw["sequence"], ("sequence",), "sequence")
    result.title = result.key
    if "title" in raw:
        result.title_path = ("title",)
        result.title = _title(reader, raw["title"])
    if result.key is not None:
        result.remote_id = reader.context.environment.ids.get(result.key)
    if "id" in raw:
        _own_id(reader, raw["id"], result)
    if "formerly" in raw:
        result.formerly = _key(reader, raw["formerly"], ("formerly",), "sequence")
        if result.formerly is not None and result.formerly == result.key:
            hint = "Remove this line, or write the old key."
            reader.report(("formerly",), "same-key", "`formerly` is the current key of this sequence.", hint)


def _key(reader: FileReader, value: Data, path: Path, what: str) -> str | None:
    text = reader.expect_text(value, path)
    if text is None:
        return None
    if KEY.fullmatch(text):
        return text
    reader.report(path, "bad-key", f"Invalid {what} key.", KEY_HINT)
    return None


def _title(reader: FileReader, value: Data) -> str | None:
    text = reader.expect_text(reader.texts.resolve(value, ("title",)), ("title",))
    if text is None:
        return None
    if not text.strip():
        reader.report(("title",), "empty", "The title is empty.", "Write a title, or remove the line.")
        return None
    if len(text) > LONGEST_TITLE:
        summary = f"The title has {len(text)} characters; Saleshandy allows {LONGEST_TITLE}."
        reader.report(("title",), "too-long", summary, "Shorten it.")
        return None
    return text


def _own_id(reader: FileReader, value: Data, result: BuildResult) -> None:
    """Read `id:` of the file."""
    path: Path = ("id",)
    text = reader.expect_text(reader.texts.resolve(value, path), path)
    if text is None:
        return
    if not reader.context.one_environment:
        hint = "Write the ID under `ids:` of its environment in seqsync.yaml."
        reader.report(path, "id-of-which", "`id` needs a project with only one environment.", hint, at_key=True)
    elif not REMOTE_ID.fullmatch(text):
        reader.report(path, "wrong-value", "Invalid Saleshandy ID.", f"{ID_HINT} Copy it from Saleshandy.")
    elif result.remote_id not in (None, text):
        hint = "Remove the wrong one."
        reader.report(path, "two-ids", "`ids:` in seqsync.yaml has another ID for this sequence.", hint)
    else:
        result.remote_id, result.id_path = text, path


def _steps(reader: FileReader, raw: dict[str, Data]) -> dict[str, Content | None]:
    """Every step by its key; None for an invalid one."""
    defaults = read_defaults(reader, raw["defaults"]) if "defaults" in raw else {}
    if "steps" not in raw:
        reader.report_missing((), "steps")
        return {}
    summary = "`steps` must be a mapping: give each step a name, without dashes."
    hint = "Write for example `intro:`, with the fields of the step below it, indented."
    values = reader.expect_mapping(raw["steps"], ("steps",), summary, hint)
    steps = {key: read_step(reader, key, value, defaults) for key, value in (values or {}).items()}
    first: dict[int, str] = {}
    for key, content in steps.items():
        if content is not None and content.is_email:
            if content.day in first:
                summary = f'Two emails on day {content.day}: "{first[content.day]}" and "{key}".'
                hint = "Saleshandy sends one email a day in a sequence. Give one of them another day."
                reader.report(("steps", key, "day"), "two-emails", summary, hint)
            first.setdefault(content.day, key)
    return steps


def _moved(reader: FileReader, raw: dict[str, Data], steps: Mapping[str, object]) -> dict[str, str]:
    """The renames: old key -> current key, also across a chain of renames."""
    entries = raw.get("moved", [])
    if isinstance(entries, (str, dict)):
        hint = "Write it as [{from: hello, to: intro}]."
        reader.report(("moved",), "wrong-type", "`moved` must be a list of renames.", hint)
    if not isinstance(entries, list):
        return {}
    moves: dict[str, tuple[str, int]] = {}
    for at, entry in enumerate(entries):
        move = _move(reader, ("moved", at), entry)
        if move is None:
            continue
        old, new = move
        if old in moves:
            reader.report(("moved", at, "from"), "moved-twice", f'"{old}" is renamed twice.', "Remove one of the two.")
        elif any(new == other for other, _ in moves.values()):
            reader.report(
                ("moved", at, "to"), "moved-together", f'Two steps are renamed to "{new}".', "Remove one of the two."
            )
        else:
            moves[old] = (new, at)
    ends = {old: _end_of(moves, old) for old in moves}
    removed = raw.get("removed")
    removed_keys = [key for key in removed if isinstance(key, str)] if isinstance(removed, list) else []
    if isinstance(raw.get("steps"), dict):
        for old, (_, at) in moves.items():
            _check_move(reader, ("moved", at), old, ends[old], steps, removed_keys)
    return ends


def _move(reader: FileReader, path: Path, entry: Data) -> tuple[str, str] | None:
    hint = "Write it as {from: hello, to: intro}."
    raw = reader.expect_mapping(entry, path, "A rename must be a mapping.", hint)
    if raw is None:
        return None
    check_keys(reader, path, raw, ("from", "to"))
    ends = []
    for name in ("from", "to"):
        if name in raw:
            ends.append(_key(reader, raw[name], (*path, name), "step"))
        else:
            reader.report_missing(path, name)
    if len(ends) < 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def _end_of(moves: Mapping[str, tuple[str, int]], old: str) -> str:
    """The last key in the chain of renames that begins with `old`."""
    visited = {old}
    new = moves[old][0]
    while new in moves and new not in visited:
        visited.add(new)
        new = moves[new][0]
    return new


def _check_move(
    reader: FileReader, path: Path, old: str, end: str, steps: Mapping[str, object], removed_keys: Collection[str]
) -> None:
    if old in steps:
        summary = f'"{old}" is still under `steps:`, so it was not renamed.'
        reader.report((*path, "from"), "moved-and-there", summary, "Remove this rename, or remove the old step.")
    elif end not in steps and end not in removed_keys:
        summary = f'The rename leads to "{end}", which is not a step.'
        hint = "Write the current key of the step. If you stopped managing it, add that key to `removed:`."
        reader.report((*path, "to"), "moved-nowhere", summary, hint)


def _removed(reader: FileReader, raw: dict[str, Data], steps: Mapping[str, object]) -> tuple[str, ...]:
    """The keys of the steps to stop managing, each once."""
    entries = raw.get("removed", [])
    if isinstance(entries, (str, dict)):
        hint = "Write it as [legacy-call]."
        reader.report(("removed",), "wrong-type", "`removed` must be a list of step keys.", hint)
    keys: dict[str, None] = {}
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        key = _key(reader, entry, ("removed", at), "step")
        if key is None:
            continue
        if key in steps:
            summary = f'"{key}" is under both `steps:` and `removed:`.'
            hint = "To keep managing it, remove it here. To stop managing it, remove it from `steps:`."
            reader.report(("removed", at), "removed-and-there", summary, hint)
        keys[key] = None
    return tuple(keys)
