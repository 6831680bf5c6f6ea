"""What people do to sequence files, one edit at a time: for the simulation and for the stories. Knows no plan.

An author keeps the files valid: one email a day, no text twice, and no key used twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from support.build import call, desired, email, message
from support.sim_ledger import CreationRecord

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant

WORDS = [
    f"{one}{two}"
    for one in ("la", "ko", "mi", "ter", "sun", "bor", "win", "hal", "gre", "pod")
    for two in ("ra", "net", "sil", "gon", "dy", "mar", "low", "tek", "vis", "ump", "ba", "orn")
]
Files = dict[str, DesiredSequence]
LETTERS = "abcdefghij"
MOST_STEPS = 9


def text(rng: random.Random) -> str:
    """Ten words that hardly anybody else says."""
    return " ".join(rng.choices(WORDS, k=10))


def content(rng: random.Random, kind: str, day: int) -> Content:
    """A new step of a kind."""
    match kind:
        case "email":
            letters = {letter: text(rng) for letter in "bc"[: rng.choice((0, 0, 0, 1, 2))]}
            return email(day, text(rng), f"<p>{text(rng)} & 'so' on</p><p>{text(rng)}</p>", **letters)
        case "message":
            return message(day, text(rng))
        case "noted-call":
            return call(day, text(rng))
        case "view":
            return Content(type="linkedin_view_profile", day=day, variants={"a": Variant()})
    return call(day)


def reworded(step: Content, rng: random.Random, whole: bool) -> Content:
    """The same step with a word added to every text, or with other texts altogether."""

    def other(value: str) -> str:
        return value if not value else (text(rng) if whole else f"{value} {rng.choice(WORDS)}")

    variants = {
        letter: row.model_copy(
            update={"payload": {k: other(v) for k, v in row.payload.items()}, "task_note": other(row.task_note)}
        )
        for letter, row in step.variants.items()
    }
    return step.model_copy(update={"variants": variants})


def with_variant(step: Content, letter: str, row: Variant | None) -> Content:
    """`step` with another variant at that letter, or none."""
    rows = {name: each for name, each in step.variants.items() if name != letter} | ({letter: row} if row else {})
    return step.model_copy(update={"variants": dict(sorted(rows.items()))})


@dataclass
class Author:
    """Edits `files` in place. `attic` keeps steps and variants that were taken out, to be put back; `removed` keeps the
    steps that the files name as removed. `ledger` follows every rename."""

    rng: random.Random
    files: Files
    kinds: tuple[str, ...] = ("email", "email", "message", "noted-call", "view")
    attic: dict[tuple[str, ...], Content | Variant] = field(default_factory=dict)
    removed: dict[tuple[str, str], Content] = field(default_factory=dict)
    ledger: CreationRecord = field(default_factory=CreationRecord)
    count: int = 0
    last_day: int = 40

    def edit(self, kind: str) -> str | None:
        """One edit of that kind, in words; None where there is nothing to do it to."""
        key = self.rng.choice(sorted(self.files))
        edit = EDITS[kind](self, key)
        return f"{kind} {edit}" if edit else None

    # -- looking ----------------------------------------------------------------------------------------------------

    def steps(self, key: str) -> dict[str, Content]:
        """The steps of a file."""
        return dict(self.files[key].steps)

    def one(self, key: str, fits: Callable[[Content], bool] = lambda step: True) -> str | None:
        """Some step that fits."""
        names = sorted(name for name, step in self.steps(key).items() if fits(step))
        return self.rng.choice(names) if names else None

    def emails(self, key: str) -> list[str]:
        """The emails, by day."""
        steps = self.steps(key)
        return sorted((name for name in steps if steps[name].is_email), key=lambda name: steps[name].day)

    def free_day(self, key: str) -> int:
        """A day without an email."""
        taken = {step.day for step in self.steps(key).values() if step.is_email}
        return self.rng.choice([day for day in range(1, self.last_day) if day not in taken])

    # -- writing ----------------------------------------------------------------------------------------------------

    def set(self, key: str, **changes: object) -> None:
        """Write the file."""
        self.files[key] = self.files[key].model_copy(update=changes)

    def put(self, key: str, name: str, step: Content | None) -> None:
        """Write one step at its position or at a random one. None removes it."""
        steps = self.steps(key)
        if step is None:
            del steps[name]
        elif name in steps:
            steps[name] = step
        else:
            rows = list(steps.items())
            rows.insert(self.rng.randint(0, len(rows)), (name, step))
            steps = dict(rows)
        self.set(key, steps=steps)

    def days(self, key: str, days: dict[str, int]) -> None:
        """Put steps on other days."""
        for name, day in days.items():
            self.put(key, name, self.steps(key)[name].model_copy(update={"day": day}))

    def new_name(self) -> str:
        """A key that was never used."""
        self.count += 1
        return f"n{self.count}"


def _reword(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: any(row.payload for row in step.variants.values()))) is None:
        return None
    step = author.steps(key)[name]
    letter = author.rng.choice(sorted(step.variants))
    lone = reworded(step.model_copy(update={"variants": {letter: step.variants[letter]}}), author.rng, True)
    author.put(key, name, with_variant(step, letter, lone.variants[letter]))
    return f"{key}.{name}.{letter}"


def _markup(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: step.is_email)) is None:
        return None
    step = author.steps(key)[name]
    row = step.variants["a"]
    old = row.payload["content"]
    new = old.replace("<b>", "").replace("</b>", "") if "<b>" in old else f"<p><b>{old[3:-4]}</b></p>"
    author.put(key, name, with_variant(step, "a", row.model_copy(update={"payload": {**row.payload, "content": new}})))
    return f"{key}.{name}.a"


def _note(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: not step.is_email)) is None:
        return None
    step = author.steps(key)[name]
    row = step.variants["a"]
    # A call without a note has no text, and would equal another one.
    empty = row.task_note and row.payload and author.rng.random() < 0.5
    note = "" if empty else text(author.rng)
    author.put(key, name, with_variant(step, "a", row.model_copy(update={"task_note": note})))
    return f"{key}.{name}"


def _attachments(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: step.is_email)) is None:
        return None
    step = author.steps(key)[name]
    row = step.variants["a"]
    files = () if row.attachments else (f"file{author.rng.randint(1, 9)}",)
    author.put(key, name, with_variant(step, "a", row.model_copy(update={"attachments": files})))
    return f"{key}.{name}.a"


def _priority(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: not step.is_email)) is None:
        return None
    step = author.steps(key)[name]
    other = author.rng.choice([row for row in (None, *Priority) if row != step.priority])
    author.put(key, name, step.model_copy(update={"priority": other}))
    return f"{key}.{name}"


def _assignee(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: not step.is_email)) is None:
        return None
    step = author.steps(key)[name]
    other = author.rng.choice([who for who in (None, "anna1", "bert2") if who != step.assignee])
    author.put(key, name, step.model_copy(update={"assignee": other}))
    return f"{key}.{name}"


def _reschedule(author: Author, key: str) -> str | None:
    if (name := author.one(key)) is None:
        return None
    author.days(key, {name: author.free_day(key)})
    return f"{key}.{name}"


def _rotate(author: Author, key: str, many: int = 3) -> str | None:
    if len(author.emails(key)) < many:
        return None
    names = author.rng.sample(author.emails(key), many)
    days = [author.steps(key)[name].day for name in names]
    author.days(key, dict(zip(names, [*days[1:], days[0]], strict=True)))
    return f"{key}: {', '.join(names)}"


def _swap(author: Author, key: str) -> str | None:
    return _rotate(author, key, 2)


def _shift(author: Author, key: str) -> str | None:
    steps = author.steps(key)
    by = author.rng.choice((-2, -1, 1, 2, 5))
    if not steps or min(step.day for step in steps.values()) + by < 1:
        return None
    author.days(key, {name: step.day + by for name, step in steps.items()})
    return f"{key} by {by}"


def _insert(author: Author, key: str) -> str | None:
    if len(author.steps(key)) >= MOST_STEPS:
        return None
    name = author.new_name()
    author.put(key, name, content(author.rng, author.rng.choice(author.kinds), author.free_day(key)))
    return f"{key}.{name}"


def _rename(author: Author, key: str) -> str | None:
    if (name := author.one(key)) is None:
        return None
    new, row = author.new_name(), author.files[key]
    steps = {new if each == name else each: step for each, step in row.steps.items()}
    moved = {old: new if each == name else each for old, each in row.moved.items()} | {name: new}
    author.set(key, steps=steps, moved=moved)
    author.ledger.renamed(f"{key}.{name}", f"{key}.{new}")
    return f"{key}.{name} -> {new}"


def _rename_sequence(author: Author, key: str) -> str | None:
    new = f"q{author.new_name()}"
    author.files[new] = author.files.pop(key).model_copy(update={"key": new, "formerly": key})
    return f"{key} -> {new}"


def _add_variant(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: step.is_email and len(step.variants) < 4)) is None:
        return None
    step = author.steps(key)[name]
    used = {*step.variants, *(row[2] for row in author.attic if row[:2] == (key, name) and len(row) == 3)}
    letter = next(each for each in LETTERS if each not in used)
    author.put(
        key, name, with_variant(step, letter, email(1, text(author.rng), f"<p>{text(author.rng)}</p>").variants["a"])
    )
    return f"{key}.{name}.{letter}"


def _drop_variant(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: len(step.variants) > 1)) is None:
        return None
    step = author.steps(key)[name]
    letter = author.rng.choice(sorted(step.variants)[1:])
    author.attic[key, name, letter] = step.variants[letter]
    author.put(key, name, with_variant(step, letter, None))
    return f"{key}.{name}.{letter}"


def _put_variant_back(author: Author, key: str) -> str | None:
    rows = [row for row in sorted(author.attic) if len(row) == 3 and row[0] == key and row[1] in author.steps(key)]
    if not rows:
        return None
    _, name, letter = row = author.rng.choice(rows)
    back = author.attic.pop(row)
    if not isinstance(back, Variant):
        return None
    author.put(key, name, with_variant(author.steps(key)[name], letter, back))
    return f"{key}.{name}.{letter}"


def _remove(author: Author, key: str) -> str | None:
    if (name := author.one(key)) is None:
        return None
    author.attic[key, name] = author.steps(key)[name]
    author.put(key, name, None)
    return f"{key}.{name}"


def _forget(author: Author, key: str) -> str | None:
    rows = [row for row in sorted(author.attic) if len(row) == 2 and row[0] == key]
    if not rows:
        return None
    row = author.rng.choice(rows)
    if isinstance(step := author.attic[row], Content):
        author.removed[key, row[1]] = step
    for each in [each for each in author.attic if each[:2] == row]:
        del author.attic[each]
    author.set(key, removed=(*author.files[key].removed, row[1]))
    return f"{key}.{row[1]}"


def _put_back(author: Author, key: str) -> str | None:
    rows = [row for row in sorted(author.attic) if len(row) == 2 and row[0] == key]
    if not rows:
        return None
    row = author.rng.choice(rows)
    step = author.attic.pop(row)
    if not isinstance(step, Content):
        return None
    taken = {each.day for each in author.steps(key).values() if each.is_email}
    if step.is_email and step.day in taken:
        step = step.model_copy(update={"day": author.free_day(key)})
    author.put(key, row[1], step)
    return f"{key}.{row[1]}"


def revert_removal(author: Author, key: str, changed: bool) -> str | None:
    """Put back a step that the file names as removed; `changed`: with another day or another text."""
    rows = [name for sequence, name in sorted(author.removed) if sequence == key and name not in author.steps(key)]
    if not rows:
        return None
    name = author.rng.choice(rows)
    step = author.removed.pop((key, name))
    taken = {each.day for each in author.steps(key).values() if each.is_email}
    if step.is_email and step.day in taken and not changed:
        return None
    if changed and author.rng.random() < 0.5:
        step = reworded(step, author.rng, whole=author.rng.random() < 0.5)
    if changed and (step.day in taken or author.rng.random() < 0.5):
        step = step.model_copy(update={"day": author.free_day(key)})
    author.set(key, removed=tuple(each for each in author.files[key].removed if each != name))
    author.put(key, name, step)
    return f"{key}.{name}"


def _change_type(author: Author, key: str) -> str | None:
    if (name := author.one(key, lambda step: step.type in ("linkedin_message", "whatsapp_message"))) is None:
        return None
    step = author.steps(key)[name]
    other = "whatsapp_message" if step.type == "linkedin_message" else "linkedin_message"
    author.put(key, name, step.model_copy(update={"type": other}))
    return f"{key}.{name} is {other}"


def _retitle(author: Author, key: str) -> str | None:
    author.count += 1
    author.set(key, title=f"Another title {author.count}")
    return key


def _new_sequence(author: Author, key: str) -> str | None:
    if len(author.files) >= 3:
        return None
    new = f"q{author.new_name()}"
    steps = {author.new_name(): content(author.rng, author.rng.choice(author.kinds), day) for day in (1, 4)}
    author.files[new] = desired(new, title=f"Sequence {new}", steps=steps)
    return new


EDITS: dict[str, Callable[[Author, str], str | None]] = {
    "reword": _reword,
    "markup": _markup,
    "note": _note,
    "attachments": _attachments,
    "priority": _priority,
    "assignee": _assignee,
    "reschedule": _reschedule,
    "swap": _swap,
    "rotate": _rotate,
    "shift": _shift,
    "insert": _insert,
    "rename": _rename,
    "rename sequence": _rename_sequence,
    "add variant": _add_variant,
    "drop variant": _drop_variant,
    "put variant back": _put_variant_back,
    "remove": _remove,
    "forget": _forget,
    "put back": _put_back,
    "type": _change_type,
    "title": _retitle,
    "new sequence": _new_sequence,
}
