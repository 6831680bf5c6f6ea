"""Every spelling of a time in the rate-limit headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_doubles import iso, javascript, rfc

from sequence_sync.provider.rate_limit import RateLimitInfo, parse_rate_limit, retry_after

WALL = 1_795_500_000.0  # a whole second


@pytest.mark.parametrize(
    ("reset", "latest", "slack"),
    [
        (iso(WALL + 12.345), 12.345, 0.0),
        (iso(WALL + 12.345).replace("Z", "+00:00"), 12.345, 0.0),
        (str(int((WALL + 12.345) * 1000)), 12.345, 0.0),
        (f"{WALL + 12.25:.2f}", 12.25, 0.0),
        ("12.5", 12.5, 0.0),
        ("12", 12.0, 1.0),
        ("0", 0.0, 1.0),
        (javascript(WALL + 12), 13.0, 2.0),
        (javascript(WALL + 12).replace(" (Coordinated Universal Time)", ""), 13.0, 2.0),
        (rfc(WALL + 12), 13.0, 2.0),
        (str(int(WALL + 12)), 13.0, 2.0),
        (iso(WALL - 5), 0.0, 0.0),
    ],
)
def test_reads_a_reset(reset: str, latest: float, slack: float) -> None:
    """A reset is never too early, and where whole seconds were told the doubt is told too."""
    told = parse_rate_limit({"x-ratelimit-reset": reset}, WALL)
    assert told.reset_in == pytest.approx(latest, abs=2e-3)
    assert told.slack == slack


def test_reads_a_zone_of_javascript() -> None:
    """A date printed in another zone is the same moment."""
    here = javascript(WALL + 3600 + 5).replace("GMT+0000 (Coordinated Universal Time)", "GMT+0100 (CET)")
    assert parse_rate_limit({"x-ratelimit-reset": here}, WALL).reset_in == pytest.approx(6.0)


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "NaN", "1e400", "9" * 400, "Tue Foo 99 2026 10:00:00 GMT+0000"])
def test_believes_no_nonsense(nonsense: str) -> None:
    """What is no time is no figure."""
    headers = {"x-ratelimit-reset": nonsense, "retry-after": nonsense, "x-ratelimit-remaining": nonsense}
    assert parse_rate_limit(headers, WALL) == RateLimitInfo()
    assert retry_after(headers, WALL, limited=True) is None


def test_believes_no_far_away_time() -> None:
    """A reset in another year is a mistake, not a reason to wait for it."""
    assert parse_rate_limit({"x-ratelimit-reset": iso(WALL + 400 * 86_400)}, WALL).reset_in is None


def test_reads_counts() -> None:
    """Where several layers tell their figures the smallest one counts."""
    told = parse_rate_limit({"x-ratelimit-remaining": "280, 19", "x-ratelimit-limit": "20"}, WALL)
    assert (told.remaining, told.limit) == (19, 20)


def test_a_wrong_clock_does_not_matter() -> None:
    """Where our clock is an hour off, times are taken from the server's own date."""
    headers = {"date": rfc(WALL), "x-ratelimit-reset": iso(WALL + 12.5)}
    away, here = parse_rate_limit(headers, WALL + 3600), parse_rate_limit(headers, WALL + 0.5)
    assert (away.reset_in, away.slack) == (pytest.approx(12.5, abs=2e-3), 1.0)
    assert (here.reset_in, here.slack) == (pytest.approx(12.0, abs=2e-3), 0.0)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "13"}, 13.0),
        ({"retry-after": rfc(WALL + 13)}, 14.0),
        ({"retry-after": "13", "x-ratelimit-reset": iso(WALL + 12.345)}, 12.345),
        ({"retry-after": "30", "x-ratelimit-reset": iso(WALL + 12.345)}, 30.0),
        ({"retry-after": "13", "x-ratelimit-reset": rfc(WALL + 12)}, 13.0),
        ({"x-ratelimit-reset": iso(WALL + 12.345)}, 12.345),
    ],
)
def test_reads_the_wait(headers: dict[str, str], wait: float) -> None:
    """An exact reset is believed before the rounded seconds that say the same, and nothing else is."""
    assert retry_after(headers, WALL, limited=True) == pytest.approx(wait, abs=2e-3)


@given(st.floats(0, 3600), st.sampled_from([iso, javascript, rfc, lambda wall: str(int(wall))]))
def test_never_too_early(seconds: float, spell: object) -> None:
    """Whatever way a server spells its reset, nobody goes before it, and not more than two seconds after."""
    told = parse_rate_limit({"x-ratelimit-reset": spell(WALL + seconds)}, WALL)  # type: ignore[operator]
    assert told.reset_in is not None
    assert seconds - 1e-6 <= told.reset_in <= seconds + 2.001


@given(st.text(max_size=40))
def test_any_text_is_read(text: str) -> None:
    """No header breaks the reading."""
    parse_rate_limit({"x-ratelimit-reset": text, "x-ratelimit-remaining": text, "date": text}, WALL)
    retry_after({"retry-after": text}, WALL, limited=True)


def test_the_end_of_a_window_asks_nothing_by_itself() -> None:
    """Every answer tells it; only the rate limit, or `retry-after`, asks to wait."""
    reset = {"x-ratelimit-reset": "2026-11-24T00:01:00.000Z"}
    assert retry_after(reset, WALL, limited=False) is None
    assert retry_after({**reset, "retry-after": "7"}, WALL, limited=False) == pytest.approx(7)
