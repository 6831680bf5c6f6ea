"""The people of the simulation: who writes the files, who changes things by hand, and who decides where seqsync asks.

The last one sees the account as it is, waits until nothing is under way, and uses `state resolve`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from support.build import call, desired, message
from support.edits import EDITS, Author, Files, content, revert_removal, reworded, text, with_variant
from support.sim_server import Row, SimServer
from support.sim_world import Profile, World

from sequence_sync.model.report import ChangeResult
from sequence_sync.model.sequence import Content
from sequence_sync.provider.base import CreateStep
from sequence_sync.provider.requests import SALESHANDY


def write_files(rng: random.Random, profile: Profile) -> Files:
    """The sequences as the files declare them at first."""
    files: Files = {}
    for place in range(profile.sequences):
        key, steps, mail_day = f"q{place}", {}, 0
        for number in range(profile.steps):
            kind = rng.choice(profile.kinds)
            day = rng.randint(1, 6)
            if kind == "email":
                mail_day += rng.randint(1, 3)
                day = mail_day
            steps[f"s{number}"] = content(rng, kind, day)
        files[key] = desired(key, title=f"Sequence {place}", steps=steps)
    return files


NOT_HERE = ("type", "title", "rename sequence", "new sequence")  # nothing that a fault could meet, or a matter of ids


def edit_files(world: World, author: Author) -> None:
    """Edit a file between two runs. After the loss of a state, texts stay similar and days stay the same."""
    profile, rng = world.profile, world.rng
    lossy = bool(profile.losses) or not profile.promised
    if profile.reverts and rng.random() < 0.6:
        key = rng.choice(sorted(author.files))
        edit = revert_removal(author, key, not lossy) or author.edit("forget") or author.edit("remove")
        world.trace("files", f"remove or revert {edit}")
        return
    if profile.updates and not profile.losses and profile.promised:
        kinds = [kind for kind in EDITS if kind not in NOT_HERE]
        edit = next((edit for kind in rng.sample(kinds, len(kinds)) if (edit := author.edit(kind))), "nothing")
        world.trace("files", edit)
        return
    _edit_a_little(world, author.files)


def _edit_a_little(world: World, files: Files) -> None:
    rng, lossy = world.rng, bool(world.profile.losses) or not world.profile.promised
    key = rng.choice(sorted(files))
    row = files[key]
    steps = dict(row.steps)
    deed = rng.choice(("reword", "add", "remove", "day"))
    name = rng.choice(sorted(steps)) if steps else ""
    if deed == "add" or not steps or (lossy and deed in ("remove", "day")):
        deed, name = "add", f"n{len(steps)}-{rng.randint(0, 99)}"
        steps[name] = content(rng, rng.choice([k for k in world.profile.kinds if k != "email"]), rng.randint(1, 9))
    elif deed == "remove":
        del steps[name]
    elif deed == "day" and not steps[name].is_email:
        steps[name] = steps[name].model_copy(update={"day": rng.randint(1, 9)})
    else:
        # Where the account gives the day back, a step with other words on its day is asked about.
        may_be_found = not lossy or (world.profile.reverts and world.profile.returns_days)
        steps[name] = reworded(steps[name], rng, whole=may_be_found and rng.random() < 0.5)
    world.trace("files", f"{deed} {key}.{name}")
    files[key] = row.model_copy(update={"steps": steps})


def do_a_deed(world: World, server: SimServer, files: Files) -> None:
    """Change something by hand."""
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
        _edit(rng.choice(rows), world)
    elif deed == "switch" and rows:
        row = rng.choice(rows)
        row.texts.append((world.now, [{**each, "status": 1 - each["status"]} for each in row.variants(world.now)]))
        row.sent |= {each["id"]: row.sent[each["id"]] | {"status": each["status"]} for each in row.variants(world.now)}
        _touch(row, world, *(f"{each} status" for each in row.sent))
    elif deed == "move" and rows:
        _move(rng.choice(rows), world, server)
    elif deed.startswith("add"):
        _add(world, server, book.id, _somebodys(rng, deed, files))


def _edit(row: Row, world: World) -> None:
    row.texts.append((world.now, [_edited(each, world.rng) for each in row.variants(world.now)]))
    row.sent |= {each["id"]: row.sent[each["id"]] | {"payload": each["payload"]} for each in row.variants(world.now)}
    _touch(row, world, *row.sent)


def _move(row: Row, world: World, server: SimServer) -> None:
    day = 100 + world.rng.randint(1, 800)
    if all(other.day != day for other in server.alive(row.sequence)):
        row.place_it(world.now, {"absoluteDays": day})
        _touch(row, world, "day")


def _touch(row: Row, world: World, *names: str) -> None:
    for name in names:
        row.touched.setdefault(name, world.now)


def _somebodys(rng: random.Random, deed: str, files: Files) -> Content:
    if deed == "add-equal":
        return rng.choice([step for row in files.values() for step in row.steps.values()] or [call(1)])
    return call(rng.randint(1, 6)) if deed == "add-bare" else message(rng.randint(1, 6), text(rng))


def _add(world: World, server: SimServer, sequence: str, content: Content) -> None:
    taken = any(row.type == 1 and row.day == content.day for row in server.alive(sequence))
    if not (content.is_email and taken):
        server.add_step(sequence, SALESHANDY.call(CreateStep(sequence, content)).body, None)


def _edited(variant: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    payload = {name: f"{value} {text(rng)}" for name, value in variant["payload"].items()}
    return {**variant, "payload": payload}


# -- what a refusal makes of the files ------------------------------------------------------------------------------


def give_up(author: Author, known: tuple[str, Row | None]) -> None:
    """The step is gone from Saleshandy: it is removed from its file for good."""
    key, name = known[0].split(".")
    if known[1] is not None and known[1].gone is None:
        return  # it is there for everybody to see; only the read was old
    if name in author.files[key].steps:
        author.put(key, name, None)
    author.set(key, removed=(*author.files[key].removed, name))


def take_over(author: Author, address: str, row: Row, ids: Mapping[str, str | None], now: float) -> None:
    """Saleshandy's text goes into the file, for each variant that both have. `ids` are the state's, by letter."""
    key, name = address.split(".")
    step = author.files[key].steps.get(name)
    if step is None:
        return
    there = {each["id"]: each for each in row.variants(now)}
    for letter, old in step.variants.items():
        if (says := there.get(ids.get(letter) or "")) is not None:
            payload = {k: v for k, v in says["payload"].items() if v != ""}
            new = old.model_copy(update={"payload": payload, "task_note": says["taskNote"]})
            step = with_variant(step, letter, new)
            row.sent[says["id"]] |= {"payload": payload, "taskNote": says["taskNote"]}
    days = {each.day for other, each in author.files[key].steps.items() if each.is_email and other != name}
    if not (step.is_email and row.day in days):
        step = step.model_copy(update={"day": row.day})
    author.put(key, name, step)


# -- deciding -------------------------------------------------------------------------------------------------------

ID = re.compile(r"\b[SQ]\d+\b")


def desired_of(files: Files) -> SimpleNamespace:
    """Replaces the workspace from which `state resolve` reads the files."""
    return SimpleNamespace(sequences=files)


ADDRESS = re.compile(r"\bq\d\.[a-z][-\w]*")


def which(rows: list[Row], result: ChangeResult, groups: list[set[str]]) -> tuple[str, Row] | None:
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


def names_in(result: ChangeResult) -> list[str]:
    """The remote ids that a result names."""
    return ID.findall(f"{result.detail} {result.hint}")
