"""Gates: what a plan may do only after somebody has said so. Pure.

The gates stand in the plan, open or shut, so that they are reviewed with it; apply refuses a plan with a shut one.
Knows nothing of options: `cli` checks the names that a user writes against `GATES`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sequence_sync.model.settings import Policy
from sequence_sync.planning.plan import UPDATES, Action, Change, Gate

DESTRUCTIVE = "destructive"
DRIFT = "drift"
SIZE = "size"
ACTIVE = "active"
GATES = (DESTRUCTIVE, DRIFT, SIZE, ACTIVE)

MOST_NAMES = 5


def gates_for(
    changes: Iterable[Change], drifted: bool, active: Collection[str], policy: Policy, allowed: Collection[str]
) -> tuple[Gate, ...]:
    """The gates that `changes` meet, in the order of `GATES`; a gate that nothing meets is not there.

    `drifted`: the changes overwrite what somebody edited in the app. `active`: keys of the sequences known to be
    sending. `allowed`: the gates that `-allow` opened.
    """
    told = dict(_met(list(changes), drifted, active, policy))
    return tuple(
        Gate(name=name, allowed=name in allowed, detail=f"{told[name]} {_override(name, name in allowed)}")
        for name in GATES
        if name in told
    )


def _override(name: str, allowed: bool) -> str:
    return f"Opened by `-allow {name}`." if allowed else f"If that is meant, plan with `-allow {name}`."


def _met(changes: list[Change], drifted: bool, active: Collection[str], policy: Policy) -> Iterator[tuple[str, str]]:
    switched_off = [c.address for c in changes if c.action is Action.DEACTIVATE_VARIANT]
    if switched_off:
        yield DESTRUCTIVE, f"The plan switches off {_counted(switched_off, 'variant')}: {_names(switched_off)}."
    if drifted:
        yield DRIFT, "The plan overwrites what somebody changed in Saleshandy."
    # A step with several changed variants is one step: the policy speaks of steps.
    rewritten = dict.fromkeys(
        f"{c.sequence}.{c.step}" for c in changes if c.action in UPDATES or c.action is Action.DEACTIVATE_VARIANT
    )
    if len(rewritten) > policy.max_changed_steps:
        limit = f"`max_changed_steps` in seqsync.yaml allows {policy.max_changed_steps}"
        yield SIZE, f"The plan changes {_counted(rewritten, 'existing step')}; {limit}."
    sending = dict.fromkeys(c.sequence for c in changes if c.calls and c.sequence in active)
    if sending:
        yield ACTIVE, f"The plan writes to {_counted(sending, 'active sequence')}: {_names(sending)}."


def _counted(things: Collection[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _names(addresses: Collection[str]) -> str:
    shown = list(addresses)[:MOST_NAMES]
    more = len(addresses) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
