"""Two applied sequences that are edited by hand in Saleshandy, for the tests of an apply after a refresh."""

from __future__ import annotations

from dataclasses import replace

from support.build import call, desired, email, message
from support.refresh_bench import Trial, full

from sequence_sync.model.sequence import Content, DesiredSequence
from sequence_sync.provider.base import RemoteStep, RemoteVariant

STEPS: dict[str, Content] = {
    "one": email(1, "First", "<p>The first mail of them</p>"),
    "two": email(3, "Second", "<p>The second mail of them</p>", b="Another way of it"),
    "task": message(4, "A message about something"),
}
OTHER = desired("other", "Other", steps={"call": call(2, "Ask about the numbers")})


def files(**steps: Content | None) -> tuple[DesiredSequence, DesiredSequence]:
    """Both sequences, the steps of the first one changed; None takes one out."""
    rows = {key: row for key, row in {**STEPS, **steps}.items() if row is not None}
    return desired(steps=rows), OTHER


def remote_id(bench: Trial, step: str) -> str:
    """Return a step's id in Saleshandy."""
    return bench.manager.state.sequences["trial"].steps[step].id


def the_sequence(bench: Trial) -> str:
    """Return the sequence's id in Saleshandy."""
    return bench.manager.state.sequences["trial"].id


def edit(bench: Trial, step: str, place: int | None = None, **fields: object) -> None:
    """Change a step by hand, or one of its variants; a payload adds to the one there."""

    def changed(row: RemoteStep) -> RemoteStep:
        if place is None:
            return replace(row, **fields)
        rows = list(row.variants)
        new = dict(fields)
        if "payload" in new:
            new["payload"] = {**rows[place].payload, **new["payload"]}  # type: ignore[dict-item]
        rows[place] = replace(rows[place], **new)
        return replace(row, variants=tuple(rows))

    bench.account.change(the_sequence(bench), remote_id(bench, step), changed)


def lose(bench: Trial, step: str) -> RemoteStep:
    """Delete a step by hand."""
    rows = bench.account.kept[the_sequence(bench)]
    gone = next(row for row in rows if row.id == remote_id(bench, step))
    rows.remove(gone)
    return gone


def found(bench: Trial, content: Content) -> None:
    """Create a step by hand."""
    rows = tuple(
        RemoteVariant(f"found-{letter}", row.payload, row.task_note) for letter, row in content.variants.items()
    )
    step = RemoteStep("found", "email", day=content.day, variants=rows)
    sent = {"variants": [{} for _ in rows]}
    bench.account.kept[the_sequence(bench)].append(full(step, sent))
