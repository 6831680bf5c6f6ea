"""One step of a sequence file: from its keys and values to its content.

The models in `model.steps` are the rules of the fields; here stands what a model cannot see: which form the content
of an email has, where a text comes from, what a name means in this environment. Knows no YAML and no other step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from sequence_sync.diagnostics import nearest
from sequence_sync.model.address import KEY, KEY_RULE
from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, Variant
from sequence_sync.model.steps import EMAIL, STEP_TYPES, EmailStep, EmailVariant, Step, TaskAction, TaskStep, type_meant
from sequence_sync.source.content import body_of_file, is_flat_text
from sequence_sync.source.explain import known_hint, mistakes_of
from sequence_sync.source.files import Unreadable
from sequence_sync.source.markdown import html_of
from sequence_sync.source.places import BROKEN, Data, Mistake, Path

if TYPE_CHECKING:
    from sequence_sync.source.scope import Reading

NOT_MANAGED = ("senders", "schedule", "settings", "status", "enabled")
DEFAULTABLE = tuple(name for name in TaskStep.model_fields if name not in Step.model_fields)
FIELDS: Mapping[str, frozenset[str]] = {name: row.fields for name, row in STEP_TYPES.items()}
VARIANT_FIELDS = tuple(EmailVariant.model_fields)
_ALL_FIELDS = frozenset().union(*FIELDS.values())
_FIRST = "a"

StepModel = TypeVar("StepModel", bound=Step)


def check_keys(reading: Reading, path: Path, keys: Collection[str], known: Collection[str]) -> None:
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


def _tell_foreign(reading: Reading, path: Path, key: str) -> None:
    """A field of another type of step: the types that have it are named."""
    owners = [name for name, fields in FIELDS.items() if key in fields]
    listed = "every type but email" if len(owners) == len(FIELDS) - 1 else ", ".join(owners)
    reading.tell(path, "wrong-field", f'A step of this type has no "{key}".', f"These have it: {listed}.", at_key=True)


def read_step(reading: Reading, key: str, value: Data, defaults: Mapping[str, Data]) -> Content | None:
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


def _type(reading: Reading, path: Path, raw: dict[str, Data]) -> str | None:
    """The step's type; where that is wrong (which is told), the type that was meant, so that the rest is read too."""
    if "type" not in raw:
        reading.tell_missing(path, "type")
    elif raw["type"] is not BROKEN:
        kind = reading.expect_text(raw["type"], (*path, "type"))
        if kind in STEP_TYPES:
            return kind
        if kind is not None:
            meant = type_meant(kind) or nearest(kind, STEP_TYPES)
            hint = f'Did you mean "{meant}"?' if meant else f"Known types: {', '.join(STEP_TYPES)}."
            reading.tell((*path, "type"), "unknown-type", f'There is no type "{kind}".', hint)
            return meant
    return None


# -- emails -----------------------------------------------------------------------------------------------------------


def _email(reading: Reading, path: Path, fields: dict[str, Data]) -> Content | None:
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


def _read_what_can_be(reading: Reading, path: Path, variants: Data, short: bool) -> None:
    """In an email that is not whole: texts, files and names may have mistakes of their own, which are told too."""
    for letter, raw in variants.items() if isinstance(variants, dict) else ():
        if not isinstance(raw, dict):
            continue
        try:
            variant = EmailVariant.model_validate({"subject": "", **raw})
        except ValidationError:
            continue  # told already
        _variant(reading, path if short else (*path, "variants", letter), variant)


def _check_variant(reading: Reading, path: Path, variant: dict[str, Data], short: bool) -> None:
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


def _variant(reading: Reading, path: Path, email: EmailVariant) -> Variant:
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


def _body(reading: Reading, path: Path, email: EmailVariant) -> str:
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


def _from_file(reading: Reading, place: Path, name: str) -> str:
    try:
        html, found, digest = body_of_file(reading.scope.files, reading.path, name, reading.texts, place)
    except Unreadable as problem:
        where = f" (line {problem.line}, column {problem.column} of it)" if problem.line else ""
        reading.tell(place, problem.rule, problem.summary, f"{problem.hint}{where}")
        return ""
    reading.content_files[found] = digest
    if not html.strip():
        reading.tell(place, "empty", "This content file is empty.", "Write the text of the email into it.")
    return html


# -- tasks ------------------------------------------------------------------------------------------------------------


def _task(
    reading: Reading, path: Path, kind: str, fields: dict[str, Data], defaults: Mapping[str, Data]
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


def read_defaults(reading: Reading, value: Data) -> dict[str, Data]:
    """`defaults:`, without what is wrong in it, which is told once and not at each step."""
    path: Path = ("defaults",)
    raw = reading.expect_mapping(value, path, "The part `defaults:`")
    if raw is None:
        return {}
    check_keys(reading, path, raw, DEFAULTABLE)
    made = {name: reading.texts.made(inner, (*path, name)) for name, inner in raw.items() if name in DEFAULTABLE}
    plain = {name: inner for name, inner in made.items() if inner is not BROKEN}
    wrong: set[object] = set()
    try:
        TaskStep.model_validate({"type": "custom", "day": 1, **plain})
    except ValidationError as error:
        mistakes = mistakes_of(error, plain)
        reading.mistakes += [_below(path, mistake) for mistake in mistakes if mistake.path[0] not in wrong]
        wrong = {mistake.path[0] for mistake in mistakes}
    assignee = plain.get("assignee")
    names = reading.scope.environment.assignees
    if isinstance(assignee, str) and reading.resolve(assignee, names, "assignee", (*path, "assignee")) is None:
        wrong.add("assignee")
    return {name: inner for name, inner in plain.items() if name not in wrong}


# -- the models -------------------------------------------------------------------------------------------------------


def _below(path: Path, mistake: Mistake) -> Mistake:
    return Mistake((*path, *mistake.path), mistake.rule, mistake.summary, mistake.hint, mistake.at_key)


def _validated(
    reading: Reading, model: type[StepModel], path: Path, fields: dict[str, Data], short: bool = False
) -> StepModel | None:
    """`fields` as a step, or None; what the model refuses is told, but not what was told already."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        mistakes = mistakes_of(error, fields, lambda below: TaskAction.model_fields if below == ("action",) else ())
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


def _priority_meant(mistake: Mistake, value: Data | None) -> Mistake:
    """The API's own numbers, 1 to 4, get "did you mean" too."""
    meant = next((p for p in Priority if str(p.code) == value), None)
    hint = f'Did you mean "{meant}"?' if meant else ""
    return Mistake(mistake.path, mistake.rule, mistake.summary, hint, mistake.at_key)


def _is_broken(data: Data, path: Path) -> bool:
    """Whether `path` leads to, or through, a value that was told already."""
    for part in path:
        if data is BROKEN:
            return True
        if isinstance(data, dict):
            data = data.get(cast(str, part), "")
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False
    return data is BROKEN
