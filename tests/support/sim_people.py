"""The people of the simulation: who writes the files, who works in the app, and who decides where seqsync asks.

The last one looks at the account with their own eyes, waits until nothing is under way, and uses `state resolve`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from support.build import call, email, message, wanted
from support.sim_server import Row, SimServer
from support.sim_world import Profile, World

from sequence_sync.model.sequence import Content, Variant, WantedSequence
from sequence_sync.planning.outcome import Result
from sequence_sync.planning.wire import step_body

WORDS = [f"{one}{two}" for one in ("la", "ko", "mi", "ter", "sun", "bor", "win", "hal", "gre", "pod")
         for two in ("ra", "net", "sil", "gon", "dy", "mar", "low", "tek", "vis", "ump", "ba", "orn")]  # fmt: skip
Files = dict[str, WantedSequence]


def text(rng: random.Random) -> str:
    """Ten words that hardly anybody else says."""
    return " ".join(rng.choices(WORDS, k=10))


def _content(rng: random.Random, kind: str, day: int) -> Content:
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


def write_files(rng: random.Random, profile: Profile) -> Files:
    """The sequences as they are wanted at first."""
    files: Files = {}
    for place in range(profile.sequences):
        key, steps, mail_day = f"q{place}", {}, 0
        for number in range(profile.steps):
            kind = rng.choice(profile.kinds)
            day = rng.randint(1, 6)
            if kind == "email":
                mail_day += rng.randint(1, 3)
                day = mail_day
            steps[f"s{number}"] = _content(rng, kind, day)
        files[key] = wanted(key, title=f"Sequence {place}", steps=steps)
    return files


def _reworded(content: Content, rng: random.Random, whole: bool) -> Content:
    """The same step with a word added to every text, or with other texts altogether."""

    def other(value: str) -> str:
        return value if not value else (text(rng) if whole else f"{value} {rng.choice(WORDS)}")

    variants = {
        letter: Variant(payload={k: other(v) for k, v in row.payload.items()}, task_note=other(row.task_note))
        for letter, row in content.variants.items()
    }
    return content.model_copy(update={"variants": variants})


def edit_files(world: World, files: Files) -> None:
    """Somebody edits a file between two runs. Where a state was lost, texts stay alike and days stay."""
    rng, lossy = world.rng, bool(world.profile.losses) or not world.profile.promised
    key = rng.choice(sorted(files))
    row = files[key]
    steps = dict(row.steps)
    deed = rng.choice(("reword", "add", "remove", "day"))
    name = rng.choice(sorted(steps)) if steps else ""
    if deed == "add" or not steps or (lossy and deed in ("remove", "day")):
        deed, name = "add", f"n{len(steps)}-{rng.randint(0, 99)}"
        steps[name] = _content(rng, rng.choice([k for k in world.profile.kinds if k != "email"]), rng.randint(1, 9))
    elif deed == "remove":
        del steps[name]
    elif deed == "day" and not steps[name].is_email:
        steps[name] = steps[name].model_copy(update={"day": rng.randint(1, 9)})
    else:
        steps[name] = _reworded(steps[name], rng, whole=not lossy and rng.random() < 0.5)
    world.trace("files", f"{deed} {key}.{name}")
    files[key] = row.model_copy(update={"steps": steps})


def do_a_deed(world: World, server: SimServer, files: Files) -> None:
    """Somebody works in the app."""
    rng = world.rng
    deed = rng.choice(world.profile.deeds)
    books = sorted(server.books)
    if deed == "title":
        server.add_sequence(rng.choice(sorted(row.title for row in files.values())), None)
        return
    if not books:
        return
    book = server.books[rng.choice(books)]
    rows = server.alive(book.id)
    world.trace("person", f"{deed} in {book.id}")
    if deed == "resume":
        book.active = True
    elif deed == "delete" and rows:
        server.delete(rng.choice(rows))
    elif deed == "edit" and rows:
        row = rng.choice(rows)
        changed = [_edited(each, rng) for each in row.variants(world.now)]
        row.texts.append((world.now, changed))
        row.touched = True
    elif deed.startswith("add"):
        _add(world, server, book.id, _somebodys(rng, deed, files))


def _somebodys(rng: random.Random, deed: str, files: Files) -> Content:
    if deed == "add-equal":
        return rng.choice([step for row in files.values() for step in row.steps.values()] or [call(1)])
    return call(rng.randint(1, 6)) if deed == "add-bare" else message(rng.randint(1, 6), text(rng))


def _add(world: World, server: SimServer, sequence: str, content: Content) -> None:
    taken = any(row.type == 1 and row.day == content.day for row in server.alive(sequence))
    if not (content.is_email and taken):
        server.add_step(sequence, step_body(content), None)


def _edited(variant: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    payload = {name: f"{value} {text(rng)}" for name, value in variant["payload"].items()}
    return {**variant, "payload": payload}


# -- deciding -------------------------------------------------------------------------------------------------------

ID = re.compile(r"\b[SQ]\d+\b")


def wanted_of(files: Files) -> SimpleNamespace:
    """Stands for the workspace where `state resolve` looks into the files."""
    return SimpleNamespace(sequences=files)


ADDRESS = re.compile(r"\bq\d\.[a-z][-\w]*")


def which(rows: list[Row], result: Result, groups: list[set[str]]) -> tuple[str, Row] | None:
    """Of the steps and addresses that a question names, a step and the address that it was made for."""
    named = dict.fromkeys(ADDRESS.findall(result.detail))
    for row in rows:
        if row.id in names_in(result) and row.origin is not None:
            alike = next((names for names in groups if row.origin in names), {row.origin})
            for address in (row.origin, *sorted(alike)):
                if address in named:
                    return address, row
    return None


def theirs(rows: list[Row], address: str, group: set[str], owned: set[str], named: list[str]) -> Row | None:
    """The step that was made for `address`, by what the account remembers; else one that is as good."""
    rows = [row for row in rows if row.id not in owned]
    exact = [row for row in rows if row.origin == address]
    alike = [row for row in rows if row.origin in group and row.id in named]
    return next(iter(exact or alike), None)


def names_in(result: Result) -> list[str]:
    """The remote ids that a result names."""
    return ID.findall(f"{result.detail} {result.hint}")
