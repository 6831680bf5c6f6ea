"""What of a change the provider's API can do. Pure. The claims about the API are the dialect's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sequence_sync.model.settings import Claim
from sequence_sync.plan.model import Action, Change, FieldChange
from sequence_sync.provider.base import WHOLE, Capability, Dialect


@dataclass(frozen=True, slots=True)
class Abilities:
    """The capabilities of a provider, without those that the settings switch off."""

    dialect: Dialect
    off: Collection[Claim]

    @property
    def reads_days(self) -> bool:
        """Return whether a read returns the day of a step."""
        return any(row.field == "day" and row.claim not in self.off for row in self.dialect.returned)

    def split(self, change: Change) -> tuple[Change | None, Change | None]:
        """Return the part of `change` that a call can do, and the part that none can. Judges each field by itself."""
        if change.action not in CALLING:
            return change, None
        claimed = (row for row in self.dialect.capabilities if row.claim is None or row.claim not in self.off)
        rows = [row for row in claimed if row.action == change.action]
        if not change.fields:
            field = "status" if change.action is Action.UPDATE_VARIANT else WHOLE
            return (change, None) if _able(change, field, rows) else (None, change)
        able = tuple(field for field in change.fields if _able(change, _name(field), rows))
        unable = tuple(field for field in change.fields if field not in able)
        return _with(change, able), _with(change, unable)


# Actions that need a call. The others change only the state.
CALLING = frozenset(
    {
        Action.CREATE_SEQUENCE,
        Action.CREATE_STEP,
        Action.CREATE_VARIANT,
        Action.UPDATE_VARIANT,
        Action.UPDATE_STEP,
        Action.DEACTIVATE_VARIANT,
    }
)


def _with(change: Change, fields: tuple[FieldChange, ...]) -> Change | None:
    return change.model_copy(update={"fields": fields}) if fields else None


def _name(field: FieldChange) -> str:
    """`variants.a.payload.subject` is about the payload."""
    return field.field.of_variant or field.field


def _able(change: Change, field: str, rows: Collection[Capability]) -> bool:
    kind = change.after.type if change.after else None
    return any(row.field == field and (kind is None or kind in row.types) for row in rows)
