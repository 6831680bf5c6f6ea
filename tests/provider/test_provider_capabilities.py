"""What the API can do, and the source of each claim."""

from __future__ import annotations

from sequence_sync.model.settings import Claim
from sequence_sync.provider.capabilities import CAPABILITIES, RETURNED


def test_every_claim_about_the_api_names_its_source() -> None:
    rows = [*CAPABILITIES, *RETURNED]
    assert all(row.source for row in rows)
    assert {row.claim for row in rows} - {None} == set(Claim)
