"""Random files against random edits: each difference is shown, nothing is overwritten unasked, and then it is quiet."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from refresh_random import OTHER, Chance, shown
from support.refresh_bench import Trial

from sequence_sync.model.sequence import DesiredSequence
from sequence_sync.plan.drift import drift_of
from sequence_sync.plan.model import Action, DriftKind, Plan, Reason
from sequence_sync.provider.base import RemoteSequence, SequenceSnapshot


def edits(bench: Trial) -> dict[tuple[str, str], object]:
    """Every field that was changed in Saleshandy, by its remote id, with its text there."""
    entry = bench.manager.state.sequences.get("trial") or bench.manager.state.sequences["demo"]
    app = SequenceSnapshot(RemoteSequence(entry.id, entry.title, False), tuple(bench.account.kept[entry.id]))
    rows = [row for row in drift_of("trial", entry, app) if row.kind is DriftKind.CHANGED]
    return {(row.remote_id or "", each.field): each.after for row in rows for each in row.fields}


def new_address(old: str, file: DesiredSequence) -> str:
    """The new address of what the state has under `old`."""
    _, step, *rest = old.split(".")
    return ".".join((file.key, file.moved.get(step, step), *rest))


def check(bench: Trial, file: DesiredSequence, plan: Plan) -> None:
    """Each difference is shown, in one way."""
    entry = bench.manager.state.sequences["trial"]
    app = SequenceSnapshot(RemoteSequence(entry.id, entry.title, False), tuple(bench.account.kept[entry.id]))
    ways = shown(plan)
    for row in drift_of("trial", entry, app):
        if row.kind is DriftKind.CHANGED:
            for each in row.fields:
                address = new_address(row.address, file)
                kinds = ways.get((address, each.field), [])
                assert len(set(kinds)) == 1 or is_certain(plan, address, each.after), (row.address, each, kinds)
    shown_ids = {row.remote_id for row in plan.drift} | {change.remote_id for change in plan.changes}
    asked = " ".join(change.advice for change in plan.changes)
    unmanaged = {step.id for step in app.steps or ()} - {row.id for row in entry.steps.values()}
    assert all(name in shown_ids or name in asked for name in unmanaged)


def is_certain(plan: Plan, address: str, value: object) -> bool:
    """Whether a call that goes out over another edit of that variant says the same here."""
    change = next((row for row in plan.to_do if row.address == address and row.reason is Reason.CONFLICT), None)
    return bool(change and change.after and value in change.after.variants[address[-1]].payload.values())


def one(folder: Path, seed: int) -> None:
    """One case; the seed names it."""
    dice = Random(seed)
    bench, file = Chance(folder, dice).run()
    allowed = ("destructive", "drift") if dice.random() < 0.4 else ("destructive",)
    plan, before = bench.look(file, OTHER, allowed=allowed), edits(bench)
    check(bench, file, plan)
    bench.sync(file, OTHER, allowed=allowed)
    if "drift" not in allowed:
        agreed = {change.remote_id for change in plan.changes if change.action is Action.RECORD}
        agreed |= {change.remote_id for change in plan.to_do if change.action is Action.FORGET}
        after = edits(bench)
        steps = {row.id: row for rows in bench.account.kept.values() for row in rows}
        for (remote_id, field), value in before.items():
            still = after.get((remote_id, field)) == value or remote_id in agreed
            assert still or kept(steps, remote_id, field, value), (remote_id, field, value)


def kept(steps: dict[str, object], remote_id: str, field: str, value: object) -> bool:
    """Whether Saleshandy still has this text, at the address that the state has now."""
    texts = [str(row) for row in steps.values()]
    return any(remote_id in text and (str(value) in text or value in ("on", "off", None)) for text in texts)


@pytest.mark.parametrize("seed", range(60))
def test_any_file_against_any_edits(tmp_path: Path, seed: int) -> None:
    """A sample of the long run below."""
    one(tmp_path, seed)


@pytest.mark.long
def test_thousands_of_files_against_thousands_of_edits(tmp_path: Path) -> None:
    """The failing seed is named, and can be run alone above."""
    for seed in range(60, 3000):
        try:
            one(tmp_path / str(seed), seed)
        except Exception as problem:
            raise AssertionError(f"seed {seed}") from problem
