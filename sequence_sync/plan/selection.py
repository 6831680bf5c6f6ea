"""Selection: which changes `-target`, `-exclude` and `-changed-since` choose. Pure; must not drop what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sequence_sync.diagnostics import did_you_mean
from sequence_sync.errors import UsageError
from sequence_sync.model.address import Address, check_pattern, matches
from sequence_sync.plan.model import Action, Change, Reason

MOST_NAMES = 10  # in a note
_ADDRESS_HINT = "Write SEQUENCE, SEQUENCE.STEP or SEQUENCE.STEP.VARIANT; * matches anything."


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of addresses. Without targets everything is chosen; an exclude takes precedence over a target.

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

    def check(
        self, known: Iterable[Address], unknown: str = "Neither your files nor the state have this address."
    ) -> None:
        """Raise UsageError for a pattern that is invalid, or that matches none of the addresses `known`.

        `unknown` says where the addresses come from.
        """
        if not self.targets and not self.excludes:
            return
        addresses = list(known)
        for option, patterns in (("-target", self.targets), ("-exclude", self.excludes)):
            for pattern in patterns:
                try:
                    check_pattern(pattern)
                except ValueError as error:
                    raise UsageError(
                        f"{option} {pattern}: not a valid address.", str(error) + ".", _ADDRESS_HINT
                    ) from None
                if not any(matches(pattern, address) for address in addresses):
                    raise UsageError(
                        f"{option} {pattern} matches nothing.",
                        unknown,
                        did_you_mean(pattern, (str(a) for a in addresses)) or _ADDRESS_HINT,
                    )

    def takes(self, change: Change) -> bool:
        """Whether `change` itself is chosen."""
        return self.takes_all or self._takes(_addresses(change))

    def takes_address(self, address: Address) -> bool:
        """Whether `address` is chosen."""
        return self.takes_all or self._takes([address])

    def _takes(self, addresses: Sequence[Address]) -> bool:
        if self.only is not None and addresses[0].sequence not in self.only:
            return False
        if any(matches(pattern, address) for pattern in self.excludes for address in addresses):
            return False
        return not self.targets or any(matches(pattern, address) for pattern in self.targets for address in addresses)


def _addresses(change: Change) -> list[Address]:
    """Return the addresses of `change`. A new step has all its variants: naming one of them names the step."""
    addresses = [change.address]
    if change.after and Action.CREATE_STEP in (change.action, change.wanted):
        addresses += [change.address.child(letter) for letter in change.after.variants]
    return addresses


def select(changes: Sequence[Change], selection: Selection) -> list[Change]:
    """Return the chosen changes, and what they need.

    A step needs its sequence (created, adopted, moved, or forgotten if it is gone), or whatever blocks that.
    """
    if selection.takes_all:
        return list(changes)
    taken = {id(change) for change in changes if selection.takes(change)}
    needed = {change.sequence for change in changes if id(change) in taken}
    providing = {Action.CREATE_SEQUENCE, Action.ADOPT, Action.MOVE}
    renamed = {(change.sequence, change.step) for change in changes if id(change) in taken}

    def is_needed(change: Change) -> bool:
        if change.step is not None and change.action is Action.MOVE and (change.sequence, change.step) in renamed:
            return True
        forgets = change.action is Action.FORGET and change.reason is Reason.GONE
        if change.step is not None or change.sequence not in needed:
            return False
        if not forgets and not providing & {change.action, change.wanted}:
            return False
        address = Address(change.sequence)
        return not any(matches(pattern, address) for pattern in selection.excludes)

    return [change for change in changes if id(change) in taken or is_needed(change)]


def left_out_note(selection: Selection, keys: Iterable[str], changes: Iterable[Change]) -> tuple[str, ...]:
    """Say how many sequences are left out as unchanged, and which of them differ from the last apply anyway.

    `keys` are the sequences that have files; `changes` are the changes of all sequences.
    """
    if selection.only is None:
        return ()
    differing = {change.sequence for change in changes} - selection.only
    left = {*keys, *differing} - selection.only
    if not left:
        return ()
    are = "sequence is" if len(left) == 1 else "sequences are"
    note = f"{len(left)} {are} not part of this plan: unchanged since {selection.since}."
    if not differing:
        return (note,)
    names = ", ".join(sorted(differing)[:MOST_NAMES]) + (", ..." if len(differing) > MOST_NAMES else "")
    return (f"{note} These differ from the last apply anyway: {names}.",)
