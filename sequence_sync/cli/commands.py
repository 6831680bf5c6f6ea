"""`seqsync state ...` and `seqsync force-unlock`: look at the state and mend it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sequence_sync.cli.commands.opening import opened, read_given
from sequence_sync.cli.options import Door, Duration, format_option
from sequence_sync.errors import UsageProblem
from sequence_sync.model.address import matches, parse_address

if TYPE_CHECKING:
    from sequence_sync.model.fields import Frozen
    from sequence_sync.state.snapshot import State
    from sequence_sync.workspace import Workspace


@click.group()
def state() -> None:
    """Look at the state, and mend it."""


def _state_of(workspace: Workspace) -> State:
    replayed = workspace.read()
    if replayed is None:
        raise UsageProblem(
            "There is no state yet.",
            f"{workspace.backend().describe()} is not there.",
            "The first `seqsync apply` makes it.",
        )
    return replayed.state


@state.command("list")
@click.argument("patterns", nargs=-1, metavar="[ADDR]...")
@click.pass_obj
def list_(door: Door, patterns: tuple[str, ...]) -> None:
    """List what is managed: addresses and ids."""
    rows = [
        (address, remote_id)
        for address, remote_id in _state_of(opened(door)).addresses()
        if not patterns or any(matches(_pattern(pattern), parse_address(address)) for pattern in patterns)
    ]
    if patterns and not rows:
        raise UsageProblem("Nothing in the state has such an address.", ", ".join(patterns))
    for address, remote_id in rows:
        door.console.result(f"{address}\t{remote_id}")


def _pattern(text: str) -> str:
    from sequence_sync.model.address import check_pattern

    try:
        return check_pattern(text)
    except ValueError as error:
        raise UsageProblem("This is not an address.", f"{error}.") from None


def _entry(state: State, key: str, step: str = "", letter: str = "", *more: str) -> Frozen | None:
    sequence = state.sequences.get(key)
    if sequence is None or more:
        return None
    found = sequence.steps.get(step)
    if found is None or not letter:
        return found if step else sequence
    return found.variants.get(letter)


@state.command()
@click.argument("address")
@click.pass_obj
def show(door: Door, address: str) -> None:
    """Show one entry as JSON."""
    found = _entry(_state_of(opened(door)), *address.split("."))
    if found is None:
        raise UsageProblem("Nothing in the state has this address.", address, "See: seqsync state list")
    door.console.document(
        json.dumps(found.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )


@state.command()
@click.pass_obj
def pull(door: Door) -> None:
    """Print the whole state, journal included."""
    from sequence_sync.state.codec import encode

    door.console.document(encode(_state_of(opened(door))).decode())


@state.command()
@click.argument("address", required=False)
@format_option("text", "json")
@click.option("-limit", type=click.IntRange(min=1), metavar="N", help="Only the last N runs.")
@click.pass_obj
def history(door: Door, address: str | None, format_name: str, limit: int | None) -> None:
    """Tell who did what, and when; newest last."""
    from sequence_sync.bygone import history_of
    from sequence_sync.render.history import blocks, history_json, history_text

    found = history_of(opened(door), address)
    runs = blocks(found.lines)[-(limit or 0) :]
    if format_name == "json":
        door.console.document(history_json(runs, found.unknown))
    else:
        door.console.result(history_text(runs, found.unknown, _local, door.color).rstrip("\n"))


def _local(at: str) -> str:
    """A time in UTC as the clock on the wall shows it, with its offset."""
    from datetime import datetime

    return datetime.fromisoformat(at).astimezone().isoformat(" ", "seconds")


@state.command()
@click.argument("source")
@click.argument("target")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def mv(door: Door, source: str, target: str, lock_timeout: int) -> None:
    """Give an entry another key. Nothing changes in Saleshandy."""
    from sequence_sync.mending import move_entry

    move_entry(opened(door), source, target, lock_timeout, door.stop.event)
    door.console.result(f"{source} is {target} now. To undo it: seqsync state mv {target} {source}")


@state.command()
@click.argument("address")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def rm(door: Door, address: str, lock_timeout: int) -> None:
    """Forget an entry. It stays in Saleshandy; the next plan may want to create it again."""
    from sequence_sync.mending import remove_entry

    backup = remove_entry(opened(door), address, lock_timeout, door.stop.event)
    door.console.result(f"{address} is forgotten. To undo it: seqsync state push -force {backup}")


@state.command()
@click.argument("file")
@click.option("-force", is_flag=True, help="Also an older state, or one of another lineage.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def push(door: Door, file: str, force: bool, lock_timeout: int) -> None:
    """Put a state in the place of the one that is there."""
    from sequence_sync.mending import push_state

    serial = push_state(opened(door), read_given(file, "The state"), file, force, lock_timeout, door.stop.event)
    door.console.result(f"The state is {file} now (serial {serial}).")


@state.command()
@click.argument("address")
@click.option("-adopt", metavar="ID", help="It is this one.")
@click.option("-recreate", is_flag=True, help="It was not made: the next plan creates it.")
@click.option("-lock-timeout", type=Duration(), default="0s", metavar="TIME", help="Wait so long for the lock.")
@click.pass_obj
def resolve(door: Door, address: str, adopt: str | None, recreate: bool, lock_timeout: int) -> None:
    """Say what became of a create that nobody else can know."""
    from sequence_sync.mending import resolve as resolve_entry

    if bool(adopt) == recreate:
        raise UsageProblem("Say which of the two it is.", "-adopt ID: it is there; -recreate: it was not made.")
    door.console.result(resolve_entry(opened(door), address, adopt, lock_timeout, door.stop.event))


@click.command("force-unlock")
@click.argument("lock_id", metavar="ID")
@click.pass_obj
def force_unlock(door: Door, lock_id: str) -> None:
    """Take the lock away from a run that is gone."""
    opened(door).backend().force_unlock(lock_id)
    door.console.result("Unlocked. The next apply treats what that run left open as unknown.")
