"""Random files and random edits in Saleshandy, over one applied sequence. No two texts share a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from support.build import call, desired
from support.refresh_bench import Trial, full, trial

from sequence_sync.model.fields import Priority
from sequence_sync.model.sequence import Content, DesiredSequence, Variant
from sequence_sync.model.steps import EMAIL
from sequence_sync.plan.model import Action, Plan, Reason
from sequence_sync.provider.base import RemoteStep, RemoteVariant

OTHER = desired("other", "Other", steps={"call": call(2, "Ask about the numbers")})
Field = tuple[str, str]  # address, field


@dataclass
class Chance:
    """One case: the applied steps, the changes of the file, and the edits in Saleshandy."""

    folder: Path
    dice: Random
    numbers: Iterator[int] = field(default_factory=count)
    shared: list[str] = field(default_factory=list)

    def words(self) -> str:
        """New words; sometimes ones that file and app both get."""
        if self.shared and self.dice.random() < 0.25:
            return self.dice.choice(self.shared)
        n = next(self.numbers)
        words = f"w{n}a w{n}b w{n}c w{n}d"
        self.shared.append(words)
        return words

    def variant(self, is_email: bool) -> Variant:
        """New content."""
        if is_email:
            return Variant(payload={"subject": self.words(), "content": f"<p>{self.words()}</p>"})
        return Variant(payload={"message": self.words()}, task_note=self.words())

    def step(self, day: int) -> Content:
        """A new step."""
        if self.dice.random() < 0.6:
            letters = "ab" if self.dice.random() < 0.4 else "a"
            return Content(type="email", day=day, variants={letter: self.variant(True) for letter in letters})
        priority = self.dice.choice([None, Priority.HIGH])
        return Content(type="linkedin_message", day=day, priority=priority, variants={"a": self.variant(False)})

    def free(self, taken: set[int]) -> int:
        """A day that is not taken."""
        return self.dice.choice([day for day in range(1, 15) if day not in taken])

    def run(self) -> tuple[Trial, DesiredSequence]:
        """Apply the first file, then change both; the account, and the file as it is now."""
        steps: dict[str, Content] = {}
        for name in ("one", "two", "three", "four")[: self.dice.randint(1, 4)]:
            steps[name] = self.step(self.free({row.day for row in steps.values()}))
        self.shared.clear()
        bench = trial(self.folder, desired(steps=steps), OTHER)
        new = self.file(dict(steps))
        sequence = bench.manager.state.sequences["trial"].id
        for _ in range(self.dice.randint(0, 4)):
            self.edit(bench, sequence)
        return bench, new

    def file(self, steps: dict[str, Content]) -> DesiredSequence:
        """What the file says now."""
        moved: dict[str, str] = {}
        removed: list[str] = []
        for name in list(steps):
            what = self.dice.choice(
                ["stay"] * 4 + ["words"] * 3 + ["day"] * 2 + ["drop", "rename", "remove", "variant"]
            )
            old = steps[name]
            if what == "words":
                letter = self.dice.choice(list(old.variants))
                steps[name] = old.model_copy(update={"variants": {**old.variants, letter: self.variant(old.is_email)}})
            elif what == "day":
                day = self.free({row.day for row in steps.values()})
                steps[name] = old.model_copy(update={"day": day})
            elif what == "rename":
                steps[f"{name}-new"] = steps.pop(name)
                moved[name] = f"{name}-new"
            elif what in ("drop", "remove"):
                del steps[name]
                removed += [name] if what == "remove" else []
            elif what == "variant" and old.is_email:
                letters = (
                    {**old.variants, "b": self.variant(True)} if "b" not in old.variants else {"a": old.variants["a"]}
                )
                steps[name] = old.model_copy(update={"variants": letters})
        if self.dice.random() < 0.3:
            steps["more"] = self.step(self.free({row.day for row in steps.values()}))
        fields: dict[str, Any] = {"moved": moved, "removed": tuple(removed)}
        if self.dice.random() < 0.2:
            return desired("demo", "Trial", steps=steps, formerly="trial", **fields)
        return desired("trial", "Trial", steps=steps, **fields)

    def edit(self, bench: Trial, sequence: str) -> None:
        """Make one random edit in Saleshandy."""
        rows = bench.account.kept[sequence]
        days = {row.day or 0 for row in rows}
        what = self.dice.choice(["words"] * 4 + ["day"] * 2 + ["switch", "lose", "unmanaged", "variant", "priority"])
        if what == "unmanaged":
            self.add(bench, sequence, self.step(self.free(days)))
            return
        if not rows:
            return
        row = self.dice.choice(rows)
        place = self.dice.randrange(len(row.variants))
        if what == "lose":
            rows.remove(row)
        elif what == "day":
            self.put(bench, sequence, replace(row, day=self.free(days)))
        elif what == "priority" and row.type != EMAIL:
            self.put(bench, sequence, replace(row, priority=self.dice.choice(list(Priority))))
        elif what == "variant" and row.type == EMAIL and len(row.variants) < 3:
            made = RemoteVariant(f"made{next(self.numbers)}", self.variant(True).payload, "", (), 1)
            self.put(bench, sequence, replace(row, variants=(*row.variants, made)))
        elif what in ("words", "switch"):
            new = self.variant(row.type == EMAIL)
            changed = replace(row.variants[place], payload=new.payload, task_note=new.task_note)
            if what == "switch":
                changed = replace(row.variants[place], status=0)
            variants = (*row.variants[:place], changed, *row.variants[place + 1 :])
            self.put(bench, sequence, replace(row, variants=variants))

    def add(self, bench: Trial, sequence: str, content: Content) -> None:
        """A step made by hand."""
        name = f"hers{next(self.numbers)}"
        variants = tuple(
            RemoteVariant(f"{name}-{letter}", row.payload, row.task_note) for letter, row in content.variants.items()
        )
        step = RemoteStep(name, content.type, day=content.day, variants=variants)
        bench.account.kept[sequence].append(full(step, {"variants": [{} for _ in variants]}))

    def put(self, bench: Trial, sequence: str, step: RemoteStep) -> None:
        """The step as it is now."""
        bench.account.change(sequence, step.id, lambda _: step)


def shown(plan: Plan) -> dict[Field, list[str]]:
    """How a plan shows each edited field, once for each time: shown, recorded, in conflict or overwritten."""
    ways: dict[Field, list[str]] = {}
    for row in plan.drift:
        for each in row.fields or [None]:
            ways.setdefault((row.address, each.field if each else f"{row.kind} {row.remote_id}"), []).append("shown")
    for change in plan.changes:
        letter = change.address.split(".")[-1]
        if change.reason is Reason.DRIFT and change.call and "status" in change.call.body:
            ways.setdefault((change.address, f"variants.{letter}.status"), []).append("overwritten")
        for each in change.fields:
            place = (change.address, each.field)
            if change.action is Action.RECORD:
                ways.setdefault(place, []).append("recorded")
            elif change.reason is Reason.CONFLICT and change.action is Action.BLOCKED and each.app is not None:
                own = each.field.startswith("variants.") == (len(change.address.split(".")) == 3)
                ways.setdefault(place, []).extend(["conflict"] if own and "shown" not in ways.get(place, []) else [])
            elif change.reason in (Reason.DRIFT, Reason.CONFLICT):
                ways.setdefault(place, []).append("overwritten")
    return ways
