"""`-target`, `-exclude` and `-changed-since`: which changes of a plan are asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sequence_sync.diagnostics import did_you_mean
from sequence_sync.errors import UsageError
from sequence_sync.model.address import Address, check_pattern, matches, parse_address
from sequence_sync.plan.model import Action, Change, Reason

MOST_NAMES = 10  # in a note


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of addresses. No targets: everything; what an exclude names is out in any case.

    `only` are the keys of the sequences that changed since the commit `since`; None: all sequences.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    only: frozenset[str] | None = None
    since: str = ""

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out."""
        return not self.targets and not self.excludes and self.only is None

    def check(self, known: Iterable[str]) -> None:
        """Raises UsageError for a pattern that is none, or that matches no address in files or state."""
        addresses = [parse_address(text) for text in known]
        for option, patterns in (("-target", self.targets), ("-exclude", self.excludes)):
            for pattern in patterns:
                try:
                    check_pattern(pattern)
                except ValueError as error:
                    raise UsageError(f"{option} {pattern}: this is not an address.", str(error) + ".") from None
                if not any(matches(pattern, address) for address in addresses):
                    raise UsageError(
                        f"{option} {pattern} matches nothing.",
                        "Neither the files nor the state have such an address. "
                        + did_you_mean(pattern, (str(a) for a in addresses)),
                    )

    def takes(self, change: Change) -> bool:
        """Whether `change` itself is asked for."""
        return self._takes(_addresses(change))

    def takes_address(self, text: str) -> bool:
        """Whether what has the address `text` is asked for."""
        return self._takes([parse_address(text)])

    def _takes(self, addresses: Sequence[Address]) -> bool:
        if self.only is not None and addresses[0].sequence not in self.only:
            return False
        if any(matches(pattern, address) for pattern in self.excludes for address in addresses):
            return False
        return not self.targets or any(matches(pattern, address) for pattern in self.targets for address in addresses)


def _addresses(change: Change) -> list[Address]:
    """What `change` is about. A step comes with all its variants at once: who names one of them names the step."""
    addresses = [parse_address(change.address)]
    if change.after and Action.CREATE_STEP in (change.action, change.wanted):
        addresses += [parse_address(f"{change.address}.{letter}") for letter in change.after.variants]
    return addresses


def select(changes: Sequence[Change], selection: Selection) -> list[Change]:
    """The changes asked for; a step brings what its sequence needs to be there (create, adopt, move, the end of one
    that is gone), or what blocks that."""
    if selection.takes_all:
        return list(changes)
    taken = {id(change) for change in changes if selection.takes(change)}
    needed = {change.sequence for change in changes if id(change) in taken}
    bringing = {Action.CREATE_SEQUENCE, Action.ADOPT, Action.MOVE}
    renamed = {(change.sequence, change.step) for change in changes if id(change) in taken}

    def brought(change: Change) -> bool:
        if change.step is not None and change.action is Action.MOVE and (change.sequence, change.step) in renamed:
            return True
        ends = change.action is Action.FORGET and change.reason is Reason.GONE
        if change.step is not None or change.sequence not in needed:
            return False
        if not ends and not bringing & {change.action, change.wanted}:
            return False
        address = Address(change.sequence)
        return not any(matches(pattern, address) for pattern in selection.excludes)

    return [change for change in changes if id(change) in taken or brought(change)]


def left_out_note(selection: Selection, keys: Iterable[str], changes: Iterable[Change]) -> tuple[str, ...]:
    """Tells how many sequences are left out as unchanged, and which of them differ all the same. `keys` are those that
    have files, `changes` those of all."""
    if selection.only is None:
        return ()
    differing = {change.sequence for change in changes} - selection.only
    left = {*keys, *differing} - selection.only
    if not left:
        return ()
    are = "sequence is" if len(left) == 1 else "sequences are"
    told = f"{len(left)} {are} not part of this plan: unchanged since {selection.since}."
    if not differing:
        return (told,)
    names = ", ".join(sorted(differing)[:MOST_NAMES]) + (", ..." if len(differing) > MOST_NAMES else "")
    return (f"{told} Of these, not yet as their files say: {names}.",)
